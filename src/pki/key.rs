//! Key pairs of the kinds that we make and take.

use openssl::bn::BigNumContext;
use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::{HasPublic, Id, PKey, PKeyRef, Public};
use openssl::rsa::Rsa;

use super::PkiError;
use crate::message::keys::{Certificate, PrivateKey};

/// The kinds of key that take part. Everything else is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// NIST P-256: what we make.
    P256,
    /// NIST P-384: accepted.
    P384,
    /// RSA of so many bits, 2048 to 8192: accepted, for users with certificates from another CA.
    Rsa(u32),
}

impl KeyKind {
    pub(crate) fn of<T: HasPublic>(key: &PKeyRef<T>) -> Result<Self, PkiError> {
        match key.id() {
            Id::RSA if (2048..=8192).contains(&key.bits()) => Ok(Self::Rsa(key.bits())),
            Id::EC => match key.ec_key()?.group().curve_name() {
                Some(Nid::X9_62_PRIME256V1) => Ok(Self::P256),
                Some(Nid::SECP384R1) => Ok(Self::P384),
                _ => Err(PkiError::Key),
            },
            _ => Err(PkiError::Key),
        }
    }
}

/// Makes a new key pair. The randomness is the cryptographic library's own.
pub fn new_key(kind: KeyKind) -> Result<PrivateKey, PkiError> {
    let curve = match kind {
        KeyKind::P256 => Nid::X9_62_PRIME256V1,
        KeyKind::P384 => Nid::SECP384R1,
        KeyKind::Rsa(bits) if (2048..=8192).contains(&bits) => {
            return Ok(PrivateKey::from_pkey(PKey::from_rsa(Rsa::generate(bits)?)?));
        }
        KeyKind::Rsa(_) => return Err(PkiError::Key),
    };
    let group = EcGroup::from_curve_name(curve)?;
    Ok(PrivateKey::from_pkey(PKey::from_ec_key(EcKey::generate(&group)?)?))
}

/// A public key of an accepted kind.
#[derive(Clone)]
pub struct PublicKey {
    pkey: PKey<Public>,
    kind: KeyKind,
}

impl PublicKey {
    /// Reads a `SubjectPublicKeyInfo` in DER.
    pub fn from_der(der: &[u8]) -> Result<Self, PkiError> {
        Self::from_pkey(PKey::public_key_from_der(der).map_err(|_| PkiError::Key)?)
    }

    /// The public half.
    pub fn of(key: &PrivateKey) -> Result<Self, PkiError> {
        Self::from_der(&key.pkey().public_key_to_der()?)
    }

    /// The key that a certificate is for.
    pub fn of_certificate(certificate: &Certificate) -> Result<Self, PkiError> {
        Self::from_pkey(certificate.x509().public_key().map_err(|_| PkiError::Key)?)
    }

    pub(crate) fn from_pkey(pkey: PKey<Public>) -> Result<Self, PkiError> {
        let kind = KeyKind::of(&pkey)?;
        if kind == KeyKind::P256 || kind == KeyKind::P384 {
            let ec = pkey.ec_key()?;
            let mut context = BigNumContext::new()?;
            let on_curve = ec.public_key().is_on_curve(ec.group(), &mut context)?;
            if !on_curve || ec.public_key().is_infinity(ec.group()) {
                return Err(PkiError::Key);
            }
        }
        Ok(Self { pkey, kind })
    }

    /// Its kind.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The `SubjectPublicKeyInfo` in DER.
    pub fn der(&self) -> Vec<u8> {
        self.pkey.public_key_to_der().expect("a public key that was read can be written")
    }

    pub(crate) fn pkey(&self) -> &PKeyRef<Public> {
        &self.pkey
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.pkey.public_eq(&other.pkey)
    }
}

impl Eq for PublicKey {}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey({:?})", self.kind)
    }
}
