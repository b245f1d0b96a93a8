//! Any bytes as a container of any format, and valid ones with some bytes changed: no unpacker panics, hands out more than the limits allow, or ends without a
//! word when it did not read what it was given to its end; and no byte is lost: what is not read from a member whole
//! is handed out as the container's own.

#![no_main]

use std::io::{Cursor, Read};
use std::time::Duration;

use keylint::model::blob::Content;
use keylint::model::coverage::ProblemKind;
use keylint::unpack::{Budget, Format, Limits, Sink, Source, sniff, unpack};
use keylint_fuzz::{container, headed};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

const TOTAL: u64 = 4 << 20;
const PIECE: usize = 64 << 10;

#[derive(Arbitrary, Clone, Copy, Debug)]
enum As {
    Bytes,
    Seekable,
    Stream,
}

#[derive(Default)]
struct Collected {
    given: u64,
    own: u64,
    members: u64,
    broken: bool,
    problems: u64,
}

impl Collected {
    fn drain(&mut self, stream: &mut dyn Read) -> u64 {
        let mut buffer = vec![0; PIECE];
        let mut read = 0;
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => return read,
                Ok(count) => read += count as u64,
                Err(_) => {
                    self.broken = true;
                    return read;
                }
            }
        }
    }
}

impl Sink for Collected {
    fn member(&mut self, _: &[u8], mut content: Content<'_>) {
        self.members += 1;
        self.given += self.drain(&mut content);
    }

    fn own(&mut self, _: u64, mut bytes: Content<'_>) {
        self.own += self.drain(&mut bytes);
    }

    fn problem(&mut self, _: Option<&[u8]>, _: ProblemKind, _: String) {
        self.problems += 1;
    }

    fn is_cancelled(&self) -> bool {
        false
    }
}

/// What is unpacked: bytes alone would hardly ever get past the first checks of a format.
#[derive(Arbitrary, Debug)]
enum Given<'a> {
    /// Anything that is recognised, or might be a zip or 7z archive.
    Bytes(u8, &'a [u8]),
    /// A header of the format, and anything.
    Headed(u8, &'a [u8]),
    /// Valid containers around anything, one in the other, with bytes changed, and cut off.
    Made { ways: [u8; 2], is_nested: bool, content: &'a [u8], changes: Vec<(u16, u8)>, cut: u16 },
}

impl Given<'_> {
    fn container(self) -> Option<(Format, Vec<u8>)> {
        let format = |index: u8| Format::ALL[usize::from(index) % Format::ALL.len()];
        let (fallback, bytes) = match self {
            Self::Bytes(index, bytes) => (format(index), bytes.to_vec()),
            Self::Headed(index, body) => (format(index), headed(format(index), body)),
            Self::Made { ways, is_nested, content, changes, cut } => {
                let mut bytes = container(ways[0], content);
                if is_nested {
                    bytes = container(ways[1], &bytes);
                }
                let fallback = sniff(&bytes)?;
                for (at, change) in changes {
                    let at = usize::from(at) % bytes.len();
                    bytes[at] ^= change;
                }
                bytes.truncate(bytes.len() - usize::from(cut) % bytes.len());
                (fallback, bytes)
            }
        };
        let is_read_anywhere = matches!(fallback, Format::SevenZip | Format::Zip);
        let format = sniff(&bytes).or(is_read_anywhere.then_some(fallback))?;
        Some((format, bytes))
    }
}

fuzz_target!(|input: (Given<'_>, As)| {
    let (given, source) = input;
    // What does not begin as a format does never reaches its unpacker.
    let Some((format, bytes)) = given.container() else { return };
    let bytes = &bytes[..];
    let limits = Limits {
        depth: 1,
        members: 1000,
        member_size: TOTAL,
        total_size: TOTAL,
        ratio: 1000,
        ratio_free: 64 << 10,
        memory: 8 << 20,
        time: Duration::from_secs(20),
    };
    let budget = Budget::new(limits);
    let mut sink = Collected::default();
    match source {
        As::Bytes => unpack(format, Source::Bytes(bytes), &budget, &mut sink),
        As::Seekable => {
            unpack(format, Source::Seekable(&mut Cursor::new(bytes)), &budget, &mut sink)
        }
        As::Stream => unpack(format, Source::Stream(&mut { bytes }), &budget, &mut sink),
    }
    assert!(sink.members <= limits.members);
    // Stored members are bounded by the input, and the last piece may go over the limit.
    assert!(sink.given <= TOTAL + bytes.len() as u64 + PIECE as u64, "{}", sink.given);
    if sink.members == 0 && !bytes.iter().all(|byte| *byte == 0) {
        assert!(sink.own > 0 || sink.problems > 0, "nothing came of {format:?}");
    }
});
