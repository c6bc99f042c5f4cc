//! Passwords of the union's staff: what the gateway keeps of one (Argon2id, RFC 9106).

use aws_lc_rs::constant_time;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::stretch::{Effort, Salt, derive, stretch};
use crate::domain::clock::Random;

/// The fewest and most characters of a password.
const LENGTH: std::ops::RangeInclusive<usize> = 12..=128;

/// A password that is too easy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("パスワードは12文字以上128文字以内にしてください (the password must have 12 to 128 characters)")]
pub struct WeakStaffPassword;

/// What is kept of a password.
#[derive(Clone, PartialEq, Eq)]
pub struct StaffVerifier {
    /// Makes equal passwords different.
    pub salt: Salt,
    /// What the password turns into.
    pub hash: [u8; 32],
}

impl StaffVerifier {
    /// Of a new password. Blocks for a tenth of a second or two and takes 64 MiB.
    pub fn new(password: &str, random: &dyn Random) -> Result<Self, WeakStaffPassword> {
        if !LENGTH.contains(&password.nfc().count()) {
            return Err(WeakStaffPassword);
        }
        let salt = Salt::new(random);
        Ok(Self { hash: turn(password, &salt), salt })
    }

    /// Whether it is this password. Blocks as long.
    pub fn matches(&self, password: &str) -> bool {
        constant_time::verify_slices_are_equal(&self.hash, &turn(password, &self.salt)).is_ok()
    }
}

/// The same letters are the same password, whichever keyboard composes them how (NFC).
fn turn(password: &str, salt: &Salt) -> [u8; 32] {
    let composed: Zeroizing<String> = Zeroizing::new(password.nfc().collect());
    *derive(&*stretch(composed.as_bytes(), salt, Effort::High), "staff")
}

impl std::fmt::Debug for StaffVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StaffVerifier(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock::SystemRandom;

    #[test]
    fn the_same_letters_match_however_they_are_composed() {
        let verifier = StaffVerifier::new("ガギグゲゴ パピプペポ12", &SystemRandom).unwrap();
        assert!(verifier.matches(
            "カ\u{3099}キ\u{3099}ク\u{3099}ケ\u{3099}コ\u{3099} ハ\u{309a}ヒ\u{309a}フ\u{309a}ヘ\u{309a}ホ\u{309a}12"
        ));
        assert!(!verifier.matches("カキクケコ ハヒフヘホ12"));
    }

    #[test]
    fn only_the_password_itself_matches() {
        let verifier = StaffVerifier::new("correct horse battery", &SystemRandom).unwrap();
        assert!(verifier.matches("correct horse battery") && !verifier.matches("correct horse batterz"));
        assert_ne!(verifier, StaffVerifier::new("correct horse battery", &SystemRandom).unwrap());
        assert_eq!(StaffVerifier::new("short", &SystemRandom), Err(WeakStaffPassword));
    }
}
