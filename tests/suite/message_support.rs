//! What the tests of the sealed message share: fixed keys, a draft, a source of bytes that is the same every time.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use kenpo_express::domain::clock::Random;
use kenpo_express::domain::digest::Sha256;
use kenpo_express::message::entity::ContentEncoding;
use kenpo_express::message::error::OpenError;
use kenpo_express::message::keys::{Certificate, Credential, PrivateKey};
use kenpo_express::message::open::{Opened, open};
use kenpo_express::message::seal::{Draft, Sealed, seal};

/// Where the vectors and their keys are.
pub(crate) fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

/// File of a certificate in `tests/vectors/keys/`.
pub(crate) fn certificate_file(name: &str) -> PathBuf {
    vectors().join(format!("keys/{name}.pem"))
}

/// File of a key in `tests/vectors/keys/`.
pub(crate) fn key_file(name: &str) -> PathBuf {
    vectors().join(format!("keys/{name}.key"))
}

/// Certificate and key from `tests/vectors/keys/`.
pub(crate) fn credential(name: &str) -> Credential {
    let key = PrivateKey::from_pem(&std::fs::read(key_file(name)).unwrap()).unwrap();
    Credential::new(certificate(name), key).unwrap()
}

/// Certificate from `tests/vectors/keys/`.
pub(crate) fn certificate(name: &str) -> Certificate {
    Certificate::from_pem(&std::fs::read(certificate_file(name)).unwrap()).unwrap()
}

/// xorshift64*: no secret, but the same in every run.
#[derive(Debug)]
pub(crate) struct Fixed(Mutex<u64>);

impl Fixed {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(seed | 1))
    }

    pub(crate) fn next(&self) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        state.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `bound`.
    pub(crate) fn below(&self, bound: usize) -> usize {
        usize::try_from(self.next() >> 16).unwrap() % bound
    }
}

impl Random for Fixed {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
    }
}

/// Bytes that do not compress, the same in every run.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    Fixed::new(length as u64 + 7).fill(&mut bytes);
    bytes
}

/// A message from an employer's user to the union.
pub(crate) fn draft() -> Draft {
    Draft {
        id: "0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f6".parse().unwrap(),
        date: "2026-11-22T08:57:42Z".parse().unwrap(),
        from: "yamada-1@06123456.kx".parse().unwrap(),
        to: "union@06123456.kx".parse().unwrap(),
        sequence: 1,
        previous: Sha256::ZERO,
        file_name: "算定基礎届.csv".parse().unwrap(),
        content_type: "text/csv".into(),
        comment: Some("11月分です".into()),
        encoding: ContentEncoding::Identity,
    }
}

/// Seals for the union, with the ordinary signer.
pub(crate) fn sealed(content: &[u8]) -> (Vec<u8>, Sealed) {
    sealed_as(&draft(), "signer", &["union"], content)
}

/// Seals with these keys.
pub(crate) fn sealed_as(draft: &Draft, signer: &str, recipients: &[&str], content: &[u8]) -> (Vec<u8>, Sealed) {
    let recipients: Vec<Certificate> = recipients.iter().map(|name| certificate(name)).collect();
    let mut message = Vec::new();
    let sealed = seal(draft, &credential(signer), &recipients, &Fixed::new(1), content, &mut message).unwrap();
    (message, sealed)
}

/// Opens with these keys.
pub(crate) fn opened(message: &[u8], keys: &[&str]) -> Result<(Opened, Vec<u8>), OpenError> {
    let keys: Vec<Credential> = keys.iter().map(|name| credential(name)).collect();
    open(message, &keys, Vec::new())
}
