//! Passwords: those that the gateway makes for the letter, and those that people choose.

use aws_lc_rs::{constant_time, digest};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::mac::MacKey;
use super::sealed::BoxKey;
use super::stretch::{Effort, Salt, derive, stretch};
use crate::domain::base64_bytes;
use crate::domain::clock::Random;

/// What is typed from paper: nothing that looks like another (`0` `O`, `1` `l` `i`), no capitals.
const ALPHABET: &[u8; 31] = b"abcdefghjkmnpqrstuvwxyz23456789";
/// The least and most characters of a password that a person chooses.
const LENGTH: std::ops::RangeInclusive<usize> = 8..=16;

/// A password for the letter: 16 characters, 79 bits, so that whoever steals what is derived from it guesses in vain.
/// Letters and digits are both in it, so that it keeps its own rule.
pub fn make_password(random: &dyn Random) -> Zeroizing<String> {
    loop {
        let mut bytes = Zeroizing::new([0; 24]);
        random.fill(&mut *bytes);
        // Bytes above the last whole multiple would make some letters likelier.
        let fair = bytes.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < 8 * ALPHABET.len());
        let letters = fair.map(|byte| char::from(ALPHABET[byte % ALPHABET.len()]));
        let password = Zeroizing::new(letters.take(*LENGTH.end()).collect::<String>());
        if password.len() == *LENGTH.end() && check_chosen(&password).is_ok() {
            return password;
        }
    }
}

/// Why a password that somebody chose is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// Shorter than 8 or longer than 16 characters.
    #[error("8文字以上16文字以内にしてください (must have 8 to 16 characters)")]
    Length,
    /// No letter or no digit.
    #[error("英字と数字の両方を含めてください (must have letters and digits)")]
    Mixture,
    /// Something that is not on every keyboard.
    #[error("半角の英数字・記号だけを使ってください (only ASCII letters, digits and signs)")]
    Characters,
}

/// The rule of the manual: 8 to 16 characters with letters and digits.
pub fn check_chosen(password: &str) -> Result<(), WeakPassword> {
    if !password.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(WeakPassword::Characters);
    }
    if !LENGTH.contains(&password.len()) {
        return Err(WeakPassword::Length);
    }
    let has = |kind: fn(&u8) -> bool| password.as_bytes().iter().any(kind);
    if has(u8::is_ascii_alphabetic) && has(u8::is_ascii_digit) { Ok(()) } else { Err(WeakPassword::Mixture) }
}

/// What a login password turns into. The relay gets the first, the gateway has both, of the initial password.
#[derive(Debug, Clone)]
pub struct PasswordKeys {
    /// Proves the login to the relay.
    pub login: LoginKey,
    /// Authenticates the enrolment between app and gateway.
    pub mac: MacKey,
}

impl PasswordKeys {
    /// Blocks for a tenth of a second or two and takes 64 MiB.
    pub fn derive(password: &str, salt: &Salt) -> Self {
        let stretched = stretch(password.as_bytes(), salt, Effort::High);
        Self {
            login: LoginKey(derive(&*stretched, "login")),
            mac: MacKey::from_bytes(*derive(&*stretched, "enrolment")),
        }
    }
}

/// Proves the knowledge of the login password without telling it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "Bytes", into = "Bytes")]
pub struct LoginKey(Zeroizing<[u8; 32]>);

impl LoginKey {
    /// What the relay keeps.
    pub fn verifier(&self) -> LoginVerifier {
        let hash = digest::digest(&digest::SHA256, &*self.0);
        LoginVerifier(hash.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }
}

impl std::fmt::Debug for LoginKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LoginKey(..)")
    }
}

/// SHA-256 of a [`LoginKey`]: tells whether a key is the right one and helps nobody to log in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Bytes", into = "Bytes")]
pub struct LoginVerifier([u8; 32]);

impl LoginVerifier {
    /// One that was stored.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// To be stored.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether this is the key. Takes the same time whether it is or not.
    pub fn accepts(&self, key: &LoginKey) -> bool {
        constant_time::verify_slices_are_equal(&self.0, &key.verifier().0).is_ok()
    }
}

impl std::fmt::Debug for LoginVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LoginVerifier(..)")
    }
}

/// What the download password turns into: the proof for the enrolment page, and the key that the kit lies under until then.
#[derive(Debug, Clone)]
pub struct DownloadKeys {
    /// Proves the password; the relay keeps its verifier.
    pub proof: LoginKey,
    /// Opens the kit.
    pub kit: BoxKey,
}

impl DownloadKeys {
    /// Blocks for some hundredths of a second and takes 19 MiB.
    pub fn derive(password: &str, salt: &Salt) -> Self {
        let stretched = stretch(password.as_bytes(), salt, Effort::Low);
        Self { proof: LoginKey(derive(&*stretched, "download")), kit: BoxKey::new(derive(&*stretched, "kit")) }
    }
}

/// 32 bytes as they travel in JSON.
#[derive(Serialize, Deserialize)]
struct Bytes(#[serde(with = "base64_bytes")] Vec<u8>);

#[derive(Debug, thiserror::Error)]
#[error("expected 32 bytes")]
struct NotThirtyTwo;

impl TryFrom<Bytes> for LoginKey {
    type Error = NotThirtyTwo;

    fn try_from(bytes: Bytes) -> Result<Self, NotThirtyTwo> {
        bytes.0.try_into().map(|key| Self(Zeroizing::new(key))).map_err(|_| NotThirtyTwo)
    }
}

impl From<LoginKey> for Bytes {
    fn from(key: LoginKey) -> Self {
        Self(key.0.to_vec())
    }
}

impl TryFrom<Bytes> for LoginVerifier {
    type Error = NotThirtyTwo;

    fn try_from(bytes: Bytes) -> Result<Self, NotThirtyTwo> {
        bytes.0.try_into().map(Self).map_err(|_| NotThirtyTwo)
    }
}

impl From<LoginVerifier> for Bytes {
    fn from(verifier: LoginVerifier) -> Self {
        Self(verifier.0.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock::SystemRandom;

    #[test]
    fn the_rule_of_the_manual() {
        for good in ["abcdefg1", "ABC123xyz890_-+!", "1234567a"] {
            assert_eq!(check_chosen(good), Ok(()), "{good}");
        }
        assert_eq!(check_chosen("abcdef1"), Err(WeakPassword::Length));
        assert_eq!(check_chosen("abcdefghijklmnop1"), Err(WeakPassword::Length));
        assert_eq!(check_chosen("abcdefgh"), Err(WeakPassword::Mixture));
        assert_eq!(check_chosen("12345678"), Err(WeakPassword::Mixture));
        assert_eq!(check_chosen("ａbcdefg1"), Err(WeakPassword::Characters));
        assert_eq!(check_chosen("abc defg1"), Err(WeakPassword::Characters));
        assert!(check_chosen(&make_password(&SystemRandom)).is_ok());
    }

    #[test]
    fn keys_differ_by_password_salt_and_purpose() {
        let (salt, other) = (Salt::from([1; 16]), Salt::from([2; 16]));
        let keys = PasswordKeys::derive("kx-initial-1", &salt);
        assert!(keys.login.verifier().accepts(&PasswordKeys::derive("kx-initial-1", &salt).login));
        for wrong in [PasswordKeys::derive("kx-initial-2", &salt), PasswordKeys::derive("kx-initial-1", &other)] {
            assert!(!keys.login.verifier().accepts(&wrong.login));
            assert_ne!(keys.mac.as_bytes(), wrong.mac.as_bytes());
        }
        assert_ne!(&*keys.login.0, keys.mac.as_bytes());
        let text = serde_json::to_string(&keys.login).unwrap();
        assert!(keys.login.verifier().accepts(&serde_json::from_str(&text).unwrap()));
        assert!(serde_json::from_str::<LoginKey>("\"AAAA\"").is_err());
        assert_eq!(format!("{keys:?}"), "PasswordKeys { login: LoginKey(..), mac: MacKey(..) }");
    }
}
