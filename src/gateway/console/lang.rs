//! The languages that the console speaks.

use super::fields::Fields;
use super::words::{Bilingual, ENGLISH, JAPANESE, Words};

/// Where the choice is kept.
pub(super) const COOKIE: &str = "__Host-kx-lang";

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lang {
    Japanese,
    English,
}

impl Lang {
    /// What the address says, or else the cookie, or else Japanese.
    pub(super) fn of(query: &Fields, cookie: Option<&str>) -> Self {
        let said = Some(query.get("lang")).filter(|lang| !lang.is_empty()).or(cookie);
        if said == Some("en") { Self::English } else { Self::Japanese }
    }

    /// As HTML names it.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Japanese => "ja",
            Self::English => "en",
        }
    }

    pub(super) const fn other(self) -> Self {
        match self {
            Self::Japanese => Self::English,
            Self::English => Self::Japanese,
        }
    }

    /// What some pages say in it.
    pub(super) const fn of_pages<T: Bilingual>(self) -> &'static T {
        match self {
            Self::Japanese => T::JAPANESE,
            Self::English => T::ENGLISH,
        }
    }

    /// What is said in it.
    pub(super) const fn words(self) -> &'static Words {
        match self {
            Self::Japanese => &JAPANESE,
            Self::English => &ENGLISH,
        }
    }
}
