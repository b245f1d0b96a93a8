//! What is unpacked in one piece, and what as a stream: nobody can tell from what comes of it.

use std::io::{Cursor, Read, Write};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use flate2::{Compression, GzBuilder};
use keylint::config::settings::{Archives, Settings};
use keylint::detect::Detector;
use keylint::model::blob::Content;
use keylint::model::coverage::ProblemKind;
use keylint::model::finding::Confidence;
use keylint::rules::load::RuleSet;
use keylint::rules::placeholder::expand;
use keylint::scan::{self, Input};
use keylint::unpack::{self, Budget, Format, Limits, Sink, Source};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use rawzip::CompressionMethod;

use crate::containers::{Wrap, tar, zip};

/// With no size free of the ratio, nothing is inflated at once; with any ratio allowed, that is all that this does.
const AS_STREAMS: Limits = Limits {
    depth: 4,
    members: 100,
    member_size: 1 << 20,
    total_size: 1 << 22,
    ratio: u64::MAX,
    ratio_free: 0,
    memory: 1 << 20,
    time: Duration::from_secs(600),
};

const AT_ONCE: Limits = Limits { ratio_free: 1 << 20, ..AS_STREAMS };

/// Writes down all that it is given, and unpacks what is a container, from memory or as if it was a file.
struct Record<'b> {
    budget: &'b Budget,
    as_files: bool,
    depth: u32,
    told: Vec<String>,
    /// Members that were in memory, and those that were not.
    ways: [usize; 2],
}

impl Record<'_> {
    fn unpack(&mut self, format: Format, bytes: &[u8]) {
        let mut file = Cursor::new(bytes);
        let source = if self.as_files { Source::Seekable(&mut file) } else { Source::Bytes(bytes) };
        unpack::unpack(format, source, self.budget, self);
    }

    fn tell(&mut self, what: &str, mut content: Content<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        let failed = content.read_to_end(&mut bytes).err().map(|error| error.to_string());
        let hit = self.budget.take_hit();
        self.told.push(format!("{} {what}: {bytes:x?} {failed:?} {hit:?}", self.depth));
        bytes
    }
}

impl Sink for Record<'_> {
    fn member(&mut self, name: &[u8], content: Content<'_>) {
        self.ways[usize::from(!matches!(content, Content::Bytes(_)))] += 1;
        let bytes = self.tell(&format!("{name:x?}"), content);
        if let Some(format) = unpack::sniff(&bytes).filter(|_| self.depth < 4) {
            self.depth += 1;
            self.unpack(format, &bytes);
            self.depth -= 1;
        }
        self.told.push(format!("{} bytes so far", self.budget.expanded()));
    }

    fn own(&mut self, offset: u64, bytes: Content<'_>) {
        self.tell(&format!("own at {offset}"), bytes);
    }

    fn problem(&mut self, name: Option<&[u8]>, kind: ProblemKind, message: String) {
        self.told.push(format!("{name:x?} {kind:?} {message}"));
    }

    fn is_cancelled(&self) -> bool {
        false
    }
}

fn recorded(bytes: &[u8], limits: Limits) -> (Vec<String>, [usize; 2]) {
    let budget = Budget::new(limits);
    let as_files = limits.ratio_free == 0;
    let mut record = Record { budget: &budget, as_files, depth: 1, told: Vec::new(), ways: [0; 2] };
    record.unpack(unpack::sniff(bytes).unwrap_or(Format::Zip), bytes);
    (record.told, record.ways)
}

/// A gzip file: the fields of its header, and how its content is compressed.
#[derive(Clone, Copy, Debug)]
struct Gzip {
    fields: u8,
    level: u32,
}

impl Gzip {
    fn pack(self, data: &[u8]) -> Vec<u8> {
        let mut header = GzBuilder::new();
        if self.fields & 1 > 0 {
            header = header.filename("a name");
        }
        if self.fields & 2 > 0 {
            header = header.comment("a comment");
        }
        if self.fields & 4 > 0 {
            header = header.extra("an extra field");
        }
        let mut out = header.write(Vec::new(), Compression::new(self.level));
        out.write_all(data).unwrap();
        out.finish().unwrap()
    }
}

/// Changes to what was packed.
#[derive(Clone, Debug)]
enum Change {
    Cut(Index),
    Flip(Index, u8),
    /// One of the last bytes, where sizes and checksums are.
    FlipAtEnd(u8, u8),
    Trailing(Vec<u8>),
    /// Bytes, and the trailer once more: the file ends as it should.
    TrailingAsIf(Vec<u8>),
    Again,
}

impl Change {
    fn apply(&self, packed: &mut Vec<u8>) {
        let length = packed.len();
        match self {
            _ if packed.is_empty() => {}
            Self::Cut(at) => packed.truncate(at.index(length)),
            Self::Flip(at, bits) => packed[at.index(length)] ^= bits,
            Self::FlipAtEnd(back, bits) => {
                let at = length - 1 - usize::from(*back).min(length - 1);
                packed[at] ^= bits;
            }
            Self::Trailing(bytes) => packed.extend(bytes),
            Self::TrailingAsIf(bytes) => {
                packed.extend(bytes);
                packed.extend_from_within(length.saturating_sub(8)..length);
            }
            Self::Again => packed.extend_from_within(..),
        }
    }
}

#[derive(Clone, Debug)]
enum Made {
    Data(Vec<u8>),
    Gzip(Gzip, Box<Made>, Vec<Change>),
    Zip(bool, Vec<Made>, Vec<Change>),
    Tar(Vec<Made>, Vec<Change>),
}

impl Made {
    fn bytes(&self) -> Vec<u8> {
        let (mut packed, changes) = match self {
            Self::Data(data) => return data.clone(),
            Self::Gzip(gzip, data, changes) => (gzip.pack(&data.bytes()), changes),
            Self::Zip(is_stored, members, changes) => {
                let method =
                    if *is_stored { CompressionMethod::STORE } else { CompressionMethod::DEFLATE };
                (packed(members, |members| zip(members, method)), changes)
            }
            Self::Tar(members, changes) => (packed(members, tar), changes),
        };
        for change in changes {
            change.apply(&mut packed);
        }
        packed
    }
}

fn packed(members: &[Made], pack: impl Fn(&[(&str, &[u8])]) -> Vec<u8>) -> Vec<u8> {
    let members: Vec<Vec<u8>> = members.iter().map(Made::bytes).collect();
    let members = members.iter().map(Vec::as_slice);
    pack(&["a", "b/c", "d"].into_iter().zip(members).collect::<Vec<_>>())
}

fn data() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(Vec::new()),
        prop::collection::vec(any::<u8>(), 1..300),
        prop::collection::vec(select(b"ab\n".as_slice()), 1..3000),
        (any::<u8>(), 1..200_000_usize).prop_map(|(byte, length)| vec![byte; length]),
    ]
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let some = || prop::collection::vec(any::<u8>(), 1..40);
    let change = prop_oneof![
        any::<Index>().prop_map(Change::Cut),
        (any::<Index>(), 1..=255_u8).prop_map(|(at, bits)| Change::Flip(at, bits)),
        (0..30_u8, 1..=255_u8).prop_map(|(back, bits)| Change::FlipAtEnd(back, bits)),
        some().prop_map(Change::Trailing),
        some().prop_map(Change::TrailingAsIf),
        Just(Change::Again),
    ];
    prop_oneof![
        2 => Just(Vec::new()),
        1 => prop::collection::vec(change, 1..3),
    ]
}

fn made() -> impl Strategy<Value = Made> {
    data().prop_map(Made::Data).prop_recursive(3, 8, 3, |inner| {
        let members = || prop::collection::vec(inner.clone(), 0..4);
        let gzip =
            (prop_oneof![2 => Just(0), 1 => Just(1), 1 => 0..8_u8], select(vec![0, 1, 6, 9]))
                .prop_map(|(fields, level)| Gzip { fields, level });
        prop_oneof![
            (gzip, inner.clone(), changes()).prop_map(|(gzip, inner, changes)| Made::Gzip(
                gzip,
                Box::new(inner),
                changes
            )),
            (any::<bool>(), members(), changes())
                .prop_map(|(stored, members, changes)| Made::Zip(stored, members, changes)),
            (members(), changes()).prop_map(|(members, changes)| Made::Tar(members, changes)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 512 } else { 8192 }))]

    #[test]
    fn both_ways_give_the_same(made in made(), small in 0..2_u8, limit in 1..100_000_u64) {
        let packed = made.bytes();
        let of = |limits: Limits| match small {
            0 => limits,
            _ => Limits { member_size: limit, ..limits },
        };
        let at_once = recorded(&packed, of(AT_ONCE)).0;
        prop_assert_eq!(at_once, recorded(&packed, of(AS_STREAMS)).0);
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 48 } else { 512 }))]

    #[test]
    fn scans_tell_the_same(made in made(), number in 1..3_usize) {
        let pair = expand(
            "aws_access_key_id = {{aws-access-key-id:1}}\n\
             aws_secret_access_key = {{aws-secret-access-key:1}}\n",
        );
        let (packed, pair) = (made.bytes(), pair.0.into_bytes());
        let broken = &Wrap::Zip.wrap("p", &pair)[..60];
        let members = [("x", &packed[..]), ("y", &pair), ("z", broken)];
        let packed: Vec<(&str, &[u8])> =
            members.into_iter().cycle().take(members.len() * number).collect();
        // What is looked at has to be in memory, and not a file by itself.
        let file = tar(&[("t.tgz", &Wrap::Gzip.wrap("", &tar(&packed)))]);
        prop_assert_eq!(scanned(&file, AT_ONCE), scanned(&file, AS_STREAMS));
    }
}

static DETECTOR: LazyLock<Detector> =
    LazyLock::new(|| Detector::new(Arc::new(RuleSet::builtin().unwrap())));

/// What a report tells of a file.
fn scanned(bytes: &[u8], limits: Limits) -> (Vec<String>, Vec<String>, [u64; 4]) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x");
    std::fs::write(&file, bytes).unwrap();
    let Limits { member_size, ratio, ratio_free, .. } = limits;
    let archives = Archives { member_size, ratio, ratio_free, ..Archives::default() };
    let settings = Settings { archives, min_confidence: Confidence::Low, ..Settings::default() };
    let inputs = [Input::Path(file)];
    let outcome = scan::run(&inputs, &settings, &DETECTOR, &AtomicBool::new(false)).unwrap();
    let base = folder.path().display().to_string();
    let findings = outcome.findings.iter().map(|found| {
        format!("{} {} {:?}", found.origin.path().display(), found.rule, found.primary().span)
    });
    let problems = outcome.coverage.problems.iter().map(|problem| format!("{problem:?}"));
    let coverage = &outcome.coverage;
    (
        findings.map(|found| found.replace(&base, "")).collect(),
        problems.map(|problem| problem.replace(&base, "")).collect(),
        [coverage.files, coverage.bytes, coverage.members, coverage.unpacked],
    )
}

#[test]
fn what_is_sound_is_unpacked_at_once() {
    let text = b"some words, and more words\n".repeat(100);
    let members: &[(&str, &[u8])] = &[("a", &text), ("b", b"1"), ("c", b"")];
    let gzip = |fields, level| Gzip { fields, level }.pack(&text);
    for (packed, ways) in [
        (gzip(0, 0), [1, 0]),
        (gzip(0, 9), [1, 0]),
        (gzip(1, 6), [1, 0]),
        (gzip(2, 6), [0, 1]),
        // Where nothing comes out, checksum and size are zeros, of which there may be more before.
        (zip(members, CompressionMethod::DEFLATE), [2, 1]),
        (zip(members, CompressionMethod::STORE), [3, 0]),
        (Gzip { fields: 0, level: 6 }.pack(&tar(members)), [4, 0]),
        (tar(&[("a.zip", &Wrap::Zip.wrap("a", &gzip(0, 6)))]), [3, 0]),
    ] {
        assert_eq!(recorded(&packed, AT_ONCE).1, ways, "{packed:x?}");
        assert_eq!(recorded(&packed, AS_STREAMS).1[0], 0, "{packed:x?}");
    }
}

#[test]
fn nothing_hides_behind_a_stream() {
    let packed = Wrap::Gzip.wrap("", b"some words");
    let (_, trailer) = packed.split_at(packed.len() - 8);
    for between in [&b""[..], b"hidden", &packed[..packed.len() - 8]] {
        let all = [&packed, between, trailer].concat();
        let (told, ways) = recorded(&all, AT_ONCE);
        assert_eq!(ways, [0, 1], "{between:x?}");
        assert_eq!(told, recorded(&all, AS_STREAMS).0);
    }
    // As long as the first, so that only the checksum tells that it is another one.
    let all = [packed, Wrap::Gzip.wrap("", b"more words")].concat();
    assert_eq!(recorded(&all, AT_ONCE), recorded(&all, AS_STREAMS));
}

/// A zip of one member with `slack` behind its stream, where the member is said to go on.
fn with_slack(zip: &[u8], slack: &[u8]) -> Vec<u8> {
    let number = |at: usize| u32::from_le_bytes(zip[at..at + 4].try_into().unwrap());
    let directory = memchr::memmem::find(zip, b"PK\x01\x02").unwrap();
    let end = memchr::memmem::rfind(zip, b"PK\x05\x06").unwrap();
    let (names, size) = (number(26), number(directory + 20));
    let after = 30 + (names & 0xffff) as usize + (names >> 16) as usize + size as usize;
    let mut out = [&zip[..after], slack, &zip[after..]].concat();
    let mut grow = |at: usize, by: u32| {
        out[at + slack.len()..][..4].copy_from_slice(&by.to_le_bytes());
    };
    grow(directory + 20, size + slack.len() as u32);
    grow(end + 16, number(end + 16) + slack.len() as u32);
    out
}

#[test]
fn what_lies_behind_a_member_s_stream_is_scanned() {
    let text = b"some words, and more words\n".repeat(9);
    for method in [
        CompressionMethod::DEFLATE,
        CompressionMethod::BZIP2,
        CompressionMethod::ZSTD,
        CompressionMethod::XZ,
        CompressionMethod::DEFLATE64,
    ] {
        let plain = zip(&[("a", &text)], method);
        let trailer = [&libdeflater::crc32(&text).to_le_bytes(), &[243, 0, 0, 0][..]].concat();
        for slack in [&b"a hidden word"[..], &[b"a hidden word", &trailer[..]].concat()] {
            let packed = with_slack(&plain, slack);
            let told = recorded(&packed, AT_ONCE).0;
            assert_eq!(told, recorded(&packed, AS_STREAMS).0, "{method:?}");
            let hidden = format!("{:x?}", b"a hidden word");
            let is_own = |line: &String| {
                line.contains("own at") && line.contains(&hidden[1..hidden.len() - 1])
            };
            assert!(told.iter().any(is_own), "{method:?}: {told:#?}");
            assert!(told[0].contains("73, 6f, 6d, 65"), "{method:?}: {told:#?}");
        }
    }
}
