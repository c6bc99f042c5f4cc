//! `/api/v1/received`: what came from employers.

use axum::extract::State as Shared;
use jiff::Timestamp;
use serde::Serialize;

use super::App;
use super::page::{All, Asked, Limit, Page, malformed, place};
use crate::domain::ids::MessageId;
use crate::gateway::view::MessageView;
use crate::http::{Json, PathId, Query};
use crate::message::receipt::SignedReceipt;
use crate::store::gateway::messages::{self, Filter, State};
use crate::store::gateway::receipts;
use crate::wire::Der;
use crate::wire::problem::{Code, Problem};

/// A receipt of ours or of the relay.
#[derive(Debug, Serialize)]
pub(super) struct ReceiptView {
    stage: String,
    at: Timestamp,
    /// SHA-256 over the signed receipt.
    hash: String,
    /// The signed receipt: CMS `SignedData` in DER, in base64.
    der: Der,
}

/// GET: newest first.
pub(super) async fn list(
    Shared(app): Shared<App>,
    Query(asked): Query<Asked>,
) -> Result<Json<Page<MessageView>>, Problem> {
    let limit = Limit::new(asked.limit)?;
    let state = asked.state.as_deref().map(str::parse::<State>).transpose();
    let filter = Filter {
        state: state.map_err(|_| malformed("state must be archived, accepted, returned or quarantined"))?,
        office: asked.office,
        before: place(asked.after.as_deref())?,
    };
    let rows = messages::list(app.receiver.database.read(), &filter, limit.rows()).await?;
    Ok(Json(limit.page(rows, |message| message.number.to_string(), |message| MessageView::from(message))))
}

/// GET `/{id}`.
pub(super) async fn show(
    Shared(app): Shared<App>,
    PathId(id): PathId<MessageId>,
) -> Result<Json<MessageView>, Problem> {
    Ok(Json((&find(&app, id).await?).into()))
}

/// GET `/{id}/receipts`: in the order in which they were made.
pub(super) async fn receipts(
    Shared(app): Shared<App>,
    PathId(id): PathId<MessageId>,
) -> Result<Json<All<ReceiptView>>, Problem> {
    let message = find(&app, id).await?;
    let stored = receipts::of_message(app.receiver.database.read(), message.number).await?;
    let items = stored.into_iter().map(|one| ReceiptView {
        stage: one.stage,
        at: one.at,
        hash: SignedReceipt::from_der(one.der.clone()).hash().to_string(),
        der: Der(one.der),
    });
    Ok(Json(All { items: items.collect() }))
}

async fn find(app: &App, id: MessageId) -> Result<messages::Message, Problem> {
    let mut reader = app.receiver.database.reader().await?;
    messages::find(&mut reader, id).await?.ok_or(Problem::new(Code::MessageUnknown))
}
