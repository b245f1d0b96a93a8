//! What objects are called that are not known by a path: by their ids.

use std::path::{Path, PathBuf};

use super::attribution::parse_id;
use super::pack::Kind;
use crate::model::blob::ObjectId;

/// Digits of an object id that people get to see.
pub(super) const SHORT: usize = 12;

const PROVISIONAL: &str = "<object ";

/// What an object is called until it is looked up where it stands.
pub(super) fn provisional_name(kind: Kind, id: ObjectId) -> PathBuf {
    match kind {
        Kind::Blob => provisional_path(id, ""),
        _ => name(kind, id),
    }
}

/// A path that [`provisional`] takes apart.
pub fn provisional_path(id: ObjectId, rest: &str) -> PathBuf {
    format!("{PROVISIONAL}{id}>{rest}").into()
}

/// The blob that a path names provisionally, and the rest of the path: within an archive.
pub fn provisional(path: &Path) -> Option<(ObjectId, &str)> {
    let (id, rest) = path.to_str()?.strip_prefix(PROVISIONAL)?.split_once('>')?;
    Some((ObjectId(parse_id(id.as_bytes())?), rest))
}

/// What an object is called that stands nowhere.
pub(super) fn name(kind: Kind, id: ObjectId) -> PathBuf {
    match kind {
        Kind::Commit => format!("<message of commit {id:.SHORT$}>"),
        Kind::Tag => format!("<message of tag {id:.SHORT$}>"),
        Kind::Blob | Kind::Tree => format!("<blob {id:.SHORT$}>"),
    }
    .into()
}
