//! Findings: one credential in one blob, with all its parts, places and reasons.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::blob::Origin;
use super::history::History;
use super::layer::Layer;
use super::notebook::CellPlace;
use super::secret::{Excerpt, Secret};
use super::span::{Position, Span};

/// The identifier of a rule, such as `aws-access-key-id`. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(Arc<str>);

impl RuleId {
    /// Takes an identifier as it stands in a rule file.
    pub fn new(id: &str) -> Self {
        Self(Arc::from(id))
    }

    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How much harm a finding means if it is what it seems to be. Independent of [`Confidence`].
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// No harm now, worth knowing: an expired credential.
    Info,
    /// Of little use by itself: a temporary key ID.
    Low,
    /// A lead or half a credential: a long-term key ID, a temporary pair without its token.
    Medium,
    /// Usable, or usable with one guess: a secret access key, a whole temporary credential.
    High,
    /// Usable as it stands, until someone revokes it: a long-term pair.
    Critical,
}

impl Severity {
    /// All severities, mildest first.
    pub const ALL: [Self; 5] = [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The name used on the command line, in rules and in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How sure keylint is that a finding is what it says.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// The shape fits, nothing beside it speaks for it.
    Low,
    /// The shape fits and something beside it speaks for it.
    Medium,
    /// Shape and context leave little doubt.
    High,
}

impl Confidence {
    /// All confidences, lowest first.
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    /// The name used on the command line and in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a part of a credential is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PartKind {
    /// The identifier half of an access key.
    AccessKeyId,
    /// The secret half of an access key.
    SecretAccessKey,
    /// The token that goes with temporary keys.
    SessionToken,
    /// A credential that has one part only.
    Token,
}

impl PartKind {
    /// The field's term for it.
    pub fn describe(self) -> &'static str {
        match self {
            Self::AccessKeyId => "access key ID",
            Self::SecretAccessKey => "secret access key",
            Self::SessionToken => "session token",
            Self::Token => "token",
        }
    }
}

/// One reason for or against a finding, in words for a reader, such as "named `aws_secret_access_key`".
///
/// May quote names and words of the scanned text, never a credential's bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Evidence(String);

impl Evidence {
    /// A reason in words. `detect::score` and `detect::pair` are the places that make them.
    pub fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }

    /// The words. They may quote scanned text: escape them before showing them on a terminal.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A part of a credential at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it is.
    pub kind: PartKind,
    /// Its bytes.
    pub value: Secret,
    /// Where its bytes lie in the original blob.
    pub span: Span,
    /// Where it starts.
    pub start: Position,
    /// The position after its last character.
    pub end: Position,
    /// What speaks for or against it.
    pub evidence: Vec<Evidence>,
    /// The line it stands in.
    pub excerpt: Excerpt,
    /// What was undone to see it, the outermost layer first; empty for what stands in clear.
    pub decoded: Vec<Layer>,
    /// Its bytes as they stand in the line, where that is not in clear.
    pub raw: Option<Secret>,
    /// Where it stands in a notebook.
    pub cell: Option<CellPlace>,
    /// The number of the copy that it belongs to, where the credential stands in the blob more than once; `None` for a
    /// copy that nobody asks about, as one that was there before the change that is scanned.
    pub copy: Option<u32>,
}

/// Whether a finding is a leak or only looks like one.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Class {
    /// A credential, as far as can be told without trying it.
    Leak,
    /// A documentation example, a placeholder, an emulator's or an encrypted value.
    Example,
}

/// What to do instead, for the place a finding stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// The kind of place, in kebab case: `terraform`, `browser-code`, ...
    pub place: String,
    /// What to do instead there.
    pub instead: String,
    /// Where that is documented.
    pub link: String,
    /// What to do about the leaked key, in order.
    pub steps: Vec<String>,
}

/// Identity of a finding across runs: rule, keyed hash of the secret, path. It holds no line, no offset and no commit,
/// so it survives moves and edits elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// The key separates keylint's hashes from those of other programs over the same values. It is public: what keeps
    /// a value from being guessed is its own 80 bits (key ID) or 240 bits (secret), not the key.
    const KEY: &'static [u8] = b"keylint fingerprint v1";

    /// Hashes the fields, each with its length before it, to 128 bits of HMAC-SHA-256.
    fn of(fields: &[&[u8]]) -> Self {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(Self::KEY).expect("HMAC takes a key of any length");
        for field in fields {
            mac.update(&(field.len() as u64).to_le_bytes());
            mac.update(field);
        }
        let digest = mac.finalize().into_bytes();
        let mut half = [0; 16];
        half.copy_from_slice(&digest[..16]);
        Self(half)
    }

    /// The identity of a finding: its rule, the bytes that are kept secret, and the path that scopes it (`/` between
    /// components whatever the platform).
    pub fn of_finding(rule: &RuleId, secret: &Secret, scope: &[u8]) -> Self {
        Self::of(&[rule.as_str().as_bytes(), secret.expose(), scope])
    }

    /// The identity of a credential wherever it stands: equal for copies in several files.
    pub fn of_credential(secret: &Secret) -> Self {
        Self::of(&[secret.expose()])
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// One credential in one blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule that names what was found.
    pub rule: RuleId,
    /// Harm.
    pub severity: Severity,
    /// Certainty.
    pub confidence: Confidence,
    /// Leak or example.
    pub class: Class,
    /// Identity of this credential in this path.
    pub fingerprint: Fingerprint,
    /// Identity of this credential anywhere.
    pub credential: Fingerprint,
    /// The AWS account number embedded in the key ID, 12 digits, where it can be read off.
    pub account: Option<String>,
    /// The blob it stands in.
    pub origin: Arc<Origin>,
    /// Its parts, in order of position; a part that stands at several places of the blob is listed once for each.
    /// Never empty.
    pub parts: Vec<Part>,
    /// Remarks on the whole credential: "a root key file", "looks like a canary token: do not test it".
    pub notes: Vec<Evidence>,
    /// What to do instead.
    pub advice: Advice,
    /// Where it stands in a history, if one was scanned; the finding's own place is then one of these.
    pub history: Option<History>,
}

impl Finding {
    /// The first part, whose place is the finding's place.
    ///
    /// # Panics
    /// Never for a finding made by keylint: a finding has at least one part.
    pub fn primary(&self) -> &Part {
        self.parts.first().expect("a finding has at least one part")
    }

    /// The copies of the credential in the blob that are asked about, by their numbers.
    pub fn copies(&self) -> BTreeSet<u32> {
        self.parts.iter().filter_map(|part| part.copy).collect()
    }

    /// The part that tells this credential from others, which its identities are made from: its kind and its value.
    pub fn identity(&self) -> (PartKind, &Secret) {
        let is_key = |part: &&Part| Fingerprint::of_credential(&part.value) == self.credential;
        let part = self.parts.iter().find(is_key).unwrap_or(self.primary());
        (part.kind, &part.value)
    }

    /// The first place of each part, and all further places of the same values, both in order of position.
    pub fn places(&self) -> (Vec<&Part>, Vec<&Part>) {
        let mut first: Vec<&Part> = Vec::new();
        let mut further = Vec::new();
        for part in &self.parts {
            if first.iter().any(|known| known.kind == part.kind && known.value == part.value) {
                further.push(part);
            } else {
                first.push(part);
            }
        }
        (first, further)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_depend_on_each_field_and_its_boundary() {
        let secret = Secret::new(*b"abc");
        let one = Fingerprint::of_finding(&RuleId::new("r"), &secret, b"x/y");
        assert_eq!(one, Fingerprint::of_finding(&RuleId::new("r"), &secret, b"x/y"));
        assert_ne!(one, Fingerprint::of_finding(&RuleId::new("r"), &secret, b"x/z"));
        assert_ne!(one, Fingerprint::of_finding(&RuleId::new("ra"), &Secret::new(*b"bc"), b"x/y"));
        assert_eq!(one.to_string().len(), 32);
    }
}
