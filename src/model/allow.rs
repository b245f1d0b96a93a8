//! An `[[allow]]` entry, as its author means it: `config` reads it, `suppress` goes by it.

use jiff::civil::Date;
use regex::bytes::{Regex, RegexBuilder};

/// How large a pattern for values may become when it is compiled, in bytes.
pub const PATTERN_LIMIT: usize = 1 << 20;

/// Findings to which all conditions of an entry apply are known and accepted. It has at least one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allow {
    /// The line of the file that it begins in, from 1.
    pub line: u64,
    /// The rule's identifier.
    pub rule: Option<String>,
    /// A pattern in `.gitignore` syntax for the path, known to be one, that does not start with `!`.
    pub path: Option<String>,
    /// The finding's fingerprint or the credential's, in hex.
    pub fingerprint: Option<String>,
    /// The account, 12 digits.
    pub account: Option<String>,
    /// A regular expression that a part's whole value matches, known to be one that [`whole_value`] can compile.
    pub value: Option<String>,
    /// How the id of the commit begins, with seven or more digits in hex.
    pub commit: Option<String>,
    /// Why.
    pub reason: String,
    /// Whose it is.
    pub owner: Option<String>,
    /// The last day on which it holds.
    pub expires: Option<Date>,
}

/// Compiles a pattern to one of the whole value. An error is that it is none, or larger than [`PATTERN_LIMIT`].
pub fn whole_value(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(&format!(r"\A(?:{pattern})\z")).size_limit(PATTERN_LIMIT).build()
}
