//! File names that are safe to show, to store and to hand to Windows.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};
use unicode_normalization::{UnicodeNormalization, is_nfc};

/// A file name that no file system, page or log can be tricked with. Always NFC, at most 255 bytes of UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct FileName(String);

/// Why a file name is refused (2-message.md, "File names").
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RefusedFileName {
    /// Nothing is left of it.
    #[error("the file name is empty")]
    Empty,
    /// `.` or `..`.
    #[error("the file name means a folder")]
    Folder,
    /// More than 255 bytes of UTF-8.
    #[error("the file name is longer than 255 bytes")]
    TooLong,
    /// A separator, NUL or another control character.
    #[error("the file name has a separator or a control character in it")]
    ForbiddenCharacter,
    /// A character that turns the direction of writing, so that the name shows as another.
    #[error("the file name has a character in it that reverses the direction of writing")]
    Bidirectional,
    /// A dot or a space at the end, which Windows drops in silence.
    #[error("the file name ends in a dot or a space")]
    Trailing,
    /// A name that Windows keeps for a device.
    #[error("the file name is the name of a Windows device")]
    Device,
    /// Not in Unicode normalisation form C.
    #[error("the file name is not in Unicode normalisation form C")]
    NotNormalized,
}

impl FileName {
    /// Bytes of the longest name, in UTF-8.
    pub const MAX: usize = 255;

    /// Takes a name as a file system gave it: it is brought to NFC first (macOS keeps names decomposed).
    pub fn normalize(text: &str) -> Result<Self, RefusedFileName> {
        text.nfc().collect::<String>().parse()
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FileName {
    type Err = RefusedFileName;

    fn from_str(text: &str) -> Result<Self, RefusedFileName> {
        if text.is_empty() {
            return Err(RefusedFileName::Empty);
        }
        if text == "." || text == ".." {
            return Err(RefusedFileName::Folder);
        }
        if text.len() > Self::MAX {
            return Err(RefusedFileName::TooLong);
        }
        if text.chars().any(|c| matches!(c, '/' | '\\') || c.is_control()) {
            return Err(RefusedFileName::ForbiddenCharacter);
        }
        if text.chars().any(|c| matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')) {
            return Err(RefusedFileName::Bidirectional);
        }
        if text.ends_with(['.', ' ']) {
            return Err(RefusedFileName::Trailing);
        }
        if is_device(text) {
            return Err(RefusedFileName::Device);
        }
        if !is_nfc(text) {
            return Err(RefusedFileName::NotNormalized);
        }
        Ok(Self(text.to_owned()))
    }
}

/// Windows takes `CON`, `con.txt` and `COM1 .csv` all for the device.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end_matches(' ').to_ascii_uppercase();
    if matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL") {
        return true;
    }
    let port = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT"));
    port.is_some_and(|n| matches!(n.as_bytes(), [b'1'..=b'9']))
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for FileName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_japanese_names_are_taken() {
        for name in ["算定基礎届_令和8年.csv", "髙橋 﨑.xlsx", "CONSOLE.txt", "COM10.csv", "COM0", ".profile", "a..b"]
        {
            assert_eq!(name.parse::<FileName>().map(|n| n.to_string()), Ok(name.to_owned()));
        }
    }

    #[test]
    fn every_refusal_has_its_reason() {
        use RefusedFileName::*;
        for (name, why) in [
            ("", Empty),
            (".", Folder),
            ("..", Folder),
            ("../etc/passwd", ForbiddenCharacter),
            ("a\\b", ForbiddenCharacter),
            ("a\0b", ForbiddenCharacter),
            ("a\nb", ForbiddenCharacter),
            ("a\u{85}b", ForbiddenCharacter),
            ("gnp\u{202E}.exe", Bidirectional),
            ("a\u{2067}", Bidirectional),
            ("a.", Trailing),
            ("a ", Trailing),
            ("con", Device),
            ("NUL.tar.gz", Device),
            ("Lpt9.txt", Device),
            ("COM1 .csv", Device),
            ("か\u{3099}.csv", NotNormalized),
        ] {
            assert_eq!(name.parse::<FileName>(), Err(why), "{name:?}");
        }
        assert_eq!("あ".repeat(86).parse::<FileName>(), Err(TooLong));
        assert!("あ".repeat(85).parse::<FileName>().is_ok());
        assert_eq!(FileName::normalize("か\u{3099}.csv").unwrap().as_str(), "が.csv");
    }
}
