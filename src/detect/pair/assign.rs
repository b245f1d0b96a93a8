//! Assignment of one set of things to another at the smallest total cost.

use std::collections::BTreeMap;

/// An edge between the row and the column of these indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) row: usize,
    pub(crate) column: usize,
    pub(crate) cost: u32,
}

/// Groups larger than this on either side are assigned greedily, cheapest edge first: the exact method takes cubic
/// time, and groups of this size are lists, where neighbours win anyway.
const EXACT_LIMIT: usize = 48;

/// Joins rows with columns, each at most once, along `edges`: as many as can be, and among those ways the cheapest.
/// Returns pairs of (row, column).
pub(crate) fn assign(edges: &[Edge], unjoined: u32) -> Vec<(usize, usize)> {
    let mut joined = Vec::new();
    for group in groups(edges) {
        let rows = distinct(group.iter().map(|edge| edge.row));
        let columns = distinct(group.iter().map(|edge| edge.column));
        if rows.len() <= EXACT_LIMIT && columns.len() <= EXACT_LIMIT {
            joined.extend(exact(&group, &rows, &columns, unjoined));
        } else {
            joined.extend(greedy(group));
        }
    }
    joined.sort_unstable();
    joined
}

fn distinct(indices: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut distinct: Vec<usize> = indices.collect();
    distinct.sort_unstable();
    distinct.dedup();
    distinct
}

/// The root of a node's tree, with the path to it halved.
fn root(parent: &mut [usize], mut node: usize) -> usize {
    while parent[node] != node {
        parent[node] = parent[parent[node]];
        node = parent[node];
    }
    node
}

/// The connected groups of edges.
fn groups(edges: &[Edge]) -> Vec<Vec<Edge>> {
    let rows = edges.iter().map(|edge| edge.row + 1).max().unwrap_or(0);
    let columns = edges.iter().map(|edge| edge.column + 1).max().unwrap_or(0);
    let mut parent: Vec<usize> = (0..rows + columns).collect();
    for edge in edges {
        let (one, other) = (root(&mut parent, edge.row), root(&mut parent, rows + edge.column));
        parent[one.max(other)] = one.min(other);
    }
    let mut groups: BTreeMap<usize, Vec<Edge>> = BTreeMap::new();
    for edge in edges {
        groups.entry(root(&mut parent, edge.row)).or_default().push(*edge);
    }
    groups.into_values().collect()
}

fn greedy(mut group: Vec<Edge>) -> Vec<(usize, usize)> {
    group.sort_unstable_by_key(|edge| (edge.cost, edge.row, edge.column));
    let mut rows = std::collections::BTreeSet::new();
    let mut columns = std::collections::BTreeSet::new();
    group
        .into_iter()
        .filter(|edge| {
            let free = !rows.contains(&edge.row) && !columns.contains(&edge.column);
            if free {
                rows.insert(edge.row);
                columns.insert(edge.column);
            }
            free
        })
        .map(|edge| (edge.row, edge.column))
        .collect()
}

/// The Hungarian method on a dense matrix, in which each row may also stay unjoined, at `unjoined`.
fn exact(group: &[Edge], rows: &[usize], columns: &[usize], unjoined: u32) -> Vec<(usize, usize)> {
    let position = |list: &[usize], index: usize| {
        list.binary_search(&index).expect("made from the same edges")
    };
    let (height, width) = (rows.len(), columns.len() + rows.len());
    let forbidden = i64::from(unjoined) * 4 * (height as u64 + 1).cast_signed();
    let mut cost = vec![vec![forbidden; width]; height];
    for (row, line) in cost.iter_mut().enumerate() {
        line[columns.len() + row] = i64::from(unjoined);
    }
    for edge in group {
        let cell = &mut cost[position(rows, edge.row)][position(columns, edge.column)];
        *cell = (*cell).min(i64::from(edge.cost));
    }
    hungarian(&cost)
        .into_iter()
        .enumerate()
        .filter(|(_, column)| *column < columns.len())
        .map(|(row, column)| (rows[row], columns[column]))
        .collect()
}

/// The column of each row in an assignment of smallest total cost; the matrix is at least as wide as it is high.
///
/// Kuhn's method with potentials: rows are added one by one, each along a shortest augmenting path.
fn hungarian(cost: &[Vec<i64>]) -> Vec<usize> {
    const NONE: usize = usize::MAX;
    let width = cost.first().map_or(0, Vec::len);
    let mut row_potential = vec![0; cost.len()];
    let mut column_potential = vec![0; width];
    let mut row_of = vec![NONE; width];
    for new_row in 0..cost.len() {
        let mut slack = vec![(i64::MAX, NONE); width];
        let mut done = vec![false; width];
        let (mut row, mut from) = (new_row, NONE);
        let free = loop {
            for column in (0..width).filter(|column| !done[*column]) {
                let reduced = cost[row][column] - row_potential[row] - column_potential[column];
                if reduced < slack[column].0 {
                    slack[column] = (reduced, from);
                }
            }
            let next = (0..width)
                .filter(|column| !done[*column])
                .min_by_key(|column| slack[*column].0)
                .expect("the matrix is at least as wide as it is high");
            let step = slack[next].0;
            row_potential[new_row] += step;
            for column in 0..width {
                if done[column] {
                    row_potential[row_of[column]] += step;
                    column_potential[column] -= step;
                } else if slack[column].0 != i64::MAX {
                    slack[column].0 -= step;
                }
            }
            done[next] = true;
            if row_of[next] == NONE {
                break next;
            }
            (row, from) = (row_of[next], next);
        };
        let mut column = free;
        while slack[column].1 != NONE {
            let before = slack[column].1;
            row_of[column] = row_of[before];
            column = before;
        }
        row_of[column] = new_row;
    }
    let mut column_of = vec![NONE; cost.len()];
    for (column, row) in row_of.into_iter().enumerate().filter(|(_, row)| *row != NONE) {
        column_of[row] = column;
    }
    column_of
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn edges(costs: &[(usize, usize, u32)]) -> Vec<Edge> {
        costs
            .iter()
            .map(|(row, column, cost)| Edge { row: *row, column: *column, cost: *cost })
            .collect()
    }

    #[test]
    fn the_total_decides_not_the_single_best() {
        // Secret before ID, twice: the cheapest single edge joins the wrong two.
        let edges = edges(&[(0, 0, 12), (0, 1, 10), (1, 1, 12), (1, 0, 40)]);
        assert_eq!(assign(&edges, 1000), [(0, 0), (1, 1)]);
    }

    #[test]
    fn each_side_at_most_once_and_the_rest_unjoined() {
        let edges = edges(&[(0, 0, 5), (1, 0, 3), (2, 0, 4)]);
        assert_eq!(assign(&edges, 1000), [(1, 0)]);
        assert_eq!(assign(&[], 1000), []);
    }

    /// The smallest total over all ways of joining, by trying them.
    fn smallest(
        edges: &[Edge],
        rows: usize,
        taken: &mut Vec<usize>,
        row: usize,
        unjoined: u32,
    ) -> u32 {
        if row == rows {
            return 0;
        }
        let mut best = unjoined + smallest(edges, rows, taken, row + 1, unjoined);
        for edge in edges.iter().filter(|edge| edge.row == row) {
            if !taken.contains(&edge.column) {
                taken.push(edge.column);
                best = best.min(edge.cost + smallest(edges, rows, taken, row + 1, unjoined));
                taken.pop();
            }
        }
        best
    }

    proptest! {
        #[test]
        fn the_exact_method_finds_the_smallest_total(
            costs in prop::collection::vec((0usize..5, 0usize..5, 0u32..100), 0..16),
        ) {
            let mut edges = edges(&costs);
            edges.sort_unstable_by_key(|edge| (edge.row, edge.column, edge.cost));
            edges.dedup_by_key(|edge| (edge.row, edge.column));
            let joined = assign(&edges, 1000);
            let rows = distinct(edges.iter().map(|edge| edge.row));
            let cost = |row, column| edges.iter().find(|edge| edge.row == row && edge.column == column).unwrap().cost;
            let total: u32 = joined.iter().map(|(row, column)| cost(*row, *column)).sum();
            let left = (rows.len() - joined.len()) as u32 * 1000;
            let mut renumbered = edges.clone();
            for edge in &mut renumbered {
                edge.row = rows.binary_search(&edge.row).unwrap();
            }
            prop_assert_eq!(total + left, smallest(&renumbered, rows.len(), &mut Vec::new(), 0, 1000));
        }
    }
}
