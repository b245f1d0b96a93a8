//! Entry headers: what an entry is, how long it is inflated, and what it is a delta on.

use super::{Kind, PackError};

/// A parsed header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) form: Form,
    /// Bytes of the entry once inflated: of the object, or of the delta.
    pub(crate) size: u64,
    /// Bytes that the header takes.
    pub(crate) len: usize,
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A whole object.
    Whole(Kind),
    /// A delta on the entry that starts this many bytes before.
    OffsetDelta(u64),
    /// A delta on the object of this id.
    IdDelta([u8; 20]),
}

/// Parses the header at the start of `bytes`.
pub(crate) fn parse(bytes: &[u8]) -> Result<Header, PackError> {
    const SHORT: PackError = PackError::Corrupt("an entry's header is cut off");
    let first = *bytes.first().ok_or(SHORT)?;
    let mut size = u64::from(first & 0x0f);
    let mut len = 1;
    let mut shift = 4;
    let mut byte = first;
    while byte & 0x80 != 0 {
        byte = *bytes.get(len).ok_or(SHORT)?;
        if shift > 57 {
            return Err(PackError::Corrupt("an entry's size does not fit 64 bits"));
        }
        size |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        len += 1;
    }
    let form = match (first >> 4) & 7 {
        1 => Form::Whole(Kind::Commit),
        2 => Form::Whole(Kind::Tree),
        3 => Form::Whole(Kind::Blob),
        4 => Form::Whole(Kind::Tag),
        6 => {
            let (distance, taken) = distance(bytes.get(len..).ok_or(SHORT)?)?;
            len += taken;
            Form::OffsetDelta(distance)
        }
        7 => {
            let id = bytes.get(len..len + 20).ok_or(SHORT)?;
            len += 20;
            Form::IdDelta(id.try_into().expect("twenty bytes were taken"))
        }
        _ => return Err(PackError::Corrupt("an entry is of no known type")),
    };
    Ok(Header { form, size, len })
}

/// The distance of an offset delta, in git's own variable length: each further byte adds one more than its bits.
fn distance(bytes: &[u8]) -> Result<(u64, usize), PackError> {
    let mut value: u64 = 0;
    for (index, byte) in bytes.iter().enumerate().take(9) {
        value = (value << 7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Ok((value, index + 1));
        }
        value += 1;
    }
    Err(PackError::Corrupt("a delta's distance is cut off or too large"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_each_form() {
        assert_eq!(
            parse(&[0x35]).unwrap(),
            Header { form: Form::Whole(Kind::Blob), size: 5, len: 1 }
        );
        let long = parse(&[0xb5, 0x81, 0x01]).unwrap();
        assert_eq!(
            long,
            Header { form: Form::Whole(Kind::Blob), size: 5 | 1 << 4 | 1 << 11, len: 3 }
        );
        assert_eq!(parse(&[0x61, 0x05]).unwrap().form, Form::OffsetDelta(5));
        assert_eq!(parse(&[0x61, 0x80, 0x00]).unwrap().form, Form::OffsetDelta(128));
        let id = [&[0x71][..], &[7; 20]].concat();
        assert_eq!(parse(&id).unwrap(), Header { form: Form::IdDelta([7; 20]), size: 1, len: 21 });
    }

    #[test]
    fn cut_and_unknown_headers_are_errors() {
        for bytes in [&[][..], &[0x80], &[0x00], &[0x50], &[0x61], &[0x61, 0xff], &[0x71, 1, 2]] {
            assert!(parse(bytes).is_err(), "{bytes:?}");
        }
        assert!(parse(&[0xff; 40]).is_err());
    }
}
