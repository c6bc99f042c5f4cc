//! The contract between the parties: paths, types, problem codes, headers.
//!
//! HTTP/1.1 over mutual TLS 1.3. JSON for words, raw bytes for parcels. The relay's two listeners serve it, the
//! gateway and the employer's app speak it; both sides take every path and every type from here. The same contract in
//! OpenAPI 3.1 is what the relay answers at `/openapi.json`.

pub mod client;
pub mod employer;
pub mod page;
pub mod problem;
pub mod tus;
pub mod union;

/// Version of the contract, as the handshake tells it.
pub const VERSION: &str = "1";

/// Serde adapter: bytes as standard base64 with padding (RFC 4648, section 4).
pub mod base64_bytes {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes the bytes as base64.
    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    /// Reads base64 into bytes.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map_err(|_| D::Error::custom("not base64"))
    }
}

/// DER bytes (a certificate, a signed receipt, a CRL) as they travel in JSON: base64.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Der(#[serde(with = "base64_bytes")] pub Vec<u8>);
