//! The end of a run: gaps in streams are told, or taken back where the run itself has closed them.

use super::RunError;
use super::run::Run;
use crate::domain::policy::{Facts, judge};
use crate::domain::sequence::{Finding, Order, StreamMark};
use crate::domain::verdict::Warning;
use crate::gateway::relay::Relay;
use crate::store::gateway::gaps::{self, Gap};
use crate::store::gateway::{evidence, messages, stream_marks};
use crate::store::sqlite::{Connection, StoreError};

/// Gaps that are looked at after one run; more are left for the next.
const AT_ONCE: u32 = 10_000;

/// Settles what can be. `everything_came`: the run has left nothing at the relay, so what is missing is missing there.
pub(super) async fn settle<R: Relay>(run: &Run<R>, everything_came: bool) -> Result<(), RunError> {
    let database = &run.receiver.database;
    let open = gaps::list(database.read(), AT_ONCE).await?;
    if open.is_empty() {
        return Ok(());
    }
    let mut transaction = database.write().await?;
    for gap in open {
        if !is_closed(&mut transaction, &gap).await? {
            if everything_came {
                tracing::warn!(
                    code = Warning::SequenceGap.code(),
                    message = gap.message,
                    first = gap.missing.first,
                    last = gap.missing.last,
                    "messages are missing in a sender's stream"
                );
                gaps::remove(&mut transaction, gap.message).await?;
            }
            continue;
        }
        take_back(&mut transaction, gap.message).await?;
        gaps::remove(&mut transaction, gap.message).await?;
    }
    Ok(database.commit(transaction).await?)
}

async fn is_closed(connection: &mut Connection, gap: &Gap) -> Result<bool, StoreError> {
    let marks = stream_marks::find(connection, std::slice::from_ref(&gap.sender)).await?;
    let json = marks.get(&gap.sender).ok_or(StoreError::Missing("stream mark"))?;
    let mark: StreamMark = serde_json::from_str(json).map_err(|_| StoreError::Corrupt("stream mark"))?;
    Ok(!mark.missing().iter().any(|open| open.first <= gap.missing.last && gap.missing.first <= open.last))
}

/// Seen over the whole run, the message continued its stream.
async fn take_back(connection: &mut Connection, message: i64) -> Result<(), StoreError> {
    let stored = evidence::find(&mut *connection, message).await?.ok_or(StoreError::Missing("evidence"))?;
    let mut facts: Facts = serde_json::from_str(&stored.facts).map_err(|_| StoreError::Corrupt("facts"))?;
    facts.sequence = Some(Finding { order: Order::Next, given_up: None });
    let json = serde_json::to_string(&facts).map_err(|_| StoreError::Corrupt("facts"))?;
    evidence::set_facts(connection, message, &json).await?;
    messages::set_warnings(connection, message, &judge(&facts)).await
}
