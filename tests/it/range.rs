//! `keylint diff` on repositories that git itself made.

use std::fs;

use serde_json::Value;

use crate::harness::{Run, Sandbox};

const ID: &str = "aws_access_key_id = {{aws-access-key-id:1}}\n";
const OTHER_ID: &str = "aws_access_key_id = {{aws-access-key-id:2}}\n";
const SECRET: &str = "aws_secret_access_key = {{aws-secret-access-key:1}}\n";

/// A repository with one commit, of a file `old` that holds nothing, under the tag `start`.
fn repository() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.git("init --quiet");
    commit(&sandbox, "old", "nothing\n");
    sandbox.git("tag start");
    sandbox
}

/// Writes a file and commits it; returns the commit's id.
fn commit(sandbox: &Sandbox, path: &str, text: &str) -> String {
    sandbox.write(path, text);
    sandbox.git("add --all");
    sandbox.git(&format!("commit --quiet -m {path}"));
    sandbox.git("rev-parse HEAD").trim().to_owned()
}

/// Path and commit of every finding of a JSON report.
fn places(run: &Run) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let report = run.json();
    let findings = report["findings"].as_array().unwrap().iter();
    findings.map(|finding| (text(&finding["path"]), text(&finding["commit"]["id"]))).collect()
}

fn expected<const N: usize>(places: [(&str, &String); N]) -> Vec<(String, String)> {
    places.map(|(path, commit)| (path.to_owned(), commit.clone())).into()
}

#[test]
fn a_key_that_is_removed_again_is_found_in_the_commit_that_added_it() {
    let sandbox = repository();
    let added = commit(&sandbox, "keys", &format!("{ID}{SECRET}"));
    commit(&sandbox, "keys", "removed\n");
    let run = sandbox.run("diff start..HEAD --format json").expect(1);
    assert_eq!(places(&run), expected([("keys", &added)]));
    sandbox.run("diff HEAD~1..HEAD").expect(0).says("scanned 1 file,");
}

#[test]
fn the_commit_is_named_in_every_format() {
    let sandbox = repository();
    sandbox.write("keys", ID);
    sandbox.git("add .");
    sandbox.git("commit --quiet --date=2024-02-29T23:30:00+0530 -m key");
    let id = sandbox.git("rev-parse HEAD").trim().to_owned();
    let commit = serde_json::json!({
        "id": id, "author": "A <a@example.org>", "date": "2024-02-29T23:30:00+05:30"
    });
    let line = format!("= commit: {} by A <a@example.org> on 2024-02-29", &id[..12]);
    sandbox.run("diff start").expect(1).says(&line);
    assert_eq!(sandbox.run("diff start --format json").json()["findings"][0]["commit"], commit);
    let sarif = sandbox.run("diff start --format sarif").json();
    assert_eq!(sarif["runs"][0]["results"][0]["properties"]["commit"], commit);
}

#[test]
fn findings_come_in_the_order_of_commits() {
    let sandbox = repository();
    let first = commit(&sandbox, "z", ID);
    let second = commit(&sandbox, "a", ID);
    let run = sandbox.run("diff start --format json").expect(1);
    assert_eq!(places(&run), expected([("z", &first), ("a", &second)]));
    let also = format!("also at: a:1:21 in {}", &second[..12]);
    sandbox.run("diff start").expect(1).says("1 credential").says(&also);
}

#[test]
fn only_added_lines_count_but_old_halves_are_joined() {
    let sandbox = repository();
    commit(&sandbox, "keys", ID);
    commit(&sandbox, "keys", &format!("# a comment\n{ID}"));
    sandbox.run("diff HEAD~1").expect(0);
    sandbox.run("diff HEAD~1 --whole-files").expect(1).says("aws-access-key-id");
    commit(&sandbox, "keys", &format!("{ID}{SECRET}"));
    sandbox.run("diff HEAD~1").expect(1).says("aws-long-term-credentials").says("keys:1:21");
}

#[test]
fn moving_a_file_adds_nothing() {
    let sandbox = repository();
    let filler = "line\n".repeat(40);
    commit(&sandbox, "keys", &format!("{filler}{ID}"));
    sandbox.git("mv keys moved");
    commit(&sandbox, "moved", &format!("{filler}{ID}more\n"));
    sandbox.run("diff HEAD~1").expect(0);
}

#[test]
fn a_root_commit_adds_all_of_its_tree() {
    let sandbox = repository();
    sandbox.git("checkout --quiet --orphan unrelated");
    let root = commit(&sandbox, "keys", ID);
    let run = sandbox.run("diff start..unrelated --format json").expect(1);
    assert_eq!(places(&run), expected([("keys", &root)]));
}

#[test]
fn a_merge_adds_what_no_parent_has() {
    let sandbox = repository();
    sandbox.git("checkout --quiet -b side");
    let side = commit(&sandbox, "side", ID);
    sandbox.git("checkout --quiet main");
    commit(&sandbox, "main", "nothing\n");
    sandbox.git("merge --quiet --no-edit side");
    let run = sandbox.run("diff start --format json").expect(1);
    assert_eq!(places(&run), expected([("side", &side)]), "the merge itself adds nothing");

    sandbox.write("side", &format!("{ID}{SECRET}"));
    sandbox.write("only-in-merge", OTHER_ID);
    sandbox.git("add .");
    sandbox.git("commit --quiet --amend --no-edit");
    let merge = sandbox.git("rev-parse HEAD").trim().to_owned();
    let run = sandbox.run("diff start --format json").expect(1);
    let found = [("side", &side), ("only-in-merge", &merge), ("side", &merge)];
    assert_eq!(places(&run), expected(found));
}

#[test]
fn a_merge_does_not_add_lines_that_one_parent_has() {
    let sandbox = Sandbox::new();
    sandbox.git("init --quiet");
    let filler = "line\n".repeat(10);
    commit(&sandbox, "keys", &filler);
    sandbox.git("tag start");
    sandbox.git("checkout --quiet -b side");
    let side = commit(&sandbox, "keys", &format!("{ID}{filler}"));
    sandbox.git("checkout --quiet main");
    commit(&sandbox, "keys", &format!("{filler}main\n"));
    sandbox.git("merge --quiet --no-edit side");
    let run = sandbox.run("diff start --format json").expect(1);
    assert_eq!(places(&run), expected([("keys", &side)]));
}

#[test]
fn an_octopus_adds_what_no_parent_has() {
    let sandbox = repository();
    for side in ["one", "two", "three"] {
        sandbox.git(&format!("checkout --quiet -b {side} start"));
        commit(&sandbox, side, "nothing\n");
    }
    sandbox.git("checkout --quiet main");
    commit(&sandbox, "main", "nothing\n");
    sandbox.git("merge --quiet --no-edit one two three");
    sandbox.write("keys", ID);
    sandbox.git("add .");
    sandbox.git("commit --quiet --amend --no-edit");
    let merge = sandbox.git("rev-parse HEAD").trim().to_owned();
    let run = sandbox.run("diff start --format json").expect(1);
    assert_eq!(places(&run), expected([("keys", &merge)]));
}

#[test]
fn messages_are_searched() {
    let sandbox = repository();
    let message = sandbox.write("message", &format!("Add keys\n\n{ID}"));
    std::fs::rename(&message, sandbox.path(".git/message")).unwrap();
    sandbox.git("commit --quiet --allow-empty -F .git/message");
    let id = sandbox.git("rev-parse HEAD").trim().to_owned();
    let path = format!("<message of commit {}>", &id[..12]);
    let run = sandbox.run("diff start --format json").expect(1);
    assert_eq!(places(&run), expected([(&path, &id)]));
    assert_eq!(run.json()["findings"][0]["parts"][0]["line"], 3);
}

#[test]
fn attributes_hide_nothing() {
    let sandbox = repository();
    commit(&sandbox, ".gitattributes", "* -diff\n");
    commit(&sandbox, "keys", ID);
    sandbox.run("diff start").expect(1).says("keys:1:21");
}

#[test]
fn ranges_mean_what_they_do_for_git() {
    let sandbox = repository();
    sandbox.git("checkout --quiet -b side");
    let side = commit(&sandbox, "side", ID);
    sandbox.git("checkout --quiet main");
    let main = commit(&sandbox, "main", OTHER_ID);
    for (range, found) in [
        ("main..side", ("side", &side)),
        ("main...side", ("side", &side)),
        ("side", ("main", &main)),
        ("side..", ("main", &main)),
        ("..side", ("side", &side)),
        ("start", ("main", &main)),
        ("HEAD^..HEAD", ("main", &main)),
    ] {
        let run = sandbox.keylint(["diff", range, "--format", "json"]).run().expect(1);
        assert_eq!(places(&run), expected([found]), "{range}");
    }
}

#[test]
fn what_cannot_be_scanned_is_never_green() {
    let sandbox = repository();
    commit(&sandbox, "new", "nothing\n");
    sandbox.run("diff nonesuch..HEAD").expect(2).complains("unknown revision `nonesuch`");
    sandbox.run("diff HEAD~7").expect(2).complains("unknown revision `HEAD~7`");
    sandbox.run("diff HEAD..HEAD").expect(2).complains("no commit in `HEAD..HEAD`");
    sandbox.run("diff HEAD..start").expect(2).complains("no commit in `HEAD..start`");
    sandbox.run("diff start:old").expect(2).complains("`start:old`");
    sandbox.git("checkout --quiet --orphan unrelated");
    commit(&sandbox, "unrelated", "nothing\n");
    sandbox.run("diff main...unrelated").expect(2).complains("no ancestor in common");
    Sandbox::new().run("diff start").expect(2).complains("no git repository");

    let other = Sandbox::new();
    other.git("init --quiet --object-format=sha256");
    other.run("diff start").expect(2).complains("SHA-256, which keylint cannot read");
}

#[test]
fn a_shallow_clone_is_named_where_it_hides_something() {
    let sandbox = repository();
    for name in ["one", "two", "three"] {
        commit(&sandbox, name, "nothing\n");
    }
    sandbox.git("checkout --quiet -b side start");
    commit(&sandbox, "side", "nothing\n");
    let url = format!("file://{}", sandbox.path(".").display());
    sandbox.git(&format!("clone --quiet --depth 2 --no-single-branch {url} shallow"));
    let run = |range| sandbox.keylint(["diff", range]).current_dir("shallow").run();
    run("origin/main~1..origin/main").expect(0);
    run("origin/main~3..origin/main").expect(2).complains("shallow").complains("unshallow");
    run("origin/side..origin/main").expect(2).says("parents are cut off");
    let args = ["diff", "--allow-incomplete", "origin/side..origin/main"];
    let allowed = sandbox.keylint(args).current_dir("shallow").run().expect(0);
    allowed.says("not scanned, as allowed: 1 gap").says("parents are cut off");
    run("origin/side...origin/main")
        .expect(2)
        .complains("no ancestor in common; this is a shallow");
}

#[test]
fn a_graft_is_named_where_it_hides_something() {
    let sandbox = repository();
    commit(&sandbox, "keys", ID);
    let last = commit(&sandbox, "last", "nothing\n");
    let start = sandbox.git("rev-parse start");
    std::fs::write(sandbox.path(".git/info/grafts"), format!("{last} {start}")).unwrap();
    sandbox.run("diff start").expect(2).says("parents are cut off");
}

#[test]
fn replacing_a_commit_hides_nothing() {
    let sandbox = repository();
    commit(&sandbox, "keys", ID);
    sandbox.git("replace HEAD start");
    sandbox.run("diff start").expect(1).says("keys:1:21");
}

#[test]
fn objects_of_a_partial_clone_that_are_not_there_are_named() {
    let sandbox = repository();
    commit(&sandbox, "keys", ID);
    commit(&sandbox, "keys", "removed\n");
    sandbox.git("config uploadpack.allowFilter true");
    let url = format!("file://{}", sandbox.path(".").display());
    sandbox.git(&format!("clone --quiet --filter=blob:none {url} partial"));
    let run = sandbox.keylint(["diff", "HEAD~2"]).current_dir("partial").run();
    run.expect(2).says("keys: its content cannot be read");
}

#[test]
fn excludes_limits_and_bare_repositories() {
    let sandbox = repository();
    commit(&sandbox, "vendor/keys", ID);
    sandbox.run("diff start --exclude /vendor").expect(0).says("excluded (1)");
    sandbox.run("diff start --max-file-size 10").expect(2).says("limit of 10 bytes");
    sandbox.git("clone --quiet --bare . bare");
    sandbox.keylint(["diff", "start"]).current_dir("bare").run().expect(1).says("vendor/keys:1:21");
}

#[test]
fn modes_that_git_does_not_write_hide_nothing() {
    let sandbox = Sandbox::new();
    sandbox.git("init --quiet");
    sandbox.git("commit --quiet --allow-empty -m first");
    sandbox.write("keys", ID);
    let blob = sandbox.git("hash-object -w keys").trim().to_owned();
    let bytes = git2::Oid::from_str(&blob).unwrap();
    let entries = ["100600 a", "123456 b", "107777 c"]
        .map(|entry| [entry.as_bytes(), b"\0", bytes.as_bytes()].concat());
    fs::write(sandbox.path("tree"), entries.concat()).unwrap();
    let tree = sandbox.git("hash-object -t tree -w --literally tree").trim().to_owned();
    let commit = sandbox.git(&format!("commit-tree -p HEAD -m odd {tree}")).trim().to_owned();
    let run = sandbox.run(&format!("diff HEAD..{commit}")).expect(1);
    for path in ["a", "b", "c"] {
        assert!(run.stdout.contains(&format!("{path}:1:21")), "{run}");
    }
}
