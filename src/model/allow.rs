//! An `[[allow]]` entry, as its author means it: `config` reads it, `suppress` goes by it.

use jiff::civil::Date;

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
    /// A regular expression, known to be one, that a part's whole value matches.
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
