//! Short texts between the parties that are no files: JSON, sealed for the union or signed by somebody.
//!
//! Sealed: CMS `AuthEnvelopedData` over the JSON text alone, for what only the union may read and whose maker is proved
//! otherwise. Signed: CMS `SignedData` over it, as receipts are.

use std::io::Read;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::enveloped::{self, reader::Inner};
use super::error::{OpenError, SealError};
use super::format::FormatError;
use super::keys::{Certificate, Credential};
use super::signed;
use crate::domain::clock::Random;

/// Most octets of a text, sealed or signed.
pub const MAX_WORDS: usize = 64 << 10;

/// Why a text could not be made or is not believed.
#[derive(Debug, thiserror::Error)]
pub enum WordsError {
    /// Us: it could not be sealed or signed.
    #[error("the text could not be sealed or signed")]
    Make(#[from] SealError),
    /// Peer: it does not open, or the signature does not hold.
    #[error("the text does not open, or is not signed by whom it should be")]
    Open(#[from] OpenError),
    /// Peer: another text than was expected.
    #[error("the text is not what was expected")]
    Text(#[source] serde_json::Error),
}

/// Seals a value for whoever holds one of the recipients' keys.
pub fn seal(value: &impl Serialize, recipients: &[Certificate], random: &dyn Random) -> Result<Vec<u8>, WordsError> {
    let text = serde_json::to_vec(value).map_err(WordsError::Text)?;
    let mut envelope = enveloped::writer::Writer::new(Vec::new(), recipients, random)?;
    std::io::Write::write_all(&mut envelope, &text).map_err(SealError::Output)?;
    Ok(envelope.finish()?.0)
}

/// Opens what [`seal`] made. Who made it is not known by that.
pub fn open<T: DeserializeOwned>(sealed: &[u8], keys: &[Credential]) -> Result<T, WordsError> {
    check_length(sealed)?;
    let mut envelope = enveloped::reader::Reader::new(sealed, keys)?;
    let mut text = Vec::new();
    envelope.read_to_end(&mut text).map_err(OpenError::from)?;
    envelope.finish()?;
    serde_json::from_slice(&text).map_err(WordsError::Text)
}

/// Signs a value; `now` is the signing time.
pub fn sign(value: &impl Serialize, signer: &Credential, now: Timestamp) -> Result<Vec<u8>, WordsError> {
    let text = serde_json::to_vec(value).map_err(WordsError::Text)?;
    Ok(signed::writer::whole(&text, signer, now)?)
}

/// Checks that the certificate's owner signed it, and reads it.
pub fn verify<T: DeserializeOwned>(der: &[u8], signer: &Certificate) -> Result<T, WordsError> {
    check_length(der)?;
    let mut content = signed::reader::Reader::new(der, Inner::ContentInfo, None)?;
    let mut text = Vec::new();
    content.read_to_end(&mut text).map_err(OpenError::from)?;
    let signature = content.finish()?.signature;
    signature.verify(signer).map_err(OpenError::from)?;
    serde_json::from_slice(&text).map_err(WordsError::Text)
}

fn check_length(bytes: &[u8]) -> Result<(), OpenError> {
    if bytes.len() > MAX_WORDS { Err(OpenError::Format(FormatError::TooLarge)) } else { Ok(()) }
}
