//! What a history lacks, and `keylint history` says of it: what git would miss never ends as clean.

use std::fs;

use crate::harness::Sandbox;

const ID: &str = "aws_access_key_id = {{aws-access-key-id:1}}\n";
const NOWHERE: &str = "0123456789012345678901234567890123456789";

/// A repository with two commits, each of a file with some of this text.
fn repository(text: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.git("init --quiet");
    for path in ["one", "dir/two"] {
        sandbox.write(path, text);
        sandbox.git("add .");
        sandbox.git(&format!("commit --quiet -m {path}"));
    }
    sandbox
}

fn id(sandbox: &Sandbox, revision: &str) -> String {
    sandbox.git(&format!("rev-parse {revision}")).trim().to_owned()
}

/// Removes a loose object.
fn lose(sandbox: &Sandbox, id: &str) {
    fs::remove_file(sandbox.path(format!(".git/objects/{}/{}", &id[..2], &id[2..]))).unwrap();
}

#[test]
fn a_head_that_cannot_be_read_is_a_problem() {
    for (head, text) in [("garbage\n", ID), ("", ID), ("ref: refs/heads/a b\n", "nothing\n")] {
        let sandbox = repository(text);
        fs::write(sandbox.path(".git/HEAD"), head).unwrap();
        sandbox.run("history").expect(2).says("HEAD cannot be read");
        sandbox.run("staged").expect(2).complains("HEAD cannot be read");
    }
}

#[test]
fn a_branch_without_a_commit_is_none() {
    let sandbox = repository("nothing\n");
    sandbox.git("checkout --quiet --orphan unborn");
    sandbox.run("history").expect(0);
    sandbox.git("symbolic-ref refs/remotes/origin/HEAD refs/remotes/origin/gone");
    sandbox.run("history").expect(0);
}

#[test]
fn a_reference_that_cannot_be_read_is_a_problem() {
    let sandbox = repository("nothing\n");
    fs::write(sandbox.path(".git/refs/heads/broken"), [0; 41]).unwrap();
    // No references, whatever is in them.
    fs::write(sandbox.path(".git/refs/heads/.DS_Store"), [0; 41]).unwrap();
    fs::write(sandbox.path(".git/refs/heads/main.lock"), "").unwrap();
    let run = sandbox.run("history").expect(2).says("refs/heads/broken: corrupt reference");
    assert!(!run.stdout.contains("DS_Store") && !run.stdout.contains("lock"), "{run}");
}

#[test]
fn references_to_what_is_lost_are_problems() {
    let sandbox = repository("nothing\n");
    let tip = id(&sandbox, "HEAD");
    sandbox.git("branch other");
    sandbox.git("worktree add --quiet --detach linked");
    sandbox.git("pack-refs --all");
    lose(&sandbox, &tip);
    let run = sandbox.run("history").expect(2);
    for name in ["refs/heads/main", "refs/heads/other", "worktrees/linked/HEAD"] {
        assert!(
            run.stdout.contains(&format!("{name} leads to {tip}, which is not there")),
            "{run}"
        );
    }
    sandbox.run("history --allow-incomplete").expect(2);
}

#[test]
fn a_detached_head_on_what_is_lost_is_a_problem() {
    let sandbox = repository("nothing\n");
    fs::write(sandbox.path(".git/HEAD"), NOWHERE).unwrap();
    sandbox.run("history").expect(2).says(&format!("HEAD leads to {NOWHERE}, which is not there"));
}

#[test]
fn a_tag_of_what_is_lost_is_a_problem() {
    let sandbox = repository("nothing\n");
    let blob = id(&sandbox, "HEAD:one");
    sandbox.write("lost", "lost\n");
    let lost = sandbox.git("hash-object -w lost").trim().to_owned();
    sandbox.git(&format!("tag --annotate -m tag lost {lost}"));
    sandbox.git(&format!("tag --annotate -m tag kept {blob}"));
    lose(&sandbox, &lost);
    let tag = id(&sandbox, "lost");
    sandbox.run("history").expect(2).says(&format!("tag {tag} names {lost}, which is not there"));
}

#[test]
fn the_tree_of_a_commit_is_missed_in_a_shallow_clone_too() {
    let sandbox = repository("nothing\n");
    let url = format!("file://{}", sandbox.path(".").display());
    sandbox.git(&format!("clone --quiet --depth 1 {url} shallow"));
    sandbox.run("history shallow --allow-incomplete").expect(0);
    let tree = id(&sandbox, "HEAD^{tree}");
    fs::remove_dir_all(sandbox.path("shallow/.git/objects/pack")).unwrap();
    // The commit alone is left.
    let commit = id(&sandbox, "HEAD");
    let from = sandbox.path(format!(".git/objects/{}/{}", &commit[..2], &commit[2..]));
    let to = sandbox.directory(format!("shallow/.git/objects/{}", &commit[..2]));
    fs::copy(from, to.join(&commit[2..])).unwrap();
    let run = sandbox.run("history shallow --allow-incomplete").expect(2);
    run.says(&format!("commit {commit} names {tree}, which is not there"));
}

#[test]
fn the_empty_tree_need_not_be_there() {
    let sandbox = Sandbox::new();
    sandbox.git("init --quiet");
    sandbox.git("commit --quiet --allow-empty -m empty");
    lose(&sandbox, &id(&sandbox, "HEAD^{tree}"));
    sandbox.git("log");
    sandbox.run("history").expect(0);
}
