//! The enrolment page: for a browser, without client certificates. It does one thing: from the link in a mail, by the download
//! password, to `kenpoexpress.zip`.
//!
//! A wrong password, a link that nobody knows, and one that is expired or locked get the same answer after the same work.

mod kit;
mod tickets;
mod words;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Path, Request, State as Extract};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use zeroize::Zeroizing;

use self::kit::pack;
use self::tickets::{Ticket, Tickets};
use self::words::{Button, Form, Notice, STYLE, Trouble, field};
use super::state::{App, State};
use crate::http::{BodyReader, Observer, Peer, Rate, observe};
use crate::secret::{DownloadKeys, LoginVerifier, Salt, Token};
use crate::store::relay::enrolments::{self, Linked};
use crate::wire::enrolment::{KIT_FILE, KIT_PURPOSE};
use crate::wire::problem::{Code, Problem};

/// Passwords and kits that are worked on at the same time: each takes memory and a processor.
const AT_WORK: usize = 2;
/// How long somebody waits to be worked for.
const PATIENCE: Duration = Duration::from_secs(20);
/// Bytes of a form.
const FORM: usize = 4_096;
/// Nothing but what comes from here, and no script at all.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

struct Page {
    app: App,
    work: Semaphore,
    tickets: Tickets,
    tries: Rate<String>,
}

/// The page's routes.
pub(super) fn router(observer: Observer, app: App) -> Router {
    let tries = Rate::per_minute(app.config.enrolment.tries_per_minute);
    let page = Page { app, work: Semaphore::new(AT_WORK), tickets: Tickets::default(), tries };
    Router::new()
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/style.css", get(style))
        .route("/e/{token}", get(form).post(enter))
        .route("/kit", post(download))
        .fallback(|| async { (StatusCode::NOT_FOUND, Notice::unknown()) })
        .method_not_allowed_fallback(|| async { (StatusCode::METHOD_NOT_ALLOWED, Notice::unknown()) })
        .layer(from_fn(protect))
        .layer(from_fn_with_state(observer, observe))
        .with_state(Arc::new(page))
}

/// What browsers must keep to on every answer.
async fn protect(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE)
}

/// GET `/e/{token}`: the form, for whatever link. Whether there is such a link, only the right password is told.
async fn form() -> Form {
    Form { trouble: None }
}

/// POST `/e/{token}`: the password.
async fn enter(
    Extract(page): Extract<Arc<Page>>,
    Extension(peer): Extension<Peer>,
    Path(token): Path<String>,
    request: Request,
) -> Response {
    if !page.tries.take(peer.network(), Instant::now()) {
        return (StatusCode::TOO_MANY_REQUESTS, Form { trouble: Some(Trouble::TooOften) }).into_response();
    }
    let password = match page.read(request, "password").await {
        Ok(password) => password,
        Err(response) => return *response,
    };
    match page.check(&token, password).await {
        Ok(Some(ticket)) => Button { ticket: ticket.as_str() }.into_response(),
        Ok(None) => (StatusCode::FORBIDDEN, Form { trouble: Some(Trouble::Refused) }).into_response(),
        Err(problem) => failed(&problem),
    }
}

/// POST `/kit`: the ticket, for the ZIP.
async fn download(Extract(page): Extract<Arc<Page>>, request: Request) -> Response {
    let ticket = match page.read(request, "ticket").await {
        Ok(ticket) => ticket,
        Err(response) => return *response,
    };
    match page.pack(&ticket).await {
        Ok(Some(zip)) => {
            let kind = HeaderValue::from_static("application/zip");
            let name = format!("attachment; filename=\"{KIT_FILE}\"");
            ([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, header_value(&name))], zip).into_response()
        }
        Ok(None) => (StatusCode::FORBIDDEN, Notice::again()).into_response(),
        Err(problem) => failed(&problem),
    }
}

fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("the name of the file is ASCII")
}

fn failed(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, Notice::failed()).into_response()
}

impl Page {
    /// One field of a form.
    async fn read(&self, request: Request, name: &str) -> Result<Zeroizing<String>, Box<Response>> {
        let refused = |problem: Problem| Box::new(failed(&problem));
        let body = BodyReader::new(request, &self.app.config.limits).collect(FORM).await;
        let body = body.map_err(|error| refused(error.into()))?;
        Ok(field(&body, name).unwrap_or_default())
    }

    /// A ticket, when link and password are right.
    async fn check(&self, token: &str, password: Zeroizing<String>) -> Result<Option<Token>, Problem> {
        let app = &self.app;
        let Ok(Ok(_place)) = timeout(PATIENCE, self.work.acquire()).await else {
            return Err(Problem::new(Code::Unavailable));
        };
        let mut transaction = app.database.write().await?;
        let linked = enrolments::count(&mut transaction, Token::hash_of(token), app.clock.now()).await?;
        app.database.commit(transaction).await?;
        // Without a link the same work is done for nothing.
        let (salt, verifier) = linked.as_ref().map_or_else(nobody, |linked| (linked.salt, linked.verifier.clone()));
        let work = move || {
            let keys = DownloadKeys::derive(&password, &salt);
            verifier.accepts(&keys.proof).then_some(keys.kit)
        };
        let opened = blocking(work).await?;
        let (Some(linked), Some(key)) = (linked, opened) else {
            tracing::warn!(code = "enrolment.refused", "a link or download password was refused");
            return Ok(None);
        };
        let Linked { user, id, link, kit, .. } = linked;
        let Ok(kit) = key.open(KIT_PURPOSE, &kit) else {
            tracing::error!(code = "enrolment.kit-shut", enrolment = %id, "the kit does not open with its password");
            return Ok(None);
        };
        let mut transaction = app.database.write().await?;
        enrolments::proved(&mut transaction, user, id).await?;
        app.database.commit(transaction).await?;
        let ticket = Token::new(app.random.as_ref());
        self.tickets.put(ticket.hash(), Ticket { user, link, kit }, app.clock.now());
        Ok(Some(ticket))
    }

    /// The ZIP for a ticket, as long as its link leads to it.
    async fn pack(&self, ticket: &str) -> Result<Option<Vec<u8>>, Problem> {
        let app: &State = &self.app;
        let Some(ticket) = self.tickets.find(Token::hash_of(ticket), app.clock.now()) else { return Ok(None) };
        let Ok(Ok(_place)) = timeout(PATIENCE, self.work.acquire()).await else {
            return Err(Problem::new(Code::Unavailable));
        };
        let mut transaction = app.database.write().await?;
        let open = enrolments::downloaded(&mut transaction, ticket.user, ticket.link, app.clock.now()).await?;
        app.database.commit(transaction).await?;
        if !open {
            return Ok(None);
        }
        let folder = app.config.enrolment.app.clone();
        let packed = blocking(move || pack(&ticket.kit, &folder)).await?;
        let zip = packed.map_err(|error| {
            tracing::error!(code = "enrolment.not-packed", %error, "the ZIP cannot be made");
            Problem::new(Code::Internal)
        })?;
        Ok(Some(zip))
    }
}

/// Salt and verifier of nobody: no password fits.
fn nobody() -> (Salt, LoginVerifier) {
    (Salt::from([0; 16]), LoginVerifier::from_bytes([0; 32]))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Problem::new(Code::Internal))
}
