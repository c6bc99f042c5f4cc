//! The session's token at home, so that one login is good for many commands.

use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::home::{self, HomeError};
use crate::wire::session::Session;

const SESSION: &str = "session.json";

#[derive(Serialize, Deserialize)]
struct Kept {
    token: String,
    expires_at: Timestamp,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.token.zeroize();
    }
}

/// Keeps a session.
pub(super) fn keep(folder: &Path, session: &Session) -> Result<(), HomeError> {
    let kept = Kept { token: session.token.clone(), expires_at: session.expires_at };
    home::write_json(&folder.join(SESSION), &kept)
}

/// The token that was kept, unless it has ended by our own clock.
pub(super) fn kept(folder: &Path, now: Timestamp) -> Result<Option<Zeroizing<String>>, HomeError> {
    match home::read_json::<Kept>(&folder.join(SESSION)) {
        Ok(kept) if now < kept.expires_at => Ok(Some(Zeroizing::new(kept.token.clone()))),
        // A damaged one is no session; the next login puts a good one in its place.
        Ok(_) | Err(HomeError::Damaged(_)) => Ok(None),
        Err(HomeError::File(_, error)) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Forgets it.
pub(super) fn forget(folder: &Path) -> Result<(), HomeError> {
    home::remove(&folder.join(SESSION))
}
