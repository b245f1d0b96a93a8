//! `keylint hook` in real commits and pushes.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::harness::Sandbox;

const ID: &str = "aws_access_key_id = {{aws-access-key-id:1}}\n";
const HOOK: &str = ".git/hooks/pre-commit";

/// A repository with one commit.
fn repository() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.git("init --quiet");
    sandbox.write("old", "nothing\n");
    sandbox.git("add .");
    sandbox.git("commit --quiet -m first");
    sandbox
}

fn commit(sandbox: &Sandbox, path: &str, text: &str) -> (bool, String) {
    sandbox.write(path, text);
    sandbox.git("add --all");
    let (succeeded, stdout, stderr) = sandbox.try_git(&format!("commit -m {path}"));
    (succeeded, stdout + &stderr)
}

#[test]
fn a_commit_with_a_key_is_stopped_and_one_without_is_made() {
    let sandbox = repository();
    sandbox.run("hook install").expect(0).says("installed [ROOT]/.git/hooks/pre-commit");
    let (made, said) = commit(&sandbox, "new", "nothing\n");
    assert!(made && !said.contains("keylint"), "{said}");
    let (made, said) = commit(&sandbox, "keys", ID);
    assert!(!made && said.contains("keys:1:21") && said.contains("--no-verify"), "{said}");
    sandbox.git("commit --quiet --no-verify -m keys");
}

#[test]
fn installing_twice_is_installing_once() {
    let sandbox = repository();
    sandbox.run("hook install").expect(0);
    let script = sandbox.read(HOOK);
    sandbox.run("hook install").expect(0);
    assert_eq!(sandbox.read(HOOK), script);
    assert!(!sandbox.path(".git/hooks/pre-commit.keylint-kept").exists());
    sandbox.run("hook uninstall").expect(0).says("removed").says("not installed");
    assert!(!sandbox.path(HOOK).exists());
    sandbox.run("hook uninstall").expect(0).says("not installed");
}

#[test]
fn a_hook_that_was_there_runs_first_and_comes_back_as_it_was() {
    let sandbox = repository();
    let before = "#!/bin/sh\necho \"before: $# arguments\"\n[ ! -e refuse ]";
    let hook = sandbox.write_executable(HOOK, before);
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o740)).unwrap();
    sandbox.run("hook install").expect(0).says("runs before it");
    sandbox.run("hook install").expect(0);

    let (made, said) = commit(&sandbox, "new", "nothing\n");
    assert!(made && said.contains("before: 0 arguments"), "{said}");
    let (made, said) = commit(&sandbox, "keys", ID);
    assert!(!made && said.contains("before: ") && said.contains("keys:1:21"), "{said}");
    let (made, said) = commit(&sandbox, "refuse", "");
    assert!(!made && !said.contains("keys:1:21"), "{said}");

    sandbox.run("hook uninstall").expect(0).says("restored [ROOT]/.git/hooks/pre-commit");
    assert_eq!(sandbox.read(HOOK), before);
    assert_eq!(hook.metadata().unwrap().permissions().mode() & 0o777, 0o740);
    let hooks = sandbox.list(".git/hooks");
    assert!(!hooks.iter().any(|name| name.contains("keylint")), "{hooks:?}");
}

#[test]
fn a_hook_that_is_off_stays_off() {
    let sandbox = repository();
    sandbox.write(HOOK, "#!/bin/sh\nexit 1\n");
    sandbox.run("hook install").expect(0);
    let (made, said) = commit(&sandbox, "new", "nothing\n");
    assert!(made, "{said}");
}

#[test]
fn a_link_is_kept_as_a_link() {
    let sandbox = repository();
    std::os::unix::fs::symlink("nowhere", sandbox.path(HOOK)).unwrap();
    sandbox.run("hook install").expect(0);
    sandbox.run("hook uninstall").expect(0);
    assert_eq!(fs::read_link(sandbox.path(HOOK)).unwrap().to_str(), Some("nowhere"));
}

#[test]
fn nobody_s_hook_is_overwritten() {
    let sandbox = repository();
    sandbox.write_executable(HOOK, "#!/bin/sh\necho one\n");
    sandbox.run("hook install").expect(0);
    sandbox.write_executable(HOOK, "#!/bin/sh\necho two\n");
    sandbox.run("hook install").expect(2).complains("neither is keylint's");
    sandbox.run("hook uninstall").expect(2).complains("not keylint's any more");
    assert_eq!(sandbox.read(HOOK), "#!/bin/sh\necho two\n");
    assert_eq!(sandbox.read(".git/hooks/pre-commit.keylint-kept"), "#!/bin/sh\necho one\n");
}

#[test]
fn without_keylint_commits_are_stopped_with_the_reason() {
    let sandbox = repository();
    sandbox.run("hook install").expect(0);
    let script = sandbox.read(HOOK).replace(env!("CARGO_BIN_EXE_keylint"), "/nonesuch/keylint");
    sandbox.write_executable(HOOK, &script);
    let (made, said) = commit(&sandbox, "new", "nothing\n");
    assert!(!made && said.contains("keylint is not found"), "{said}");
}

#[test]
fn hooks_go_where_git_looks_for_them() {
    let sandbox = repository();
    sandbox.git("config core.hooksPath own/hooks");
    sandbox.directory("sub");
    sandbox.keylint(["hook", "install"]).current_dir("sub").run().expect(0);
    assert_eq!(sandbox.list("own/hooks"), ["pre-commit"]);
    sandbox.write(".git/info/exclude", "own\n");
    assert!(!commit(&sandbox, "keys", ID).0);

    sandbox.git("config core.hooksPath .husky/_");
    sandbox.run("hook install").expect(2).complains("husky");
}

#[test]
fn linked_worktrees_have_them_in_common() {
    let sandbox = Sandbox::new();
    // Within a linked worktree git runs hooks by their whole path.
    sandbox.git("init --quiet it's$HOME");
    sandbox.git("-C it's$HOME commit --quiet --allow-empty -m first");
    sandbox.write_executable("it's$HOME/.git/hooks/pre-commit", "#!/bin/sh\necho before\n");
    sandbox.git("-C it's$HOME worktree add --quiet ../linked");
    sandbox.keylint(["hook", "install"]).current_dir("linked").run().expect(0);
    sandbox.write("linked/keys", ID);
    sandbox.git("-C linked add keys");
    let (made, stdout, stderr) = sandbox.try_git("-C linked commit -m keys");
    let said = stdout + &stderr;
    assert!(!made && said.contains("before") && said.contains("keys:1:21"), "{said}");
}

#[test]
fn bare_repositories_and_other_places_are_errors() {
    let bare = Sandbox::new();
    bare.git("init --quiet --bare");
    bare.run("hook install").expect(2).complains("pre-receive");
    Sandbox::new().run("hook install").expect(2).complains("no git repository");
}

#[test]
fn a_push_of_a_commit_with_a_key_is_stopped() {
    let sandbox = repository();
    sandbox.git("init --quiet --bare bare.git");
    sandbox.write(".git/info/exclude", "bare.git\nsaid\n");
    sandbox.git("remote add origin bare.git");
    let before = "#!/bin/sh\n{ echo \"$@\"; cat; } >said\n";
    sandbox.write_executable(".git/hooks/pre-push", before);
    sandbox.run("hook install --pre-push").expect(0);

    sandbox.git("push --quiet origin main");
    let said = sandbox.read("said");
    assert!(said.starts_with("origin bare.git\nrefs/heads/main "), "{said}");
    sandbox.git("push --quiet origin main");
    assert_eq!(sandbox.read("said"), "origin bare.git\n");

    sandbox.write("keys", ID);
    sandbox.git("add .");
    sandbox.git("commit --quiet --no-verify -m keys");
    let (pushed, stdout, stderr) = sandbox.try_git("push origin main");
    assert!(!pushed && (stdout + &stderr).contains("keys:1:21"));
    let (pushed, ..) = sandbox.try_git("push bare.git main:other");
    assert!(!pushed);
    sandbox.git("push --quiet --no-verify origin main");
    sandbox.write("new", "nothing\n");
    sandbox.git("add .");
    sandbox.git("commit --quiet -m new");
    sandbox.git("push --quiet origin main main:other");
    sandbox.git("push --quiet origin :other");

    sandbox.run("hook uninstall").expect(0).says("removed").says("restored");
    assert_eq!(sandbox.read(".git/hooks/pre-push"), before);
}
