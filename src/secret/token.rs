//! Tokens: random words that name something to whoever has them. Only their hash is stored.

use aws_lc_rs::{constant_time, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::domain::clock::Random;
use crate::domain::digest::Sha256;

/// 32 random bytes as text that goes into a URL or a header.
#[derive(Clone)]
pub struct Token(Zeroizing<String>);

impl Token {
    /// A new one.
    pub fn new(random: &dyn Random) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        random.fill(&mut *bytes);
        Self(Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes)))
    }

    /// As it goes to whom it is for.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is stored of it.
    pub fn hash(&self) -> Sha256 {
        Self::hash_of(&self.0)
    }

    /// What would be stored if this text were a token. Guessing one is hopeless, so that looking the hash up tells nothing.
    pub fn hash_of(text: &str) -> Sha256 {
        let hash = digest::digest(&digest::SHA256, text.as_bytes());
        Sha256(hash.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }

    /// Whether this text is the token of which this hash is stored. Takes the same time for each wrong one.
    pub fn fits(text: &str, hash: &Sha256) -> bool {
        constant_time::verify_slices_are_equal(Self::hash_of(text).as_bytes(), hash.as_bytes()).is_ok()
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}
