//! What the relay says about itself on its main listeners.

use axum::http::header;
use axum::response::IntoResponse;

const UNION: &str = include_str!("../openapi/union.json");
const EMPLOYER: &str = include_str!("../openapi/employer.json");

/// GET `/healthz`.
pub async fn health() -> &'static str {
    "alive\n"
}

/// GET `/openapi.json` on the VPN listener.
pub async fn union_openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], UNION)
}

/// GET `/openapi.json` on the employers' listener.
pub async fn employer_openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], EMPLOYER)
}
