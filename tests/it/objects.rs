//! The objects of repositories of every kind: those that are read are those that git itself lists, byte for byte.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use keylint::model::blob::Content;
use keylint::rules::placeholder::expand;
use keylint::sources::git::probe::{self, Seen};

use crate::harness::Sandbox;

/// Makes the repository of a script in `fixtures/git`, and returns where it is.
fn make(sandbox: &Sandbox, name: &str) -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/git/make_{name}.sh"));
    let mut command = Command::new("bash");
    command.arg(script).arg(sandbox.path("made"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("HOME", sandbox.path("."));
    for number in 1..=3 {
        let value = |kind: &str| expand(&format!("{{{{{kind}:{number}}}}}")).0;
        command.env(format!("KEY_ID_{number}"), value("aws-access-key-id"));
        command.env(format!("SECRET_{number}"), value("aws-secret-access-key"));
    }
    let output = command.output().expect("bash is installed");
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    sandbox.path("made/repo")
}

/// What git lists: ids, kinds and contents, in the order of ids.
fn listed(repository: &Path) -> Vec<(String, String, Vec<u8>)> {
    let output = Command::new("git")
        .args(["--no-replace-objects", "cat-file", "--batch-all-objects", "--batch"])
        .current_dir(repository)
        .env("GIT_NO_LAZY_FETCH", "1")
        .output()
        .expect("git is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut objects = Vec::new();
    let mut rest = &output.stdout[..];
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap();
        let words: Vec<&str> = str::from_utf8(&rest[..end]).unwrap().split(' ').collect();
        let [id, kind, size] = words[..] else { panic!("git says {words:?}") };
        let (data, after) = rest[end + 1..].split_at(size.parse().unwrap());
        objects.push((id.to_owned(), kind.to_owned(), data.to_vec()));
        rest = &after[1..];
    }
    objects
}

/// Asserts that two lists are the same, without showing megabytes if they are not.
#[track_caller]
fn assert_same(seen: &Seen, listed: &[(String, String, Vec<u8>)]) {
    let ids = |objects: &[(String, &str, Vec<u8>)]| -> Vec<String> {
        objects.iter().map(|(id, kind, data)| format!("{id} {kind} {}", data.len())).collect()
    };
    let listed: Vec<_> =
        listed.iter().map(|(id, kind, data)| (id.clone(), kind.as_str(), data.clone())).collect();
    assert_eq!(ids(&seen.objects), ids(&listed));
    for (one, other) in seen.objects.iter().zip(&listed) {
        assert!(one.2 == other.2, "{} holds something else", one.0);
    }
}

/// Reads a repository in all ways, and compares with what git lists.
#[track_caller]
fn check(name: &str, at_least: usize) {
    let sandbox = Sandbox::new();
    let repository = make(&sandbox, name);
    let listed = listed(&repository);
    assert!(listed.len() >= at_least, "{} objects", listed.len());
    let seen = probe::objects(&repository, 2).unwrap();
    assert_same(&seen, &listed);
    assert_eq!((&seen.unread[..], &seen.problems[..]), (&[][..], &[][..]));
    let ids: Vec<String> = listed.iter().map(|object| object.0.clone()).collect();
    assert_eq!(probe::some_objects(&repository, 2, &ids).unwrap().objects, seen.objects);
}

macro_rules! repositories {
    ($($name:ident $at_least:literal),* $(,)?) => {
        $(#[test] fn $name() { check(stringify!($name), $at_least); })*

        #[test]
        fn every_script_is_used() {
            let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/git");
            let mut names: Vec<String> = fs::read_dir(scripts).unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .filter_map(|name| Some(name.strip_prefix("make_")?.strip_suffix(".sh")?.to_owned()))
                .collect();
            names.sort();
            let mut used = vec!["sha256", $(stringify!($name)),*];
            used.sort_unstable();
            assert_eq!(names, used);
        }
    };
}

repositories! {
    alternates 12,
    amended 8,
    bare 6,
    big 10,
    cruft 4,
    dangling 8,
    deltas 60,
    evil_merge 14,
    git_file 3,
    graft 6,
    id_deltas 36,
    loose 19,
    many_packs 16,
    messages 5,
    no_diff 8,
    notes 12,
    octopus 18,
    orphan 9,
    partial 5,
    rename 12,
    replaced 9,
    shallow 3,
    staged 5,
    stash 16,
    submodule 4,
    utf16 4,
    worktree 7,
}

#[test]
fn repositories_of_sha256_are_an_error() {
    let sandbox = Sandbox::new();
    let repository = make(&sandbox, "sha256");
    assert!(probe::objects(&repository, 1).is_err());
    let complaint = "object ids are SHA-256, which keylint cannot read: nothing was scanned";
    sandbox.keylint(["history", repository.to_str().unwrap()]).run().expect(2).complains(complaint);
    for line in ["history", "staged", "diff HEAD~1"] {
        let run = sandbox.keylint(line.split(' ')).current_dir("made/repo").run();
        run.expect(2).complains(complaint);
    }
}

#[test]
fn references_in_tables_are_an_error() {
    let sandbox = Sandbox::new();
    // Older versions of git know no such option.
    let (is_known, ..) = sandbox.try_git("init --quiet --ref-format=reftable");
    if !is_known {
        sandbox.git("init --quiet");
        sandbox.git("config core.repositoryFormatVersion 1");
        sandbox.git("config extensions.refStorage reftable");
    }
    for line in ["history", "staged", "diff HEAD~1"] {
        sandbox.run(line).expect(2).complains("references in reftables, which keylint cannot read");
    }
}

/// While a push waits for its hooks, git has what it brings in a directory of its own.
#[test]
fn objects_of_the_environment_are_read() {
    let sandbox = Sandbox::new();
    sandbox.git("init --quiet");
    sandbox.git("init --quiet elsewhere");
    let text = "aws_access_key_id = {{aws-access-key-id:1}}\n";
    sandbox.write("elsewhere/keys", text);
    sandbox.git("-C elsewhere hash-object -w keys");
    let objects = sandbox.path("elsewhere/.git/objects");
    sandbox.run("history").expect(0);
    for name in ["GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES"] {
        let run = sandbox.keylint(["history"]).env(name, objects.to_str().unwrap()).run();
        run.expect(1).says("scanned 1 file,");
    }
}

/// A repository with a pack of several objects and the path of that pack.
fn packed(sandbox: &Sandbox) -> (PathBuf, PathBuf) {
    let repository = make(sandbox, "deltas");
    (repository.clone(), only_pack(&repository))
}

fn only_pack(repository: &Path) -> PathBuf {
    let mut packs: Vec<PathBuf> = fs::read_dir(repository.join(".git/objects/pack"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "pack"))
        .collect();
    assert_eq!(packs.len(), 1);
    packs.remove(0)
}

/// Writes a file that git made read-only.
fn overwrite(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_pack_that_is_cut_off_is_read_as_far_as_it_goes() {
    let sandbox = Sandbox::new();
    let (repository, pack) = packed(&sandbox);
    let all = probe::objects(&repository, 2).unwrap();
    let bytes = fs::read(&pack).unwrap();
    overwrite(&pack, &bytes[..bytes.len() / 2]);
    let seen = probe::objects(&repository, 2).unwrap();
    assert!(!seen.objects.is_empty() && !seen.unread.is_empty());
    assert_eq!(seen.objects.len() + seen.unread.len(), all.objects.len());
    assert!(seen.objects.iter().all(|object| all.objects.contains(object)));
    assert_eq!(seen.problems.len(), 1, "{:?}", seen.problems);
    assert!(seen.problems[0].contains("cut off or changed"), "{:?}", seen.problems);
}

#[test]
fn a_pack_without_an_index_is_a_problem() {
    for index in [None, Some(&b""[..]), Some(&[0xff; 2000][..])] {
        let sandbox = Sandbox::new();
        let (repository, pack) = packed(&sandbox);
        let path = pack.with_extension("idx");
        fs::remove_file(&path).unwrap();
        if let Some(bytes) = index {
            fs::write(&path, bytes).unwrap();
        }
        let seen = probe::objects(&repository, 2).unwrap();
        assert_eq!(seen.objects.len(), 0);
        assert_eq!(seen.problems.len(), 1, "{:?}", seen.problems);
        assert!(seen.problems[0].contains("none of its objects were scanned"));
        assert!(seen.problems[0].starts_with(pack.to_str().unwrap()));
    }
}

#[test]
fn an_index_of_another_pack_is_a_problem() {
    let sandbox = Sandbox::new();
    let (repository, pack) = packed(&sandbox);
    let other = Sandbox::new();
    let other = only_pack(&make(&other, "id_deltas"));
    overwrite(&pack, &fs::read(other).unwrap());
    let seen = probe::objects(&repository, 2).unwrap();
    assert_eq!(seen.objects.len(), 0);
    assert_eq!(seen.unread.len(), 60);
    assert_eq!(seen.problems.len(), 2, "{:?}", seen.problems);
    assert!(seen.problems[0].contains("it says it has 36 objects; its index has 60"));
    assert!(seen.problems[1].contains("another pack's"));
}

/// Changes a byte in the middle of the largest entry of a pack.
fn spoil(pack: &Path) {
    let mut bytes = fs::read(pack).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    overwrite(pack, &bytes);
}

#[test]
fn a_sound_copy_makes_good_for_a_spoilt_one() {
    let sandbox = Sandbox::new();
    let (repository, pack) = packed(&sandbox);
    let all = probe::objects(&repository, 2).unwrap();
    // A second pack with a copy of each object, deltas aside.
    let ids: Vec<&str> = all.objects.iter().map(|object| &object.0[..]).collect();
    fs::write(sandbox.path("ids"), ids.join("\n") + "\n").unwrap();
    let packing = Command::new("git")
        .args(["pack-objects", "-q", "--window=0", "--no-reuse-delta", ".git/objects/pack/pack"])
        .current_dir(&repository)
        .stdin(fs::File::open(sandbox.path("ids")).unwrap())
        .output()
        .unwrap();
    assert!(packing.status.success());
    let copy = repository.join(format!(
        ".git/objects/pack/pack-{}.pack",
        String::from_utf8(packing.stdout).unwrap().trim()
    ));
    assert_ne!(copy, pack);
    for spoilt in [pack, copy] {
        let bytes = fs::read(&spoilt).unwrap();
        spoil(&spoilt);
        let seen = probe::objects(&repository, 2).unwrap();
        assert_eq!(seen.unread, []);
        assert_eq!(seen.objects, all.objects);
        overwrite(&spoilt, &bytes);
    }
}

#[test]
fn a_loose_copy_makes_good_for_a_packed_one() {
    let sandbox = Sandbox::new();
    let (repository, pack) = packed(&sandbox);
    let all = probe::objects(&repository, 2).unwrap();
    let bytes = fs::read(&pack).unwrap();
    fs::create_dir(sandbox.path("aside")).unwrap();
    let aside = sandbox.path("aside/pack");
    overwrite(&pack, &bytes);
    fs::rename(&pack, &aside).unwrap();
    let unpacked = Command::new("git")
        .args(["unpack-objects", "-q"])
        .current_dir(&repository)
        .stdin(fs::File::open(&aside).unwrap())
        .status()
        .unwrap();
    assert!(unpacked.success());
    fs::write(&pack, &bytes).unwrap();
    spoil(&pack);
    let seen = probe::objects(&repository, 2).unwrap();
    assert_eq!(seen.unread, []);
    assert_eq!(seen.objects, all.objects);
}

#[test]
fn a_spoilt_loose_object_is_named_and_the_others_are_read() {
    let sandbox = Sandbox::new();
    let repository = make(&sandbox, "loose");
    let all = probe::objects(&repository, 2).unwrap();
    for (number, spoilt) in
        [&b""[..], b"nothing that was deflated", &[0x78, 0x9c]].iter().enumerate()
    {
        let (id, ..) = &all.objects[number];
        let path = repository.join(".git/objects").join(&id[..2]).join(&id[2..]);
        overwrite(&path, spoilt);
        let seen = probe::objects(&repository, 2).unwrap();
        assert_eq!(seen.unread.len(), number + 1);
        assert!(seen.unread[number].1.starts_with(&format!("object {id}: corrupt: ")));
        assert_eq!(seen.objects, all.objects[number + 1..]);
    }
}

#[cfg(unix)]
#[test]
fn a_fifo_in_place_of_a_loose_object_is_named_and_not_waited_for() {
    let sandbox = Sandbox::new();
    let repository = make(&sandbox, "loose");
    let all = probe::objects(&repository, 2).unwrap();
    for (number, (id, ..)) in all.objects.iter().take(2).enumerate() {
        let path = repository.join(".git/objects").join(&id[..2]).join(&id[2..]);
        fs::remove_file(&path).unwrap();
        if number == 0 {
            assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        } else {
            fs::create_dir(&path).unwrap();
        }
    }
    let mut run = sandbox.run("history made/repo").expect(2);
    for (id, ..) in all.objects.iter().take(2) {
        run = run.says(&format!("object {id}: not a regular file"));
    }
}

#[cfg(unix)]
#[test]
fn a_fifo_in_place_of_a_reference_or_a_pack_is_named_and_not_waited_for() {
    let sandbox = Sandbox::new();
    let repository = make(&sandbox, "loose");
    let fifo = |path: &str| {
        let path = repository.join(".git").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        path
    };
    let name = format!("objects/pack/pack-{}", "1".repeat(40));
    let pack = [fifo(&format!("{name}.pack")), fifo(&format!("{name}.idx"))];
    sandbox.run("history made/repo").expect(2).says("not a regular file");
    for path in pack {
        fs::remove_file(path).unwrap();
    }
    for path in
        ["refs/heads/odd", "refs/heads/odd.odd.lock", "packed-refs", "objects/info/alternates"]
    {
        let path = fifo(path);
        let run = sandbox.run("history made/repo").expect(2);
        run.says("regular file").says("3 credentials found");
        fs::remove_file(path).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn what_cannot_be_listed_is_a_problem() {
    let sandbox = Sandbox::new();
    let repository = make(&sandbox, "loose");
    let all = probe::objects(&repository, 2).unwrap();
    let fan = repository.join(".git/objects").join(&all.objects[0].0[..2]);
    fs::remove_dir_all(&fan).unwrap();
    // A link to nowhere cannot be listed by anyone, root included.
    std::os::unix::fs::symlink("nowhere", &fan).unwrap();
    let seen = probe::objects(&repository, 2).unwrap();
    assert!(seen.objects.len() < all.objects.len());
    assert_eq!(seen.problems.len(), 1, "{:?}", seen.problems);
}

#[test]
fn objects_that_are_nowhere_are_named() {
    let sandbox = Sandbox::new();
    let repository = make(&sandbox, "loose");
    let id = "0123456789012345678901234567890123456789".to_owned();
    let seen = probe::some_objects(&repository, 2, &[id.clone(), id.clone()]).unwrap();
    assert_eq!(seen.unread, [(id.clone(), format!("object {id}: it is not there"))]);
}

/// `KEYLINT_REPOSITORY=PATH cargo test --release --test it -- --ignored any_repository --nocapture`
#[test]
#[ignore = "takes a repository of one's own, and minutes"]
#[allow(clippy::print_stdout, reason = "figures for people")]
fn any_repository_is_read_as_git_reads_it() {
    use std::collections::HashMap;
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
    use std::io::{BufRead, BufReader, Read};
    use std::sync::Mutex;

    let hash =
        |kind: &str, data: &[u8]| BuildHasherDefault::<DefaultHasher>::new().hash_one((kind, data));
    let path = std::env::var_os("KEYLINT_REPOSITORY").expect("KEYLINT_REPOSITORY is a path");
    let seen = Mutex::new(HashMap::new());
    let visit = |id: [u8; 20], kind: &'static str, content: Content<'_>| {
        let mut data = Vec::new();
        match content {
            Content::Bytes(bytes) => data.extend_from_slice(bytes),
            Content::Stream(stream) => drop(stream.read_to_end(&mut data).unwrap()),
            Content::Seekable(_) => unreachable!("objects are no files"),
        }
        let twice = seen.lock().unwrap().insert(id, (hash(kind, &data), data.len()));
        assert_eq!(twice, None, "an object is handed over once");
    };
    let unread = probe::each(Path::new(&path), 2, |_| true, &visit).unwrap();
    assert_eq!(unread, Vec::<String>::new());
    let mut seen = seen.into_inner().unwrap();
    println!("{} objects, {} bytes", seen.len(), seen.values().map(|one| one.1).sum::<usize>());

    let mut git = Command::new("git")
        .args(["--no-replace-objects", "cat-file", "--batch-all-objects", "--batch", "--unordered"])
        .current_dir(&path)
        .env("GIT_NO_LAZY_FETCH", "1")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::with_capacity(1 << 20, git.stdout.take().unwrap());
    let (mut line, mut data) = (String::new(), Vec::new());
    while output.read_line(&mut line).unwrap() > 0 {
        let words: Vec<&str> = line.trim_end().split(' ').collect();
        let size: usize = words[2].parse().unwrap();
        data.resize(size + 1, 0);
        output.read_exact(&mut data).unwrap();
        let id: Vec<u8> = (0..20)
            .map(|at| u8::from_str_radix(&words[0][2 * at..2 * at + 2], 16).unwrap())
            .collect();
        let ours = seen.remove(&id[..]).unwrap_or_else(|| panic!("{line} is missing"));
        assert_eq!(ours, (hash(words[1], &data[..size]), size), "{line}");
        line.clear();
    }
    assert!(git.wait().unwrap().success());
    assert_eq!(seen.len(), 0, "git knows of all of them");
}
