//! What the API says about itself.

use axum::http::header;
use axum::response::IntoResponse;

const OPENAPI: &str = include_str!("openapi.json");

/// GET `/healthz`.
pub(super) async fn health() -> &'static str {
    "alive\n"
}

/// GET `/openapi.json`.
pub(super) async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI)
}
