//! `[[allow]]` entries as they are written: their keys, and what may stand behind each.
//!
//! A file may have ten thousand of them, mostly written by a machine. So those at its end that are written as simply as
//! TOML allows are read line by line, see [`plain`]; whatever else there is goes through the TOML parser, which also has
//! the word on what is wrong.

use std::ops::Range;

use regex_syntax::ast;
use toml::de::DeValue;

use super::tables::{Key, Mistake, Table, Value, expectation, is_account, start_of, unknown};
use super::values::Glob;
use crate::model::allow::{Allow, PATTERN_LIMIT, whole_value};

const KEYS: [&str; 9] =
    ["rule", "path", "fingerprint", "account", "value", "commit", "reason", "owner", "expires"];

/// Reads an entry. `span` is where it stands, and `line` says in which line an offset lies.
pub(super) fn read(
    entry: &Table<'_>,
    span: Range<usize>,
    line: &dyn Fn(usize) -> u64,
) -> Result<Allow, Mistake> {
    let mut allow = Allow { line: line(start_of(entry, &span)), ..Allow::default() };
    for (key, value) in entry {
        let name = key.get_ref();
        if !KEYS.contains(&name.as_ref()) {
            return Err(unknown("allow", key, &KEYS));
        }
        set(&mut allow, name, &text(key, value)?)
            .map_err(|expected| expectation("allow", key, value, expected))?;
    }
    match lack(&allow) {
        Some(problem) => Err((span, problem)),
        None => Ok(allow),
    }
}

/// The text of a value; that of a date is a date, too.
fn text(key: &Key<'_>, value: &Value<'_>) -> Result<String, Mistake> {
    let is_date = key.get_ref() == "expires";
    let text = match value.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Datetime(written) if is_date && written.time.is_none() => {
            written.date.map(|date| date.to_string())
        }
        _ => None,
    };
    let expected = if is_date { DATE } else { "must be a string" };
    text.ok_or_else(|| expectation("allow", key, value, expected))
}

const DATE: &str = "must be a date, such as 2027-01-31";

/// Sets what the key of this name, one of [`KEYS`], holds; or else says what it must hold.
fn set(allow: &mut Allow, key: &str, text: &str) -> Result<(), &'static str> {
    let checked = |holds: bool, expected: &'static str| {
        if holds { Ok(text.to_owned()) } else { Err(expected) }
    };
    match key {
        "rule" => allow.rule = Some(checked(is_text(text), "must be a rule's identifier")?),
        "path" => {
            let expected = "must be a pattern in .gitignore syntax, without `!`";
            let is_one = text.parse::<Glob>().is_ok() && !text.starts_with('!');
            allow.path = Some(checked(is_one, expected)?);
        }
        "fingerprint" => {
            let expected = "must be 32 hexadecimal digits, as reports have it";
            allow.fingerprint = Some(checked(text.len() == 32 && is_hex(text), expected)?);
        }
        "account" => {
            let expected = "must be an account's number, 12 digits in quotes";
            allow.account = Some(checked(is_account(text), expected)?);
        }
        "value" => {
            let expected = "must be a regular expression for the whole value";
            let pattern = checked(is_pattern(text), expected)?;
            if !is_surely_small(text) && whole_value(text).is_err() {
                return Err("must be a smaller regular expression: it exceeds 1 MiB when compiled");
            }
            allow.value = Some(pattern);
        }
        "commit" => {
            let expected = "must be the first digits of a commit's id, at least 7";
            let is_one = (7..=64).contains(&text.len()) && is_hex(text);
            allow.commit = Some(checked(is_one, expected)?);
        }
        "reason" => allow.reason = checked(is_text(text), "must say why")?,
        "owner" => allow.owner = Some(checked(is_text(text), "must say whose it is")?),
        "expires" => {
            let date = Some(text).filter(|text| is_date(text)).and_then(|text| text.parse().ok());
            allow.expires = Some(date.ok_or(DATE)?);
        }
        _ => unreachable!("`{key}` is none of KEYS"),
    }
    Ok(())
}

/// What an entry needs and has not.
fn lack(allow: &Allow) -> Option<String> {
    let Allow { rule, path, fingerprint, account, value, commit, .. } = allow;
    let conditions = [rule, path, fingerprint, account, value, commit];
    if conditions.iter().all(|condition| condition.is_none()) {
        let conditions = KEYS[..conditions.len()].join(", ");
        return Some(format!("`allow` needs at least one condition: {conditions}"));
    }
    allow.reason.is_empty().then(|| "`allow` needs a `reason`".into())
}

fn is_text(text: &str) -> bool {
    !text.trim().is_empty()
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_date(text: &str) -> bool {
    let fits = |(at, byte): (usize, u8)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    text.len() == 10 && text.bytes().enumerate().all(fits)
}

/// Also within the group that makes it a pattern of the whole value, which a comment at its end would not let close.
///
/// Only escapes and flags, which can name things that there are not, make a pattern that parses one that cannot be
/// used. Without them to parse it is enough, and half the work: there may be thousands.
fn is_pattern(text: &str) -> bool {
    if !text.contains(['\\', '#']) && !text.contains("(?") {
        return ast::parse::Parser::new().parse(text).is_ok();
    }
    let whole = || regex_syntax::parse(&format!(r"\A(?:{text})\z")).is_ok();
    regex_syntax::parse(text).is_ok() && (!text.contains('#') || whole())
}

/// Whether a pattern cannot exceed [`PATTERN_LIMIT`], however it is read: to compile it takes a thousand times as long as
/// to see that, and most patterns are far from it.
///
/// Only classes that are named by an escape are large, and only a repetition in braces makes anything more than it is
/// written. Spaces that `(?x)` allows in one could hide its number.
fn is_surely_small(text: &str) -> bool {
    /// What a byte of a pattern is compiled to at most, without such classes. A `.` takes 1000 bytes.
    const BYTES_EACH: usize = 1100;
    let is_named = |at: &[u8]| at[0] == b'\\' && at[1].is_ascii_alphanumeric();
    let is_flagged = |group: &str| !group.starts_with(':') && !group.starts_with("i)");
    if text.as_bytes().windows(2).any(is_named) || text.split("(?").skip(1).any(is_flagged) {
        return false;
    }
    let mut size = text.len().saturating_mul(BYTES_EACH);
    for braces in text.split('{').skip(1) {
        let inside = braces.split('}').next().unwrap_or(braces);
        let most = inside.split(',').filter_map(|number| number.trim().parse().ok()).max();
        size = size.saturating_mul(most.unwrap_or(usize::MAX).max(1));
    }
    size <= PATTERN_LIMIT
}

/// The entries at the end of a file, if each line from the first of them on is blank, a comment, a header, or a key with
/// a string that has nothing escaped or a date; and where they begin. `None` if anything is not as simple, or is wrong.
///
/// What stands before them is a file of its own that nothing behind it changes, as long as it is whole: TOML has no way
/// to go on with a table that another header has ended, but by another `[[allow]]`.
pub(super) fn plain(text: &str) -> Option<(usize, Vec<Allow>)> {
    const HEADER: &str = "[[allow]]";
    let is_header = |at: &usize| {
        let behind = text[at + HEADER.len()..].trim_start_matches('\r');
        (*at == 0 || text.as_bytes()[at - 1] == b'\n') && behind.starts_with('\n')
    };
    let start = memchr::memmem::find_iter(text.as_bytes(), HEADER).find(is_header)?;
    let before = memchr::memchr_iter(b'\n', &text.as_bytes()[..start]).count() as u64;
    let mut entries: Vec<Allow> = Vec::new();
    for (number, line) in (before + 1..).zip(text[start..].split('\n')) {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.bytes().any(|byte| (byte < b' ' && byte != b'\t') || byte == 0x7f) {
            return None;
        }
        if line == HEADER {
            if entries.last().is_some_and(|last| lack(last).is_some()) {
                return None;
            }
            entries.push(Allow::default());
        } else if !line.is_empty() && !line.starts_with('#') {
            let (key, value) = line.split_once(' ')?;
            let value = value.strip_prefix("= ")?;
            let allow = entries.last_mut()?;
            if !KEYS.contains(&key) || has(allow, key) {
                return None;
            }
            set(allow, key, plain_value(key, value)?).ok()?;
            if allow.line == 0 {
                allow.line = number;
            }
        }
    }
    let is_whole = entries.last().is_some_and(|last| lack(last).is_none());
    is_whole.then_some((start, entries))
}

/// Whether the key of this name was set before.
fn has(allow: &Allow, key: &str) -> bool {
    match key {
        "rule" => allow.rule.is_some(),
        "path" => allow.path.is_some(),
        "fingerprint" => allow.fingerprint.is_some(),
        "account" => allow.account.is_some(),
        "value" => allow.value.is_some(),
        "commit" => allow.commit.is_some(),
        "reason" => !allow.reason.is_empty(),
        "owner" => allow.owner.is_some(),
        "expires" => allow.expires.is_some(),
        _ => unreachable!("`{key}` is none of KEYS"),
    }
}

/// A value that stands for itself.
fn plain_value<'t>(key: &str, value: &'t str) -> Option<&'t str> {
    if let Some(text) = value.strip_prefix('"') {
        return text.strip_suffix('"').filter(|text| !text.contains(['"', '\\']));
    }
    if let Some(text) = value.strip_prefix('\'') {
        return text.strip_suffix('\'').filter(|text| !text.contains('\''));
    }
    (key == "expires").then_some(value)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::config::schema::Options;

    #[test]
    fn only_what_is_as_simple_as_can_be_is_plain() {
        let entry = "[[allow]]\npath = 'a'\nreason = \"b\"\n";
        let lines = |text: &str| {
            let (start, entries) = plain(text)?;
            Some((start, entries.iter().map(|entry| entry.line).collect::<Vec<_>>()))
        };
        for (text, expected) in [
            (entry.to_owned(), Some((0, vec![2]))),
            (entry.replace('\n', "\r\n"), Some((0, vec![2]))),
            (format!("x = 1\n{entry}# c\n\n{entry}expires = 2027-01-31"), Some((6, vec![3, 8]))),
            (format!("{entry}[accounts]\n"), None),
            (format!("{entry}path = 'a'\n"), None),
            (format!("{entry}[[allow]]\n"), None),
            (entry.replace("'a'", "'''a'''"), None),
            (entry.replace("'a'", "\"a\\\\\""), None),
            (entry.replace("'a'", "7"), None),
            (entry.replace("'a'", "'a' # c"), None),
            (entry.replace("'a'", "'\u{1}'"), None),
            (entry.replace("path", "paths"), None),
            (entry.replace("[[allow]]", " [[allow]]"), None),
        ] {
            assert_eq!(lines(&text), expected, "{text}");
        }
    }

    /// Lines that go together in many ways, right and wrong.
    const LINES: [&str; 22] = [
        "[[allow]]",
        "[[allow]]\npath = \"a\"\nreason = 'b'",
        "[[allow]]\npath = \"a\"\nreason = 'b'",
        "[[allow]]\r\npath = '*.py'\r\nreason = 'b'\r",
        "allow = []",
        "[allow]",
        "threads = 1",
        "exclude = [",
        "]",
        "x = \"\"\"",
        "\"\"\"",
        "x = '''",
        "'''",
        "[rules.x]\nenabled = false",
        "# a comment",
        "",
        "value = 'x+'",
        "account = \"123456789012\"",
        "expires = 2027-01-31",
        "expires = '2027-01-31'",
        "owner = \"é\\n\"",
        "owner = 'me' # and you",
    ];

    const PIECES: [&str; 22] = [
        ".", ".", ".", "[^a]", "(?i)", "k", "é", "[À-ɏ]", "[ -𐀀]", "(", ")", "|", "*", "+?", "?",
        "{9}", "{2,30}", "{0}", "{7,}", "[{]", "\\{", "\\w",
    ];

    #[test]
    fn only_patterns_that_may_be_large_are_compiled() {
        for (text, is_small) in [
            ("AKIA[A-Z2-7]{16}", true),
            ("(?i)[A-Za-z0-9/+]{40}", true),
            ("(?:a|b)\\.c\\+", true),
            ("a{2}b{,3}", true),
            ("a{1,999}", false),
            ("(a{99}){99}", false),
            ("(?x)a{ 9 }", false),
            (r"\w", false),
            (r"a{x", false),
        ] {
            assert_eq!(is_surely_small(text), is_small, "{text}");
        }
        assert!(whole_value(&".".repeat(870)).is_ok() && is_surely_small(&".".repeat(870)));
    }

    proptest! {
        #[test]
        fn what_is_only_parsed_is_a_pattern(text in r"[\]ab09^$.*+?|(){},:&~\[-]{0,9}") {
            let whole = format!(r"\A(?:{text})\z");
            let is_one = regex_syntax::parse(&text).is_ok();
            prop_assert_eq!(is_pattern(&text), is_one);
            prop_assert!(!is_one || regex_syntax::parse(&whole).is_ok());
        }

        /// Each piece alone is among those that take the most bytes for what is written.
        #[test]
        fn what_is_surely_small_compiles(
            pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 1..40),
            times in 1..40_usize,
        ) {
            for text in [pieces.concat(), pieces.concat().repeat(times)] {
                let is_one = is_pattern(&text);
                let is_small = is_one && is_surely_small(&text);
                prop_assert!(!is_small || whole_value(&text).is_ok(), "{}", text);
            }
        }

        /// With a table behind them no entries are plain.
        #[test]
        fn plain_entries_are_read_as_any_others(
            lines in prop::collection::vec(prop::sample::select(&LINES[..]), 0..8),
        ) {
            let text = lines.join("\n");
            let read = |text: &str| Options::parse(Path::new("k"), text).ok();
            prop_assert_eq!(read(&text), read(&format!("{text}\n[accounts]\n")), "{}", text);
        }
    }
}
