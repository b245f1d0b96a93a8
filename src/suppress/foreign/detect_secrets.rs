//! `.secrets.baseline` of detect-secrets: the SHA-1 of each known value, file by file, and the patterns that its
//! `--exclude-*` options left there.
//!
//! A value that an audit labelled a real secret (`is_secret: true`) is known like the others: the hook of detect-secrets
//! lets it pass, too. The label goes into the reason, and `keylint migrate` names such values.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::carry::Carry;
use super::dialect::Dialect;
use super::digest::Digest;
use super::list::{ForeignList, Scope, normal};
use super::pattern::{Allow, Compiler, Target};
use super::{Lines, Problem, hex, json_problem};

/// How the reason of an entry starts that an audit says is a leak.
pub(super) const REAL: &str = "labelled a real secret";

/// The name of a filter, up to what it is about.
const EXCLUDES: &str = "detect_secrets.filters.regex.should_exclude_";

#[derive(Deserialize)]
struct Baseline {
    #[serde(default)]
    filters_used: Vec<Filter>,
    #[serde(deserialize_with = "in_order")]
    results: Vec<(String, Vec<Found>)>,
}

/// The files as they follow one another in the text, in which their lines are looked for.
fn in_order<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<(String, Vec<Found>)>, D::Error> {
    struct Files;

    impl<'de> Visitor<'de> for Files {
        type Value = Vec<(String, Vec<Found>)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("files with what was found in them")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut files = Vec::new();
            while let Some(file) = map.next_entry()? {
                files.push(file);
            }
            Ok(files)
        }
    }

    deserializer.deserialize_map(Files)
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
    let mut lines = Lines::new(text);
    for (file, found) in &baseline.results {
        let mut values: BTreeMap<[u8; 20], Known> = BTreeMap::new();
        for found in found {
            let line = lines.of_next("\"hashed_secret\"");
            let digest = hex(&found.hashed_secret).ok_or_else(|| {
                let expected = "a SHA-1 digest of 40 hexadecimal digits";
                (line, format!("`hashed_secret` must be {expected}"))
            })?;
            if OTHERS.contains(&found.kind.as_str()) {
                list.pass_over(line, format!("{} of detect-secrets", found.kind));
            } else {
                values.entry(digest).or_insert_with(|| Known::new(line)).add(found);
            }
        }
        for (digest, known) in values {
            known.add_to(list, file, digest);
        }
    }
    Ok(())
}

/// A value in a file, which several plugins may have found.
struct Known {
    line: u64,
    kinds: Vec<String>,
    is_secret: Option<bool>,
}

impl Known {
    fn new(line: u64) -> Self {
        Self { line, kinds: Vec::new(), is_secret: None }
    }

    fn add(&mut self, found: &Found) {
        self.kinds.push(found.kind.clone());
        self.is_secret = match (self.is_secret, found.is_secret) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (one, other) => one.or(other),
        };
    }

    fn add_to(self, list: &mut ForeignList, file: &str, digest: [u8; 20]) {
        let reason = self.is_secret.map(|is_secret| {
            let label = if is_secret { REAL } else { "labelled a false positive" };
            format!("{label} in an audit")
        });
        let what = format!("a value in {file} ({})", self.kinds.join(", "));
        let entry = list.push(self.line, what, reason, Carry::findings());
        if self.kinds.iter().all(|kind| kind != "AWS Access Key") {
            list.mark_general(entry);
        }
        list.of_digest(entry, Digest::Sha1(digest), Scope::File(normal(file).into()));
    }
}

fn filters(filters: &[Filter], text: &str, list: &mut ForeignList) -> Result<(), Problem> {
    let mut compiler = Compiler::new(Dialect::Python);
    let mut lines = Lines::new(text);
    for filter in filters {
        let Some(about) = filter.path.strip_prefix(EXCLUDES) else { continue };
        let line = lines.of_next(EXCLUDES);
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
