//! What a certificate is for: key usage (RFC 5280, 4.2.1.3) and extended key usage (4.2.1.12).

use std::net::IpAddr;

use jiff::SignedDuration;
use openssl::x509::extension::{ExtendedKeyUsage, KeyUsage, SubjectAlternativeName};
use openssl::x509::{X509ExtendedKeyUsage, X509Extension, X509KeyUsage};

use super::PkiError;
use super::identity::Subject;
use super::key::KeyKind;
use super::request::Request;
use crate::message::keys::Certificate;

/// How long a user's certificate is valid by default: one year.
pub const USER_VALIDITY: SignedDuration = SignedDuration::from_hours(24 * 365);
/// How long a union's or a service's certificate is valid by default: two years.
pub const SERVICE_VALIDITY: SignedDuration = SignedDuration::from_hours(24 * 365 * 2);
/// How long an authority is valid by default: twenty years.
pub const AUTHORITY_VALIDITY: SignedDuration = SignedDuration::from_hours(24 * 365 * 20);

/// What a certificate is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Profile {
    /// A user's signatures, and the user's TLS connections to the relay.
    UserSigning,
    /// Sealing to a user.
    UserEncryption,
    /// A PC's TLS connections to the relay before the PIN has opened the user's keys: enrolment and PIN, nothing else.
    Device,
    /// The union's signatures on messages and receipts.
    UnionSigning,
    /// Sealing to the union.
    UnionEncryption,
    /// The union's TLS connections to the relay. Signs nothing else: it lives on the machine that faces the VPN.
    TlsClient,
    /// A TLS server, reached by these host names and IP addresses.
    TlsServer {
        /// DNS names (a `*.` in front is allowed) and IP addresses, at least one.
        names: Vec<String>,
    },
    /// The relay's signatures on its receipts.
    ReceiptSigning,
}

impl Profile {
    /// Refuses a profile that is not for this subject.
    pub(crate) fn check(&self, subject: &Subject) -> Result<(), PkiError> {
        let fits = match self {
            Self::UserSigning | Self::UserEncryption => matches!(subject, Subject::User { .. }),
            Self::Device => matches!(subject, Subject::Device { .. }),
            Self::UnionSigning | Self::UnionEncryption | Self::TlsClient => matches!(subject, Subject::Union(_)),
            Self::TlsServer { .. } | Self::ReceiptSigning => matches!(subject, Subject::Service(_)),
        };
        if fits { Ok(()) } else { Err(PkiError::Subject) }
    }

    pub(crate) fn key_usage(&self, kind: KeyKind) -> Result<X509Extension, PkiError> {
        let mut usage = KeyUsage::new();
        usage.critical();
        match self {
            Self::UserEncryption | Self::UnionEncryption => match kind {
                KeyKind::Rsa(_) => usage.key_encipherment(),
                KeyKind::P256 | KeyKind::P384 => usage.key_agreement(),
            },
            _ => usage.digital_signature(),
        };
        Ok(usage.build()?)
    }

    /// `emailProtection` is what S/MIME tools ask for before they check a signature or encrypt.
    pub(crate) fn extended_key_usage(&self) -> Result<X509Extension, PkiError> {
        let mut usage = ExtendedKeyUsage::new();
        match self {
            Self::UserSigning => usage.client_auth().email_protection(),
            Self::TlsClient | Self::Device => usage.client_auth(),
            Self::TlsServer { .. } => usage.server_auth(),
            _ => usage.email_protection(),
        };
        Ok(usage.build()?)
    }

    pub(crate) fn alternative_names(&self, request: &Request) -> Result<Option<SubjectAlternativeName>, PkiError> {
        let mut names = SubjectAlternativeName::new();
        if let Self::TlsServer { names: hosts } = self {
            if hosts.is_empty() || !hosts.iter().all(|host| is_host(host)) {
                return Err(PkiError::HostName);
            }
            for host in hosts {
                if host.parse::<IpAddr>().is_ok() {
                    names.ip(host)
                } else {
                    names.dns(host)
                };
            }
            return Ok(Some(names));
        }
        let Some(uri) = request.subject.uri() else { return Ok(None) };
        names.uri(&uri);
        Ok(Some(names))
    }
}

/// Whether the certificate may stand behind a signature on a message: by key usage where there is one, and by extended
/// key usage where there is one (`emailProtection`, or any).
pub fn may_sign(certificate: &Certificate) -> bool {
    let signing = X509KeyUsage::DIGITAL_SIGNATURE | X509KeyUsage::NON_REPUDIATION;
    certificate.x509().key_usage().is_none_or(|usage| usage.intersects(signing)) && is_for_mail(certificate)
}

/// Whether messages may be sealed to the certificate: `keyAgreement` for a key on a curve, `keyEncipherment` for RSA.
pub fn may_encrypt(certificate: &Certificate) -> bool {
    let Ok(key) = super::PublicKey::of_certificate(certificate) else { return false };
    let needed = match key.kind() {
        KeyKind::Rsa(_) => X509KeyUsage::KEY_ENCIPHERMENT,
        KeyKind::P256 | KeyKind::P384 => X509KeyUsage::KEY_AGREEMENT,
    };
    certificate.x509().key_usage().is_none_or(|usage| usage.contains(needed)) && is_for_mail(certificate)
}

fn is_for_mail(certificate: &Certificate) -> bool {
    let mail = X509ExtendedKeyUsage::SMIME | X509ExtendedKeyUsage::ANYEKU;
    certificate.x509().extended_key_usage().is_none_or(|usage| usage.intersects(mail))
}

fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let dns = text.strip_prefix("*.").unwrap_or(text);
    text.parse::<IpAddr>().is_ok() || (dns.len() <= 253 && dns.split('.').all(label))
}
