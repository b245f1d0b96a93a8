//! Archives that lie in several places: what is known to hold nothing is not unpacked again, and nobody can tell.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use keylint::config::settings::{Archives, Settings};
use keylint::detect::Detector;
use keylint::model::coverage::Coverage;
use keylint::model::finding::Confidence;
use keylint::rules::load::RuleSet;
use keylint::rules::placeholder::expand;
use keylint::scan::{self, Input};
use proptest::prelude::*;
use rawzip::CompressionMethod;

use crate::containers::{Wrap, tar, zip};

/// Texts that there is nothing in, something in, and something in if they lie at a telling path.
const TEXTS: [&str; 4] = [
    "nothing to see here\n",
    "aws_access_key_id = {{aws-access-key-id:1}}\naws_secret_access_key = {{aws-secret-access-key:1}}\n",
    "{{aws-secret-access-key:2}}\n",
    "AKIAIOSFODNN7EXAMPLE\n",
];

const NAMES: [&str; 5] = ["a", "b/c", ".aws/credentials.gz", ".wh.a", "manifest.json"];

#[derive(Clone, Debug)]
enum Piece {
    Text(usize),
    Cut(Wrap, usize),
    Archive(Wrap, usize, Box<Piece>),
    Tar(Vec<(usize, Piece)>),
}

impl Piece {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => expand(TEXTS[*text]).0.into_bytes(),
            Self::Cut(wrap, text) => {
                let mut bytes = wrap.wrap("a", expand(TEXTS[*text]).0.as_bytes());
                bytes.truncate(bytes.len() * 2 / 3);
                bytes
            }
            Self::Archive(wrap, name, inner) => wrap.wrap(NAMES[*name], &inner.bytes()),
            Self::Tar(members) => {
                let members: Vec<_> =
                    members.iter().map(|(name, inner)| (NAMES[*name], inner.bytes())).collect();
                let members: Vec<_> =
                    members.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
                tar(&members)
            }
        }
    }
}

fn wrap() -> impl Strategy<Value = Wrap> {
    prop::sample::select(vec![Wrap::Gzip, Wrap::Zip, Wrap::TarGz, Wrap::Tar, Wrap::SevenZip])
}

fn piece() -> impl Strategy<Value = Piece> {
    let leaf = prop_oneof![
        6 => prop_oneof![5 => Just(0), 1 => 1..TEXTS.len()].prop_map(Piece::Text),
        1 => (wrap(), 0..2_usize).prop_map(|(wrap, text)| Piece::Cut(wrap, text)),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            (wrap(), 0..NAMES.len(), inner.clone()).prop_map(|(wrap, name, inner)| Piece::Archive(
                wrap,
                name,
                Box::new(inner)
            )),
            prop::collection::vec((0..NAMES.len(), inner), 1..4).prop_map(Piece::Tar),
        ]
    })
}

/// What a report tells of a scan.
#[derive(Debug, Default, PartialEq)]
struct Told {
    findings: Vec<String>,
    problems: Vec<String>,
    /// Files, bytes, members, their bytes, and what is only counted.
    counts: [u64; 6],
}

/// Scans these files in this order. To tell of comments that silence nothing, everything has to be unpacked.
fn told(files: &[(usize, &[u8])], archives: Archives, in_full: bool) -> Told {
    let folder = tempfile::tempdir().unwrap();
    for (number, bytes) in files {
        std::fs::write(folder.path().join(number.to_string()), bytes).unwrap();
    }
    let mut settings = Settings { archives, threads: 2, ..Settings::default() };
    settings.suppress.report_unused = in_full;
    settings.min_confidence = Confidence::Low;
    let detector = Detector::new(Arc::new(RuleSet::builtin().unwrap()));
    let inputs: Vec<_> = files
        .iter()
        .map(|(number, _)| Input::Path(folder.path().join(number.to_string())))
        .collect();
    let outcome = scan::run(&inputs, &settings, &detector, &AtomicBool::new(false)).unwrap();
    let base = folder.path().display().to_string();
    let findings = outcome.findings.iter().map(|found| {
        let (path, rule, notes) = (found.origin.path(), &found.rule, &found.notes);
        format!("{} {rule} {:?} {notes:?}", path.display(), found.primary().span)
    });
    let problems = outcome.coverage.problems.iter().map(|problem| format!("{problem:?}"));
    let Coverage { files, bytes, members, unpacked, .. } = outcome.coverage;
    let Coverage { examples, below_confidence, .. } = outcome.coverage;
    Told {
        findings: findings.map(|found| found.replace(&base, "")).collect(),
        problems: problems.map(|problem| problem.replace(&base, "")).collect(),
        counts: [files, bytes, members, unpacked, examples, below_confidence],
    }
}

fn together(one: Told, other: Told) -> Told {
    let counts = std::array::from_fn(|at| one.counts[at] + other.counts[at]);
    let findings = [one.findings, other.findings].concat();
    Told { findings, problems: [one.problems, other.problems].concat(), counts }
}

#[test]
fn what_a_path_could_make_more_of_is_unpacked_at_every_path() {
    let alone = Wrap::Gzip.wrap("", &Piece::Text(2).bytes());
    let file = tar(&[("a.gz", &alone), (".aws/credentials.gz", &alone)]);
    let told = told(&[(0, &file)], Archives::default(), false);
    let telling = told.findings.iter().filter(|found| found.contains(".aws/credentials.gz!"));
    assert_eq!(telling.count(), 1, "{told:?}");
}

#[test]
fn archives_at_telling_paths_are_always_unpacked() {
    // Begins as other services' keys do, so nothing is said of paths.
    let mut value = expand("{{aws-secret-access-key:3}}\n").0.into_bytes();
    value[..3].copy_from_slice(b"6Lc");
    let known = Wrap::Gzip.wrap("", &value);
    let by = |name: &str| told(&[(0, &tar(&[(name, &known)]))], Archives::default(), false);
    let alone = by("aws_secret_access_key.gz").findings.len();
    let file = tar(&[("a.gz", &known), ("aws_secret_access_key.gz", &known)]);
    assert_eq!((alone, told(&[(0, &file)], Archives::default(), false).findings.len()), (1, 1));
}

#[test]
fn memory_that_is_not_there_is_named_whatever_is_known() {
    let inner = Wrap::Zip.wrap("a", &vec![b'x'; 3000]);
    let within = Wrap::Gzip.wrap("", &zip(&[("b", &inner)], CompressionMethod::STORE));
    let outer = zip(&[("c.gz", &within), ("d", &[b'y'; 5000])], CompressionMethod::STORE);
    let (near, far) = (tar(&[("x.gz", &within)]), tar(&[("y.zip", &outer)]));
    // What holds it all takes more memory than it does by itself.
    let needed = outer.len() as u64 + 100;
    let archives = Archives { memory: needed, ..Archives::default() };
    for files in [[(0, &near[..]), (1, &far)], [(1, &far), (0, &near)]] {
        let told = told(&files, archives, false);
        assert!(!told.problems.is_empty(), "{told:?}");
        assert!(told.problems.iter().all(|problem| problem.contains("/1!y.zip")), "{told:?}");
    }
}

#[test]
fn what_is_too_deep_is_named_unless_the_same_was_unpacked_in_its_file() {
    let inner = Wrap::Zip.wrap("a", &Wrap::Zip.wrap("b", b"nothing"));
    let deep = Wrap::Zip.wrap("2", &Wrap::Zip.wrap("1", &inner));
    let problems = |files: &[(usize, &[u8])]| told(files, Archives::default(), false).problems;
    assert_eq!(problems(&[(0, &tar(&[("0", &inner), ("3", &deep)]))]), [""; 0]);
    // What comes later is not known yet; and what lies in another file may be scanned before or after.
    assert_eq!(problems(&[(0, &tar(&[("3", &deep), ("4", &inner)]))]).len(), 1);
    let (known, deep) = (tar(&[("0", &inner)]), tar(&[("3", &deep)]));
    for files in [[(0, &known[..]), (1, &deep)], [(1, &deep), (0, &known)]] {
        let problems = problems(&files);
        assert!(problems.len() == 1 && problems[0].contains("1!3!2!1!a"), "{problems:?}");
    }
}

#[test]
fn what_was_unpacked_in_its_file_makes_nothing_too_deep_that_holds_it() {
    let inner = Wrap::Zip.wrap("a", &Wrap::Zip.wrap("b", b"nothing"));
    let middle = Wrap::Zip.wrap("1", &inner);
    let deep = Wrap::Zip.wrap("2", &middle);
    let deeper = Wrap::Zip.wrap("3", &deep);
    let files = [
        tar(&[("0", &inner), ("x", &deep)]),
        tar(&[("0", &inner), ("y", &deep)]),
        // It is too deep itself, where it lies.
        tar(&[("0", &inner), ("z", &deeper)]),
        // What lies around it was met before, and it was not.
        tar(&[("0", &middle), ("w", &deeper)]),
        tar(&[("v", &deep)]),
    ];
    let files: Vec<_> = files.iter().map(Vec::as_slice).enumerate().collect();
    for turn in 0..files.len() {
        let files: Vec<_> = files.iter().cycle().skip(turn).take(files.len()).copied().collect();
        let problems = told(&files, Archives::default(), false).problems;
        let is_named = |names: &str| problems.iter().any(|problem| problem.contains(names));
        assert!(
            problems.len() == 2 && is_named("2!z!3!2!1") && is_named("4!v!2!1!a"),
            "{problems:?}"
        );
    }
}

#[test]
fn what_holds_something_is_found_wherever_it_lies() {
    let inner = Wrap::Zip.wrap("a", &Piece::Text(1).bytes());
    let outer = Wrap::Zip.wrap("b", &inner);
    let file = tar(&[("0", &inner), ("1", &inner), ("2", &outer)]);
    let told = told(&[(0, &file), (1, &file)], Archives::default(), false);
    assert_eq!(told.findings.len(), 6, "{told:?}");
}

#[test]
fn memory_that_was_not_taken_again_counts() {
    let inner = zip(&[("b", &[b'x'; 3000])], CompressionMethod::DEFLATE);
    let within = Wrap::Gzip.wrap("", &zip(&[("b", &inner)], CompressionMethod::STORE));
    let middle = zip(&[("c.gz", &within)], CompressionMethod::STORE);
    let outer = zip(&[("m.zip", &middle), ("d", &[b'y'; 5000])], CompressionMethod::STORE);
    let files = [tar(&[("x.gz", &within)]), tar(&[("m.zip", &middle)]), tar(&[("y.zip", &outer)])];
    let files: Vec<_> = files.iter().map(Vec::as_slice).enumerate().collect();
    let reversed: Vec<_> = files.iter().rev().copied().collect();
    let memory = (outer.len() + middle.len()) as u64 + 50;
    let archives = Archives { memory, depth: 8, ..Archives::default() };
    let told = |files: &[(usize, &[u8])]| told(files, archives, false);
    assert_eq!(told(&files), told(&reversed));
    assert_eq!(told(&files).problems.len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 48 } else { 512 }))]

    #[test]
    fn passing_over_an_archive_changes_nothing(
        pieces in prop::collection::vec(piece(), 1..4),
        order in prop::collection::vec((any::<prop::sample::Index>(), 0..NAMES.len(), wrap()), 2..8),
        depth in 1..8_u32,
        // With less than four megabytes left, nothing is passed over.
        total_size in prop_oneof![3 => Just(1 << 30), 1 => 1..100_000_u64, 1 => (4 << 20)..(4 << 20) + 100_000_u64],
    ) {
        let pieces: Vec<Vec<u8>> = pieces.iter().map(Piece::bytes).collect();
        let all: Vec<(&str, Vec<u8>)> = order
            .iter()
            .map(|(piece, name, wrap)| {
                (NAMES[*name], wrap.wrap(NAMES[*name], &pieces[piece.index(pieces.len())]))
            })
            .collect();
        let members: Vec<_> = all.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
        let files = [tar(&members), tar(&members[1..]), all[0].1.clone()];
        let files: Vec<_> = files.iter().map(Vec::as_slice).enumerate().collect();
        let archives = Archives { depth, total_size, ..Archives::default() };
        let quick = told(&files, archives, false);
        let in_full = told(&files, archives, true);
        prop_assert_eq!(&quick.findings, &in_full.findings);
        if in_full.problems.iter().any(|problem| problem.contains("archives around it")) {
            prop_assert!(quick.problems.iter().all(|problem| in_full.problems.contains(problem)));
        } else {
            prop_assert_eq!(&quick, &in_full);
        }
        // Nothing is known of other files that a report would show.
        let apart = files.iter().map(|file| told(&[*file], archives, false));
        prop_assert_eq!(&quick, &apart.reduce(together).unwrap());
        let reversed: Vec<_> = files.iter().rev().copied().collect();
        prop_assert_eq!(quick, told(&reversed, archives, false));
    }
}
