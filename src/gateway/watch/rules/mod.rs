//! What staff are alerted of: one table of rules over a [`Picture`].
//!
//! A rule says whether something is wrong, or that nobody can tell at present; then nothing changes.

mod conditions;
mod table;

use jiff::SignedDuration;

use super::picture::Picture;

pub use table::RULES;

/// How grave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It will become trouble, or somebody should look at it.
    Warning,
    /// Files do not come or go, or somebody may be lying.
    Critical,
}

impl Severity {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// What a rule says of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// All is well.
    Fine,
    /// Something is wrong: which or how much, in codes and numbers.
    Wrong(String),
    /// Nobody can tell at present.
    Unknown,
}

/// The numbers that the settings give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thresholds {
    /// How long a pull may be due.
    pub pull: SignedDuration,
    /// Within how long the schedule must begin something.
    pub schedule: SignedDuration,
    /// How long the disk must last.
    pub disk: SignedDuration,
    /// How long before their end certificates of our own are warned of.
    pub certificates: SignedDuration,
    /// How long the union's CA must last: what it issues must not outlive it.
    pub authority: SignedDuration,
    /// How far the relay's clock may be off.
    pub clock: SignedDuration,
}

/// A rule.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The stable code.
    pub code: &'static str,
    /// How grave.
    pub severity: Severity,
    /// For how long it must be so before anybody is told.
    pub after: SignedDuration,
    /// What happened, for staff, in Japanese.
    pub what: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What to do.
    pub remedy: &'static str,
    /// The same, shortly, in English.
    pub english: &'static str,
    find: fn(&Picture, &Thresholds, &'static str) -> Finding,
}

impl Rule {
    /// The rule with this code.
    pub fn of(code: &str) -> Option<&'static Self> {
        RULES.iter().find(|rule| rule.code == code)
    }

    /// What is to be said when it is over, where that is less than it seems: in Japanese, and in English.
    pub fn yet(&self) -> Option<(&'static str, &'static str)> {
        (self.code == "receipt.refused").then_some((
            "新しいものが24時間届いていないという意味です。該当の送信の警告は残っています（kx-gateway sent list --alarm）。",
            "No new ones for 24 hours; the warnings of those messages stand (kx-gateway sent list --alarm).",
        ))
    }

    /// What it says of a picture.
    pub fn find(&self, picture: &Picture, thresholds: &Thresholds) -> Finding {
        (self.find)(picture, thresholds, self.code)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::gateway::vpn::Reason;

    #[test]
    fn each_reason_why_the_way_is_shut_has_a_rule() {
        for reason in Reason::ALL {
            assert!(Rule::of(reason.code()).is_some(), "{}", reason.code());
        }
    }

    #[test]
    fn each_rule_has_a_code_of_its_own_and_all_its_words() {
        let codes: HashSet<_> = RULES.iter().map(|rule| rule.code).collect();
        assert_eq!(codes.len(), RULES.len());
        for rule in RULES {
            for words in [rule.what, rule.meaning, rule.remedy] {
                assert!(words.ends_with('。') && !words.is_ascii(), "{}", rule.code);
            }
            assert!(rule.english.is_ascii() && rule.english.ends_with('.'), "{}", rule.code);
        }
    }
}
