//! Who signs and who receives.

use std::path::Path;

use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;
use openssl::x509::X509;

use super::der::{der, seq};

/// A certificate of `tests/vectors/keys/` with its key, and the parts that it is named by.
pub(crate) struct Party {
    pub(crate) certificate: X509,
    pub(crate) key: PKey<Private>,
}

impl Party {
    pub(crate) fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/keys");
        let read = |extension: &str| std::fs::read(folder.join(format!("{name}.{extension}"))).unwrap();
        let certificate = X509::from_pem(&read("pem")).unwrap();
        Self { certificate, key: PKey::private_key_from_pem(&read("key")).unwrap() }
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        self.certificate.to_der().unwrap()
    }

    pub(crate) fn issuer(&self) -> Vec<u8> {
        self.certificate.issuer_name().to_der().unwrap()
    }

    pub(crate) fn serial(&self) -> Vec<u8> {
        let mut octets = self.certificate.serial_number().to_bn().unwrap().to_vec();
        if octets[0] & 0x80 != 0 {
            octets.insert(0, 0);
        }
        der(2, &[&octets])
    }

    pub(crate) fn issuer_and_serial(&self) -> Vec<u8> {
        seq(&[&self.issuer(), &self.serial()])
    }

    pub(crate) fn key_identifier(&self) -> Vec<u8> {
        self.certificate.subject_key_id().unwrap().as_slice().to_vec()
    }

    /// ECDSA over this text.
    pub(crate) fn sign(&self, digest: MessageDigest, text: &[u8]) -> Vec<u8> {
        Signer::new(digest, &self.key).unwrap().sign_oneshot_to_vec(text).unwrap()
    }
}
