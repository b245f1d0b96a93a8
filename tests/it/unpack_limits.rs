//! Bombs, broken archives and what no scan can read: all of it costs bounded memory and time, is named, gives status 2,
//! and the rest of the run goes on.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use keylint::config::settings::{Archives, Settings};
use keylint::detect::{Detector, MAX_CANDIDATES};
use keylint::model::blob::Content;
use keylint::model::coverage::{Problem, ProblemKind};
use keylint::rules::load::RuleSet;
use keylint::rules::placeholder::expand;
use keylint::scan::{self, Input, Outcome};
use keylint::suppress::marks::MAX_MARKS;
use keylint::unpack::{self, Budget, Format, Limits, Sink, Source};
use proptest::prelude::*;
use rawzip::CompressionMethod;

use crate::containers::{Wrap, quine, sevenz, tar, zip, zip_quine};
use crate::harness::Sandbox;

fn pair() -> Vec<u8> {
    let text = "[default]\naws_access_key_id = {{aws-access-key-id:1}}\n\
                aws_secret_access_key = {{aws-secret-access-key:1}}\n";
    expand(text).0.into_bytes()
}

/// Scans `bytes` as `x`, and a plain file with a pair beside it, which has to be found whatever `x` is.
fn scan(bytes: &[u8], settings: &Settings) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x"), bytes).unwrap();
    std::fs::write(folder.path().join("z.ini"), pair()).unwrap();
    let detector = Detector::new(Arc::new(RuleSet::builtin().unwrap()));
    let inputs = [Input::Path(folder.path().to_owned())];
    let mut outcome = scan::run(&inputs, settings, &detector, &AtomicBool::new(false)).unwrap();
    let beside = outcome.findings.iter().filter(|found| found.origin.path().ends_with("z.ini"));
    assert_eq!(beside.count(), 1, "the file beside it");
    for problem in &mut outcome.coverage.problems {
        let path = problem.path.take().unwrap();
        problem.path = Some(path.strip_prefix(folder.path()).unwrap().to_owned());
    }
    outcome
}

fn within(archives: Archives) -> Settings {
    Settings { archives, ..Settings::default() }
}

fn problems(outcome: &Outcome) -> Vec<(String, ProblemKind, &str)> {
    let problems = outcome.coverage.problems.iter();
    problems
        .map(|Problem { path, kind, message }| {
            (path.as_ref().unwrap().display().to_string(), *kind, message.as_str())
        })
        .collect()
}

/// There is one problem: this one.
fn assert_one(outcome: &Outcome, path: &str, kind: ProblemKind, words: &str) {
    let problems = problems(outcome);
    assert!(
        matches!(&problems[..], [(p, k, message)] if p == path && *k == kind && message.contains(words)),
        "{path}, {words}: {problems:#?}"
    );
}

/// The number of findings in `x` and what it holds.
fn inside(outcome: &Outcome) -> usize {
    outcome.findings.len() - 1
}

#[test]
fn depth_is_bounded() {
    let mut nested = zip(&[("c.ini", &pair())], CompressionMethod::DEFLATE);
    for level in ["4", "3", "2", "1"] {
        nested = zip(&[(level, &nested)], CompressionMethod::DEFLATE);
    }
    let outcome = scan(&nested, &Settings::default());
    assert_one(&outcome, "x!1!2!3!4", ProblemKind::OverLimit, "4 archives around it");
    assert_eq!(inside(&outcome), 0);
    let deeper = within(Archives { depth: 5, ..Archives::default() });
    assert_eq!(inside(&scan(&nested, &deeper)), 1);
}

#[test]
fn an_archive_and_its_compression_are_one_level() {
    let mut nested = pair();
    for level in ["4", "3", "2", "1"] {
        nested = Wrap::TarGz.wrap(level, &nested);
    }
    let outcome = scan(&nested, &Settings::default());
    assert_eq!((inside(&outcome), problems(&outcome).len()), (1, 0));
}

#[test]
fn compression_of_compression_ends_as_a_quine_would() {
    let mut nested = pair();
    for _ in 0..40 {
        nested = Wrap::Gzip.wrap("", &nested);
    }
    let outcome = scan(&nested, &Settings::default());
    assert_one(&outcome, "x!content", ProblemKind::OverLimit, "4 archives around it");
}

#[test]
fn what_unpacks_to_itself_ends() {
    let quine = quine();
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(quine.as_slice()).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, quine);
    let outcome = scan(&quine, &Settings::default());
    assert_one(&outcome, "x!content", ProblemKind::OverLimit, "4 archives around it");
    let outcome = scan(&tar(&[("a.gz", &quine)]), &Settings::default());
    assert_one(&outcome, "x!a.gz!content", ProblemKind::OverLimit, "4 archives around it");

    let sandbox = Sandbox::new();
    for method in [CompressionMethod::STORE, CompressionMethod::DEFLATE] {
        let archive = zip(&[("a.gz", &quine), ("b.gz", &quine)], method);
        let outcome = scan(&archive, &Settings::default());
        let expected = ["x!a.gz!content", "x!b.gz!content"];
        let problems = problems(&outcome);
        assert!(problems.iter().map(|(path, ..)| path.as_str()).eq(expected), "{problems:#?}");
        std::fs::write(sandbox.path("quine.zip"), &archive).unwrap();
        sandbox.run("scan .").expect(2).says("4 archives around it");
    }
}

#[test]
fn an_archive_that_holds_itself_ends() {
    let comment = String::from_utf8(pair()).unwrap();
    let quine = zip_quine(&comment);
    let (name, rest) = (std::str::from_utf8(&quine[30..61]).unwrap(), &quine[61..]);
    let mut unpacked = Vec::new();
    flate2::read::DeflateDecoder::new(rest).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, quine);
    let outcome = scan(&quine, &Settings::default());
    let path = format!("x!{name}!{name}!{name}!{name}");
    assert_one(&outcome, &path, ProblemKind::OverLimit, "4 archives around it");
    assert_eq!(outcome.coverage.members, 4);
    // The comment of each.
    assert_eq!(inside(&outcome), 5);
}

#[test]
fn members_are_bounded() {
    let limits = within(Archives { members: 2, ..Archives::default() });
    let members: &[(&str, &[u8])] = &[("a", b"1"), ("b", b"2"), ("c.ini", &pair())];
    for archive in [sevenz(members), tar(members), zip(members, CompressionMethod::STORE)] {
        let outcome = scan(&archive, &limits);
        assert_one(&outcome, "x", ProblemKind::OverLimit, "more than 2 members");
        // What lies plainly in an archive is found as it lies.
        assert!(inside(&outcome) == 1 || archive.starts_with(b"7z"));
    }
}

#[test]
fn sizes_are_bounded() {
    let large = vec![b'#'; 300_000];
    let small = pair();
    let packed = zip(&[("large", &large), ("c.ini", &small)], CompressionMethod::DEFLATE);
    let limits = within(Archives { member_size: 100_000, ..Archives::default() });
    let outcome = scan(&packed, &limits);
    assert_one(&outcome, "x!large", ProblemKind::OverLimit, "more than 100000 bytes: ");
    assert_eq!(inside(&outcome), 1, "the other member");

    let limits = within(Archives { total_size: 100_000, ..Archives::default() });
    let outcome = scan(&packed, &limits);
    assert_one(&outcome, "x!large", ProblemKind::OverLimit, "more than 100000 bytes in all");
    let nested = tar(&[("1.zip", &packed), ("2.zip", &packed)]);
    let outcome = scan(&nested, &limits);
    assert_one(&outcome, "x!1.zip!large", ProblemKind::OverLimit, "bytes in all");
}

#[test]
fn zeros_are_bounded_by_their_ratio() {
    let bomb = Wrap::Gzip.wrap("", &vec![0; 3 << 20]);
    let limits = within(Archives { ratio_free: 1 << 20, ..Archives::default() });
    let outcome = scan(&bomb, &limits);
    assert_one(&outcome, "x!content", ProblemKind::OverLimit, "more than 500 times its size");
    assert!(scan(&bomb, &Settings::default()).coverage.is_complete(), "so little does no harm");
}

#[test]
fn time_is_bounded() {
    let limits = within(Archives { seconds: 0, ..Archives::default() });
    let packed = zip(&[("a", b"1"), ("b", b"2")], CompressionMethod::DEFLATE);
    let outcome = scan(&packed, &limits);
    assert_one(&outcome, "x", ProblemKind::OverLimit, "more than 0 s");
}

/// Takes its time after reading the first member, as a search of it would.
#[derive(Default)]
struct Slow {
    members: usize,
    problems: Vec<(ProblemKind, String)>,
}

impl Sink for Slow {
    fn member(&mut self, _: &[u8], mut content: Content<'_>) {
        std::io::copy(&mut content, &mut std::io::sink()).unwrap();
        self.members += 1;
        std::thread::sleep(Duration::from_millis(2));
    }

    fn own(&mut self, _: u64, mut bytes: Content<'_>) {
        std::io::copy(&mut bytes, &mut std::io::sink()).unwrap();
    }

    fn problem(&mut self, _: Option<&[u8]>, kind: ProblemKind, message: String) {
        self.problems.push((kind, message));
    }

    fn is_cancelled(&self) -> bool {
        false
    }
}

#[test]
fn time_that_is_up_between_members_is_named_once() {
    let members: &[(&str, &[u8])] = &[("a", b"1"), ("b", b"2"), ("c", b"3")];
    for (format, archive) in [
        (Format::Tar, tar(members)),
        (Format::Zip, zip(members, CompressionMethod::DEFLATE)),
        (Format::SevenZip, sevenz(members)),
    ] {
        let limits = Limits {
            depth: 4,
            members: 100,
            member_size: 1 << 20,
            total_size: 1 << 20,
            ratio: 500,
            ratio_free: 1 << 20,
            memory: 64 << 20,
            time: Duration::from_millis(1),
        };
        let (budget, mut slow) = (Budget::new(limits), Slow::default());
        for _ in 0..2 {
            unpack::unpack(format, Source::Bytes(&archive), &budget, &mut slow);
        }
        assert!(slow.members <= 1, "{format:?}");
        let problems = &slow.problems;
        assert!(
            matches!(&problems[..], [(ProblemKind::OverLimit, message)] if message.contains("takes more")),
            "{format:?}: {problems:?}"
        );
    }
}

#[test]
fn memory_for_archives_in_streams_is_bounded() {
    let limits = within(Archives { memory: 2000, ..Archives::default() });
    let noise: Vec<u8> =
        (0..3000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let packed = zip(&[("noise", &noise), ("c.ini", &pair())], CompressionMethod::STORE);
    let outcome = scan(&tar(&[("a.zip", &packed)]), &limits);
    assert_one(&outcome, "x!a.zip", ProblemKind::OverLimit, "larger than the 2000 bytes");
    assert_eq!(inside(&outcome), 1, "as it lies");
    assert!(scan(&packed, &limits).coverage.is_complete(), "a file need not be held");
}

#[test]
fn dictionaries_are_bounded() {
    let mut xz = Wrap::Xz.wrap("", &pair());
    // The header of the first block: its size, flags, the filter LZMA2, one byte of properties: 4 GiB.
    assert_eq!(&xz[12..16], [2, 0, 0x21, 1]);
    xz[16] = 40;
    let sum = rawzip::crc32(&xz[12..20]);
    xz[20..24].copy_from_slice(&sum.to_le_bytes());
    // A frame with a window of 2 to the power of 41 bytes.
    let zstd = [0x28, 0xb5, 0x2f, 0xfd, 0, 0xf8, 1, 0, 0];
    for bytes in [xz.as_slice(), &zstd] {
        let outcome = scan(bytes, &Settings::default());
        assert_one(&outcome, "x!content", ProblemKind::OverLimit, "its dictionary is larger");
    }
    let mut lzma = zip(&[("c.ini", &pair())], CompressionMethod::LZMA);
    let little = within(Archives { memory: 2000, ..Archives::default() });
    assert_one(
        &scan(&lzma, &little),
        "x!c.ini",
        ProblemKind::OverLimit,
        "its dictionary is larger",
    );
    // A small member needs no large dictionary, whatever its properties say: 4 GiB.
    let properties = lzma.windows(4).position(|at| at == [9, 20, 5, 0]).unwrap() + 4;
    lzma[properties + 1..properties + 5].fill(0xff);
    let outcome = scan(&lzma, &Settings::default());
    assert!(outcome.coverage.is_complete(), "{:?}", outcome.coverage.problems);
    assert_eq!(inside(&outcome), 1);
}

#[test]
fn members_that_overlap_are_not_unpacked_again() {
    let inner = zip(&[("b", &[b'#'; 1000])], CompressionMethod::STORE);
    let mut outer = zip(&[("a", &inner)], CompressionMethod::STORE);
    let find = |bytes: &[u8], what: &[u8]| bytes.windows(4).rposition(|at| at == what).unwrap();
    // The directory of the inner archive is made to be that of the outer one, too.
    let (directory, end) = (find(&outer, b"PK\x01\x02"), find(&outer, b"PK\x05\x06"));
    let entry = &inner[find(&inner, b"PK\x01\x02")..find(&inner, b"PK\x05\x06")];
    let start = outer.windows(4).skip(1).position(|at| at == b"PK\x03\x04").unwrap() + 1;
    let mut entry = entry.to_vec();
    entry[42..46].copy_from_slice(&u32::try_from(start).unwrap().to_le_bytes());
    let size = (end - directory + entry.len()) as u32;
    outer.splice(end..end, entry.iter().copied());
    let end = end + entry.len();
    outer[end + 8..end + 12].copy_from_slice(&[2, 0, 2, 0]);
    outer[end + 12..end + 16].copy_from_slice(&size.to_le_bytes());
    let outcome = scan(&outer, &Settings::default());
    assert_one(&outcome, "x!b", ProblemKind::OverLimit, "part of another member's");
}

#[test]
fn what_no_scan_can_read_is_named_and_may_be_allowed() {
    let mut encrypted = zip(&[("a", b"1"), ("c.ini", &pair())], CompressionMethod::DEFLATE);
    // The first member's flags, in its own header and in the directory.
    let directory = encrypted.windows(4).position(|at| at == b"PK\x01\x02").unwrap();
    encrypted[6] |= 1;
    encrypted[directory + 8] |= 1;
    let outcome = scan(&encrypted, &Settings::default());
    assert_one(&outcome, "x!a", ProblemKind::Encrypted, "encrypted: not scanned");
    assert_eq!(inside(&outcome), 1);

    let mut unknown = zip(&[("a", b"1"), ("c.ini", &pair())], CompressionMethod::DEFLATE);
    unknown[8] = 97;
    unknown[directory + 10] = 97;
    let outcome = scan(&unknown, &Settings::default());
    assert_one(&outcome, "x!a", ProblemKind::Unsupported, "not supported");

    let folder = Sandbox::new();
    for (name, bytes) in [("e.zip", &encrypted), ("u.zip", &unknown)] {
        std::fs::write(folder.path(name), bytes).unwrap();
    }
    folder.run("scan .").expect(2).says("NOT SCANNED WHOLE: 2 problems").says("e.zip!a: encrypted");
    let allowed = folder.run("scan . --allow-incomplete").expect(1);
    allowed.says("not scanned, as allowed: 2 gaps").says("e.zip!a: encrypted").says("u.zip!a:");
}

#[test]
fn of_many_equal_problems_some_are_named_and_all_counted() {
    let names: Vec<String> = (0..50).map(|n| format!("m{n:02}")).collect();
    let members: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"1"[..])).collect();
    let mut archive = zip(&members, CompressionMethod::DEFLATE);
    let directory: Vec<usize> = archive
        .windows(4)
        .enumerate()
        .filter(|(_, at)| *at == b"PK\x01\x02")
        .map(|(at, _)| at)
        .collect();
    for at in directory {
        archive[at + 8] |= 1;
    }
    let outcome = scan(&archive, &Settings::default());
    let problems = problems(&outcome);
    assert_eq!(problems.len(), 21);
    assert!(problems[0].2.contains("30 more problems of this kind"), "{:?}", problems[0]);
}

#[test]
fn what_is_kept_of_all_members_together_is_bounded() {
    let ids = |member: u64| {
        let ids = (0..9000).map(|n| format!("{{{{aws-access-key-id:{}}}}}\n", member * 9000 + n));
        expand(&ids.collect::<String>()).0.into_bytes()
    };
    let members = [ids(0), ids(1), ids(2)];
    let members: Vec<(&str, &[u8])> =
        ["a", "b", "c"].into_iter().zip(members.iter().map(Vec::as_slice)).collect();
    let outcome = scan(&zip(&members, CompressionMethod::DEFLATE), &Settings::default());
    assert_one(&outcome, "x", ProblemKind::OverLimit, "more findings or comments than are kept");
    assert_eq!(inside(&outcome), MAX_CANDIDATES);
}

#[test]
fn comments_of_all_members_together_are_bounded() {
    let mut member = pair();
    for _ in 0..6000 {
        member.extend_from_slice(b"# keylint:allow-nothing\n");
    }
    let members = ["a.ini", "b.ini"].map(|name| (name, member.as_slice()));
    let outcome = scan(&zip(&members, CompressionMethod::DEFLATE), &Settings::default());
    assert_one(&outcome, "x", ProblemKind::OverLimit, "more findings or comments than are kept");
    assert_eq!(outcome.coverage.warnings.len(), MAX_MARKS);
    assert_eq!(inside(&outcome), 2);
}

#[test]
fn of_many_members_with_too_many_comments_some_are_named() {
    let mut member = pair();
    member.extend_from_slice("keylint:allow ".repeat(MAX_MARKS + 1).as_bytes());
    let names: Vec<String> = (0..22).map(|n| format!("m{n:02}")).collect();
    let members: Vec<(&str, &[u8])> =
        names.iter().map(|name| (name.as_str(), member.as_slice())).collect();
    let outcome = scan(&zip(&members, CompressionMethod::DEFLATE), &Settings::default());
    let problems = problems(&outcome);
    assert_eq!(problems.len(), 21, "{problems:#?}");
    assert!(problems[0].2.contains("2 more problems of this kind"), "{:?}", problems[0]);
}

fn any_archive() -> impl Strategy<Value = Vec<u8>> {
    let data = prop_oneof![Just(pair()), prop::collection::vec(any::<u8>(), 0..300)];
    (prop::sample::select(Wrap::ALL.to_vec()), prop::sample::select(Wrap::ALL.to_vec()), data)
        .prop_map(|(outer, inner, data)| outer.wrap("m", &inner.wrap("c.ini", &data)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn broken_archives_lose_neither_the_run_nor_their_name(
        archive in any_archive(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = archive;
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let limits = within(Archives { total_size: 10 << 20, memory: 16 << 20, ..Archives::default() });
        for (_, kind, message) in problems(&scan(&bytes, &limits)) {
            prop_assert!(kind != ProblemKind::Internal, "{}", message);
        }
    }

    #[test]
    fn what_is_cut_off_is_named(wrap in prop::sample::select(Wrap::ALL.to_vec()), cut in 0.05..0.9) {
        let text = "nothing to see here\n".repeat(40);
        let bytes = wrap.wrap("a.txt", text.as_bytes());
        let cut = ((bytes.len() as f64 * cut) as usize).max(20);
        // What is not compressed is scanned as far as it goes, and nothing but zeros is nothing.
        let is_plain = matches!(
            wrap,
            Wrap::Tar | Wrap::OldTar | Wrap::GnuTar | Wrap::PaxTar | Wrap::Newc | Wrap::Odc | Wrap::Ar | Wrap::BsdAr | Wrap::Deb
        );
        let is_over = is_plain || bytes[cut..].iter().all(|byte| *byte == 0);
        let outcome = scan(&bytes[..cut], &Settings::default());
        prop_assert!(is_over || !outcome.coverage.is_complete(), "{:?} at {}", wrap, cut);
    }
}
