//! The outer structure of a sealed message, as anybody sees it without a key.

use std::fmt::Write as _;
use std::io::Read;

use openssl::x509::X509Name;
use serde::Serialize;

use super::enveloped::reader::{read_prefix, read_suffix};
use super::enveloped::recipient::{self, Method, Name};
use super::error::OpenError;
use super::format::reader::StreamReader;
use crate::domain::digest::Tag;

/// What stands outside of the encryption. Nothing vouches for any of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outline {
    /// Bytes of the message.
    pub size: u64,
    /// Bytes of the encrypted content.
    pub encrypted_size: u64,
    /// The cipher: always `aes-256-gcm`, anything else is refused.
    pub cipher: &'static str,
    /// Nonce of the cipher, hexadecimal.
    pub nonce: String,
    /// The GCM tag: names the sealed bytes.
    pub tag: Tag,
    /// Who can open it.
    pub recipients: Vec<Recipient>,
}

/// One who can open it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recipient {
    /// How the content key is given: `ecdh-es+a256kw` or `rsa-oaep-256`.
    pub method: &'static str,
    /// Issuer of the recipient's certificate, where it is named so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Serial number of the recipient's certificate, hexadecimal, where it is named so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Key identifier of the recipient's certificate, hexadecimal, where it is named so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_identifier: Option<String>,
}

/// Reads a whole message, to its end.
pub fn inspect(input: impl Read) -> Result<Outline, OpenError> {
    let mut frames = StreamReader::new(input);
    let prefix = read_prefix(&mut frames)?;
    let recipients = recipient::read(&prefix.recipients)?.iter().map(describe).collect();
    let mut encrypted_size = 0;
    let mut piece = vec![0; 64 << 10];
    loop {
        match frames.read_octets(&mut piece)? {
            0 => break,
            count => encrypted_size += count as u64,
        }
    }
    let tag = read_suffix(&mut frames)?;
    let nonce = hex::encode(prefix.nonce);
    Ok(Outline { size: frames.position(), encrypted_size, cipher: "aes-256-gcm", nonce, tag, recipients })
}

fn describe(recipient: &recipient::Recipient<'_>) -> Recipient {
    let method = match recipient.method {
        Method::Transport => "rsa-oaep-256",
        Method::Agreement(_) => "ecdh-es+a256kw",
    };
    match recipient.name {
        Name::IssuerAndSerial { issuer, serial } => Recipient {
            method,
            issuer: Some(distinguished_name(issuer)),
            // Without the two octets of tag and length.
            serial: Some(hex::encode_upper(&serial[2..])),
            key_identifier: None,
        },
        Name::KeyIdentifier(identifier) => {
            Recipient { method, issuer: None, serial: None, key_identifier: Some(hex::encode_upper(identifier)) }
        }
    }
}

/// Short names and values, or the DER where that cannot be read.
fn distinguished_name(der: &[u8]) -> String {
    let Ok(name) = X509Name::from_der(der) else { return hex::encode(der) };
    let mut text = String::new();
    for entry in name.entries() {
        let key = entry.object().nid().short_name().unwrap_or("?");
        let value = entry.data().to_string().unwrap_or_default();
        // Whoever made the message chose these: nothing in them may act on a terminal.
        let value: String = value.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect();
        let separator = if text.is_empty() { "" } else { ", " };
        write!(text, "{separator}{key}={value}").expect("writing to a string does not fail");
    }
    text
}
