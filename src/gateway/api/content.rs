//! `/api/v1/received/{id}/content`: a received file, decrypted. All of it is verified before the first byte is released.

use std::io::{self, BufWriter};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use super::App;
use super::authorize::Caller;
use super::problem::failed;
use crate::domain::ids::MessageId;
use crate::gateway::flows::reveal::{RevealError, Revealable};
use crate::http::{Asked, PathId};
use crate::stream::disk::Room;
use crate::stream::unpublished::Unpublished;
use crate::wire::problem::{Code, Problem};

/// Up to this size a file is held in memory, larger ones in a file without a name.
const SMALL: u64 = 1024 * 1024;
/// So much is read from that at once.
const PIECE: u64 = 256 * 1024;

/// HEAD: how long it is, and what names it.
pub(super) async fn head(State(app): State<App>, PathId(id): PathId<MessageId>) -> Result<Response, Problem> {
    let found = Revealable::find(&app.receiver, id).await?;
    let mut response = StatusCode::OK.into_response();
    describe(&mut response, &found);
    response.headers_mut().insert(header::CONTENT_LENGTH, size(&found).into());
    Ok(response)
}

/// GET: the file, or with `Range` one part of it.
pub(super) async fn get(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    PathId(id): PathId<MessageId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let receiver = &app.receiver;
    let found = Revealable::find(receiver, id).await?;
    let (tag, size) = (etag(&found), size(&found));
    let names = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if names(header::IF_NONE_MATCH).is_some_and(|known| known.split(',').any(|one| is_same(one, &tag))) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    let is_current = names(header::IF_RANGE).is_none_or(|known| known.trim() == tag);
    let asked = if is_current { Asked::from_headers(&headers, size) } else { Asked::Whole };
    let (range, told) = match asked.within(size) {
        Ok(part) => part,
        Err(outside) => return Ok(*outside),
    };
    let plain = reveal(&app, found.clone(), size).await?;
    let mut transaction = receiver.database.write().await?;
    found.note(&mut transaction, &caller.actor, "message.fetched", receiver.clock.now()).await?;
    receiver.database.commit(transaction).await?;
    let mut response = Response::new(plain.body(range.clone()));
    describe(&mut response, &found);
    response.headers_mut().insert(header::CONTENT_LENGTH, (range.end - range.start).into());
    if let Some(told) = told {
        let told = told.try_into().expect("digits and signs make a header");
        response.headers_mut().insert(header::CONTENT_RANGE, told);
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}

fn size(found: &Revealable) -> u64 {
    found.message.content.as_ref().map_or(0, |content| content.size)
}

/// The signed digest: the same file never has another.
fn etag(found: &Revealable) -> String {
    let digest = found.message.content.as_ref().map(|content| hex::encode(&content.digest));
    format!("\"{}\"", digest.unwrap_or_default())
}

fn is_same(known: &str, tag: &str) -> bool {
    let known = known.trim();
    known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag
}

/// Headers of every answer with the file. What kind of file it is, its sender says; nobody is to believe it and show it.
fn describe(response: &mut Response, found: &Revealable) {
    let headers = response.headers_mut();
    let tag = etag(found).try_into().expect("hexadecimal digits make a header");
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    headers.insert(header::ETAG, tag);
}

/// A file, decrypted and verified, that nobody else sees.
enum Plain {
    Memory(Bytes),
    File(Arc<Unpublished>, Arc<Option<Room>>),
}

/// Decrypts and verifies it, a few side by side.
async fn reveal(app: &App, found: Revealable, size: u64) -> Result<Plain, Problem> {
    let turn = Arc::clone(&app.decrypting).acquire_owned().await;
    let turn = turn.map_err(|_| Problem::new(Code::Unavailable))?;
    let receiver = &app.receiver;
    let room = if size > SMALL {
        let room = receiver.disk.admit(size).map_err(|error| failed(&error))?;
        Some(room.ok_or(Problem::new(Code::StorageFull))?)
    } else {
        None
    };
    let (place, random) = (receiver.spool.temporary("api-content"), Arc::clone(&receiver.random));
    let revealed = tokio::task::spawn_blocking(move || -> Result<Plain, RevealError> {
        let _turn = turn;
        if size <= SMALL {
            let capacity = usize::try_from(size).unwrap_or_default();
            return Ok(Plain::Memory(found.write(Vec::with_capacity(capacity))?.into()));
        }
        let output = Unpublished::create(&place, random.as_ref())?;
        let content = found.write(BufWriter::with_capacity(256 * 1024, output.file()))?;
        content.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(Plain::File(Arc::new(output), Arc::new(room)))
    });
    Ok(revealed.await.map_err(|_| Problem::new(Code::Internal))??)
}

impl Plain {
    fn body(self, range: Range<u64>) -> Body {
        match self {
            Self::Memory(bytes) => {
                let at = |place: u64| usize::try_from(place).unwrap_or(usize::MAX).min(bytes.len());
                Body::from(bytes.slice(at(range.start)..at(range.end)))
            }
            Self::File(file, room) => Body::from_stream(stream::try_unfold(range, move |range| {
                // The file and its room are let go of when the answer is over, however it ends.
                let (file, room) = (Arc::clone(&file), Arc::clone(&room));
                async move {
                    let _room = room;
                    if range.is_empty() {
                        return Ok(None);
                    }
                    let length = (range.end - range.start).min(PIECE);
                    let read = tokio::task::spawn_blocking(move || {
                        let mut piece = vec![0; usize::try_from(length).unwrap_or_default()];
                        file.file().read_exact_at(&mut piece, range.start).map(|()| piece)
                    });
                    let piece = read.await.map_err(io::Error::other)??;
                    Ok::<_, io::Error>(Some((Bytes::from(piece), range.start + length..range.end)))
                }
            })),
        }
    }
}
