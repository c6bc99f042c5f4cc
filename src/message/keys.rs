//! Certificates and private keys as the message layer uses them.
//!
//! OpenSSL's types stay inside `message/` and `pki/`: the rest of the house passes these.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use openssl::nid::Nid;
use openssl::pkey::{PKey, PKeyRef, Private};
use openssl::x509::{X509, X509Ref};

use crate::domain::digest::Fingerprint;

/// What is wrong with a certificate or a key that was given to us.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Not a certificate, or one that OpenSSL cannot read.
    #[error("not a certificate that can be read")]
    Certificate(#[source] openssl::error::ErrorStack),
    /// Not a private key, or a wrong passphrase.
    #[error("not a private key that can be read")]
    PrivateKey(#[source] openssl::error::ErrorStack),
    /// The private key belongs to another certificate.
    #[error("the private key does not belong to the certificate")]
    Mismatch,
    /// Bytes follow the certificate, or it is not in DER.
    #[error("not exactly one certificate in DER")]
    NotExact,
    /// The text holds no certificate at all.
    #[error("no certificate found")]
    Empty,
}

/// An X.509 certificate (RFC 5280). Cheap to clone.
#[derive(Clone)]
pub struct Certificate(Arc<Inner>);

struct Inner {
    x509: X509,
    der: Vec<u8>,
    fingerprint: Fingerprint,
}

impl Certificate {
    /// Reads one certificate in DER, and nothing after it.
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        let certificate = Self::from_x509(X509::from_der(der).map_err(KeyError::Certificate)?)?;
        // OpenSSL also takes bytes that follow, and looser encodings: but one certificate has one fingerprint.
        if certificate.der() == der { Ok(certificate) } else { Err(KeyError::NotExact) }
    }

    /// Reads the first certificate of a PEM text.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        Self::all_from_pem(pem)?.into_iter().next().ok_or(KeyError::Empty)
    }

    /// Reads every certificate of a PEM text, in order.
    pub fn all_from_pem(pem: &[u8]) -> Result<Vec<Self>, KeyError> {
        let stack = X509::stack_from_pem(pem).map_err(KeyError::Certificate)?;
        stack.into_iter().map(Self::from_x509).collect()
    }

    pub(crate) fn from_x509(x509: X509) -> Result<Self, KeyError> {
        let der = x509.to_der().map_err(KeyError::Certificate)?;
        let fingerprint = Fingerprint(openssl::sha::sha256(&der));
        Ok(Self(Arc::new(Inner { x509, der, fingerprint })))
    }

    pub(crate) fn x509(&self) -> &X509Ref {
        &self.0.x509
    }

    /// The DER encoding.
    pub fn der(&self) -> &[u8] {
        &self.0.der
    }

    /// The PEM encoding.
    pub fn pem(&self) -> String {
        let pem = self.0.x509.to_pem().expect("a certificate that was read can be written");
        String::from_utf8(pem).expect("PEM is ASCII")
    }

    /// SHA-256 over the DER encoding.
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint
    }

    /// The subject's common name, if there is one that can be read.
    pub fn common_name(&self) -> Option<String> {
        let entry = self.0.x509.subject_name().entries_by_nid(Nid::COMMONNAME).next()?;
        entry.data().to_string().ok()
    }

    /// The serial number, upper-case hexadecimal.
    pub fn serial(&self) -> String {
        let serial = self.0.x509.serial_number().to_bn().and_then(|n| n.to_hex_str().map(|s| s.to_string()));
        serial.expect("a serial number that was read can be written")
    }

    /// First moment of validity.
    pub fn not_before(&self) -> Timestamp {
        timestamp(self.0.x509.not_before())
    }

    /// Last moment of validity.
    pub fn not_after(&self) -> Timestamp {
        timestamp(self.0.x509.not_after())
    }
}

fn timestamp(time: &openssl::asn1::Asn1TimeRef) -> Timestamp {
    let epoch = openssl::asn1::Asn1Time::from_unix(0).expect("the epoch is a time");
    let diff = epoch.diff(time).expect("a certificate that was read has times that can be read");
    Timestamp::from_second(i64::from(diff.days) * 86_400 + i64::from(diff.secs)).unwrap_or(Timestamp::MAX)
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.0.fingerprint == other.0.fingerprint
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({})", self.0.fingerprint)
    }
}

/// A private key. Never shown, never logged.
#[derive(Clone)]
pub struct PrivateKey(PKey<Private>);

impl PrivateKey {
    /// Reads an unencrypted PEM key.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        // An empty passphrase, so that OpenSSL never asks on the terminal.
        PKey::private_key_from_pem_passphrase(pem, b"").map(Self).map_err(KeyError::PrivateKey)
    }

    pub(crate) fn from_pkey(pkey: PKey<Private>) -> Self {
        Self(pkey)
    }

    pub(crate) fn pkey(&self) -> &PKeyRef<Private> {
        &self.0
    }

    /// PKCS#8 in PEM, unencrypted: for files of mode 0600 only.
    pub fn to_pem(&self) -> String {
        let pem = self.0.private_key_to_pem_pkcs8().expect("a key that was read can be written");
        String::from_utf8(pem).expect("PEM is ASCII")
    }

    /// PKCS#8 in DER, unencrypted.
    pub fn to_der(&self) -> Vec<u8> {
        self.0.private_key_to_pkcs8().expect("a key that was read can be written")
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(..)")
    }
}

/// A certificate with the private key that belongs to it.
#[derive(Debug, Clone)]
pub struct Credential {
    certificate: Certificate,
    key: PrivateKey,
}

impl Credential {
    /// Pairs them, if they are a pair.
    pub fn new(certificate: Certificate, key: PrivateKey) -> Result<Self, KeyError> {
        let public = certificate.x509().public_key().map_err(KeyError::Certificate)?;
        if key.pkey().public_eq(&public) { Ok(Self { certificate, key }) } else { Err(KeyError::Mismatch) }
    }

    /// The certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The private key.
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }
}
