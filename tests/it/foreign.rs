//! Other tools' suppressions: for every format real files, the findings that they silence, and the nearest that they must
//! not silence.
//!
//! The files in `data/foreign` were made by the tools themselves over the tree beside them, in November 2026: gitleaks
//! 8.30.1, betterleaks 2.0.0-rc.4, detect-secrets 1.5.0, Kingfisher 2.14.0, ggshield 1.53; what has no command that
//! makes it (`.gitallowed`, `.gitleaks.toml`, `.secretsignore`) was written by hand and tried with git-secrets and
//! gitleaks. Then values and digests were replaced: `{{sha1 aws-access-key-id:1}}` is worked out here from what the
//! placeholder `{{aws-access-key-id:1}}` stands for.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use hmac::{Hmac, KeyInit, Mac};
use jiff::civil::date;
use keylint::config::settings::Settings;
use keylint::detect::Detector;
use keylint::model::secret::Secret;
use keylint::rules::load::RuleSet;
use keylint::rules::placeholder::expand;
use keylint::scan::{self, Input};
use keylint::suppress::foreign::{self, Options};
use keylint::suppress::{Subject, Suppressions};
use regex::{Captures, Regex};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use twox_hash::XxHash3_64;

use crate::harness::Sandbox;

/// The key that keyed digests are made with.
const HMAC_KEY: &str = "a key";

/// The tree that all tools scanned: one pair in each file.
const TREE: [&str; 3] = ["app.py", "cfg/settings.py", "test/keys.env"];

fn data(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/data/foreign").join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn value(placeholder: &str) -> String {
    let value = expand(&format!("{{{{{placeholder}}}}}")).0;
    assert!(!value.contains('{'), "{placeholder} is no placeholder");
    value
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// Replaces the digests in a file of another tool by what the tool works out over the tree.
fn digested(text: &str) -> String {
    let digest =
        Regex::new(r"\{\{(sha1|sha256|hmac|gitguardian|kingfisher-\w+) ([a-z0-9:-]+)\}\}").unwrap();
    let replaced = digest.replace_all(text, |found: &Captures<'_>| match (&found[1], &found[2]) {
        ("sha1", part) => hex(&Sha1::digest(value(part))),
        ("sha256", part) => hex(&Sha256::digest(value(part))),
        ("hmac", part) => {
            let mut mac = Hmac::<Sha256>::new_from_slice(HMAC_KEY.as_bytes()).unwrap();
            mac.update(value(part).as_bytes());
            hex(&mac.finalize().into_bytes())
        }
        ("gitguardian", number) => {
            let id = value(&format!("aws-access-key-id:{number}"));
            let secret = value(&format!("aws-secret-access-key:{number}"));
            hex(&Sha256::digest(format!("{id},client_id{secret},client_secret")))
        }
        (source, part) => {
            let value = value(part);
            let mut files = TREE.iter().map(|file| expand(&data(&format!("tree/{file}"))).0);
            let at = files.find_map(|text| text.find(&value)).unwrap();
            let mut hashed = value.clone().into_bytes();
            hashed.extend_from_slice(source.strip_prefix("kingfisher-").unwrap().as_bytes());
            hashed.extend_from_slice(&(at as u64).to_le_bytes());
            hashed.extend_from_slice(&((at + value.len()) as u64).to_le_bytes());
            XxHash3_64::oneshot(&hashed).to_string()
        }
    });
    replaced.into_owned()
}

/// The tree, as the root of a repository.
fn tree() -> Sandbox {
    let sandbox = Sandbox::repository();
    for file in TREE {
        sandbox.write(file, &data(&format!("tree/{file}")));
    }
    sandbox
}

/// A format, by example.
struct Case {
    /// The file in `data/foreign`.
    file: &'static str,
    /// Where it lies in the tree.
    place: &'static str,
    /// Whether it is given as a baseline, since tools give it no usual name.
    is_given: bool,
    /// By what name reports count it.
    form: &'static str,
    /// The files whose findings it silences.
    silences: &'static [&'static str],
    /// Changes of the tree, each with the file in which a finding is shown then.
    misses: &'static [(&'static str, &'static str)],
}

const PAIR_4: &str = "import boto3\n\naws_access_key_id = \"{{aws-access-key-id:4}}\"\naws_secret_access_key = \"{{aws-secret-access-key:4}}\"\n";
const MOVED_DOWN: &str = "import boto3\n\n\naws_access_key_id = \"{{aws-access-key-id:1}}\"\naws_secret_access_key = \"{{aws-secret-access-key:1}}\"\n";
const COPY: &str = "import boto3\n\naws_access_key_id = \"{{aws-access-key-id:1}}\"\naws_secret_access_key = \"{{aws-secret-access-key:1}}\"\n";

const CASES: [Case; 13] = [
    Case {
        file: "gitleaks/.gitleaksignore",
        place: ".gitleaksignore",
        is_given: false,
        form: ".gitleaksignore",
        silences: &["app.py"],
        misses: &[("app.py", MOVED_DOWN), ("copy.py", COPY)],
    },
    Case {
        file: "gitleaks/report-dir.json",
        place: "known.json",
        is_given: true,
        form: "gitleaks report",
        silences: &TREE,
        misses: &[("app.py", PAIR_4), ("copy.py", COPY)],
    },
    Case {
        file: "gitleaks/report-redacted.json",
        place: "known.json",
        is_given: true,
        form: "gitleaks report",
        silences: &TREE,
        misses: &[("app.py", MOVED_DOWN), ("copy.py", COPY)],
    },
    Case {
        file: "gitleaks/.gitleaks.toml",
        place: ".gitleaks.toml",
        is_given: false,
        form: ".gitleaks.toml",
        silences: &["app.py", "test/keys.env"],
        misses: &[
            ("cfg/app.py", COPY),
            ("app.py", "key = \"{{aws-access-key-id:1}}\"\n"),
            ("test/keys.py", COPY),
        ],
    },
    Case {
        file: "betterleaks/.betterleaksignore",
        place: ".betterleaksignore",
        is_given: false,
        form: ".betterleaksignore",
        silences: &["app.py"],
        misses: &[("app.py", PAIR_4)],
    },
    Case {
        file: "betterleaks/keyed.betterleaksignore",
        place: ".betterleaksignore",
        is_given: false,
        form: ".betterleaksignore",
        silences: &["app.py"],
        misses: &[("app.py", PAIR_4)],
    },
    Case {
        // With --slim, --exclude-files and --exclude-lines; audited: the pair of app.py is labelled real.
        file: "detect-secrets/slim-excludes.baseline",
        place: ".secrets.baseline",
        is_given: false,
        form: ".secrets.baseline",
        silences: &TREE,
        misses: &[
            ("app.py", PAIR_4),
            ("test/keys.py", COPY),
            ("cfg/settings.py", "aws_access_key_id = \"{{aws-access-key-id:2}}\"\n"),
        ],
    },
    Case {
        file: "detect-secrets/.secrets.baseline",
        place: ".secrets.baseline",
        is_given: false,
        form: ".secrets.baseline",
        silences: &TREE,
        misses: &[("app.py", PAIR_4), ("copy.py", COPY)],
    },
    Case {
        file: "detect-secrets/.secrets.baseline",
        place: "elsewhere/baseline.json",
        is_given: true,
        form: ".secrets.baseline",
        silences: &TREE,
        misses: &[("app.py", PAIR_4), ("copy.py", COPY)],
    },
    Case {
        file: "kingfisher/baseline.yml",
        place: "baseline.yml",
        is_given: true,
        form: "Kingfisher baseline",
        silences: &TREE,
        misses: &[("app.py", MOVED_DOWN), ("copy.py", COPY)],
    },
    Case {
        file: "git-secrets/.gitallowed",
        place: ".gitallowed",
        is_given: false,
        form: ".gitallowed",
        silences: &["app.py", "test/keys.env"],
        misses: &[("app.py", "key = \"{{aws-access-key-id:1}}\"\n"), ("cfg/app.py", COPY)],
    },
    Case {
        file: "ripsecrets/.secretsignore",
        place: ".secretsignore",
        is_given: false,
        form: ".secretsignore",
        silences: &["app.py", "test/keys.env"],
        misses: &[("app.py", PAIR_4), ("tests/app.py", PAIR_4)],
    },
    Case {
        file: "gitguardian/.gitguardian.yaml",
        place: ".gitguardian.yaml",
        is_given: false,
        form: ".gitguardian.yaml",
        silences: &["app.py", "test/keys.env"],
        misses: &[("app.py", PAIR_4), ("test/keys.py", PAIR_4)],
    },
];

/// What silences the finding in each file; nothing, for those that are shown.
fn scan(sandbox: &Sandbox, case: &Case) -> BTreeMap<String, Option<String>> {
    let root = sandbox.path("");
    let options = Options { betterleaks_key: Some(Secret::new(HMAC_KEY.as_bytes())) };
    let mut said = Suppressions::new(date(2026, 11, 22));
    foreign::load(&root, &options).unwrap().into_iter().for_each(|list| said.add(list));
    if case.is_given {
        let given = foreign::read_baseline(&root.join(case.place), &root, &options).unwrap();
        said.add(Box::new(given.expect("the format is recognised")));
    }
    let detector = Detector::new(Arc::new(RuleSet::builtin().unwrap()));
    let inputs = [Input::Path(root.clone())];
    let found = scan::run(&inputs, &Settings::default(), &detector, &AtomicBool::new(false));
    let came_from = |path: &Path| !root.join(path).exists();
    let mut by_file = BTreeMap::new();
    for finding in found.unwrap().findings {
        let scope = finding.origin.scope().to_str().unwrap().replace('\\', "/");
        let place = root.join(&scope);
        let subject = Subject {
            finding: &finding,
            scope: Path::new(&scope),
            fingerprint: finding.fingerprint,
            place: Some(&place),
            came_from: &came_from,
        };
        let by = said.ask(&subject).silenced_by.map(|entry| entry.form.name.to_owned());
        by_file.insert(scope, by);
    }
    by_file
}

#[test]
fn every_format_silences_what_it_says_and_not_what_comes_near() {
    for case in &CASES {
        let text = digested(&data(case.file));
        let sandbox = tree();
        sandbox.write(case.place, &text);
        let found = scan(&sandbox, case);
        for file in TREE {
            let by = case.silences.contains(&file).then(|| case.form.to_owned());
            assert_eq!(found[file], by, "{file} with {}", case.file);
        }
        for (path, change) in case.misses {
            let sandbox = tree();
            sandbox.write(case.place, &text);
            sandbox.write(path, change);
            let found = scan(&sandbox, case);
            assert_eq!(found[*path], None, "{path} with {}:\n{change}", case.file);
        }
    }
}

/// A comment of another tool: what it silences, what comes near.
const COMMENTS: [(&str, &str, &str); 11] = [
    ("gitleaks:allow", "KEY # gitleaks:allow", "KEY\n# gitleaks:allow"),
    ("gitleaks:allow", "KEY 'xgitleaks:allowx'", "KEY # gitleaks: allow"),
    ("betterleaks:allow", "# betterleaks:allow KEY", "KEY # BETTERLEAKS:ALLOW"),
    ("kingfisher:ignore", "# kingfisher:ignore\nKEY", "# kingfisher:ignore\n\nKEY"),
    ("kingfisher:ignore", "KEY\n# kingfisher:ignore", "KEY\n\n# kingfisher:ignore"),
    ("trufflehog:ignore", "KEY # trufflehog:ignore", "/* trufflehog:ignore */ KEY"),
    (
        "pragma: allowlist secret",
        "KEY # pragma: allowlist secret",
        "KEY\n# pragma: allowlist secret",
    ),
    (
        "pragma: allowlist secret",
        "# pragma: allowlist nextline secret\nKEY",
        "x = 1 # pragma: allowlist nextline secret\nKEY",
    ),
    ("ggignore", "KEY # ggignore", "KEY # ggignored"),
    (
        "secretlint-disable",
        "// secretlint-disable\nKEY",
        "// secretlint-disable\n// secretlint-enable\nKEY",
    ),
    (
        "secretlint-disable",
        "// secretlint-disable-next-line @secretlint/secretlint-rule-aws -- a test\nKEY",
        "// secretlint-disable-next-line @secretlint/secretlint-rule-slack -- a test\nKEY",
    ),
];

#[test]
fn every_comment_silences_what_it_says_and_not_what_comes_near() {
    for (form, silent, loud) in COMMENTS {
        for (text, status) in [(silent, 0), (loud, 1)] {
            let sandbox = Sandbox::new();
            let key = "aws_access_key_id = \"{{aws-access-key-id:1}}\"";
            sandbox.write("file.js", &format!("\n{}\n", text.replace("KEY", key)));
            let run = sandbox.run("scan --format json").expect(status);
            let counted = &run.json()["scan"]["silenced"][form];
            assert_eq!(counted.as_u64(), (status == 0).then_some(1), "{text}\n{run}");
            sandbox.run("scan --no-inline").expect(status);
            sandbox.run("scan --no-foreign").expect(1);
        }
    }
}
