//! `/employer/v1/login`, `logout` and `password`: the session of a user.

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::SignedDuration;

use super::detached;
use crate::http::{Json, Peer};
use crate::relay::caller::{NewcomerCaller, UserCaller};
use crate::relay::registry::User;
use crate::relay::sessions as running;
use crate::relay::state::App;
use crate::store::relay::logins::{self, Count, Counted};
use crate::store::relay::sessions;
use crate::wire::problem::{Code, Problem};
use crate::wire::session::{Login, PasswordChange, Session};

/// How long logins are locked after too many wrong passwords.
const LOCK: SignedDuration = SignedDuration::from_mins(30);

/// POST `/login`: begins a session, and ends the one before.
pub async fn begin(
    State(app): State<App>,
    UserCaller(user): UserCaller,
    Extension(peer): Extension<Peer>,
    Json(Login { key }): Json<Login>,
) -> Result<Json<Session>, Problem> {
    let this = app.clone();
    detached(&app, async move {
        let Counted { verifier, must_change } = count(&this, &user).await?;
        if !verifier.accepts(&key) {
            return Err(wrong(&this, &user));
        }
        let mut transaction = this.database.write().await?;
        let (token, expires_at) = running::begin(&this, &mut transaction, &user, peer.network()).await?;
        this.database.commit(transaction).await?;
        this.metrics.logins_total.with_label_values(&["done"]).inc();
        // Disabled meanwhile, the session is gone or its certificate is refused with the next request.
        tracing::info!(code = "session.began", union = %user.union, user = %user.id, "logged in");
        Ok(Json(Session { token: token.as_str().to_owned(), expires_at, must_change_password: must_change }))
    })
    .await
}

/// POST `/logout`: ends the session.
pub async fn end(State(app): State<App>, NewcomerCaller(user, current): NewcomerCaller) -> Result<StatusCode, Problem> {
    let mut transaction = app.database.write().await?;
    sessions::end(&mut transaction, current.token).await?;
    app.database.commit(transaction).await?;
    tracing::info!(code = "session.ended", union = %user.union, user = %user.id, "logged out");
    Ok(StatusCode::NO_CONTENT)
}

/// POST `/password`: changes the password. The session goes on. Done before, it changes nothing.
pub async fn change(
    State(app): State<App>,
    NewcomerCaller(user, _): NewcomerCaller,
    Json(PasswordChange { current, new }): Json<PasswordChange>,
) -> Result<StatusCode, Problem> {
    let this = app.clone();
    detached(&app, async move {
        let Counted { verifier, must_change } = count(&this, &user).await?;
        let unchanged = verifier == new;
        if !verifier.accepts(&current) {
            // The answer to the very same change was lost on its way.
            return if unchanged && !must_change { Ok(StatusCode::NO_CONTENT) } else { Err(wrong(&this, &user)) };
        }
        let mut transaction = this.database.write().await?;
        if unchanged {
            logins::proved(&mut transaction, user.seq).await?;
        } else {
            logins::set(&mut transaction, user.seq, &new, false).await?;
        }
        this.database.commit(transaction).await?;
        if unchanged {
            return Err(Problem::new(Code::PasswordUnchanged));
        }
        tracing::info!(code = "password.changed", union = %user.union, user = %user.id, "password changed");
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// Counts a try for good. Only then it may be compared.
async fn count(app: &App, user: &User) -> Result<Counted, Problem> {
    let now = app.clock.now();
    let mut transaction = app.database.write().await?;
    let counted = logins::count(&mut transaction, user.seq, now, running::later(now, LOCK)).await?;
    app.database.commit(transaction).await?;
    match counted {
        Count::Counted(counted) => {
            app.metrics.password_comparisons_total.inc();
            Ok(counted)
        }
        Count::Locked => {
            app.metrics.logins_total.with_label_values(&["locked"]).inc();
            tracing::warn!(code = "login.locked", union = %user.union, user = %user.id, "logins are locked");
            Err(Problem::new(Code::LoginLocked))
        }
        Count::NoPassword => Err(wrong(app, user)),
    }
}

fn wrong(app: &App, user: &User) -> Problem {
    app.metrics.logins_total.with_label_values(&["wrong"]).inc();
    tracing::warn!(code = "login.failed", union = %user.union, user = %user.id, "a wrong password");
    Problem::new(Code::LoginFailed)
}
