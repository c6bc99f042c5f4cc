//! The contract between the parties: paths, types, problem codes, headers.
//!
//! HTTP/1.1 over mutual TLS 1.3. JSON for words, raw bytes for parcels. The relay's two listeners serve it, the
//! gateway and the employer's app speak it; both sides take every path and every type from here. The same contract in
//! OpenAPI 3.1 is what the relay answers at `/openapi.json`.

pub mod client;
pub mod delivery;
pub mod employer;
pub mod enrolment;
pub mod page;
mod pc;
pub mod problem;
pub mod session;
pub mod tus;
pub mod union;

/// Version of the contract, as the handshake tells it.
pub const VERSION: &str = "1";

pub use crate::domain::base64_bytes;

/// DER bytes (a certificate, a signed receipt, a CRL) as they travel in JSON: base64.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Der(#[serde(with = "base64_bytes")] pub Vec<u8>);
