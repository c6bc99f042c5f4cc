//! Small parcels: fetched side by side into memory, opened on the blocking threads.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{Receiver, Sender};

use super::fetch::{complete, try_open};
use super::item::{Fetched, Item, Ticket};
use super::run::Run;
use super::trouble::Trouble;
use crate::archive::Sealed;
use crate::failpoint;
use crate::gateway::relay::{Chunks, Relay};
use crate::message::format::trailing_tag;
use crate::wire::client::{ClientError, Fault};
use crate::wire::union::Parcel;

/// Takes parcels from the line until it ends.
pub(super) async fn work<R: Relay>(run: Arc<Run<R>>, queue: Arc<Mutex<Receiver<Ticket>>>, items: Sender<Item>) {
    loop {
        let Some(ticket) = queue.lock().await.recv().await else { return };
        if run.stop.is_cancelled() {
            continue;
        }
        match receive(&run, &ticket).await {
            Ok((sealed, tried)) => {
                let fetched = Fetched {
                    tag: trailing_tag(&sealed[sealed.len().saturating_sub(64)..]),
                    sealed: Sealed::Memory(sealed),
                    received_at: run.receiver.clock.now(),
                    outcome: tried,
                    ticket,
                };
                if items.send(Item::Fetched(Box::new(fetched))).await.is_err() {
                    return;
                }
            }
            Err(trouble) => run.put_off(&ticket, trouble),
        }
    }
}

async fn receive<R: Relay>(run: &Arc<Run<R>>, ticket: &Ticket) -> Result<(Bytes, super::item::Outcome), Trouble> {
    let began_at = Instant::now();
    let sealed = run.request_or_stop(|| fetch(run, &ticket.parcel)).await?;
    failpoint!("receive.fetched");
    run.lock().tally.bytes += sealed.len() as u64;
    run.receiver.metrics.transferred_bytes_total.with_label_values(&["in"]).inc_by(sealed.len() as u64);
    run.stage("fetch", began_at);
    let began_at = Instant::now();
    let (worker, id, input) = (Arc::clone(run), ticket.parcel.id, sealed.clone());
    // More would only be threads that wait for a core, each with memory of its own.
    let turn = run.openers.acquire().await;
    let tried = tokio::task::spawn_blocking(move || try_open(&worker, id, true, &input[..])).await;
    drop(turn);
    let outcome = complete(run, tried.map_err(|_| Trouble::Wait("internal"))??).await?;
    run.stage("open", began_at);
    Ok((sealed, outcome))
}

/// Exactly as many bytes as were announced, or an error.
async fn fetch<R: Relay>(run: &Run<R>, parcel: &Parcel) -> Result<Bytes, ClientError> {
    let size = usize::try_from(parcel.size).expect("a small parcel fits into memory");
    let mut content = run.receiver.relay.content(parcel.id, parcel.size, 0).await?;
    let mut bytes = Vec::with_capacity(size);
    while let Some(chunk) = content.chunk().await? {
        if chunk.len() > size - bytes.len() {
            return Err(ClientError::Protocol(Fault::Length));
        }
        bytes.extend_from_slice(&chunk);
    }
    if bytes.len() == size { Ok(bytes.into()) } else { Err(ClientError::Protocol(Fault::Length)) }
}
