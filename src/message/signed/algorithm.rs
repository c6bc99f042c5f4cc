//! Digest and signature algorithms: those on the list, and no other.

use openssl::error::ErrorStack;
use openssl::md::{Md, MdRef};
use openssl::pkey::{PKeyRef, Private, Public};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::Padding;
use openssl::sha;
use openssl::sign::RsaPssSaltlen;

use super::SignatureError;
use crate::message::error::OpenError;
use crate::message::format::der::{self, Der};
use crate::message::format::header::{INTEGER, NULL, SEQUENCE, context_constructed};
use crate::message::format::{FormatError, oid};
use crate::message::keys::KeyKind;

/// A digest algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// Reads a `DigestAlgorithmIdentifier`: `NULL` or nothing may stand where parameters would.
    pub(super) fn read(der: &mut Der<'_>) -> Result<Self, OpenError> {
        let mut identifier = der.nested(SEQUENCE)?;
        let hash = match identifier.oid()? {
            oid::SHA256 => Self::Sha256,
            oid::SHA384 => Self::Sha384,
            oid::SHA512 => Self::Sha512,
            _ => return Err(SignatureError::Algorithm("a digest other than SHA-2").into()),
        };
        identifier.optional(NULL)?;
        identifier.finish()?;
        Ok(hash)
    }

    /// The digest of bytes that lie in memory.
    pub(super) fn digest(self, bytes: &[u8]) -> Vec<u8> {
        let mut digest = Digest::new(self);
        digest.update(bytes);
        digest.finish()
    }

    fn md(self) -> &'static MdRef {
        match self {
            Self::Sha256 => Md::sha256(),
            Self::Sha384 => Md::sha384(),
            Self::Sha512 => Md::sha512(),
        }
    }
}

/// A digest under way.
pub(super) enum Digest {
    Sha256(sha::Sha256),
    Sha384(sha::Sha384),
    Sha512(sha::Sha512),
}

impl Digest {
    pub(super) fn new(hash: Hash) -> Self {
        match hash {
            Hash::Sha256 => Self::Sha256(sha::Sha256::new()),
            Hash::Sha384 => Self::Sha384(sha::Sha384::new()),
            Hash::Sha512 => Self::Sha512(sha::Sha512::new()),
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(state) => state.update(bytes),
            Self::Sha384(state) => state.update(bytes),
            Self::Sha512(state) => state.update(bytes),
        }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        match self {
            Self::Sha256(state) => state.finish().to_vec(),
            Self::Sha384(state) => state.finish().to_vec(),
            Self::Sha512(state) => state.finish().to_vec(),
        }
    }
}

/// How a digest is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Ecdsa,
    RsaPkcs1,
    RsaPss {
        /// Octets.
        salt: u16,
    },
}

impl Scheme {
    /// Reads the contents of a `SignatureAlgorithmIdentifier`, which must fit the digest.
    pub(super) fn read(mut identifier: Der<'_>, hash: Hash) -> Result<Self, OpenError> {
        let mismatch = SignatureError::Algorithm("a signature over another digest than declared");
        let name = identifier.oid()?;
        let declared = match name {
            oid::ECDSA_SHA256 | oid::RSA_SHA256 => Some(Hash::Sha256),
            oid::ECDSA_SHA384 | oid::RSA_SHA384 => Some(Hash::Sha384),
            oid::ECDSA_SHA512 | oid::RSA_SHA512 => Some(Hash::Sha512),
            oid::RSA | oid::RSA_PSS => None,
            _ => return Err(SignatureError::Algorithm("a signature other than ECDSA and RSA with SHA-2").into()),
        };
        if declared.is_some_and(|declared| declared != hash) {
            return Err(mismatch.into());
        }
        let scheme = match name {
            oid::ECDSA_SHA256 | oid::ECDSA_SHA384 | oid::ECDSA_SHA512 => Self::Ecdsa,
            oid::RSA_PSS => {
                let parameters = identifier.nested(SEQUENCE)?;
                Self::RsaPss { salt: read_pss(parameters, hash, mismatch)? }
            }
            _ => {
                identifier.optional(NULL)?;
                Self::RsaPkcs1
            }
        };
        identifier.finish()?;
        Ok(scheme)
    }

    /// What we sign with, by the kind of key; always with SHA-256.
    pub(super) fn for_key(kind: KeyKind) -> Option<Self> {
        match kind {
            KeyKind::P256 | KeyKind::P384 => Some(Self::Ecdsa),
            KeyKind::Rsa => Some(Self::RsaPss { salt: 32 }),
            KeyKind::Refused => None,
        }
    }

    /// The DER of the algorithm identifier for what we make.
    pub(super) fn identifier(self) -> Vec<u8> {
        let Self::RsaPss { salt } = self else { return der::sequence(&[&der::oid(oid::ECDSA_SHA256)]) };
        let sha256 = der::sequence(&[&der::oid(oid::SHA256)]);
        let mgf1 = der::sequence(&[&der::oid(oid::MGF1), &sha256]);
        let salt = u8::try_from(salt).expect("we make salts of 32 octets");
        let parameters = der::sequence(&[
            &der::element(context_constructed(0), &[&sha256]),
            &der::element(context_constructed(1), &[&mgf1]),
            &der::element(context_constructed(2), &[&der::element(INTEGER, &[&[salt]])]),
        ]);
        der::sequence(&[&der::oid(oid::RSA_PSS), &parameters])
    }

    /// Whether a key of this kind can sign so.
    pub(super) fn fits(self, kind: KeyKind) -> bool {
        match self {
            Self::Ecdsa => matches!(kind, KeyKind::P256 | KeyKind::P384),
            Self::RsaPkcs1 | Self::RsaPss { .. } => kind == KeyKind::Rsa,
        }
    }

    /// Signs a SHA-256.
    pub(super) fn sign(self, key: &PKeyRef<Private>, digest: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        let mut context = PkeyCtx::new(key)?;
        context.sign_init()?;
        self.prepare(&mut context, Hash::Sha256)?;
        let mut signature = Vec::new();
        context.sign_to_vec(digest, &mut signature)?;
        Ok(signature)
    }

    /// Whether the signature over this digest is the key's.
    pub(super) fn verify(self, key: &PKeyRef<Public>, hash: Hash, digest: &[u8], signature: &[u8]) -> bool {
        let verified = PkeyCtx::new(key).and_then(|mut context| {
            context.verify_init()?;
            self.prepare(&mut context, hash)?;
            context.verify(digest, signature)
        });
        // An error is what OpenSSL answers to a signature that it cannot even read.
        verified.unwrap_or(false)
    }

    fn prepare<T>(self, context: &mut PkeyCtx<T>, hash: Hash) -> Result<(), ErrorStack> {
        match self {
            Self::Ecdsa => Ok(()),
            Self::RsaPkcs1 => {
                context.set_rsa_padding(Padding::PKCS1)?;
                context.set_signature_md(hash.md())
            }
            Self::RsaPss { salt } => {
                context.set_rsa_padding(Padding::PKCS1_PSS)?;
                context.set_signature_md(hash.md())?;
                context.set_rsa_mgf1_md(hash.md())?;
                context.set_rsa_pss_saltlen(RsaPssSaltlen::custom(i32::from(salt)))
            }
        }
    }
}

/// `RSASSA-PSS-params` (RFC 4055) with the one digest everywhere. Gives the length of the salt.
fn read_pss(mut parameters: Der<'_>, hash: Hash, mismatch: SignatureError) -> Result<u16, OpenError> {
    // What is left out means SHA-1.
    let digest = parameters.optional(context_constructed(0))?.ok_or(mismatch)?;
    let mask = parameters.optional(context_constructed(1))?.ok_or(mismatch)?;
    let mut mask = Der::new(mask.content).nested(SEQUENCE)?;
    if mask.oid()? != oid::MGF1 || Hash::read(&mut mask)? != hash || Hash::read(&mut Der::new(digest.content))? != hash
    {
        return Err(mismatch.into());
    }
    let salt = match parameters.optional(context_constructed(2))? {
        None => 20,
        Some(salt) => match Der::new(salt.content).element(INTEGER)?.content {
            [low @ 0..0x80] => u16::from(*low),
            [high @ 0..0x80, low] => u16::from_be_bytes([*high, *low]),
            _ => return Err(FormatError::Malformed("a salt of no possible length").into()),
        },
    };
    if let Some(trailer) = parameters.optional(context_constructed(3))?
        && Der::new(trailer.content).small_integer()? != 1
    {
        return Err(SignatureError::Algorithm("an unknown trailer field").into());
    }
    parameters.finish()?;
    Ok(salt)
}
