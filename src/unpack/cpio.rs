//! Cpio with ASCII headers: `newc`, the same with checksums, and `odc`. RPM payloads and initial RAM disks are of these.
//!
//! Headers are digits at fixed places. The crates that read them take memory for names as large as they say they are,
//! and know one of the three variants.

use std::io;

use super::sequence::{Flow, LONGEST_RECORD, Walk};

const LAST: &[u8] = b"TRAILER!!!";

/// Sizes that a header states.
#[derive(Clone, Copy)]
struct Header {
    length: usize,
    name: u64,
    data: u64,
    /// What name and data are padded to.
    unit: u64,
}

/// Whether `head` starts with the header of a member.
pub(super) fn is_header(head: &[u8]) -> bool {
    parse(head).is_some()
}

fn parse(head: &[u8]) -> Option<Header> {
    let number = |range: std::ops::Range<usize>, radix| {
        let digits = head.get(range)?;
        if !digits.iter().all(|digit| char::from(*digit).is_digit(radix)) {
            return None;
        }
        u64::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()
    };
    let header = match head.get(..6)? {
        b"070701" | b"070702" => {
            number(6..14, 16)?;
            Header { length: 110, name: number(94..102, 16)?, data: number(54..62, 16)?, unit: 4 }
        }
        b"070707" => {
            number(6..12, 8)?;
            Header { length: 76, name: number(59..65, 8)?, data: number(65..76, 8)?, unit: 1 }
        }
        _ => return None,
    };
    (head.len() >= header.length && (1..=LONGEST_RECORD).contains(&header.name)).then_some(header)
}

pub(super) fn walk(walk: &mut Walk<'_>) -> io::Result<()> {
    loop {
        let head = walk.peek(110)?;
        if head.is_empty() {
            walk.truncated();
            return Ok(());
        }
        let Some(header) = parse(head) else {
            walk.corrupt();
            return Ok(());
        };
        let start = walk.at();
        walk.take_own(header.length)?;
        let name = walk.record(header.name)?.unwrap_or_default();
        let name = name.strip_suffix(b"\0").unwrap_or(&name);
        pad(walk, start, header.unit)?;
        if name == LAST {
            return Ok(());
        }
        let start = walk.at();
        // Directories and links of no length have no data, and devices none either.
        if header.data > 0 && walk.member(name, header.data) == Flow::Stop {
            return Ok(());
        }
        pad(walk, start, header.unit)?;
    }
}

/// Padding is counted from the start of what is padded: an archive may stand anywhere in a file.
fn pad(walk: &mut Walk<'_>, start: u64, unit: u64) -> io::Result<()> {
    let length = walk.at() - start;
    let count = (length.next_multiple_of(unit) - length) as usize;
    let available = walk.peek(count)?.len();
    walk.take_own(available)
}
