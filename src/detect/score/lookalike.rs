//! What looks like a 40-character secret and is none, told from the value and its neighbourhood.
//!
//! Shape alone leaves about one run per 40 MB of real code (CREDENTIALS.md, 2.3); these are the rules of 2.5 for what is
//! left and for what a secret's name lets in.

use crate::detect::runs::is_base64_class;
use crate::detect::validate::aws_key_id;
use crate::detect::validate::aws_session_token::sextet;

/// How far a wrapped blob's previous line is searched for, in bytes.
const NEIGHBOUR_REACH: usize = 256;

/// What may stand before the last 40 characters of the local part of an address, in bytes: as much as a whole one may
/// have in mail (RFC 5321, 4.5.3.1.1), since those of message IDs are longer.
const LONGEST_ADDRESS: usize = 64;

/// Whether the value itself rules out an AWS secret: hex, no digit and no symbol, no mixed case, text in base64.
pub(crate) fn value_is_something_else(value: &[u8]) -> bool {
    is_hex(value) || is_identifier(value) || is_text_in_base64(value)
}

/// All hex digits: a digest. A random key is that with probability 8·10⁻²⁵.
pub(crate) fn is_hex(value: &[u8]) -> bool {
    value.iter().all(u8::is_ascii_hexdigit)
}

/// Letters only: an identifier. A random key is that with probability 3·10⁻⁴.
fn is_identifier(value: &[u8]) -> bool {
    value.iter().all(u8::is_ascii_alphabetic)
}

/// Decodes to at least nine tenths printable ASCII: never seen in 200,000 random keys.
fn is_text_in_base64(value: &[u8]) -> bool {
    let mut printable = 0;
    let mut decoded = 0;
    for four in value.chunks_exact(4) {
        let bits = four.iter().fold(0, |bits, byte| (bits << 6) | sextet(*byte).unwrap_or(0));
        for byte in &bits.to_be_bytes()[1..] {
            decoded += 1;
            printable +=
                usize::from((0x20..0x7f).contains(byte) || matches!(byte, b'\n' | b'\r' | b'\t'));
        }
    }
    decoded > 0 && printable * 10 >= decoded * 9
}

/// Known beginnings of other things: `OpenPGP` signature bodies, reCAPTCHA site keys (which have exactly 40
/// characters), base64 of `{"` and of PEM armour.
pub(crate) fn has_foreign_prefix(value: &[u8]) -> bool {
    const PREFIXES: [&[u8]; 7] = [b"iQEz", b"iQIz", b"iQEc", b"6Le", b"6Lc", b"eyJ", b"LS0t"];
    PREFIXES.iter().any(|prefix| value.starts_with(prefix))
}

/// An integrity string or digest: `sha512-`, `sha256:`, `md5-` right before the value.
pub(crate) fn is_integrity(before: &[u8]) -> bool {
    let tail = &before[before.len().saturating_sub(8)..];
    let folded = tail.to_ascii_lowercase();
    [&b"sha1"[..], b"sha256", b"sha384", b"sha512", b"md5"].iter().any(|name| {
        [b'-', b':', b'='].iter().any(|mark| folded.ends_with(&[*name, &[*mark]].concat()))
    })
}

/// A stretch of URL-safe base64 or another longer token that only happens to be cut here: the value is glued with `-`,
/// `_` or `.` to more of the same on either side, or follows on the padding of another.
pub(crate) fn is_glued(before: &[u8], after: &[u8]) -> bool {
    let glues = |byte: &u8| matches!(byte, b'-' | b'_' | b'.');
    let left = before.last().is_some_and(glues)
        && before.len() >= 2
        && is_base64_class(before[before.len() - 2])
        && !ends_with_key_id(&before[..before.len() - 1]);
    let right =
        after.first().is_some_and(glues) && after.get(1).is_some_and(|byte| is_base64_class(*byte));
    left || right || before.ends_with(b"==")
}

/// The end of what stands before the `@` of a message ID or an address, `<…=VALUE@mail.example>`, which some mailers
/// make of base64. In the address of a server a secret stands behind a colon.
pub(crate) fn is_of_message_id(before: &[u8], after: &[u8]) -> bool {
    let names = |byte: &&u8| is_base64_class(**byte) || matches!(byte, b'=' | b'-' | b'_' | b'.');
    let is_of_address = matches!(after, [b'@', host, ..] if host.is_ascii_alphanumeric());
    let len = before.iter().rev().take(LONGEST_ADDRESS).take_while(names).count();
    is_of_address
        && len > 0
        && before[..before.len() - len].ends_with(b"<")
        && !ends_with_key_id(&before[..before.len() - 1])
}

/// `ID-SECRET`, as dumps of stolen keys have it.
fn ends_with_key_id(before: &[u8]) -> bool {
    let Some((rest, id)) = before.split_last_chunk::<{ aws_key_id::LEN }>() else { return false };
    (id.starts_with(b"AKIA") || id.starts_with(b"ASIA"))
        && id.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        && !rest.last().is_some_and(u8::is_ascii_alphanumeric)
}

/// The last line of a wrapped base64 blob: what stands before the value, but for a line end, quotes and joints, is a
/// longer line of the same characters.
pub(crate) fn is_blob_tail(before: &[u8]) -> bool {
    let near = &before[before.len().saturating_sub(NEIGHBOUR_REACH)..];
    let joints = near.iter().rev().take_while(|byte| is_joint(**byte)).count();
    let (mut rest, joints) = near.split_at(near.len() - joints);
    let mut wraps = joints.contains(&b'\n');
    // `\n` written out: the escape's letter belongs to the joint.
    while let [head @ .., b'\\', b'n' | b'r'] = rest {
        let joints = head.iter().rev().take_while(|byte| is_joint(**byte)).count();
        rest = &head[..head.len() - joints];
        wraps = true;
    }
    wraps && rest.iter().rev().take_while(|byte| is_base64_class(**byte)).count() > 40
}

fn is_joint(byte: u8) -> bool {
    matches!(
        byte,
        b'\n'
            | b'\r'
            | b' '
            | b'\t'
            | b'"'
            | b'\''
            | b','
            | b'\\'
            | b'#'
            | b'*'
            | b';'
            | b'>'
            | b'|'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::placeholder::expand;

    #[test]
    fn values_that_are_something_else() {
        assert!(value_is_something_else(b"da39a3ee5e6b4b0d3255bfef95601890afd80709"));
        assert!(value_is_something_else(b"DescribeReservedInstancesOfferingsRequest"));
        assert!(value_is_something_else(
            &[&b"VGhpcyBpcyBhIHBsYWlu"[..], b"IHRleHQsIG5vdCBhIGtl"].concat()
        ));
        assert!(!value_is_something_else(b"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"));
    }

    #[test]
    fn neighbourhoods() {
        assert!(is_integrity(b"  \"integrity\": \"sha512-"));
        assert!(!is_integrity(b"aws_secret_access_key = \""));
        assert!(is_glued(b"eyJhbGciOi.eyJzdWIi.", b""));
        assert!(is_glued(b" ", b"-abc"));
        assert!(is_glued(b"\"====", b"\""));
        assert!(!is_glued(b"key=", b"\n"));
        assert!(!is_glued(b" - ", b". Then"));
    }

    #[test]
    fn ends_of_message_ids() {
        let (id, _) = expand("<{{aws-access-key-id:1}}=");
        assert!(!is_of_message_id(id.as_bytes(), b"@mail.example>"));
        for (before, after) in [("see <CA+x1y2z=", "@mail.example>"), ("<a.b-c_", "@x")] {
            assert!(is_of_message_id(before.as_bytes(), after.as_bytes()), "{before}{after}");
        }
        for (before, after) in [
            ("<", "@mail.example>"),
            ("<s3://{{id}}:", "@bucket"),
            ("<key=x:", "@bucket"),
            ("<CA+x1y2z=", ">"),
            ("<CA+x1y2z=", "@"),
            ("<key = ", "@bucket"),
            ("CA+x1y2z=", "@mail.example"),
        ] {
            assert!(!is_of_message_id(before.as_bytes(), after.as_bytes()), "{before}{after}");
        }
    }

    #[test]
    fn tails_of_wrapped_blobs() {
        let line = "QUJD/+xz".repeat(8);
        assert!(is_blob_tail(format!("{line}\n").as_bytes()));
        assert!(is_blob_tail(format!("    \"{line}\" \\\n    \"").as_bytes()));
        assert!(is_blob_tail(format!("key: {line}\\n").as_bytes()));
        assert!(!is_blob_tail(
            b"aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = "
        ));
        assert!(
            !is_blob_tail(line.as_bytes()),
            "glued to the value means one run, which is no candidate"
        );
        assert!(!is_blob_tail(format!("{line}','").as_bytes()), "a row of a table");
        let column = "x".repeat(40);
        assert!(!is_blob_tail(format!("{column}\n").as_bytes()));
    }
}
