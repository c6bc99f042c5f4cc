//! PKCS#12 (RFC 7292): certificate, key and chain in one file under a passphrase.

use openssl::pkcs12::Pkcs12;
use openssl::stack::Stack;

use super::PkiError;
use crate::message::keys::{Certificate, Credential, KeyError, PrivateKey};

/// Rounds of the key derivation (PBKDF2), for what we write.
const ROUNDS: u32 = 600_000;

/// What a file held.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// Certificate and key.
    pub credential: Credential,
    /// The other certificates in it.
    pub chain: Vec<Certificate>,
}

/// Reads a file in DER.
pub fn read(der: &[u8], passphrase: &str) -> Result<Bundle, PkiError> {
    check(passphrase)?;
    let parsed = Pkcs12::from_der(der).and_then(|file| file.parse2(passphrase)).map_err(KeyError::PrivateKey)?;
    let (Some(x509), Some(pkey)) = (parsed.cert, parsed.pkey) else { return Err(KeyError::Empty.into()) };
    let credential = Credential::new(Certificate::from_x509(x509)?, PrivateKey::from_pkey(pkey))?;
    let chain = parsed.ca.into_iter().flatten().map(Certificate::from_x509).collect::<Result<_, _>>()?;
    Ok(Bundle { credential, chain })
}

/// Writes a file in DER: AES-256-CBC, PBKDF2 and a MAC with SHA-256, which Windows 10 and later read.
pub fn write(bundle: &Bundle, name: &str, passphrase: &str) -> Result<Vec<u8>, PkiError> {
    check(passphrase)?;
    check(name)?;
    let mut chain = Stack::new()?;
    for certificate in &bundle.chain {
        chain.push(certificate.x509().to_owned())?;
    }
    let mut file = Pkcs12::builder();
    file.name(name).pkey(bundle.credential.key().pkey()).cert(bundle.credential.certificate().x509()).ca(chain);
    file.key_iter(ROUNDS).mac_iter(ROUNDS);
    Ok(file.build2(passphrase)?.to_der()?)
}

/// The library takes text as C does, and would end at a NUL.
fn check(text: &str) -> Result<(), PkiError> {
    if text.contains('\0') { Err(PkiError::Passphrase) } else { Ok(()) }
}
