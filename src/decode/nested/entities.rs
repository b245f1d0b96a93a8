//! Character references of HTML and XML, also of what holds such references already: `&#47;`, `&amp;#x2F;`.

use super::units::Unit;

/// More references than this one over the other are none.
const MOST: usize = 16;

const NAMES: [(&[u8], char); 14] = [
    (b"amp", '&'),
    (b"quot", '"'),
    (b"apos", '\''),
    (b"lt", '<'),
    (b"gt", '>'),
    (b"sol", '/'),
    (b"plus", '+'),
    (b"equals", '='),
    (b"colon", ':'),
    (b"comma", ','),
    (b"lowbar", '_'),
    (b"nbsp", ' '),
    (b"NewLine", '\n'),
    (b"Tab", '\t'),
];

/// The longest name or number between `&` and `;`.
const LONGEST: usize = 8;

/// The reference whose ampersand stands at `at`.
pub(super) fn unit(text: &[u8], at: usize) -> Option<Unit> {
    let levels =
        text[at + 1..].chunks_exact(4).take(MOST).take_while(|four| *four == b"amp;").count();
    (0..=levels).rev().find_map(|level| {
        let start = at + 1 + 4 * level;
        let rest = text.get(start..)?;
        let len = rest.iter().take(LONGEST + 1).position(|byte| *byte == b';')?;
        Some(Unit::character(start + len + 1 - at, character(&rest[..len])?))
    })
}

fn character(reference: &[u8]) -> Option<char> {
    let number = |digits: &[u8], radix| {
        let digits = std::str::from_utf8(digits).ok()?;
        let all = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
        u32::from_str_radix(digits, radix).ok().filter(|_| all).and_then(char::from_u32)
    };
    match reference {
        [b'#', b'x' | b'X', digits @ ..] => number(digits, 16),
        [b'#', digits @ ..] => number(digits, 10),
        name => NAMES.iter().find(|(known, _)| *known == name).map(|(_, character)| *character),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        let is = |written: &str, text: &str, len: usize| {
            let unit = unit(written.as_bytes(), 0).expect(written);
            assert_eq!((unit.text(), unit.len), (text.as_bytes(), len), "{written}");
        };
        is("&#47;", "/", 5);
        is("&#x2F;a", "/", 6);
        is("&#X2b;", "+", 6);
        is("&sol;", "/", 5);
        is("&amp;", "&", 5);
        is("&amp;#x2F;", "/", 10);
        is("&amp;amp;plus;", "+", 14);
        for other in ["&", "& b;", "&#;", "&#x;", "&unknown;", "&#xD800;"] {
            assert_eq!(unit(other.as_bytes(), 0), None, "{other}");
        }
    }
}
