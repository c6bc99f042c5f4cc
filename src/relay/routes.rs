//! Every route of the relay, in one list for each listener.

use axum::Router;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, delete, get, head, options, patch, post, put};

use super::caller::{SessionCaller, UnionCaller};
use super::handlers::{
    about, acknowledgements, certificates, deliveries, enrolment, handshake, inbox, login, notices, parcels, pin,
    requests, sent, union, uploads, users, withdrawals,
};
use super::state::App;
use crate::http::{Observer, method_not_allowed, observe, route_unknown};

/// A route.
#[derive(Debug)]
pub struct Route {
    /// The method that it takes.
    pub method: Method,
    /// Its path, with `{id}` where an id stands.
    pub path: &'static str,
    handler: MethodRouter<App>,
}

fn route(method: Method, path: &'static str, handler: MethodRouter<App>) -> Route {
    Route { method, path, handler }
}

/// The routes of the VPN listener.
pub fn union_routes() -> Vec<Route> {
    vec![
        route(Method::GET, "/healthz", get(about::health)),
        route(Method::GET, "/openapi.json", get(about::union_openapi)),
        route(Method::GET, "/union/v1/handshake", get(handshake::show)),
        route(Method::GET, "/union/v1/parcels", get(parcels::list)),
        route(Method::GET, "/union/v1/parcels/{id}/content", get(parcels::content)),
        route(Method::POST, "/union/v1/acknowledgements", post(acknowledgements::create)),
        route(Method::OPTIONS, "/union/v1/uploads", options(uploads::options)),
        route(Method::POST, "/union/v1/uploads", post(uploads::create::<UnionCaller>)),
        route(Method::HEAD, "/union/v1/uploads/{id}", head(uploads::show::<UnionCaller>)),
        route(Method::PATCH, "/union/v1/uploads/{id}", patch(uploads::append::<UnionCaller>)),
        route(Method::DELETE, "/union/v1/uploads/{id}", delete(uploads::terminate::<UnionCaller>)),
        route(Method::GET, "/union/v1/deliveries", get(deliveries::list)),
        route(Method::GET, "/union/v1/deliveries/{id}", get(deliveries::show)),
        route(Method::GET, "/union/v1/deliveries/{id}/content", get(deliveries::content)),
        route(Method::PUT, "/union/v1/deliveries/{id}/withdrawal", put(withdrawals::withdraw)),
        route(Method::POST, "/union/v1/deliveries/{id}/reminder", post(deliveries::remind)),
        route(Method::GET, "/union/v1/delivery-events", get(deliveries::events)),
        route(Method::PUT, "/union/v1/certificates", put(certificates::replace)),
        route(Method::GET, "/union/v1/users", get(users::list)),
        route(Method::PUT, "/union/v1/users/{user}", put(users::replace)),
        route(Method::POST, "/union/v1/users/{user}/disable", post(users::disable)),
        route(Method::POST, "/union/v1/users/{user}/enable", post(users::enable)),
        route(Method::PUT, "/union/v1/users/{user}/enrolment", put(enrolment::open)),
        route(Method::POST, "/union/v1/users/{user}/link", post(enrolment::link)),
        route(Method::POST, "/union/v1/users/{user}/notices", post(enrolment::notify)),
        route(Method::GET, "/union/v1/certificate-requests", get(requests::list)),
        route(Method::POST, "/union/v1/certificate-requests/{id}/answer", post(requests::answer)),
    ]
}

/// The routes of the employers' listener.
pub fn employer_routes() -> Vec<Route> {
    vec![
        route(Method::GET, "/healthz", get(about::health)),
        route(Method::GET, "/openapi.json", get(about::employer_openapi)),
        route(Method::GET, "/employer/v1/union", get(union::show)),
        route(Method::POST, "/employer/v1/pin/{pc}", post(pin::evaluate)),
        route(Method::POST, "/employer/v1/pin/{pc}/proof", post(pin::prove)),
        route(Method::POST, "/employer/v1/certificate-requests", post(requests::create)),
        route(Method::GET, "/employer/v1/certificate-requests/{id}", get(requests::show)),
        route(Method::POST, "/employer/v1/login", post(login::begin)),
        route(Method::POST, "/employer/v1/logout", post(login::end)),
        route(Method::POST, "/employer/v1/password", post(login::change)),
        route(Method::OPTIONS, "/employer/v1/uploads", options(uploads::options)),
        route(Method::POST, "/employer/v1/uploads", post(uploads::create::<SessionCaller>)),
        route(Method::HEAD, "/employer/v1/uploads/{id}", head(uploads::show::<SessionCaller>)),
        route(Method::PATCH, "/employer/v1/uploads/{id}", patch(uploads::append::<SessionCaller>)),
        route(Method::DELETE, "/employer/v1/uploads/{id}", delete(uploads::terminate::<SessionCaller>)),
        route(Method::GET, "/employer/v1/sent", get(sent::list)),
        route(Method::GET, "/employer/v1/sent/{id}", get(sent::show)),
        route(Method::GET, "/employer/v1/inbox", get(inbox::list)),
        route(Method::GET, "/employer/v1/inbox/{id}/content", get(inbox::content)),
        route(Method::POST, "/employer/v1/acknowledgements", post(inbox::acknowledge)),
        route(Method::GET, "/employer/v1/withdrawals", get(withdrawals::list)),
        route(Method::GET, "/employer/v1/notices", get(notices::show)),
        route(Method::PUT, "/employer/v1/notices", put(notices::choose)),
    ]
}

/// A router of these routes, with problem documents where there is none.
pub fn router(routes: Vec<Route>, observer: Observer, app: App) -> Router {
    routes
        .into_iter()
        .fold(Router::new(), |all, route| all.route(route.path, route.handler))
        .fallback(route_unknown)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(observer, observe))
        .with_state(app)
}
