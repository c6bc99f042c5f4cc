//! Builders for messages that nobody should make: each part can be replaced. Shares no code with what is tested.

use std::path::Path;

use openssl::bn::BigNumContext;
use openssl::cipher::Cipher;
use openssl::cipher_ctx::{CipherCtx, CipherCtxFlags};
use openssl::derive::Deriver;
use openssl::ec::{EcKey, PointConversionForm};
use openssl::encrypt::Encrypter;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Padding;
use openssl::sha::{sha256, sha384, sha512};
use openssl::sign::Signer;
use openssl::x509::X509;

pub(crate) fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut out = vec![tag];
    match content.len() {
        short @ 0..0x80 => out.push(u8::try_from(short).unwrap()),
        middle @ 0x80..0x100 => out.extend([0x81, u8::try_from(middle).unwrap()]),
        long => {
            let octets = u32::try_from(long).unwrap().to_be_bytes();
            let zeros = octets.iter().take_while(|octet| **octet == 0).count();
            out.push(0x80 | u8::try_from(4 - zeros).unwrap());
            out.extend(&octets[zeros..]);
        }
    }
    [out, content].concat()
}

/// Of indefinite length.
pub(crate) fn ber(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    [&[tag, 0x80], &*parts.concat(), &[0, 0]].concat()
}

pub(crate) fn seq(parts: &[&[u8]]) -> Vec<u8> {
    der(0x30, parts)
}

pub(crate) fn set(parts: &[&[u8]]) -> Vec<u8> {
    der(0x31, parts)
}

pub(crate) fn octets(bytes: &[u8]) -> Vec<u8> {
    der(4, &[bytes])
}

pub(crate) fn int(value: u8) -> Vec<u8> {
    vec![2, 1, value]
}

/// From the dotted form.
pub(crate) fn oid(dotted: &str) -> Vec<u8> {
    let arcs: Vec<u64> = dotted.split('.').map(|arc| arc.parse().unwrap()).collect();
    let mut content = Vec::new();
    for arc in [&[arcs[0] * 40 + arcs[1]], &arcs[2..]].concat() {
        let mut octets = vec![u8::try_from(arc & 0x7F).unwrap()];
        let mut rest = arc >> 7;
        while rest > 0 {
            octets.insert(0, 0x80 | u8::try_from(rest & 0x7F).unwrap());
            rest >>= 7;
        }
        content.extend(octets);
    }
    der(6, &[&content])
}

pub(crate) const DATA: &str = "1.2.840.113549.1.7.1";
pub(crate) const SIGNED: &str = "1.2.840.113549.1.7.2";
pub(crate) const ENVELOPED: &str = "1.2.840.113549.1.7.3";
pub(crate) const AUTH_ENVELOPED: &str = "1.2.840.113549.1.9.16.1.23";
pub(crate) const AES_256_GCM: &str = "2.16.840.1.101.3.4.1.46";
pub(crate) const AES_256_WRAP: &str = "2.16.840.1.101.3.4.1.45";
pub(crate) const ECDH_SHA256: &str = "1.3.132.1.11.1";
pub(crate) const EC_KEY: &str = "1.2.840.10045.2.1";
pub(crate) const SHA256: &str = "2.16.840.1.101.3.4.2.1";
pub(crate) const SHA512: &str = "2.16.840.1.101.3.4.2.3";
pub(crate) const SHA1: &str = "1.3.14.3.2.26";
pub(crate) const ECDSA_SHA256: &str = "1.2.840.10045.4.3.2";
pub(crate) const ECDSA_SHA512: &str = "1.2.840.10045.4.3.4";
pub(crate) const CONTENT_TYPE: &str = "1.2.840.113549.1.9.3";
pub(crate) const MESSAGE_DIGEST: &str = "1.2.840.113549.1.9.4";
pub(crate) const SIGNING_TIME: &str = "1.2.840.113549.1.9.5";
pub(crate) const SIGNING_CERTIFICATE: &str = "1.2.840.113549.1.9.16.2.47";

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

/// The content key of every crafted message.
const KEY: [u8; 32] = [0x5A; 32];

/// `AuthEnvelopedData` of which each part can be replaced.
pub(crate) struct Envelope {
    pub(crate) content_type: String,
    pub(crate) version: u8,
    pub(crate) recipients: Vec<Vec<u8>>,
    pub(crate) inner_type: String,
    pub(crate) algorithm: Vec<u8>,
    pub(crate) ciphertext: Vec<u8>,
    pub(crate) before_tag: Vec<u8>,
    pub(crate) tag: Vec<u8>,
    pub(crate) after_tag: Vec<u8>,
}

impl Envelope {
    /// In order, for the union.
    pub(crate) fn new(plain: &[u8]) -> Self {
        let nonce = [7; 12];
        let mut cipher = CipherCtx::new().unwrap();
        cipher.encrypt_init(Some(Cipher::aes_256_gcm()), Some(&KEY), Some(&nonce)).unwrap();
        let mut ciphertext = Vec::new();
        cipher.cipher_update_vec(plain, &mut ciphertext).unwrap();
        cipher.cipher_final_vec(&mut ciphertext).unwrap();
        let mut tag = vec![0; 16];
        cipher.tag(&mut tag).unwrap();
        Self {
            content_type: AUTH_ENVELOPED.into(),
            version: 0,
            recipients: vec![Agreement::new("union").der()],
            inner_type: DATA.into(),
            algorithm: gcm(AES_256_GCM, &nonce, &int(16)),
            ciphertext,
            before_tag: Vec::new(),
            tag,
            after_tag: Vec::new(),
        }
    }

    /// All of definite length.
    pub(crate) fn der(&self) -> Vec<u8> {
        self.with(der, &der(0x80, &[&self.ciphertext]))
    }

    /// Of indefinite length where that may be, in segments of this size.
    pub(crate) fn ber(&self, segment: usize) -> Vec<u8> {
        let segments: Vec<u8> = self.ciphertext.chunks(segment).flat_map(octets).collect();
        self.with(ber, &ber(0xA0, &[&segments]))
    }

    /// With this as the encrypted content, and this for what is round it.
    pub(crate) fn with(&self, outer: fn(u8, &[&[u8]]) -> Vec<u8>, content: &[u8]) -> Vec<u8> {
        let recipients = set(&self.recipients.iter().map(Vec::as_slice).collect::<Vec<_>>());
        self.with_recipients(outer, &recipients, content)
    }

    pub(crate) fn with_recipients(
        &self,
        outer: fn(u8, &[&[u8]]) -> Vec<u8>,
        recipients: &[u8],
        content: &[u8],
    ) -> Vec<u8> {
        let encrypted = outer(0x30, &[&oid(&self.inner_type), &self.algorithm, content]);
        let data = outer(
            0x30,
            &[&int(self.version), recipients, &encrypted, &self.before_tag, &octets(&self.tag), &self.after_tag],
        );
        outer(0x30, &[&oid(&self.content_type), &outer(0xA0, &[&data])])
    }
}

/// Algorithm identifier with `GCMParameters`.
pub(crate) fn gcm(name: &str, nonce: &[u8], length: &[u8]) -> Vec<u8> {
    seq(&[&oid(name), &seq(&[&octets(nonce), length])])
}

/// A recipient by key agreement, of which each part can be replaced.
pub(crate) struct Agreement {
    pub(crate) point: Vec<u8>,
    pub(crate) curve: Vec<u8>,
    pub(crate) ukm: Option<Vec<u8>>,
    pub(crate) kdf: String,
    pub(crate) wrap: Vec<u8>,
    /// Name and encrypted key.
    pub(crate) keys: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Agreement {
    pub(crate) fn new(party: &str) -> Self {
        Self::with(party, None, ECDH_SHA256, &[])
    }

    /// With user keying material, with another derivation, with parameters of the wrap.
    pub(crate) fn with(party: &str, ukm: Option<&[u8]>, kdf: &str, parameters: &[u8]) -> Self {
        let party = Party::new(party);
        let public = party.certificate.public_key().unwrap();
        let recipient = public.ec_key().unwrap();
        let group = recipient.group();
        let ephemeral = EcKey::generate(group).unwrap();
        let mut context = BigNumContext::new().unwrap();
        let form = PointConversionForm::UNCOMPRESSED;
        let point = ephemeral.public_key().to_bytes(group, form, &mut context).unwrap();
        let ephemeral = PKey::from_ec_key(ephemeral).unwrap();
        let mut deriver = Deriver::new(&ephemeral).unwrap();
        deriver.set_peer(&public).unwrap();
        let wrap = seq(&[&oid(AES_256_WRAP), parameters]);
        let info_ukm = ukm.map(|ukm| der(0xA0, &[&octets(ukm)])).unwrap_or_default();
        let info = seq(&[&wrap, &info_ukm, &der(0xA2, &[&octets(&[0, 0, 1, 0])])]);
        let input = [&deriver.derive_to_vec().unwrap()[..], &[0, 0, 0, 1], &info].concat();
        let kek = match kdf {
            "1.3.132.1.11.2" => sha384(&input)[..32].to_vec(),
            "1.3.132.1.11.3" => sha512(&input)[..32].to_vec(),
            _ => sha256(&input).to_vec(),
        };
        let mut cipher = CipherCtx::new().unwrap();
        cipher.set_flags(CipherCtxFlags::FLAG_WRAP_ALLOW);
        cipher.encrypt_init(Some(Cipher::aes_256_wrap()), Some(&kek), None).unwrap();
        let mut wrapped = Vec::new();
        cipher.cipher_update_vec(&KEY, &mut wrapped).unwrap();
        let keys = vec![(party.issuer_and_serial(), wrapped)];
        Self { point, curve: Vec::new(), ukm: ukm.map(<[u8]>::to_vec), kdf: kdf.into(), wrap, keys }
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        let originator = der(0xA1, &[&seq(&[&oid(EC_KEY), &self.curve]), &der(3, &[&[0], &self.point])]);
        let ukm = self.ukm.as_ref().map(|ukm| der(0xA1, &[&octets(ukm)])).unwrap_or_default();
        let keys: Vec<Vec<u8>> = self.keys.iter().map(|(name, key)| seq(&[name, &octets(key)])).collect();
        let keys = seq(&keys.iter().map(Vec::as_slice).collect::<Vec<_>>());
        der(0xA1, &[&int(3), &der(0xA0, &[&originator]), &ukm, &seq(&[&oid(&self.kdf), &self.wrap]), &keys])
    }
}

/// A recipient by key transport.
pub(crate) fn transport(party: &str, padding: Padding, algorithm: &[u8]) -> Vec<u8> {
    let party = Party::new(party);
    let public = party.certificate.public_key().unwrap();
    let mut rsa = Encrypter::new(&public).unwrap();
    rsa.set_rsa_padding(padding).unwrap();
    if padding == Padding::PKCS1_OAEP {
        rsa.set_rsa_oaep_md(MessageDigest::sha256()).unwrap();
        rsa.set_rsa_mgf1_md(MessageDigest::sha256()).unwrap();
    }
    let mut encrypted = vec![0; rsa.encrypt_len(&KEY).unwrap()];
    let length = rsa.encrypt(&KEY, &mut encrypted).unwrap();
    seq(&[&int(0), &party.issuer_and_serial(), algorithm, &octets(&encrypted[..length])])
}

/// An elliptic curve point that is not on the curve.
pub(crate) fn point_off_the_curve() -> Vec<u8> {
    let group = openssl::ec::EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = EcKey::generate(&group).unwrap();
    let mut context = BigNumContext::new().unwrap();
    let mut point = key.public_key().to_bytes(&group, PointConversionForm::UNCOMPRESSED, &mut context).unwrap();
    point[64] ^= 1;
    point
}
