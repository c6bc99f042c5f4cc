//! Identifier and length octets (X.690, 8.1.2 and 8.1.3).

use super::FormatError;

/// `SEQUENCE`, constructed.
pub(in crate::message) const SEQUENCE: u8 = 0x30;
/// `SET`, constructed.
pub(in crate::message) const SET: u8 = 0x31;
/// `INTEGER`.
pub(in crate::message) const INTEGER: u8 = 0x02;
/// `BIT STRING`, primitive.
pub(in crate::message) const BIT_STRING: u8 = 0x03;
/// `OCTET STRING`, primitive.
pub(in crate::message) const OCTET_STRING: u8 = 0x04;
/// `NULL`.
pub(in crate::message) const NULL: u8 = 0x05;
/// `OBJECT IDENTIFIER`.
pub(in crate::message) const OBJECT_IDENTIFIER: u8 = 0x06;
/// `UTCTime`.
pub(in crate::message) const UTC_TIME: u8 = 0x17;
/// `GeneralizedTime`.
pub(in crate::message) const GENERALIZED_TIME: u8 = 0x18;
/// The bit that says "constructed".
pub(in crate::message) const CONSTRUCTED: u8 = 0x20;

/// Context-specific tag `[number]`, primitive; for numbers up to 30.
pub(in crate::message) const fn context(number: u8) -> u8 {
    0x80 | number
}

/// Context-specific tag `[number]`, constructed; for numbers up to 30.
pub(in crate::message) const fn context_constructed(number: u8) -> u8 {
    0xA0 | number
}

/// How long an element says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    Definite(u64),
    /// Up to an end-of-contents mark. BER only.
    Indefinite,
}

/// The octets before an element's contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) tag: u8,
    pub(super) length: Length,
    /// Octets of the header itself.
    pub(super) size: usize,
}

/// Most octets that a header can have: tag, length of length, eight octets of length.
pub(super) const MAX_HEADER: usize = 10;

/// Reads the header at the start of `bytes`. `None`: more bytes are needed.
///
/// Lengths are in their shortest form, also where BER would allow another: nobody writes another.
pub(super) fn read(bytes: &[u8]) -> Result<Option<Header>, FormatError> {
    let [tag, first, rest @ ..] = bytes else { return Ok(None) };
    if tag & 0x1F == 0x1F {
        return Err(FormatError::Malformed("a tag number above 30"));
    }
    let count = match first {
        0x80 => return Ok(Some(Header { tag: *tag, length: Length::Indefinite, size: 2 })),
        short @ 0..0x80 => {
            return Ok(Some(Header { tag: *tag, length: Length::Definite(u64::from(*short)), size: 2 }));
        }
        0x81..=0x88 => usize::from(first & 0x7F),
        _ => return Err(FormatError::Malformed("a length of more than eight octets")),
    };
    let Some(octets) = rest.get(..count) else { return Ok(None) };
    let length = octets.iter().fold(0, |length: u64, octet| length << 8 | u64::from(*octet));
    if octets[0] == 0 || length < 0x80 {
        return Err(FormatError::Malformed("a length that is not in its shortest form"));
    }
    Ok(Some(Header { tag: *tag, length: Length::Definite(length), size: 2 + count }))
}

/// Appends the header of an element of definite length.
pub(super) fn write(out: &mut Vec<u8>, tag: u8, length: usize) {
    out.push(tag);
    if let Ok(short @ 0..0x80) = u8::try_from(length) {
        out.push(short);
        return;
    }
    let octets = length.to_be_bytes();
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    let count = u8::try_from(octets.len() - zeros).expect("a length has at most eight octets");
    out.push(0x80 | count);
    out.extend_from_slice(&octets[zeros..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_read_back_as_written() {
        for length in [0, 1, 0x7F, 0x80, 0xFF, 0x100, 0xFFFF, 0x10000, 60 << 30] {
            let mut bytes = Vec::new();
            write(&mut bytes, OCTET_STRING, length);
            let expected = Header { tag: 4, length: Length::Definite(length as u64), size: bytes.len() };
            assert_eq!(read(&bytes), Ok(Some(expected)));
            for cut in 0..bytes.len() {
                assert_eq!(read(&bytes[..cut]), Ok(None), "{length} cut at {cut}");
            }
        }
    }

    #[test]
    fn other_spellings_of_a_length_are_refused() {
        for bytes in [&[4, 0x81, 0x7F][..], &[4, 0x82, 0, 0xFF], &[4, 0x89, 1], &[4, 0xFF], &[0x1F, 0x81, 0]] {
            assert!(matches!(read(bytes), Err(FormatError::Malformed(_))), "{bytes:02x?}");
        }
        assert_eq!(read(&[0x24, 0x80]).unwrap().unwrap().length, Length::Indefinite);
    }
}
