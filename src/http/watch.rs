//! `/healthz`, `/readyz`, `/metrics`, `/tasks` and `/listeners`, for a loopback listener.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::future::BoxFuture;
use serde::Serialize;

use super::{method_not_allowed, route_unknown};
use crate::runtime::task::Snapshot;

/// A service that can be watched.
pub trait Watched: Send + Sync + 'static {
    /// Why it cannot do its work at present; empty when it can.
    fn not_ready(&self) -> BoxFuture<'_, Vec<Unready>>;

    /// All its metrics, in the text format that Prometheus reads.
    fn metrics(&self) -> BoxFuture<'_, String>;

    /// What it does by itself, as it is now.
    fn tasks(&self) -> Vec<Snapshot>;

    /// Every address that it listens at.
    fn listeners(&self) -> Vec<SocketAddr>;
}

/// Why a server cannot do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Unready {
    /// The stable code.
    pub code: &'static str,
    /// What it is, in Japanese.
    pub japanese: &'static str,
    /// What it is, in English.
    pub english: &'static str,
}

impl Unready {
    /// A reason with its words.
    pub const fn new(code: &'static str, japanese: &'static str, english: &'static str) -> Self {
        Self { code, japanese, english }
    }
}

#[derive(Debug, Serialize)]
struct Readiness {
    ready: bool,
    reasons: Vec<Unready>,
}

/// The routes: `/healthz` (alive), `/readyz` (can do its work, with reasons), `/metrics`, `/tasks` (what it does by itself) and
/// `/listeners` (where it listens), both as JSON.
pub fn watch_router(watched: Arc<dyn Watched>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/tasks", get(tasks))
        .route("/listeners", get(listeners))
        .fallback(route_unknown)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(watched)
}

async fn ready(State(watched): State<Arc<dyn Watched>>) -> Response {
    let reasons = watched.not_ready().await;
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, axum::Json(Readiness { ready: reasons.is_empty(), reasons })).into_response()
}

async fn tasks(State(watched): State<Arc<dyn Watched>>) -> axum::Json<Vec<Snapshot>> {
    axum::Json(watched.tasks())
}

async fn listeners(State(watched): State<Arc<dyn Watched>>) -> axum::Json<Vec<SocketAddr>> {
    axum::Json(watched.listeners())
}

async fn metrics(State(watched): State<Arc<dyn Watched>>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], watched.metrics().await).into_response()
}
