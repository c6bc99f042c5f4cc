//! Opening: a message becomes a file and a claim, and the claim, checked, a proof.

use std::io::{Read, Write};
use std::thread;

use jiff::Timestamp;

use super::entity::{self, Header};
use super::enveloped;
use super::error::OpenError;
use super::keys::{Certificate, Credential};
use super::signed::reader::Signed;
use super::signed::{self, Signature, SignatureError};
use crate::domain::digest::{Fingerprint, Sha256, Tag};
use crate::domain::policy::Claims;

/// A message that was opened: authentic as an envelope, its content fits its digest, but who signed is not checked.
#[derive(Debug, Clone)]
pub struct Opened {
    header: Header,
    tag: Tag,
    size: u64,
    sealed_size: u64,
    signature: Signature,
    signer: SignerHint,
}

/// Whom the message claims to be signed by.
#[derive(Debug, Clone)]
pub struct SignerHint {
    fingerprint: Option<Fingerprint>,
    signature: Signature,
    certificates: Vec<Vec<u8>>,
}

impl SignerHint {
    /// The certificate's fingerprint from the signed attributes, if it is a SHA-256.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.fingerprint
    }

    /// The certificate that came along, if there is one that fits. Proves nothing.
    pub fn certificate(&self) -> Option<Certificate> {
        self.signature.certificate_of(&self.certificates)
    }
}

/// Opens the message that `input` gives with whichever of `keys` it names, and writes the file to `content`.
///
/// Blocks; large messages take a second thread. The content is written while it streams: on an error it holds bytes that
/// nothing vouches for, and the caller throws them away. Give [`std::io::sink`] when only the verdict is wanted.
pub fn open<R: Read + Send, W: Write + Send>(
    input: R,
    keys: &[Credential],
    mut content: W,
) -> Result<(Opened, W), OpenError> {
    let mut envelope = enveloped::reader::Reader::new(input, keys)?;
    // Where more than one layer is wrong, the outermost says so: what is inside of it was never worth a word.
    let inside = thread::scope(|scope| -> Result<_, OpenError> {
        let inner = envelope.inner();
        let mut signed = signed::reader::Reader::new(&mut envelope, inner, Some(scope))?;
        match entity::reader::Reader::new(&mut signed).and_then(|entity| entity.finish(&mut content)) {
            Ok((size, header)) => Ok((size, header, signed.finish()?)),
            Err(error) if error.reason().is_some() && !signed.has_failed() => {
                signed.drain()?;
                signed.finish()?;
                Err(error)
            }
            Err(error) => Err(error),
        }
    });
    let (size, header, Signed { signature, certificates }) = match inside {
        Ok(inside) => inside,
        Err(error) if error.reason().is_some() && !envelope.has_failed() => {
            envelope.finish()?;
            return Err(error);
        }
        Err(error) => return Err(error),
    };
    let (tag, sealed_size) = envelope.finish()?;
    content.flush().map_err(OpenError::Output)?;
    let signer = SignerHint { fingerprint: signature.fingerprint(), signature: signature.clone(), certificates };
    Ok((Opened { header, tag, size, sealed_size, signature, signer }, content))
}

impl Opened {
    /// The header block.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The GCM tag: names the sealed bytes.
    pub fn tag(&self) -> Tag {
        self.tag
    }

    /// The signed message digest: SHA-256, SHA-384 or SHA-512 over the entity.
    pub fn digest(&self) -> &[u8] {
        self.signature.digest()
    }

    /// SHA-256 over the signature value: what the next message of the stream says in `KX-Previous`.
    pub fn signature_hash(&self) -> Sha256 {
        self.signature.value_hash()
    }

    /// When it was signed, by the signer's clock.
    pub fn signing_time(&self) -> Timestamp {
        self.signature.signing_time()
    }

    /// Bytes of the file, expanded.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes of the message.
    pub fn sealed_size(&self) -> u64 {
        self.sealed_size
    }

    /// Whom it claims to be signed by.
    pub fn signer(&self) -> &SignerHint {
        &self.signer
    }

    /// What it says of itself, as facts for a verdict.
    pub fn claims(&self) -> Claims {
        let header = &self.header;
        Claims {
            id: header.id,
            date: header.date,
            from: header.from.clone(),
            to: header.to.clone(),
            sequence: header.sequence,
            previous: header.previous,
            file_name_refused: header.file_name.as_ref().err().map(ToString::to_string),
            size: self.size,
            signed_at: self.signing_time(),
        }
    }

    /// Checks the signature with this certificate's key, and that the signature names this certificate.
    pub fn verify(&self, certificate: &Certificate) -> Result<Verified, SignatureError> {
        self.signature.verify(certificate)?;
        Ok(Verified { opened: self.clone(), certificate: certificate.clone() })
    }
}

/// The proof that the owner of a certificate signed this message. Only [`Opened::verify`] makes it.
#[derive(Debug, Clone)]
pub struct Verified {
    opened: Opened,
    certificate: Certificate,
}

impl Verified {
    /// The certificate whose key signed.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The header block.
    pub fn header(&self) -> &Header {
        self.opened.header()
    }

    /// The GCM tag: names the sealed bytes.
    pub fn tag(&self) -> Tag {
        self.opened.tag()
    }

    /// The signed message digest: SHA-256, SHA-384 or SHA-512 over the entity.
    pub fn digest(&self) -> &[u8] {
        self.opened.digest()
    }

    /// SHA-256 over the signature value: what the next message of the stream says in `KX-Previous`.
    pub fn signature_hash(&self) -> Sha256 {
        self.opened.signature_hash()
    }

    /// When it was signed, by the signer's clock.
    pub fn signing_time(&self) -> Timestamp {
        self.opened.signing_time()
    }

    /// Bytes of the file, expanded.
    pub fn size(&self) -> u64 {
        self.opened.size()
    }

    /// Bytes of the message.
    pub fn sealed_size(&self) -> u64 {
        self.opened.sealed_size()
    }
}
