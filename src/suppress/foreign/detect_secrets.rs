//! `.secrets.baseline` of detect-secrets: the SHA-1 of each known value, file by file, and the patterns that its
//! `--exclude-*` options left there.
//!
//! A value that an audit labelled a real secret (`is_secret: true`) is known like the others: the hook of detect-secrets
//! lets it pass, too. The label goes into the reason, and `keylint migrate` names such values.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::dialect::Dialect;
use super::list::{Digest, ForeignList, Scope, normal};
use super::migrate::Carry;
use super::pattern::{Allow, Compiler, Target};
use super::{Lines, Problem, hex, json_problem};

/// The name of a filter, up to what it is about.
const EXCLUDES: &str = "detect_secrets.filters.regex.should_exclude_";

#[derive(Deserialize)]
struct Baseline {
    #[serde(default)]
    filters_used: Vec<Filter>,
    results: BTreeMap<String, Vec<Found>>,
}

#[derive(Deserialize)]
struct Filter {
    path: String,
    #[serde(default)]
    pattern: Value,
}

#[derive(Deserialize)]
struct Found {
    #[serde(rename = "type")]
    kind: String,
    hashed_secret: String,
    #[serde(default)]
    is_secret: Option<bool>,
}

/// What of detect-secrets finds no parts of AWS credentials.
const OTHERS: [&str; 22] = [
    "Artifactory Credentials",
    "Azure Storage Account access key",
    "Basic Auth Credentials",
    "Cloudant Credentials",
    "Discord Bot Token",
    "GitHub Token",
    "GitLab Token",
    "IBM Cloud IAM Key",
    "IBM COS HMAC Credentials",
    "JSON Web Token",
    "Mailchimp Access Key",
    "NPM tokens",
    "OpenAI Token",
    "Private Key",
    "Public IP (ipv4)",
    "PyPI Token",
    "SendGrid API Key",
    "Slack Token",
    "SoftLayer Credentials",
    "Square OAuth Secret",
    "Stripe Access Key",
    "Twilio API Key",
];

pub(super) fn parse(text: &str, list: &mut ForeignList) -> Result<(), Problem> {
    let baseline: Baseline = serde_json::from_str(text)
        .map_err(|error| json_problem(&error, "a baseline of detect-secrets"))?;
    filters(&baseline.filters_used, text, list)?;
    // The results are sorted by file as they are written; one that was sorted by hand is found from the start.
    let mut lines = Lines::new(text);
    for (file, found) in &baseline.results {
        for found in found {
            let line = lines.of_next(&format!("\"{}\"", found.hashed_secret));
            add(file, found, line, list).map_err(|problem| (line, problem))?;
        }
    }
    Ok(())
}

fn add(file: &str, found: &Found, line: u64, list: &mut ForeignList) -> Result<(), String> {
    let digest = hex(&found.hashed_secret)
        .ok_or("`hashed_secret` must be a SHA-1 digest of 40 hexadecimal digits")?;
    if OTHERS.contains(&found.kind.as_str()) {
        list.pass_over(line, format!("{} of detect-secrets", found.kind));
        return Ok(());
    }
    let reason = found.is_secret.map(|is_secret| {
        let label = if is_secret { "labelled a real secret" } else { "labelled a false positive" };
        format!("{label} in an audit")
    });
    let what = format!("a value in {file} ({})", found.kind);
    let entry = list.push(line, what, reason, Carry::findings());
    if found.kind != "AWS Access Key" {
        list.mark_general(entry);
    }
    list.of_digest(entry, Digest::Sha1(digest), Scope::File(normal(file).into()));
    Ok(())
}

fn filters(filters: &[Filter], text: &str, list: &mut ForeignList) -> Result<(), Problem> {
    let mut compiler = Compiler::new(Dialect::Python);
    for filter in filters {
        let Some(about) = filter.path.strip_prefix(EXCLUDES) else { continue };
        let line = Lines::new(text).of_next(&filter.path);
        let patterns: Vec<&str> = match &filter.pattern {
            Value::String(pattern) => vec![pattern],
            Value::Array(patterns) => patterns.iter().filter_map(Value::as_str).collect(),
            _ => return Err((line, "`pattern` must be a list of patterns".into())),
        };
        for pattern in patterns {
            let regex = compiler.compile(pattern).map_err(|problem| (line, problem))?;
            let (allow, carry) = match about {
                "file" => (Allow::of_path(vec![regex]), Carry::path_pattern(pattern)),
                "secret" => {
                    (Allow::of_text(Target::Value, vec![regex]), Carry::value_pattern(pattern))
                }
                "line" => (Allow::of_text(Target::Line, vec![regex]), Carry::findings()),
                _ => continue,
            };
            let entry = list.push(line, format!("--exclude-{about}s"), None, carry);
            list.mark_general(entry);
            list.allow(entry, allow);
        }
    }
    Ok(())
}
