//! Addresses that mail goes to.

use std::str::FromStr;

/// One address, of ASCII letters only, and nothing round it: no name, no comment, no line break.
#[derive(Clone, PartialEq, Eq)]
pub struct MailAddress(lettre::Address);

/// Text that is no address that mail can go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a mail address: expected NAME@DOMAIN, at most 254 ASCII letters without blanks, quotes or brackets")]
pub struct InvalidMailAddress;

impl MailAddress {
    pub(super) fn inner(&self) -> &lettre::Address {
        &self.0
    }

    /// What stands behind the `@`.
    pub fn domain(&self) -> &str {
        self.0.domain()
    }
}

impl FromStr for MailAddress {
    type Err = InvalidMailAddress;

    fn from_str(text: &str) -> Result<Self, InvalidMailAddress> {
        // RFC 5321 allows quoted names with nearly everything in them. Nobody has one, and each is a way into a header.
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>()[],;:\\".contains(&byte));
        if !plain || text.len() > 254 || text.matches('@').count() != 1 {
            return Err(InvalidMailAddress);
        }
        text.parse().map(Self).map_err(|_| InvalidMailAddress)
    }
}

/// Addresses are persons: logs do not get them.
impl std::fmt::Debug for MailAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MailAddress(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_an_address_is_one() {
        for good in ["a@example.jp", "hanako.yamada+kx@mail.example.co.jp", "o'neil@example.jp"] {
            assert!(good.parse::<MailAddress>().is_ok(), "{good}");
        }
        let long = format!("{}@example.jp", "a".repeat(300));
        for bad in [
            "",
            "a",
            "@example.jp",
            "a@",
            "a@b@c",
            "a@example.jp\r\nBcc: b@example.jp",
            "a@example.jp\n",
            "a\0@example.jp",
            " a@example.jp",
            "\"a b\"@example.jp",
            "Hanako <a@example.jp>",
            "a@example.jp,b@example.jp",
            "花子@example.jp",
            "a@[127.0.0.1]",
            &long,
        ] {
            assert!(bad.parse::<MailAddress>().is_err(), "{bad}");
        }
    }
}
