//! A possible part of a credential, with everything that was seen of it and beside it.
//!
//! Candidates are made while a window of the blob is at hand; everything after that (pairing, grading, reporting)
//! works from what is kept here.

use crate::detect::context::names::{Name, Role, Strength};
use crate::detect::score::placeholder::Reason;
use crate::detect::score::shape::Shape;
use crate::detect::validate::aws_key_id::Form;
use crate::model::layer::Layer;
use crate::model::notebook::CellPlace;
use crate::model::secret::{Excerpt, Secret};
use crate::model::span::{Position, Span};

/// What a candidate is a candidate for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An AWS access key ID.
    KeyId {
        /// `ASIA` rather than `AKIA`.
        temporary: bool,
        /// What its characters say.
        form: Form,
        /// Letters that form words.
        word_like: bool,
    },
    /// A 40-character run.
    SecretKey {
        /// It passes the shape gate; otherwise only a name or an ID beside it makes it a candidate.
        random: bool,
    },
    /// An AWS session token.
    SessionToken,
    /// A match of the pattern rule with this index in the rule set.
    Pattern(usize),
}

impl Kind {
    /// The role in an AWS credential, if it is one of its parts.
    pub(crate) fn role(self) -> Option<Role> {
        match self {
            Self::KeyId { .. } => Some(Role::Id),
            Self::SecretKey { .. } => Some(Role::Secret),
            Self::SessionToken => Some(Role::Token),
            Self::Pattern(_) => None,
        }
    }
}

/// How a value got its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NamedBy {
    /// The name stands beside it.
    Neighbour,
    /// It heads the value's column.
    Column,
    /// It is the file's.
    File,
}

/// The name of a value that is none of a credential's part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OtherName {
    /// It says what else the value is: `etag`, `signature`.
    Telling,
    /// It does not.
    Unknown,
}

/// What stands beside a value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context {
    /// Its name.
    pub(crate) name: Option<(Name, NamedBy)>,
    /// Without such a name: whether it has another.
    pub(crate) other_name: Option<OtherName>,
    /// A word on its line that speaks of AWS.
    pub(crate) aws_word: Option<&'static str>,
    /// The header of its section, if that speaks of AWS.
    pub(crate) aws_section: Option<String>,
    /// The opening line of a block around it, if that speaks of AWS.
    pub(crate) aws_block: Option<String>,
    /// An AWS word stands near, at least.
    pub(crate) aws_near: bool,
    /// Its path is one that is made to hold AWS credentials.
    pub(crate) credential_file: bool,
    /// Another provider's endpoint stands near.
    pub(crate) other_provider: Option<&'static str>,
    /// When the credentials expire, as written, and in seconds since 1970.
    pub(crate) expiration: Option<(String, i64)>,
}

impl Context {
    /// The strength of the name if it names a part of this role.
    pub(crate) fn strength(&self, role: Role) -> Option<Strength> {
        self.name.as_ref().filter(|(name, _)| name.role == role).map(|(name, _)| name.strength)
    }

    /// Whether the section or the file speaks of AWS.
    pub(crate) fn is_placed_for_aws(&self) -> bool {
        self.aws_section.is_some() || self.credential_file
    }

    /// Whether anything but the name speaks of AWS.
    pub(crate) fn speaks_of_aws(&self) -> bool {
        self.aws_word.is_some() || self.is_placed_for_aws()
    }
}

/// What tells a candidate from others of the same role: where it starts, and which of all that start there it is.
/// Several do where something was decoded that has no places of its own, such as a compressed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Spot {
    /// The offset in the original blob.
    pub(crate) start: u64,
    /// The offset in what was decoded from there.
    pub(crate) nth: u64,
}

/// How a value was wrapped.
#[derive(Clone, Debug)]
pub(crate) struct Wrapping {
    /// The layers, the outermost first.
    pub(crate) layers: Vec<Layer>,
    /// The value's bytes as they stand in the blob's text.
    pub(crate) raw: Secret,
}

/// A possible part of a credential.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    /// What it may be.
    pub(crate) kind: Kind,
    /// Where it lies in the original blob.
    pub(crate) span: Span,
    /// Its identity.
    pub(crate) spot: Spot,
    /// How it was wrapped, if it was.
    pub(crate) wrapping: Option<Wrapping>,
    /// Where it starts.
    pub(crate) start: Position,
    /// The position after it.
    pub(crate) end: Position,
    /// Where it stands in a notebook.
    pub(crate) cell: Option<CellPlace>,
    /// Its bytes.
    pub(crate) value: Secret,
    /// The line it stands in.
    pub(crate) excerpt: Excerpt,
    /// Its statistics.
    pub(crate) shape: Shape,
    /// Why it is no leak, if so.
    pub(crate) placeholder: Option<Reason>,
    /// What stands beside it.
    pub(crate) context: Context,
}
