//! `.betterleaksignore`: SHA-256 digests of values, plain or keyed; what betterleaks 1 wrote there, fingerprints as in
//! `.gitleaksignore`, is read, too.

use super::carry::Carry;
use super::digest::Digest;
use super::hex;
use super::list::{ForeignList, Scope};
use super::{Problem, gitleaks_ignore};
use crate::model::secret::Secret;

/// The variable that holds the key of keyed digests.
pub const KEY_VARIABLE: &str = "BETTERLEAKS_FINGERPRINT_HMAC_KEY";

/// Reads the file; `key` is that of its keyed digests, without which such a line is an error: betterleaks does not scan
/// then either.
pub(super) fn parse(
    text: &str,
    key: Option<&Secret>,
    list: &mut ForeignList,
) -> Result<(), Problem> {
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            add(line, number, key, list).map_err(|problem| (number, problem))?;
        }
    }
    Ok(())
}

fn add(
    line: &str,
    number: u64,
    key: Option<&Secret>,
    list: &mut ForeignList,
) -> Result<(), String> {
    if line.contains(':') && !line.starts_with("hmac-sha256:") {
        return gitleaks_ignore::add(line, number, list);
    }
    let (digest, is_keyed) = match line.strip_prefix("hmac-sha256:") {
        Some(digest) => (digest, true),
        None => (line, false),
    };
    let digest = hex(digest).ok_or("expected a SHA-256 digest of 64 hexadecimal digits")?;
    let digest = if is_keyed {
        let key =
            key.ok_or_else(|| format!("the digest is keyed: set {KEY_VARIABLE} to its key"))?;
        list.set_key(key.clone());
        Digest::Hmac(digest)
    } else {
        Digest::Sha256(digest)
    };
    let number = list.push(number, "the value of this digest", None, Carry::credentials());
    list.mark_general(number);
    list.of_digest(number, digest, Scope::Anywhere);
    Ok(())
}
