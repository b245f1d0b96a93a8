//! `keylint pre-receive` as git runs it: real pushes to a repository whose hook it is.
#![cfg(unix)]

use std::fs;

use crate::harness::Sandbox;

const ID: &str = "aws_access_key_id = {{aws-access-key-id:1}}\n";
const NONE: &str = "0000000000000000000000000000000000000000";

/// A repository with one commit, pushed to `bare`, whose hook is keylint from then on.
fn pushed() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.git("init --quiet");
    sandbox.git("init --quiet --bare bare");
    sandbox.write(".git/info/exclude", "bare\n");
    sandbox.git("remote add origin bare");
    commit(&sandbox, "old", "nothing\n");
    sandbox.git("push --quiet origin main");
    let hook = format!("#!/bin/sh\nexec '{}' pre-receive\n", env!("CARGO_BIN_EXE_keylint"));
    sandbox.write_executable("bare/hooks/pre-receive", &hook);
    sandbox
}

fn commit(sandbox: &Sandbox, path: &str, text: &str) -> String {
    sandbox.write(path, text);
    sandbox.git("add --all");
    sandbox.git(&format!("commit --quiet -m {path}"));
    sandbox.git("rev-parse HEAD").trim().to_owned()
}

/// Pushes, and returns what whoever pushes gets to see.
fn push(sandbox: &Sandbox, what: &str) -> (bool, String) {
    let (accepted, _, said) = sandbox.try_git(&format!("push origin {what}"));
    (accepted, said)
}

#[track_caller]
fn accepted(sandbox: &Sandbox, what: &str) -> String {
    let (accepted, said) = push(sandbox, what);
    assert!(accepted, "{said}");
    said
}

#[track_caller]
fn refused(sandbox: &Sandbox, what: &str) -> String {
    let (accepted, said) = push(sandbox, what);
    assert!(!accepted && said.contains("pre-receive hook declined"), "{said}");
    said
}

#[test]
fn a_push_that_adds_a_key_is_refused_and_shows_it() {
    let sandbox = pushed();
    let id = commit(&sandbox, "keys", ID);
    let said = refused(&sandbox, "main");
    assert!(said.contains("remote: ") && said.contains("keys:1:21"), "{said}");
    assert!(said.contains(&format!("commit: {} by A <a@example.org>", &id[..12])), "{said}");

    commit(&sandbox, "keys", "removed\n");
    refused(&sandbox, "main");
}

#[test]
fn a_push_without_a_key_passes() {
    let sandbox = pushed();
    commit(&sandbox, "new", "nothing\n");
    let said = accepted(&sandbox, "main");
    assert!(said.contains("no credentials found"), "{said}");
}

#[test]
fn what_the_repository_has_already_is_not_scanned_again() {
    let sandbox = pushed();
    commit(&sandbox, "keys", ID);
    fs::rename(sandbox.path("bare/hooks"), sandbox.path("bare/off")).unwrap();
    accepted(&sandbox, "main");
    fs::rename(sandbox.path("bare/off"), sandbox.path("bare/hooks")).unwrap();

    let said = accepted(&sandbox, "main:other");
    assert!(said.contains("scanned 0 files") && !said.contains("warning"), "{said}");
    sandbox.git("checkout --quiet -b side");
    commit(&sandbox, "side", "nothing\n");
    let said = accepted(&sandbox, "side");
    assert!(said.contains("scanned 1 file,"), "{said}");
    accepted(&sandbox, "--force main~1:main");
}

#[test]
fn deleting_a_branch_passes() {
    let sandbox = pushed();
    accepted(&sandbox, "main:other");
    accepted(&sandbox, ":other");
}

#[test]
fn one_bad_reference_of_several_refuses_the_push() {
    let sandbox = pushed();
    commit(&sandbox, "new", "nothing\n");
    sandbox.git("checkout --quiet -b side");
    commit(&sandbox, "keys", ID);
    accepted(&sandbox, "main");
    let said = refused(&sandbox, "side main:other");
    assert!(said.contains("scanned 1 file,"), "{said}");
}

#[test]
fn annotated_tags_are_followed_and_their_messages_searched() {
    let sandbox = pushed();
    sandbox.git("tag -a -m fine v1");
    accepted(&sandbox, "v1");
    fs::rename(sandbox.write("message", ID), sandbox.path(".git/message")).unwrap();
    sandbox.git("tag -a -F .git/message v2");
    let said = refused(&sandbox, "v2");
    assert!(said.contains("<message of tag v2>:1:21"), "{said}");
    sandbox.git("tag -a -m outer v3 v2");
    refused(&sandbox, "v3");

    commit(&sandbox, "keys", ID);
    sandbox.git("tag -a -m fine v4");
    let said = refused(&sandbox, "v4");
    assert!(said.contains("keys:1:21"), "{said}");
}

#[test]
fn what_no_commit_holds_is_named_and_refused() {
    let sandbox = pushed();
    sandbox.git("tag blob HEAD:old");
    let said = refused(&sandbox, "blob");
    assert!(said.contains("refs/tags/blob was not scanned: it names a blob"), "{said}");
}

#[test]
fn lines_of_another_form_are_errors() {
    let sandbox = pushed();
    let id = sandbox.git("rev-parse HEAD").trim().to_owned();
    let run = |input: &str| sandbox.keylint(["pre-receive"]).stdin(input).run();
    run("").expect(2).complains("no `OLD NEW REF`");
    run("main\n").expect(2).complains("line 1");
    run(&format!("{NONE} {id} refs/heads/a\n{NONE} {}\n", &id[..7])).expect(2).complains("line 2");
    let unknown = "1".repeat(40);
    run(&format!("{NONE} {unknown} refs/heads/a\n")).expect(2).complains("refs/heads/a");
    run(&format!("{unknown} {NONE} refs/heads/a\n")).expect(0);
}

#[test]
fn what_a_push_allows_itself_is_told_and_a_policy_can_refuse_it() {
    let sandbox = pushed();
    commit(&sandbox, "keys", &ID.replace('\n', " # keylint:allow trust me\n"));
    commit(&sandbox, "keylint.toml", "[[allow]]\npath = 'more'\nreason = 'trust me'\n");
    let said = accepted(&sandbox, "main:one");
    assert!(said.contains("1 by what this change adds itself"), "{said}");
    // What is pushed as a configuration is not heard at all.
    commit(&sandbox, "more", "id = {{aws-access-key-id:2}}\n");
    let said = refused(&sandbox, "main:two");
    assert!(said.contains("more:1:6"), "{said}");
    commit(&sandbox, "more", "removed\n");
    sandbox.write("bare/policy.toml", "[repository]\nmay = [\"inline\"]\n");
    let hook = sandbox
        .read("bare/hooks/pre-receive")
        .replace("pre-receive\n", "pre-receive --policy policy.toml\n");
    sandbox.write_executable("bare/hooks/pre-receive", &hook);
    sandbox.git("push --quiet --no-verify origin :one");
    let said = refused(&sandbox, "main:three");
    assert!(said.contains("keylint:allow at keys:1 does not count"), "{said}");
}
