//! What nobody of the staff does alone: the one table of it. One person asks, a second one agrees or refuses, and they are never the same.

use std::str::FromStr;

use jiff::SignedDuration;

use super::staff::Duty;
use super::verdict::UnknownCode;

/// Something that takes two persons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Matter {
    /// A disabled user is let in again. Names the user.
    EnableUser,
    /// A quarantined message goes to the archive after all. Names the message.
    Release,
    /// A file goes to employers, where sending is configured so. Names the dispatch.
    Send,
}

/// Who does what of a matter, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Which.
    pub matter: Matter,
    /// Its stable code.
    pub code: &'static str,
    /// Whoever does this may ask.
    pub asks: Duty,
    /// Whoever does this may agree or refuse.
    pub agrees: Duty,
    /// For how long what was asked can be agreed to; none: as long as what is asked for waits itself.
    pub lasts: Option<SignedDuration>,
}

const WEEK: SignedDuration = SignedDuration::from_hours(24 * 7);

/// The table.
pub const TABLE: [Rule; 3] = [
    Rule {
        matter: Matter::EnableUser,
        code: "enable-user",
        asks: Duty::Manage,
        agrees: Duty::Manage,
        lasts: Some(WEEK),
    },
    Rule { matter: Matter::Release, code: "release", asks: Duty::Review, agrees: Duty::Review, lasts: Some(WEEK) },
    Rule { matter: Matter::Send, code: "send", asks: Duty::Review, agrees: Duty::Review, lasts: None },
];

/// Who was given an account, a password, another role or a way to a new second factor by somebody is no second person beside them for so
/// long, and they are none beside the other: else one would make the second.
pub const APART: SignedDuration = WEEK;

impl Matter {
    /// What the table says of it.
    pub fn rule(self) -> &'static Rule {
        TABLE.iter().find(|rule| rule.matter == self).expect("every matter is in the table")
    }

    /// The stable code.
    pub fn code(self) -> &'static str {
        self.rule().code
    }
}

impl FromStr for Matter {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        TABLE.iter().find(|rule| rule.code == text).map(|rule| rule.matter).ok_or(UnknownCode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_matter_is_in_the_table_once_under_its_code() {
        for matter in [Matter::EnableUser, Matter::Release, Matter::Send] {
            assert_eq!(matter.code().parse(), Ok(matter));
            assert_eq!(TABLE.iter().filter(|rule| rule.matter == matter || rule.code == matter.code()).count(), 1);
        }
        assert!("".parse::<Matter>().is_err());
    }
}
