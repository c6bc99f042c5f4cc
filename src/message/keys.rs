//! Certificates and private keys as the message layer uses them.
//!
//! OpenSSL's types stay inside `message/` and `pki/`: the rest of the house passes these.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, PKeyRef, Private, Public};
use openssl::x509::{X509, X509Ref};

use super::format::der::{Der, Element};
use super::format::header::{INTEGER, OCTET_STRING, SEQUENCE, context_constructed};
use super::format::{FormatError, oid};
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
    /// A certificate that is not encoded as RFC 5280 says.
    #[error("not a certificate in DER: {0}")]
    Encoding(#[from] FormatError),
    /// The text holds no certificate at all.
    #[error("no certificate found")]
    Empty,
}

/// An X.509 certificate (RFC 5280). Cheap to clone.
#[derive(Clone)]
pub struct Certificate(Arc<Inner>);

/// Read once, asked for with every message.
struct Inner {
    x509: X509,
    der: Vec<u8>,
    fingerprint: Fingerprint,
    names: Names,
    key: PKey<Public>,
    kind: KeyKind,
}

/// Where in the certificate's DER the parts stand that recipients and signers are named by.
struct Names {
    issuer: Range<usize>,
    serial: Range<usize>,
    key_identifier: Option<Range<usize>>,
}

/// What a key can be used for here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    P256,
    P384,
    /// 2048 bits or more.
    Rsa,
    /// Nothing.
    Refused,
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
        let names = Names::read(&der)?;
        let key = x509.public_key().map_err(KeyError::Certificate)?;
        let kind = KeyKind::of(&key);
        Ok(Self(Arc::new(Inner { x509, der, fingerprint, names, key, kind })))
    }

    pub(crate) fn x509(&self) -> &X509Ref {
        &self.0.x509
    }

    /// The public key.
    pub(crate) fn public_key(&self) -> &PKeyRef<Public> {
        &self.0.key
    }

    /// What the public key is.
    pub(crate) fn key_kind(&self) -> KeyKind {
        self.0.kind
    }

    /// The issuer's name: a DER `Name`.
    pub(in crate::message) fn issuer(&self) -> &[u8] {
        &self.0.der[self.0.names.issuer.clone()]
    }

    /// The serial number: a DER `INTEGER`.
    pub(in crate::message) fn serial_number(&self) -> &[u8] {
        &self.0.der[self.0.names.serial.clone()]
    }

    /// The subject key identifier, if there is one.
    pub(in crate::message) fn key_identifier(&self) -> Option<&[u8]> {
        self.0.names.key_identifier.clone().map(|range| &self.0.der[range])
    }

    /// Whether that certificate's owner issued this one, as far as name and signature tell. Says nothing about whether it
    /// was allowed to, or when.
    pub fn is_issued_by(&self, issuer: &Self) -> bool {
        let named = self.0.x509.issuer_name().try_cmp(issuer.0.x509.subject_name());
        named.is_ok_and(std::cmp::Ordering::is_eq) && self.0.x509.verify(issuer.public_key()).unwrap_or(false)
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

impl Names {
    fn read(der: &[u8]) -> Result<Self, FormatError> {
        let mut outer = Der::new(der);
        let mut to_be_signed = outer.nested(SEQUENCE)?.nested(SEQUENCE)?;
        to_be_signed.optional(context_constructed(0))?;
        let serial = to_be_signed.element(INTEGER)?;
        to_be_signed.element(SEQUENCE)?;
        let issuer = to_be_signed.element(SEQUENCE)?;
        // Validity, subject, key, and the two unique identifiers that nobody uses.
        let mut extensions = None;
        while !to_be_signed.is_empty() {
            extensions = Some(to_be_signed.any()?).filter(|last| last.tag == context_constructed(3));
        }
        let key_identifier = extensions.map(Self::key_identifier).transpose()?.flatten();
        // Each is a part of `der`, so the distance between the starts is an offset.
        let range = |part: &[u8]| {
            let start = part.as_ptr().addr() - der.as_ptr().addr();
            start..start + part.len()
        };
        Ok(Self { issuer: range(issuer.whole), serial: range(serial.whole), key_identifier: key_identifier.map(range) })
    }

    fn key_identifier(extensions: Element<'_>) -> Result<Option<&[u8]>, FormatError> {
        let mut list = Der::new(extensions.content).nested(SEQUENCE)?;
        while !list.is_empty() {
            let mut extension = list.nested(SEQUENCE)?;
            if extension.oid()? == oid::SUBJECT_KEY_IDENTIFIER {
                let value = extension.element(OCTET_STRING)?.content;
                return Der::new(value).element(OCTET_STRING).map(|identifier| Some(identifier.content));
            }
        }
        Ok(None)
    }
}

impl KeyKind {
    fn of(key: &PKeyRef<Public>) -> Self {
        match key.id() {
            Id::EC => match key.ec_key().ok().and_then(|key| key.group().curve_name()) {
                Some(Nid::X9_62_PRIME256V1) => Self::P256,
                Some(Nid::SECP384R1) => Self::P384,
                _ => Self::Refused,
            },
            Id::RSA if key.bits() >= 2048 => Self::Rsa,
            _ => Self::Refused,
        }
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
        if key.pkey().public_eq(certificate.public_key()) {
            Ok(Self { certificate, key })
        } else {
            Err(KeyError::Mismatch)
        }
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
