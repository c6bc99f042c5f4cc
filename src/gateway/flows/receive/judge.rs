//! Verdict and place: a group of messages is judged by one look into the registry and made durable together.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc::{Receiver, Sender};

use super::RunError;
use super::item::{Batch, Fetched, Item, Judged, Outcome, Repeated};
use super::run::Run;
use super::trouble::disk_cause;
use crate::archive::{Archive, Durable, Placement, Sealed};
use crate::domain::address::Address;
use crate::domain::policy::{self, Archived, Facts, judge};
use crate::gateway::registry::{Examined, Snapshot};
use crate::gateway::relay::Relay;
use crate::message::open::Opened;
use crate::message::relayed;
use crate::store::gateway::messages::{self, Known};
use crate::store::gateway::registry_version;

/// Takes whatever is ready as one group, until nothing more can come.
pub(super) async fn work<R: Relay>(run: Arc<Run<R>>, mut items: Receiver<Item>, batches: Sender<Batch>) {
    let limit = run.receiver.limits.batch;
    loop {
        let mut group = Vec::with_capacity(limit);
        if items.recv_many(&mut group, limit).await == 0 {
            return;
        }
        match prepare(&run, group).await {
            Ok(batch) => {
                if batches.send(batch).await.is_err() {
                    return;
                }
            }
            Err(error) => return run.fail(error),
        }
    }
}

/// Judges a group and puts it in its places.
pub(super) async fn prepare<R: Relay>(run: &Arc<Run<R>>, group: Vec<Item>) -> Result<Batch, RunError> {
    let began_at = Instant::now();
    let (mut fetched, mut repeated) = (Vec::new(), Vec::new());
    for item in group {
        match item {
            Item::Fetched(one) => fetched.push(*one),
            Item::Repeated(one) => repeated.push(one),
        }
    }
    let receiver = &run.receiver;
    // First the version: what changes after this is noticed at the commit.
    let registry_version = registry_version(receiver.database.read()).await?;
    let opened = fetched.iter().filter_map(|one| one.outcome.opened());
    let snapshot = Snapshot::take(&receiver.database, receiver.keys.union(), opened).await?;
    let ids: Vec<_> = fetched.iter().map(|one| one.ticket.parcel.id).collect();
    let mut connection = receiver.database.reader().await?;
    let known = messages::known(&mut connection, &ids).await?;
    drop(connection);
    let (fetched, same) = compare(run, fetched, &known).await?;
    let mut judged = Vec::with_capacity(fetched.len());
    let mut held = Vec::with_capacity(fetched.len());
    for (one, same) in fetched.into_iter().zip(same) {
        if let Some(here) = same.map(|index| &known[index]) {
            repeated.push(forget(run, one, here));
        } else {
            let (message, ticket) = decide(run, one, &snapshot, &known);
            judged.push(message);
            held.push(ticket);
        }
    }
    run.stage("judge", began_at);
    let judged = place(run, judged).await?;
    // Room and memory are free now: the bytes are on the disk, or given up.
    drop(held);
    Ok(Batch { registry_version, judged, repeated })
}

/// What a ticket holds until the bytes are in their place.
type Held = (crate::stream::disk::Room, Option<tokio::sync::OwnedSemaphorePermit>);

/// Finds for each parcel which of those that are known has the very same bytes, if one does. A tag and a length say
/// nothing of bytes that failed a check: whoever made them chose both.
async fn compare<R: Relay>(
    run: &Arc<Run<R>>,
    fetched: Vec<Fetched>,
    known: &[Known],
) -> Result<(Vec<Fetched>, Vec<Option<usize>>), RunError> {
    if known.is_empty() {
        let none = vec![None; fetched.len()];
        return Ok((fetched, none));
    }
    let (worker, known) = (Arc::clone(run), known.to_vec());
    let task = tokio::task::spawn_blocking(move || {
        let archive = &worker.receiver.archive;
        let is_here = |one: &Fetched, known: &Known| {
            let parcel = &one.ticket.parcel;
            let alike = known.id == parcel.id && known.tag == one.tag && known.sealed_size == parcel.size;
            let file = if known.archived { archive.archived(&known.path) } else { archive.quarantined(&known.path) };
            // A file that cannot be read is not the same: then these bytes are kept too.
            alike && one.sealed.is_in(&file).unwrap_or(false)
        };
        let same = fetched.iter().map(|one| known.iter().position(|known| is_here(one, known))).collect();
        (fetched, same)
    });
    task.await.map_err(|_| RunError::Internal)
}

/// It was fetched for nothing: these bytes are here.
fn forget<R: Relay>(run: &Run<R>, one: Fetched, here: &Known) -> Repeated {
    if matches!(one.sealed, Sealed::Spooled(_)) {
        // It is only a copy; what cannot be removed now is replaced when the id comes again.
        let _ = run.receiver.spool.discard(one.ticket.parcel.id);
    }
    Repeated { id: here.id, message: here.number, archived: here.archived, flight: one.ticket.flight }
}

fn decide<R: Relay>(run: &Run<R>, one: Fetched, snapshot: &Snapshot, known: &[Known]) -> (Judged, Held) {
    let facts = facts(run, &one, snapshot, known);
    let Fetched { ticket, sealed, tag, received_at, outcome } = one;
    let accepted = judge(&facts).is_accepted();
    let placement = match outcome.verified() {
        Some(verified) if accepted => run.receiver.archive.place(verified, sealed),
        _ => run.receiver.archive.place_in_quarantine(ticket.parcel.id, tag, ticket.parcel.size, sealed),
    };
    let signer = outcome.opened().and_then(|opened| snapshot.signer(opened)).map(|signer| signer.user.clone());
    // Told when it is looked at, with all of the group.
    let relayed = Ok(());
    let (parcel, waited, flight) = (ticket.parcel, ticket.waited, ticket.flight);
    let judged =
        Judged { parcel, waited, tag, received_at, outcome, facts, signer, accepted, relayed, placement, flight };
    (judged, (ticket.room, ticket.memory))
}

fn facts<R: Relay>(run: &Run<R>, one: &Fetched, snapshot: &Snapshot, known: &[Known]) -> Facts {
    let receiver = &run.receiver;
    let (parcel, union) = (&one.ticket.parcel, receiver.keys.union());
    let opened = one.outcome.opened();
    let archived = known.iter().any(|known| known.archived && known.id == parcel.id);
    Facts {
        receiver: BTreeSet::from([receiver.keys.address()]),
        parcel: policy::Parcel {
            id: parcel.id,
            sender: Address::User(union.clone(), parcel.sender.clone()),
            size: parcel.size,
            deposited_at: parcel.deposited_at,
        },
        received_at: one.received_at,
        rules: receiver.limits.rules,
        failures: one.outcome.failure().into_iter().collect(),
        signature_verified: one.outcome.verified().is_some(),
        claims: opened.map(Opened::claims),
        signer: opened.map(|opened| snapshot.facts(opened, examined(run, &one.outcome).as_deref(), union)),
        sequence: None,
        archived: if archived { Archived::Other } else { Archived::No },
        scan: one.outcome.scan(),
    }
}

/// The signer's certificate, examined again if whom we trust has changed since it was fetched.
fn examined<R: Relay>(run: &Run<R>, outcome: &Outcome) -> Option<Arc<Examined>> {
    let now = run.receiver.clock.now();
    outcome.examined().map(|examined| run.receiver.certificates.renewed(examined, now))
}

/// Makes the group durable. If that fails as a group, each by itself, so that one does not hold up the others.
async fn place<R: Relay>(run: &Arc<Run<R>>, judged: Vec<Judged>) -> Result<Vec<Judged>, RunError> {
    let began_at = Instant::now();
    let worker = Arc::clone(run);
    let task = tokio::task::spawn_blocking(move || {
        let spool = &worker.receiver.spool;
        let mut judged = judged;
        let keys = worker.receiver.keys.current();
        for one in &mut judged {
            one.relayed = relayed::check(one.parcel.id, &one.parcel.relayed.0, one.tag, &keys.relay_receipt);
        }
        let mut all: Vec<&mut Placement> = judged.iter_mut().map(|one| &mut one.placement).collect();
        if let Ok(durable) = Durable::place(spool, &mut all) {
            for one in &mut judged {
                one.placement.release(&durable);
            }
            return judged;
        }
        let mut placed = Vec::with_capacity(judged.len());
        for mut one in judged {
            match Durable::place(spool, &mut [&mut one.placement]) {
                Ok(durable) => {
                    one.placement.release(&durable);
                    placed.push(one);
                }
                Err(error) => worker.wait(&one.parcel, one.waited, disk_cause(&error)),
            }
        }
        placed
    });
    let judged = task.await.map_err(|_| RunError::Internal)?;
    run.stage("place", began_at);
    Ok(judged)
}

/// Judges a group again because the registry has changed meanwhile, and moves what has got another verdict.
pub(super) async fn again<R: Relay>(run: &Arc<Run<R>>, batch: Batch) -> Result<Batch, RunError> {
    let receiver = &run.receiver;
    let registry_version = registry_version(receiver.database.read()).await?;
    let opened = batch.judged.iter().filter_map(|one| one.outcome.opened());
    let snapshot = Snapshot::take(&receiver.database, receiver.keys.union(), opened).await?;
    let (mut settled, mut moved) = (Vec::new(), Vec::new());
    for mut one in batch.judged {
        if let Some(opened) = one.outcome.opened() {
            let examined = examined(run, &one.outcome);
            let signer = snapshot.facts(opened, examined.as_deref(), receiver.keys.union());
            one.signer = snapshot.signer(opened).map(|signer| signer.user.clone());
            one.facts.signer = Some(signer);
        }
        let accepted = judge(&one.facts).is_accepted();
        if accepted == one.accepted {
            settled.push(one);
        } else {
            moved.push(relocate(&receiver.archive, one, accepted));
        }
    }
    settled.extend(place(run, moved).await?);
    Ok(Batch { registry_version, judged: settled, repeated: batch.repeated })
}

fn relocate(archive: &Archive, one: Judged, accepted: bool) -> Judged {
    let (id, tag, size) = (one.parcel.id, one.tag, one.parcel.size);
    let sealed = one.placement.into_sealed();
    let placement = match one.outcome.verified() {
        Some(verified) if accepted => archive.place(verified, sealed),
        _ => archive.place_in_quarantine(id, tag, size, sealed),
    };
    Judged { accepted, placement, ..one }
}
