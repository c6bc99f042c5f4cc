//! A user as the union knows it: enabled or disabled, and why.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::verdict::UnknownCode;

/// Whether a user may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserState {
    /// Known by name; no letter was made yet, and the relay knows nothing.
    Registered,
    /// What the user signs is taken.
    Enabled,
    /// What arrives goes to quarantine.
    Disabled {
        /// Why.
        reason: DisableReason,
        /// When the union decided it.
        at: Timestamp,
    },
}

impl UserState {
    /// `registered`, `enabled` or `disabled`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Enabled => "enabled",
            Self::Disabled { .. } => "disabled",
        }
    }
}

/// Why a user was disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DisableReason {
    /// The PC is lost.
    Lost,
    /// The PC was stolen.
    Stolen,
    /// The person has left or moved to other work.
    Left,
    /// Anything else.
    Other,
}

impl DisableReason {
    /// Every one there is.
    pub const ALL: [Self; 4] = [Self::Lost, Self::Stolen, Self::Left, Self::Other];

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Stolen => "stolen",
            Self::Left => "left",
            Self::Other => "other",
        }
    }
}

impl FromStr for DisableReason {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        Self::ALL.into_iter().find(|known| known.code() == text).ok_or(UnknownCode)
    }
}

impl fmt::Display for DisableReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
