//! The header of a 7z archive: which packed streams there are, how they are decoded, and what the files are called.
//!
//! Every count that a header states is held against the bytes that are left of it before anything is allocated: the
//! crate that reads 7z takes such counts at their word, and panics or runs out of memory over them. That, and that it
//! has no bound on dictionaries, is why the reading is keylint's own.

/// What a header says.
#[derive(Debug, Default)]
pub(super) struct Header {
    pub(super) streams: Streams,
    /// Names in order, and whether the file has content.
    pub(super) files: Vec<(Vec<u8>, bool)>,
}

/// Packed streams and how they are decoded.
#[derive(Debug, Default)]
pub(super) struct Streams {
    /// Where the first one starts, after the archive's first 32 bytes.
    pub(super) pack_start: u64,
    pub(super) pack_sizes: Vec<u64>,
    pub(super) folders: Vec<Folder>,
}

/// One or more packed streams that are decoded to one, which is cut into files.
#[derive(Debug, Default)]
pub(super) struct Folder {
    /// Decoders, the one whose output is the result first; `None` if they are more than a chain.
    pub(super) chain: Option<Vec<Coder>>,
    pub(super) pack_streams: usize,
    pub(super) size: u64,
    crc: Option<u32>,
    /// Sizes and checksums of its files.
    pub(super) pieces: Vec<(u64, Option<u32>)>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Coder {
    pub(super) method: Vec<u8>,
    pub(super) properties: Vec<u8>,
}

/// The header states what cannot be.
#[derive(Debug)]
pub(super) struct Corrupt;

/// A header or, if it is itself packed, how.
pub(super) enum Parsed {
    Plain(Header),
    Packed(Streams),
}

type Result<T> = std::result::Result<T, Corrupt>;

mod id {
    pub(super) const END: u64 = 0x00;
    pub(super) const HEADER: u64 = 0x01;
    pub(super) const ARCHIVE_PROPERTIES: u64 = 0x02;
    pub(super) const MAIN_STREAMS: u64 = 0x04;
    pub(super) const FILES: u64 = 0x05;
    pub(super) const PACK_INFO: u64 = 0x06;
    pub(super) const UNPACK_INFO: u64 = 0x07;
    pub(super) const SUBSTREAMS: u64 = 0x08;
    pub(super) const SIZE: u64 = 0x09;
    pub(super) const CRC: u64 = 0x0a;
    pub(super) const FOLDER: u64 = 0x0b;
    pub(super) const UNPACK_SIZE: u64 = 0x0c;
    pub(super) const COUNT: u64 = 0x0d;
    pub(super) const EMPTY_STREAM: u64 = 0x0e;
    pub(super) const NAMES: u64 = 0x11;
    pub(super) const PACKED_HEADER: u64 = 0x17;
}

/// Coders of one folder; more than a filter or two nobody writes.
const MOST_CODERS: usize = 8;

pub(super) fn parse(bytes: &[u8]) -> Result<Parsed> {
    let mut rest = Rest(bytes);
    match rest.number()? {
        id::HEADER => rest.header().map(Parsed::Plain),
        id::PACKED_HEADER => rest.streams().map(Parsed::Packed),
        _ => Err(Corrupt),
    }
}

/// What is left to read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Corrupt)?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8> {
        self.bytes(1).map(|byte| byte[0])
    }

    /// As many leading ones of the first byte, so many bytes follow; its other bits are the highest.
    fn number(&mut self) -> Result<u64> {
        let first = self.byte()?;
        let more = first.leading_ones() as usize;
        let mut value = 0;
        for (index, byte) in self.bytes(more.min(8))?.iter().enumerate() {
            value |= u64::from(*byte) << (8 * index);
        }
        let high = if more >= 7 { 0 } else { u64::from(first) & ((1 << (7 - more)) - 1) };
        Ok(if more < 8 { value | high << (8 * more) } else { value })
    }

    /// The number of things that take at least `bits` bits each of what is left.
    fn count(&mut self, bits: usize) -> Result<usize> {
        let count = usize::try_from(self.number()?).map_err(|_| Corrupt)?;
        let room = self.0.len().saturating_mul(8);
        if count.checked_mul(bits).is_some_and(|needed| needed <= room) {
            Ok(count)
        } else {
            Err(Corrupt)
        }
    }

    fn expect(&mut self, id: u64) -> Result<()> {
        if self.number()? == id { Ok(()) } else { Err(Corrupt) }
    }

    fn header(&mut self) -> Result<Header> {
        let mut header = Header::default();
        loop {
            match self.number()? {
                id::END => return Ok(header),
                id::ARCHIVE_PROPERTIES => {
                    while self.number()? != id::END {
                        let size = self.count(8)?;
                        self.bytes(size)?;
                    }
                }
                id::MAIN_STREAMS => header.streams = self.streams()?,
                id::FILES => header.files = self.files()?,
                _ => return Err(Corrupt),
            }
        }
    }

    fn streams(&mut self) -> Result<Streams> {
        let mut streams = Streams::default();
        loop {
            match self.number()? {
                id::END => return Ok(streams),
                id::PACK_INFO => {
                    streams.pack_start = self.number()?;
                    let count = self.count(8)?;
                    self.pack_info(&mut streams, count)?;
                }
                id::UNPACK_INFO => streams.folders = self.folders()?,
                id::SUBSTREAMS => self.substreams(&mut streams.folders)?,
                _ => return Err(Corrupt),
            }
        }
    }

    fn pack_info(&mut self, streams: &mut Streams, count: usize) -> Result<()> {
        loop {
            match self.number()? {
                id::END => return Ok(()),
                id::SIZE => {
                    streams.pack_sizes =
                        (0..count).map(|_| self.number()).collect::<Result<_>>()?;
                }
                id::CRC => drop(self.digests(count)?),
                _ => return Err(Corrupt),
            }
        }
    }

    fn folders(&mut self) -> Result<Vec<Folder>> {
        self.expect(id::FOLDER)?;
        let count = self.count(16)?;
        if self.byte()? != 0 {
            return Err(Corrupt);
        }
        let mut folders = Vec::new();
        let mut last = Vec::new();
        for _ in 0..count {
            let (folder, outputs, result) = self.folder()?;
            folders.push(folder);
            last.push((outputs, result));
        }
        self.expect(id::UNPACK_SIZE)?;
        for (folder, (outputs, result)) in folders.iter_mut().zip(last) {
            let sizes = (0..outputs).map(|_| self.number()).collect::<Result<Vec<u64>>>()?;
            folder.size = sizes.get(result).copied().unwrap_or_default();
        }
        loop {
            match self.number()? {
                id::END => break,
                id::CRC => {
                    for (folder, crc) in folders.iter_mut().zip(self.digests(count)?) {
                        folder.crc = crc;
                    }
                }
                _ => return Err(Corrupt),
            }
        }
        for folder in &mut folders {
            folder.pieces = vec![(folder.size, folder.crc)];
        }
        Ok(folders)
    }

    /// A folder, the number of its coders' outputs, and which of these is the result.
    fn folder(&mut self) -> Result<(Folder, usize, usize)> {
        let count = self.count(8)?;
        if !(1..=MOST_CODERS).contains(&count) {
            return Err(Corrupt);
        }
        let mut coders = Vec::new();
        let (mut inputs, mut outputs, mut is_simple) = (0, 0, true);
        for _ in 0..count {
            let flags = self.byte()?;
            let method = self.bytes(usize::from(flags & 0xf))?.to_vec();
            let (ins, outs) =
                if flags & 0x10 == 0 { (1, 1) } else { (self.count(8)?, self.count(8)?) };
            if ins > MOST_CODERS || outs > MOST_CODERS || flags & 0x80 != 0 {
                return Err(Corrupt);
            }
            is_simple &= (ins, outs) == (1, 1);
            inputs += ins;
            outputs += outs;
            let size = if flags & 0x20 == 0 { 0 } else { self.count(8)? };
            coders.push(Coder { method, properties: self.bytes(size)?.to_vec() });
        }
        let bound = outputs.checked_sub(1).filter(|bound| *bound <= inputs).ok_or(Corrupt)?;
        let pairs = (0..bound)
            .map(|_| Ok((self.number()? as usize, self.number()? as usize)))
            .collect::<Result<Vec<_>>>()?;
        let pack_streams = inputs - bound;
        if pack_streams > 1 {
            (0..pack_streams).try_for_each(|_| self.number().map(drop))?;
        }
        let is_bound = |output: usize| pairs.iter().any(|(_, out)| *out == output);
        let result = (0..outputs).find(|output| !is_bound(*output)).ok_or(Corrupt)?;
        let chain = if is_simple { Some(chained(&coders, &pairs, result)?) } else { None };
        Ok((Folder { chain, pack_streams, ..Folder::default() }, outputs, result))
    }

    fn substreams(&mut self, folders: &mut [Folder]) -> Result<()> {
        let mut id = self.number()?;
        if id == id::COUNT {
            for folder in &mut *folders {
                let count = usize::try_from(self.number()?).map_err(|_| Corrupt)?;
                // All sizes but the last are stated.
                if count > self.0.len() + 1 {
                    return Err(Corrupt);
                }
                let crc = if count == 1 { folder.crc } else { None };
                folder.pieces = vec![(0, crc); count];
            }
            id = self.number()?;
        }
        let has_sizes = id == id::SIZE;
        for folder in &mut *folders {
            let mut left = folder.size;
            let Some((last, others)) = folder.pieces.split_last_mut() else { continue };
            for (size, _) in others {
                *size = if has_sizes { self.number()? } else { return Err(Corrupt) };
                left = left.checked_sub(*size).ok_or(Corrupt)?;
            }
            last.0 = left;
        }
        if has_sizes {
            id = self.number()?;
        }
        if id == id::CRC {
            let pieces = folders.iter_mut().flat_map(|folder| &mut folder.pieces);
            let unknown: Vec<_> = pieces.filter(|(_, crc)| crc.is_none()).collect();
            let digests = self.digests(unknown.len())?;
            unknown.into_iter().zip(digests).for_each(|(piece, crc)| piece.1 = crc);
            id = self.number()?;
        }
        if id == id::END { Ok(()) } else { Err(Corrupt) }
    }

    fn digests(&mut self, count: usize) -> Result<Vec<Option<u32>>> {
        let defined = if self.byte()? == 0 { self.bits(count)? } else { vec![true; count] };
        defined
            .into_iter()
            .map(|defined| {
                let mut digest = || -> Result<u32> {
                    let bytes = self.bytes(4)?.try_into().map_err(|_| Corrupt)?;
                    Ok(u32::from_le_bytes(bytes))
                };
                if defined { digest().map(Some) } else { Ok(None) }
            })
            .collect()
    }

    fn bits(&mut self, count: usize) -> Result<Vec<bool>> {
        let bytes = self.bytes(count.div_ceil(8))?;
        Ok((0..count).map(|bit| bytes[bit / 8] & (0x80 >> (bit % 8)) != 0).collect())
    }

    fn files(&mut self) -> Result<Vec<(Vec<u8>, bool)>> {
        // A name takes two bytes at least.
        let count = self.count(16)?;
        let mut files = vec![(Vec::new(), true); count];
        loop {
            let id = self.number()?;
            if id == id::END {
                return Ok(files);
            }
            let size = self.count(8)?;
            let mut property = Rest(self.bytes(size)?);
            match id {
                id::EMPTY_STREAM => {
                    for (file, is_empty) in files.iter_mut().zip(property.bits(count)?) {
                        file.1 = !is_empty;
                    }
                }
                id::NAMES => {
                    if property.byte()? != 0 {
                        return Err(Corrupt);
                    }
                    let units: Vec<u16> = property
                        .0
                        .chunks_exact(2)
                        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
                        .collect();
                    for (file, name) in files.iter_mut().zip(units.split(|unit| *unit == 0)) {
                        file.0 = String::from_utf16_lossy(name).into_bytes();
                    }
                }
                _ => {}
            }
        }
    }
}

/// The coders from the one whose output is the result to the one that reads what is packed.
fn chained(coders: &[Coder], pairs: &[(usize, usize)], result: usize) -> Result<Vec<Coder>> {
    let mut chain = Vec::new();
    let mut at = Some(result);
    while let Some(coder) = at {
        chain.push(coders.get(coder).ok_or(Corrupt)?.clone());
        if chain.len() > coders.len() {
            return Err(Corrupt);
        }
        at = pairs.iter().find(|(input, _)| *input == coder).map(|(_, output)| *output);
    }
    Ok(chain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_of_every_length() {
        for (bytes, number) in [
            (&[0x7f][..], 0x7f),
            (&[0x81, 0x02], 0x102),
            (&[0xc1, 0x02, 0x03], 0x1_0302),
            (&[0xfe, 1, 0, 0, 0, 0, 0, 2], 0x0002_0000_0000_0001),
            (&[0xff, 1, 0, 0, 0, 0, 0, 0, 0x80], 0x8000_0000_0000_0001),
        ] {
            assert_eq!(Rest(bytes).number().ok(), Some(number), "{bytes:x?}");
        }
        assert!(Rest(&[0x81]).number().is_err());
    }

    proptest! {
        #[test]
        fn no_header_panics_or_takes_more_than_its_size(
            mut bytes in prop::collection::vec(prop_oneof![0u8..0x20, any::<u8>()], 0..200),
            packed in any::<bool>(),
        ) {
            bytes.insert(0, if packed { 0x17 } else { 1 });
            if let Ok(Parsed::Plain(header)) = parse(&bytes) {
                prop_assert!(header.files.len() <= bytes.len());
            }
        }
    }
}
