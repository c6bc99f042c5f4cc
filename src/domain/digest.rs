//! Fixed-size values that name bytes: digests, certificate fingerprints, authentication tags.

use std::fmt;
use std::str::FromStr;

use super::as_text::as_text;

/// Hexadecimal text that does not give the right number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} hexadecimal digits")]
pub struct InvalidHex {
    expected: usize,
}

macro_rules! fixed_bytes {
    ($(#[$meta:meta])* $name:ident, $len:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// The bytes themselves.
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = InvalidHex;

            fn try_from(bytes: &[u8]) -> Result<Self, InvalidHex> {
                bytes.try_into().map(Self).map_err(|_| InvalidHex { expected: $len * 2 })
            }
        }

        impl FromStr for $name {
            type Err = InvalidHex;

            fn from_str(text: &str) -> Result<Self, InvalidHex> {
                let mut bytes = [0; $len];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidHex { expected: $len * 2 })?;
                Ok(Self(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        as_text!($name);
    };
}

fixed_bytes!(
    /// A SHA-256 value, lower-case hexadecimal as text.
    Sha256,
    32
);

fixed_bytes!(
    /// SHA-256 over the DER encoding of a certificate: its name in every registry of ours.
    Fingerprint,
    32
);

fixed_bytes!(
    /// The AES-GCM tag of a sealed message (the `mac` of its `AuthEnvelopedData`): names the sealed bytes.
    Tag,
    16
);

impl Sha256 {
    /// What `KX-Previous` says in the first message of a stream.
    pub const ZERO: Self = Self([0; 32]);
}
