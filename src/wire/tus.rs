//! tus 1.0 headers and metadata (<https://tus.io/protocols/resumable-upload>).
//!
//! Extensions: creation, creation-with-upload, checksum, expiration, termination.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::domain::ids::MessageId;

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

/// What a sender tells the relay about a parcel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata {
    /// The id of the message inside.
    pub message_id: MessageId,
}

/// `Upload-Metadata` that is not ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Upload-Metadata must hold a message_id: a UUIDv7 in base64")]
pub struct InvalidMetadata;

impl Metadata {
    /// As the header's value.
    pub fn to_header(self) -> String {
        format!("{MESSAGE_ID} {}", STANDARD.encode(self.message_id.to_string()))
    }

    /// From the header's value. Unknown keys are left alone, as tus clients add their own.
    pub fn from_header(value: &str) -> Result<Self, InvalidMetadata> {
        let mut pairs = value.split(',').map(str::trim).filter_map(|pair| pair.split_once(' '));
        let (_, encoded) = pairs.find(|(key, _)| *key == MESSAGE_ID).ok_or(InvalidMetadata)?;
        let bytes = STANDARD.decode(encoded.trim()).map_err(|_| InvalidMetadata)?;
        let text = String::from_utf8(bytes).map_err(|_| InvalidMetadata)?;
        let message_id = text.parse().map_err(|_| InvalidMetadata)?;
        Ok(Self { message_id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_reads_back_between_the_keys_of_other_clients() {
        let message_id: MessageId = "0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f6".parse().unwrap();
        let header = Metadata { message_id }.to_header();
        assert_eq!(Metadata::from_header(&format!("filename YQ==,{header},flag")), Ok(Metadata { message_id }));
        assert_eq!(Metadata::from_header("message_id !!"), Err(InvalidMetadata));
        assert_eq!(Metadata::from_header(""), Err(InvalidMetadata));
    }
}
