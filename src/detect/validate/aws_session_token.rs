//! The structure of AWS session tokens: base64 of a version byte, `0x0a`, a length, and a name that STS is known to
//! write there. What follows has no documented length.

/// The names that known tokens start with, after their length byte.
const NAMES: [&[u8]; 4] = [b"origin_ec", b"origin", b"er/aws", b"aws"];

/// Shorter runs are no tokens: with the shortest of the known prefixes, a token of a bare role session has more than
/// 200 characters; the pattern of the reference asks for 60 after the prefix.
pub(crate) const MIN_LEN: usize = 72;

/// Longer runs are blobs. STS promises no limit, but tokens travel in HTTP headers, whose limits lie far below.
pub(crate) const MAX_LEN: usize = 64 * 1024;

/// Whether a base64 run starts as a session token does.
pub(crate) fn has_known_prefix(run: &[u8]) -> bool {
    let Some(start) = run.get(..16) else { return false };
    let mut decoded = [0; 12];
    for (four, three) in start.chunks_exact(4).zip(decoded.chunks_exact_mut(3)) {
        let Some(bits) =
            four.iter().try_fold(0u32, |bits, byte| Some((bits << 6) | sextet(*byte)?))
        else {
            return false;
        };
        three.copy_from_slice(&bits.to_be_bytes()[1..]);
    }
    let length = usize::from(decoded[2]);
    decoded[1] == 0x0a
        && NAMES.iter().any(|name| {
            name.len() == length && decoded[3..].starts_with(&name[..name.len().min(9)])
        })
}

/// The six bits that a character of the standard base64 alphabet stands for.
pub(crate) fn sextet(byte: u8) -> Option<u32> {
    match byte {
        b'A'..=b'Z' => Some(u32::from(byte - b'A')),
        b'a'..=b'z' => Some(u32::from(byte - b'a') + 26),
        b'0'..=b'9' => Some(u32::from(byte - b'0') + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_prefix_is_taken() {
        for prefix in [
            "AQoDYXdz",
            "FQoDYXdz",
            "FQoGZXIvYXdz",
            "FwoGZXIvYXdz",
            "IQoJb3JpZ2luX2Vj",
            "AgoJb3JpZ2luX2Vj",
            "AgoGb3JpZ2lu",
        ] {
            assert!(has_known_prefix(format!("{prefix}EJrandomrest").as_bytes()), "{prefix}");
        }
    }

    #[test]
    fn documentation_fakes_and_other_base64_are_not() {
        for other in
            ["AQoEXAMPLEH4aoAH0gNCAPyJxz4Bl", "AQoXdzELDDY", "eyJhbGciOiJIUzI1NiJ9abc", "IQoJ"]
        {
            assert!(!has_known_prefix(other.as_bytes()), "{other}");
        }
    }
}
