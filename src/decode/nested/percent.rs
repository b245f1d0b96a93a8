//! Percent-encoding, also of what is percent-encoded already: `%2F`, `%252F`.

use super::units::Unit;

/// More encodings than this one over the other are none.
const MOST: usize = 16;

/// The encoded byte whose percent sign stands at `at`.
pub(super) fn unit(text: &[u8], at: usize) -> Option<Unit> {
    let levels = text[at + 1..].chunks_exact(2).take(MOST).take_while(|two| *two == b"25").count();
    // `%25` itself stands for a percent sign, if what follows does not make it another encoding.
    (0..=levels).rev().find_map(|level| {
        let digits = at + 1 + 2 * level;
        let byte = hex(text.get(digits..digits + 2)?)?;
        Some(Unit::byte(digits + 2 - at, byte))
    })
}

/// Two hexadecimal digits.
pub(super) fn hex(digits: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let [high, low] = digits else { return None };
    u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_times() {
        let is = |written: &str, byte: u8, len: usize| {
            let unit = unit(written.as_bytes(), 0).expect(written);
            assert_eq!((unit.text(), unit.len), (&[byte][..], len), "{written}");
        };
        is("%2F", b'/', 3);
        is("%2fx", b'/', 3);
        is("%252F", b'/', 5);
        is("%25252B", b'+', 7);
        is("%25 off", b'%', 3);
        is("%25zz", b'%', 3);
        assert_eq!(unit(b"%s", 0), None);
        assert_eq!(unit(b"%2", 0), None);
    }
}
