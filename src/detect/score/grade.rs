//! Evidence → confidence: the one place that weighs what was seen of a value and beside it.

use crate::detect::candidate::{Candidate, Context, Kind, NamedBy, OtherName};
use crate::detect::context::names::{Role, Strength};
use crate::detect::validate::aws_key_id::Form;
use crate::model::finding::{Confidence, Evidence, PartKind};
use crate::model::layer::Layer;

/// A partner that a candidate was joined with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Partner {
    /// What it is.
    pub(crate) kind: PartKind,
    /// Lines from the candidate to it: negative above, 0 on the same line.
    pub(crate) lines: i64,
    /// For a key ID: whether it has the form of one that AWS issues.
    pub(crate) well_formed: bool,
}

/// A candidate's confidence, and why.
pub(crate) fn grade(
    candidate: &Candidate,
    partners: &[Partner],
    id_near: bool,
) -> (Confidence, Vec<Evidence>) {
    let mut evidence = vec![shape(candidate)];
    evidence.extend(wrapped(candidate));
    evidence.extend(beside(&candidate.context));
    evidence.extend(partners.iter().map(pairing));
    let confidence = match candidate.kind {
        Kind::KeyId { form, word_like, .. } => key_id(candidate, form, word_like, partners),
        Kind::SecretKey { random } => secret(candidate, random, partners, id_near, &mut evidence),
        Kind::SessionToken => Confidence::High,
        Kind::Pattern(_) => Confidence::Medium,
    };
    (confidence, evidence)
}

fn key_id(candidate: &Candidate, form: Form, word_like: bool, partners: &[Partner]) -> Confidence {
    let in_context = !partners.is_empty() || candidate.context.strength(Role::Id).is_some();
    match (form, in_context) {
        (Form::New { .. } | Form::Old, _) | (Form::OldUnseen, true) if !word_like => {
            Confidence::High
        }
        (Form::OldUnseen, false) | (_, true) => Confidence::Medium,
        (_, false) => Confidence::Low,
    }
}

fn secret(
    candidate: &Candidate,
    random: bool,
    partners: &[Partner],
    id_near: bool,
    evidence: &mut Vec<Evidence>,
) -> Confidence {
    let context = &candidate.context;
    let name = context.strength(Role::Secret);
    let by_id = partners.iter().find(|partner| partner.kind == PartKind::AccessKeyId).map(|id| {
        match (id.well_formed, random) {
            (true, true) => Confidence::High,
            (false, false) if name < Some(Strength::Secret) => Confidence::Low,
            _ => Confidence::Medium,
        }
    });
    if by_id == Some(Confidence::High) {
        return Confidence::High;
    }
    let in_aws = context.speaks_of_aws() || context.aws_block.is_some();
    let confidence = match name {
        Some(Strength::Aws) if random => Confidence::High,
        Some(Strength::Aws) => Confidence::Medium,
        Some(Strength::Key | Strength::Secret) if random && in_aws => Confidence::High,
        Some(Strength::Key) if random => Confidence::Medium,
        Some(Strength::Secret) if random && (context.aws_near || id_near) => Confidence::Medium,
        Some(Strength::Generic) if random && (in_aws || id_near) => Confidence::Medium,
        None if random && is_unnamed_secret(context, id_near) => Confidence::Medium,
        _ => Confidence::Low,
    };
    let own = match context.other_provider {
        Some(provider) => {
            evidence.push(Evidence::new(format!(
                "beside an endpoint of {provider}: not AWS's, it seems"
            )));
            Confidence::Low
        }
        None => confidence,
    };
    by_id.unwrap_or(Confidence::Low).max(own)
}

/// Whether a random value without a secret's name is one by its surroundings.
fn is_unnamed_secret(context: &Context, id_near: bool) -> bool {
    if let Some((name, _)) = &context.name {
        // Key IDs have 20 characters: 40 random ones under the name of an AWS key ID are the other half.
        return name.role == Role::Id && name.strength == Strength::Aws;
    }
    match context.other_name {
        Some(OtherName::Telling) => false,
        Some(OtherName::Unknown) => context.is_placed_for_aws(),
        None => context.speaks_of_aws() || id_near,
    }
}

fn shape(candidate: &Candidate) -> Evidence {
    let entropy = candidate.shape.entropy;
    Evidence::new(match candidate.kind {
        Kind::KeyId { form, .. } => {
            let form = match form {
                Form::New { .. } => "new-generation key ID",
                Form::Old => "old-generation key ID",
                Form::OldUnseen => "key ID of a form not seen on real keys",
                Form::ImpossibleAccount => "key ID with an impossible account number",
                Form::NotBase32 => "not a well-formed AWS key ID (0, 1, 8 or 9 in it)",
            };
            format!("{form}, entropy {entropy:.2}")
        }
        Kind::SecretKey { random: true } => format!("40-character run, entropy {entropy:.2}"),
        Kind::SecretKey { random: false } => {
            format!("40-character run, entropy {entropy:.2}, less random than AWS's are")
        }
        Kind::SessionToken => {
            format!("{} characters that start as STS session tokens do", candidate.value.len())
        }
        Kind::Pattern(_) => format!("matches the rule's pattern, entropy {entropy:.2}"),
    })
}

fn wrapped(candidate: &Candidate) -> Option<Evidence> {
    let wrapping = candidate.wrapping.as_ref()?;
    Some(Evidence::new(format!("wrapped in {}", Layer::path(&wrapping.layers))))
}

fn beside(context: &Context) -> Vec<Evidence> {
    let mut evidence = Vec::new();
    if let Some((name, by)) = &context.name {
        let written = name.written.trim_start_matches(['-', '.']);
        evidence.push(Evidence::new(match by {
            NamedBy::Neighbour => format!("named {written}"),
            NamedBy::Column => format!("in the column {written}"),
            NamedBy::File => format!("in a file named {written}"),
        }));
    }
    let place = match (&context.aws_section, context.aws_word, &context.aws_block) {
        (Some(section), _, _) => Some(format!("in the section {section}")),
        (_, Some(word), _) => Some(format!("\"{word}\" on its line")),
        (_, _, Some(block)) => Some(format!("inside {block}")),
        _ if context.credential_file => Some("in a file made to hold AWS credentials".to_owned()),
        _ => None,
    };
    evidence.extend(place.map(Evidence::new));
    evidence
}

fn pairing(partner: &Partner) -> Evidence {
    let place = match (partner.lines.unsigned_abs(), partner.lines < 0) {
        (0, _) => "on the same line".to_owned(),
        (1, true) => "one line above".to_owned(),
        (1, false) => "one line below".to_owned(),
        (lines, true) => format!("{lines} lines above"),
        (lines, false) => format!("{lines} lines below"),
    };
    Evidence::new(format!("paired with the {} {place}", partner.kind.describe()))
}
