//! The archives of `ar`: static libraries and Debian packages. Names as GNU and as BSD write them.
//!
//! The format is sixty bytes of text for each member. The crate that reads it takes memory for tables of names as large
//! as they say they are, and does not say what lies between members.

use std::io;

use super::sequence::{Flow, Walk};

const MAGIC: usize = 8;
const HEADER: usize = 60;

pub(super) fn walk(walk: &mut Walk<'_>) -> io::Result<()> {
    walk.take_own(MAGIC)?;
    let mut long_names = Vec::new();
    loop {
        let header = walk.peek(HEADER)?;
        if header.is_empty() {
            return Ok(());
        }
        let (Some(header), true) =
            (header.first_chunk::<HEADER>().copied(), header.ends_with(b"`\n"))
        else {
            walk.corrupt();
            return Ok(());
        };
        let Some(size) = number(&header[48..58]) else {
            walk.corrupt();
            return Ok(());
        };
        walk.take_own(HEADER)?;
        let name = header[..16].trim_ascii_end();
        let flow = match name {
            b"//" => {
                long_names = walk.record(size)?.unwrap_or_default();
                Flow::On
            }
            b"/" | b"/SYM64/" => {
                walk.record(size)?;
                Flow::On
            }
            _ => match name.strip_prefix(b"#1/").and_then(number) {
                Some(length) if length <= size => {
                    let name = walk.record(length)?.unwrap_or_default();
                    let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
                    walk.member(&name[..end], size - length)
                }
                _ => walk.member(resolved(name, &long_names), size),
            },
        };
        if flow == Flow::Stop {
            return Ok(());
        }
        walk.pad(2)?;
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits.trim_ascii()).ok()?.parse().ok()
}

/// A name as it is meant: GNU ends names with a slash, and keeps long ones in a table.
fn resolved<'a>(name: &'a [u8], long_names: &'a [u8]) -> &'a [u8] {
    let in_table = name.strip_prefix(b"/").and_then(number).and_then(|at| {
        let rest = long_names.get(usize::try_from(at).ok()?..)?;
        Some(&rest[..rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())])
    });
    let name = in_table.unwrap_or(name);
    name.strip_suffix(b"/").unwrap_or(name)
}
