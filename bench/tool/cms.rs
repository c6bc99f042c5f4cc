//! libcrypto's own CMS in one process: the whole file in memory, signed and then encrypted, and back.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

use openssl::cms::{CMSOptions, CmsContentInfo};
use openssl::pkey::{PKey, Private};
use openssl::stack::Stack;
use openssl::symm::Cipher;
use openssl::x509::X509;

use crate::{Many, Result, files};

/// Signs and encrypts every file.
pub(crate) fn seal_all(many: &Many) -> Result<()> {
    let (sender, key) = (certificate(&many.sender_cert)?, private_key(&many.sender_key)?);
    let union = certificate(&many.union_cert)?;
    files::each(many, |input, mut output| {
        let content = whole(input)?;
        let signed = CmsContentInfo::sign(Some(&sender), Some(&key), None, Some(&content), CMSOptions::BINARY)?;
        let mut recipients = Stack::new()?;
        recipients.push(union.clone())?;
        let sealed =
            CmsContentInfo::encrypt(&recipients, &signed.to_der()?, Cipher::aes_256_gcm(), CMSOptions::BINARY)?;
        output.write_all(&sealed.to_der()?)?;
        Ok(())
    })
}

/// Decrypts every file, and verifies it against the sender's certificate.
pub(crate) fn open_all(many: &Many) -> Result<()> {
    let (union, key) = (certificate(&many.union_cert)?, private_key(&many.union_key)?);
    let sender = certificate(&many.sender_cert)?;
    files::each(many, |input, mut output| {
        let signed = CmsContentInfo::from_der(&whole(input)?)?.decrypt(&key, &union)?;
        let mut signers = Stack::new()?;
        signers.push(sender.clone())?;
        let mut content = Vec::new();
        let flags = CMSOptions::BINARY | CMSOptions::NO_SIGNER_CERT_VERIFY | CMSOptions::NOINTERN;
        CmsContentInfo::from_der(&signed)?.verify(Some(&signers), None, None, Some(&mut content), flags)?;
        output.write_all(&content)?;
        Ok(())
    })
}

fn whole(mut file: File) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn certificate(path: &Path) -> Result<X509> {
    Ok(X509::from_pem(&fs::read(path)?)?)
}

fn private_key(path: &Path) -> Result<PKey<Private>> {
    Ok(PKey::private_key_from_pem(&fs::read(path)?)?)
}
