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

use hmac::{Hmac, KeyInit, Mac};
use keylint::rules::placeholder::expand;
use keylint::suppress::List;
use keylint::suppress::foreign::{self, BETTERLEAKS_KEY_VARIABLE, Options};
use regex::{Captures, Regex};
use serde_json::Value;
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
    let mut line = vec!["scan", "--format", "json", "--show-silenced"];
    if case.is_given {
        line.extend(["--baseline", case.place]);
    }
    let report = sandbox.keylint(line).env(BETTERLEAKS_KEY_VARIABLE, HMAC_KEY).run().json();
    let path = |finding: &Value| finding["path"].as_str().unwrap().replace('\\', "/");
    let shown = report["findings"].as_array().unwrap().iter();
    let silenced = report["silenced"].as_array().unwrap().iter();
    let by = |one: &Value| one["by"]["form"].as_str().unwrap().to_owned();
    shown
        .map(|finding| (path(finding), None))
        .chain(silenced.map(|one| (path(&one["finding"]), Some(by(one)))))
        .collect()
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
        // A report holds the values that it knows.
        assert!(
            found.values().filter(|by| by.is_none()).count() == TREE.len() - case.silences.len()
        );
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

#[test]
fn what_cannot_be_read_is_an_error_with_its_line() {
    let json = |line: &str| format!("{{\n\"plugins_used\": [],\n{line}\n}}\n");
    let kingfisher = |version: &str| format!("version: {version}\nfingerprint_algorithm: x\n");
    for (place, text, expected) in [
        (
            ".gitleaksignore",
            "a.py:aws-access-token:1\nwhat is this\n".into(),
            ":2: expected `file:rule:line`",
        ),
        (".betterleaksignore", "# c\nsha256:abc\n".into(), ":2: expected"),
        (".betterleaksignore", "\nhmac-sha256:00\n".into(), ":2: expected a SHA-256 digest"),
        (
            ".gitleaks.toml",
            "[allowlist]\npaths = [\n  '(?=a)',\n]\n".into(),
            ":3: the pattern cannot be used: look-around",
        ),
        (".secrets.baseline", json("\"results\": 1"), ":3: not a baseline of detect-secrets"),
        (".secrets.baseline", json("\"results\": {"), ":5: not JSON"),
        (
            ".secrets.baseline",
            json("\"results\": {\"a\": [{\"type\": \"x\",\n\"hashed_secret\": \"12\"}]}"),
            ":4: `hashed_secret` must be",
        ),
        (".gitallowed", "fine\n\n# (\n(\n".into(), ":4: the pattern cannot be used"),
        (".gitallowed", "(a)\\1\n".into(), ":1: back-references"),
        (".secretsignore", "ok\n{a\n".into(), ":2: the pattern is no"),
        (
            ".gitguardian.yaml",
            "version: 2\nsecret:\n  ignored_paths: x\n".into(),
            ":3: expected a list",
        ),
        (".gitguardian.yaml", "version: 2\nsecret: [\n".into(), ": not YAML"),
        ("given", kingfisher("3"), ":1: `version` must be 2"),
        ("given", kingfisher("2"), ":2: `fingerprint_algorithm` must be kingfisher-v1"),
        ("given", "[{\"RuleID\": 1}]".into(), ":1: not a gitleaks report"),
    ] {
        let sandbox = Sandbox::repository();
        sandbox.write(place, &text);
        let root = sandbox.path("");
        let refused = match place {
            "given" => foreign::read_baseline(&root.join(place), &root, &Options::default()).err(),
            _ => foreign::load(&root, &root, &Options::default()).err(),
        };
        let said = refused.unwrap_or_else(|| panic!("{place} was read:\n{text}")).to_string();
        assert!(said.contains(&format!("{place}{expected}")) || said.contains(expected), "{said}");
    }
}

#[test]
fn a_keyed_digest_without_its_key_is_an_error() {
    let sandbox = Sandbox::repository();
    sandbox.write(".betterleaksignore", &digested(&data("betterleaks/keyed.betterleaksignore")));
    let root = sandbox.path("");
    let said = foreign::load(&root, &root, &Options::default()).err().unwrap().to_string();
    assert!(said.contains(".betterleaksignore:1: ") && said.contains("HMAC_KEY"), "{said}");
}

#[test]
fn a_configuration_that_is_extended_is_read_and_none_outside_of_the_tree() {
    let read = |extend: &str| {
        let sandbox = tree();
        sandbox.write(".gitleaks.toml", &format!("title = 'x'\n[extend]\npath = '{extend}'\n"));
        sandbox.write("conf/base.toml", "[allowlist]\npaths = ['^app']\n");
        let lists = foreign::load(&sandbox.path(""), Path::new("/"), &Options::default());
        lists.map(|lists| lists[0].len()).map_err(|error| error.to_string())
    };
    assert_eq!(read("conf/base.toml"), Ok(1));
    for outside in ["../base.toml", "/etc/passwd", "conf/absent.toml"] {
        assert!(
            read(outside).unwrap_err().contains(".gitleaks.toml:3: `extend.path`"),
            "{outside}"
        );
    }
}

#[test]
fn a_renamed_file_keeps_its_kingfisher_entry() {
    let sandbox = tree();
    let case = CASES.iter().find(|case| case.file.starts_with("kingfisher")).unwrap();
    sandbox.write(case.place, &digested(&data(case.file)));
    fs::rename(sandbox.path("app.py"), sandbox.path("renamed.py")).unwrap();
    assert_eq!(scan(&sandbox, case)["renamed.py"].as_deref(), Some(case.form));
}

#[test]
fn a_file_that_cannot_be_read_ends_every_scan_with_status_2() {
    let sandbox = Sandbox::new();
    sandbox.git("init --quiet");
    sandbox.write("app.py", COPY);
    sandbox.git("add .");
    sandbox.write(".gitleaksignore", "\nnonsense\n");
    for line in ["scan", "scan app.py", "staged", "history"] {
        sandbox.run(line).expect(2).complains(".gitleaksignore:2: expected `file:rule:line`");
    }
    sandbox.run("scan --no-foreign").expect(1);
    sandbox.write("keylint.toml", "foreign = false\n");
    sandbox.run("scan").expect(1);
    fs::remove_file(sandbox.path(".gitleaksignore")).unwrap();
    sandbox.directory(".gitleaksignore");
    sandbox.run("scan --foreign").expect(2).complains(".gitleaksignore: cannot be read");
}

#[test]
fn files_at_the_root_count_from_wherever_keylint_is_run() {
    let sandbox = tree();
    sandbox.write(".gitallowed", "^cfg/settings\\.py:[23]:\n");
    sandbox.keylint(["scan"]).current_dir("cfg").run().expect(0);
    sandbox.keylint(["scan", "settings.py"]).current_dir("cfg").run().expect(0);
    sandbox.keylint(["scan", "../app.py"]).current_dir("cfg").run().expect(1);
    // A file of the name in a subdirectory has no say.
    sandbox.write("cfg/.gitallowed", ".\n");
    fs::remove_file(sandbox.path(".gitallowed")).unwrap();
    sandbox.keylint(["scan"]).current_dir("cfg").run().expect(1);
}

#[test]
fn an_entry_about_a_line_is_about_no_copy_on_another() {
    let sandbox = Sandbox::new();
    let id = "id = {{aws-access-key-id:1}}\n";
    sandbox.write("a", &format!("{id}\n\n{id}"));
    let first = "a:aws-access-token:1\n";
    sandbox.write(".gitleaksignore", first);
    sandbox.run("scan").expect(1);
    sandbox.write(".gitleaksignore", &format!("{first}a:aws-access-token:4\n"));
    sandbox.run("scan").expect(0);
}

#[test]
fn an_entry_about_a_commit_holds_in_that_commit() {
    let sandbox = Sandbox::new();
    sandbox.git("init --quiet");
    sandbox.write("start", "");
    sandbox.git("add .");
    sandbox.git("commit --quiet -m start");
    sandbox.write("app.py", &data("tree/app.py"));
    sandbox.git("add .");
    sandbox.git("commit --quiet -m keys");
    let commit = sandbox.git("rev-parse HEAD");
    let entries = data("gitleaks/commits.gitleaksignore").replace("{{commit}}", commit.trim());
    sandbox.write(".gitleaksignore", &entries);
    sandbox.run("diff HEAD~1..HEAD").expect(0).says(".gitleaksignore (1)");
    sandbox.run("history").expect(0).says(".gitleaksignore (1)");
    // Gitleaks knows no commit in a tree.
    sandbox.run("scan").expect(1);
    let other = "0123456789".repeat(4);
    sandbox.write(".gitleaksignore", &entries.replace(commit.trim(), &other));
    sandbox.run("diff HEAD~1..HEAD").expect(1);
    sandbox.git("commit --quiet --amend -m again");
    sandbox.write(".gitleaksignore", &entries);
    sandbox.run("diff HEAD~1..HEAD").expect(1);
}

#[test]
fn only_entries_that_are_certainly_about_aws_keys_can_be_unused() {
    let sandbox = tree();
    sandbox.write(".secrets.baseline", &digested(&data("detect-secrets/.secrets.baseline")));
    sandbox.write("app.py", "nothing\n");
    sandbox.write("cfg/settings.py", "nothing\n");
    let unused = sandbox.run("scan --report-unused --format json").expect(0).json();
    let whats: Vec<&str> = unused["unused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["suppression"]["what"].as_str().unwrap())
        .collect();
    assert_eq!(whats.len(), 4, "{whats:?}");
    assert!(whats.iter().all(|what| what.contains("AWS Access Key")), "{whats:?}");
    // A bare digest may be that of a password.
    sandbox.write(".betterleaksignore", &format!("{}\n", "0".repeat(64)));
    let unused = sandbox.run("scan --report-unused --format json").expect(0).json();
    assert_eq!(unused["unused"].as_array().unwrap().len(), 4);
}
