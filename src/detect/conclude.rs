//! Sets of parts → findings: rule, severity, confidence, notes, identity and advice.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::candidate::{Candidate, Kind, Spot};
use super::context::names::Role;
use super::context::path;
use super::pair::join::{Set, join};
use super::pair::link::Link;
use super::score::grade::{Partner, grade};
use super::score::placeholder::Reason;
use super::validate;
use super::validate::aws_key_id::Form;
use crate::model::blob::Origin;
use crate::model::finding::{
    Advice, Class, Confidence, Evidence, Finding, Fingerprint, Part, PartKind, RuleId, Severity,
};
use crate::model::notebook::CellPlace;
use crate::model::secret::Secret;
use crate::rules::load::RuleSet;
use crate::rules::schema::{Matcher, Place};

/// Places in a notebook that a finding's notes list, at most. Its parts have them all.
const MOST_CELLS: usize = 4;

/// Everything that a blob's findings are made from.
pub(crate) struct Evidenced<'a> {
    pub(crate) rules: &'a RuleSet,
    pub(crate) origin: &'a Arc<Origin>,
    /// Sorted by place.
    pub(crate) candidates: &'a [Candidate],
    pub(crate) links: &'a [Link],
    /// Seconds since 1970 that expiry is judged by, if it is.
    pub(crate) now: Option<i64>,
}

/// The findings of one blob, sorted by place.
pub(crate) fn conclude(blob: &Evidenced<'_>) -> Vec<Finding> {
    let near_id = ids_near(blob);
    let mut findings: Vec<Finding> = join(blob.candidates, blob.links)
        .into_iter()
        .filter_map(|set| blob.finding_of_set(set, &near_id))
        .chain(blob.candidates.iter().filter_map(|candidate| blob.finding_of_pattern(candidate)))
        .collect();
    findings = merge(findings);
    for finding in &mut findings {
        finding.parts.sort_by_key(|part| (part.span, part.kind));
        finding.parts.dedup_by_key(|part| (part.span, part.kind));
        finding.notes.extend(cells(&finding.parts));
    }
    findings.sort_by_key(|finding| finding.primary().span);
    findings
}

/// Candidates that are linked with a key ID, joined or not.
fn ids_near(blob: &Evidenced<'_>) -> Vec<bool> {
    let is_id: HashMap<Spot, bool> = blob
        .candidates
        .iter()
        .map(|candidate| {
            (
                candidate.spot,
                candidate.kind.role() == Some(Role::Id) && candidate.placeholder.is_none(),
            )
        })
        .collect();
    let mut near: std::collections::HashSet<Spot> = std::collections::HashSet::new();
    for link in blob.links {
        if is_id.get(&link.first) == Some(&true) {
            near.insert(link.second);
        }
        if is_id.get(&link.second) == Some(&true) {
            near.insert(link.first);
        }
    }
    blob.candidates.iter().map(|candidate| near.contains(&candidate.spot)).collect()
}

/// What was decided about a set of parts.
struct Verdict {
    rule: RuleId,
    severity: Severity,
    confidence: Confidence,
    class: Class,
    account: Option<u64>,
}

fn class(candidate: &Candidate) -> Class {
    if candidate.placeholder.is_some() { Class::Example } else { Class::Leak }
}

impl Evidenced<'_> {
    fn finding_of_set(&self, set: Set, near_id: &[bool]) -> Option<Finding> {
        let members: Vec<usize> = [set.id, set.secret, set.token].into_iter().flatten().collect();
        let lone = members.len() == 1;
        if lone && self.is_nothing_alone(members[0]) {
            return None;
        }
        let (rule, severity) = self.rule(set)?;
        let mut confidence = Confidence::Low;
        let mut parts = Vec::new();
        for index in &members {
            let (own, part) = self.part(*index, &members, near_id[*index]);
            confidence = confidence.max(own);
            parts.push(part);
        }
        let mut notes = self.notes(set);
        let severity = match self.expired(set) {
            Some(when) => {
                notes.push(Evidence::new(format!("expired: beside it stands {when}")));
                Severity::Info
            }
            None => severity,
        };
        let key = &self.candidates[set.secret.or(set.id).or(set.token)?];
        let emulated = members
            .iter()
            .any(|member| self.candidates[*member].placeholder == Some(Reason::Emulator));
        let class = if emulated { Class::Example } else { class(key) };
        let verdict = Verdict { rule, severity, confidence, class, account: self.account(set) };
        Some(self.assemble(verdict, key, parts, notes))
    }

    /// A run that only a name or an ID beside it would make a secret, and has neither.
    fn is_nothing_alone(&self, index: usize) -> bool {
        let candidate = &self.candidates[index];
        matches!(candidate.kind, Kind::SecretKey { random: false })
            && candidate.context.strength(Role::Secret).is_none()
    }

    fn finding_of_pattern(&self, candidate: &Candidate) -> Option<Finding> {
        let Kind::Pattern(index) = candidate.kind else { return None };
        let (confidence, evidence) = grade(candidate, &[], false);
        let rule = &self.rules.rules()[index];
        let too_plain = rule.min_entropy.is_some_and(|floor| candidate.shape.entropy < floor);
        let fails = |validator| !validate::accepts(validator, candidate.value.expose());
        if too_plain || rule.validator.is_some_and(fails) {
            return None;
        }
        let parts = vec![part(candidate, PartKind::Token, evidence)];
        let verdict = Verdict {
            rule: self.rules.id(index),
            severity: rule.severity,
            confidence,
            class: class(candidate),
            account: None,
        };
        Some(self.assemble(verdict, candidate, parts, Vec::new()))
    }

    /// The rule and severity for what a set holds.
    fn rule(&self, set: Set) -> Option<(RuleId, Severity)> {
        let temporary = set.id.is_some_and(|id| self.is_temporary(id));
        let (matcher, severity) =
            match (set.id.is_some(), set.secret.is_some(), set.token.is_some()) {
                (true, true, _) if !temporary => (Matcher::AwsLongTermPair, None),
                (true, true, true) => (Matcher::AwsTemporarySet, None),
                (true, true, false) => (Matcher::AwsTemporarySet, Some(Severity::Medium)),
                (true, false, true) => (Matcher::AwsTemporarySet, Some(Severity::Low)),
                (true, false, false) if temporary => (Matcher::AwsAccessKeyId, Some(Severity::Low)),
                (true, false, false) => (Matcher::AwsAccessKeyId, None),
                (false, true, _) => (Matcher::AwsSecretAccessKey, None),
                (false, false, _) => (Matcher::AwsSessionToken, None),
            };
        // Rules of a user's own may lack the joined ones; nothing is lost for that.
        let parts =
            [Matcher::AwsSecretAccessKey, Matcher::AwsAccessKeyId, Matcher::AwsSessionToken];
        let (id, rule) = [matcher]
            .into_iter()
            .chain(parts)
            .find_map(|matcher| self.rules.by_matcher(matcher))?;
        Some((id, severity.unwrap_or(rule.severity)))
    }

    fn is_temporary(&self, id: usize) -> bool {
        matches!(self.candidates[id].kind, Kind::KeyId { temporary: true, .. })
    }

    fn part(&self, index: usize, members: &[usize], near_id: bool) -> (Confidence, Part) {
        let candidate = &self.candidates[index];
        let partners: Vec<Partner> = members
            .iter()
            .filter(|member| **member != index)
            .map(|member| {
                let other = &self.candidates[*member];
                Partner {
                    kind: part_kind(other.kind),
                    lines: other.start.line.cast_signed() - candidate.start.line.cast_signed(),
                    well_formed: is_well_formed(other.kind),
                }
            })
            .collect();
        let (confidence, evidence) = grade(candidate, &partners, near_id);
        (confidence, part(candidate, part_kind(candidate.kind), evidence))
    }

    fn account(&self, set: Set) -> Option<u64> {
        match self.candidates[set.id?].kind {
            Kind::KeyId { form: Form::New { account }, .. } => Some(account),
            _ => None,
        }
    }

    fn notes(&self, set: Set) -> Vec<Evidence> {
        let mut notes = Vec::new();
        if let Some(issuer) =
            self.account(set).and_then(|account| self.rules.canary_issuer(account))
        {
            notes.push(Evidence::new(format!(
                "looks like a canary token ({issuer}): do not test it"
            )));
        }
        if set.secret.is_some() && path::is_root_key_file(self.origin.own_path()) {
            notes.push(Evidence::new("a root key file: this key can do everything in its account"));
        }
        if set.id.is_some_and(|id| {
            matches!(self.candidates[id].kind, Kind::KeyId { form: Form::NotBase32, .. })
        }) {
            notes.push(Evidence::new("not a well-formed AWS key ID"));
        }
        let reason = |index: usize| self.candidates[index].placeholder.map(Reason::describe);
        notes.extend(
            [set.secret, set.id, set.token]
                .into_iter()
                .flatten()
                .find_map(reason)
                .map(Evidence::new),
        );
        notes
    }

    /// When temporary credentials expired, if that is past.
    fn expired(&self, set: Set) -> Option<&str> {
        let now = self.now?;
        set.id.filter(|id| self.is_temporary(*id))?;
        let (written, seconds) = [set.id, set.token, set.secret]
            .into_iter()
            .flatten()
            .find_map(|index| self.candidates[index].context.expiration.as_ref())?;
        (*seconds < now).then_some(written)
    }

    /// Puts a finding together; `key` is the part that tells this credential from others.
    fn assemble(
        &self,
        verdict: Verdict,
        key: &Candidate,
        parts: Vec<Part>,
        notes: Vec<Evidence>,
    ) -> Finding {
        let Verdict { rule, severity, confidence, class, account } = verdict;
        let scope: Vec<&[u8]> =
            self.origin.scope().iter().map(std::ffi::OsStr::as_encoded_bytes).collect();
        Finding {
            fingerprint: Fingerprint::of_finding(&rule, &key.value, &scope.join(&b"/"[..])),
            credential: Fingerprint::of_credential(&key.value),
            severity,
            confidence,
            class,
            account: account.map(|account| format!("{account:012}")),
            advice: self.advice(&rule, key, &parts),
            origin: self.origin.clone(),
            rule,
            parts,
            notes,
            history: None,
        }
    }

    fn advice(&self, rule: &RuleId, key: &Candidate, parts: &[Part]) -> Advice {
        let path: &Path = self.origin.own_path();
        let by_name =
            key.context.name.as_ref().and_then(|(name, _)| path::place_of_name(&name.written));
        let place = by_name.unwrap_or_else(|| path::place(path));
        let steps = self.rules.steps();
        let temporary = |part: &Part| {
            part.kind == PartKind::SessionToken
                || (part.kind == PartKind::AccessKeyId && part.value.expose()[1] == b'S')
        };
        let steps = match key.kind {
            Kind::Pattern(_) => &[][..],
            _ if place == Place::RootKeyFile => &steps.root,
            _ if parts.iter().any(temporary) => &steps.temporary,
            _ => &steps.long_term,
        };
        let (instead, link) = match (self.rules.advice(place), self.rules.get(rule.as_str())) {
            (Some(advice), _) => (advice.instead.clone(), advice.link.clone()),
            (None, Some(rule)) => {
                (rule.instead.clone(), rule.references.first().cloned().unwrap_or_default())
            }
            (None, None) => (String::new(), String::new()),
        };
        Advice { place: place.as_str().to_owned(), instead, link, steps: steps.to_vec() }
    }
}

fn part_kind(kind: Kind) -> PartKind {
    match kind {
        Kind::KeyId { .. } => PartKind::AccessKeyId,
        Kind::SecretKey { .. } => PartKind::SecretAccessKey,
        Kind::SessionToken => PartKind::SessionToken,
        Kind::Pattern(_) => PartKind::Token,
    }
}

fn is_well_formed(kind: Kind) -> bool {
    match kind {
        Kind::KeyId { form, .. } => matches!(form, Form::New { .. } | Form::Old | Form::OldUnseen),
        _ => true,
    }
}

fn part(candidate: &Candidate, kind: PartKind, evidence: Vec<Evidence>) -> Part {
    Part {
        kind,
        value: candidate.value.clone(),
        span: candidate.span,
        start: candidate.start,
        end: candidate.end,
        evidence,
        excerpt: candidate.excerpt.clone(),
        decoded: candidate.wrapping.as_ref().map(|w| w.layers.clone()).unwrap_or_default(),
        raw: candidate.wrapping.as_ref().map(|wrapping| wrapping.raw.clone()),
        cell: candidate.cell,
        copy: Some(0),
    }
}

/// Where parts stand in a notebook, in words; of many places the first.
fn cells(parts: &[Part]) -> Option<Evidence> {
    let mut places: Vec<CellPlace> = parts.iter().filter_map(|part| part.cell).collect();
    places.dedup();
    let (shown, rest) = places.split_at(places.len().min(MOST_CELLS));
    let more = if rest.is_empty() { "" } else { "; and more" };
    let shown: Vec<String> = shown.iter().map(ToString::to_string).collect();
    (!shown.is_empty()).then(|| Evidence::new(format!("in {}{more}", shown.join("; "))))
}

/// One credential, one finding: copies of a credential become further places of the first, and a part that stands
/// alone somewhere becomes a further place of the whole credential that it is part of.
fn merge(findings: Vec<Finding>) -> Vec<Finding> {
    let mut sorted = findings;
    sorted.sort_by_key(|finding| (std::cmp::Reverse(finding.parts.len()), finding.primary().span));
    let mut merged: Vec<Finding> = Vec::new();
    let mut home: HashMap<(PartKind, Secret), usize> = HashMap::new();
    for finding in sorted {
        let homes: Vec<Option<usize>> = finding
            .parts
            .iter()
            .map(|part| home.get(&(part.kind, part.value.clone())).copied())
            .collect();
        let shared = homes[0].filter(|first| homes.iter().all(|home| *home == Some(*first)));
        if let Some(index) = shared {
            let whole: &mut Finding = &mut merged[index];
            whole.confidence = whole.confidence.max(finding.confidence);
            let copy = whole.parts.last().and_then(|part| Some(part.copy? + 1));
            whole.parts.extend(finding.parts.into_iter().map(|part| Part { copy, ..part }));
        } else {
            for part in &finding.parts {
                home.entry((part.kind, part.value.clone())).or_insert(merged.len());
            }
            merged.push(finding);
        }
    }
    merged
}
