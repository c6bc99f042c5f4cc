//! `certificate-requests` on both sides: sealed from the app to the union, signed from the union to the app.

use axum::Extension;
use axum::extract::State;

use super::users::{not_found_or_taken, read, registered};
use super::{Window, detached, wait_for};
use crate::domain::ids::RequestId;
use crate::http::{Json, PathId, Peer, Query};
use crate::message::words::MAX_WORDS;
use crate::relay::caller::{AnyCaller, UnionCaller};
use crate::relay::state::App;
use crate::store::relay::requests::{self, Posted, Standing};
use crate::store::relay::{logins, sessions, users};
use crate::wire::Der;
use crate::wire::enrolment::{CertificateRequest, PendingRequest, RequestState};
use crate::wire::page::{Cursor, MAX_WAIT_SECONDS, Page, PageQuery, WaitQuery};
use crate::wire::problem::{Code, Problem};
use crate::wire::union::{Confirmation, RequestAnswer};

/// POST `/employer/v1/certificate-requests`. The same one again is found again.
pub async fn create(
    State(app): State<App>,
    AnyCaller(user): AnyCaller,
    Json(CertificateRequest { id, sealed }): Json<CertificateRequest>,
) -> Result<Json<RequestState>, Problem> {
    if sealed.0.is_empty() {
        return Err(Problem::new(Code::RequestMalformed).with_detail("there is nothing in the request"));
    }
    if sealed.0.len() > MAX_WORDS {
        return Err(Problem::new(Code::RequestTooLarge));
    }
    let mut transaction = app.database.write().await?;
    let posted = requests::post(&mut transaction, &user.union, user.seq, id, &sealed.0, app.clock.now()).await?;
    app.database.commit(transaction).await?;
    match posted {
        Posted::New(standing) => {
            app.requests.of(&user.union).notify_waiters();
            let code = "certificate-request.taken";
            tracing::info!(code, union = %user.union, user = %user.id, request = %id, "a request for certificates");
            Ok(Json(state(id, standing)))
        }
        Posted::Known(standing) => Ok(Json(state(id, standing))),
        Posted::Conflict => Err(Problem::new(Code::RequestConflict)),
        Posted::TooMany => {
            let detail = "too many requests of this user wait for the union or came within a day: try again tomorrow";
            Err(Problem::new(Code::TooManyRequests).with_detail(detail))
        }
    }
}

/// GET `/employer/v1/certificate-requests/{id}`: how it stands; with `wait`, once there is an answer.
pub async fn show(
    State(app): State<App>,
    AnyCaller(user): AnyCaller,
    Extension(peer): Extension<Peer>,
    PathId(id): PathId<RequestId>,
    Query(WaitQuery { wait }): Query<WaitQuery>,
) -> Result<Json<RequestState>, Problem> {
    let wait = wait.unwrap_or(0);
    if wait > MAX_WAIT_SECONDS {
        let detail = format!("wait must be at most {MAX_WAIT_SECONDS}");
        return Err(Problem::new(Code::RequestMalformed).with_detail(detail));
    }
    let bell = app.requests.of(&user.union);
    let look = async || {
        let standing = requests::find(app.database.read(), user.seq, id).await?;
        standing.ok_or_else(|| Problem::new(Code::RequestUnknown))
    };
    let standing = wait_for(&app, &peer, &bell, wait.into(), look, |standing| standing.answer.is_some()).await?;
    Ok(Json(state(id, standing)))
}

/// GET `/union/v1/certificate-requests`: those without an answer, oldest first; with `wait`, once there is one.
pub async fn list(
    State(app): State<App>,
    UnionCaller(union): UnionCaller,
    Extension(peer): Extension<Peer>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<PendingRequest>>, Problem> {
    let window = Window::new(query)?.at_most(MOST);
    let bell = app.requests.of(&union.insurer);
    let look = async || {
        let rows = requests::pending(app.database.read(), &union.insurer, window.after, window.rows()).await?;
        let items = rows.into_iter().map(|row| PendingRequest {
            id: row.id,
            cursor: Cursor(row.seq),
            user: row.user,
            sealed: Der(row.sealed),
            received_at: row.received_at,
        });
        Ok(window.page(items.collect(), |request: &PendingRequest| request.cursor))
    };
    wait_for(&app, &peer, &bell, window.wait, look, |page| !page.items.is_empty()).await.map(Json)
}

/// Rows of a page: each may have [`MAX_WORDS`].
const MOST: usize = 100;

/// POST `/union/v1/certificate-requests/{id}/answer`: the answer, and who may come in with it, at once. The same answer again
/// changes nothing; another one takes its place.
pub async fn answer(
    State(app): State<App>,
    UnionCaller(union): UnionCaller,
    PathId(id): PathId<RequestId>,
    Json(RequestAnswer { answer, registration, login }): Json<RequestAnswer>,
) -> Result<Json<Confirmation>, Problem> {
    if answer.0.is_empty() || answer.0.len() > MAX_WORDS {
        return Err(Problem::new(Code::RequestMalformed).with_detail("the answer is empty or too large"));
    }
    let this = app.clone();
    detached(&app, async move {
        let (now, insurer) = (this.clock.now(), &union.insurer);
        let mut transaction = this.database.write().await?;
        let answered = requests::answer(&mut transaction, insurer, id, &answer.0, now).await?;
        let answered = answered.ok_or_else(|| Problem::new(Code::RequestUnknown))?;
        if let Some(at) = answered.before {
            return Ok(Json(Confirmation { at }));
        }
        let user = answered.user;
        let registration = registration.map(|given| read(&given, &union, &user, now)).transpose()?;
        if let Some(registration) = &registration {
            users::put(&mut transaction, insurer, &user, registration, now).await.map_err(not_found_or_taken)?;
        }
        if let Some(verifier) = &login {
            let seq = users::find(&mut *transaction, insurer, &user).await?;
            let seq = seq.ok_or_else(|| Problem::new(Code::UserUnknown))?;
            logins::set(&mut transaction, seq, verifier, true).await?;
            sessions::end_all(&mut transaction, seq).await?;
        }
        this.database.commit(transaction).await?;
        if let Some(registration) = &registration {
            registered(&this, &union, &user, registration).await?;
        }
        this.requests.of(insurer).notify_waiters();
        tracing::info!(code = "certificate-request.answered", union = %insurer, %user, request = %id, "answered");
        Ok(Json(Confirmation { at: now }))
    })
    .await
}

fn state(id: RequestId, standing: Standing) -> RequestState {
    RequestState { id, received_at: standing.received_at, answer: standing.answer.map(Der) }
}
