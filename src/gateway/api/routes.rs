//! Every route of the API, with the scope that its token needs.

use std::sync::Arc;

use axum::Router;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, delete, get, head, options, patch, post};

use super::authorize::{Gate, authorize};
use super::{App, about, content, events, people, received, sent, uploads};
use crate::http::{Observer, method_not_allowed, observe, route_unknown};
use crate::store::gateway::tokens::Scope;

/// A route.
#[derive(Debug)]
pub struct Route {
    /// The method that it takes.
    pub method: Method,
    /// Its path, with `{id}` where an id stands.
    pub path: &'static str,
    /// Who may ask.
    pub access: Access,
    handler: MethodRouter<App>,
}

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Open,
    /// Whoever has a token.
    Token,
    /// Whoever has a token with this scope.
    Scope(Scope),
}

fn route(method: Method, path: &'static str, access: Access, handler: MethodRouter<App>) -> Route {
    Route { method, path, access, handler }
}

/// All of them.
pub fn routes() -> Vec<Route> {
    use Access::{Open, Token};
    let [read, fetch, see, send, people] = Scope::ALL.map(Access::Scope);
    vec![
        route(Method::GET, "/healthz", Open, get(about::health)),
        route(Method::GET, "/openapi.json", Open, get(about::openapi)),
        route(Method::GET, "/api/v1/received", read, get(received::list)),
        route(Method::GET, "/api/v1/received/{id}", read, get(received::show)),
        route(Method::GET, "/api/v1/received/{id}/receipts", read, get(received::receipts)),
        route(Method::HEAD, "/api/v1/received/{id}/content", fetch, head(content::head)),
        route(Method::GET, "/api/v1/received/{id}/content", fetch, get(content::get)),
        route(Method::OPTIONS, "/api/v1/uploads", send, options(uploads::options)),
        route(Method::POST, "/api/v1/uploads", send, post(uploads::create)),
        route(Method::GET, "/api/v1/uploads/{id}", send, get(uploads::show)),
        route(Method::HEAD, "/api/v1/uploads/{id}", send, head(uploads::standing)),
        route(Method::PATCH, "/api/v1/uploads/{id}", send, patch(uploads::append)),
        route(Method::DELETE, "/api/v1/uploads/{id}", send, delete(uploads::terminate)),
        route(Method::GET, "/api/v1/sent", see, get(sent::list)),
        route(Method::GET, "/api/v1/sent/{id}", see, get(sent::show)),
        route(Method::GET, "/api/v1/sent/{id}/receipts", see, get(sent::receipts)),
        route(Method::POST, "/api/v1/sent/{id}/recall", send, post(sent::recall)),
        route(Method::GET, "/api/v1/users", people, get(people::users)),
        route(Method::GET, "/api/v1/offices", people, get(people::offices)),
        route(Method::GET, "/api/v1/events", Token, get(events::list)),
    ]
}

/// A router of these routes, with problem documents where there is none.
pub(super) fn router(app: &App, observer: Observer) -> Router {
    let guarded = |route: Route| {
        let scope = match route.access {
            Access::Open => return (route.path, route.handler),
            Access::Token => None,
            Access::Scope(scope) => Some(scope),
        };
        let gate = Gate { app: Arc::clone(app), scope };
        (route.path, route.handler.route_layer(from_fn_with_state(gate, authorize)))
    };
    routes()
        .into_iter()
        .map(guarded)
        .fold(Router::new(), |all, (path, handler)| all.route(path, handler))
        .fallback(route_unknown)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(observer, observe))
        .with_state(Arc::clone(app))
}
