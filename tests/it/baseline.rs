//! Baselines: what they know, what they do not, and what their file looks like.

use std::fs;

use proptest::prelude::*;

use crate::containers::Wrap;
use crate::encodings::base64;
use crate::harness::Sandbox;

const FILE: &str = ".keylint-baseline.json";
const ID: &str = "{{aws-access-key-id:1}}";
const SECRET: &str = "{{aws-secret-access-key:1}}";

/// A repository with a known pair in `src/app.env`.
fn known() -> Sandbox {
    let sandbox = Sandbox::repository();
    sandbox.write("src/app.env", &pair("\n"));
    sandbox.run("baseline create").expect(0).says(".keylint-baseline.json: 1 known (1 added");
    sandbox
}

fn pair(between: &str) -> String {
    format!("aws_access_key_id = {ID}\n{between}aws_secret_access_key = {SECRET}\n")
}

#[test]
fn what_is_known_is_silent_and_what_is_new_is_not() {
    let sandbox = known();
    sandbox.run("scan").expect(0).says("not shown: 1 known finding: baseline (1)");
    sandbox.run("scan --no-baseline").expect(1);
    sandbox.run("scan --no-repo-config").expect(1);
    sandbox.write("src/other", "id = {{aws-access-key-id:2}}\n");
    sandbox.run("scan").expect(1).says("1 credential found").says("src/other:1:6");
    // Another value on the very line of the known one.
    sandbox.write("src/other", "");
    sandbox.write("src/app.env", &pair("\n").replace(":1}}", ":2}}"));
    sandbox.run("scan").expect(1);
}

#[test]
fn the_file_has_one_sorted_entry_a_line_and_nothing_that_changes_by_itself() {
    let sandbox = known();
    sandbox.write("b", "id = {{aws-access-key-id:2}}\n");
    sandbox.write("a", "id = {{aws-access-key-id:3}}\n");
    sandbox.run("baseline update").expect(0).says("3 known (2 added, 0 dropped)");
    let text = sandbox.read(FILE);
    let lines: Vec<&str> = text.lines().collect();
    let entries: Vec<&str> =
        lines.iter().copied().filter(|line| line.contains("\"value\"")).collect();
    assert_eq!(entries.len(), 3, "{text}");
    assert!(entries.is_sorted(), "{text}");
    assert!(
        entries.iter().all(|line| line.starts_with("    {\"value\": \"") && line.ends_with("},"))
    );
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let keys: Vec<&String> = json["findings"][0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["path", "rule", "value"]);
    for value in [ID, SECRET] {
        let (value, _) = keylint::rules::placeholder::expand(value);
        assert!(!text.contains(&value[4..12]));
    }
}

#[test]
fn an_update_without_a_change_leaves_the_file_alone() {
    let sandbox = known();
    let before =
        (sandbox.read(FILE), fs::metadata(sandbox.path(FILE)).unwrap().modified().unwrap());
    sandbox.run("baseline update").expect(0).says("unchanged, 1 known");
    sandbox.run("baseline prune").expect(0).says("unchanged, 1 known");
    let after = (sandbox.read(FILE), fs::metadata(sandbox.path(FILE)).unwrap().modified().unwrap());
    assert_eq!(before, after);
}

#[test]
fn a_renamed_file_is_still_known_and_a_copy_is_not() {
    let sandbox = known();
    fs::rename(sandbox.path("src/app.env"), sandbox.path("src/moved.env")).unwrap();
    sandbox.run("scan").expect(0);
    sandbox.run("scan src").expect(0);
    sandbox.write("src/copy.env", &pair("\n"));
    sandbox.run("scan").expect(1).says("src/moved.env");
    fs::remove_file(sandbox.path("src/copy.env")).unwrap();
    sandbox.run("baseline update").expect(0).says("1 known (0 added, 0 dropped)");
    assert!(sandbox.read(FILE).contains("src/moved.env"));
    sandbox.write("src/copy.env", &pair("\n"));
    sandbox.run("scan").expect(1).says("src/copy.env:1");
    // The file that a finding was known in is there, but outside of what is scanned.
    sandbox.write("docs/copy.env", &pair("\n"));
    sandbox.run("scan docs").expect(1);
}

#[test]
fn entries_that_fit_nothing_are_listed_and_pruned() {
    let sandbox = known();
    sandbox.write("gone", "id = {{aws-access-key-id:2}}\n");
    sandbox.run("baseline update").expect(0);
    fs::remove_file(sandbox.path("gone")).unwrap();
    sandbox
        .run("scan --report-unused")
        .expect(0)
        .says("baseline: aws-access-key-id in gone: silences nothing");
    sandbox.run("baseline update").expect(0).says("unchanged, 2 known");
    sandbox.run("baseline prune").expect(0).says("1 known (0 added, 1 dropped)");
    sandbox.run("scan --report-unused").expect(0).says("No unused suppressions");
}

#[test]
fn changes_and_histories_know_it_too() {
    let sandbox = Sandbox::new();
    sandbox.git("init --quiet");
    sandbox.write("app", &format!("id = {ID}\n"));
    sandbox.git("add .");
    sandbox.git("commit --quiet -m first");
    sandbox.run("baseline create").expect(0);
    sandbox.git("add .");
    sandbox.git("commit --quiet -m baseline");
    sandbox.run("history").expect(0).says("baseline (1)");
    // Reformatted in place, then renamed and touched: known. Copied: new.
    sandbox.write("app", &format!("  id: \"{ID}\",\n"));
    sandbox.git("add .");
    sandbox.run("staged").expect(0);
    sandbox.git("commit --quiet -m format");
    sandbox.git("mv app moved");
    sandbox.write("moved", &format!("id: {ID}\n"));
    sandbox.git("add .");
    sandbox.run("staged").expect(0).says("baseline (1)");
    sandbox.git("commit --quiet -m move");
    sandbox.run("diff HEAD~2").expect(0).says("baseline (2)");
    sandbox.run("history").expect(0);
    sandbox.write("again", &format!("id: {ID}\n"));
    sandbox.git("add again");
    sandbox.run("staged").expect(1).says("again:1");
}

#[test]
fn a_change_that_makes_a_finding_known_itself_is_told() {
    let sandbox = Sandbox::new();
    sandbox.git("init --quiet");
    sandbox.write("old", "nothing\n");
    sandbox.git("add .");
    sandbox.git("commit --quiet -m first");
    sandbox.write("app", &format!("id = {ID}\n"));
    sandbox.run("baseline create").expect(0);
    sandbox.git("add .");
    sandbox.run("staged").expect(0).says("baseline (1); 1 by what this change adds itself");
}

#[test]
fn a_file_that_is_no_baseline_is_an_error_with_its_line() {
    let sandbox = known();
    let good = sandbox.read(FILE);
    for (text, said) in [
        ("", ".keylint-baseline.json:1: not a baseline"),
        ("{}", ":1: not a baseline"),
        (&good.replace("baseline-1", "baseline-9"), ":1: a baseline of another version"),
        (&good.replace("\"value\": \"", "\"value\": \"x"), ":5: `value` is not 32 hex digits"),
        (&good.replace("\"key\": \"", "\"key\": \"x"), ":3: `key` is not 64 hex digits"),
        (&good.replace("    null", "<<<<<<< HEAD\n    null"), ":6: not a baseline"),
    ] {
        sandbox.write(FILE, text);
        sandbox.run("scan").expect(2).complains(said);
        sandbox.run("baseline update").expect(2).complains(said);
        sandbox.run("scan --no-baseline").expect(1);
    }
    sandbox.run("scan --baseline nowhere.json").expect(2).complains("nowhere.json: cannot be read");
}

#[test]
fn both_sides_of_a_merge_make_a_baseline() {
    let sandbox = known();
    let mut sides = Vec::new();
    let first = sandbox.read(FILE);
    for number in [2, 3] {
        sandbox.write(FILE, &first);
        sandbox.write("new", &format!("id = {{{{aws-access-key-id:{number}}}}}\n"));
        sandbox.run("baseline update").expect(0);
        sides.push(sandbox.read(FILE));
    }
    let mut merged: Vec<&str> = sides[0].lines().chain(sides[1].lines()).collect();
    merged.retain(|line| line.contains("\"value\""));
    merged.reverse();
    let (head, tail) = first.split_once("    {").unwrap();
    let tail = tail.split_once('\n').unwrap().1;
    sandbox.write(FILE, &format!("{head}{}\n{tail}", merged.join("\n")));
    sandbox.run("scan").expect(0);
    sandbox.run("baseline update").expect(0).says("3 known (0 added");
}

#[test]
fn commands_that_do_not_fit_the_file_say_so() {
    let sandbox = known();
    sandbox.run("baseline create").expect(2).complains("is there already");
    sandbox.run("baseline update other.json").expect(2).complains("`keylint baseline create`");
    sandbox.run("baseline create other.json").expect(0);
    sandbox.run("scan --baseline other.json").expect(0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Edits elsewhere, around the known pair and in its layout, and another name: it stays known, and a new key does
    /// not hide behind it.
    #[test]
    fn edits_neither_bring_it_back_nor_hide_a_new_one(
        before in prop::collection::vec("[a-z =#]{0,30}", 0..30),
        after in prop::collection::vec("[a-z =#]{0,30}", 0..30),
        layout in 0..4,
        name in "(src/app\\.env|[a-z]{3,8}/[a-z]{3,8}\\.(py|env|json))",
        new_first in any::<bool>(),
    ) {
        let sandbox = known();
        let pair = match layout {
            0 => pair(""),
            1 => pair("\n# between\n"),
            2 => format!("  AWS_ACCESS_KEY_ID: \"{ID}\",\n  AWS_SECRET_ACCESS_KEY: \"{SECRET}\"\n"),
            _ => format!("export aws_access_key_id='{ID}' aws_secret_access_key='{SECRET}'\r\n"),
        };
        fs::remove_file(sandbox.path("src/app.env")).unwrap();
        let around = |middle: &str| format!("{}\n{middle}\n{}\n", before.join("\n"), after.join("\n"));
        sandbox.write(&name, &around(&pair));
        sandbox.run("scan").expect(0);
        let new = "\n\n\n\n\n\n\nother: {{aws-access-key-id:7}}\n\n\n\n\n\n\n";
        let both = if new_first { format!("{new}{pair}") } else { format!("{pair}{new}") };
        sandbox.write(&name, &around(&both));
        sandbox.run("scan").expect(1);
    }
}

/// Commits that are put on others, by another committer and with other lines in the same file: what is known, by a
/// baseline or by its fingerprint, stays so, and a new key in the commit does not hide.
#[test]
fn a_rebase_neither_brings_it_back_nor_hides_a_new_one() {
    for (is_baseline, is_new) in [(false, false), (false, true), (true, false), (true, true)] {
        let sandbox = Sandbox::new();
        sandbox.git("init --quiet");
        let commit = |message: &str| {
            sandbox.git("add .");
            sandbox.git(&format!("commit --quiet --allow-empty -m {message}"));
        };
        let lines = |above: &str, below: &str| format!("{above}\n1\n2\n3\n4\n5\n{below}\n");
        sandbox.write("src/app.env", &lines("", ""));
        commit("base");
        sandbox.git("checkout --quiet -b topic");
        sandbox.write("src/app.env", &lines("", &pair("\n")));
        if is_baseline {
            sandbox.run("baseline create").expect(0).says("1 known");
        } else {
            let report = sandbox.run("scan --format json").expect(1).json();
            let fingerprint = &report["findings"][0]["fingerprint"];
            let entry = format!("[[allow]]\nfingerprint = {fingerprint}\nreason = 'known'\n");
            sandbox.write("keylint.toml", &entry);
        }
        commit("keys");
        if is_new {
            sandbox.write("src/new.env", "id = {{aws-access-key-id:7}}\n");
            commit("more");
        }
        let reports = |line: &str| {
            let run = sandbox.run(line).expect(i32::from(is_new));
            if is_new {
                run.says("1 credential found").says("src/new.env");
            }
        };
        reports("diff main..topic");
        sandbox.git("checkout --quiet main");
        for above in ["one", "one\ntwo", "one\ntwo\nthree"] {
            sandbox.write("src/app.env", &lines(above, ""));
            commit("above");
        }
        sandbox.git("rebase --quiet main topic");
        reports("diff main..topic");
        reports("scan");
        reports("history");
    }
}

#[test]
fn a_mark_of_exclamation_in_a_name_makes_no_archive() {
    let sandbox = Sandbox::repository();
    sandbox.write("wow!/app!.env", &pair("\n"));
    sandbox.run("baseline create").expect(0);
    sandbox.write("copy.env", &pair("\n"));
    sandbox.run("scan").expect(1).says("copy.env");
    fs::rename(sandbox.path("copy.env"), sandbox.path("wow!/app!.env")).unwrap();
    fs::rename(sandbox.path("wow!/app!.env"), sandbox.path("moved")).unwrap();
    sandbox.run("scan").expect(0);
}

#[test]
fn an_archive_that_moves_takes_its_members_along() {
    let sandbox = Sandbox::new();
    sandbox.git("init --quiet");
    let member = keylint::rules::placeholder::expand(&pair("\n")).0;
    let archive = Wrap::StoredZip.wrap("d/c.env", member.as_bytes());
    fs::write(sandbox.path("a.zip"), &archive).unwrap();
    sandbox.run("baseline create").expect(0);
    sandbox.git("add .");
    sandbox.git("commit --quiet -m first");
    fs::write(sandbox.path("copy.zip"), &archive).unwrap();
    sandbox.git("add .");
    sandbox.run("scan").expect(1).says("copy.zip!d/c.env");
    sandbox.run("staged").expect(1).says("copy.zip!d/c.env");
    sandbox.git("reset --quiet --hard");
    fs::rename(sandbox.path("a.zip"), sandbox.path("moved.zip")).unwrap();
    sandbox.write("moved.zip.txt", "");
    sandbox.git("add --all");
    sandbox.run("scan").expect(0);
    sandbox.run("staged").expect(0);
    sandbox.git("commit --quiet -m move");
    sandbox.run("diff HEAD~1").expect(0);
    sandbox.run("history").expect(0);
}

#[test]
fn it_is_written_by_the_options_of_a_scan() {
    let sandbox = Sandbox::repository();
    let (text, _) = keylint::rules::placeholder::expand(&format!("id = {ID}\n"));
    fs::write(sandbox.path("a.gz"), Wrap::Gzip.wrap("", text.as_bytes())).unwrap();
    sandbox.write(".gitignore", "ignored\n");
    sandbox.write("ignored", &text);
    let encoded = String::from_utf8(base64(text.as_bytes())).unwrap();
    sandbox.write("encoded", &format!("data: {encoded}\n"));
    for (options, known) in [
        ("", 2),
        ("--no-decode", 1),
        ("--no-archives", 1),
        ("--no-archives --no-decode", 0),
        ("--no-ignore", 3),
    ] {
        sandbox
            .run(&format!("baseline create {options}"))
            .expect(0)
            .says(&format!("{known} known"));
        fs::remove_file(sandbox.path(FILE)).unwrap();
    }
    sandbox.keylint(["triage", "--no-decode", "--no-archives"]).run().expect(0).says("0 to go");
    fs::write(sandbox.path("a.gz"), Wrap::Gzip.wrap("", &Wrap::Gzip.wrap("", b"x"))).unwrap();
    sandbox
        .run("baseline create --archive-depth 1 --allow-incomplete")
        .expect(2)
        .complains("archives around it");
}

#[test]
fn what_a_history_lacks_is_named_also_where_that_is_allowed() {
    let sandbox = Sandbox::new();
    sandbox.git("init --quiet");
    for text in ["one\n", "two\n"] {
        sandbox.write("file", text);
        sandbox.git("add .");
        sandbox.git("commit --quiet -m x");
    }
    let url = format!("file://{}", sandbox.path(".").display());
    sandbox.git(&format!("clone --quiet --depth 1 {url} shallow"));
    let run = |options: &str| {
        let line = format!("baseline create --history {options}");
        sandbox.keylint(line.split_whitespace()).current_dir("shallow").run()
    };
    run("").expect(2).complains("cut off");
    run("--allow-incomplete").expect(0).complains("cut off");
}
