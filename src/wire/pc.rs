//! What a PC of a user is called: by programs, and by people on the telephone.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::clock::Random;

/// One PC of a user: made at random on the PC when the PIN is chosen. Not secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PcId([u8; 16]);

/// Text that is no [`PcId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a PC: expected 32 hexadecimal digits")]
pub struct InvalidPcId;

impl PcId {
    /// A new one.
    pub fn new(random: &dyn Random) -> Self {
        let mut bytes = [0; 16];
        random.fill(&mut bytes);
        Self(bytes)
    }

    /// What people call it by.
    pub fn mark(self) -> PcMark {
        let [a, b, c, d, ..] = self.0;
        PcMark([a, b, c, d])
    }
}

/// PC番号: the first 8 hexadecimal digits of a [`PcId`], which a person can read out on the telephone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PcMark([u8; 4]);

/// Text that is no [`PcMark`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("PC番号は 0～9 と a～f の8桁です (8 hexadecimal digits are expected)")]
pub struct InvalidPcMark;

impl FromStr for PcMark {
    type Err = InvalidPcMark;

    /// Large letters are as good as small ones: it is typed from what somebody says.
    fn from_str(text: &str) -> Result<Self, InvalidPcMark> {
        let mut bytes = [0; 4];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidPcMark)?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for PcMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for PcId {
    type Err = InvalidPcId;

    fn from_str(text: &str) -> Result<Self, InvalidPcId> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidPcId)?;
        let id = Self(bytes);
        // One PC has one name.
        if id.to_string() == text { Ok(id) } else { Err(InvalidPcId) }
    }
}

impl TryFrom<String> for PcId {
    type Error = InvalidPcId;

    fn try_from(text: String) -> Result<Self, InvalidPcId> {
        text.parse()
    }
}

impl From<PcId> for String {
    fn from(id: PcId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for PcId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}
