//! Where a value is written in pieces, none of which is known by itself: the prefix of a key ID is cut, or a secret has
//! no ID near.

use std::ops::Range;

use super::literals;

/// Text behind a name in which the pieces of its value begin, in bytes.
const BEHIND: usize = 160;

/// How far from a literal [`Piece::stretch`] looks, in bytes to each side.
pub const REACH: usize = BEHIND + literals::SEEN;

/// What a literal may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The end of a key ID.
    Tail,
    /// The start of a key ID.
    Head,
    /// Part of the name of a secret.
    Name,
}

/// Literals to look for. Where they stand alone they say nothing; see [`Piece::stretch`].
///
/// Of names those parts are taken that the search for all literals together can bear: with `ecret_`, say, it goes over
/// source code at half the speed.
pub const PIECES: [(&[u8], Piece); 10] = [
    (b"KIA", Piece::Tail),
    (b"SIA", Piece::Tail),
    (b"\"IA", Piece::Tail),
    (b"'IA", Piece::Tail),
    (b"\nIA", Piece::Tail),
    (b"AKI", Piece::Head),
    (b"ASI", Piece::Head),
    (b"ECRET_", Piece::Name),
    (b"t_access_k", Piece::Name),
    (b"tAccessK", Piece::Name),
];

impl Piece {
    /// The stretch of text in which there are more pieces, if a literal of this kind at `at` is one. It may
    /// end behind the text.
    pub fn stretch(self, text: &[u8], at: usize) -> Option<Range<usize>> {
        let is_quote = |byte: &u8| matches!(byte, b'"' | b'\'' | b'`');
        let of_id = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        let rest = &text[at..];
        let is_piece = match self {
            Self::Tail => {
                let has_edge = !rest[0].is_ascii_alphabetic()
                    || text[..at].last().is_some_and(|byte| {
                        is_quote(byte) || matches!(byte, b'\n' | b' ' | b'\t' | b'+' | b'-')
                    });
                has_edge && rest.get(3).is_some_and(of_id)
            }
            Self::Head => match &rest[3..] {
                [byte, ..] if is_quote(byte) => true,
                [b'=' | b'\\', b'\n', ..] | [b'=' | b'\\', b'\r', b'\n', ..] => true,
                _ => false,
            },
            Self::Name => {
                return literals::has_joint(text, &(at..text.len().min(at + BEHIND)))
                    .then(|| at..at + super::BESIDE);
            }
        };
        is_piece.then(|| super::beside(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_prefixes_and_other_words() {
        let is_piece = |text: &str| {
            PIECES.iter().any(|(literal, piece)| {
                memchr::memmem::find_iter(text.as_bytes(), literal)
                    .any(|at| piece.stretch(text.as_bytes(), at).is_some())
            })
        };
        for text in [
            "\"A\" + \"KIAQ",
            "'AK' + 'IAQ",
            "'ASI' . 'A",
            "AKI=\nA",
            "AK=\nIAQ",
            "A=\r\nSIA2",
            "AKI\\\n    A",
            "secret_access_key = 'abc' + 'def'",
            "SecretAccessKey: \"a\"\n  \"b\"",
        ] {
            assert!(is_piece(text), "{text}");
        }
        for text in
            ["AKIAQ", "BASIC", "NOKIA 3310", "\"IAm", "'BASIS'", "secret_access_key = 'abc', 'def'"]
        {
            assert!(!is_piece(text), "{text}");
        }
    }
}
