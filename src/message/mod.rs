//! The sealed message: a MIME entity inside CMS `SignedData` (RFC 5652) inside CMS `AuthEnvelopedData` (RFC 5083).
//!
//! Everything streams in constant memory. The layers, from the bytes up:
//!
//! * [`mod@format`]: BER and DER framing, just what this one shape needs; safe Rust, knows no cryptography.
//! * [`enveloped`]: who can open it, and the cipher.
//! * [`signed`]: the digest, the signed attributes, the signature.
//! * [`entity`]: the header block and the body.
//!
//! [`seal`] and [`open`] tie them together. What [`open`] gives is not to be believed until [`open::Opened::verify`]
//! has made a [`open::Verified`] of it, and only that opens the way to the archive. Every primitive is OpenSSL's.

pub mod checksum;
pub mod entity;
pub mod enveloped;
pub mod error;
pub mod format;
pub mod inspect;
pub mod keys;
pub mod open;
pub mod receipt;
pub mod relayed;
pub mod seal;
pub mod signed;
pub mod words;
