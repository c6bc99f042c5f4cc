//! Key agreement: ephemeral-static ECDH, X9.63 KDF, AES-256 key wrap (RFC 5753).

use std::sync::LazyLock;

use openssl::bn::BigNumContext;
use openssl::cipher::Cipher;
use openssl::cipher_ctx::{CipherCtx, CipherCtxFlags};
use openssl::derive::Deriver;
use openssl::ec::{EcGroup, EcKey, EcPoint, PointConversionForm};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{PKey, PKeyRef, Private, Public};
use openssl::pkey_ctx::PkeyCtx;
use openssl::sha::{Sha256, sha384, sha512};

use super::ContentKey;
use crate::message::format::der;
use crate::message::format::header::{OCTET_STRING, context_constructed};
use crate::message::keys::KeyKind;

/// The curves: made once, since that takes as long as a good part of an agreement.
static P256: LazyLock<EcGroup> = LazyLock::new(|| curve(Nid::X9_62_PRIME256V1));
static P384: LazyLock<EcGroup> = LazyLock::new(|| curve(Nid::SECP384R1));

fn curve(name: Nid) -> EcGroup {
    EcGroup::from_curve_name(name).expect("the cryptographic library has the curves of the standards")
}

/// Hash of the key derivation function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kdf {
    Sha256,
    Sha384,
    Sha512,
}

/// What a recipient needs to get at the content key.
#[derive(Debug)]
pub(super) struct Agreed {
    /// The ephemeral public key, uncompressed.
    pub(super) point: Vec<u8>,
    /// The content key, wrapped.
    pub(super) wrapped: Vec<u8>,
}

/// Wraps the content key for a recipient's key. `wrap` is the DER of the key wrap's algorithm identifier.
pub(super) fn wrap(key: &ContentKey, recipient: &PKeyRef<Public>, wrap: &[u8]) -> Result<Agreed, ErrorStack> {
    // Made from the recipient's key, so on the same curve.
    let mut generator = PkeyCtx::new(recipient)?;
    generator.keygen_init()?;
    let ephemeral = generator.keygen()?;
    let public = ephemeral.ec_key()?;
    let uncompressed = PointConversionForm::UNCOMPRESSED;
    let mut context = BigNumContext::new()?;
    let point = public.public_key().to_bytes(public.group(), uncompressed, &mut context)?;
    let secret = agree(&ephemeral, recipient)?;
    let mut cipher = CipherCtx::new()?;
    cipher.set_flags(CipherCtxFlags::FLAG_WRAP_ALLOW);
    cipher.encrypt_init(Some(Cipher::aes_256_wrap()), Some(&derive(Kdf::Sha256, &secret, wrap, None)), None)?;
    let mut wrapped = Vec::new();
    cipher.cipher_update_vec(key.as_bytes(), &mut wrapped)?;
    cipher.cipher_final_vec(&mut wrapped)?;
    Ok(Agreed { point, wrapped })
}

/// Gets the content key back. `None`: it was made for another key, or altered.
pub(super) fn unwrap(
    kind: KeyKind,
    private: &PKeyRef<Private>,
    kdf: Kdf,
    agreed: &Agreed,
    wrap: &[u8],
    ukm: Option<&[u8]>,
) -> Result<Option<ContentKey>, ErrorStack> {
    let Some(peer) = public_key(kind, &agreed.point)? else { return Ok(None) };
    let secret = agree(private, &peer)?;
    let mut cipher = CipherCtx::new()?;
    cipher.set_flags(CipherCtxFlags::FLAG_WRAP_ALLOW);
    cipher.decrypt_init(Some(Cipher::aes_256_wrap()), Some(&derive(kdf, &secret, wrap, ukm)), None)?;
    let mut key = Vec::new();
    let unwrapped = cipher.cipher_update_vec(&agreed.wrapped, &mut key);
    Ok(unwrapped.ok().and_then(|_| ContentKey::from_slice(&key)))
}

/// The peer's point as a key, if it is on the curve. Both curves have cofactor 1, so that is all there is to check.
fn public_key(kind: KeyKind, point: &[u8]) -> Result<Option<PKey<Public>>, ErrorStack> {
    let (group, length) = match kind {
        KeyKind::P256 => (&*P256, 65),
        KeyKind::P384 => (&*P384, 97),
        KeyKind::Rsa | KeyKind::Refused => return Ok(None),
    };
    if point.len() != length || point[0] != 4 {
        return Ok(None);
    }
    let mut context = BigNumContext::new()?;
    let Ok(point) = EcPoint::from_bytes(group, point, &mut context) else { return Ok(None) };
    PKey::from_ec_key(EcKey::from_public_key(group, &point)?).map(Some)
}

fn agree(private: &PKeyRef<Private>, peer: &PKeyRef<Public>) -> Result<Vec<u8>, ErrorStack> {
    let mut deriver = Deriver::new(private)?;
    // Our own certificates were checked when they were read, points from messages in `public_key`.
    deriver.set_peer_ex(peer, false)?;
    deriver.derive_to_vec()
}

/// The X9.63 KDF with `ECC-CMS-SharedInfo` (RFC 5753, 7.2): one round gives the 32 bytes that are needed.
fn derive(kdf: Kdf, secret: &[u8], wrap: &[u8], ukm: Option<&[u8]>) -> [u8; 32] {
    let ukm = ukm.map(|ukm| der::element(context_constructed(0), &[&der::element(OCTET_STRING, &[ukm])]));
    let bits = der::element(OCTET_STRING, &[&256_u32.to_be_bytes()]);
    let info =
        der::sequence(&[wrap, ukm.as_deref().unwrap_or_default(), &der::element(context_constructed(2), &[&bits])]);
    let counter = 1_u32.to_be_bytes();
    let mut key = [0; 32];
    match kdf {
        Kdf::Sha256 => {
            let mut hash = Sha256::new();
            for part in [secret, &counter, &info] {
                hash.update(part);
            }
            key = hash.finish();
        }
        Kdf::Sha384 => key.copy_from_slice(&sha384(&[secret, &counter, &info].concat())[..32]),
        Kdf::Sha512 => key.copy_from_slice(&sha512(&[secret, &counter, &info].concat())[..32]),
    }
    key
}
