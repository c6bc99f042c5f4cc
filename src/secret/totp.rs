//! The second factor of the union's staff: six digits that an app makes anew every 30 seconds (RFC 6238, with SHA-1 as every app
//! has it), and recovery codes for the day on which the app is lost.

use totp_rs::{Builder, Secret, Totp};
use zeroize::Zeroizing;

use super::Token;
use crate::domain::clock::Random;
use crate::domain::digest::Sha256;

/// Without letters and digits that look like another one (Crockford's base 32). 32 of them: a byte's five low bits choose evenly.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Letters of a recovery code: 80 bits, so that its plain hash may be kept.
const LENGTH: usize = 16;

/// What app and gateway share. It is kept as it is, since each code is computed from it; it is shown once, and never logged.
#[derive(Clone)]
pub struct TotpSecret(Zeroizing<[u8; 20]>);

impl TotpSecret {
    /// A new one.
    pub fn new(random: &dyn Random) -> Self {
        let mut bytes = Zeroizing::new([0; 20]);
        random.fill(&mut *bytes);
        Self(bytes)
    }

    /// One that was stored.
    pub fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// To be stored.
    pub fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// For whoever types it instead of taking a picture: base 32, in groups of four.
    pub fn typed(&self) -> Zeroizing<String> {
        let text = Zeroizing::new(self.totp(None).secret().to_base32());
        let groups: Vec<&str> = text.as_bytes().chunks(4).map(|four| std::str::from_utf8(four).unwrap_or("")).collect();
        Zeroizing::new(groups.join(" "))
    }

    /// The address that the picture holds.
    pub fn address(&self, account: &str) -> Zeroizing<String> {
        Zeroizing::new(self.totp(Some(account)).to_url().expect("names of accounts have no colon"))
    }

    /// The step of 30 seconds that this code is of, if it is of the present one or of one beside it. Whoever accepts it keeps the
    /// step, and takes none up to it again.
    pub fn step(&self, code: &str, seconds: u64) -> Option<u64> {
        let digits: String = code.chars().filter(|letter| !letter.is_whitespace()).collect();
        (digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(())?;
        self.totp(None).check(&digits, seconds)
    }

    fn totp(&self, account: Option<&str>) -> Totp {
        Builder::new()
            .with_secret(Secret::new_stack(*self.0))
            .with_issuer(Some("Kenpo eXpress"))
            .with_account_name(account.unwrap_or_default())
            .build()
            .expect("20 bytes and six digits are what RFC 6238 asks for")
    }
}

impl std::fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TotpSecret(..)")
    }
}

/// A code that stands in for the app, once.
#[derive(Clone)]
pub struct RecoveryCode(Zeroizing<String>);

impl RecoveryCode {
    /// A new one.
    pub fn new(random: &dyn Random) -> Self {
        let mut bytes = Zeroizing::new([0; LENGTH]);
        random.fill(&mut *bytes);
        let letters: Vec<char> = bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte & 31)])).collect();
        let groups: Vec<String> = letters.chunks(4).map(|four| four.iter().collect()).collect();
        Self(Zeroizing::new(groups.join("-")))
    }

    /// As it is told, once.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is stored of it.
    pub fn hash(&self) -> Sha256 {
        Token::hash_of(&plain(&self.0))
    }

    /// What would be stored if this text were such a code, however it is typed; nothing when it cannot be one.
    pub fn hash_of(text: &str) -> Option<Sha256> {
        let text = plain(text);
        (text.len() == LENGTH).then(|| Token::hash_of(&text))
    }
}

/// Without hyphens and blanks, in small letters, and with the digits that people read as letters.
fn plain(text: &str) -> Zeroizing<String> {
    let letters = text.chars().filter(char::is_ascii_alphanumeric).map(|letter| match letter.to_ascii_lowercase() {
        'o' => '0',
        'i' | 'l' => '1',
        other => other,
    });
    Zeroizing::new(letters.collect())
}

impl std::fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecoveryCode(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock::SystemRandom;

    #[test]
    fn codes_are_those_of_the_rfc() {
        // RFC 6238, appendix B: the last six of its eight digits.
        let secret = TotpSecret::from_bytes(*b"12345678901234567890");
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")] {
            assert_eq!(secret.step(code, seconds), Some(seconds / 30));
            assert_eq!(secret.step(&format!("{} {}", &code[..3], &code[3..]), seconds + 30), Some(seconds / 30));
            assert_eq!(secret.step(code, seconds + 90), None);
        }
        for wrong in ["", "287081", "28708", "2870822", "２８７０８２"] {
            assert_eq!(secret.step(wrong, 59), None, "{wrong}");
        }
        assert_eq!(secret.typed().as_str(), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
        let address = secret.address("suzuki");
        assert!(address.starts_with("otpauth://totp/Kenpo%20eXpress:suzuki?secret=GEZDGNBVGY3TQOJQ"), "{}", *address);
    }

    #[test]
    fn a_recovery_code_is_known_however_it_is_typed() {
        let code = RecoveryCode::new(&SystemRandom);
        assert_eq!(code.as_str().len(), 19);
        let typed = code.as_str().to_uppercase().replace('-', " ").replace('0', "O").replace('1', "I");
        assert_eq!(RecoveryCode::hash_of(&typed), Some(code.hash()));
        assert_ne!(RecoveryCode::new(&SystemRandom).hash(), code.hash());
        assert_eq!(RecoveryCode::hash_of("abcd"), None);
    }
}
