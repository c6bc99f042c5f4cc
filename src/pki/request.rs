//! What somebody wants a certificate for.

use openssl::hash::MessageDigest;
use openssl::x509::{X509Req, X509ReqBuilder};

use super::PkiError;
use super::identity::{Subject, distinguished_name};
use super::key::PublicKey;
use crate::domain::ids::UserId;
use crate::message::keys::PrivateKey;

/// A certificate that is wanted. Who it is for is said by us, from the registry; only the key comes from the asker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Whom it is for.
    pub subject: Subject,
    /// The key it is for.
    pub key: PublicKey,
}

impl Request {
    /// For a key that we hold ourselves.
    pub fn new(subject: Subject, key: &PrivateKey) -> Result<Self, PkiError> {
        Ok(Self { subject, key: PublicKey::of(key)? })
    }

    /// Takes the key out of a PKCS#10 request (RFC 2986) whose signature proves that the asker holds the private key.
    /// The names in it are not believed.
    pub fn from_pkcs10(subject: Subject, der: &[u8]) -> Result<Self, PkiError> {
        let request = X509Req::from_der(der).map_err(|_| PkiError::Request)?;
        // What OpenSSL read must be all there is.
        if request.to_der()? != der {
            return Err(PkiError::Request);
        }
        let key = PublicKey::from_pkey(request.public_key().map_err(|_| PkiError::Request)?)?;
        let proven = request.verify(key.pkey()).unwrap_or(false);
        if proven { Ok(Self { subject, key }) } else { Err(PkiError::Request) }
    }
}

/// Makes a PKCS#10 request (DER) for a user's key.
pub fn pkcs10(user: &UserId, key: &PrivateKey) -> Result<Vec<u8>, PkiError> {
    let public = PublicKey::of(key)?;
    let mut request = X509ReqBuilder::new()?;
    request.set_version(0)?;
    let name = distinguished_name(user.as_str(), None)?;
    request.set_subject_name(&name)?;
    request.set_pubkey(public.pkey())?;
    request.sign(key.pkey(), MessageDigest::sha256())?;
    Ok(request.build().to_der()?)
}
