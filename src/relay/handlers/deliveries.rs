//! `/union/v1/deliveries` and `/union/v1/delivery-events`: what a union has sent, and what became of it.

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};

use super::content::Part;
use super::{Window, detached, wait_for};
use crate::domain::ids::{InsurerNumber, MessageId};
use crate::http::{Json, PathId, Peer, Query};
use crate::relay::bytes::Key;
use crate::relay::caller::UnionCaller;
use crate::relay::state::App;
use crate::relay::tasks::REMINDED;
use crate::store::relay::deliveries::{self, endings, events, recipients};
use crate::wire::Der;
use crate::wire::delivery::{Delivery, DeliveryEvent, DeliveryState, MAX_RECIPIENTS};
use crate::wire::page::{Cursor, Page, PageQuery};
use crate::wire::problem::{Code, Problem};
use crate::wire::union::Confirmation;

/// Rows of a page of deliveries.
const MOST: usize = 100;

/// Recipients of all deliveries of a page together, unless it is one delivery: each may bring receipts along.
const MOST_RECIPIENTS: u64 = MAX_RECIPIENTS as u64;

/// Rows of a page of events: each may bring a receipt along.
const MOST_EVENTS: usize = 200;

/// GET: everything that the union has sent, oldest first.
pub async fn list(
    State(app): State<App>,
    UnionCaller(union): UnionCaller,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<Delivery>>, Problem> {
    let window = Window::new(query)?.at_most(MOST);
    let mut rows = deliveries::page(app.database.read(), &union.insurer, window.after, window.rows()).await?;
    let mut recipients = 0;
    let fitting = rows.iter().take_while(|row| {
        let first = recipients == 0;
        recipients += row.recipients.max(1);
        first || recipients <= MOST_RECIPIENTS
    });
    let fitting = fitting.count().min(window.limit);
    let more = rows.len() > fitting;
    rows.truncate(fitting);
    let items = with_recipients(&app, rows).await?;
    Ok(Json(Page { next: items.last().map(|delivery| delivery.cursor), more, items }))
}

/// GET `/{id}`: one of them.
pub async fn show(
    State(app): State<App>,
    UnionCaller(union): UnionCaller,
    PathId(id): PathId<MessageId>,
) -> Result<Json<Delivery>, Problem> {
    let found = find(&app, &union.insurer, id).await?;
    let found = with_recipients(&app, vec![found]).await?.pop();
    found.map(Json).ok_or_else(unknown)
}

/// GET `/{id}/content`: the sealed bytes, or with `Range` one part of them, while they are kept.
pub async fn content(
    State(app): State<App>,
    UnionCaller(union): UnionCaller,
    Extension(peer): Extension<Peer>,
    PathId(id): PathId<MessageId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let delivery = find(&app, &union.insurer, id).await?;
    if delivery.delete_at.is_none() {
        return Err(Problem::new(Code::DeliveryEnded));
    }
    let part = match Part::asked(&headers, delivery.size) {
        Ok(part) => part,
        Err(outside) => return Ok(outside.into_response()),
    };
    let body = part.read(&app, &Key { union: union.insurer.clone(), id }).await?;
    body.map(|body| part.answer(body, &peer)).ok_or_else(|| Problem::new(Code::DeliveryEnded))
}

/// POST `/{id}/reminder`: those who have not fetched it are to be reminded by mail, unless they were within a day.
pub async fn remind(
    State(app): State<App>,
    UnionCaller(union): UnionCaller,
    PathId(id): PathId<MessageId>,
) -> Result<Json<Confirmation>, Problem> {
    let this = app.clone();
    detached(&app, async move {
        let now = this.clock.now();
        let mut transaction = this.database.write().await?;
        let delivery = deliveries::find(&mut *transaction, &union.insurer, id).await?.ok_or_else(unknown)?;
        let ended = matches!(delivery.state(), DeliveryState::Withdrawn | DeliveryState::Expired);
        if ended || delivery.expires_at <= now {
            return Err(Problem::new(Code::DeliveryEnded));
        }
        let since = now.checked_sub(REMINDED).unwrap_or(now);
        let reminded = endings::remind(&mut transaction, delivery.seq, since, now).await?;
        this.database.commit(transaction).await?;
        if reminded.is_some() {
            this.events.ring(&union.insurer);
            this.ring_outbox();
        }
        tracing::info!(code = "delivery.reminder", union = %union.insurer, message = %id, "a reminder was asked for");
        Ok(Json(Confirmation { at: now }))
    })
    .await
}

/// GET `/union/v1/delivery-events`: what became of what the union has sent; with `wait`, once there is something.
pub async fn events(
    State(app): State<App>,
    UnionCaller(union): UnionCaller,
    Extension(peer): Extension<Peer>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<DeliveryEvent>>, Problem> {
    let window = Window::new(query)?.at_most(MOST_EVENTS);
    let bell = app.events.of(&union.insurer);
    let look = async || {
        let rows = events::page(app.database.read(), &union.insurer, window.after, window.rows()).await?;
        Ok(window.page(rows, |event| event.cursor))
    };
    wait_for(&app, &peer, &bell, window.wait, look, |page| !page.items.is_empty()).await.map(Json)
}

async fn find(app: &App, union: &InsurerNumber, id: MessageId) -> Result<deliveries::Delivery, Problem> {
    deliveries::find(app.database.read(), union, id).await?.ok_or_else(unknown)
}

async fn with_recipients(app: &App, rows: Vec<deliveries::Delivery>) -> Result<Vec<Delivery>, Problem> {
    let places: Vec<i64> = rows.iter().map(|row| row.seq).collect();
    let mut recipients = recipients::of(&mut *app.database.reader().await?, &places).await?;
    let items = rows.into_iter().map(|row| Delivery {
        id: row.id,
        cursor: Cursor(row.seq),
        state: row.state(),
        size: row.size,
        tag: row.tag,
        deposited_at: row.deposited_at,
        expires_at: row.expires_at,
        kept: row.delete_at.is_some(),
        recipients: recipients.remove(&row.seq).unwrap_or_default(),
        relayed: row.relayed.map(Der),
        statement: row.statement.map(Der),
        place: row.place.map(Der),
    });
    Ok(items.collect())
}

fn unknown() -> Problem {
    Problem::new(Code::ParcelUnknown)
}
