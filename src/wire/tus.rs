//! tus 1.0 headers and metadata (<https://tus.io/protocols/resumable-upload>).
//!
//! Extensions: creation, creation-with-upload, checksum, expiration, termination.

use base64::engine::general_purpose::STANDARD;
use base64::{DecodeError, Engine};

use super::Der;
use super::delivery::MAX_PLACE;
use crate::domain::ids::{MessageId, UserId};

/// The only version spoken.
pub const VERSION: &str = "1.0.0";
/// Names the version, in every request and answer.
pub const TUS_RESUMABLE: &str = "tus-resumable";
/// The versions the server speaks.
pub const TUS_VERSION: &str = "tus-version";
/// The extensions the server speaks.
pub const TUS_EXTENSION: &str = "tus-extension";
/// What [`TUS_EXTENSION`] says.
pub const EXTENSIONS: &str = "creation,creation-with-upload,checksum,expiration,termination";
/// The largest upload, in bytes.
pub const TUS_MAX_SIZE: &str = "tus-max-size";
/// The checksum algorithms.
pub const TUS_CHECKSUM_ALGORITHM: &str = "tus-checksum-algorithm";
/// What [`TUS_CHECKSUM_ALGORITHM`] says; tus asks for sha1 at least.
pub const CHECKSUM_ALGORITHMS: &str = "sha1,sha256";
/// Length of the whole upload, in bytes.
pub const UPLOAD_LENGTH: &str = "upload-length";
/// How many bytes the server has, or where this request's bytes go.
pub const UPLOAD_OFFSET: &str = "upload-offset";
/// Key-value pairs, values in base64.
pub const UPLOAD_METADATA: &str = "upload-metadata";
/// Algorithm and base64 digest of this request's body.
pub const UPLOAD_CHECKSUM: &str = "upload-checksum";
/// When an unfinished upload is thrown away, as an HTTP date.
pub const UPLOAD_EXPIRES: &str = "upload-expires";
/// Media type of a PATCH body.
pub const OFFSET_CONTENT_TYPE: &str = "application/offset+octet-stream";

/// The metadata key that carries the message id: the idempotency key of the upload.
const MESSAGE_ID: &str = "message_id";
/// The metadata key that carries whom a union's upload is for: user ids, one space between two.
const RECIPIENTS: &str = "recipients";
/// The metadata key that carries what the union says to itself about its place in the stream.
const PLACE: &str = "place";

/// What a sender tells the relay about a parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// The id of the message inside.
    pub message_id: MessageId,
    /// Whom it is for. Empty from an employer, whose parcels are for the union; at least one from a union.
    pub recipients: Vec<UserId>,
    /// What the union keeps at the relay about it ([`crate::wire::delivery::Place`], sealed): never from an employer.
    pub place: Option<Der>,
}

/// `Upload-Metadata` that is not ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMetadata {
    /// The id.
    #[error("Upload-Metadata must hold a message_id: a UUIDv7 in base64")]
    MessageId,
    /// The recipients.
    #[error("recipients in Upload-Metadata must be user ids with a space between two, in base64")]
    Recipients,
    /// The place.
    #[error("place in Upload-Metadata must be at most {MAX_PLACE} octets in base64")]
    Place,
}

impl Metadata {
    /// Of a parcel to the union.
    pub const fn to_union(message_id: MessageId) -> Self {
        Self { message_id, recipients: Vec::new(), place: None }
    }

    /// As the header's value.
    pub fn to_header(&self) -> String {
        let mut header = format!("{MESSAGE_ID} {}", STANDARD.encode(self.message_id.to_string()));
        if !self.recipients.is_empty() {
            let ids: Vec<_> = self.recipients.iter().map(UserId::as_str).collect();
            header = format!("{header},{RECIPIENTS} {}", STANDARD.encode(ids.join(" ")));
        }
        if let Some(Der(place)) = &self.place {
            header = format!("{header},{PLACE} {}", STANDARD.encode(place));
        }
        header
    }

    /// From the header's value. Unknown keys are left alone, as tus clients add their own.
    pub fn from_header(value: &str) -> Result<Self, InvalidMetadata> {
        let message_id = decoded(value, MESSAGE_ID).and_then(|text| text?.parse().ok());
        let recipients = decoded(value, RECIPIENTS).map(|text| {
            let text = text.ok_or(InvalidMetadata::Recipients)?;
            text.split(' ').map(|id| id.parse().map_err(|_| InvalidMetadata::Recipients)).collect()
        });
        let place = value_of(value, PLACE).map(|bytes| {
            let fits = bytes.ok().filter(|bytes| (1..=MAX_PLACE).contains(&bytes.len()));
            fits.map(Der).ok_or(InvalidMetadata::Place)
        });
        Ok(Self {
            message_id: message_id.ok_or(InvalidMetadata::MessageId)?,
            recipients: recipients.transpose()?.unwrap_or_default(),
            place: place.transpose()?,
        })
    }
}

/// The value of a key if the key is there; nothing in it if it is not text in base64.
pub fn decoded(header: &str, key: &str) -> Option<Option<String>> {
    Some(value_of(header, key)?.ok().and_then(|bytes| String::from_utf8(bytes).ok()))
}

fn value_of(header: &str, key: &str) -> Option<Result<Vec<u8>, DecodeError>> {
    let mut pairs = header.split(',').map(str::trim).filter_map(|pair| pair.split_once(' '));
    let (_, encoded) = pairs.find(|(found, _)| *found == key)?;
    Some(STANDARD.decode(encoded.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_reads_back_between_the_keys_of_other_clients() {
        let message_id: MessageId = "0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f6".parse().unwrap();
        let mut metadata = Metadata::to_union(message_id);
        let read = |metadata: &Metadata| Metadata::from_header(&format!("filename YQ==,{},flag", metadata.to_header()));
        assert_eq!(read(&metadata), Ok(metadata.clone()));
        metadata.recipients = vec!["hanako-1".parse().unwrap(), "u2".parse().unwrap()];
        metadata.place = Some(Der(vec![0xff, 0x00]));
        assert_eq!(read(&metadata), Ok(metadata));
        assert_eq!(Metadata::from_header("message_id !!"), Err(InvalidMetadata::MessageId));
        assert_eq!(Metadata::from_header(""), Err(InvalidMetadata::MessageId));
        let header = Metadata::to_union(message_id).to_header();
        assert_eq!(Metadata::from_header(&format!("{header},recipients YSAgYg==")), Err(InvalidMetadata::Recipients));
        let long = STANDARD.encode(vec![1; MAX_PLACE + 1]);
        for place in ["!!", &long] {
            let read = Metadata::from_header(&format!("{header},place {place}"));
            assert_eq!(read, Err(InvalidMetadata::Place), "{}", place.len());
        }
    }
}
