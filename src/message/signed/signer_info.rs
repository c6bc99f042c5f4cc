//! `SignerInfo` (RFC 5652, 5.3): reading, making and checking a signature.

use jiff::Timestamp;

use super::SignatureError;
use super::algorithm::{Hash, Scheme};
use super::attributes::Attributes;
use crate::domain::digest::{Fingerprint, Sha256};
use crate::message::enveloped::recipient::Name;
use crate::message::error::{OpenError, SealError};
use crate::message::format::der::{self, Der};
use crate::message::format::header::{INTEGER, OCTET_STRING, SEQUENCE, SET, context_constructed};
use crate::message::format::{FormatError, oid};
use crate::message::keys::{Certificate, Credential};

/// A signature that fits its content. Whose it is, [`Signature::verify`] says.
#[derive(Debug, Clone)]
pub(in crate::message) struct Signature {
    /// Name of the signer: the DER of `SignerIdentifier`.
    signer: Vec<u8>,
    hash: Hash,
    scheme: Scheme,
    attributes: Attributes,
    /// What is signed: the digest over the DER of the attributes as a `SET`.
    signed_digest: Vec<u8>,
    value: Vec<u8>,
}

impl Signature {
    /// Reads the contents of a `SignerInfo` and compares the digest over the content. Gives the version, too.
    pub(super) fn read(content: &[u8], hash: Hash, digest: &[u8]) -> Result<(Self, u8), OpenError> {
        let mut info = Der::new(content);
        let version = info.small_integer()?;
        let signer = info.any()?;
        let name = Name::read(signer)?;
        if version != if matches!(name, Name::KeyIdentifier(_)) { 3 } else { 1 } {
            return Err(FormatError::Malformed("a signer of another version").into());
        }
        if Hash::read(&mut info)? != hash {
            return Err(SignatureError::Algorithm("a signer with another digest than declared").into());
        }
        // Without them a signature over the attributes of another message would pass for one over a content.
        let missing = SignatureError::Attributes("there are none");
        let set = info.optional(context_constructed(0))?.ok_or(missing)?.content;
        let algorithm = info.element(SEQUENCE)?.content;
        let scheme = Scheme::read(Der::new(algorithm), hash)?;
        let value = info.element(OCTET_STRING)?.content.to_vec();
        info.finish()?;
        let attributes = Attributes::read(set, hash, algorithm)?;
        if attributes.message_digest != digest {
            return Err(SignatureError::Digest.into());
        }
        let signed_digest = hash.digest(&der::element(SET, &[set]));
        Ok((Self { signer: signer.whole.to_vec(), hash, scheme, attributes, signed_digest, value }, version))
    }

    /// Signs a content that has this SHA-256. Gives the DER of the `SignerInfo`, and the hash of the signature value.
    pub(super) fn make(
        digest: &[u8],
        signing_time: Timestamp,
        signer: &Credential,
    ) -> Result<(Vec<u8>, Sha256), SealError> {
        let certificate = signer.certificate();
        let scheme = Scheme::for_key(certificate.key_kind()).ok_or(SealError::SignerKey)?;
        let attributes = Attributes::write(digest, signing_time, certificate);
        let value = scheme.sign(signer.key().pkey(), &Hash::Sha256.digest(&attributes))?;
        let set = Der::new(&attributes).any().expect("we wrote an element").content;
        let info = der::sequence(&[
            &der::element(INTEGER, &[&[1]]),
            &der::sequence(&[certificate.issuer(), certificate.serial_number()]),
            &sha256_identifier(),
            &der::element(context_constructed(0), &[set]),
            &scheme.identifier(),
            &der::element(OCTET_STRING, &[&value]),
        ]);
        Ok((info, Sha256(openssl::sha::sha256(&value))))
    }

    /// Checks that this certificate is the one that is named, and that its key signed.
    pub(in crate::message) fn verify(&self, certificate: &Certificate) -> Result<(), SignatureError> {
        let name = Der::new(&self.signer).any().and_then(Name::read).expect("it was read before");
        if !name.names(certificate) || !self.attributes.certificate.is(certificate) {
            return Err(SignatureError::OtherCertificate);
        }
        if !self.scheme.fits(certificate.key_kind()) {
            return Err(SignatureError::Algorithm("a key that is not accepted for this signature"));
        }
        let key = certificate.public_key();
        if self.scheme.verify(key, self.hash, &self.signed_digest, &self.value) {
            Ok(())
        } else {
            Err(SignatureError::Invalid)
        }
    }

    /// The signed message digest.
    pub(in crate::message) fn digest(&self) -> &[u8] {
        &self.attributes.message_digest
    }

    /// When it was signed, by the signer's clock.
    pub(in crate::message) fn signing_time(&self) -> Timestamp {
        self.attributes.signing_time
    }

    /// SHA-256 over the signature value.
    pub(in crate::message) fn value_hash(&self) -> Sha256 {
        Sha256(openssl::sha::sha256(&self.value))
    }

    /// The certificate that is named, if by its SHA-256.
    pub(in crate::message) fn fingerprint(&self) -> Option<Fingerprint> {
        let id = &self.attributes.certificate;
        if id.hash == Hash::Sha256 { Fingerprint::try_from(id.value.as_slice()).ok() } else { None }
    }

    /// The one of these certificates (in DER) that is named.
    pub(in crate::message) fn certificate_of(&self, list: &[Vec<u8>]) -> Option<Certificate> {
        let id = &self.attributes.certificate;
        let der = list.iter().find(|der| id.hash.digest(der) == id.value)?;
        Certificate::from_der(der).ok()
    }
}

/// The DER of the algorithm identifier of SHA-256, without parameters (RFC 5754).
pub(super) fn sha256_identifier() -> Vec<u8> {
    der::sequence(&[&der::oid(oid::SHA256)])
}
