//! Sessions: begun by a login, bound to the user's certificate and to the address, ended by time, logout, another login, or
//! the union.

use jiff::{SignedDuration, Timestamp};

use super::registry::User;
use super::state::State;
use crate::domain::digest::Sha256;
use crate::secret::Token;
use crate::store::relay::sessions::{self, Session};
use crate::store::relay::{logins, pins};
use crate::store::sqlite::StoreError;
use crate::wire::problem::{Code, Problem};

/// Requests within this time of the last one that was written down are not written down.
const UNWRITTEN: SignedDuration = SignedDuration::from_secs(60);

/// The session that a request came in.
#[derive(Debug, Clone, Copy)]
pub struct Current {
    /// SHA-256 over its token.
    pub token: Sha256,
    /// The password is still the initial one: it has to be changed before anything else.
    pub must_change: bool,
}

/// Begins a session for a user whose password was right, and ends the one before. All in the caller's transaction.
pub async fn begin(
    state: &State,
    connection: &mut crate::store::sqlite::Connection,
    user: &User,
    network: String,
) -> Result<(Token, Timestamp), StoreError> {
    let now = state.clock.now();
    let token = Token::new(state.random.as_ref());
    let expires_at = later(now, SignedDuration::from_hours(state.config.session.hours.into()));
    let session = Session {
        token: token.hash(),
        user: user.seq,
        certificate: user.certificate,
        network,
        expires_at,
        last_seen_at: now,
    };
    sessions::begin(connection, &session).await?;
    logins::proved(connection, user.seq).await?;
    logins::logged_in(connection, user.seq, now).await?;
    // The user's key lies under the PIN: who logs in has proved it.
    pins::logged_in(connection, user.seq).await?;
    Ok((token, expires_at))
}

/// The session of a request, or why there is none.
pub async fn check(state: &State, user: &User, token: Option<&str>, network: &str) -> Result<Current, Problem> {
    let missing = || Problem::new(Code::SessionMissing);
    let hash = Token::hash_of(token.ok_or_else(missing)?);
    let found = sessions::find(state.database.read(), hash).await?.ok_or_else(missing)?;
    let (session, now) = (found.session, state.clock.now());
    let own = session.user == user.seq && session.certificate == user.certificate;
    if !own || now >= session.expires_at || session.last_seen_at <= idle_since(state) {
        return Err(missing());
    }
    if session.network != network {
        let code = "session.address";
        tracing::warn!(code, union = %user.union, user = %user.id, "a session was used from another address");
        return Err(Problem::new(Code::SessionAddress));
    }
    if now.duration_since(session.last_seen_at) >= unwritten(state) {
        let mut transaction = state.database.write().await?;
        sessions::seen(&mut transaction, hash, now).await?;
        state.database.commit(transaction).await?;
    }
    Ok(Current { token: hash, must_change: found.must_change })
}

/// Sessions that were last seen then or before have been idle for too long.
pub fn idle_since(state: &State) -> Timestamp {
    let idle = SignedDuration::from_mins(state.config.session.idle_minutes.into());
    state.clock.now().checked_sub(idle).unwrap_or(Timestamp::MIN)
}

/// A moment so much later.
pub fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

fn unwritten(state: &State) -> SignedDuration {
    UNWRITTEN.min(SignedDuration::from_mins(state.config.session.idle_minutes.into()) / 4)
}
