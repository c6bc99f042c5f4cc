//! What stands before every page: which language, whether the request comes from our own pages, who asks, whether the page is for
//! them. What a handler could not do becomes a page here.

use std::sync::Arc;

use axum::RequestExt;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use super::asked::{Asked, cookie};
use super::fault::Fault;
use super::fields::Fields;
use super::frame::{Bounce, Frame, Trouble, html};
use super::lang;
use super::session::{self, Step, Visitor};
use super::sign_in::again::Matter;
use super::words::settings::Settings;
use super::{App, Console, assets, sign_in};
use crate::domain::staff::Duty;
use crate::http::BodyReader;

/// Bytes of a form.
const FORM: usize = 256 * 1024;
/// Parts of a file's page that show what is in it.
const LOOKED_AT: [&str; 2] = ["/file", "/preview"];
/// Where a script puts the token that a form has in a field.
const CSRF_HEADER: &str = "x-kx-csrf";

/// Whom a route is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Open,
    /// Whoever has to do this next to be signed in.
    Step(Step),
    /// Whoever is signed in.
    Staff,
    /// Whoever is signed in and does this.
    Duty(Duty),
}

/// Stands before a route.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    pub(super) app: App,
    pub(super) access: Access,
    /// Whether the handler itself reads a form with files, as it comes, by `Form`, which looks for the token.
    pub(super) streams: bool,
    /// What is done here, where the own password is asked for once more before it.
    pub(super) asks_again: Option<fn(&Settings) -> &'static str>,
    /// How many parts of its address are the page that it belongs to.
    pub(super) page: usize,
}

/// The layer of every route but that of [`asset`].
pub(super) async fn enter(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let asked = Asked::of(&request);
    request.extensions_mut().insert(asked.clone());
    let (response, visitor) = match gate.admit(&asked, &mut request).await {
        Ok(Admitted::Somebody(visitor)) => {
            request.extensions_mut().insert(visitor.clone());
            (gate.run(&asked, request, Some(&visitor), next).await, Some(visitor))
        }
        Ok(Admitted::Anybody) => (gate.run(&asked, request, None, next).await, None),
        Ok(Admitted::NotYet(visitor)) => (Fault::duty().into_response(), Some(visitor)),
        Ok(Admitted::Elsewhere(response)) => (*response, None),
        Err(fault) => (fault.into_response(), who(&gate.app, &asked, request.headers()).await),
    };
    finish(&asked, visitor.as_deref(), response)
}

/// GET of what pages are made with.
pub(super) async fn asset(app: State<App>, Path(name): Path<String>, request: Request) -> Response {
    match assets::find(&name) {
        Some(asset) => asset,
        None => unknown(app, request).await,
    }
}

/// Where there is no such page.
pub(super) async fn unknown(State(app): State<App>, request: Request) -> Response {
    nowhere(&app, &Asked::of(&request), request.method(), request.headers(), Fault::missing()).await
}

/// Where the page takes other methods.
pub(super) async fn not_allowed(State(app): State<App>, request: Request) -> Response {
    nowhere(&app, &Asked::of(&request), request.method(), request.headers(), Fault::method()).await
}

/// What is said where no route is, within the frame of whoever is signed in.
async fn nowhere(app: &Console, asked: &Asked, method: &Method, headers: &HeaderMap, fault: Fault) -> Response {
    let visitor = who(app, asked, headers).await;
    let response = match visitor {
        None if is_linked(method, headers) => once_more(asked, String::new()).into_response(),
        _ => fault.into_response(),
    };
    finish(asked, visitor.as_deref(), response)
}

/// Who asks, as far as that can be told: for the frame around a fault.
async fn who(app: &Console, asked: &Asked, headers: &HeaderMap) -> Option<Arc<Visitor>> {
    let token = cookie(headers, session::COOKIE)?;
    session::find(app, asked, token, false).await.ok().flatten().map(Arc::new)
}

/// A link on another site brings no cookie along. Asked for once more from here, the browser does.
fn is_linked(method: &Method, headers: &HeaderMap) -> bool {
    is_safe(method) && headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site")
}

fn once_more(asked: &Asked, to: String) -> Result<Response, Fault> {
    html(&Bounce { f: Frame::outside(asked), to })
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

enum Admitted {
    Anybody,
    Somebody(Arc<Visitor>),
    /// Signed in, and the page is not for this role.
    NotYet(Arc<Visitor>),
    /// First another page.
    Elsewhere(Box<Response>),
}

impl Gate {
    async fn admit(&self, asked: &Asked, request: &mut Request) -> Result<Admitted, Fault> {
        let is_safe = is_safe(request.method());
        if !is_safe && !is_from_here(request.headers()) {
            return Err(Fault::foreign());
        }
        if self.access == Access::Open {
            return Ok(Admitted::Anybody);
        }
        let token = cookie(request.headers(), session::COOKIE).map(str::to_owned);
        let is_live = request.headers().get(header::ACCEPT).is_some_and(|kind| kind == "text/event-stream");
        let found = match token {
            None => None,
            Some(token) => session::find(&self.app, asked, &token, !is_live).await?,
        };
        let Some(visitor) = found.map(Arc::new) else {
            return Ok(Admitted::Elsewhere(Box::new(if is_linked(request.method(), request.headers()) {
                once_more(asked, instead(&asked.path))?
            } else {
                let page = if is_safe { asked.path.as_str() } else { self.page_of(&asked.path) };
                Redirect::to(&sign_in::address(asked, page)).into_response()
            })));
        };
        let step = visitor.session.step();
        let is_due = match self.access {
            Access::Step(wanted) => step == wanted,
            _ => step == Step::Done,
        };
        if !is_due {
            let next = sign_in::page_of(step, &visitor, asked);
            return Ok(Admitted::Elsewhere(Box::new(Redirect::to(&next).into_response())));
        }
        Ok(match self.access {
            Access::Duty(duty) if !visitor.session.role.may(duty) => Admitted::NotYet(visitor),
            _ => Admitted::Somebody(visitor),
        })
    }

    /// The page that a form stands on; nothing when there is none.
    fn page_of<'a>(&self, path: &'a str) -> &'a str {
        path.match_indices('/').nth(self.page).map_or(path, |(end, _)| &path[..end])
    }

    /// Reads the form of what changes something, and looks for the session's token in it. Whoever has the token in a header reads the body, and
    /// asks [`session::still`] after it.
    async fn run(&self, asked: &Asked, mut request: Request, visitor: Option<&Visitor>, next: Next) -> Response {
        if is_safe(request.method()) {
            return next.run(request).await;
        }
        let shown = request.headers().get(CSRF_HEADER).and_then(|token| token.to_str().ok());
        if let (Some(visitor), Some(shown), None) = (visitor, shown, self.asks_again) {
            return if visitor.has_csrf(shown) { next.run(request).await } else { Fault::foreign().into_response() };
        }
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if self.streams && kind.is_some_and(|kind| kind.starts_with("multipart/form-data")) {
            return next.run(request).await;
        }
        let subject = request.extract_parts::<Path<String>>().await;
        let (parts, body) = request.into_parts();
        let reader = BodyReader::new(Request::from_parts(parts.clone(), body), &self.app.limits);
        let form = match reader.collect(FORM).await {
            Ok(body) => Fields::parse(&body),
            Err(error) => return Fault::from(error).into_response(),
        };
        if let Some(visitor) = visitor {
            if !visitor.has_csrf(form.get("csrf")) {
                return Fault::foreign().into_response();
            }
            if let Some(called) = self.asks_again {
                let subject = subject.as_ref().map_or(form.get("name"), |Path(id)| id.as_str());
                let matter = Matter { called, subject, page: self.page_of(&asked.path) };
                match self.app.asks_again(&matter, asked, visitor, &form).await {
                    Ok(None) => (),
                    Ok(Some(page)) => return page,
                    Err(fault) => return fault.into_response(),
                }
            }
            // A form may take minutes to come.
            if let Err(fault) = session::still(&self.app, visitor).await {
                return fault.into_response();
            }
        }
        request = Request::from_parts(parts, axum::body::Body::empty());
        request.extensions_mut().insert(form);
        next.run(request).await
    }
}

/// What a link on another site leads to: nothing that is written down as looked at, but the page of which that is a part.
fn instead(path: &str) -> String {
    let of_file = LOOKED_AT.iter().find_map(|end| path.strip_suffix(end));
    of_file.map(str::to_owned).unwrap_or_default()
}

/// Whether a browser says that the request comes from a page of this very server. One that says nothing of it is too old.
fn is_from_here(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin";
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    let origin = origin.and_then(|origin| origin.parse::<Uri>().ok());
    origin.is_some_and(|origin| {
        origin.scheme_str() == Some("https") && origin.authority().is_some_and(|authority| authority.as_str() == host)
    })
}

/// A fault becomes a page, a choice of language a cookie.
fn finish(asked: &Asked, visitor: Option<&Visitor>, mut response: Response) -> Response {
    if let Some(fault) = response.extensions_mut().remove::<Fault>() {
        let f = visitor.map_or_else(|| Frame::outside(asked), |visitor| Frame::new(asked, visitor));
        let [what, meaning, remedy] = fault.say(asked.lang.words());
        let page = html(&Trouble { f, what, meaning, remedy });
        response = page.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response());
        *response.status_mut() = fault.status;
    }
    if !asked.query.get("lang").is_empty() {
        let code = asked.lang.code();
        let cookie = format!("{}={code}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=31536000", lang::COOKIE);
        let cookie = HeaderValue::from_str(&cookie).expect("names and codes are ASCII");
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| ((*name).parse().unwrap(), HeaderValue::from_static(value)));
        pairs.collect::<HeaderMap>()
    }

    #[test]
    fn only_our_own_pages_may_change_something() {
        let host = ("host", "kx.example:8443");
        assert!(is_from_here(&headers(&[host, ("sec-fetch-site", "same-origin")])));
        assert!(is_from_here(&headers(&[host, ("origin", "https://kx.example:8443")])));
        for foreign in [
            &[host][..],
            &[host, ("sec-fetch-site", "cross-site")],
            &[host, ("sec-fetch-site", "same-site"), ("origin", "https://kx.example:8443")],
            &[host, ("sec-fetch-site", "none")],
            &[host, ("origin", "null")],
            &[host, ("origin", "http://kx.example:8443")],
            &[host, ("origin", "https://kx.example:8443.evil.example")],
            &[host, ("origin", "https://evil.example")],
        ] {
            assert!(!is_from_here(&headers(foreign)), "{foreign:?}");
        }
    }
}
