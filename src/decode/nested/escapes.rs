//! Backslash escapes: JSON and JavaScript, C and its kin, the continuation of a line.
//!
//! JSON in JSON doubles every backslash, once for each level. Whatever their number, the backslashes before an escape
//! are taken as one: what stands behind them is what somebody wrote.

use super::units::Unit;

/// More backslashes than this in a row are no escape.
const MOST: usize = 64;

/// Spaces that a continued line may start with.
const INDENT: usize = 200;

/// The escape whose first backslash stands at `at`.
pub(super) fn unit(text: &[u8], at: usize) -> Option<Unit> {
    let slashes = text[at..].iter().take(MOST).take_while(|byte| **byte == b'\\').count();
    let rest = &text[at + slashes..];
    let one = |byte: u8| Some(Unit::byte(slashes + 1, byte));
    match *rest.first()? {
        b'n' => one(b'\n'),
        b'r' => one(b'\r'),
        b't' => one(b'\t'),
        quoted @ (b'/' | b'"' | b'\'' | b'`' | b'=' | b'+' | b':') => one(quoted),
        b'\n' => Some(Unit::nothing(slashes + 1 + indent(&rest[1..]))),
        b'\r' if rest.get(1) == Some(&b'\n') => {
            Some(Unit::nothing(slashes + 2 + indent(&rest[2..])))
        }
        b'x' => byte(slashes + 1, rest.get(1..3)?, 16),
        b'u' if rest.get(1) == Some(&b'{') => {
            let close = rest.iter().take(9).position(|byte| *byte == b'}')?;
            character(slashes + close + 1, &rest[2..close])
        }
        b'u' => character(slashes + 5, rest.get(1..5)?),
        b'U' => character(slashes + 9, rest.get(1..9)?),
        b'0'..=b'3' => byte(slashes, rest.get(..3)?, 8),
        b'4'..=b'7' => byte(slashes, rest.get(..2)?, 8),
        _ => None,
    }
}

fn indent(line: &[u8]) -> usize {
    line.iter().take(INDENT).take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    let all = digits.iter().all(|digit| char::from(*digit).is_digit(radix));
    u32::from_str_radix(std::str::from_utf8(digits).ok().filter(|_| all)?, radix).ok()
}

fn byte(before: usize, digits: &[u8], radix: u32) -> Option<Unit> {
    let value = u8::try_from(number(digits, radix)?).ok()?;
    Some(Unit::byte(before + digits.len(), value))
}

fn character(len: usize, digits: &[u8]) -> Option<Unit> {
    Some(Unit::character(len, char::from_u32(number(digits, 16)?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_many_languages() {
        let is = |written: &str, text: &str| {
            let unit = unit(written.as_bytes(), 0).expect(written);
            assert_eq!((unit.len, unit.text()), (written.len(), text.as_bytes()), "{written}");
        };
        is(r"\/", "/");
        is(r"\\\/", "/");
        is(r"\u002F", "/");
        is(r"\\u002b", "+");
        is(r"\x2f", "/");
        is(r"\057", "/");
        is(r"\53", "+");
        is(r"\u{2F}", "/");
        is(r"\U0000002F", "/");
        is(r"\u00e9", "é");
        is("\\\n   ", "");
        is("\\\r\n\t", "");
        for other in [r"\d", r"\", r"\u12", r"\u{zz}", r"\xg0", r"\ud800", r"\8", r"\u+123"] {
            assert_eq!(unit(other.as_bytes(), 0), None, "{other}");
        }
    }
}
