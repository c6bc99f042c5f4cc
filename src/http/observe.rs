//! Counts requests and keeps those back who ask too often.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::{Metrics, Peer, Rate};
use crate::wire::problem::{Code, Problem};

/// What [`observe`] needs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Observer {
    listener: &'static str,
    metrics: Metrics,
    rate: Arc<Rate>,
}

impl Observer {
    /// For the listener of this name.
    pub fn new(listener: &'static str, metrics: Metrics, rate: Rate) -> Self {
        Self { listener, metrics, rate: Arc::new(rate) }
    }
}

/// A layer for the whole router (`axum::middleware::from_fn_with_state`).
pub async fn observe(State(observer): State<Observer>, request: Request, next: Next) -> Response {
    let began_at = Instant::now();
    let method = method(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let who = request.extensions().get::<Peer>().and_then(|peer| peer.certificate);
    let response = if who.is_none_or(|who| observer.rate.take(who, began_at)) {
        next.run(request).await
    } else {
        Problem::new(Code::TooManyRequests).into_response()
    };
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    let status = response.status();
    let labels = [observer.listener, method, route, status.as_str()];
    observer.metrics.requests_total.with_label_values(&labels).inc();
    let seconds = began_at.elapsed().as_secs_f64();
    observer.metrics.request_seconds.with_label_values(&[observer.listener]).observe(seconds);
    response
}

/// A label that cannot grow: anybody may invent a method.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
