//! `/employer/v1/inbox` and `/employer/v1/acknowledgements`: what waits for a user, and that the user has it.

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};

use super::acknowledgements::{Checked, Refused, check_all, label};
use super::content::Part;
use super::{Window, detached, wait_for};
use crate::domain::ids::MessageId;
use crate::failpoint;
use crate::http::{Json, PathId, Peer, Query};
use crate::relay::bytes::Key;
use crate::relay::caller::SessionCaller;
use crate::relay::registry::User;
use crate::relay::state::App;
use crate::store::relay::deliveries::inbox;
use crate::store::relay::users;
use crate::wire::delivery::InboxParcel;
use crate::wire::page::{Page, PageQuery};
use crate::wire::problem::{Code, Problem};
use crate::wire::union::{
    AcknowledgementOutcome as Outcome, AcknowledgementResult, AcknowledgementResults, Acknowledgements,
};

/// GET: what the user can have and has not acknowledged, oldest first; with `wait`, once there is something.
pub async fn list(
    State(app): State<App>,
    SessionCaller(user): SessionCaller,
    Extension(peer): Extension<Peer>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<InboxParcel>>, Problem> {
    let window = Window::new(query)?;
    let bell = app.inboxes.of(&user.seq);
    let look = async || {
        let now = app.clock.now();
        let rows = inbox::page(app.database.read(), user.seq, now, window.after, window.rows()).await?;
        Ok(window.page(rows, |parcel| parcel.cursor))
    };
    wait_for(&app, &peer, &bell, window.wait, look, |page| !page.items.is_empty()).await.map(Json)
}

/// GET `/{id}/content`: the sealed bytes, or with `Range` one part of them. That the user has been given some is durable before
/// the first of them goes out.
pub async fn content(
    State(app): State<App>,
    SessionCaller(user): SessionCaller,
    Extension(peer): Extension<Peer>,
    PathId(id): PathId<MessageId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let ended = || Problem::new(Code::DeliveryEnded);
    let standing = inbox::find(app.database.read(), &user.union, user.seq, id, app.clock.now()).await?;
    let standing = standing.ok_or_else(|| Problem::new(Code::ParcelUnknown))?;
    if !standing.may_be_read() {
        return Err(ended());
    }
    let part = match Part::asked(&headers, standing.size) {
        Ok(part) => part,
        Err(outside) => return Ok(outside.into_response()),
    };
    // Opened before it counts as fetched: what cannot be read was not given out.
    let body = part.read(&app, &Key { union: user.union.clone(), id }).await?.ok_or_else(ended)?;
    if !standing.fetched && !detached(&app, fetch(app.clone(), user, id)).await? {
        return Err(ended());
    }
    let time = if standing.fetched { "again" } else { "first" };
    app.metrics.deliveries_fetched_total.with_label_values(&[time]).inc();
    Ok(part.answer(body, &peer))
}

async fn fetch(app: App, user: User, id: MessageId) -> Result<bool, Problem> {
    let mut transaction = app.database.write().await?;
    let given = inbox::fetch(&mut transaction, &user.union, user.seq, id, app.clock.now()).await?;
    app.database.commit(transaction).await?;
    failpoint!("inbox.fetched");
    if given {
        app.events.ring(&user.union);
        tracing::info!(code = "delivery.fetched", union = %user.union, user = %user.id, message = %id, "fetched");
    }
    Ok(given)
}

/// POST: what the user has for good, many at once, in one transaction; with the user's receipts for the union.
pub async fn acknowledge(
    State(app): State<App>,
    SessionCaller(user): SessionCaller,
    Json(Acknowledgements { items }): Json<Acknowledgements>,
) -> Result<Json<AcknowledgementResults>, Problem> {
    let certificates = users::certificates(app.database.read(), user.seq).await?;
    let checked = check_all(items, certificates).await?;
    let items = detached(&app, store(app.clone(), user, checked)).await?;
    for result in &items {
        app.metrics.deliveries_acknowledged_total.with_label_values(&[label(result.outcome)]).inc();
    }
    Ok(Json(AcknowledgementResults { items, acknowledged: None }))
}

async fn store(app: App, user: User, items: Vec<Checked>) -> Result<Vec<AcknowledgementResult>, Problem> {
    let now = app.clock.now();
    let delete_at = app.config.deliveries.end_of_grace(now);
    let mut results = Vec::with_capacity(items.len());
    let mut transaction = app.database.write().await?;
    for Checked { id, receipt, .. } in items {
        let outcome = match receipt {
            Ok(receipt) => {
                let whose = (&user.union, user.seq, id);
                inbox::acknowledge(&mut transaction, whose, receipt.as_ref(), now, delete_at).await?
            }
            Err(Refused) => Outcome::ReceiptRefused,
        };
        results.push(AcknowledgementResult { id, outcome });
    }
    failpoint!("inbox.acknowledging");
    app.database.commit(transaction).await?;
    failpoint!("inbox.acknowledged");
    app.events.ring(&user.union);
    Ok(results)
}
