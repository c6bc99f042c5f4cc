//! `/union/v1/parcels`: what waits for a union, and its bytes.

use std::ops::Range;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::{Window, wait_for};
use crate::domain::ids::MessageId;
use crate::http::{Json, PathId, Peer, Query};
use crate::relay::bytes::{BytesError, Content, Key};
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
    let asked = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let asked = asked.map_or(Asked::Whole, |asked| parse_range(asked, size));
    let range = match &asked {
        Asked::Whole => 0..size,
        Asked::Part(range) => range.clone(),
        Asked::Outside => return Ok(outside(size)),
    };
    let key = Key { union: union.insurer.clone(), id };
    let read = app.bytes.read(&key, range.clone()).await;
    let body = match read {
        Ok(Content::Whole(bytes)) => Body::from(bytes),
        Ok(Content::Stream(stream)) => Body::from_stream(stream),
        Err(BytesError::Missing) => return Err(unknown()),
        Err(error) => return Err(error.into()),
    };
    let part = if range.start == 0 { "beginning" } else { "rest" };
    app.metrics.fetched_total.with_label_values(&[part]).inc();
    let told = (asked != Asked::Whole).then(|| format!("bytes {}-{}/{size}", range.start, range.end - 1));
    Ok(answer(body, range.end - range.start, told))
}

fn answer(body: Body, length: u64, part: Option<String>) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CONTENT_LENGTH, length.into());
    if let Some(part) = part {
        headers.insert(header::CONTENT_RANGE, part.try_into().expect("digits and signs make a header"));
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    response
}

fn outside(size: u64) -> Response {
    let told = format!("bytes */{size}");
    ([(header::CONTENT_RANGE, told)], Problem::new(Code::RangeNotSatisfiable)).into_response()
}

#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Whole,
    Part(Range<u64>),
    Outside,
}

/// RFC 9110, section 14: one range of bytes. Anything else may be left alone, and the whole is sent.
fn parse_range(text: &str, size: u64) -> Asked {
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Asked::Whole;
    };
    let (first, last) = (first.trim(), last.trim());
    let range = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Ok(first), Err(_)) if last.is_empty() => first..size,
        (Err(_), Ok(suffix)) if first.is_empty() => size.saturating_sub(suffix)..size,
        _ => return Asked::Whole,
    };
    if range.start >= range.end { Asked::Outside } else { Asked::Part(range) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_rfc_has_them() {
        for (text, expected) in [
            ("bytes=0-", Asked::Part(0..100)),
            ("bytes=10-19", Asked::Part(10..20)),
            ("bytes=90-1000", Asked::Part(90..100)),
            ("bytes=-5", Asked::Part(95..100)),
            ("bytes=-1000", Asked::Part(0..100)),
            ("bytes=100-", Asked::Outside),
            ("bytes=-0", Asked::Outside),
            ("bytes=20-10", Asked::Whole),
            ("bytes=0-1,5-6", Asked::Whole),
            ("lines=0-1", Asked::Whole),
            ("bytes=18446744073709551615-18446744073709551615", Asked::Outside),
        ] {
            assert_eq!(parse_range(text, 100), expected, "{text}");
        }
    }
}
