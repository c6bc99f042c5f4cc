//! The private keys of this PC: those of the user under PIN and relay, those of the PC as they are.

use std::path::Path;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::home::{HomeError, read_json, write_json};
use crate::domain::base64_bytes;
use crate::domain::clock::Random;
use crate::message::keys::{Certificate, Credential, PrivateKey};
use crate::secret::pin::PublicKey;
use crate::secret::sealed::DoesNotOpen;
use crate::secret::{BoxKey, Salt};
use crate::wire::Der;
use crate::wire::enrolment::PcId;

/// Name of the file with [`KeyBox`].
pub(super) const KEY_BOX: &str = "keys.box";
/// Name of the file with the PC's own keys.
pub(super) const DEVICE: &str = "device.json";
/// Binds the sealed keys to their use.
const PURPOSE: &str = "keys";

/// The user's keys, shut.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeyBox {
    /// Which PC: the relay keeps one key for each.
    pub pc: PcId,
    /// What the PIN is stretched with.
    pub salt: Salt,
    /// The relay's public key for this PC, as it was when the PIN was chosen.
    pub relay_key: PublicKey,
    /// The keys.
    #[serde(with = "base64_bytes")]
    sealed: Vec<u8>,
}

/// Private keys, open; the newest first. Which is for what, the certificates say.
#[derive(Debug, Clone, Default)]
pub struct Keys(Vec<PrivateKey>);

/// PEM texts that are wiped.
#[derive(Serialize, Deserialize)]
struct Texts(Vec<String>);

impl Drop for Texts {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(Zeroize::zeroize);
    }
}

impl KeyBox {
    /// Shuts keys in.
    pub(super) fn seal(
        (pc, salt, relay_key): (PcId, Salt, PublicKey),
        keys: &Keys,
        key: &BoxKey,
        random: &dyn Random,
    ) -> Self {
        let plain = Zeroizing::new(serde_json::to_vec(&keys.to_texts()).expect("texts are plain data"));
        Self { pc, salt, relay_key, sealed: key.seal(PURPOSE, &plain, random) }
    }

    /// The same PC with other keys.
    pub(super) fn with(&self, keys: &Keys, key: &BoxKey, random: &dyn Random) -> Self {
        Self::seal((self.pc, self.salt, self.relay_key.clone()), keys, key, random)
    }

    /// Opens it with the key that PIN and relay gave.
    pub fn open(&self, key: &BoxKey) -> Result<Keys, DoesNotOpen> {
        let plain = key.open(PURPOSE, &self.sealed)?;
        let texts: Texts = serde_json::from_slice(&plain).map_err(|_| DoesNotOpen)?;
        Keys::from_texts(&texts).ok_or(DoesNotOpen)
    }

    /// Reads it from a home folder.
    pub fn read(folder: &Path) -> Result<Self, HomeError> {
        read_json(&folder.join(KEY_BOX))
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), HomeError> {
        write_json(&folder.join(KEY_BOX), self)
    }
}

impl Keys {
    pub(super) fn new(keys: Vec<PrivateKey>) -> Self {
        Self(keys)
    }

    /// With newer ones in front.
    pub(super) fn renewed(&self, newer: Vec<PrivateKey>) -> Self {
        Self(newer.into_iter().chain(self.0.iter().cloned()).collect())
    }

    /// The certificates for which there is a key, with it, in their order.
    pub fn credentials(&self, certificates: &[Der]) -> Vec<Credential> {
        let read = certificates.iter().filter_map(|der| Certificate::from_der(&der.0).ok());
        read.filter_map(|certificate| {
            self.0.iter().find_map(|key| Credential::new(certificate.clone(), key.clone()).ok())
        })
        .collect()
    }

    /// Reads the PC's own.
    pub(super) fn read_device(folder: &Path) -> Result<Self, HomeError> {
        let path = folder.join(DEVICE);
        let texts: Texts = read_json(&path)?;
        Self::from_texts(&texts).ok_or(HomeError::Damaged(path))
    }

    /// Writes them as the PC's own.
    pub(super) fn write_device(&self, folder: &Path) -> Result<(), HomeError> {
        write_json(&folder.join(DEVICE), &self.to_texts())
    }

    fn to_texts(&self) -> Texts {
        Texts(self.0.iter().map(PrivateKey::to_pem).collect())
    }

    fn from_texts(texts: &Texts) -> Option<Self> {
        texts.0.iter().map(|text| PrivateKey::from_pem(text.as_bytes()).ok()).collect::<Option<_>>().map(Self)
    }
}
