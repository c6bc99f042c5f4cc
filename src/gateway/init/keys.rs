//! The union's own keys and certificates, made where they are not there yet.

use crate::domain::ids::InsurerNumber;
use crate::message::keys::Certificate;
use crate::operations::keyfiles::{KeyFileError, KeyFiles};
use crate::pki::{Profile, Subject};

/// The certificates that others need.
#[derive(Debug, Clone)]
pub struct UnionCertificates {
    /// The union's CA.
    pub ca: Certificate,
    /// What its gateway comes in with.
    pub tls: Certificate,
}

/// Makes the union's CA, and what the union signs with, is sealed to and shows to the relay: under the names that the shipped
/// configuration has.
pub fn make(files: &KeyFiles<'_>, union: &InsurerNumber, name: &str) -> Result<UnionCertificates, KeyFileError> {
    // A common name has 64 characters at most.
    let name: String = name.chars().take(60).collect();
    let ca = files.authority("union-ca", Some(union), &format!("{name} CA"))?;
    let of_union = || Subject::Union(union.clone());
    files.joined("union-signing.pem", &ca, of_union(), &Profile::UnionSigning)?;
    files.joined("union-encryption.pem", &ca, of_union(), &Profile::UnionEncryption)?;
    let tls = files.joined("tls.pem", &ca, of_union(), &Profile::TlsClient)?;
    Ok(UnionCertificates { ca: ca.certificate().clone(), tls })
}
