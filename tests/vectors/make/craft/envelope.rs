//! Sealed messages.

use openssl::bn::BigNumContext;
use openssl::cipher::Cipher;
use openssl::cipher_ctx::{CipherCtx, CipherCtxFlags};
use openssl::derive::Deriver;
use openssl::ec::{EcKey, PointConversionForm};
use openssl::encrypt::Encrypter;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::rsa::Padding;
use openssl::sha::{sha256, sha384, sha512};

use super::der::{
    AES_256_GCM, AES_256_WRAP, AUTH_ENVELOPED, DATA, EC_KEY, ECDH_SHA256, ber, der, int, octets, oid, seq, set,
};
use super::party::Party;

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
