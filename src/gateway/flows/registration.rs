//! What the relay is told of a user: who may come in, with what.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::ids::UserId;
use crate::secret::LoginVerifier;
use crate::store::gateway::certificates::{self, Purpose, Registered};
use crate::store::gateway::users;
use crate::store::sqlite::{Connection, StoreError};
use crate::wire::Der;
use crate::wire::enrolment::Device;
use crate::wire::union::UserRegistration;

/// What an answer's order keeps until it is delivered. The registration is not in it: it is made then, as it stands then.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Reply {
    /// The signed answer.
    pub(super) answer: Der,
    /// The login starts again from this.
    pub(super) login: Option<LoginVerifier>,
}

impl Reply {
    /// An answer that changes nothing at the relay.
    pub(super) fn plain(answer: Vec<u8>) -> Self {
        Self { answer: Der(answer), login: None }
    }
}

/// The certificates of a user that count at `now`, old and new beside each other, the newest first.
pub async fn registration(
    connection: &mut Connection,
    user: &UserId,
    now: Timestamp,
) -> Result<UserRegistration, StoreError> {
    let known = users::find(&mut *connection, user).await?.ok_or(StoreError::Missing("user"))?;
    let all = certificates::of_user(connection, user).await?;
    let counts = |one: &Registered| one.revoked_at.is_none() && one.not_after > now;
    let (mut signing, mut devices) = (Vec::new(), Vec::new());
    for one in all.into_iter().filter(counts) {
        match (one.purpose, one.pc) {
            (Purpose::Signing, _) => signing.push(Der(one.der)),
            (Purpose::Device, Some(pc)) => devices.push(Device { pc, certificate: Der(one.der) }),
            // The relay needs no encryption certificate, and it got the kit's credential with the kit.
            (Purpose::Device, None) | (Purpose::Encryption, _) => {}
        }
    }
    Ok(UserRegistration { office: known.office, certificates: signing, devices, login: None })
}
