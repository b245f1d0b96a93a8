//! Numbers in groups that lie side by side: no list of its own for each group, of which a history has as many as trees.

use std::ops::Range;

/// Groups of numbers, themselves numbered.
#[derive(Default)]
pub(super) struct Groups {
    /// For each group, where it ends among all members.
    ends: Vec<u32>,
    members: Vec<u32>,
}

impl Groups {
    /// `count` groups of the members that are given after the number of their group. Within a group they keep their
    /// order.
    pub(super) fn of(count: usize, all: impl Iterator<Item = (u32, u32)> + Clone) -> Self {
        let mut ends = vec![0_u32; count];
        for (group, _) in all.clone() {
            ends[group as usize] += 1;
        }
        let mut sum = 0;
        for end in &mut ends {
            sum += *end;
            *end = sum - *end;
        }
        let mut members = vec![0; sum as usize];
        for (group, member) in all {
            let next = &mut ends[group as usize];
            members[*next as usize] = member;
            *next += 1;
        }
        Self { ends, members }
    }

    /// The members of a group.
    pub(super) fn group(&self, number: u32) -> &[u32] {
        &self.members[range(&self.ends, number)]
    }

    /// Adds more groups, of which `more` is added to all members.
    pub(super) fn append(&mut self, groups: Self, more: u32) {
        if self.ends.is_empty() && more == 0 {
            *self = groups;
            return;
        }
        let start = self.members.len() as u32;
        self.ends.extend(groups.ends.iter().map(|end| start + end));
        self.members.extend(groups.members.iter().map(|member| member + more));
    }
}

/// Where a group lies if that is said by where each ends.
pub(super) fn range(ends: &[u32], number: u32) -> Range<usize> {
    let number = number as usize;
    let from = if number == 0 { 0 } else { ends[number - 1] };
    from as usize..ends[number] as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lists(groups: &Groups) -> Vec<Vec<u32>> {
        (0..groups.ends.len() as u32).map(|number| groups.group(number).to_vec()).collect()
    }

    proptest! {
        #[test]
        fn groups_are_what_lists_would_be(
            one in prop::collection::vec((0..5_u32, any::<u16>()), 0..40),
            other in prop::collection::vec((0..3_u32, any::<u16>()), 0..40),
            more in 0..9_u32,
        ) {
            let mut expected = vec![Vec::new(); 8];
            let pairs = |list: &[(u32, u16)]| list.iter().map(|(group, number)| (*group, u32::from(*number))).collect::<Vec<_>>();
            let (one, other) = (pairs(&one), pairs(&other));
            for (group, member) in &one {
                expected[*group as usize].push(*member);
            }
            for (group, member) in &other {
                expected[5 + *group as usize].push(*member + more);
            }
            let mut groups = Groups::default();
            groups.append(Groups::of(5, one.into_iter()), 0);
            groups.append(Groups::of(3, other.into_iter()), more);
            prop_assert_eq!(lists(&groups), expected);
        }
    }
}
