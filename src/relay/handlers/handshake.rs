//! `/union/v1/handshake`.

use axum::extract::State;

use crate::http::Json;
use crate::relay::caller::UnionCaller;
use crate::relay::state::App;
use crate::store::relay::deliveries::{self, events};
use crate::store::relay::{acknowledged, unions};
use crate::wire::page::Cursor;
use crate::wire::problem::Problem;
use crate::wire::union::Handshake;
use crate::wire::{Der, VERSION};

/// GET: who is there, which version, what time it is.
pub async fn show(State(app): State<App>, UnionCaller(union): UnionCaller) -> Result<Json<Handshake>, Problem> {
    let now = app.clock.now();
    let mut transaction = app.database.write().await?;
    let last_seen = unions::seen(&mut transaction, &union.insurer, now).await?;
    let acknowledged = acknowledged::newest(&mut *transaction, &union.insurer).await?;
    let newest_delivery = deliveries::newest(&mut *transaction, &union.insurer).await?;
    let newest_event = events::newest(&mut *transaction, &union.insurer).await?;
    app.database.commit(transaction).await?;
    Ok(Json(Handshake {
        version: VERSION.to_owned(),
        union: union.insurer.clone(),
        now,
        last_seen,
        entrance: app.entrances().employer.clone(),
        receipt_certificate: Der(app.receipts.load().certificate().der().to_vec()),
        acknowledged: acknowledged.map(Cursor),
        newest_delivery: newest_delivery.map(Cursor),
        newest_event: newest_event.map(Cursor),
    }))
}
