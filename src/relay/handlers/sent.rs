//! `/employer/v1/sent`: what a user deposited, and the receipts for it.

use axum::extract::State;

use super::Window;
use crate::domain::ids::MessageId;
use crate::http::{Json, PathId, Query};
use crate::relay::caller::SessionCaller;
use crate::relay::registry::User;
use crate::relay::state::App;
use crate::store::relay::parcels::{self, Parcel};
use crate::store::relay::receipts;
use crate::wire::Der;
use crate::wire::employer::{SentParcel, SentState};
use crate::wire::page::{Cursor, Page, PageQuery};
use crate::wire::problem::{Code, Problem};

/// Rows of a page: each brings its receipts along.
const MOST: usize = 100;

/// GET: everything that the user sent, oldest first.
pub async fn list(
    State(app): State<App>,
    SessionCaller(user): SessionCaller,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<SentParcel>>, Problem> {
    let window = Window::new(query)?.at_most(MOST);
    let rows = parcels::sent(app.database.read(), &user.union, &user.id, window.after, window.rows()).await?;
    let items = with_receipts(&app, &user, rows).await?;
    Ok(Json(window.page(items, |parcel| parcel.cursor)))
}

/// GET `/{id}`: one of them.
pub async fn show(
    State(app): State<App>,
    SessionCaller(user): SessionCaller,
    PathId(id): PathId<MessageId>,
) -> Result<Json<SentParcel>, Problem> {
    let parcel = parcels::find(app.database.read(), &user.union, id).await?;
    let own = parcel.filter(|parcel| parcel.user == user.id);
    let found = with_receipts(&app, &user, own.into_iter().collect()).await?.pop();
    found.map(Json).ok_or_else(|| Problem::new(Code::ParcelUnknown))
}

async fn with_receipts(app: &App, user: &User, parcels: Vec<Parcel>) -> Result<Vec<SentParcel>, Problem> {
    let ids: Vec<MessageId> = parcels.iter().map(|parcel| parcel.id).collect();
    let mut connection = app.database.reader().await?;
    let mut receipts = receipts::of(&mut connection, &user.union, &ids).await?;
    let parcels = parcels.into_iter().map(|parcel| SentParcel {
        id: parcel.id,
        cursor: Cursor(parcel.seq),
        state: if parcel.acknowledged_at.is_some() { SentState::Acknowledged } else { SentState::Waiting },
        size: parcel.size,
        tag: parcel.tag,
        deposited_at: parcel.deposited_at,
        receipts: [parcel.relayed]
            .into_iter()
            .chain(receipts.remove(&parcel.id).unwrap_or_default())
            .map(Der)
            .collect(),
    });
    Ok(parcels.collect())
}
