//! Candidates and their links → sets of parts, each one credential.

use std::collections::HashMap;

use super::assign::{Edge, assign};
use super::link::{Link, MAX_COST, UNIT};
use crate::detect::candidate::{Candidate, Kind, OtherName, Spot};
use crate::detect::context::names::{Role, Strength};
use crate::detect::score::placeholder::Reason;

/// The parts of one credential, as indices of candidates. At least one is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Set {
    pub(crate) id: Option<usize>,
    pub(crate) secret: Option<usize>,
    pub(crate) token: Option<usize>,
}

/// A run that is not random enough to be a secret by itself, and has no name, is joined only with an ID right beside
/// it: about a line.
const BESIDE: u32 = 60 * UNIT;

/// Joins candidates (sorted by place) to sets. Every AWS candidate is in exactly one set.
pub(crate) fn join(candidates: &[Candidate], links: &[Link]) -> Vec<Set> {
    let index: HashMap<(Spot, Role), usize> = candidates
        .iter()
        .enumerate()
        .filter_map(|(index, candidate)| Some(((candidate.spot, candidate.kind.role()?), index)))
        .collect();
    let at = |place: Spot| -> Vec<usize> {
        [Role::Id, Role::Secret, Role::Token]
            .iter()
            .filter_map(|role| index.get(&(place, *role)).copied())
            .collect()
    };
    let mut pairs = Vec::new();
    for link in links {
        for one in at(link.first) {
            for other in at(link.second) {
                pairs.push((one, other, link.cost));
                pairs.push((other, one, link.cost));
            }
        }
    }
    let secret_of: HashMap<usize, usize> =
        assign(&id_secret_edges(candidates, &pairs), MAX_COST).into_iter().collect();
    let token_of = tokens(candidates, &pairs, &secret_of);
    let mut sets: Vec<Set> = Vec::new();
    for (id, candidate) in candidates.iter().enumerate() {
        if candidate.kind.role() == Some(Role::Id) {
            let (secret, token) = (secret_of.get(&id).copied(), token_of.get(&id).copied());
            sets.push(Set { id: Some(id), secret, token });
        }
    }
    let mut is_taken = vec![false; candidates.len()];
    for index in sets.iter().flat_map(|set| [set.secret, set.token]).flatten() {
        is_taken[index] = true;
    }
    for (index, candidate) in candidates.iter().enumerate().filter(|(index, _)| !is_taken[*index]) {
        match candidate.kind.role() {
            Some(Role::Secret) => sets.push(Set { secret: Some(index), ..Set::default() }),
            Some(Role::Token) => sets.push(Set { token: Some(index), ..Set::default() }),
            Some(Role::Id) | None => {}
        }
    }
    sets
}

/// Real values go with real ones, examples with examples. Emulators make their secrets as AWS does.
fn alike(id: &Candidate, other: &Candidate) -> bool {
    id.placeholder.is_some() == other.placeholder.is_some()
        || id.placeholder == Some(Reason::Emulator)
}

fn id_secret_edges(candidates: &[Candidate], pairs: &[(usize, usize, u32)]) -> Vec<Edge> {
    let edge = |id: usize, secret: usize, cost: u32| {
        let (one, other) = (&candidates[id], &candidates[secret]);
        let roles = (one.kind.role(), other.kind.role()) == (Some(Role::Id), Some(Role::Secret));
        if !roles || !alike(one, other) {
            return None;
        }
        let named = other.context.strength(Role::Secret) >= Some(Strength::Secret);
        let sure =
            matches!(other.kind, Kind::SecretKey { random: true }) || named || cost <= BESIDE;
        let cost = cost.saturating_add(unlikeliness(other)?).min(MAX_COST);
        sure.then_some(Edge { row: id, column: secret, cost })
    };
    pairs.iter().filter_map(|(id, secret, cost)| edge(*id, *secret, *cost)).collect()
}

/// What is added to the cost of joining a run with an ID, so that a named secret some lines away is preferred to any
/// other run close by; `None` for one whose name says that it is something else.
fn unlikeliness(secret: &Candidate) -> Option<u32> {
    let units = match (&secret.context.name, secret.context.other_name) {
        (_, Some(OtherName::Telling)) => return None,
        (Some((name, _)), _) if name.role == Role::Secret => match name.strength {
            Strength::Generic => 15,
            Strength::Foreign => 200,
            Strength::Secret | Strength::Key | Strength::Aws => 0,
        },
        (_, Some(OtherName::Unknown)) => 100,
        _ => 30,
    };
    Some(units * UNIT)
}

/// The token of each temporary ID. A token is as near to an ID as to the ID's secret, whichever is nearer.
fn tokens(
    candidates: &[Candidate],
    pairs: &[(usize, usize, u32)],
    secret_of: &HashMap<usize, usize>,
) -> HashMap<usize, usize> {
    let id_of: HashMap<usize, usize> =
        secret_of.iter().map(|(id, secret)| (*secret, *id)).collect();
    let mut edges = Vec::new();
    for (one, token, cost) in pairs {
        if candidates[*token].kind.role() != Some(Role::Token) {
            continue;
        }
        let id = match candidates[*one].kind.role() {
            Some(Role::Id) => *one,
            Some(Role::Secret) => match id_of.get(one) {
                Some(id) => *id,
                None => continue,
            },
            _ => continue,
        };
        let temporary = matches!(candidates[id].kind, Kind::KeyId { temporary: true, .. });
        if temporary && alike(&candidates[id], &candidates[*token]) {
            edges.push(Edge { row: id, column: *token, cost: *cost });
        }
    }
    assign(&edges, MAX_COST).into_iter().collect()
}
