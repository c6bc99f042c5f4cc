//! The PIN: four digits, worth nothing without the relay.
//!
//! The key that a PC's key store lies under comes from the PIN *and* from what the relay evaluates for it (RFC 9497, mode
//! VOPRF, ristretto255-SHA512). The relay learns neither PIN nor key; whoever has the PC's disk has to ask the relay for
//! each guess, and the relay counts. The evaluation is proved against the relay's key for this PC, so that a relay that
//! answers with another key is not mistaken for a wrong PIN.

use std::fmt;
use std::str::FromStr;

use rand_core::{CryptoRng, RngCore};
use serde::{Deserialize, Serialize};
use voprf::{BlindedElement, EvaluationElement, Group, Proof, Ristretto255, VoprfClient, VoprfServer};
use zeroize::Zeroizing;

use super::sealed::BoxKey;
use super::stretch::{Effort, Salt, derive, stretch};
use crate::domain::base64_bytes;
use crate::domain::clock::Random;

/// Four digits that a person chose.
#[derive(Clone)]
pub struct Pin(Zeroizing<String>);

/// Text that is no PIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("PINは半角数字4桁です (a PIN is four digits)")]
pub struct NotAPin;

impl FromStr for Pin {
    type Err = NotAPin;

    fn from_str(text: &str) -> Result<Self, NotAPin> {
        let four = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
        if four { Ok(Self(Zeroizing::new(text.to_owned()))) } else { Err(NotAPin) }
    }
}

impl PartialEq for Pin {
    fn eq(&self, other: &Self) -> bool {
        *self.0 == *other.0
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(..)")
    }
}

/// A PIN as the relay may see it: blinded, another one each time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Blinded(#[serde(with = "base64_bytes")] Vec<u8>);

/// The relay's answer, with the proof that it used the key it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// The evaluated element.
    #[serde(with = "base64_bytes")]
    pub element: Vec<u8>,
    /// Proof of equal discrete logarithms.
    #[serde(with = "base64_bytes")]
    pub proof: Vec<u8>,
    /// The relay's public key for this PC. The app keeps the first that it sees.
    pub key: PublicKey,
}

/// The relay's public key for one PC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PublicKey(#[serde(with = "base64_bytes")] Vec<u8>);

/// Why an evaluation cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// Peer: bytes that are no element of the group.
    #[error("not an element of the group")]
    Element,
    /// Peer: evaluated with another key than it should.
    #[error("the evaluation was not made with the key that belongs to this PC")]
    Key,
}

/// One try at a PIN.
#[derive(Debug)]
pub struct Attempt {
    pin: Pin,
    state: VoprfClient<Ristretto255>,
    blinded: Blinded,
}

impl Attempt {
    /// Blinds the PIN.
    pub fn begin(pin: Pin, random: &dyn Random) -> Self {
        let blind = VoprfClient::<Ristretto255>::blind(pin.0.as_bytes(), &mut Source(random))
            .expect("four digits are within the lengths of RFC 9497");
        let blinded = Blinded(blind.message.serialize().to_vec());
        Self { pin, state: blind.state, blinded }
    }

    /// What goes to the relay.
    pub fn blinded(&self) -> &Blinded {
        &self.blinded
    }

    /// The key for the key store. Blocks for a tenth of a second or two and takes 64 MiB.
    ///
    /// `expected` is the relay's key of the first time; none when the PIN is being chosen.
    pub fn finish(
        &self,
        evaluation: &Evaluation,
        expected: Option<&PublicKey>,
        salt: &Salt,
    ) -> Result<BoxKey, PinError> {
        if expected.is_some_and(|expected| *expected != evaluation.key) {
            return Err(PinError::Key);
        }
        let element = EvaluationElement::deserialize(&evaluation.element).map_err(|_| PinError::Element)?;
        let proof = Proof::deserialize(&evaluation.proof).map_err(|_| PinError::Element)?;
        let key = Ristretto255::deserialize_elem(&evaluation.key.0).map_err(|_| PinError::Element)?;
        let output = self.state.finalize(self.pin.0.as_bytes(), &element, &proof, key).map_err(|_| PinError::Key)?;
        let stretched = stretch(self.pin.0.as_bytes(), salt, Effort::High);
        let material = Zeroizing::new([&stretched[..], &output[..]].concat());
        Ok(BoxKey::new(derive(&material, "pin")))
    }
}

/// The relay's key for the PIN of one PC.
#[derive(Clone)]
pub struct PinKey(Zeroizing<[u8; 32]>);

impl PinKey {
    /// A new one.
    pub fn new(random: &dyn Random) -> Self {
        let mut seed = [0; 32];
        random.fill(&mut seed);
        Self(Zeroizing::new(seed))
    }

    /// One that was stored.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// To be stored.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Evaluates. The caller has counted the try, durably, before.
    pub fn evaluate(&self, blinded: &Blinded, random: &dyn Random) -> Result<Evaluation, PinError> {
        let element = BlindedElement::<Ristretto255>::deserialize(&blinded.0).map_err(|_| PinError::Element)?;
        let server = VoprfServer::<Ristretto255>::new_from_seed(&*self.0, b"kenpo-express/1 pin")
            .expect("a seed of 32 bytes gives a key, but for one in 2^2000");
        let answer = server.blind_evaluate(&mut Source(random), &element);
        Ok(Evaluation {
            element: answer.message.serialize().to_vec(),
            proof: answer.proof.serialize().to_vec(),
            key: PublicKey(Ristretto255::serialize_elem(server.get_public_key()).to_vec()),
        })
    }
}

impl fmt::Debug for PinKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PinKey(..)")
    }
}

/// Our randomness, as the library asks for it.
struct Source<'a>(&'a dyn Random);

impl RngCore for Source<'_> {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl CryptoRng for Source<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock::SystemRandom;

    fn key(pin: &str, relay: &PinKey, expected: Option<&PublicKey>) -> Result<(BoxKey, PublicKey), PinError> {
        let attempt = Attempt::begin(pin.parse().unwrap(), &SystemRandom);
        let evaluation = relay.evaluate(attempt.blinded(), &SystemRandom)?;
        Ok((attempt.finish(&evaluation, expected, &Salt::from([3; 16]))?, evaluation.key))
    }

    #[test]
    fn the_same_pin_and_relay_key_open_and_nothing_else_does() {
        let relay = PinKey::new(&SystemRandom);
        let (first, public) = key("0123", &relay, None).unwrap();
        let sealed = first.seal("keys", b"store", &SystemRandom);
        let opens = |key: &BoxKey| key.open("keys", &sealed).is_ok();
        assert!(opens(&key("0123", &relay, Some(&public)).unwrap().0));
        assert!(!opens(&key("0124", &relay, Some(&public)).unwrap().0));
        let other = PinKey::new(&SystemRandom);
        assert_eq!(key("0123", &other, Some(&public)).unwrap_err(), PinError::Key);
        assert!(!opens(&key("0123", &other, None).unwrap().0));
    }

    #[test]
    fn a_relay_that_lies_about_its_key_is_noticed() {
        let (relay, other) = (PinKey::new(&SystemRandom), PinKey::new(&SystemRandom));
        let attempt = Attempt::begin("0000".parse().unwrap(), &SystemRandom);
        let real = relay.evaluate(attempt.blinded(), &SystemRandom).unwrap();
        let forged = Evaluation { key: real.key.clone(), ..other.evaluate(attempt.blinded(), &SystemRandom).unwrap() };
        assert_eq!(attempt.finish(&forged, Some(&real.key), &Salt::from([3; 16])).unwrap_err(), PinError::Key);
        let broken = Evaluation { element: vec![0xff; 32], ..real };
        assert_eq!(attempt.finish(&broken, None, &Salt::from([3; 16])).unwrap_err(), PinError::Element);
    }

    #[test]
    fn a_pin_is_four_digits() {
        assert!("0000".parse::<Pin>().is_ok());
        for text in ["", "123", "12345", "12a4", "１２３４", " 123"] {
            assert_eq!(text.parse::<Pin>().unwrap_err(), NotAPin, "{text}");
        }
    }
}
