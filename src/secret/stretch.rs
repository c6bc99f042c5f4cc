//! From a password to a key (Argon2id, RFC 9106), and from one key to several (HKDF-SHA-256, RFC 5869).

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::hkdf;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::domain::clock::Random;

/// Makes equal passwords different. Not secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Salt([u8; 16]);

impl Salt {
    /// A new one.
    pub fn new(random: &dyn Random) -> Self {
        let mut bytes = [0; 16];
        random.fill(&mut bytes);
        Self(bytes)
    }

    /// As it is stored.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl From<[u8; 16]> for Salt {
    fn from(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl From<Salt> for String {
    fn from(salt: Salt) -> Self {
        hex::encode(salt.0)
    }
}

impl TryFrom<String> for Salt {
    type Error = hex::FromHexError;

    fn try_from(text: String) -> Result<Self, hex::FromHexError> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).map(|()| Self(bytes))
    }
}

/// How much work a guess is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Effort {
    /// 64 MiB, three passes: what people choose or type on their own PC.
    High,
    /// 19 MiB, two passes: random words that a server checks for whoever asks.
    Low,
}

/// Stretches a password. Blocks for a tenth of a second or two.
pub(super) fn stretch(password: &[u8], salt: &Salt, effort: Effort) -> Zeroizing<[u8; 32]> {
    let (memory_kib, passes) = match effort {
        Effort::High => (64 << 10, 3),
        Effort::Low => (19 << 10, 2),
    };
    let params = Params::new(memory_kib, passes, 1, Some(32)).expect("the parameters are within RFC 9106");
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password, &salt.0, &mut *key)
        .expect("password, salt and output are within the lengths of RFC 9106");
    key
}

/// One of several keys out of the same material; `purpose` keeps them apart.
pub(super) fn derive(material: &[u8], purpose: &str) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    hkdf::Salt::new(hkdf::HKDF_SHA256, b"kenpo-express/1")
        .extract(material)
        .expand(&[purpose.as_bytes()], hkdf::HKDF_SHA256)
        .and_then(|expanded| expanded.fill(&mut *key))
        .expect("HKDF gives one block of its own hash");
    key
}
