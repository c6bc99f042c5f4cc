//! Who is asking. Looked up anew for every request: a connection that is kept open outlives nobody's registration.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::registry::{Union, User};
use super::state::App;
use crate::domain::digest::Fingerprint;
use crate::http::{Peer, Refusal};
use crate::wire::problem::{Code, Problem};

/// The union whose gateway asks, on the VPN listener.
#[derive(Debug, Clone)]
pub struct UnionCaller(pub Arc<Union>);

/// The user whose app asks, on the employers' listener.
#[derive(Debug, Clone)]
pub struct UserCaller(pub User);

impl FromRequestParts<App> for UnionCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        app.registry.union(certificate(parts)?, app.clock.now()).map(Self).map_err(problem)
    }
}

impl FromRequestParts<App> for UserCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        app.registry.user(certificate(parts)?, app.clock.now()).map(Self).map_err(problem)
    }
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
