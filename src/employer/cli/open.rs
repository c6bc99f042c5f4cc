//! From the folder to the user's keys and session.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::ask::{Asker, say};
use super::failure::Failure;
use super::words;
use crate::employer::error::EmployerError;
use crate::employer::pc::{Pc, User};
use crate::employer::refusal::PinRefused;
use crate::employer::renewal::{Renewed, renew};
use crate::runtime::clock::{SystemClock, SystemRandom};
use crate::wire::problem::Code;

/// How long a login waits for new certificates.
const RENEWAL_PATIENCE: Duration = Duration::from_secs(10);

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
pub(super) async fn within_session(user: User, asker: &Asker) -> Result<User, Failure> {
    match user.has_session().await {
        Ok(true) => Ok(user),
        Ok(false) => Ok(log_in(user, asker).await?.0),
        Err(error) if error.code() == Some(Code::SessionAddress) => {
            say("IP アドレスが変わったため、もう一度ログインします。 / The IP address has changed: logging in again.");
            Ok(log_in(user, asker).await?.0)
        }
        Err(error) => Err(error.into()),
    }
}

/// Begins a session; certificates that end soon are renewed by the way. Who goes on, and whether with anything but changing
/// the password.
pub(super) async fn log_in(user: User, asker: &Asker) -> Result<(User, bool), Failure> {
    let password = loop {
        let password = asker.password("パスワード / Password")?;
        match user.log_in(password.clone()).await {
            Err(error) if error.code() == Some(Code::LoginFailed) && !asker.has_password() => {
                say("  パスワードが違います / The password is wrong.");
            }
            Ok(session) if session.must_change_password => return Ok((user, false)),
            other => {
                other?;
                break password;
            }
        }
    };
    match renew(&user, RENEWAL_PATIENCE).await {
        Ok(Renewed::NotDue) => (),
        Ok(Renewed::Asked) => {
            tracing::info!("renewal: asked");
            say(
                "電子証明書の更新を申請しました。次回のログイン時に受け取ります。\nNew certificates were asked for; the next login fetches them.",
            );
        }
        Ok(Renewed::Done(renewed)) => {
            tracing::info!("renewal: done");
            say("電子証明書を更新しました。 / The certificates are renewed.");
            renewed.log_in(password).await?;
            return Ok((*renewed, true));
        }
        // The present ones are good still: it is said, and stands in the way of nothing.
        Err(error) => {
            tracing::warn!(error = error.kind(), "renewal: failed");
            words::complain(&error);
        }
    }
    Ok((user, true))
}
