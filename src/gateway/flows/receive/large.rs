//! Large parcels: streamed into the spool, while a blocking thread opens the same file from behind. Each comes in beside
//! the runs, which go on with what arrives meanwhile.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::fetch::{Tried, complete, try_open};
use super::item::{Fetched, Item, Outcome, Ticket};
use super::run::Run;
use super::trouble::Trouble;
use super::{RunError, acknowledge, commit, judge};
use crate::archive::Sealed;
use crate::domain::digest::Tag;
use crate::failpoint;
use crate::gateway::relay::{Chunks, Relay};
use crate::gateway::scan::Unscanned;
use crate::message::format::trailing_tag;
use crate::stream::disk::Room;
use crate::stream::follow::{Progress, follow};
use crate::stream::spool::Part;
use crate::wire::client::{ClientError, Fault};
use crate::wire::union::Parcel;

/// Pieces between the line and the disk. Each keeps a block of the connection's buffer, of up to 400 KiB: all of them fill when
/// the disk stands still.
const PIECES: usize = 8;
/// The scanner has ended its line.
const BROKEN_OFF: &str = Unscanned::BrokenOff.code();
/// Failures in a row without a byte of progress that end the transfer for this run.
const TRIES: u32 = 3;

/// Takes a parcel in, from its place in line to the acknowledgement. The run that listed it may end before.
pub(super) async fn take_in<R: Relay>(run: Arc<Run<R>>, ticket: Ticket, place: OwnedSemaphorePermit) {
    let settled = settle(&run, ticket).await;
    let written = run.write_down().await;
    if let Err(error) = settled.and(written.map_err(RunError::Store)) {
        let detail = &error as &dyn std::error::Error;
        tracing::warn!(code = error.code(), error = detail, run = run.number, "a large parcel is not settled");
        run.fail(error);
    }
    drop(place);
}

async fn settle<R: Relay>(run: &Arc<Run<R>>, mut ticket: Ticket) -> Result<(), RunError> {
    let Ok(turn) = run.until_stop(run.receiver.beside.turn()).await else { return Ok(()) };
    let began_at = Instant::now();
    let whole = match receive(run, &mut ticket).await {
        Ok(whole) => whole,
        Err(trouble) => {
            run.put_off(&ticket, trouble);
            // Written before the parcel has landed: the run that lists it next must know.
            return run.flush().await;
        }
    };
    drop(turn);
    run.stage("large", began_at);
    let received_at = run.receiver.clock.now();
    let Whole { path, tag, outcome, .. } = whole;
    let fetched = Fetched { sealed: Sealed::Spooled(path), tag, received_at, outcome, ticket };
    let batch = judge::prepare(run, vec![Item::Fetched(Box::new(fetched))]).await?;
    let outgoing = commit::commit(run, batch).await?;
    acknowledge::send(run, &outgoing).await?;
    run.flush().await
}

/// A parcel that is whole in the spool and synced.
struct Whole {
    path: PathBuf,
    tag: Option<Tag>,
    outcome: Outcome,
    /// Whether it came in several pieces, at several times.
    patched: bool,
}

async fn receive<R: Relay>(run: &Arc<Run<R>>, ticket: &mut Ticket) -> Result<Whole, Trouble> {
    let whole = match transfer(run, ticket).await {
        // A slow line can outlast the scanner's patience. By now it is all here and goes without a pause.
        Err(Trouble::Wait(BROKEN_OFF)) => transfer(run, ticket).await?,
        other => other?,
    };
    // A relay that changed the parcel between two pieces, or a piece that the disk lost, looks like a bad message.
    // Only bytes that came in one piece are the sender's.
    if whole.patched && matches!(whole.outcome, Outcome::Closed(_)) {
        tracing::warn!(code = "parcel.refetched", id = %ticket.parcel.id, "pieces do not fit together; fetched anew");
        run.receiver.spool.discard(ticket.parcel.id)?;
        return transfer(run, ticket).await;
    }
    Ok(whole)
}

/// Fetches what is missing and opens the whole.
async fn transfer<R: Relay>(run: &Arc<Run<R>>, ticket: &mut Ticket) -> Result<Whole, Trouble> {
    let part = run.receiver.spool.part(ticket.parcel.id, ticket.parcel.size)?;
    let path = part.path().to_owned();
    let there = part.length();
    let (progress, reader) = follow(&path, there)?;
    let (opener, id, is_whole) = (Arc::clone(run), ticket.parcel.id, there >= ticket.parcel.size);
    let opener = tokio::task::spawn_blocking(move || try_open(&opener, id, is_whole, reader));
    let (pieces, queue) = mpsc::channel(PIECES);
    let writer = tokio::task::spawn_blocking(move || write(part, progress, queue));
    let fetched = fetch(run, &ticket.parcel, there, &mut ticket.room, &pieces).await;
    // Only a whole parcel has an end to tell; otherwise both threads see that the line is gone.
    if fetched.is_ok() {
        let _ = pieces.send(Piece::End).await;
    }
    drop(pieces);
    let written = writer.await.map_err(|_| Trouble::Wait("internal"));
    let tried = opener.await.map_err(|_| Trouble::Wait("internal"));
    // A full disk shows as a broken line too, so it is asked first.
    let tail = written??;
    let requests = fetched?;
    let tail = tail.ok_or(Trouble::Stopped)?;
    failpoint!("receive.fetched");
    let tried: Tried = tried??;
    let outcome = complete(run, tried).await?;
    Ok(Whole { path, tag: trailing_tag(&tail), outcome, patched: requests > 1 || there > 0 })
}

/// What goes to the writing thread.
enum Piece {
    Bytes(Bytes),
    End,
}

/// Writes pieces behind each other and tells the reader. After the end the file is durable, and its tail is given back.
fn write(mut part: Part, progress: Progress, mut queue: Receiver<Piece>) -> std::io::Result<Option<Vec<u8>>> {
    while let Some(piece) = queue.blocking_recv() {
        match piece {
            Piece::Bytes(bytes) => {
                part.append(&bytes)?;
                progress.reached(part.length());
            }
            Piece::End => {
                progress.end();
                part.sync()?;
                return part.tail().map(Some);
            }
        }
    }
    Ok(None)
}

/// Fetches from `there` on, over a line that may break. Gives the number of requests that it took.
async fn fetch<R: Relay>(
    run: &Run<R>,
    parcel: &Parcel,
    there: u64,
    room: &mut Room,
    pieces: &Sender<Piece>,
) -> Result<u32, Trouble> {
    let (mut offset, mut requests, mut failures) = (there, 0, 0);
    while offset < parcel.size {
        requests += 1;
        let before = offset;
        let Err(trouble) = fetch_on(run, parcel, &mut offset, room, pieces).await else { break };
        if offset > before {
            failures = 0;
        }
        failures += 1;
        match trouble {
            Trouble::Relay(error) => {
                if failures >= TRIES || !run.try_again(&error, failures).await {
                    run.note_failure(&error);
                    return Err(error.into());
                }
            }
            other => return Err(other),
        }
    }
    Ok(requests)
}

/// Fetches from `offset` on as far as the line holds.
async fn fetch_on<R: Relay>(
    run: &Run<R>,
    parcel: &Parcel,
    offset: &mut u64,
    room: &mut Room,
    pieces: &Sender<Piece>,
) -> Result<(), Trouble> {
    let mut content = run.until_stop(run.receiver.relay.content(parcel.id, parcel.size, *offset)).await??;
    while let Some(bytes) = run.until_stop(content.chunk()).await?? {
        let length = bytes.len() as u64;
        if length > parcel.size - *offset {
            return Err(ClientError::Protocol(Fault::Length).into());
        }
        // The writer is gone when the disk failed; it says so itself.
        if pieces.send(Piece::Bytes(bytes)).await.is_err() {
            return Err(Trouble::Wait("disk.error"));
        }
        *offset += length;
        room.written(length);
        run.lock().tally.bytes += length;
        run.receiver.metrics.transferred_bytes_total.with_label_values(&["in"]).inc_by(length);
    }
    run.receiver.breaker.succeeded();
    if *offset == parcel.size { Ok(()) } else { Err(ClientError::Protocol(Fault::Length).into()) }
}
