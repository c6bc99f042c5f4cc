//! Revocation lists (RFC 5280, section 5). Only a list whose signature was checked exists as a value.

use jiff::Timestamp;
use openssl::x509::extension::CrlNumber;
use openssl::x509::{CrlStatus, X509Crl, X509KeyUsage};

use super::timestamp;
use crate::message::keys::Certificate;

/// A certificate to be put on the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// Its serial number in hexadecimal, as [`Certificate::serial`] says it.
    pub serial: String,
    /// Since when.
    pub at: Timestamp,
}

/// Why a revocation list is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CrlError {
    /// Not a list that can be read, without number or times, or one that covers only part of the certificates.
    #[error("not a complete revocation list that can be read")]
    Malformed,
    /// Not signed by that authority.
    #[error("the revocation list is not signed by the authority")]
    NotIssuer,
}

/// What a list says of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Not on the list.
    Good,
    /// On the list.
    Revoked {
        /// Since when.
        at: Timestamp,
    },
}

/// The list does not tell. This is a temporary cause and no verdict: a newer list has to be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoRevocationData {
    /// Past the time at which a newer list is due.
    #[error("the revocation list is not current")]
    Stale,
    /// The certificate is of another authority.
    #[error("the revocation list is of another authority")]
    OtherIssuer,
}

/// An authority's complete revocation list, its signature checked.
pub struct RevocationList {
    crl: X509Crl,
    issuer: Certificate,
    der: Vec<u8>,
    number: u64,
    this_update: Timestamp,
    next_update: Timestamp,
}

impl RevocationList {
    /// Reads a list in DER and checks that `issuer` signed it.
    pub fn read(der: &[u8], issuer: &Certificate) -> Result<Self, CrlError> {
        let crl = X509Crl::from_der(der).map_err(|_| CrlError::Malformed)?;
        let exact = crl.to_der().is_ok_and(|read| read == der);
        if !exact || is_partial(der) {
            return Err(CrlError::Malformed);
        }
        let number = crl.extension::<CrlNumber>().ok().flatten().ok_or(CrlError::Malformed)?.1;
        let number = number.to_bn().and_then(|n| n.to_dec_str().map(|s| s.to_string())).ok();
        let number = number.and_then(|n| n.parse().ok()).ok_or(CrlError::Malformed)?;
        let this_update = timestamp(crl.last_update()).ok_or(CrlError::Malformed)?;
        let next_update = crl.next_update().and_then(timestamp).ok_or(CrlError::Malformed)?;

        let may_sign = issuer.x509().key_usage().is_some_and(|usage| usage.contains(X509KeyUsage::CRL_SIGN));
        let same_name = crl.issuer_name().try_cmp(issuer.x509().subject_name()).is_ok_and(std::cmp::Ordering::is_eq);
        let key = issuer.x509().public_key().map_err(|_| CrlError::NotIssuer)?;
        if !may_sign || !same_name || !crl.verify(&key).unwrap_or(false) {
            return Err(CrlError::NotIssuer);
        }
        Ok(Self { crl, issuer: issuer.clone(), der: der.to_owned(), number, this_update, next_update })
    }

    /// What the list says of a certificate at a time. Who is on the list stays revoked however old the list is; who
    /// is not on it is good only while the list is current.
    pub fn status(&self, certificate: &Certificate, at: Timestamp) -> Result<Status, NoRevocationData> {
        let issuer_name = certificate.x509().issuer_name();
        if !issuer_name.try_cmp(self.issuer.x509().subject_name()).is_ok_and(std::cmp::Ordering::is_eq) {
            return Err(NoRevocationData::OtherIssuer);
        }
        match self.crl.get_by_serial(certificate.x509().serial_number()) {
            CrlStatus::Revoked(entry) => {
                let at = timestamp(entry.revocation_date()).unwrap_or(self.this_update);
                Ok(Status::Revoked { at })
            }
            CrlStatus::NotRevoked | CrlStatus::RemoveFromCrl(_) if self.is_current(at) => Ok(Status::Good),
            CrlStatus::NotRevoked | CrlStatus::RemoveFromCrl(_) => Err(NoRevocationData::Stale),
        }
    }

    /// Whether no newer list is due yet at that time.
    pub fn is_current(&self, at: Timestamp) -> bool {
        at < self.next_update
    }

    /// The DER encoding.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The PEM encoding.
    pub fn pem(&self) -> String {
        let pem = self.crl.to_pem().expect("a list that was read can be written");
        String::from_utf8(pem).expect("PEM is ASCII")
    }

    /// Its number: a newer list has a higher one.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// When it was made.
    pub fn this_update(&self) -> Timestamp {
        self.this_update
    }

    /// When a newer one is due.
    pub fn next_update(&self) -> Timestamp {
        self.next_update
    }
}

impl std::fmt::Debug for RevocationList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RevocationList({})", self.number)
    }
}

/// A delta list (2.5.29.27) or one of several parts (2.5.29.28) would let revoked certificates pass as good. The
/// library shows no extensions that it is not asked for, so their identifiers are looked for in the encoding; no other
/// field of a list of ours has these five bytes.
fn is_partial(der: &[u8]) -> bool {
    der.windows(5).any(|bytes| matches!(bytes, [0x06, 0x03, 0x55, 0x1d, 0x1b | 0x1c]))
}
