//! Certificates, requests, revocation lists, the union's CA.
//!
//! * [`key`]: key pairs of the kinds that we make and take.
//! * [`identity`]: whose a certificate is: user, union, service.
//! * [`profile`]: what a certificate is for.
//! * [`request`]: what somebody wants a certificate for.
//! * [`ca`]: the authority that issues and revokes.
//! * [`crl`]: what it has revoked.
//! * [`trust`]: whether a certificate leads to an authority that we trust.
//! * [`pkcs12`]: certificate, key and chain in one file.

pub mod ca;
pub mod crl;
pub mod identity;
pub mod key;
pub mod pkcs12;
pub mod profile;
pub mod request;
pub mod trust;

pub use ca::Authority;
pub use crl::RevocationList;
pub use identity::{Subject, device_owner, owner};
pub use key::{KeyKind, PublicKey, new_key};
pub use profile::Profile;
pub use request::Request;
pub use trust::TrustStore;

use jiff::Timestamp;
use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::error::ErrorStack;

/// Why a certificate or a revocation list could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A key of another kind, or too short.
    #[error("a key that is not accepted: expected P-256, P-384 or RSA of 2048 bits or more")]
    Key,
    /// The profile is for another kind of subject (a user's profile for the union, say).
    #[error("this kind of certificate is not for this subject")]
    Subject,
    /// Not the name of a host and no IP address, or none at all.
    #[error("a server certificate needs host names or IP addresses that are valid")]
    HostName,
    /// The certificate given as an authority's may not issue.
    #[error("the certificate is not that of an authority (CA)")]
    NotAnAuthority,
    /// The authority's own certificate is not valid at this time.
    #[error("the authority's own certificate is not valid at this time")]
    AuthorityNotValid,
    /// The times do not follow each other, or are beyond what can be written.
    #[error("the period of validity is not possible")]
    Period,
    /// Not a request that can be read, or its maker does not hold the key.
    #[error("not a valid certificate request")]
    Request,
    /// A passphrase with a NUL character in it.
    #[error("the passphrase has a NUL character in it")]
    Passphrase,
    /// Text or bytes that are no certificate or key, or two that do not belong together.
    #[error(transparent)]
    Input(#[from] crate::message::keys::KeyError),
    /// The cryptographic library failed.
    #[error("the cryptographic library failed")]
    Library(#[from] ErrorStack),
}

/// The moment, to the second, as X.509 writes it.
fn asn1_time(at: Timestamp) -> Result<Asn1Time, ErrorStack> {
    Asn1Time::from_unix(at.as_second())
}

/// The moment that X.509 wrote, if it is one.
fn timestamp(time: &Asn1TimeRef) -> Option<Timestamp> {
    let diff = Asn1Time::from_unix(0).ok()?.diff(time).ok()?;
    Timestamp::from_second(i64::from(diff.days) * 86_400 + i64::from(diff.secs)).ok()
}
