//! Expiry times that stand beside temporary credentials: `"Expiration": "2026-01-01T00:00:00Z"`.

use std::ops::Range;

/// How far after a value its expiry is looked for, in bytes: a session token may stand between.
const AFTER: usize = 4 * 1024;
/// How far before it.
const BEFORE: usize = 1024;
/// How many names are tried on each side; more of them are no sign of one's being meant.
const TRIES: usize = 8;
/// Between the name and the time stand quotes and an operator, no more.
const GAP: usize = 16;

/// The expiry nearest to `value`, after it or else before it: as written, and in seconds since 1970.
pub(crate) fn beside(text: &[u8], value: &Range<usize>) -> Option<(String, i64)> {
    let after = &text[value.end..text.len().min(value.end + AFTER)];
    let before = &text[value.start.saturating_sub(BEFORE)..value.start];
    let next =
        memchr::memmem::find_iter(after, b"xpir").take(TRIES).find_map(|at| time_after(after, at));
    next.or_else(|| {
        let mut last = memchr::memmem::rfind_iter(before, b"xpir").take(TRIES);
        last.find_map(|at| time_after(before, at))
    })
}

/// The time that follows the name around `at`.
fn time_after(text: &[u8], at: usize) -> Option<(String, i64)> {
    let rest = &text[at..];
    let name =
        rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    let gap = rest[name..].iter().take(GAP).position(u8::is_ascii_digit)?;
    let time = &rest[name + gap..];
    let len = time.iter().take(40).take_while(|byte| b"0123456789-:.TZ+".contains(byte)).count();
    let written = std::str::from_utf8(&time[..len]).ok()?;
    let parsed: jiff::Timestamp = written.parse().ok()?;
    Some((written.to_owned(), parsed.as_second()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiry_beside_a_value() {
        let text = br#"{"AccessKeyId": "@", "Expiration": "2021-03-04T05:06:07Z"}"#;
        let at = text.iter().position(|byte| *byte == b'@').unwrap();
        let (written, seconds) = beside(text, &(at..at + 1)).unwrap();
        assert_eq!((written.as_str(), seconds), ("2021-03-04T05:06:07Z", 1_614_834_367));
        let before = b"x_security_token_expires = 2021-03-04T05:06:07+00:00\nkey = @";
        assert_eq!(beside(before, &(before.len() - 1..before.len())).unwrap().1, 1_614_834_367);
        assert_eq!(beside(b"expired: no, @ 2021", &(13..14)), None);
    }
}
