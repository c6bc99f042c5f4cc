//! `certificate-requests` on both sides: sealed from the app to the union, signed from the union to the app.

use axum::Extension;
use axum::extract::State;
use jiff::Timestamp;

use super::order::{Numbered, Order, not_found_or_taken, overtaken};
use super::users::{read, registered};
use super::{Window, detached, wait_for};
use crate::domain::ids::{InsurerNumber, RequestId};
use crate::http::{Json, PathId, Peer, Query};
use crate::message::words::MAX_WORDS;
use crate::relay::caller::{AnyCaller, UnionCaller};
use crate::relay::state::App;
use crate::store::relay::requests::{self, Given, Posted, Standing};
use crate::store::relay::users;
use crate::store::sqlite::Connection;
use crate::wire::Der;
use crate::wire::enrolment::{CertificateRequest, PendingRequest, RequestState};
use crate::wire::page::{Cursor, MAX_WAIT_SECONDS, Page, PageQuery, WaitQuery};
use crate::wire::problem::{Code, Problem};
use crate::wire::union::{Confirmation, OrderNumber, RequestAnswer};

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
            app.requests.ring(&user.union);
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
/// changes nothing; a later one takes its place.
pub async fn answer(
    State(app): State<App>,
    UnionCaller(union): UnionCaller,
    PathId(id): PathId<RequestId>,
    Numbered(number): Numbered,
    Json(RequestAnswer { answer, registration }): Json<RequestAnswer>,
) -> Result<Json<Confirmation>, Problem> {
    if answer.0.is_empty() || answer.0.len() > MAX_WORDS {
        return Err(Problem::new(Code::RequestMalformed).with_detail("the answer is empty or too large"));
    }
    let this = app.clone();
    detached(&app, async move {
        let insurer = &union.insurer;
        let user = requests::owner(this.database.read(), insurer, id).await?;
        let user = user.ok_or_else(|| Problem::new(Code::RequestUnknown))?;
        let given = if let Some(registration) = registration {
            let registration = read(&registration, &union, &user, this.clock.now())?;
            let mut order = Order::begin(&this, &union, &user, number).await?;
            let now = order.now;
            let given = give(&mut order.transaction, insurer, id, number, &answer.0, now).await?;
            if given.is_none() {
                users::put(&mut order.transaction, insurer, &user, &registration, now)
                    .await
                    .map_err(not_found_or_taken)?;
                order.commit().await?;
                registered(&union, &user, &registration);
            }
            given.unwrap_or(now)
        } else {
            // It changes nothing about the user: only another answer to the same request can overtake it.
            let (mut transaction, now) = (this.database.write().await?, this.clock.now());
            let given = give(&mut transaction, insurer, id, number, &answer.0, now).await?;
            this.database.commit(transaction).await?;
            given.unwrap_or(now)
        };
        this.requests.ring(insurer);
        tracing::info!(code = "certificate-request.answered", union = %insurer, %user, request = %id, "answered");
        Ok(Json(Confirmation { at: given }))
    })
    .await
}

/// Gives an answer; the moment when it was given before, if it was.
async fn give(
    connection: &mut Connection,
    insurer: &InsurerNumber,
    id: RequestId,
    number: OrderNumber,
    answer: &[u8],
    now: Timestamp,
) -> Result<Option<Timestamp>, Problem> {
    match requests::answer(connection, insurer, id, number, answer, now).await? {
        Some(Given::Now) => Ok(None),
        Some(Given::Before(at)) => Ok(Some(at)),
        Some(Given::Overtaken(by)) => Err(overtaken(by)),
        None => Err(Problem::new(Code::RequestUnknown)),
    }
}

fn state(id: RequestId, standing: Standing) -> RequestState {
    RequestState { id, received_at: standing.received_at, answer: standing.answer.map(Der) }
}
