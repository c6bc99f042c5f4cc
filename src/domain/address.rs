//! Addresses as they stand in `From` and `To` of a message.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ids::{InsurerNumber, OfficeCode, UserId};

/// One end of a message. Written `union@UNION.kx`, `office.OFFICE@UNION.kx` or `USER@UNION.kx`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Address {
    /// The union itself.
    Union(InsurerNumber),
    /// Every enabled user of an office.
    Office(InsurerNumber, OfficeCode),
    /// One user.
    User(InsurerNumber, UserId),
}

/// Text that is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an address: expected union@UNION.kx, office.OFFICE@UNION.kx or USER@UNION.kx")]
pub struct InvalidAddress;

impl Address {
    /// The union that the address belongs to.
    pub fn union(&self) -> &InsurerNumber {
        match self {
            Self::Union(union) | Self::Office(union, _) | Self::User(union, _) => union,
        }
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let (local, domain) = text.split_once('@').ok_or(InvalidAddress)?;
        let union = domain.strip_suffix(".kx").ok_or(InvalidAddress)?;
        let union: InsurerNumber = union.parse().map_err(|_| InvalidAddress)?;
        if local == "union" {
            return Ok(Self::Union(union));
        }
        if let Some(office) = local.strip_prefix("office.") {
            return office.parse().map(|office| Self::Office(union, office)).map_err(|_| InvalidAddress);
        }
        local.parse().map(|user| Self::User(union, user)).map_err(|_| InvalidAddress)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Union(union) => write!(f, "union@{union}.kx"),
            Self::Office(union, office) => write!(f, "office.{office}@{union}.kx"),
            Self::User(union, user) => write!(f, "{user}@{union}.kx"),
        }
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_back_as_written() {
        for text in ["union@06123456.kx", "office.1234-A@06123456.kx", "yamada-1@06123456.kx"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        for text in ["", "union", "union@06123456", "Union@06123456.kx", "a.b@06123456.kx", "office.@06123456.kx"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
