//! Indexes of every kind that git writes, as the own reader of them sees them and as libgit2 does.

use std::collections::BTreeMap;
use std::fs;

use keylint::sources::git::probe::{self, Staged};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::harness::Sandbox;

/// A repository with one commit of files in several directories.
fn repository() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.git("init --quiet");
    for path in ["a", "a-b", "a.b/c", "d/e/f", "d/e/g", "d/h", "i/j"] {
        sandbox.write(path, path);
    }
    sandbox.git("add .");
    sandbox.git("commit --quiet -m first");
    sandbox
}

fn staged(sandbox: &Sandbox) -> (Option<Staged>, Staged) {
    probe::staged(&sandbox.path("")).unwrap()
}

/// The paths of what is staged, on which both readers agree.
#[track_caller]
fn paths(sandbox: &Sandbox) -> Vec<String> {
    let (own, full) = staged(sandbox);
    assert_eq!(own.as_ref(), Some(&full));
    full.into_iter().map(|(path, ..)| path.to_str().unwrap().to_owned()).collect()
}

#[test]
fn changes_are_seen_whatever_else_git_writes_into_an_index() {
    for setup in [
        "update-index --index-version 2",
        "update-index --index-version 4",
        // The third version has flags beyond those of the second.
        "update-index --skip-worktree d/h",
        "update-index --assume-unchanged d/h",
        "update-index --force-untracked-cache",
        "update-index --fsmonitor",
        // No note of trees.
        "read-tree --empty\nupdate-index --add a a-b a.b/c d/e/f d/e/g d/h i/j",
        "rm --cached --quiet i/j",
    ] {
        let sandbox = repository();
        for line in setup.lines() {
            sandbox.git(line);
        }
        assert_eq!(paths(&sandbox), [""; 0], "{setup}");
        for path in ["a.b/c", "d/e/g"] {
            sandbox.write(path, "changed");
            sandbox.git(&format!("update-index {path}"));
        }
        assert_eq!(paths(&sandbox), ["a.b/c", "d/e/g"], "{setup}");
        // The note of a tree that no commit has.
        sandbox.git("write-tree");
        assert_eq!(paths(&sandbox), ["a.b/c", "d/e/g"], "{setup}");
    }
}

/// An index with another note of trees, without a checksum.
fn with_note(index: &[u8], note: &[u8]) -> Vec<u8> {
    let at = index.windows(4).rposition(|name| name == b"TREE").unwrap();
    let len = u32::from_be_bytes(index[at + 4..at + 8].try_into().unwrap()) as usize;
    let end = at + 8 + len;
    let name = [b"TREE", &u32::try_from(note.len()).unwrap().to_be_bytes()[..], note].concat();
    [&index[..at], &name, &index[end..index.len() - 20], &[0; 20]].concat()
}

/// What is noted of a directory.
fn noted(name: &str, tree: Option<&str>, entries: usize, directories: i64) -> Vec<u8> {
    let Some(tree) = tree else {
        return format!("{name}\0-1 {directories}\n").into_bytes();
    };
    let digits = (0..tree.len()).step_by(2).map(|at| &tree[at..at + 2]);
    let id: Vec<u8> = digits.map(|digits| u8::from_str_radix(digits, 16).unwrap()).collect();
    [format!("{name}\0{entries} {directories}\n").into_bytes(), id].concat()
}

#[test]
fn a_note_is_believed_of_the_directory_that_it_is_about() {
    let sandbox = repository();
    for path in ["a.b/c", "d/e/g", "d/h", "i/j"] {
        sandbox.write(path, "changed");
    }
    let tree = |path: &str| sandbox.git(&format!("rev-parse HEAD:{path}")).trim().to_owned();
    let (d, e) = (tree("d"), tree("d/e"));
    sandbox.git("add .");
    let index = sandbox.path(".git/index");
    let plain = fs::read(&index).unwrap();
    let seen = |note: &[Vec<u8>]| {
        fs::write(&index, with_note(&plain, &note.concat())).unwrap();
        let paths = staged(&sandbox).0.unwrap().into_iter();
        paths.map(|(path, ..)| path.to_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let root = |directories| noted("", None, 0, directories);
    // In the order of git: by length first.
    let others = [noted("e", None, 0, 0), noted("i", None, 0, 0), noted("a.b", None, 0, 0)];
    let [other_e, i, a_b] = others;
    assert_eq!(seen(&[root(0)]), ["a.b/c", "d/e/g", "d/h", "i/j"]);
    let whole = noted("d", Some(&d), 3, 0);
    assert_eq!(seen(&[root(3), whole.clone(), i.clone(), a_b.clone()]), ["a.b/c", "i/j"]);
    assert_eq!(seen(&[root(3), i.clone(), a_b.clone(), whole]), ["a.b/c", "i/j"]);
    let half = [noted("d", None, 0, 1), noted("e", Some(&e), 2, 0)];
    let note = [&[root(3)], &half[..], &[i.clone(), a_b.clone()]].concat();
    assert_eq!(seen(&note), ["a.b/c", "d/h", "i/j"]);
    // A directory of that name elsewhere.
    let elsewhere = [root(2), noted("i", None, 0, 1), noted("e", Some(&e), 2, 0), a_b];
    assert_eq!(seen(&elsewhere), ["a.b/c", "d/e/g", "d/h", "i/j"]);
    assert_eq!(seen(&[root(2), other_e, i]), ["a.b/c", "d/e/g", "d/h", "i/j"]);
}

#[test]
fn a_note_that_is_not_as_git_writes_it_counts_as_none() {
    let sandbox = repository();
    let tree = sandbox.git("rev-parse HEAD:d");
    sandbox.write("d/h", "changed");
    sandbox.git("add d/h");
    let index = sandbox.path(".git/index");
    let plain = fs::read(&index).unwrap();
    sandbox.git("mv i/j k");
    let moved = fs::read(&index).unwrap();
    let root = |directories| noted("", None, 0, directories);
    let d = noted("d", Some(tree.trim()), 3, 0);
    let deep: Vec<Vec<u8>> = (0..5000).map(|_| noted("n", None, 0, 1)).collect();
    for note in [
        vec![],
        vec![b"\0".to_vec()],
        vec![root(2), d.clone()],
        vec![root(1), d.clone(), d.clone()],
        vec![root(2), d.clone(), d],
        vec![root(-1)],
        // What libgit2 would make room for.
        vec![root(i64::from(i32::MAX))],
        [&[root(1)], &deep[..], &[noted("n", None, 0, 0)]].concat(),
    ] {
        fs::write(&index, with_note(&plain, &note.concat())).unwrap();
        sandbox.run("staged").expect(0).says("scanned 1 file");
        // A move takes libgit2, which is not to see such a note.
        fs::write(&index, with_note(&moved, &note.concat())).unwrap();
        sandbox.run("staged").expect(2).complains("the index cannot be read");
    }
}

#[test]
fn directories_deeper_than_the_own_reader_goes_are_left_to_libgit2() {
    let sandbox = repository();
    let path = format!("{}keys", "n/".repeat(300));
    sandbox.write(&path, "later\n");
    sandbox.git("add .");
    sandbox.git("commit --quiet -m deep");
    sandbox.write("d/h", "changed");
    sandbox.git("add d/h");
    assert_eq!(paths(&sandbox), ["d/h"]);
    sandbox.write(&path, "aws_access_key_id = {{aws-access-key-id:1}}\n");
    sandbox.git("add .");
    let (own, full) = staged(&sandbox);
    assert_eq!((own, full.len()), (None, 2));
    sandbox.run("staged").expect(1).says("n/keys:1:21");
    sandbox.run("history").expect(1).says("n/keys:1:21");
}

#[test]
fn an_index_without_a_checksum_is_read() {
    let sandbox = repository();
    sandbox.git("config index.skipHash true");
    sandbox.write("a", "changed");
    sandbox.git("add a");
    assert!(fs::read(sandbox.path(".git/index")).unwrap().ends_with(&[0; 20]), "git is too old");
    assert_eq!(staged(&sandbox).0.unwrap().len(), 1);
}

#[test]
fn files_become_directories_and_directories_files() {
    let sandbox = repository();
    sandbox.git("rm --quiet -r --cached d a");
    fs::remove_dir_all(sandbox.path("d")).unwrap();
    fs::remove_file(sandbox.path("a")).unwrap();
    sandbox.git("commit --quiet -m without");
    sandbox.write("d", "file");
    sandbox.write("a/b", "file");
    sandbox.git("add .");
    assert_eq!(paths(&sandbox), ["a/b", "d"]);
}

#[test]
fn everything_is_new_before_the_first_commit() {
    let sandbox = Sandbox::new();
    sandbox.git("init --quiet");
    sandbox.write("a", "a");
    sandbox.write("b/c", "c");
    sandbox.git("add .");
    assert_eq!(paths(&sandbox), ["a", "b/c"]);
    sandbox.git("write-tree");
    assert_eq!(paths(&sandbox), ["a", "b/c"]);
}

#[test]
fn directories_of_a_sparse_index_are_known_by_their_trees() {
    let sandbox = repository();
    sandbox.git("sparse-checkout set --cone --sparse-index d");
    sandbox.write("d/h", "changed");
    sandbox.git("add d/h");
    assert!(sandbox.git("ls-files --sparse").lines().any(|line| line == "i/"), "git is too old");
    sandbox.run("staged").expect(0).says("scanned 1 file");
    sandbox.write("d/keys", "aws_access_key_id = {{aws-access-key-id:1}}\n");
    sandbox.git("add d/keys");
    sandbox.run("history").expect(1).says("d/keys:1:21");
}

#[test]
fn a_change_within_a_directory_of_a_sparse_index_is_named() {
    let sandbox = repository();
    sandbox.write("i/j", "changed");
    sandbox.git("commit --quiet -am changed");
    sandbox.git("sparse-checkout set --cone --sparse-index d");
    sandbox.git("reset --quiet --soft HEAD~1");
    sandbox.run("staged").expect(2).complains("the index is sparse");
    sandbox.git("sparse-checkout reapply --no-sparse-index");
    sandbox.run("staged").expect(0).says("scanned 1 file");
}

#[test]
fn what_is_not_understood_is_left_to_libgit2() {
    let sandbox = repository();
    sandbox.write("a", "changed");
    sandbox.git("add a");
    let index = sandbox.path(".git/index");
    let bytes = fs::read(&index).unwrap();
    assert!(staged(&sandbox).0.is_some());
    // A move, which takes a look at contents.
    sandbox.git("mv i/j k");
    let (own, full) = staged(&sandbox);
    assert_eq!((own, full.len()), (None, 2));
    // A conflict, and an intent.
    sandbox.git("update-index --force-remove i/j k");
    sandbox.write("later", "later");
    sandbox.git("add --intent-to-add later");
    assert_eq!(staged(&sandbox).0, None);
    // A wrong bit, wherever it is.
    for at in (0..bytes.len()).step_by(7) {
        let mut wrong = bytes.clone();
        wrong[at] ^= 1;
        assert_eq!(probe::staged_index(&wrong), None, "byte {at}");
    }
    for len in 0..bytes.len() {
        assert_eq!(probe::staged_index(&bytes[..len]), None, "{len} bytes");
        // Where no checksum tells, there may be fewer extensions, but never fewer entries.
        let unchecked = [&bytes[..len], &[0; 20]].concat();
        assert!(probe::staged_index(&unchecked).is_none_or(|entries| entries == 7), "{len} bytes");
    }
    assert_eq!(probe::staged_index(&bytes), Some(7));
}

#[test]
fn an_index_with_a_wrong_bit_is_named() {
    let sandbox = repository();
    sandbox.write("a", "changed");
    sandbox.git("add a");
    let index = sandbox.path(".git/index");
    let mut bytes = fs::read(&index).unwrap();
    bytes[50] ^= 1;
    fs::write(&index, bytes).unwrap();
    sandbox.run("staged").expect(2).complains("the index cannot be read");
}

#[test]
fn an_index_that_is_no_file_is_named_once() {
    let sandbox = repository();
    sandbox.write("keys", "aws_access_key_id = {{aws-access-key-id:1}}\n");
    sandbox.git("add keys");
    sandbox.git("commit --quiet -m keys");
    fs::remove_file(sandbox.path(".git/index")).unwrap();
    sandbox.directory(".git/index");
    let run = sandbox.run("history").expect(2).says("/index: ");
    assert_eq!(run.to_string().matches("/index: ").count(), 1, "{run}");
}

#[test]
fn a_split_index_is_named() {
    let sandbox = repository();
    sandbox.git("update-index --split-index");
    sandbox.write("a", "changed");
    sandbox.git("add a");
    sandbox.run("staged").expect(2).complains("the index is split");
    // Whether something is staged is no more known where a finding is looked up.
    sandbox.write("keys", "aws_access_key_id = {{aws-access-key-id:1}}\n");
    sandbox.git("add keys");
    sandbox.run("history").expect(2).says("the index is split");
    sandbox.git("update-index --no-split-index");
    sandbox.run("history").expect(1);
    sandbox.run("staged").expect(1);
}

/// Files by path, each as a number that stands for its content and mode.
type Files = BTreeMap<String, u8>;

/// Names that sort differently as files and as directories.
fn files() -> impl Strategy<Value = Files> {
    let path = "(a|a-|a\\.|b|b/c|b/c-|b/d/e)/?(x|y|a/b)?";
    proptest::collection::btree_map(path, 0..4_u8, 0..10).prop_map(|files| {
        let files: Files = files
            .into_iter()
            .map(|(path, content)| (path.trim_end_matches('/').to_owned(), content))
            .collect();
        let is_directory =
            |path: &String| files.keys().any(|other| other.starts_with(&format!("{path}/")));
        files.clone().into_iter().filter(|(path, _)| !is_directory(path)).collect()
    })
}

fn stage(sandbox: &Sandbox, files: &Files) {
    let old = sandbox.git("ls-files");
    for path in old.lines() {
        fs::remove_file(sandbox.path(path)).unwrap();
    }
    for name in ["a", "a-", "a.", "b"] {
        let _ = fs::remove_dir_all(sandbox.path(name));
    }
    for (path, content) in files {
        sandbox.write(path, &format!("{}", content / 2));
    }
    sandbox.git("add --all");
    for (path, content) in files {
        let mode = if content % 2 == 0 { "-x" } else { "+x" };
        sandbox.git(&format!("update-index --chmod={mode} {path}"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn both_readers_see_the_same(
        before in files(),
        after in files(),
        version in prop_oneof![Just(2), Just(4)],
        noted: bool,
    ) {
        let sandbox = Sandbox::new();
        sandbox.git("init --quiet");
        stage(&sandbox, &before);
        sandbox.git("commit --quiet --allow-empty -m before");
        stage(&sandbox, &after);
        sandbox.git(&format!("update-index --index-version {version}"));
        if noted {
            sandbox.git("write-tree");
        }
        let (own, full) = staged(&sandbox);
        let adds = after.keys().any(|path| !before.contains_key(path));
        let deletes = before.keys().any(|path| !after.contains_key(path));
        prop_assert_eq!(own, (!(adds && deletes)).then_some(full));
    }
}

#[test]
fn no_wrong_byte_makes_it_panic() {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) };
    let mut runner = TestRunner::new(config);
    for version in [2, 4] {
        let sandbox = repository();
        sandbox.git(&format!("update-index --index-version {version}"));
        sandbox.write("d/e/g", "changed");
        sandbox.git("add d/e/g");
        let index = sandbox.path(".git/index");
        let mut sound = fs::read(&index).unwrap();
        // Without a checksum, it is read whatever stands in it.
        let end = sound.len() - 20;
        sound[end..].fill(0);
        let wrong = proptest::collection::vec((0..end, any::<u8>()), 1..4);
        let outcome = runner.run(&wrong, |wrong| {
            let mut bytes = sound.clone();
            for (at, byte) in wrong {
                bytes[at] = byte;
            }
            fs::write(&index, bytes).unwrap();
            // libgit2 may take it for corrupt, and a tree that is named may not be there.
            let _ = probe::staged(&sandbox.path(""));
            Ok(())
        });
        outcome.unwrap();
    }
}
