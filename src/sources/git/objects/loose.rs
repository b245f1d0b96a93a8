//! Loose objects: a file each, deflated whole, with kind and size in front.

use std::ffi::OsStr;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use git2::Oid;

use super::directories::entries;
use crate::model::blob::Content;
use crate::sources::git::inflate::{self, Inflating};
use crate::sources::git::pack::{Id, Kind, MAX_OBJECT, Object, STREAMED};
use crate::sources::regular;

/// Longer headers cannot be: a kind's name, a space, and a number of 64 bits.
const MAX_HEADER: usize = 32;

/// Where a loose object lies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Loose {
    pub(super) id: Id,
    directory: Arc<Path>,
}

/// The loose objects of an object directory. What cannot be listed is a problem.
pub(super) fn list(directory: &Path, problems: &mut Vec<(PathBuf, String)>) -> Vec<Loose> {
    let shared: Arc<Path> = directory.into();
    let name = |path: &Path| path.file_name().and_then(OsStr::to_str).map(str::to_owned);
    let mut found = Vec::new();
    for fan in entries(directory, problems) {
        let Some(prefix) = name(&fan).filter(|name| is_hex(name, 2)) else { continue };
        for file in entries(&fan, problems) {
            let rest = name(&file).filter(|name| is_hex(name, 38));
            let id = rest.and_then(|rest| Oid::from_str(&format!("{prefix}{rest}")).ok());
            if let Some(id) = id.and_then(|id| id.as_bytes().try_into().ok()) {
                found.push(Loose { id, directory: Arc::clone(&shared) });
            }
        }
    }
    found
}

/// Whether a file name is that many hexadecimal digits, as git writes them.
fn is_hex(name: &str, digits: usize) -> bool {
    name.len() == digits && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl Loose {
    pub(super) fn path(&self) -> PathBuf {
        let id = Oid::from_bytes(&self.id).map(|id| id.to_string()).unwrap_or_default();
        let (prefix, rest) = id.split_at(id.len().min(2));
        self.directory.join(prefix).join(rest)
    }

    /// Hands the object to `worker`, if it is of a wanted kind. The error is the rest of a sentence about it.
    pub(super) fn read<N>(
        &self,
        kinds: &impl Fn(Kind) -> bool,
        worker: &mut impl FnMut(Object<'_, N>),
    ) -> Result<(), String> {
        let file = regular::open(&self.path()).map_err(|error| error.to_string())?;
        let packed = file.metadata().map_err(|error| error.to_string())?.len();
        read(self.id, BufReader::new(file), packed, kinds, worker)
    }
}

fn read<N>(
    id: Id,
    file: impl io::BufRead,
    packed: u64,
    kinds: &impl Fn(Kind) -> bool,
    worker: &mut impl FnMut(Object<'_, N>),
) -> Result<(), String> {
    let corrupt = |error: io::Error| format!("corrupt: {error}");
    let mut stream = Inflating::new(file);
    let (kind, size) = header(&mut stream).map_err(corrupt)?;
    if !kinds(kind) {
        return Ok(());
    }
    if !inflate::is_possible(packed, size) {
        return Err("corrupt: it says it inflates to more than it can".to_owned());
    }
    let mut stream = stream.exactly(size);
    if size > STREAMED && kind == Kind::Blob {
        let data = Content::Stream(&mut stream);
        worker(Object { id, kind, size, data, base: None, note: None });
        return stream.into_failed().map_or(Ok(()), |failed| Err(format!("corrupt: {failed}")));
    }
    if size > MAX_OBJECT {
        return Err(format!("its {size} bytes are more than is held in memory"));
    }
    let mut data = Vec::with_capacity(size as usize);
    stream.read_to_end(&mut data).map_err(corrupt)?;
    let data = Content::Bytes(&data);
    worker(Object { id, kind, size, data, base: None, note: None });
    Ok(())
}

/// Reads what stands in front of an object.
fn header(stream: &mut impl Read) -> io::Result<(Kind, u64)> {
    let mut header = Vec::with_capacity(MAX_HEADER);
    let mut byte = [0];
    while header.len() < MAX_HEADER {
        stream.read_exact(&mut byte)?;
        if byte == [0] {
            return parse(&header).ok_or(io::Error::new(io::ErrorKind::InvalidData, NO_HEADER));
        }
        header.push(byte[0]);
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, NO_HEADER))
}

const NO_HEADER: &str = "it does not start with a kind and a size";

fn parse(header: &[u8]) -> Option<(Kind, u64)> {
    let (kind, size) = std::str::from_utf8(header).ok()?.split_once(' ')?;
    let kind = match kind {
        "commit" => Kind::Commit,
        "tree" => Kind::Tree,
        "blob" => Kind::Blob,
        "tag" => Kind::Tag,
        _ => return None,
    };
    let size = size.bytes().all(|byte| byte.is_ascii_digit()).then_some(size)?;
    Some((kind, size.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use libdeflater::{CompressionLvl, Compressor};

    use super::*;

    fn deflated(data: &[u8]) -> Vec<u8> {
        let mut compressor = Compressor::new(CompressionLvl::fastest());
        let mut packed = vec![0; compressor.zlib_compress_bound(data.len())];
        let length = compressor.zlib_compress(data, &mut packed).unwrap();
        packed.truncate(length);
        packed
    }

    /// What is handed over, and whether as a stream; or what went wrong.
    fn seen(packed: &[u8]) -> Result<Vec<(Kind, usize, bool)>, String> {
        let mut seen = Vec::new();
        let mut worker = |object: Object<'_>| {
            let (length, streamed) = match object.data {
                Content::Bytes(bytes) => (bytes.len(), false),
                Content::Stream(stream) => {
                    (io::copy(stream, &mut io::sink()).map_or(0, |read| read as usize), true)
                }
                Content::Seekable(_) => unreachable!("objects are no files"),
            };
            seen.push((object.kind, length, streamed));
        };
        read([7; 20], packed, packed.len() as u64, &|_| true, &mut worker)?;
        Ok(seen)
    }

    #[test]
    fn each_kind_is_read() {
        for (kind, name) in [
            (Kind::Blob, "blob"),
            (Kind::Tree, "tree"),
            (Kind::Commit, "commit"),
            (Kind::Tag, "tag"),
        ] {
            let packed = deflated(format!("{name} 5\0words").as_bytes());
            assert_eq!(seen(&packed).unwrap(), [(kind, 5, false)]);
        }
        assert_eq!(seen(&deflated(b"blob 0\0")).unwrap(), [(Kind::Blob, 0, false)]);
    }

    #[test]
    fn kinds_that_are_not_wanted_are_left_out() {
        let packed = deflated(b"tree 5\0words");
        let mut worker = |_: Object<'_>| panic!("nothing was asked for");
        let blobs = |kind| kind == Kind::Blob;
        read([7; 20], &packed[..], packed.len() as u64, &blobs, &mut worker).unwrap();
    }

    #[test]
    fn contradictions_are_errors() {
        for text in [
            "",
            "\0",
            "blob\0",
            "blob 5",
            "blob +5\0words",
            "blob 4\0words",
            "blob 6\0words",
            "blob 99999999999999999999\0words",
            "blob 18446744073709551615\0words",
            "image 5\0words",
            "blob 00000000000000000000000000000000005\0words",
        ] {
            assert!(seen(&deflated(text.as_bytes())).is_err(), "{text:?}");
        }
        let packed = deflated(b"blob 5\0words");
        for length in 0..packed.len() {
            assert!(seen(&packed[..length]).is_err(), "{length}");
        }
        assert!(seen(b"blob 5\0words").is_err());
    }

    #[test]
    fn large_blobs_are_streams_and_large_trees_are_refused() {
        let zeros = |kind: &str, size: u64| {
            let mut data = format!("{kind} {size}\0").into_bytes();
            data.resize(data.len() + size as usize, 0);
            deflated(&data)
        };
        let size = STREAMED + 1;
        assert_eq!(seen(&zeros("blob", size)).unwrap(), [(Kind::Blob, size as usize, true)]);
        let cut = zeros("blob", size);
        assert!(seen(&cut[..cut.len() / 2]).is_err());
        let said = seen(&zeros("tree", MAX_OBJECT + 1)).unwrap_err();
        assert!(said.contains("more than is held"), "{said}");
    }
}
