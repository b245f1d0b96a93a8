//! The scan of `action.yml`, run as a runner of GitHub Actions does: which commits an event means, and no event is green
//! when its commits are not there.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::harness::Sandbox;

const PAIR: &str = "aws_access_key_id = {{aws-access-key-id:1}}\naws_secret_access_key = {{aws-secret-access-key:1}}\n";
const NO_COMMIT: &str = "0000000000000000000000000000000000000000";

/// The script of the step that scans.
fn script() -> String {
    let action = Path::new(env!("CARGO_MANIFEST_DIR")).join("action.yml");
    let action = fs::read_to_string(action).unwrap();
    let step = action.split("- name: Scan\n").nth(1).unwrap();
    let lines = step.split("      run: |\n").nth(1).unwrap().lines();
    lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// A repository whose branch `side` adds a key and removes it again, and `main` has nothing of it.
fn repository() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.git("init --quiet");
    for (path, text) in [("old", "1\n"), ("old", "2\n"), ("keys", PAIR), ("keys", "gone\n")] {
        if text == PAIR {
            sandbox.git("checkout --quiet -b side");
        }
        sandbox.write(path, text);
        sandbox.git("add .");
        sandbox.git("commit --quiet -m change");
    }
    sandbox.git("checkout --quiet main");
    sandbox
}

/// What the step gives for an event: its status, what it prints, and whether it leaves a report.
fn run(sandbox: &Sandbox, clone: &str, event: &[(&str, &str)]) -> (Option<i32>, String, bool) {
    let _ = fs::remove_dir_all(sandbox.path("work"));
    let url = format!("file://{}", sandbox.path("").display());
    sandbox.git(&format!("clone --quiet {clone} {url} work"));
    let output = sandbox.path("output");
    fs::write(&output, "").unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_keylint")).parent().unwrap();
    let run = Command::new("bash")
        .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", &script()])
        .current_dir(sandbox.path("work"))
        .env_clear()
        .env(
            "PATH",
            std::env::join_paths([
                program,
                "/usr/local/bin".as_ref(),
                "/usr/bin".as_ref(),
                "/bin".as_ref(),
            ])
            .unwrap(),
        )
        .env("HOME", sandbox.path(""))
        .env("RUNNER_TEMP", sandbox.path(""))
        .env("GITHUB_OUTPUT", &output)
        .env("KEYLINT_DEFAULT", "main")
        .envs(event.iter().copied())
        .output()
        .expect("bash is installed");
    let said = [run.stdout, run.stderr].concat();
    let report = fs::read_to_string(&output).unwrap();
    let has_report =
        report.strip_prefix("sarif=").is_some_and(|path| Path::new(path.trim()).is_file());
    (run.status.code(), String::from_utf8_lossy(&said).into_owned(), has_report)
}

#[test]
fn commits_of_an_event_are_scanned_and_those_that_are_not_there_are_missed() {
    let sandbox = repository();
    let id = |revision: &str| sandbox.git(&format!("rev-parse {revision}")).trim().to_owned();
    let (main, before, side, key) = (id("main"), id("main~1"), id("side"), id("side~1"));
    let push = |from: &str, to: &str| {
        let event = [("GITHUB_EVENT_NAME", "push"), ("KEYLINT_BEFORE", from), ("GITHUB_SHA", to)];
        event.map(|(name, value)| (name, value.to_owned())).to_vec()
    };
    let asked = |from: &str, to: &str| {
        let event = [("KEYLINT_BASE", from), ("KEYLINT_HEAD", to)];
        event.map(|(name, value)| (name, value.to_owned())).to_vec()
    };
    let range = vec![("KEYLINT_RANGE", format!("{key}..{side}"))];
    let mut deleted = push(&main, NO_COMMIT);
    deleted.push(("KEYLINT_DELETED", "true".to_owned()));
    for (clone, event, status, report) in [
        ("--branch main", push(&before, &main), 0, true),
        ("--branch side", push(&main, &side), 1, true),
        // A new branch; one without commits of its own; one that was forced.
        ("--branch side", push(NO_COMMIT, &side), 1, true),
        ("--branch main", push(NO_COMMIT, &main), 0, true),
        ("--branch side", push(&"1".repeat(40), &side), 1, true),
        ("--branch main", deleted, 0, false),
        // What the checkout cut off, and a branch that it has not fetched.
        ("--branch side --depth 1", push(&main, &side), 2, false),
        ("--branch side --depth 1", push(NO_COMMIT, &side), 2, false),
        ("--branch main --depth 1", push(&before, &main), 2, false),
        ("--branch side --single-branch", push(NO_COMMIT, &side), 2, false),
        ("--branch side", asked(&main, &side), 1, true),
        ("--branch side --depth 1", asked(&main, &side), 2, false),
        ("--branch side", range, 0, true),
        // Anything else is about files.
        ("--branch side", Vec::new(), 0, true),
    ] {
        let event: Vec<_> = event.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let (found, said, has_report) = run(&sandbox, clone, &event);
        assert_eq!((found, has_report), (Some(status), report), "{clone}, {event:?}:\n{said}");
    }
}

#[test]
fn the_default_branch_is_scanned_whole_where_nothing_says_what_is_new() {
    let sandbox = repository();
    let main = sandbox.git("rev-parse main").trim().to_owned();
    sandbox.git("checkout --quiet -B main side");
    // What the last commit took the place of: the server has it, a clone of its branches does not.
    let replaced = sandbox.git("commit-tree -p side~1 -m replaced side^{tree}");
    let side = sandbox.git("rev-parse side");
    for (before, status, is_whole) in [
        (main.as_str(), 1, false),
        (replaced.trim(), 0, false),
        (&"1".repeat(40), 1, true),
        (NO_COMMIT, 1, true),
    ] {
        let event = [
            ("GITHUB_EVENT_NAME", "push"),
            ("GITHUB_REF", "refs/heads/main"),
            ("KEYLINT_BEFORE", before),
            ("GITHUB_SHA", side.trim()),
        ];
        let (found, said, has_report) = run(&sandbox, "--branch main", &event);
        assert_eq!((found, has_report), (Some(status), true), "{before}:\n{said}");
        assert!(!said.contains("no new commit"), "{before}:\n{said}");
        assert_eq!(said.contains("all of its history"), is_whole, "{before}:\n{said}");
        let (found, ..) = run(&sandbox, "--branch main --depth 1", &event);
        assert_eq!(found, Some(2), "{before}, shallow");
    }
}

#[test]
fn inputs_are_no_part_of_the_script() {
    let sandbox = repository();
    let range = [("KEYLINT_RANGE", "$(touch ran);touch ran")];
    assert_eq!(run(&sandbox, "--branch main", &range).0, Some(2));
    let arguments = [("KEYLINT_ARGS", "--format json; touch ran $(touch ran) `touch ran`")];
    assert_eq!(run(&sandbox, "--branch main", &arguments).0, Some(2));
    assert!(!sandbox.path("work/ran").exists());
}
