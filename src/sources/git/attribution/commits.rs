//! The commits of a history: which come first, and what keeps each of them.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::BuildHasher;

use super::groups::{Groups, range};
use super::numbers::Numbers;
use crate::model::history::Reach;
use crate::sources::git::pack::Id;

/// A commit's number, in the order of ids.
pub(super) type Number = u32;

/// A commit as it is written.
pub(crate) struct Written {
    id: Id,
    tree: Id,
    parents: Vec<Id>,
    /// When it was committed, in seconds since 1970.
    pub(super) seconds: i64,
}

impl Written {
    /// Reads the header of a commit; `None` for one that names no tree. Git writes no such commit.
    pub(crate) fn parse(id: Id, data: &[u8]) -> Option<Self> {
        let mut tree = None;
        let mut parents = Vec::new();
        let mut seconds = 0;
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', data).chain([data.len()]) {
            let line = &data[start..end];
            start = end + 1;
            if line.is_empty() {
                break;
            }
            if let Some(hex) = line.strip_prefix(b"tree ") {
                tree = tree.or(parse_id(hex));
            } else if let Some(hex) = line.strip_prefix(b"parent ") {
                parents.extend(parse_id(hex));
            } else if let Some(committer) = line.strip_prefix(b"committer ") {
                seconds = parse_time(committer).unwrap_or(0);
            }
        }
        Some(Self { id, tree: tree?, parents, seconds })
    }

    pub(crate) fn id(&self) -> &Id {
        &self.id
    }

    pub(crate) fn tree(&self) -> &Id {
        &self.tree
    }

    pub(crate) fn parents(&self) -> &[Id] {
        &self.parents
    }
}

/// The object that a tag is a tag of.
pub(crate) fn tagged(tag: &[u8]) -> Option<Id> {
    parse_id(tag.strip_prefix(b"object ")?.get(..40)?)
}

/// Forty digits of hex.
pub(crate) fn parse_id(hex: &[u8]) -> Option<Id> {
    let mut id = [0; 20];
    if hex.len() != 40 {
        return None;
    }
    let mut is_hex = true;
    for (byte, digits) in id.iter_mut().zip(hex.as_chunks::<2>().0) {
        let [first, second] = digits.map(|digit| VALUES[usize::from(digit)]);
        is_hex &= first | second < 16;
        *byte = first << 4 | second & 15;
    }
    is_hex.then_some(id)
}

/// What each byte is worth as a digit of hex; more than 15 for what is none.
const VALUES: [u8; 256] = {
    let mut values = [0xff; 256];
    let mut byte = 0;
    while byte < 256 {
        if let Some(value) = (byte as u8 as char).to_digit(16) {
            values[byte] = value as u8;
        }
        byte += 1;
    }
    values
};

/// The seconds in `Name <address> SECONDS ZONE`.
fn parse_time(line: &[u8]) -> Option<i64> {
    let after = line.rsplit(|byte| *byte == b'>').next()?;
    std::str::from_utf8(after).ok()?.split_ascii_whitespace().next()?.parse().ok()
}

/// All commits of a repository.
pub(super) struct Commits {
    numbers: Numbers,
    trees: Vec<Id>,
    seconds: Vec<i64>,
    /// The parents of each that are there, and where they end.
    parents: Vec<Number>,
    ends: Vec<u32>,
    /// For each commit, how many come before it: parents before their children, otherwise by date.
    order: Vec<u32>,
    reach: Vec<Reach>,
}

impl Commits {
    /// Orders `written` and works out what is kept of them by what is `kept` directly.
    pub(super) fn new<S: BuildHasher>(written: &[Written], kept: &HashMap<Id, Reach, S>) -> Self {
        // Ids nearly always differ in their first bytes, and these alone are moved about.
        let first =
            |id: &Id| u64::from_be_bytes(*id.first_chunk().expect("an id has twenty bytes"));
        let mut sorted: Vec<(u64, u32)> =
            written.iter().map(|commit| first(&commit.id)).zip(0..).collect();
        let id = |at: u32| &written[at as usize].id;
        sorted.sort_unstable_by(|one, other| {
            one.0.cmp(&other.0).then_with(|| id(one.1).cmp(id(other.1)))
        });
        sorted.dedup_by(|one, other| one.0 == other.0 && id(one.1) == id(other.1));
        let all = || sorted.iter().map(|(_, at)| &written[*at as usize]);
        let numbers = Numbers::of(all().map(|commit| commit.id).collect());
        let (mut parents, mut ends) = (Vec::with_capacity(written.len()), Vec::new());
        for commit in all() {
            parents.extend(commit.parents.iter().filter_map(|parent| numbers.get(parent)));
            ends.push(parents.len() as u32);
        }
        let trees = all().map(|commit| commit.tree).collect();
        let seconds = all().map(|commit| commit.seconds).collect();
        let (order, reach) = (Vec::new(), Vec::new());
        let mut commits = Self { numbers, trees, seconds, parents, ends, order, reach };
        commits.order = commits.in_order();
        commits.reach = commits.reached(kept);
        commits
    }

    pub(super) fn number(&self, id: &Id) -> Option<Number> {
        self.numbers.get(id)
    }

    pub(super) fn id(&self, number: Number) -> Id {
        self.numbers.id(number)
    }

    /// The tree of each commit, in the order of their numbers.
    pub(super) fn trees(&self) -> impl Iterator<Item = &Id> {
        self.trees.iter()
    }

    /// How many commits come before it.
    pub(super) fn order(&self, number: Number) -> u32 {
        self.order[number as usize]
    }

    pub(super) fn reach(&self, number: Number) -> Reach {
        self.reach[number as usize]
    }

    pub(super) fn seconds(&self, number: Number) -> i64 {
        self.seconds[number as usize]
    }

    /// The parents that are there.
    pub(super) fn parents(&self, number: Number) -> &[Number] {
        &self.parents[range(&self.ends, number)]
    }

    /// Those that `from`, and their ancestors.
    pub(super) fn ancestry(&self, from: impl IntoIterator<Item = Number>) -> Vec<bool> {
        let mut reached = vec![false; self.numbers.len()];
        let mut pending: Vec<Number> = from.into_iter().collect();
        while let Some(number) = pending.pop() {
            if !std::mem::replace(&mut reached[number as usize], true) {
                pending.extend(self.parents(number));
            }
        }
        reached
    }

    fn in_order(&self) -> Vec<u32> {
        let count = self.numbers.len();
        let pairs = (0..count as Number)
            .flat_map(|number| self.parents(number).iter().map(move |parent| (*parent, number)));
        let children = Groups::of(count, pairs);
        let mut missing: Vec<u32> = Vec::with_capacity(count);
        let mut ready = BinaryHeap::new();
        for number in 0..count as Number {
            let parents = self.parents(number);
            missing.push(parents.len() as u32);
            if parents.is_empty() {
                ready.push(Reverse((self.seconds(number), number)));
            }
        }
        let mut order = vec![u32::MAX; count];
        let mut next = 0;
        while let Some(Reverse((_, number))) = ready.pop() {
            order[number as usize] = next;
            next += 1;
            for child in children.group(number) {
                missing[*child as usize] -= 1;
                if missing[*child as usize] == 0 {
                    ready.push(Reverse((self.seconds(*child), *child)));
                }
            }
        }
        order
    }

    fn reached<S: BuildHasher>(&self, kept: &HashMap<Id, Reach, S>) -> Vec<Reach> {
        let mut reach = vec![Reach::Dangling; self.numbers.len()];
        let starts = kept.iter().filter_map(|(id, reach)| Some((*reach, self.number(id)?)));
        let mut starts: Vec<(Reach, Number)> = starts.collect();
        starts.sort_unstable();
        let mut pending = Vec::new();
        for (start, number) in starts {
            pending.push(number);
            while let Some(number) = pending.pop() {
                let known = &mut reach[number as usize];
                if start < *known {
                    *known = start;
                    pending.extend(self.parents(number));
                }
            }
        }
        reach
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(id: u8, parents: &[u8], seconds: i64) -> Written {
        let parents = parents.iter().map(|parent| [*parent; 20]).collect();
        Written { id: [id; 20], tree: [100 + id; 20], parents, seconds }
    }

    #[test]
    fn parents_come_first_whatever_their_clocks_say() {
        let written = vec![commit(3, &[2], 10), commit(2, &[1], 30), commit(1, &[], 20)];
        let commits = Commits::new(&written, &HashMap::<Id, Reach>::new());
        let order: Vec<u32> = (0..3).map(|number| commits.order(number)).collect();
        assert_eq!(order, [0, 1, 2]);
    }

    #[test]
    fn what_keeps_a_commit_is_the_best_of_all_tips() {
        let written =
            vec![commit(1, &[], 0), commit(2, &[1], 1), commit(3, &[1], 2), commit(4, &[], 3)];
        let kept = HashMap::from([([3; 20], Reach::Reflog), ([2; 20], Reach::Ref)]);
        let commits = Commits::new(&written, &kept);
        let reach: Vec<Reach> = (0..4).map(|number| commits.reach(number)).collect();
        assert_eq!(reach, [Reach::Ref, Reach::Ref, Reach::Reflog, Reach::Dangling]);
    }

    #[test]
    fn headers_are_read_as_git_writes_them() {
        let hex = "ab".repeat(20);
        let text = format!(
            "tree {hex}\nparent {hex}\nauthor A <a@b> 1 +0000\ncommitter C > <c@d> 1700000000 -0500\n\ntree no"
        );
        let commit = Written::parse([1; 20], text.as_bytes()).unwrap();
        assert_eq!(commit.seconds, 1_700_000_000);
        assert_eq!((commit.tree, commit.parents), ([0xab; 20], vec![[0xab; 20]]));
        assert!(Written::parse([1; 20], b"author A <a@b> 1 +0000\n\n").is_none());
    }
}
