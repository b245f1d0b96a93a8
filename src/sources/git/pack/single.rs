//! Single objects of a pack, each rebuilt from the start of its chain of deltas.

use super::entry::{self, Form, Header};
use super::{Index, Kind, MAX_OBJECT, Object, PackError, STREAMED, TRAILER, delta, walk};
use crate::model::blob::Content;
use crate::model::traces::Copied;
use crate::sources::git::buffer::Buffer;
use crate::sources::git::inflate::Inflater;

/// The buffers that single objects are rebuilt in.
pub(crate) struct Single {
    inflater: Inflater,
    object: Buffer,
    base: Buffer,
    delta: Buffer,
    copies: Vec<Copied>,
}

impl Single {
    pub(crate) fn new() -> Self {
        Self {
            inflater: Inflater::default(),
            object: Buffer::default(),
            base: Buffer::default(),
            delta: Buffer::default(),
            copies: Vec::new(),
        }
    }

    /// Hands the object at `position` of `index` to `worker`, if it is of a wanted kind.
    pub(crate) fn read<N>(
        &mut self,
        pack: &[u8],
        index: Index<'_>,
        position: usize,
        worker: &mut impl FnMut(Object<'_, N>),
    ) -> Result<(), PackError> {
        let (chain, kind) = chain(pack, index, position)?;
        let id = index.id(position);
        let (root, deltas) = chain.split_last().expect("it ends at a whole object");
        if deltas.is_empty() && kind == Kind::Blob && root.size > STREAMED {
            return walk::stream(id, root.body, root.size, worker);
        }
        let Self { inflater, object, base, delta, copies } = self;
        inflater.whole(root.body, root.size, MAX_OBJECT, object)?;
        for link in deltas.iter().rev() {
            std::mem::swap(object, base);
            inflater.whole(link.body, link.size, MAX_OBJECT, delta)?;
            delta::apply(base, delta, object, copies, MAX_OBJECT)?;
        }
        let size = object.len() as u64;
        let data = Content::Bytes(object);
        worker(Object { id, kind, size, data, base: None, note: None });
        Ok(())
    }
}

/// An entry on the way from an object to the whole one that it is rebuilt from.
struct Link<'a> {
    body: &'a [u8],
    size: u64,
}

/// The entries from an object to the whole one at the start of its chain.
fn chain<'a>(
    pack: &'a [u8],
    index: Index<'_>,
    position: usize,
) -> Result<(Vec<Link<'a>>, Kind), PackError> {
    let entries = &pack[..pack.len().saturating_sub(TRAILER)];
    let mut offset = index.offset(position)?;
    let mut links = Vec::new();
    while links.len() <= index.len() {
        let at = usize::try_from(offset).unwrap_or(usize::MAX);
        let bytes = entries.get(at..).filter(|_| at > 0);
        let bytes = bytes.ok_or(PackError::Corrupt("its entry lies outside of its pack"))?;
        let Header { form, size, len } = entry::parse(bytes)?;
        links.push(Link { body: &bytes[len..], size });
        offset = match form {
            Form::Whole(kind) => return Ok((links, kind)),
            Form::OffsetDelta(distance) => offset.checked_sub(distance).unwrap_or(u64::MAX),
            Form::IdDelta(id) => match index.find(&id) {
                Some(position) => index.offset(position)?,
                None => return Err(PackError::Corrupt("what it is a delta on is not in its pack")),
            },
        };
    }
    Err(PackError::Corrupt("it is, over others, a delta on itself"))
}
