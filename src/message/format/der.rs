//! Elements in strict DER that lie in memory whole: reading them from a slice, writing them into a vector.

use super::header::{self, INTEGER, Length, OBJECT_IDENTIFIER, SEQUENCE, SET};
use super::{FormatError, MAX_DEPTH};

/// One element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::message) struct Element<'a> {
    /// Identifier octet.
    pub(in crate::message) tag: u8,
    /// Contents octets.
    pub(in crate::message) content: &'a [u8],
    /// Header and contents.
    pub(in crate::message) whole: &'a [u8],
}

/// Takes one element after another from a slice.
#[derive(Debug, Clone)]
pub(in crate::message) struct Der<'a> {
    rest: &'a [u8],
}

impl<'a> Der<'a> {
    pub(in crate::message) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next element, whatever it is.
    pub(in crate::message) fn any(&mut self) -> Result<Element<'a>, FormatError> {
        let overrun = FormatError::Malformed("an element that is longer than what it stands in");
        let header = header::read(self.rest)?.ok_or(overrun)?;
        let Length::Definite(length) = header.length else {
            return Err(FormatError::Malformed("an indefinite length where DER must be"));
        };
        let end = usize::try_from(length).ok().and_then(|length| header.size.checked_add(length)).ok_or(overrun)?;
        let (whole, rest) = self.rest.split_at_checked(end).ok_or(overrun)?;
        self.rest = rest;
        Ok(Element { tag: header.tag, content: &whole[header.size..], whole })
    }

    /// The next element, which must have this tag.
    pub(in crate::message) fn element(&mut self, tag: u8) -> Result<Element<'a>, FormatError> {
        let element = self.any()?;
        if element.tag == tag { Ok(element) } else { Err(FormatError::Malformed("another element than expected")) }
    }

    /// The next element, if it has this tag.
    pub(in crate::message) fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, FormatError> {
        if self.rest.first() == Some(&tag) { self.any().map(Some) } else { Ok(None) }
    }

    /// The elements inside the next element, which must have this tag.
    pub(in crate::message) fn nested(&mut self, tag: u8) -> Result<Self, FormatError> {
        self.element(tag).map(|element| Self::new(element.content))
    }

    /// Contents of an `OBJECT IDENTIFIER`.
    pub(in crate::message) fn oid(&mut self) -> Result<&'a [u8], FormatError> {
        self.element(OBJECT_IDENTIFIER).map(|element| element.content)
    }

    /// An `INTEGER` from 0 to 127, as versions are.
    pub(in crate::message) fn small_integer(&mut self) -> Result<u8, FormatError> {
        match self.element(INTEGER)?.content {
            [value @ 0..0x80] => Ok(*value),
            _ => Err(FormatError::Malformed("a number out of range")),
        }
    }

    /// Whether nothing is left.
    pub(in crate::message) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Nothing may be left.
    pub(in crate::message) fn finish(self) -> Result<(), FormatError> {
        if self.rest.is_empty() { Ok(()) } else { Err(FormatError::Malformed("more elements than expected")) }
    }
}

/// Whether `bytes` are nothing but well-framed elements, at most [`MAX_DEPTH`] deep.
pub(in crate::message) fn check(bytes: &[u8]) -> Result<(), FormatError> {
    check_below(bytes, MAX_DEPTH)
}

fn check_below(bytes: &[u8], depth: usize) -> Result<(), FormatError> {
    let depth = depth.checked_sub(1).ok_or(FormatError::Malformed("elements nested too deep"))?;
    let mut der = Der::new(bytes);
    while !der.is_empty() {
        let element = der.any()?;
        if element.tag & header::CONSTRUCTED != 0 {
            check_below(element.content, depth)?;
        }
    }
    Ok(())
}

/// An element of these parts.
pub(in crate::message) fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length = parts.iter().map(|part| part.len()).sum();
    let mut out = Vec::with_capacity(length + header::MAX_HEADER);
    header::write(&mut out, tag, length);
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// A `SEQUENCE` of these parts.
pub(in crate::message) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    element(SEQUENCE, parts)
}

/// A `SET OF` these elements, in the order that DER demands.
pub(in crate::message) fn set_of(mut elements: Vec<Vec<u8>>) -> Vec<u8> {
    elements.sort();
    let parts: Vec<&[u8]> = elements.iter().map(Vec::as_slice).collect();
    element(SET, &parts)
}

/// An `OBJECT IDENTIFIER` from its contents octets.
pub(in crate::message) fn oid(content: &[u8]) -> Vec<u8> {
    element(OBJECT_IDENTIFIER, &[content])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_read_back() {
        let bytes = sequence(&[&element(INTEGER, &[&[3]]), &oid(&[0x2A, 3]), &element(4, &[&[7; 300]])]);
        let mut outer = Der::new(&bytes);
        let mut inner = outer.nested(SEQUENCE).unwrap();
        outer.finish().unwrap();
        assert_eq!(inner.small_integer(), Ok(3));
        assert_eq!(inner.optional(INTEGER), Ok(None));
        assert_eq!(inner.oid(), Ok(&[0x2A, 3][..]));
        assert!(inner.clone().finish().is_err());
        assert_eq!(inner.element(4).unwrap().content, [7; 300]);
        inner.finish().unwrap();
    }

    #[test]
    fn what_is_longer_than_its_place_is_refused() {
        for bytes in
            [&[4, 2, 0][..], &[4], &[], &[4, 0x88, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], &[0x24, 0x80]]
        {
            assert!(Der::new(bytes).any().is_err(), "{bytes:02x?}");
        }
    }

    #[test]
    fn nesting_ends_somewhere() {
        let nest = |depth: usize| (0..depth).fold(Vec::new(), |inner, _| sequence(&[&inner]));
        assert_eq!(check(&nest(MAX_DEPTH - 1)), Ok(()));
        assert!(check(&nest(MAX_DEPTH)).is_err());
        assert!(check(&nest(3_000)).is_err());
    }

    #[test]
    fn sets_are_sorted() {
        assert_eq!(set_of(vec![vec![4, 1, 9], vec![2, 1, 1], vec![4, 0]]), [0x31, 8, 2, 1, 1, 4, 0, 4, 1, 9]);
    }
}
