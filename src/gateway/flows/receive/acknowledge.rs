//! The last stage: the relay is told what is durable here.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc::Receiver;

use super::RunError;
use super::item::Outgoing;
use super::run::Run;
use crate::failpoint;
use crate::gateway::relay::Relay;
use crate::store::gateway::acknowledgements;
use crate::wire::Der;
use crate::wire::client::ClientError;
use crate::wire::page::MAX_LIMIT;
use crate::wire::union::{Acknowledgement, AcknowledgementOutcome};

/// Groups that go into one request, at most.
const GROUPS: usize = 4;

/// Sends what an earlier run committed and could not send.
pub(super) async fn pending<R: Relay>(run: &Run<R>) -> Result<(), RunError> {
    let mut after = 0;
    loop {
        let line = acknowledgements::list(run.receiver.database.read(), after, MAX_LIMIT).await?;
        let Some(last) = line.last() else { return Ok(()) };
        after = last.number;
        let outgoing = line.into_iter().map(|one| Outgoing {
            number: one.number,
            acknowledgement: Acknowledgement { id: one.id, receipt: one.receipt.map(Der) },
        });
        send(run, &outgoing.collect::<Vec<_>>()).await?;
        run.flush().await?;
    }
}

/// Sends what the run commits, as it comes. What cannot be sent stands in the line for the next run.
pub(super) async fn work<R: Relay>(run: Arc<Run<R>>, mut done: Receiver<Vec<Outgoing>>) {
    loop {
        let mut groups = Vec::with_capacity(GROUPS);
        if done.recv_many(&mut groups, GROUPS).await == 0 {
            return;
        }
        let outgoing: Vec<Outgoing> = groups.into_iter().flatten().collect();
        for chunk in outgoing.chunks(MAX_LIMIT as usize) {
            if let Err(error) = send(&run, chunk).await {
                return run.fail(error.into());
            }
        }
    }
}

/// Sends a group, and notes what the relay has confirmed.
pub(super) async fn send<R: Relay>(run: &Run<R>, outgoing: &[Outgoing]) -> Result<(), ClientError> {
    if outgoing.is_empty() {
        return Ok(());
    }
    let began_at = Instant::now();
    let items = || outgoing.iter().map(|one| one.acknowledgement.clone()).collect();
    let answer = run.request(|| run.receiver.relay.acknowledge(items())).await?;
    failpoint!("receive.acknowledged");
    run.stage("acknowledge", began_at);
    let mut shared = run.lock();
    shared.again.told(answer.acknowledged);
    // The client has checked that each is answered, in the same order.
    for (one, result) in outgoing.iter().zip(answer.items) {
        match result.outcome {
            AcknowledgementOutcome::Acknowledged | AcknowledgementOutcome::AlreadyAcknowledged => {}
            AcknowledgementOutcome::Unknown => {
                tracing::info!(code = "parcel.gone", id = %result.id, "the relay has this parcel no more");
            }
            // Its place in the line is kept: with a better certificate at the relay the next run succeeds.
            AcknowledgementOutcome::ReceiptRefused => {
                tracing::error!(code = "receipt.refused", id = %result.id, "the relay refused our receipt");
                continue;
            }
        }
        shared.acknowledged.push(one.number);
    }
    Ok(())
}
