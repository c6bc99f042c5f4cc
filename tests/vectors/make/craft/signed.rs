//! Signed messages.

use openssl::hash::MessageDigest;
use openssl::sha::{sha256, sha512};

use super::der::{
    CONTENT_TYPE, DATA, ECDSA_SHA256, ECDSA_SHA512, MESSAGE_DIGEST, SHA256, SHA512, SIGNED, SIGNING_CERTIFICATE,
    SIGNING_TIME, der, int, octets, oid, seq, set,
};
use super::party::Party;

/// A header block and a body that are in order.
pub(crate) fn entity() -> Vec<u8> {
    [block().as_bytes(), b"\r\n\r\nbody of the file"].concat()
}

pub(crate) fn block() -> String {
    "MIME-Version: 1.0\r\nContent-Type: text/csv\r\nContent-Transfer-Encoding: binary\r\n\
     Content-Disposition: attachment; filename*=UTF-8''a.csv\r\nMessage-ID: <0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f6@kx>\r\n\
     Date: Sun, 22 Nov 2026 08:57:42 +0000\r\nFrom: <yamada-1@06123456.kx>\r\nTo: <union@06123456.kx>\r\n\
     KX-Sequence: 1\r\n\
     KX-Previous: 0000000000000000000000000000000000000000000000000000000000000000"
        .to_owned()
}

pub(crate) fn attribute(name: &str, values: &[&[u8]]) -> Vec<u8> {
    seq(&[&oid(name), &set(values)])
}

/// `SignedData` of which each part can be replaced.
pub(crate) struct Signed {
    pub(crate) content_info: bool,
    pub(crate) version: u8,
    pub(crate) digests: Vec<Vec<u8>>,
    pub(crate) content_type: String,
    pub(crate) content: Option<Vec<u8>>,
    pub(crate) certificates: Vec<Vec<u8>>,
    pub(crate) after_certificates: Vec<u8>,
    pub(crate) signers: Vec<Vec<u8>>,
}

impl Signed {
    /// In order.
    pub(crate) fn new() -> Self {
        Self::of(&entity())
    }

    pub(crate) fn of(content: &[u8]) -> Self {
        Self {
            content_info: true,
            version: 1,
            digests: vec![seq(&[&oid(SHA256)])],
            content_type: DATA.into(),
            content: Some(octets(content)),
            certificates: vec![Party::new("signer").der()],
            after_certificates: Vec::new(),
            signers: vec![Info::new(content).der()],
        }
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        let content = self.content.as_ref().map(|content| der(0xA0, &[content])).unwrap_or_default();
        let data = seq(&[
            &int(self.version),
            &set(&self.digests.iter().map(Vec::as_slice).collect::<Vec<_>>()),
            &seq(&[&oid(&self.content_type), &content]),
            &der(0xA0, &self.certificates.iter().map(Vec::as_slice).collect::<Vec<_>>()),
            &self.after_certificates,
            &set(&self.signers.iter().map(Vec::as_slice).collect::<Vec<_>>()),
        ]);
        if self.content_info { seq(&[&oid(SIGNED), &der(0xA0, &[&data])]) } else { data }
    }
}

/// `SignerInfo` of which each part can be replaced.
pub(crate) struct Info {
    pub(crate) party: Party,
    pub(crate) version: u8,
    pub(crate) name: Vec<u8>,
    pub(crate) digest: Vec<u8>,
    pub(crate) hash: MessageDigest,
    /// In the order in which they are written. `None`: there are none.
    pub(crate) attributes: Option<Vec<Vec<u8>>>,
    pub(crate) algorithm: Vec<u8>,
    /// `None`: as it must be.
    pub(crate) signature: Option<Vec<u8>>,
    pub(crate) unsigned: Vec<u8>,
}

impl Info {
    pub(crate) fn new(content: &[u8]) -> Self {
        Self::by("signer", content)
    }

    pub(crate) fn by(party: &str, content: &[u8]) -> Self {
        let party = Party::new(party);
        Self {
            version: 1,
            name: party.issuer_and_serial(),
            digest: seq(&[&oid(SHA256)]),
            hash: MessageDigest::sha256(),
            attributes: Some(attributes(&party, &sha256(content))),
            algorithm: seq(&[&oid(ECDSA_SHA256)]),
            signature: None,
            unsigned: Vec::new(),
            party,
        }
    }

    /// With SHA-512 everywhere but in the certificate's hash.
    pub(crate) fn sha512(content: &[u8]) -> Self {
        let mut info = Self::new(content);
        info.digest = seq(&[&oid(SHA512), &[5, 0]]);
        info.hash = MessageDigest::sha512();
        info.algorithm = seq(&[&oid(ECDSA_SHA512)]);
        info.attributes = Some(attributes(&info.party, &sha512(content)));
        info
    }

    /// The attribute of this name becomes these attributes.
    pub(crate) fn replace(mut self, name: &str, by: &[Vec<u8>]) -> Self {
        let list = self.attributes.as_mut().unwrap();
        let begin = oid(name);
        let place = list.iter().position(|attribute| {
            let header = if attribute[1] == 0x81 { 3 } else { 2 };
            attribute[header..].starts_with(&begin)
        });
        list.splice(place.unwrap()..=place.unwrap(), by.iter().cloned());
        list.sort();
        self
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        let list: Vec<&[u8]> = self.attributes.iter().flatten().map(Vec::as_slice).collect();
        let attributes = if self.attributes.is_some() { der(0xA0, &list) } else { Vec::new() };
        let signature = self.signature.clone().unwrap_or_else(|| self.party.sign(self.hash, &set(&list)));
        seq(&[
            &int(self.version),
            &self.name,
            &self.digest,
            &attributes,
            &self.algorithm,
            &octets(&signature),
            &self.unsigned,
        ])
    }
}

/// The four attributes that must be there, in order.
pub(crate) fn attributes(party: &Party, digest: &[u8]) -> Vec<Vec<u8>> {
    let mut list = vec![
        attribute(CONTENT_TYPE, &[&oid(DATA)]),
        attribute(MESSAGE_DIGEST, &[&octets(digest)]),
        attribute(SIGNING_TIME, &[&der(0x17, &[b"261122085742Z"])]),
        attribute(SIGNING_CERTIFICATE, &[&certificate_id(&sha256(&party.der()), &[])]),
    ];
    list.sort();
    list
}

/// `SigningCertificateV2` with one hash; `before` is its algorithm.
pub(crate) fn certificate_id(hash: &[u8], before: &[u8]) -> Vec<u8> {
    seq(&[&seq(&[&seq(&[before, &octets(hash)])])])
}
