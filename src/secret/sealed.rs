//! Bytes at rest under a derived key: AES-256-GCM with a random nonce in front.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::domain::clock::Random;

const NONCE: usize = 12;

/// A key for sealing, derived from a password or a PIN.
#[derive(Clone)]
pub struct BoxKey(Zeroizing<[u8; 32]>);

/// The key is another one, or the bytes were altered. The two cannot be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it does not open with this key")]
pub struct DoesNotOpen;

impl BoxKey {
    pub(super) fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// Seals; `purpose` is bound to it and has to be told again when it is opened.
    pub fn seal(&self, purpose: &str, plain: &[u8], random: &dyn Random) -> Vec<u8> {
        let mut nonce = [0; NONCE];
        random.fill(&mut nonce);
        let mut sealed = plain.to_vec();
        self.key()
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(purpose.as_bytes()), &mut sealed)
            .expect("what is sealed here is far below the limit of AES-GCM");
        [&nonce[..], &sealed].concat()
    }

    /// Opens what [`Self::seal`] made.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, DoesNotOpen> {
        let (nonce, rest) = sealed.split_at_checked(NONCE).ok_or(DoesNotOpen)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| DoesNotOpen)?;
        let mut bytes = Zeroizing::new(rest.to_vec());
        let opened = self.key().open_in_place(nonce, Aad::from(purpose.as_bytes()), &mut bytes);
        let length = opened.map_err(|_| DoesNotOpen)?.len();
        bytes.truncate(length);
        Ok(bytes)
    }

    fn key(&self) -> LessSafeKey {
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &*self.0).expect("the key has the length of AES-256"))
    }
}

impl std::fmt::Debug for BoxKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BoxKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock::SystemRandom;

    #[test]
    fn only_the_same_key_and_purpose_open_it() {
        let key = BoxKey(Zeroizing::new([1; 32]));
        let sealed = key.seal("keys", b"secret", &SystemRandom);
        assert_eq!(key.open("keys", &sealed).unwrap().as_slice(), b"secret");
        assert_ne!(sealed, key.seal("keys", b"secret", &SystemRandom));
        let mut altered = sealed.clone();
        altered[NONCE] ^= 1;
        for (purpose, bytes) in [("kit", &sealed[..]), ("keys", &altered), ("keys", &sealed[..5]), ("keys", &[])] {
            assert_eq!(key.open(purpose, bytes), Err(DoesNotOpen));
        }
        assert_eq!(BoxKey(Zeroizing::new([2; 32])).open("keys", &sealed), Err(DoesNotOpen));
    }
}
