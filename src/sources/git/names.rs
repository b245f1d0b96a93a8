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
    // Every object of a history gets a name, and formatting takes several times as long.
    let mut path = String::with_capacity(PROVISIONAL.len() + 40 + 1 + rest.len());
    path.push_str(PROVISIONAL);
    id.push_to(&mut path, 40);
    path.push('>');
    path.push_str(rest);
    path.into()
}

/// The blob that a path names provisionally, and the rest of the path: within an archive.
pub fn provisional(path: &Path) -> Option<(ObjectId, &str)> {
    let (id, rest) = path.to_str()?.strip_prefix(PROVISIONAL)?.split_once('>')?;
    Some((ObjectId(parse_id(id.as_bytes())?), rest))
}

/// What an object is called that stands nowhere.
pub(super) fn name(kind: Kind, id: ObjectId) -> PathBuf {
    let what = match kind {
        Kind::Commit => "<message of commit ",
        Kind::Tag => "<message of tag ",
        Kind::Blob | Kind::Tree => "<blob ",
    };
    let mut name = String::with_capacity(what.len() + SHORT + 1);
    name.push_str(what);
    id.push_to(&mut name, SHORT);
    name.push('>');
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_of_ids_and_taken_apart() {
        let id = ObjectId([0xa5; 20]);
        let path = provisional_path(id, "member");
        assert_eq!(path, PathBuf::from(format!("<object {id}>member")));
        assert_eq!(provisional(&path), Some((id, "member")));
        let named = [Kind::Commit, Kind::Tag, Kind::Blob].map(|kind| name(kind, id));
        let expected = ["message of commit", "message of tag", "blob"];
        assert_eq!(named, expected.map(|what| PathBuf::from(format!("<{what} a5a5a5a5a5a5>"))));
    }
}
