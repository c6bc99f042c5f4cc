//! Writing: the marks of indefinite length, and the headers of segments.

use super::header::{self, OCTET_STRING};

/// Length octet of an element that ends with [`END`].
pub(in crate::message) const INDEFINITE: u8 = 0x80;
/// End-of-contents mark.
pub(in crate::message) const END: [u8; 2] = [0, 0];
/// Contents of a full segment. Large enough that framing costs nothing, small enough for a processor's cache.
pub(in crate::message) const SEGMENT: usize = 256 << 10;
/// Octets of a full segment's header; none has more.
pub(in crate::message) const SEGMENT_HEADER: usize = 5;

/// The header of a segment with this many octets.
pub(in crate::message) fn header(length: usize) -> Vec<u8> {
    debug_assert!(length <= SEGMENT, "segments are cut to size");
    let mut out = Vec::with_capacity(SEGMENT_HEADER);
    header::write(&mut out, OCTET_STRING, length);
    out
}
