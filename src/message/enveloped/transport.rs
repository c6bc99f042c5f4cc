//! Key transport: RSA-OAEP with SHA-256, also in MGF1 (RFC 8017, RFC 4055).

use openssl::error::ErrorStack;
use openssl::md::Md;
use openssl::pkey::{PKeyRef, Private, Public};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::Padding;

use super::ContentKey;
use crate::message::format::header::{NULL, SEQUENCE, context_constructed};
use crate::message::format::{FormatError, der, oid};

/// The DER of the only algorithm identifier accepted here.
pub(super) fn algorithm() -> Vec<u8> {
    let null = der::element(NULL, &[]);
    let sha256 = der::sequence(&[&der::oid(oid::SHA256), &null]);
    let mgf1 = der::sequence(&[&der::oid(oid::MGF1), &sha256]);
    let hash = der::element(context_constructed(0), &[&sha256]);
    let mask = der::element(context_constructed(1), &[&mgf1]);
    der::sequence(&[&der::oid(oid::RSA_OAEP), &der::sequence(&[&hash, &mask])])
}

/// Whether these parameters say SHA-256 twice and no label. `NULL` or nothing may stand beside the hash.
pub(super) fn parameters_are_accepted(mut algorithm: der::Der<'_>) -> Result<bool, FormatError> {
    let mut parameters = algorithm.nested(SEQUENCE)?;
    algorithm.finish()?;
    let Some(hash) = parameters.optional(context_constructed(0))? else { return Ok(false) };
    let Some(mask) = parameters.optional(context_constructed(1))? else { return Ok(false) };
    if !parameters.is_empty() {
        return Ok(false);
    }
    let mut mask = der::Der::new(mask.content).nested(SEQUENCE)?;
    Ok(is_sha256(der::Der::new(hash.content))? && mask.oid()? == oid::MGF1 && is_sha256(mask)?)
}

fn is_sha256(mut der: der::Der<'_>) -> Result<bool, FormatError> {
    let mut identifier = der.nested(SEQUENCE)?;
    der.finish()?;
    let matches = identifier.oid()? == oid::SHA256;
    identifier.optional(NULL)?;
    identifier.finish()?;
    Ok(matches)
}

/// Encrypts the content key.
pub(super) fn encrypt(key: &ContentKey, recipient: &PKeyRef<Public>) -> Result<Vec<u8>, ErrorStack> {
    let mut context = PkeyCtx::new(recipient)?;
    context.encrypt_init()?;
    set_padding(&mut context)?;
    let mut encrypted = Vec::new();
    context.encrypt_to_vec(key.as_bytes(), &mut encrypted)?;
    Ok(encrypted)
}

/// Gets the content key back. `None`: it was made for another key, or altered.
pub(super) fn decrypt(private: &PKeyRef<Private>, encrypted: &[u8]) -> Result<Option<ContentKey>, ErrorStack> {
    let mut context = PkeyCtx::new(private)?;
    context.decrypt_init()?;
    set_padding(&mut context)?;
    let mut key = Vec::new();
    let decrypted = context.decrypt_to_vec(encrypted, &mut key);
    Ok(decrypted.ok().and_then(|_| ContentKey::from_slice(&key)))
}

fn set_padding<T>(context: &mut PkeyCtx<T>) -> Result<(), ErrorStack> {
    context.set_rsa_padding(Padding::PKCS1_OAEP)?;
    context.set_rsa_oaep_md(Md::sha256())?;
    context.set_rsa_mgf1_md(Md::sha256())
}
