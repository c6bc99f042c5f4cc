//! Who we are, who the union is, and where the relay is: what the kit said, once it was believed.

use serde::{Deserialize, Serialize};

use crate::domain::address::Address;
use crate::message::keys::Certificate;
use crate::secret::Salt;
use crate::wire::Der;
use crate::wire::client::RelayUrl;
use crate::wire::enrolment::KitBody;

/// What a kit says, proven by the initial password.
#[derive(Debug, Clone)]
pub struct Identity {
    body: KitBody,
    login_salt: Salt,
    relay: RelayUrl,
    relay_roots: Vec<Certificate>,
    relay_receipts: Vec<Certificate>,
    union_ca: Vec<Certificate>,
}

/// Addresses or certificates that are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an address or a certificate in it cannot be read")]
pub struct InvalidIdentity;

/// As it is kept in `identity.json`.
#[derive(Serialize, Deserialize)]
struct Kept {
    kit: KitBody,
    login_salt: Salt,
}

impl Identity {
    /// Takes what was proven.
    pub(super) fn believed(body: KitBody, login_salt: Salt) -> Result<Self, InvalidIdentity> {
        Ok(Self {
            relay: body.relay.parse().map_err(|_| InvalidIdentity)?,
            relay_roots: Self::certificates(&body.relay_roots)?,
            relay_receipts: Self::certificates(&body.relay_receipts)?,
            union_ca: Self::certificates(&body.union_ca)?,
            body,
            login_salt,
        })
    }

    /// Reads what [`Self::to_json`] wrote.
    pub(super) fn from_json(text: &[u8]) -> Result<Self, InvalidIdentity> {
        let kept: Kept = serde_json::from_slice(text).map_err(|_| InvalidIdentity)?;
        Self::believed(kept.kit, kept.login_salt)
    }

    /// As it is kept.
    pub(super) fn to_json(&self) -> Vec<u8> {
        let kept = Kept { kit: self.body.clone(), login_salt: self.login_salt };
        serde_json::to_vec_pretty(&kept).expect("what a kit says is plain data")
    }

    /// At least one certificate, each readable.
    pub(super) fn certificates(ders: &[Der]) -> Result<Vec<Certificate>, InvalidIdentity> {
        let read = ders.iter().map(|der| Certificate::from_der(&der.0).map_err(|_| InvalidIdentity));
        read.collect::<Result<Vec<_>, _>>().and_then(|all| if all.is_empty() { Err(InvalidIdentity) } else { Ok(all) })
    }

    /// Union, office and user by their ids, and which enrolment.
    pub fn who(&self) -> &KitBody {
        &self.body
    }

    /// What passwords are stretched with.
    pub fn login_salt(&self) -> &Salt {
        &self.login_salt
    }

    /// Our address.
    pub fn from(&self) -> Address {
        Address::User(self.body.union.clone(), self.body.user.clone())
    }

    /// Where everything that we send goes.
    pub fn to(&self) -> Address {
        Address::Union(self.body.union.clone())
    }

    /// Where the relay was when the kit was made.
    pub fn relay(&self) -> &RelayUrl {
        &self.relay
    }

    /// Who vouches for the relay's TLS certificate.
    pub fn relay_roots(&self) -> &[Certificate] {
        &self.relay_roots
    }

    /// Who may sign as the relay.
    pub fn relay_receipts(&self) -> &[Certificate] {
        &self.relay_receipts
    }

    /// Who vouches for the union's certificates.
    pub fn union_ca(&self) -> &[Certificate] {
        &self.union_ca
    }
}
