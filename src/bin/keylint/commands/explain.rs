//! `keylint explain`: a rule for a reader who has just met it.

use std::io::{self, Write};

use anyhow::bail;
use keylint::model::finding::PartKind;
use keylint::model::secret::Secret;
use keylint::report::Secrets;
use keylint::report::redact::Redactor;
use keylint::rules::load::RuleSet;
use keylint::rules::placeholder::{self, Kind};
use keylint::rules::schema::{Place, Rule};
use unicode_width::UnicodeWidthStr;

use crate::args::ExplainArgs;
use crate::exit::Status;

/// Columns that text is wrapped to.
const WIDTH: usize = 80;

/// Runs the command.
pub(crate) fn run(args: &ExplainArgs, out: &mut dyn Write) -> anyhow::Result<Status> {
    let set = RuleSet::builtin()?;
    let Some(rule) = set.get(&args.rule) else { bail!(unknown(&args.rule, &set)) };
    write(rule, &set, out)?;
    Ok(Status::Clean)
}

fn write(rule: &Rule, set: &RuleSet, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}: {}", rule.id, rule.title)?;
    writeln!(out, "severity: {}", rule.severity)?;
    section(out, "What it is", &rule.what)?;
    section(out, "Why it is bad", &rule.why)?;
    if let Some(hit) = rule.hits.first() {
        writeln!(out, "\nExample\n")?;
        for line in masked(hit).trim_end().lines() {
            writeln!(out, "    {line}")?;
        }
    }
    section(out, "What to do instead", &rule.instead)?;
    for place in Place::ALL {
        // Asked for a place that nothing is said about, the set answers with the advice for any other.
        let Some(advice) = set.advice(place).filter(|advice| advice.place == place) else {
            continue;
        };
        writeln!(out, "\n  {place}")?;
        wrap(out, &advice.instead, 4)?;
        writeln!(out, "    {}", advice.link)?;
    }
    if !rule.references.is_empty() {
        writeln!(out, "\nReferences\n")?;
        for reference in &rule.references {
            writeln!(out, "  {reference}")?;
        }
    }
    Ok(())
}

fn section(out: &mut dyn Write, title: &str, text: &str) -> io::Result<()> {
    writeln!(out, "\n{title}\n")?;
    wrap(out, text, 2)
}

/// Writes `text` in lines of at most [`WIDTH`] columns, blank lines between paragraphs kept.
fn wrap(out: &mut dyn Write, text: &str, indent: usize) -> io::Result<()> {
    for (index, paragraph) in text.trim().split("\n\n").enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            if !line.is_empty() && indent + line.width() + 1 + word.width() > WIDTH {
                writeln!(out, "{:indent$}{line}", "")?;
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        writeln!(out, "{:indent$}{line}", "")?;
    }
    Ok(())
}

/// An example with its placeholders as a report would show them: complete credentials, even made-up ones, set off
/// alarms wherever this text is pasted.
fn masked(example: &str) -> String {
    let redactor = Redactor::new(Secrets::Redacted, &[]);
    let (mut text, expansions) = placeholder::expand(example);
    for expansion in expansions.iter().rev() {
        let kind = match expansion.kind {
            Kind::AwsSecretAccessKey => PartKind::SecretAccessKey,
            Kind::AwsSessionToken => PartKind::SessionToken,
            _ => PartKind::AccessKeyId,
        };
        let value = Secret::new(&text.as_bytes()[expansion.range.clone()]);
        text.replace_range(expansion.range.clone(), &redactor.value(kind, &value));
    }
    text
}

fn unknown(typed: &str, set: &RuleSet) -> String {
    let nearest = set
        .rules()
        .iter()
        .map(|rule| (distance(typed, &rule.id), rule.id.as_str()))
        .min()
        .filter(|(steps, id)| *steps <= typed.len().max(id.len()) / 2)
        .map_or_else(String::new, |(_, id)| format!("; did you mean `{id}`?"));
    let ids: Vec<&str> = set.rules().iter().map(|rule| rule.id.as_str()).collect();
    format!("there is no rule `{typed}`{nearest} (rules: {})", ids.join(", "))
}

/// Insertions, deletions and replacements of bytes that lead from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("same", "same"), 0);
    }

    #[test]
    fn examples_hold_no_credential() {
        let shown = masked("id={{aws-access-key-id:1}} s={{aws-secret-access-key:1}} {{other}}");
        let stars = |count| "*".repeat(count);
        assert!(shown.starts_with(&format!("id=AKIA{}", stars(12))), "{shown}");
        assert!(shown.contains(&format!(" s={}", stars(36))), "{shown}");
        assert!(shown.ends_with(" {{other}}"), "{shown}");
        assert_eq!(masked("{{aws-session-token:1}}").len(), 20);
    }

    #[test]
    fn text_is_wrapped() {
        let mut out = Vec::new();
        wrap(&mut out, &format!("{}\n\nlast\n", "word ".repeat(30)), 4).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.lines().all(|line| line.len() <= WIDTH), "{text}");
        assert!(text.ends_with("word\n\n    last\n"), "{text}");
    }
}
