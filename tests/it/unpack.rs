//! Archives and compressed files: what is found in a plain file is found in it wherever it is packed, and what a scan
//! of the plain bytes finds is not lost by unpacking.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use keylint::rules::placeholder::expand;
use rawzip::CompressionMethod;

use crate::containers::{Wrap, sevenz, tar, zip};
use crate::corpus::{Credential, Encoding, fixtures, scan};
use crate::harness::Sandbox;

const PAIR: &str = "[default]\naws_access_key_id = {{aws-access-key-id:1}}\n\
                    aws_secret_access_key = {{aws-secret-access-key:1}}\n";

pub(crate) fn pair() -> Vec<u8> {
    expand(PAIR).0.into_bytes()
}

/// A file of this name that holds `data`, packed; and the path at which findings in it are.
fn packed(wrap: Wrap, folder: &str, name: &Path, data: &[u8]) -> (PathBuf, Vec<u8>, PathBuf) {
    let name = name.to_str().unwrap();
    let outer = format!("{folder}/{name}.gz");
    let bytes = wrap.wrap(name, data);
    let inner = if wrap.is_compression() { name.rsplit('/').next().unwrap() } else { name };
    let path = match wrap {
        Wrap::Deb => format!("{outer}!data.tar.xz!{inner}"),
        _ => format!("{outer}!{inner}"),
    };
    (outer.into(), bytes, path.into())
}

fn check(files: &[(PathBuf, Vec<u8>)], expected: BTreeMap<PathBuf, Vec<Credential>>) {
    let mut found = scan(files);
    let mut wrong = Vec::new();
    for (path, credentials) in expected {
        let found = found.remove(&path).unwrap_or_default();
        if found != credentials {
            let list = |all: &[Credential]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
            wrong.push(format!(
                "{}: expected {:?}, found {:?}",
                path.display(),
                list(&credentials),
                list(&found)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(found.is_empty(), "findings elsewhere: {:?}", found.keys());
}

#[test]
fn every_pair_is_found_in_every_container() {
    for (number, wrap) in Wrap::ALL.into_iter().enumerate() {
        let (mut files, mut expected) = (Vec::new(), BTreeMap::new());
        // Formats that are read in the same way as another one need not be held against all of them. Each takes
        // another share, so that every fixture is in some of them in a debug build, too.
        let step = match (Wrap::ONE_EACH.contains(&wrap), cfg!(debug_assertions)) {
            (true, false) => 1,
            (true, true) => 6,
            (false, _) => 9,
        };
        for fixture in fixtures("aws", "pairs").into_iter().skip(number % step).step_by(step) {
            let (bytes, credentials) = fixture.expanded(Encoding::AsIs, 0);
            let (file, bytes, path) = packed(wrap, &format!("{wrap:?}"), &fixture.path, &bytes);
            files.push((file, bytes));
            expected.insert(path, credentials);
        }
        check(&files, expected);
    }
}

#[test]
fn every_container_is_found_in_every_other() {
    let (mut files, mut expected) = (Vec::new(), BTreeMap::new());
    let sample = fixtures("aws", "pairs").into_iter().next().unwrap();
    let (bytes, credentials) = sample.expanded(Encoding::AsIs, 0);
    for outer in Wrap::ALL {
        for inner in Wrap::ALL {
            let name = format!("{outer:?}-{inner:?}");
            let packed = outer.wrap("in.gz", &inner.wrap("c.ini", &bytes));
            let step = |wrap: Wrap, of: &str| match wrap {
                Wrap::Deb => format!("{of}!data.tar.xz"),
                _ => of.to_owned(),
            };
            // What a compressed file holds takes its name where it is itself an archive.
            let middle = step(outer, &name);
            let middle = if outer.is_compression() { middle } else { format!("{middle}!in.gz") };
            let leaf = match (outer.is_compression(), inner.is_compression()) {
                (_, false) => "c.ini",
                (false, true) => "in",
                (true, true) => "content",
            };
            let path = format!("{}!{leaf}", step(inner, &middle));
            files.push((name.into(), packed));
            expected.insert(path.into(), credentials.clone());
        }
    }
    check(&files, expected);
}

#[test]
fn streams_that_follow_each_other_are_one() {
    let (first, second) = (pair(), pair());
    for wrap in [Wrap::Gzip, Wrap::Bzip2, Wrap::Xz, Wrap::Zstd, Wrap::Lz4] {
        let joined =
            [wrap.wrap("", &first[..40]), wrap.wrap("", &[&first[40..], &second].concat())];
        let found = scan(&[("c.ini.gz".into(), joined.concat())]);
        assert_eq!(found.len(), 1, "{wrap:?}");
        assert_eq!(found[Path::new("c.ini.gz!c.ini")][0].parts.len(), 4, "{wrap:?}");
    }
}

/// The findings of a file as it lies, with places of parts relative to where they start.
fn found_at(found: &BTreeMap<PathBuf, Vec<Credential>>, path: &str) -> usize {
    found.get(Path::new(path)).map_or(0, Vec::len)
}

#[test]
fn nothing_that_lies_beside_members_is_lost() {
    let member: &[(&str, &[u8])] = &[("x", b"y")];
    let (zip, tar, sevenz) = (zip(member, CompressionMethod::DEFLATE), tar(member), sevenz(member));
    let text = pair();
    let mut files: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    for (name, archive) in [("zip", zip), ("tar", tar), ("7z", sevenz)] {
        files.push((format!("behind.{name}").into(), [archive.as_slice(), &text].concat()));
    }
    for wrap in [Wrap::Gzip, Wrap::Bzip2, Wrap::Xz, Wrap::Zstd, Wrap::Lz4, Wrap::Ar, Wrap::Newc] {
        let bytes = [wrap.wrap("x", b"y"), text.clone()].concat();
        files.push((format!("behind.{wrap:?}").into(), bytes));
    }
    files.push(("within.7z".into(), sevenz_without_members(&text)));
    let folder = Sandbox::new();
    for (name, bytes) in &files {
        std::fs::write(folder.path(name), bytes).unwrap();
    }
    // Some of it is a corrupt archive, too, which is for status 2 and for the findings nothing.
    let report = folder.run("scan . --format jsonl").stdout;
    for (name, _) in &files {
        let line = format!("\"path\":\"{}\"", name.display());
        let found = report
            .lines()
            .any(|found| found.contains("aws-long-term-credentials") && found.contains(&line));
        assert!(found, "{}: {report}", name.display());
    }
}

/// An archive that says it holds nothing, and `hidden` within it: its directory follows that.
fn sevenz_without_members(hidden: &[u8]) -> Vec<u8> {
    let directory = [1, 0];
    let place = [(hidden.len() as u64).to_le_bytes(), (directory.len() as u64).to_le_bytes()];
    let place = [&place.concat()[..], &rawzip::crc32(&directory).to_le_bytes()].concat();
    let sum = rawzip::crc32(&place).to_le_bytes();
    [b"7z\xbc\xaf\x27\x1c\0\x04", &sum[..], &place, hidden, &directory].concat()
}

#[test]
fn what_is_none_or_only_half_an_archive_is_scanned_as_it_lies() {
    let text = pair();
    let stored = zip(&[("c.ini", &text)], CompressionMethod::STORE);
    let mut files = vec![
        ("no-directory.zip", stored[..stored.len() - 30].to_vec()),
        ("no-zip.txt", [b"PK\x03\x04".as_slice(), &text].concat()),
        ("no-gzip.txt", [b"\x1f\x8b\x08\0".as_slice(), &text].concat()),
        ("no-xz.txt", [b"\xfd7zXZ\0".as_slice(), &text].concat()),
        ("no-7z.txt", [b"7z\xbc\xaf\x27\x1c".as_slice(), &text].concat()),
        ("no-ar.txt", [b"!<arch>\n".as_slice(), &text].concat()),
    ];
    let whole = tar(&[("x", &[0; 600]), ("c.ini", &[text.as_slice(), &[b'#'; 300]].concat())]);
    let mut broken = whole.clone();
    broken[1536] ^= 0xff;
    files.extend([("cut.tar", whole[..2300].to_vec()), ("broken.tar", broken)]);
    let folder = Sandbox::new();
    for (name, bytes) in &files {
        std::fs::write(folder.path(name), bytes).unwrap();
    }
    let mut run = folder.run("scan . --format jsonl").expect(2);
    for (name, _) in &files {
        let is_found = run.stdout.lines().any(|line| {
            line.contains("aws-long-term-credentials")
                && (line.contains(&format!("\"path\":\"{name}\""))
                    || line.contains(&format!("\"path\":\"{name}!c.ini\"")))
        });
        assert!(is_found, "{name}: {run}");
        // What is not compressed is scanned as far as it goes.
        if *name != "cut.tar" {
            run = run.complains(name);
        }
    }
}

#[test]
fn headers_are_scanned_too() {
    let (id, _) = expand("{{aws-access-key-id:3}}");
    let mut commented = flate2::GzBuilder::new()
        .comment(id.as_bytes())
        .write(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut commented, b"nothing").unwrap();
    let files = [
        (PathBuf::from("a.gz"), commented.finish().unwrap()),
        ("b.tar".into(), tar(&[(&id, b"nothing")])),
        ("c.zip".into(), zip(&[(&id, b"nothing")], CompressionMethod::DEFLATE)),
    ];
    let found = scan(&files);
    for (path, _) in &files {
        assert!(found_at(&found, path.to_str().unwrap()) > 0, "{}", path.display());
    }
}

#[test]
fn scripts_with_an_archive_behind_the_first_line_are_archives() {
    let zip = zip(&[("c.ini", &pair())], CompressionMethod::DEFLATE);
    let app = [b"#!/usr/bin/env python3\n".as_slice(), &zip].concat();
    let found = scan(&[("app".into(), app)]);
    assert_eq!(found_at(&found, "app!c.ini"), 1);
}

#[test]
fn names_in_archives_are_only_text() {
    let names = ["/etc/passwd", "../../up.ini", "\u{1b}[31mred\nline", "a!b"];
    let members: Vec<(&str, Vec<u8>)> = names.iter().map(|name| (*name, pair())).collect();
    let members: Vec<(&str, &[u8])> = members.iter().map(|(n, d)| (*n, d.as_slice())).collect();
    let folder = Sandbox::new();
    std::fs::write(folder.path("x.cpio"), crate::containers::newc(&members)).unwrap();
    let run = folder.run("scan x.cpio").expect(1);
    let run = run
        .says("x.cpio!/etc/passwd:2:21")
        .says("x.cpio!../../up.ini:2:21")
        .says("x.cpio!a!b:2:21");
    assert!(!run.stdout.contains('\u{1b}'), "{run}");
    let sarif = folder.run("scan x.cpio --format sarif").expect(1);
    sarif.says("\"x.cpio!/etc/passwd\"").says("x.cpio!a!b");
    assert_eq!(folder.list("."), ["x.cpio"]);
}

#[test]
fn every_source_looks_into_archives() {
    let sandbox = Sandbox::new();
    let archive = tar(&[("b.zip", &zip(&[("c.ini", &pair())], CompressionMethod::DEFLATE))]);
    sandbox.git("init --quiet");
    sandbox.git("commit --quiet --allow-empty -m start");
    std::fs::write(sandbox.path("a.tar"), &archive).unwrap();
    sandbox.run("scan a.tar").expect(1).says("a.tar!b.zip!c.ini:2:21").says("2 archive members");
    let from_stdin = std::fs::File::open(sandbox.path("a.tar")).unwrap();
    sandbox
        .keylint(["scan", "-"])
        .start_from(from_stdin)
        .wait()
        .expect(1)
        .says("<stdin>!b.zip!c.ini:2:21");
    sandbox.git("add a.tar");
    sandbox.run("staged").expect(1).says("a.tar!b.zip!c.ini:2:21");
    sandbox.git("commit --quiet -m keys");
    sandbox.run("diff HEAD~1").expect(1).says("a.tar!b.zip!c.ini:2:21").says("commit:");

    sandbox.run("scan a.tar --no-archives").expect(0);
    sandbox.write("keylint.toml", "archives = false\n");
    sandbox.run("scan a.tar").expect(0);
    sandbox.run("scan a.tar --archives").expect(1);
}
