//! `/union/v1/parcels`: what waits for a union, and its bytes.

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};

use super::content::Part;
use super::{Window, wait_for};
use crate::domain::ids::MessageId;
use crate::http::{Json, PathId, Peer, Query};
use crate::relay::bytes::Key;
use crate::relay::caller::UnionCaller;
use crate::relay::registry::Union;
use crate::relay::state::App;
use crate::store::relay::{acknowledged, parcels};
use crate::wire::Der;
use crate::wire::page::{Cursor, Page};
use crate::wire::problem::{Code, Problem};
use crate::wire::union::{Parcel, ParcelQuery, ParcelState};

/// GET: what waits, oldest first. With `wait`, an empty list is answered only when something has come or the time is over.
/// Or what was acknowledged and is kept still, which nobody has to wait for.
pub async fn list(
    State(app): State<App>,
    UnionCaller(union): UnionCaller,
    Extension(peer): Extension<Peer>,
    Query(query): Query<ParcelQuery>,
) -> Result<Json<Page<Parcel>>, Problem> {
    let window = Window::new(query.page())?;
    if query.state == ParcelState::Acknowledged {
        if window.wait > 0 {
            return Err(Problem::new(Code::RequestMalformed).with_detail("wait is for what waits"));
        }
        let rows = acknowledged::kept(app.database.read(), &union.insurer, window.after, window.rows()).await?;
        return Ok(Json(page(&app, &union, window, rows)));
    }
    let bell = app.arrivals.of(&union.insurer);
    let look = || waiting(&app, &union, window);
    wait_for(&app, &peer, &bell, window.wait, look, |page| !page.items.is_empty()).await.map(Json)
}

async fn waiting(app: &App, union: &Union, window: Window) -> Result<Page<Parcel>, Problem> {
    let rows = parcels::waiting(app.database.read(), &union.insurer, window.after, window.rows()).await?;
    Ok(page(app, union, window, rows))
}

fn page(app: &App, union: &Union, window: Window, rows: Vec<parcels::Parcel>) -> Page<Parcel> {
    app.listed.remember(&union.insurer, rows.iter().map(|row| (row.id, row.size)));
    let items = rows.into_iter().map(|row| Parcel {
        id: row.id,
        cursor: Cursor(row.seq),
        sender: row.user,
        size: row.size,
        tag: row.tag,
        deposited_at: row.deposited_at,
        relayed: Der(row.relayed),
    });
    window.page(items.collect(), |parcel| parcel.cursor)
}

/// GET `/{id}/content`: the sealed bytes, or with `Range` one part of them.
pub async fn content(
    State(app): State<App>,
    UnionCaller(union): UnionCaller,
    Extension(peer): Extension<Peer>,
    PathId(id): PathId<MessageId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let unknown = || Problem::new(Code::ParcelUnknown);
    let size = if let Some(size) = app.listed.size(&union.insurer, id) {
        size
    } else {
        let parcel = parcels::find(app.database.read(), &union.insurer, id).await?;
        parcel.filter(|parcel| parcel.purged_at.is_none()).ok_or_else(unknown)?.size
    };
    let part = match Part::asked(&headers, size) {
        Ok(part) => part,
        Err(outside) => return Ok(outside.into_response()),
    };
    let Some(body) = part.read(&app, &Key { union: union.insurer.clone(), id }).await? else { return Err(unknown()) };
    let from = if part.range.start == 0 { "beginning" } else { "rest" };
    app.metrics.fetched_total.with_label_values(&[from]).inc();
    Ok(part.answer(body, &peer))
}
