//! Containers made at test time: every format that keylint unpacks, and some that are not what they should be.

use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use liblzma::stream::{LzmaOptions, Stream};
use liblzma::write::XzEncoder;
use rawzip::{CompressionMethod, ZipArchiveWriter};
use sevenz_rust2::encoder_options::Lzma2Options;
use sevenz_rust2::{ArchiveEntry, ArchiveWriter};

/// A container of one kind: makes one that holds a member called `name`, and says what the member's path is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrap {
    Zip,
    StoredZip,
    Bzip2Zip,
    ZstdZip,
    XzZip,
    LzmaZip,
    Deflate64Zip,
    Tar,
    OldTar,
    GnuTar,
    PaxTar,
    Ar,
    BsdAr,
    Deb,
    Newc,
    Odc,
    SevenZip,
    TarGz,
    Gzip,
    Bzip2,
    Xz,
    Zstd,
    Lz4,
}

impl Wrap {
    pub(crate) const ALL: [Self; 23] = [
        Self::Zip,
        Self::StoredZip,
        Self::Bzip2Zip,
        Self::ZstdZip,
        Self::XzZip,
        Self::LzmaZip,
        Self::Deflate64Zip,
        Self::Tar,
        Self::OldTar,
        Self::GnuTar,
        Self::PaxTar,
        Self::Ar,
        Self::BsdAr,
        Self::Deb,
        Self::Newc,
        Self::Odc,
        Self::SevenZip,
        Self::TarGz,
        Self::Gzip,
        Self::Bzip2,
        Self::Xz,
        Self::Zstd,
        Self::Lz4,
    ];

    /// One of each unpacker.
    pub(crate) const ONE_EACH: [Self; 6] =
        [Self::Zip, Self::Tar, Self::Ar, Self::Newc, Self::SevenZip, Self::Gzip];

    /// Whether it has no names.
    pub(crate) fn is_compression(self) -> bool {
        matches!(self, Self::Gzip | Self::Bzip2 | Self::Xz | Self::Zstd | Self::Lz4)
    }

    /// The container with a member called `name` that holds `data`.
    pub(crate) fn wrap(self, name: &str, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Zip => zip(&[(name, data)], CompressionMethod::DEFLATE),
            Self::StoredZip => zip(&[(name, data)], CompressionMethod::STORE),
            Self::Bzip2Zip => zip(&[(name, data)], CompressionMethod::BZIP2),
            Self::ZstdZip => zip(&[(name, data)], CompressionMethod::ZSTD),
            Self::XzZip => zip(&[(name, data)], CompressionMethod::XZ),
            Self::LzmaZip => zip(&[(name, data)], CompressionMethod::LZMA),
            Self::Deflate64Zip => zip(&[(name, data)], CompressionMethod::DEFLATE64),
            Self::Tar => tar(&[("before", b"x"), (name, data), ("after", b"y")]),
            Self::OldTar => tar_of(tar::Header::new_old(), name, data, b""),
            Self::GnuTar => {
                let mut long = tar::Header::new_gnu();
                long.set_entry_type(tar::EntryType::GNULongName);
                let mut before = block(long, "././@LongLink", format!("{name}\0").as_bytes());
                before.extend(block(tar::Header::new_gnu(), "cut", data));
                end_of_tar(before)
            }
            Self::PaxTar => {
                let mut line = format!(" path={name}\n");
                let length = (line.len() + 2..line.len() + 9)
                    .find(|n| n.to_string().len() + line.len() == *n);
                line.insert_str(0, &length.unwrap().to_string());
                let mut extended = tar::Header::new_ustar();
                extended.set_entry_type(tar::EntryType::XHeader);
                let mut before = block(extended, "PaxHeaders/x", line.as_bytes());
                before.extend(block(tar::Header::new_ustar(), "cut", data));
                end_of_tar(before)
            }
            Self::Ar => {
                let table = format!("{name}/\n");
                ar(&[("//", table.as_bytes()), ("/0", data)])
            }
            Self::BsdAr => {
                let named = [name.as_bytes(), data].concat();
                ar(&[(&format!("#1/{}", name.len()), &named)])
            }
            Self::Deb => {
                let tar = tar(&[(name, data)]);
                ar(&[("debian-binary", b"2.0\n"), ("data.tar.xz", &Self::Xz.wrap("", &tar))])
            }
            Self::Newc => newc(&[(name, data)]),
            Self::Odc => odc(&[(name, data)]),
            Self::SevenZip => sevenz(&[("before", b"x"), (name, data)]),
            Self::TarGz => Self::Gzip.wrap("", &tar(&[(name, data)])),
            Self::Gzip => {
                let mut out = GzEncoder::new(Vec::new(), Compression::default());
                out.write_all(data).unwrap();
                out.finish().unwrap()
            }
            Self::Bzip2 => {
                let mut out = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
                out.write_all(data).unwrap();
                out.finish().unwrap()
            }
            Self::Xz => {
                let mut out = XzEncoder::new(Vec::new(), 0);
                out.write_all(data).unwrap();
                out.finish().unwrap()
            }
            Self::Zstd => {
                ruzstd::encoding::compress_to_vec(data, ruzstd::encoding::CompressionLevel::Fastest)
            }
            Self::Lz4 => {
                let mut out = lz4_flex::frame::FrameEncoder::new(Vec::new());
                out.write_all(data).unwrap();
                out.finish().unwrap()
            }
        }
    }
}

pub(crate) fn zip(members: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    let mut archive = ZipArchiveWriter::new(&mut out);
    for (name, data) in members {
        let (mut entry, config) =
            archive.new_file(name).compression_method(method).start().unwrap();
        let packed = match method {
            CompressionMethod::DEFLATE => {
                let mut packed = DeflateEncoder::new(Vec::new(), Compression::default());
                packed.write_all(data).unwrap();
                packed.finish().unwrap()
            }
            CompressionMethod::BZIP2 => Wrap::Bzip2.wrap("", data),
            CompressionMethod::ZSTD => Wrap::Zstd.wrap("", data),
            CompressionMethod::XZ => Wrap::Xz.wrap("", data),
            CompressionMethod::LZMA => {
                let stream = Stream::new_lzma_encoder(&LzmaOptions::new_preset(6).unwrap());
                let mut packed = XzEncoder::new_stream(Vec::new(), stream.unwrap());
                packed.write_all(data).unwrap();
                // A file of LZMA: properties, a size that is not stated, the stream.
                let file = packed.finish().unwrap();
                [&[9, 20, 5, 0], &file[..5], &file[13..]].concat()
            }
            CompressionMethod::DEFLATE64 => deflate64(data),
            _ => data.to_vec(),
        };
        let mut sums = config.wrap(std::io::sink());
        sums.write_all(data).unwrap();
        let (_, sums) = sums.finish().unwrap();
        entry.write_all(&packed).unwrap();
        entry.finish(sums).unwrap();
    }
    archive.finish().unwrap();
    out.into_inner()
}

/// Bits of a block of Deflate with fixed codes.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    /// Those that make no byte yet, and how many they are.
    rest: u64,
    count: u32,
}

impl Bits {
    fn put(&mut self, value: u32, len: u32) {
        self.rest |= u64::from(value) << self.count;
        self.count += len;
        while self.count >= 8 {
            self.bytes.push(self.rest as u8);
            self.rest >>= 8;
            self.count -= 8;
        }
    }

    /// Codes are written from their first bit on, other numbers from their last.
    fn code(&mut self, code: u32, len: u32) {
        self.put(code.reverse_bits() >> (32 - len), len);
    }

    /// A literal, the end of a block (256), or what is said of a length.
    fn symbol(&mut self, number: u32) {
        match number {
            0..=143 => self.code(0x30 + number, 8),
            144..=255 => self.code(0x190 + number - 144, 9),
            256..=279 => self.code(number - 256, 7),
            _ => self.code(0xc0 + number - 280, 8),
        }
    }

    /// So many of the bytes that start so far back.
    fn again(&mut self, len: u32, back: u32) {
        let of = |number: u32, bits: u32| (number >> bits, number & ((1 << bits) - 1), bits);
        match len - 3 {
            255 => self.symbol(285),
            number => {
                let (high, low, bits) = of(number, number.max(4).ilog2() - 2);
                self.symbol(257 + 4 * bits + high);
                self.put(low, bits);
            }
        }
        let number = back - 1;
        let (high, low, bits) = of(number, number.max(2).ilog2() - 1);
        self.code(2 * bits + high, 5);
        self.put(low, bits);
    }

    fn len(&self) -> u32 {
        8 * self.bytes.len() as u32 + self.count
    }
}

/// In one block, as literals but for repetitions of the last byte: in Deflate64, and only there, these may have more
/// than 258 bytes.
fn deflate64(data: &[u8]) -> Vec<u8> {
    let mut packed = Bits::default();
    packed.put(0b011, 3);
    let mut rest = data;
    while let Some(first) = rest.first() {
        packed.symbol(u32::from(*first));
        rest = &rest[1..];
        let again = rest.iter().take(65_538).take_while(|byte| *byte == first).count();
        if again >= 3 {
            packed.symbol(285);
            packed.put(again as u32 - 3, 16);
            packed.put(0, 5);
            rest = &rest[again..];
        }
    }
    packed.symbol(256);
    packed.put(0, 7);
    packed.bytes
}

pub(crate) fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = tar::Builder::new(Vec::new());
    for (name, data) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(data.len() as u64);
        out.append_data(&mut header, name, *data).unwrap();
    }
    out.into_inner().unwrap()
}

fn tar_of(header: tar::Header, name: &str, data: &[u8], before: &[u8]) -> Vec<u8> {
    end_of_tar([before, &block(header, name, data)].concat())
}

fn block(mut header: tar::Header, name: &str, data: &[u8]) -> Vec<u8> {
    header.set_path(name).unwrap();
    header.set_size(data.len() as u64);
    header.set_cksum();
    let mut block = [header.as_bytes(), data].concat();
    block.resize(block.len().next_multiple_of(512), 0);
    block
}

fn end_of_tar(mut tar: Vec<u8>) -> Vec<u8> {
    tar.extend([0; 1024]);
    tar
}

fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    for (name, data) in members {
        writeln!(out, "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`", 0, 0, 0, 644, data.len()).unwrap();
        out.extend_from_slice(data);
        out.resize(out.len().next_multiple_of(2), b'\n');
    }
    out
}

pub(crate) fn newc(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, data) in members.iter().chain(&[("TRAILER!!!", b"".as_slice())]) {
        let fields = [1, 0o100_644, 0, 0, 1, 0, data.len(), 0, 0, 0, 0, name.len() + 1, 0];
        out.extend_from_slice(b"070701");
        for field in fields {
            write!(out, "{field:08x}").unwrap();
        }
        out.extend_from_slice(name.as_bytes());
        out.push(0);
        out.resize(out.len().next_multiple_of(4), 0);
        out.extend_from_slice(data);
        out.resize(out.len().next_multiple_of(4), 0);
    }
    out
}

fn odc(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, data) in members.iter().chain(&[("TRAILER!!!", b"".as_slice())]) {
        write!(
            out,
            "070707{:06o}{:06o}{:06o}{:06o}{:06o}{:06o}{:06o}{:011o}{:06o}{:011o}{name}\0",
            0,
            0,
            0o100_644,
            0,
            0,
            1,
            0,
            0,
            name.len() + 1,
            data.len()
        )
        .unwrap();
        out.extend_from_slice(data);
    }
    out
}

pub(crate) fn sevenz(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = ArchiveWriter::new(Cursor::new(Vec::new())).unwrap();
    // The usual level clears large tables for each member.
    out.set_content_methods(vec![Lzma2Options::from_level(0).into()]);
    for (name, data) in members {
        out.push_archive_entry(ArchiveEntry::new_file(name), Some(*data)).unwrap();
    }
    out.finish().unwrap().into_inner()
}

/// A gzip file that unpacks to itself.
pub(crate) fn quine() -> Vec<u8> {
    solved(&|seed, sum| {
        let header = [&[0x1f, 0x8b, 8, 8, seed, 0, 0, 0, 0, 0xff][..], b"q\0"].concat();
        let trailer = |size: u32| [sum.to_le_bytes(), size.to_le_bytes()].concat();
        let size = quine_of(&header, &trailer(0)).len() as u32;
        quine_of(&header, &trailer(size))
    })
}

/// A zip archive whose member is the archive. It says `comment`, which is filled up to 149 bytes.
pub(crate) fn zip_quine(comment: &str) -> Vec<u8> {
    // Operations of five bytes can repeat 66 and 258 bytes, and hardly other numbers: that many are the header and the
    // trailer, five more each.
    let (name, comment) = (format!("{:-<27}.zip", "itself"), format!("{comment:<149}"));
    let entry = |seed: u8, sum: u32, size: u32| {
        let packed = size.saturating_sub(61 + 46 + 31 + 22 + 149);
        let fields = [&[20, 0, 0, 0, 8, 0, seed, 0, 0x21, 0][..], &sum.to_le_bytes()].concat();
        [&fields[..], &packed.to_le_bytes(), &size.to_le_bytes(), &[31, 0, 0, 0]].concat()
    };
    let whole = |seed: u8, sum: u32, size: u32| {
        let entry = entry(seed, sum, size);
        let header = [b"PK\x03\x04", &entry[..], name.as_bytes()].concat();
        let directory = [b"PK\x01\x02\x14\0", &entry[..], &[0; 14], name.as_bytes()].concat();
        let at = size.saturating_sub(46 + 31 + 22 + 149);
        let end = [&b"PK\x05\x06\0\0\0\0\x01\0\x01\0\x4d\0\0\0"[..], &at.to_le_bytes(), &[149, 0]]
            .concat();
        quine_of(&header, &[&directory[..], &end, comment.as_bytes()].concat())
    };
    solved(&|seed, sum| whole(seed, sum, whole(seed, sum, 0).len() as u32))
}

/// The file that `of` makes with the checksum that it has, for the first seed for which there is one. The checksum in it
/// is a linear function of itself, so it is the solution of a system of equations.
fn solved(of: &dyn Fn(u8, u32) -> Vec<u8>) -> Vec<u8> {
    let solution = |seed: u8| {
        let difference = |sum: u32| rawzip::crc32(&of(seed, sum)) ^ sum;
        let mut basis: Vec<(u32, u32)> = Vec::new();
        let reduce = |basis: &[(u32, u32)], start: (u32, u32)| {
            basis.iter().fold(start, |(rest, sum), (vector, bits)| {
                if rest ^ vector < rest { (rest ^ vector, sum ^ bits) } else { (rest, sum) }
            })
        };
        for bit in (0..32).map(|shift| 1 << shift) {
            let reduced = reduce(&basis, (difference(bit) ^ difference(0), bit));
            basis.extend((reduced.0 != 0).then_some(reduced));
        }
        let (rest, sum) = reduce(&basis, (difference(0), 0));
        (rest == 0).then(|| of(seed, sum))
    };
    (0..=u8::MAX).find_map(solution).expect("every third system has a solution")
}

/// What unpacks to itself between a header and a trailer.
///
/// It is made of operations of five bytes each, which either put out the bytes that follow or repeat the last ones put
/// out, in an order in which what they put out is again these operations. Between them stand the header and, twice, the
/// trailer.
fn quine_of(header: &[u8], trailer: &[u8]) -> Vec<u8> {
    // A stored block of so many bytes.
    let put = |len: usize| {
        let len = (len as u16).to_le_bytes();
        vec![0, len[0], len[1], !len[0], !len[1]]
    };
    // A block of one or two matches that repeat so many bytes, behind an empty one if it has 40 bits by that.
    let again = |len: usize| {
        let len = len as u32;
        let ways = [(false, vec![len]), (true, vec![len]), (false, vec![len / 2, len - len / 2])];
        let blocks = ways.map(|(is_behind_another, matches)| {
            let mut bits = Bits::default();
            if is_behind_another {
                bits.put(0b010, 3);
                bits.symbol(256);
            }
            bits.put(0b010, 3);
            for part in matches {
                bits.again(part, len);
            }
            bits.symbol(256);
            bits
        });
        blocks.into_iter().find(|bits| bits.len() == 40).expect("a length that can be had").bytes
    };
    let trailer = [&[1, 0, 0, 0xff, 0xff], trailer].concat();
    let (one, four, repeat) = (put(5), put(20), again(20));
    let (put_header, header_again) = (put(header.len() + 5), again(header.len() + 5));
    let (put_trailer, trailer_again) = (put(trailer.len() + 5), again(trailer.len() + 5));
    #[rustfmt::skip]
    let operations: [&[u8]; 34] = [
        header, &put_header, header, &put_header, &header_again, &one, &header_again, &one, &one,
        &four, &header_again, &one, &one, &four, &repeat, &four, &repeat, &four, &repeat, &four,
        &repeat, &four, &repeat, &put(0), &put(0), &put_trailer, &repeat, &put(0), &put(0), &put_trailer,
        &trailer_again, &trailer, &trailer_again, &trailer,
    ];
    operations.concat()
}
