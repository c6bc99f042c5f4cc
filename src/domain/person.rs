//! Names of offices and people, mail addresses, names of PCs: personal data. Checked once, never shown by `Debug`.

use std::fmt;
use std::str::FromStr;

use unicode_normalization::UnicodeNormalization;

/// Why a name or a mail address is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// Nothing is there.
    #[error("空です (it is empty)")]
    Empty,
    /// Longer than it may be.
    #[error("長すぎます ({0}文字以内) (longer than {0} characters)")]
    TooLong(usize),
    /// A line break, another control character, or one that turns the direction of writing.
    #[error("改行などの制御文字が含まれています (it has a line break or another control character in it)")]
    Control,
    /// No mail address.
    #[error("メールアドレスの形ではありません (not a mail address)")]
    Mail,
}

macro_rules! name {
    ($(#[$meta:meta])* $name:ident, $longest:literal) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The most characters.
            pub const LONGEST: usize = $longest;

            /// As it was registered.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Whether what somebody typed means this: full and half width are the same, and so is any run of spaces.
            pub fn is(&self, typed: &str) -> bool {
                folded(&self.0) == folded(typed)
            }
        }

        impl FromStr for $name {
            type Err = InvalidText;

            fn from_str(text: &str) -> Result<Self, InvalidText> {
                checked(text, Self::LONGEST).map(Self)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

name!(
    /// 事業所名.
    OfficeName,
    100
);
name!(
    /// 利用者名.
    PersonName,
    60
);
name!(
    /// 端末名: what staff call the PC.
    DeviceLabel,
    60
);

/// メールアドレス: one address of the plain form (RFC 5321, dot-atom).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MailAddress(String);

impl MailAddress {
    /// The most characters (RFC 5321, 4.5.3.1.3 without the brackets).
    pub const LONGEST: usize = 254;

    /// As it was registered.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether what somebody typed means this, without regard to case and width.
    pub fn is(&self, typed: &str) -> bool {
        folded(typed).eq_ignore_ascii_case(&self.0)
    }
}

impl FromStr for MailAddress {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, InvalidText> {
        let text = checked(text, Self::LONGEST)?;
        let (local, domain) = text.split_once('@').ok_or(InvalidText::Mail)?;
        let atom = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&c);
        let local = local.len() <= 64 && local.split('.').all(|part| !part.is_empty() && part.bytes().all(atom));
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-')
        };
        let domain = domain.contains('.') && domain.split('.').all(label);
        if local && domain { Ok(Self(text)) } else { Err(InvalidText::Mail) }
    }
}

impl fmt::Debug for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MailAddress(..)")
    }
}

/// Without the spaces round it; otherwise as it is, so that nobody's name is spelt anew (Unicode's normalisation would
/// replace some characters of names by others).
fn checked(text: &str, longest: usize) -> Result<String, InvalidText> {
    if text.chars().any(is_control) {
        return Err(InvalidText::Control);
    }
    let text = text.trim();
    match text.chars().count() {
        0 => Err(InvalidText::Empty),
        count if count > longest => Err(InvalidText::TooLong(longest)),
        _ => Ok(text.to_owned()),
    }
}

/// Whether a character breaks a line, turns the direction of writing, or is not seen.
pub(super) fn is_control(c: char) -> bool {
    let invisible =
        matches!(c, '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}');
    c.is_control() || invisible || c == '\u{FEFF}'
}

/// For comparing only.
fn folded(text: &str) -> String {
    let text: String = text.nfkc().collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_as_they_are_and_compared_kindly() {
        let name: PersonName = " 髙橋　﨑子 ".parse().unwrap();
        assert_eq!(name.as_str(), "髙橋　﨑子");
        for typed in ["髙橋 﨑子", "  髙橋　　﨑子", "髙橋　﨑子"] {
            assert!(name.is(typed), "{typed}");
        }
        for typed in ["高橋 崎子", "髙橋", "", "髙橋﨑子"] {
            assert!(!name.is(typed), "{typed}");
        }
        let office: OfficeName = "㈱ＡＢＣ工業".parse().unwrap();
        assert!(office.is("(株)ABC工業"));
        assert_eq!(format!("{name:?} {office:?}"), "PersonName(..) OfficeName(..)");
    }

    #[test]
    fn what_could_break_a_line_or_turn_it_round_is_refused() {
        for text in ["a\r\nBcc: b@example.jp", "a\nb", "a\u{0}", "a\u{202E}b", "a\u{2028}b", "名\n"] {
            assert_eq!(text.parse::<PersonName>(), Err(InvalidText::Control), "{text:?}");
            assert!(text.parse::<MailAddress>().is_err(), "{text:?}");
        }
        assert_eq!("　 ".parse::<OfficeName>(), Err(InvalidText::Empty));
        assert_eq!("あ".repeat(200).parse::<OfficeName>(), Err(InvalidText::TooLong(100)));
        assert!("<script>alert(1)</script>".parse::<PersonName>().is_ok(), "it is escaped where it is shown");
    }

    #[test]
    fn mail_addresses_have_one_form() {
        let mail: MailAddress = "Hanako.Suzuki+kx@example.co.jp".parse().unwrap();
        assert!(mail.is("hanako.suzuki+kx@EXAMPLE.co.jp") && mail.is("Ｈanako.suzuki+kx@example.co.jp "));
        assert!(!mail.is("hanako@example.co.jp"));
        let long = format!("{}@{}.jp", "a".repeat(64), "b".repeat(63));
        assert!(long.parse::<MailAddress>().is_ok());
        for text in ["a", "a@b", "@b.jp", "a@", "a@b@c.jp", "a b@c.jp", "a..b@c.jp", "あ@c.jp", "a@-b.jp", "<a@b.jp>"]
        {
            assert_eq!(text.parse::<MailAddress>(), Err(InvalidText::Mail), "{text}");
        }
        assert!(format!("{}@example.jp", "a".repeat(200)).parse::<MailAddress>().is_err());
    }
}
