//! PIN, login and session: what the app asks of the relay about itself.
//!
//! A session is bound to the client certificate and to the address it began at (IPv4 exactly, IPv6 by its /64). Its token
//! travels as `Authorization: Bearer TOKEN`. Everything in `/employer/v1` but enrolment, PIN and login needs one.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::secret::pin::{Blinded, Evaluation};
use crate::secret::{LoginKey, LoginVerifier};

/// Body of POST `/employer/v1/pin/{pc}`. Counted, durably, before it is evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinTry {
    /// The blinded PIN.
    pub blinded: Blinded,
}

/// Answer to [`PinTry`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinAnswer {
    /// The evaluation.
    pub evaluation: Evaluation,
    /// How many tries are left until the PIN is locked, without a login between.
    pub tries_left: u32,
    /// Names this try: secret. Whoever has opened the user's keys with the evaluation hands it in as [`PinProof`].
    pub proof: String,
}

impl std::fmt::Debug for PinAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PinAnswer({} left)", self.tries_left)
    }
}

/// Body of POST `/employer/v1/pin/{pc}/proof`, with the user certificate, whose key lies under the PIN: this try was right
/// and is not counted any more. Other tries are: somebody with a copy of the folder may have made them.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinProof {
    /// [`PinAnswer::proof`].
    pub proof: String,
}

impl std::fmt::Debug for PinProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PinProof(..)")
    }
}

/// Body of POST `/employer/v1/login`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// Proves the password.
    pub key: LoginKey,
}

/// Answer to [`Login`].
#[derive(Clone, Serialize, Deserialize)]
pub struct Session {
    /// Names the session: secret.
    pub token: String,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// The password is the initial one: nothing but changing it is possible.
    pub must_change_password: bool,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session(until {})", self.expires_at)
    }
}

/// Body of POST `/employer/v1/password`. The rule for passwords is the app's to keep: the relay never has one. That the
/// new one is another than the old, the relay sees, since both have the same salt.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// Proves the present password.
    pub current: LoginKey,
    /// Tells whether the new one is right, from now on.
    pub new: LoginVerifier,
}
