//! The first stage: what the relay has, and what may be fetched of it.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc::Sender;

use super::again::From;
use super::item::{Flight, Item, Repeated, Ticket, Waited};
use super::run::{Run, SMALL_MEMORY_KIB};
use super::waiting::SCANNER_AWAY;
use super::{Cause, RunError, large};
use crate::domain::ids::MessageId;
use crate::failpoint;
use crate::gateway::relay::Relay;
use crate::store::gateway::messages::{self, Known};
use crate::store::gateway::waiting::{self, Waiting};
use crate::wire::client::{ClientError, Fault};
use crate::wire::page::{Cursor, PageQuery};
use crate::wire::union::{Parcel, ParcelState};

/// Parcels on a page.
const PAGE: u32 = 250;
/// Up to this size a parcel is held in memory.
pub(super) const SMALL: u64 = 1024 * 1024;

/// How much of the relay's list is gone through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it, and what waits is tried before its time.
    Eager,
    /// All of it.
    Whole,
    /// What has come since the run was last there.
    News,
}

/// Where parcels go.
struct Lanes {
    small: Sender<Ticket>,
    items: Sender<Item>,
    part: Part,
}

/// Goes through the relay's list until its end, or until the run is stopped.
pub(super) async fn list<R: Relay>(run: Arc<Run<R>>, small: Sender<Ticket>, items: Sender<Item>, part: Part) {
    let lanes = Lanes { small, items, part };
    let stop = run.stop.clone();
    tokio::select! {
        () = stop.cancelled() => {}
        result = both(&run, &lanes) => if let Err(error) = result {
            run.fail(error);
        }
    }
}

/// First what was forgotten, then what waits: so the streams of the senders go on in their order.
async fn both<R: Relay>(run: &Arc<Run<R>>, lanes: &Lanes) -> Result<(), RunError> {
    if lanes.part == Part::News {
        let seen = run.lock().furthest.waiting();
        return pages(run, lanes, ParcelState::Waiting, seen).await;
    }
    let forgotten = run.lock().again.from();
    if let Some(From(after)) = forgotten {
        pages(run, lanes, ParcelState::Acknowledged, after).await?;
    }
    pages(run, lanes, ParcelState::Waiting, None).await
}

async fn pages<R: Relay>(
    run: &Arc<Run<R>>,
    lanes: &Lanes,
    state: ParcelState,
    mut after: Option<Cursor>,
) -> Result<(), RunError> {
    loop {
        let query = PageQuery { after, limit: Some(PAGE), wait: None };
        let page = run.request(|| run.receiver.relay.parcels(state, query)).await?;
        failpoint!("receive.listed");
        // A list that does not go forward has no end.
        if page.more && page.next <= after {
            return Err(ClientError::Protocol(Fault::Page).into());
        }
        let ids: Vec<MessageId> = page.items.iter().map(|parcel| parcel.id).collect();
        let mut connection = run.receiver.database.reader().await?;
        let known = messages::known(&mut connection, &ids).await?;
        let waiting = waiting::find(&mut connection, &ids).await?;
        drop(connection);
        run.lock().still_listed.extend(waiting.keys());
        let here = Here { known, waiting };
        for parcel in page.items {
            match state {
                ParcelState::Waiting => run.receiver.seen.advance(parcel.cursor),
                ParcelState::Acknowledged if is_here(&here.known, &parcel) => continue,
                ParcelState::Acknowledged => miss(run, &parcel),
            }
            {
                let mut shared = run.lock();
                shared.tally.listed += u64::from(shared.furthest.passed(state, parcel.cursor));
                shared.unlisted_parts.remove(&parcel.id);
            }
            if !dispatch(run, lanes, parcel, &here).await? {
                return Ok(());
            }
        }
        run.flush_many().await?;
        after = page.next;
        if !page.more {
            return Ok(());
        }
    }
}

/// Whether an acknowledged parcel is here, in the archive or in quarantine.
fn is_here(known: &[Known], parcel: &Parcel) -> bool {
    known.iter().any(|known| known.id == parcel.id && known.sealed_size == parcel.size)
}

fn miss<R: Relay>(run: &Run<R>, parcel: &Parcel) {
    if run.lock().again.miss(parcel.id) && run.cause != Cause::Again {
        tracing::warn!(
            code = "gateway.restored",
            "the relay has acknowledgements of ours for messages that are not here, as after a restore from a backup: they \
             are pulled again"
        );
    }
}

/// What we know of the parcels on a page.
struct Here {
    known: Vec<Known>,
    waiting: HashMap<MessageId, Waiting>,
}

/// The archived message that this parcel is, if it is here. Of what failed a check, id, tag and length prove nothing: the
/// parcel is fetched and compared.
fn archived<'a>(known: &'a [Known], parcel: &Parcel) -> Option<&'a Known> {
    known.iter().find(|known| {
        let alike = known.id == parcel.id && known.tag.is_some() && known.tag == parcel.tag;
        alike && known.archived && known.sealed_size == parcel.size
    })
}

/// Sends a parcel on its way. False when the next stage is gone.
async fn dispatch<R: Relay>(run: &Arc<Run<R>>, lanes: &Lanes, parcel: Parcel, here: &Here) -> Result<bool, RunError> {
    let Some(flight) = run.receiver.beside.in_flight.start(parcel.id) else { return Ok(true) };
    if let Some(known) = archived(&here.known, &parcel) {
        return repeat(lanes, known, flight).await;
    }
    if parcel.size > SMALL {
        return dispatch_large(run, lanes, parcel, flight).await;
    }
    let waiting = here.waiting.get(&parcel.id);
    if lanes.part != Part::Eager && run.is_early(parcel.id, waiting) {
        return Ok(true);
    }
    let waited = waiting.map(Waited::from).unwrap_or_default();
    if run.scanner_is_away() {
        run.wait(&parcel, waited, SCANNER_AWAY);
        return Ok(true);
    }
    let Some(room) = run.receiver.disk.admit(parcel.size)? else {
        run.wait(&parcel, waited, "disk.low");
        return Ok(true);
    };
    let kib = u32::try_from(parcel.size.div_ceil(1024)).unwrap_or(SMALL_MEMORY_KIB).clamp(1, SMALL_MEMORY_KIB);
    let memory = Arc::clone(&run.memory).acquire_many_owned(kib).await.ok();
    Ok(lanes.small.send(Ticket { parcel, waited, room, memory, flight }).await.is_ok())
}

async fn repeat(lanes: &Lanes, known: &Known, flight: Flight) -> Result<bool, RunError> {
    let repeated = Repeated { id: known.id, message: known.number, archived: known.archived, flight };
    Ok(lanes.items.send(Item::Repeated(repeated)).await.is_ok())
}

async fn dispatch_large<R: Relay>(
    run: &Arc<Run<R>>,
    lanes: &Lanes,
    parcel: Parcel,
    flight: Flight,
) -> Result<bool, RunError> {
    // Since the page was looked up it may have come in, or have failed to, beside this run.
    let mut connection = run.receiver.database.reader().await?;
    let known = messages::known(&mut connection, &[parcel.id]).await?;
    let waiting = waiting::find(&mut connection, &[parcel.id]).await?;
    drop(connection);
    if let Some(known) = archived(&known, &parcel) {
        return repeat(lanes, known, flight).await;
    }
    let waiting = waiting.get(&parcel.id);
    if lanes.part != Part::Eager && run.is_early(parcel.id, waiting) {
        return Ok(true);
    }
    let waited = waiting.map(Waited::from).unwrap_or_default();
    if run.scanner_is_away() {
        run.wait(&parcel, waited, SCANNER_AWAY);
        return Ok(true);
    }
    let Some(place) = run.receiver.beside.place() else {
        run.lock().deferred += 1;
        return Ok(true);
    };
    let there = run.receiver.spool.part_length(parcel.id);
    let Some(room) = run.receiver.disk.admit(parcel.size.saturating_sub(there))? else {
        run.wait(&parcel, waited, "disk.low");
        return Ok(true);
    };
    let ticket = Ticket { parcel, waited, room, memory: None, flight };
    tokio::spawn(large::take_in(Arc::clone(run), ticket, place));
    Ok(true)
}
