//! Texts authenticated with a shared key: HMAC-SHA-256 (RFC 2104).

use aws_lc_rs::hmac;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::domain::base64_bytes;

/// What app and gateway share and the relay does not know.
#[derive(Clone)]
pub struct MacKey(Zeroizing<[u8; 32]>);

/// Not made by who has the key, altered on the way, or meant for something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the message authentication code does not fit")]
pub struct WrongMac;

/// JSON, as it was written, with its code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Maced {
    /// The JSON text, byte for byte: what is authenticated.
    pub body: String,
    /// HMAC-SHA-256 over purpose, a zero byte and body.
    #[serde(with = "base64_bytes")]
    pub mac: Vec<u8>,
}

impl MacKey {
    /// A key that was stored.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// To be stored.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Writes a value and authenticates it. `purpose` keeps apart what the same key is used for.
    pub fn seal(&self, purpose: &'static str, value: &impl Serialize) -> Maced {
        let body = serde_json::to_string(value).expect("what is authenticated is plain data");
        let mac = hmac::sign(&self.key(), &input(purpose, &body)).as_ref().to_vec();
        Maced { body, mac }
    }

    /// Checks the code and only then reads.
    ///
    /// # Errors
    /// [`WrongMac`] also when the text does not parse: whoever has the key writes what we read.
    pub fn open<T: DeserializeOwned>(&self, purpose: &'static str, maced: &Maced) -> Result<T, WrongMac> {
        hmac::verify(&self.key(), &input(purpose, &maced.body), &maced.mac).map_err(|_| WrongMac)?;
        serde_json::from_str(&maced.body).map_err(|_| WrongMac)
    }

    fn key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &*self.0)
    }
}

/// HMAC-SHA-256 over the parts, one after the other, with a key of any length: for those who check it with what they have at
/// hand.
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    for part in parts {
        context.update(part);
    }
    context.sign().as_ref().try_into().expect("HMAC-SHA-256 has 32 bytes")
}

impl std::fmt::Debug for MacKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MacKey(..)")
    }
}

fn input(purpose: &str, body: &str) -> Vec<u8> {
    [purpose.as_bytes(), &[0], body.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_that_of_the_rfc() {
        // RFC 4231, test case 2.
        let code = hmac_sha256(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
        assert_eq!(hex::encode(code), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn another_key_text_or_purpose_is_noticed() {
        let key = MacKey::from_bytes([7; 32]);
        let maced = key.seal("request", &[1, 2, 3]);
        assert_eq!(key.open::<Vec<u8>>("request", &maced), Ok(vec![1, 2, 3]));
        assert_eq!(key.open::<Vec<u8>>("kit", &maced), Err(WrongMac));
        assert_eq!(MacKey::from_bytes([8; 32]).open::<Vec<u8>>("request", &maced), Err(WrongMac));
        let altered = Maced { body: maced.body.replace('2', "4"), ..maced };
        assert_eq!(key.open::<Vec<u8>>("request", &altered), Err(WrongMac));
    }
}
