//! BER and DER framing (X.690), as far as this one shape needs it. Knows nothing of cryptography.

use crate::domain::digest::Tag;
use crate::domain::verdict::Reason;

pub(in crate::message) mod der;
pub(in crate::message) mod header;
pub(in crate::message) mod oid;
pub(in crate::message) mod reader;
pub(in crate::message) mod segments;
mod window;

/// Most octets of a sealed message. AES-GCM itself ends at 64 GiB.
pub(in crate::message) const MAX_MESSAGE: u64 = 60 << 30;
/// Deepest nesting of elements.
const MAX_DEPTH: usize = 16;

/// Bytes that are not framed as they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The input ends inside the message.
    #[error("the message ends too early")]
    Truncated,
    /// The input goes on after the message.
    #[error("data follows the end of the message")]
    TrailingData,
    /// Another element than the shape has at this place, or one that is not encoded as it must be.
    #[error("not a sealed message: {0}")]
    Malformed(&'static str),
    /// More than 60 GiB.
    #[error("the message is larger than 60 GiB")]
    TooLarge,
}

impl FormatError {
    /// The code for the verdict.
    pub fn reason(self) -> Reason {
        match self {
            Self::Truncated => Reason::FormatTruncated,
            Self::TrailingData => Reason::FormatTrailingData,
            Self::Malformed(_) => Reason::FormatMalformed,
            Self::TooLarge => Reason::SizeRefused,
        }
    }
}

/// The GCM tag from the last bytes of a sealed message, without any key. At least 24 bytes of tail are needed, more
/// than 64 are never looked at. `None`: these are not the last bytes of a sealed message.
pub fn trailing_tag(tail: &[u8]) -> Option<Tag> {
    // The tag is the last element of up to three that end with an end-of-contents mark each, if they are of
    // indefinite length. The longest run of marks is the right one: it is what we write.
    (0..=3).rev().find_map(|marks| {
        let (rest, ends) = tail.split_at_checked(tail.len().checked_sub(2 * marks)?)?;
        let element = rest.get(rest.len().checked_sub(18)?..)?;
        let (header, tag) = element.split_at(2);
        let fits = header == [0x04, 0x10] && ends.iter().all(|byte| *byte == 0);
        if fits { Tag::try_from(tag).ok() } else { None }
    })
}
