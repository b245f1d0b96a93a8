//! `keylint staged` on repositories that git itself made.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::Sandbox;

const ID: &str = "aws_access_key_id = {{aws-access-key-id:1}}\n";
const SECRET: &str = "aws_secret_access_key = {{aws-secret-access-key:1}}\n";

/// A repository with one commit, of a file `old` that holds nothing.
fn repository() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.git("init --quiet");
    sandbox.write("old", "nothing\n");
    sandbox.git("add .");
    sandbox.git("commit --quiet -m first");
    sandbox
}

#[test]
fn a_clean_index_is_clean() {
    let sandbox = repository();
    sandbox.run("staged").expect(0).says("scanned 0 files");
}

#[test]
fn the_first_commit_of_a_repository_is_all_new() {
    let sandbox = Sandbox::new();
    sandbox.git("init --quiet");
    sandbox.write("keys", &format!("{ID}{SECRET}"));
    sandbox.run("staged").expect(0);
    sandbox.git("add .");
    sandbox.run("staged").expect(1).says("aws-long-term-credentials").says("keys:1:21");
}

#[test]
fn the_index_counts_and_not_the_working_tree() {
    let sandbox = repository();
    sandbox.write("keys", ID);
    sandbox.git("add keys");
    sandbox.write("keys", "removed again\n");
    sandbox.run("staged").expect(1).says("keys:1:21");
    sandbox.git("add keys");
    sandbox.write("keys", ID);
    sandbox.run("staged").expect(0);
}

#[test]
fn only_added_lines_count_but_old_halves_are_joined() {
    let sandbox = repository();
    sandbox.write("keys", ID);
    sandbox.git("add .");
    sandbox.git("commit --quiet -m id");
    sandbox.write("keys", &format!("# a comment\n{ID}"));
    sandbox.git("add .");
    sandbox.run("staged").expect(0);
    sandbox.run("staged --whole-files").expect(1).says("aws-access-key-id");
    sandbox.write("keys", &format!("{ID}{SECRET}"));
    sandbox.git("add .");
    sandbox.run("staged").expect(1).says("aws-long-term-credentials").says("keys:1:21");
}

#[test]
fn moving_a_file_or_changing_its_mode_adds_nothing() {
    let sandbox = repository();
    let filler = "line\n".repeat(40);
    sandbox.write("keys", &format!("{filler}{ID}{filler}"));
    sandbox.git("add .");
    sandbox.git("commit --quiet -m id");
    sandbox.git("mv keys moved");
    sandbox.git("update-index --chmod=+x moved");
    sandbox.run("staged").expect(0);
    sandbox.write("moved", &format!("{filler}{ID}{filler}more\n"));
    sandbox.git("add .");
    sandbox.run("staged").expect(0);
    sandbox.write("moved", &format!("{filler}{ID}{SECRET}{filler}more\n"));
    sandbox.git("add .");
    sandbox.run("staged").expect(1).says("moved:41:21");
}

#[test]
fn deletions_and_intents_to_add_are_nothing_new() {
    let sandbox = repository();
    sandbox.write("keys", ID);
    sandbox.git("add .");
    sandbox.git("commit --quiet -m id");
    sandbox.git("rm --quiet keys");
    sandbox.write("later", ID);
    sandbox.git("add --intent-to-add later");
    sandbox.run("staged").expect(0);
}

#[test]
fn attributes_and_encodings_hide_nothing() {
    let sandbox = repository();
    sandbox.write(".gitattributes", "* -diff -text\n");
    sandbox.git("add .");
    sandbox.git("commit --quiet -m attributes");
    sandbox.write("keys", ID);
    let path = sandbox.write("wide.reg", SECRET);
    let wide: Vec<u8> =
        fs::read_to_string(&path).unwrap().encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(&path, [&[0xff, 0xfe][..], &wide].concat()).unwrap();
    sandbox.git("add .");
    sandbox.run("staged").expect(1).says("keys:1:21").says("wide.reg:1:25");
}

#[test]
fn submodules_are_left_out_and_links_are_read() {
    let inner = repository();
    let sandbox = repository();
    sandbox.git(&format!("submodule --quiet add {} sub", inner.path("").display()));
    let target = keylint::rules::placeholder::expand("{{aws-access-key-id:1}}").0;
    #[cfg(unix)]
    std::os::unix::fs::symlink(target, sandbox.path("link")).unwrap();
    sandbox.git("add .");
    let run = sandbox.run("staged --format json").expect(1);
    assert_eq!(run.json()["scan"]["left_out"]["submodule"], 1);
    assert_eq!(run.json()["findings"][0]["path"], "link");
}

#[test]
fn a_conflict_is_named_and_not_green() {
    let sandbox = repository();
    sandbox.git("checkout --quiet -b side");
    sandbox.write("old", "side\n");
    sandbox.git("commit --quiet -am side");
    sandbox.git("checkout --quiet main");
    sandbox.write("old", "main\n");
    sandbox.git("commit --quiet -am main");
    sandbox.git("-c merge.conflictStyle=merge merge --quiet --no-commit -s ours side");
    sandbox.git("read-tree -m HEAD~1 HEAD side");
    sandbox.run("staged").expect(2).says("old").says("unmerged");
}

#[test]
fn linked_worktrees_and_subdirectories_have_their_own_index() {
    let sandbox = repository();
    sandbox.git("worktree add --quiet linked");
    sandbox.write("linked/sub/keys", ID);
    sandbox.git("-C linked add .");
    sandbox.run("staged").expect(0);
    sandbox.keylint(["staged"]).current_dir("linked").run().expect(1).says("sub/keys:1:21");
    sandbox.keylint(["staged"]).current_dir("linked/sub").run().expect(1).says("sub/keys:1:21");
}

#[test]
fn the_index_that_git_gives_its_hooks_is_used() {
    let sandbox = repository();
    sandbox.write("keys", ID);
    let index = sandbox.path(".git/other-index");
    fs::copy(sandbox.path(".git/index"), &index).unwrap();
    let hooked = |command: &str| {
        sandbox.keylint([command]).env("GIT_INDEX_FILE", index.to_str().unwrap()).run()
    };
    hooked("staged").expect(0);
    sandbox.git("add keys");
    fs::copy(sandbox.path(".git/index"), &index).unwrap();
    sandbox.git("reset --quiet");
    sandbox.run("staged").expect(0);
    hooked("staged").expect(1);
}

#[test]
fn places_without_an_index_are_errors() {
    Sandbox::new().run("staged").expect(2).complains("no git repository");
    let bare = Sandbox::new();
    bare.git("init --quiet --bare");
    bare.run("staged").expect(2).complains("bare");
}

#[test]
fn excludes_and_limits_hold() {
    let sandbox = repository();
    sandbox.write("vendor/keys", ID);
    sandbox.git("add .");
    sandbox.run("staged --exclude /vendor").expect(0).says("excluded (1)");
    sandbox.write("keylint.toml", "exclude = ['vendor/**']\n");
    sandbox.run("staged").expect(0);
    sandbox.run("staged --no-config").expect(1);
    sandbox.run("staged --no-config --max-file-size 10").expect(2).says("limit of 10 bytes");
}

#[test]
fn the_repository_is_not_written_to() {
    let sandbox = repository();
    sandbox.write("keys", &format!("{ID}{SECRET}"));
    sandbox.git("add .");
    let before = files(&sandbox.path(".git"));
    sandbox.run("staged").expect(1);
    assert_eq!(files(&sandbox.path(".git")), before);
}

/// Every file below a directory, with what it holds.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let content = fs::read(&path).unwrap();
            found.insert(path, content);
        }
    }
    found
}
