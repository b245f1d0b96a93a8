//! Two bytes for one: hexadecimal digits, and ASCII in 16 bits a character.

use super::map::{Map, Scale};
use super::percent::hex;
use super::{Decoded, is_text};

/// How far around a probe's hit is decoded, in bytes to each side.
const REACH: usize = super::LONGEST;

/// Digits at the start of a run that decide whether it is text.
const HEAD: usize = 32;

/// Whether the digits at the start of `run` stand for text or for gzip.
pub(super) fn starts_well(run: &[u8]) -> bool {
    let mut head = [0; HEAD / 2];
    let mut len = 0;
    for two in run[..run.len().min(HEAD)].chunks_exact(2) {
        match hex(two) {
            Some(byte) if byte < 0x80 || head.starts_with(b"\x1f") => head[len] = byte,
            _ => return false,
        }
        len += 1;
    }
    head.starts_with(b"\x1f\x8b\x08") || is_text(&head[..len])
}

/// Decodes the hexadecimal digits around `at`, where a pair starts.
pub(super) fn decode_hex(text: &[u8], at: usize) -> Decoded {
    decode(text, at, hex)
}

/// Decodes the characters around `at`, where one starts.
pub(super) fn decode_utf16(text: &[u8], at: usize) -> Decoded {
    decode(text, at, |pair| {
        let [character, 0] = pair else { return None };
        let is_text = character.is_ascii_graphic() || character.is_ascii_whitespace();
        is_text.then_some(*character)
    })
}

fn decode(text: &[u8], at: usize, of_pair: impl Fn(&[u8]) -> Option<u8>) -> Decoded {
    let low = at.saturating_sub(REACH);
    let before = text[low..at].rchunks_exact(2).take_while(|pair| of_pair(pair).is_some()).count();
    let start = at - 2 * before;
    let high = text.len().min(at + REACH);
    let decoded: Vec<u8> = text[start..high].chunks_exact(2).map_while(&of_pair).collect();
    let mut map = Map::default();
    map.push(start, decoded.len(), Scale::Pairs);
    Decoded { range: start..start + 2 * decoded.len(), text: decoded, map }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_any_pair_on() {
        let text = b"x 68656c6c6f20776f726C64 y";
        for at in (2..24).step_by(2) {
            let decoded = decode_hex(text, at);
            assert_eq!((decoded.range, &decoded.text[..]), (2..24, &b"hello world"[..]), "{at}");
        }
        let wide = b"\x01h\0e\0y\0\0\0";
        let decoded = decode_utf16(wide, 3);
        assert_eq!((decoded.range, &decoded.text[..]), (1..7, &b"hey"[..]));
    }

    #[test]
    fn heads_of_text_and_of_digests() {
        assert!(starts_well(b"6177735f6163636573735f6b65795f6964203d20"));
        assert!(!starts_well(b"da39a3ee5e6b4b0d3255bfef95601890afd80709"));
        assert!(!starts_well(b"0000000000000000000000000000000000000000"));
    }
}
