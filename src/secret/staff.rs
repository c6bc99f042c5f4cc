//! Passwords of the union's staff: what the gateway keeps of one (Argon2id, RFC 9106).

use aws_lc_rs::constant_time;

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
        if !LENGTH.contains(&password.chars().count()) {
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

fn turn(password: &str, salt: &Salt) -> [u8; 32] {
    *derive(&*stretch(password.as_bytes(), salt, Effort::High), "staff")
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
    fn only_the_password_itself_matches() {
        let verifier = StaffVerifier::new("correct horse battery", &SystemRandom).unwrap();
        assert!(verifier.matches("correct horse battery") && !verifier.matches("correct horse batterz"));
        assert_ne!(verifier, StaffVerifier::new("correct horse battery", &SystemRandom).unwrap());
        assert_eq!(StaffVerifier::new("short", &SystemRandom), Err(WeakStaffPassword));
    }
}
