//! Keys and certificates from files.

use std::path::Path;

use kenpo_express::message::keys::{Certificate, Credential, PrivateKey};
use kenpo_express::pki::pkcs12;

use crate::arguments::Identity;
use crate::failure::Failure;

/// The certificate and the key to work with.
pub(crate) fn credential(identity: &Identity) -> Result<Credential, Failure> {
    let certificate = read(&identity.cert)?;
    if !is_pem(&certificate) {
        return bundle(identity, &identity.cert, &certificate);
    }
    let key_file = identity.key.as_deref().ok_or(Failure::Usage("--key is missing"))?;
    let key = read(key_file)?;
    if !is_pem(&key) {
        return bundle(identity, key_file, &key);
    }
    let certificate =
        Certificate::from_pem(&certificate).map_err(|error| Failure::Key(identity.cert.clone(), error))?;
    let key = PrivateKey::from_pem(&key).map_err(|error| Failure::Key(key_file.to_owned(), error))?;
    Credential::new(certificate, key).map_err(|error| Failure::Key(key_file.to_owned(), error))
}

/// The first certificate of a PEM file.
pub(crate) fn certificate(path: &Path) -> Result<Certificate, Failure> {
    Certificate::from_pem(&read(path)?).map_err(|error| Failure::Key(path.to_owned(), error))
}

/// All certificates of a PEM file, at least one.
pub(crate) fn certificates(path: &Path) -> Result<Vec<Certificate>, Failure> {
    let wrong = |error| Failure::Key(path.to_owned(), error);
    let list = Certificate::all_from_pem(&read(path)?).map_err(wrong)?;
    if list.is_empty() { Err(wrong(kenpo_express::message::keys::KeyError::Empty)) } else { Ok(list) }
}

fn bundle(identity: &Identity, path: &Path, bytes: &[u8]) -> Result<Credential, Failure> {
    let passphrase = match &identity.passphrase_file {
        None => String::new(),
        Some(file) => {
            let text = std::fs::read_to_string(file).map_err(Failure::file(file))?;
            text.lines().next().unwrap_or_default().to_owned()
        }
    };
    let bundle = pkcs12::read(bytes, &passphrase).map_err(|_| Failure::Bundle(path.to_owned()))?;
    Ok(bundle.credential)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(Failure::file(path))
}

/// PKCS#12 is DER, and no DER begins like this.
fn is_pem(bytes: &[u8]) -> bool {
    const MARK: &[u8] = b"-----BEGIN ";
    bytes.windows(MARK.len()).any(|window| window == MARK)
}
