//! Objects that could not be read, as they are told of.

use std::path::{Path, PathBuf};

use crate::model::coverage::{Problem, ProblemKind};

/// So many objects are named; a ruined repository may have millions.
const NAMED: usize = 1000;

/// An object that could not be read at all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Unread {
    /// The file that it should have been read from; empty if it is nowhere.
    pub(crate) path: PathBuf,
    /// Its id, in hex.
    pub(crate) id: String,
    /// Why.
    pub(crate) message: String,
    /// How many other objects this stands for: they are counted, but not named.
    pub(crate) others: u64,
}

impl Unread {
    pub(super) fn new(id: &[u8; 20], path: &Path, message: String) -> Self {
        use std::fmt::Write;
        let mut hex = String::with_capacity(40);
        for byte in id {
            write!(hex, "{byte:02x}").expect("writing into a string does not fail");
        }
        Self { path: path.to_owned(), id: hex, message, others: 0 }
    }

    /// What a report says of it.
    pub(crate) fn problem(&self) -> Problem {
        let Self { path, id, message, others } = self;
        let more = if *others == 0 {
            String::new()
        } else {
            format!("; {others} other objects could not be read, either")
        };
        Problem {
            path: (!path.as_os_str().is_empty()).then(|| path.clone()),
            kind: ProblemKind::Unreadable,
            message: format!("object {id}: {message}{more}"),
        }
    }
}

/// Sorts them, and names no more than `NAMED`.
pub(super) fn capped(mut unread: Vec<Unread>) -> Vec<Unread> {
    unread.sort_unstable();
    let others = unread.len().saturating_sub(NAMED);
    unread.truncate(NAMED);
    if let Some(last) = unread.last_mut() {
        last.others = others as u64;
    }
    unread
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_counted_and_not_all_named() {
        let one = |number: u32| {
            let mut id = [0; 20];
            id[..4].copy_from_slice(&number.to_be_bytes());
            Unread::new(&id, Path::new("pack"), "corrupt".to_owned())
        };
        let unread = capped((0..2500).rev().map(one).collect());
        assert_eq!(unread.len(), NAMED);
        assert_eq!(unread.iter().map(|unread| 1 + unread.others).sum::<u64>(), 2500);
        assert_eq!(unread[0], one(0));
        let said = unread.last().unwrap().problem().message;
        assert!(
            said.ends_with(": corrupt; 1500 other objects could not be read, either"),
            "{said}"
        );
        assert_eq!(capped(vec![one(7)]), [one(7)]);
    }
}
