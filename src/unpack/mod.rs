//! A container → its members, bounded. Nothing is written to disk, and a member's name is text.
//!
//! A format is recognised by what a file starts with. Unpackers push what they find into a [`Sink`]: members, as
//! streams or, where that costs nothing or is faster, as bytes in memory; and the container's own bytes, which are all
//! those that no member was read from whole. So whatever a scan of the plain bytes finds in a header, in slack, behind
//! the end, or in an archive that is none, is found still.
//!
//! | module | what it reads |
//! |---|---|
//! | `compressed` | gzip, bzip2, xz, zstd and lz4, each of one stream or several |
//! | `at_once` | gzip and deflate, from memory into memory |
//! | `sequence` | what `tar`, `ar` and `cpio` have in common: headers and data in turn |
//! | `zip` | zip and all that is made of it: jar, whl, apk, nupkg, docx, odt |
//! | `sevenz` | 7z |
//! | [`image`] | which layer of a container image hides what |

mod ar;
mod at_once;
mod budget;
mod compressed;
mod cpio;
pub mod image;
mod input;
mod sequence;
mod sevenz;
mod tar;
mod zip;

pub use self::budget::{Budget, Hit, Limits, is_repeated};
pub use self::input::{Broken, Source};
use crate::model::blob::Content;
use crate::model::coverage::ProblemKind;

/// A kind of container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Zip, and what is made of it.
    Zip,
    /// 7z.
    SevenZip,
    /// Tar: of the first Unix, POSIX, GNU.
    Tar,
    /// The archives of `ar`, and so Debian packages.
    Ar,
    /// Cpio with ASCII headers.
    Cpio,
    /// Gzip.
    Gzip,
    /// Bzip2.
    Bzip2,
    /// Xz.
    Xz,
    /// Zstandard.
    Zstd,
    /// Lz4 frames.
    Lz4,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 10] = [
        Self::Zip,
        Self::SevenZip,
        Self::Tar,
        Self::Ar,
        Self::Cpio,
        Self::Gzip,
        Self::Bzip2,
        Self::Xz,
        Self::Zstd,
        Self::Lz4,
    ];

    /// Whether it holds one stream without a name, rather than members.
    pub fn is_compression(self) -> bool {
        match self {
            Self::Gzip | Self::Bzip2 | Self::Xz | Self::Zstd | Self::Lz4 => true,
            Self::Zip | Self::SevenZip | Self::Tar | Self::Ar | Self::Cpio => false,
        }
    }

    /// What it is called.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Zip => "zip",
            Self::SevenZip => "7z",
            Self::Tar => "tar",
            Self::Ar => "ar",
            Self::Cpio => "cpio",
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
        }
    }

    /// Whether it has to be in a file or in memory to be read.
    pub fn is_read_at_random(self) -> bool {
        matches!(self, Self::Zip | Self::SevenZip)
    }
}

/// Bytes of a file's beginning that tell what it is; [`sniff`] looks at no more.
pub const SNIFF_LEN: usize = 512;

/// The container that starts with `head`, if it is one.
pub fn sniff(head: &[u8]) -> Option<Format> {
    // This is what every file of a tree pays: for text one look at the first byte, and one further in.
    let by_magic = match head {
        [b'P', b'K', 3, 4, ..]
        | [b'P', b'K', 5, 6, ..]
        | [b'P', b'K', 7, 8, b'P', b'K', 3, 4, ..] => Some(Format::Zip),
        [0x1f, 0x8b, 8, flags, ..] if flags & 0xe0 == 0 => Some(Format::Gzip),
        [b'B', b'Z', b'h', b'1'..=b'9', rest @ ..]
            if rest.starts_with(b"1AY&SY") || rest.starts_with(b"\x17rE8P\x90") =>
        {
            Some(Format::Bzip2)
        }
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Format::Xz),
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Format::Zstd),
        [0x04, 0x22, 0x4d, 0x18, ..] => Some(Format::Lz4),
        [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, ..] => Some(Format::SevenZip),
        [b'!', b'<', b'a', b'r', b'c', b'h', b'>', b'\n', ..] => Some(Format::Ar),
        [b'0', b'7', b'0', b'7', ..] if cpio::is_header(head) => Some(Format::Cpio),
        [b'#', b'!', ..] if zip::follows_a_script(head) => Some(Format::Zip),
        _ => None,
    };
    by_magic.or_else(|| tar::is_header(head).then_some(Format::Tar))
}

/// Takes what a container holds.
pub trait Sink {
    /// Takes the member called `name` (empty for a compressed stream) and reads `content` to its end. If reading
    /// fails, the sink says so: it knows which member of a member was being read.
    fn member(&mut self, name: &[u8], content: Content<'_>);

    /// Takes the name of a folder. Only tar archives say, for images of containers.
    fn folder(&mut self, _name: &[u8]) {}

    /// Takes the name of a link or a device, which have no content of their own. Only tar archives say.
    fn link(&mut self, _name: &[u8]) {}

    /// Takes bytes that belong to the container itself, starting at `offset`. If reading fails, the sink says so.
    fn own(&mut self, offset: u64, bytes: Content<'_>);

    /// Takes why the container, or the member called `name`, is not unpacked whole.
    fn problem(&mut self, name: Option<&[u8]>, kind: ProblemKind, message: String);

    /// Whether to stop.
    fn is_cancelled(&self) -> bool;
}

/// Unpacks `source`, which starts with what `format` starts with, into `sink`. Reads a stream to its end, unless that
/// fails.
pub fn unpack(format: Format, source: Source<'_>, budget: &Budget, sink: &mut dyn Sink) {
    budget.start();
    match format {
        Format::Gzip | Format::Bzip2 | Format::Xz | Format::Zstd | Format::Lz4 => {
            compressed::unpack(format, source, budget, sink);
        }
        Format::Tar => sequence::unpack(source, budget, sink, tar::walk),
        Format::Ar => sequence::unpack(source, budget, sink, ar::walk),
        Format::Cpio => sequence::unpack(source, budget, sink, cpio::walk),
        Format::Zip => input::anywhere(source, budget, sink, zip::unpack),
        Format::SevenZip => input::anywhere(source, budget, sink, sevenz::unpack),
    }
}
