//! From the folder to the user's keys and session.

use std::path::PathBuf;
use std::sync::Arc;

use super::ask::{Asker, say};
use super::failure::Failure;
use super::words;
use crate::employer::error::EmployerError;
use crate::employer::pc::{Pc, User};
use crate::employer::refusal::PinRefused;
use crate::runtime::clock::{SystemClock, SystemRandom};
use crate::wire::problem::Code;

/// Opens the user's keys with the PIN.
pub(super) async fn unlock(home: PathBuf, asker: &Asker) -> Result<User, Failure> {
    let open = move || Pc::open(&home, Arc::new(SystemClock), Arc::new(SystemRandom));
    let pc = tokio::task::spawn_blocking(open).await.expect("opening the home folder does not panic")?;
    loop {
        let pin = asker.pin("PINコード / PIN")?;
        match pc.clone().unlock(pin).await {
            Err(EmployerError::Pin(PinRefused::Wrong { tries_left })) if tries_left > 0 && !asker.has_pin() => {
                say(&format!("  {}", words::wrong_pin(tries_left)));
            }
            other => return Ok(other?),
        }
    }
}

/// Goes on in the session that was kept, or begins one.
pub(super) async fn within_session(user: &User, asker: &Asker) -> Result<(), Failure> {
    match user.has_session().await {
        Ok(true) => Ok(()),
        Ok(false) => log_in(user, asker).await.map(drop),
        Err(error) if error.code() == Some(Code::SessionAddress) => {
            say("IP アドレスが変わったため、もう一度ログインします。 / The IP address has changed: logging in again.");
            log_in(user, asker).await.map(drop)
        }
        Err(error) => Err(error.into()),
    }
}

/// Begins a session. Whether it is good for anything but changing the password.
pub(super) async fn log_in(user: &User, asker: &Asker) -> Result<bool, Failure> {
    loop {
        let password = asker.password("パスワード / Password")?;
        match user.log_in(password).await {
            Err(error) if error.code() == Some(Code::LoginFailed) && !asker.has_password() => {
                say("  パスワードが違います / The password is wrong.");
            }
            other => return Ok(!other?.must_change_password),
        }
    }
}
