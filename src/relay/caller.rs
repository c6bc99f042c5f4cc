//! Who is asking. Looked up anew for every request: a connection that is kept open outlives nobody's registration.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::registry::{Holder, Union, User};
use super::sessions;
use super::state::App;
use crate::domain::digest::Fingerprint;
use crate::http::{Peer, Refusal};
use crate::wire::problem::{Code, Problem};

/// The union whose gateway asks, on the VPN listener.
#[derive(Debug, Clone)]
pub struct UnionCaller(pub Arc<Union>);

/// The user whose app asks, on the employers' listener: with the user's own certificate.
#[derive(Debug, Clone)]
pub struct UserCaller(pub User);

/// A PC of a user, or the kit: with its own certificate, before the PIN has opened the user's.
#[derive(Debug, Clone)]
pub struct DeviceCaller(pub User);

/// The user, within a session.
#[derive(Debug, Clone)]
pub struct SessionCaller(pub User);

/// The user, within a session that may still have the initial password.
#[derive(Debug, Clone)]
pub struct NewcomerCaller(pub User, pub sessions::Current);

/// A PC, the kit, or the user within a session.
#[derive(Debug, Clone)]
pub struct AnyCaller(pub User);

impl FromRequestParts<App> for UnionCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        app.registry.union(certificate(parts)?, app.clock.now()).map(Self).map_err(problem)
    }
}

impl FromRequestParts<App> for UserCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let user = registered(parts, app)?;
        if user.holder == Holder::User { Ok(Self(user)) } else { Err(Problem::new(Code::CallerOther)) }
    }
}

impl FromRequestParts<App> for DeviceCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let user = registered(parts, app)?;
        if user.holder == Holder::User { Err(Problem::new(Code::CallerOther)) } else { Ok(Self(user)) }
    }
}

impl FromRequestParts<App> for NewcomerCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let UserCaller(user) = UserCaller::from_request_parts(parts, app).await?;
        let network = parts.extensions.get::<Peer>().map(Peer::network).unwrap_or_default();
        let current = sessions::check(app, &user, bearer(parts), &network).await?;
        Ok(Self(user, current))
    }
}

impl FromRequestParts<App> for SessionCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let NewcomerCaller(user, current) = NewcomerCaller::from_request_parts(parts, app).await?;
        if current.must_change { Err(Problem::new(Code::PasswordInitial)) } else { Ok(Self(user)) }
    }
}

impl FromRequestParts<App> for AnyCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let user = registered(parts, app)?;
        if user.holder != Holder::User {
            return Ok(Self(user));
        }
        SessionCaller::from_request_parts(parts, app).await.map(|SessionCaller(user)| Self(user))
    }
}

fn registered(parts: &Parts, app: &App) -> Result<User, Problem> {
    app.registry.user(certificate(parts)?, app.clock.now()).map_err(problem)
}

fn bearer(parts: &Parts) -> Option<&str> {
    let value = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

fn certificate(parts: &Parts) -> Result<Fingerprint, Problem> {
    let certificate = parts.extensions.get::<Peer>().and_then(|peer| peer.certificate);
    certificate.ok_or_else(|| Problem::new(Code::CallerUnknown))
}

fn problem(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Disabled => Problem::new(Code::UserDisabled),
        other => Problem::new(Code::CallerUnknown).with_detail(other.to_string()),
    }
}
