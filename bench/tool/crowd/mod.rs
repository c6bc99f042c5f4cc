//! Unions and employers by the thousand at one relay.

mod line;
mod measure;
mod register;

use std::fs;
use std::path::Path;

use kenpo_express::message::keys::{Certificate, Credential, PrivateKey};

pub(crate) use measure::{handshakes, measure};
pub(crate) use register::register;

use crate::Result;

/// A certificate and its key, each in its own file.
fn credential(certificate: &Path, key: &Path) -> Result<Credential> {
    let certificate = Certificate::from_pem(&fs::read(certificate)?)?;
    Ok(Credential::new(certificate, PrivateKey::from_pem(&fs::read(key)?)?)?)
}
