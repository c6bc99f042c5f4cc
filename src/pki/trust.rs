//! Whether a certificate leads to an authority that we trust, at a given time.

use jiff::Timestamp;
use openssl::error::ErrorStack;
use openssl::stack::Stack;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::{X509VerifyFlags, X509VerifyParam};
use openssl::x509::{X509, X509StoreContext, X509StoreContextRef};

use super::key::PublicKey;
use crate::domain::verdict::Reason;
use crate::message::keys::Certificate;

/// Longest way from a certificate to a root: certificates between the two.
const MAX_INTERMEDIATES: i32 = 4;

/// Why a certificate is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// No way to a root that is registered, a false signature on the way, or an issuer that may not issue.
    #[error("no path to a trusted authority")]
    NoPath,
    /// An authority on the way is not valid at that time.
    #[error("an authority on the path is not valid at this time")]
    AuthorityNotValid,
    /// The certificate itself is past its end.
    #[error("the certificate has expired")]
    Expired,
    /// The certificate itself is before its start.
    #[error("the certificate is not valid yet")]
    NotYetValid,
    /// Its key is of a kind that is not accepted, or too short.
    #[error("the certificate has a key that is not accepted")]
    Key,
}

impl Untrusted {
    /// What it means for a message that was signed with the certificate.
    pub const fn reason(self) -> Reason {
        match self {
            Self::NoPath | Self::AuthorityNotValid => Reason::CertificateUntrusted,
            Self::Expired => Reason::CertificateExpired,
            Self::NotYetValid => Reason::CertificateNotYetValid,
            Self::Key => Reason::AlgorithmRefused,
        }
    }
}

/// The authorities that are trusted, and single certificates that were registered one by one.
#[derive(Debug, Clone, Default)]
pub struct TrustStore {
    roots: Vec<Certificate>,
    registered: Vec<Certificate>,
}

impl TrustStore {
    /// Trusts what these authorities issued. They need not be self-signed: each is an end of the way by itself.
    pub fn new(roots: Vec<Certificate>) -> Self {
        Self { roots, registered: Vec::new() }
    }

    /// Trusts also these certificates themselves, whoever issued them: a union or user with certificates from
    /// another CA has them registered one by one.
    #[must_use]
    pub fn with_registered(mut self, certificates: impl IntoIterator<Item = Certificate>) -> Self {
        self.registered.extend(certificates);
        self
    }

    /// The authorities.
    pub fn roots(&self) -> &[Certificate] {
        &self.roots
    }

    /// Whether the certificate was trusted at that time. The intermediates are hints and trusted in nothing.
    /// Revocation is another question ([`super::crl`]), and so is what the certificate is for ([`super::profile`]).
    pub fn path(
        &self,
        certificate: &Certificate,
        intermediates: &[Certificate],
        at: Timestamp,
    ) -> Result<(), Untrusted> {
        if PublicKey::of_certificate(certificate).is_err() {
            return Err(Untrusted::Key);
        }
        let verify = |time| self.verify(certificate, intermediates, time).map_err(|_| Untrusted::NoPath);
        let valid_then = self.registered.contains(certificate) || verify(Some(at))?;
        if !valid_then && !verify(None)? {
            return Err(Untrusted::NoPath);
        }
        // OpenSSL counts the last second as past, and so does everybody whom we ask.
        if at >= certificate.not_after() {
            return Err(Untrusted::Expired);
        }
        if at < certificate.not_before() {
            return Err(Untrusted::NotYetValid);
        }
        if valid_then { Ok(()) } else { Err(Untrusted::AuthorityNotValid) }
    }

    /// Builds and checks a path; without a time, whatever the times in it say.
    fn verify(
        &self,
        certificate: &Certificate,
        intermediates: &[Certificate],
        at: Option<Timestamp>,
    ) -> Result<bool, ErrorStack> {
        let mut parameters = X509VerifyParam::new()?;
        // Strict: an issuer must say that it is a CA and may sign certificates, in a critical extension.
        let mut flags = X509VerifyFlags::X509_STRICT | X509VerifyFlags::PARTIAL_CHAIN;
        match at {
            Some(at) => parameters.set_time(at.as_second()),
            None => flags |= X509VerifyFlags::NO_CHECK_TIME,
        }
        parameters.set_flags(flags)?;
        parameters.set_depth(MAX_INTERMEDIATES);
        // 112 bits: no SHA-1, no RSA below 2048 bits.
        parameters.set_auth_level(2);
        let mut store = X509StoreBuilder::new()?;
        for root in &self.roots {
            store.add_cert(root.x509().to_owned())?;
        }
        store.set_param(&parameters)?;
        let mut hints = Stack::<X509>::new()?;
        for hint in intermediates {
            hints.push(hint.x509().to_owned())?;
        }
        let mut context = X509StoreContext::new()?;
        context.init(&store.build(), certificate.x509(), &hints, X509StoreContextRef::verify_cert)
    }
}
