//! Tar: of the first Unix, POSIX with extended headers, GNU with long names and sparse files.
//!
//! The `tar` crate reads headers and records; the walk is keylint's own, since the crate's holds long names of any
//! declared size in memory and does not say what lies between members. Of sparse files the stored parts are scanned, in
//! one.

use std::borrow::Cow;
use std::io;

use tar::{EntryType, Header, PaxExtensions};

use super::sequence::{Flow, Walk};

const BLOCK: usize = 512;

/// Whether `head` starts with the header of a member: its checksum says so.
pub(super) fn is_header(head: &[u8]) -> bool {
    let Some(block) = head.get(..BLOCK) else { return false };
    // The checksum's field is octal digits with blanks around, which hardly any other file has there.
    let is_octal = |byte: &u8| matches!(byte, b'0'..=b'7' | b' ' | 0);
    if !block[148..156].iter().all(is_octal) || block[0] == 0 {
        return false;
    }
    let unsigned: u32 =
        block.iter().map(|byte| u32::from(*byte)).sum::<u32>() - sum(&block[148..156]) + 8 * 32;
    let header = Header::from_byte_slice(block);
    header.cksum().is_ok_and(|stored| stored == unsigned)
}

fn sum(bytes: &[u8]) -> u32 {
    bytes.iter().map(|byte| u32::from(*byte)).sum()
}

/// What records before a member's header say of it.
#[derive(Default)]
struct Ahead {
    name: Option<Vec<u8>>,
    size: Option<u64>,
}

impl Ahead {
    /// The name of the member that `header` is of.
    fn name_in(self, header: &Header) -> Cow<'_, [u8]> {
        self.name.map_or_else(|| header.path_bytes(), Cow::Owned)
    }
}

pub(super) fn walk(walk: &mut Walk<'_>) -> io::Result<()> {
    let mut ahead = Ahead::default();
    let mut after_zeros = false;
    loop {
        let block = walk.peek(BLOCK)?;
        if block.is_empty() {
            return Ok(());
        }
        let is_zero = block.iter().all(|byte| *byte == 0);
        if block.len() < BLOCK || (!is_zero && !is_header(block)) {
            // Anything may follow the blocks of zeros that end an archive.
            if !is_zero && !after_zeros {
                walk.corrupt();
            }
            return Ok(());
        }
        let header = Header::from_byte_slice(block).clone();
        walk.take_own(BLOCK)?;
        after_zeros = is_zero;
        if is_zero {
            continue;
        }
        if step(walk, &header, &mut ahead)? == Flow::Stop {
            return Ok(());
        }
    }
}

/// Takes what belongs to one header.
fn step(walk: &mut Walk<'_>, header: &Header, ahead: &mut Ahead) -> io::Result<Flow> {
    let Ok(size) = header.entry_size() else {
        walk.corrupt();
        return Ok(Flow::Stop);
    };
    let flow = match header.entry_type() {
        EntryType::GNULongName => {
            if let Some(name) = walk.record(size)? {
                ahead.name = Some(without_zeros(&name).to_vec());
            }
            Flow::On
        }
        EntryType::XHeader => {
            if let Some(record) = walk.record(size)? {
                extend(ahead, &record);
            }
            Flow::On
        }
        EntryType::GNULongLink | EntryType::XGlobalHeader => {
            walk.record(size)?;
            Flow::On
        }
        kind @ (EntryType::Link
        | EntryType::Symlink
        | EntryType::Char
        | EntryType::Block
        | EntryType::Directory
        | EntryType::Fifo) => {
            let name = std::mem::take(ahead).name_in(header);
            match kind {
                EntryType::Directory => walk.folder(&name),
                _ => walk.link(&name),
            }
            return Ok(Flow::On);
        }
        kind => {
            if kind == EntryType::GNUSparse {
                skip_sparse_map(walk, header)?;
            }
            let ahead = std::mem::take(ahead);
            let size = ahead.size.unwrap_or(size);
            let name = ahead.name_in(header);
            if name.ends_with(b"/") && size == 0 {
                walk.folder(&name);
                return Ok(Flow::On);
            }
            walk.member(&name, size)
        }
    };
    if flow == Flow::On && !walk.pad(BLOCK as u64)? {
        walk.truncated();
        return Ok(Flow::Stop);
    }
    Ok(flow)
}

/// Takes the blocks that go on with the map of a sparse file.
fn skip_sparse_map(walk: &mut Walk<'_>, header: &Header) -> io::Result<()> {
    let mut more = header.as_gnu().is_some_and(tar::GnuHeader::is_extended);
    while more {
        let block = walk.peek(BLOCK)?;
        if block.len() < BLOCK {
            return Ok(());
        }
        more = block[504] == 1;
        walk.take_own(BLOCK)?;
    }
    Ok(())
}

fn extend(ahead: &mut Ahead, record: &[u8]) {
    for extension in PaxExtensions::new(record).flatten() {
        match extension.key_bytes() {
            b"path" if ahead.name.is_none() => ahead.name = Some(extension.value_bytes().to_vec()),
            b"GNU.sparse.name" => ahead.name = Some(extension.value_bytes().to_vec()),
            b"size" => ahead.size = extension.value().ok().and_then(|size| size.parse().ok()),
            _ => {}
        }
    }
}

fn without_zeros(name: &[u8]) -> &[u8] {
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    &name[..end]
}
