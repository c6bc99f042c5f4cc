//! The first stage: what the relay has, and what may be fetched of it.

use std::sync::Arc;

use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

use super::again::From;
use super::item::{Item, Repeated, Ticket};
use super::run::{Run, SMALL_MEMORY_KIB};
use super::{Cause, RunError};
use crate::domain::ids::MessageId;
use crate::failpoint;
use crate::gateway::relay::Relay;
use crate::store::gateway::messages::{self, Known};
use crate::wire::client::{ClientError, Fault};
use crate::wire::page::{Cursor, PageQuery};
use crate::wire::union::{Parcel, ParcelState};

/// Parcels on a page.
const PAGE: u32 = 250;
/// Up to this size a parcel is held in memory.
pub(super) const SMALL: u64 = 1024 * 1024;

/// Where parcels go.
struct Lanes {
    small: Sender<Ticket>,
    large: Sender<Ticket>,
    items: Sender<Item>,
}

/// Goes through the relay's list until its end, or until the run is stopped.
pub(super) async fn list<R: Relay>(
    run: Arc<Run<R>>,
    small: Sender<Ticket>,
    large: Sender<Ticket>,
    items: Sender<Item>,
) {
    let lanes = Lanes { small, large, items };
    let stop = run.stop.clone();
    tokio::select! {
        () = stop.cancelled() => {}
        result = both(&run, &lanes) => if let Err(error) = result {
            run.fail(error);
        }
    }
}

/// First what was forgotten, then what waits: so the streams of the senders go on in their order.
async fn both<R: Relay>(run: &Run<R>, lanes: &Lanes) -> Result<(), RunError> {
    let forgotten = run.lock().again.from();
    if let Some(From(after)) = forgotten {
        pages(run, lanes, ParcelState::Acknowledged, after).await?;
    }
    pages(run, lanes, ParcelState::Waiting, None).await
}

async fn pages<R: Relay>(
    run: &Run<R>,
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
        drop(connection);
        for parcel in page.items {
            match state {
                ParcelState::Waiting => run.receiver.seen.advance(parcel.cursor),
                ParcelState::Acknowledged if is_here(&known, &parcel) => continue,
                ParcelState::Acknowledged => miss(run, &parcel),
            }
            {
                let mut shared = run.lock();
                shared.tally.listed += 1;
                shared.unlisted_parts.remove(&parcel.id);
            }
            let here = here_already(&known, &parcel);
            if !dispatch(run, lanes, parcel, here).await? {
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

/// The message that these very bytes are, if they are here: the archived one first.
fn here_already(known: &[Known], parcel: &Parcel) -> Option<Known> {
    let same = known.iter().filter(|known| {
        known.id == parcel.id && known.tag.is_some() && known.tag == parcel.tag && known.sealed_size == parcel.size
    });
    same.max_by_key(|known| known.archived).copied()
}

/// Sends a parcel on its way. False when the next stage is gone.
async fn dispatch<R: Relay>(
    run: &Run<R>,
    lanes: &Lanes,
    parcel: Parcel,
    here: Option<Known>,
) -> Result<bool, RunError> {
    let Some(flight) = run.in_flight.start(parcel.id) else { return Ok(true) };
    if let Some(known) = here {
        let repeated = Repeated { id: parcel.id, message: known.number, archived: known.archived, flight };
        return Ok(lanes.items.send(Item::Repeated(repeated)).await.is_ok());
    }
    // One try in a run, however often the list is gone through.
    if !run.lock().tried.insert(parcel.id) || run.is_waiting(&parcel) {
        return Ok(true);
    }
    let there = if parcel.size > SMALL { run.receiver.spool.part_length(parcel.id) } else { 0 };
    let Some(room) = run.receiver.disk.admit(parcel.size.saturating_sub(there))? else {
        run.wait(&parcel, "disk.low");
        return Ok(true);
    };
    if parcel.size > SMALL {
        let id = parcel.id;
        return Ok(match lanes.large.try_send(Ticket { parcel, room, memory: None, flight }) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                let mut shared = run.lock();
                shared.deferred += 1;
                shared.tried.remove(&id);
                true
            }
            Err(TrySendError::Closed(_)) => false,
        });
    }
    let kib = u32::try_from(parcel.size.div_ceil(1024)).unwrap_or(SMALL_MEMORY_KIB).clamp(1, SMALL_MEMORY_KIB);
    let memory = Arc::clone(&run.memory).acquire_many_owned(kib).await.ok();
    Ok(lanes.small.send(Ticket { parcel, room, memory, flight }).await.is_ok())
}
