//! What messages are found and counted by, from the transaction on that adds them.

use std::collections::BTreeMap;

use sqlx::SqliteConnection;

use super::{Message, State};
use crate::domain::ids::OfficeCode;
use crate::store::gateway::counters;
use crate::store::gateway::days::{self, Numbers};
use crate::store::gateway::expectations::note::{self as expected, Archived};
use crate::store::gateway::search::words;
use crate::store::sqlite::StoreError;

/// Makes messages findable, and counts them.
pub(super) async fn note(connection: &mut SqliteConnection, messages: &[Message]) -> Result<(), StoreError> {
    let mut tallies: BTreeMap<&'static str, i64> = BTreeMap::new();
    for message in messages {
        *tallies.entry(counter(message.state)).or_default() += 1;
    }
    let names = messages
        .iter()
        .filter_map(|message| Some((message.number, message.content.as_ref()?.file_name.as_ref()?.as_str())));
    words::note(connection, Numbers::Received, &names.collect::<Vec<_>>()).await?;
    let archived: Vec<_> = messages.iter().filter_map(archived).collect();
    expected::note(connection, &archived).await?;
    let unopened = messages.iter().filter(|message| message.verdict.is_accepted()).count();
    tallies.insert("received.unopened", i64::try_from(unopened).unwrap_or(i64::MAX));
    for (name, count) in tallies {
        counters::add(connection, name, count).await?;
    }
    let arrivals = messages.iter().map(|message| days::Arrival {
        number: message.number,
        at: message.received_at,
        is_archived: message.verdict.is_accepted(),
        bytes: message.sealed_size,
    });
    days::note_received(connection, arrivals).await
}

/// The file of an archived message. What is in quarantine only claims to be somebody's.
fn archived(message: &Message) -> Option<Archived<'_>> {
    let content = message.content.as_ref().filter(|_| message.verdict.is_accepted())?;
    Some(Archived {
        number: message.number,
        office: content.office.as_ref().map(OfficeCode::as_str)?,
        name: content.file_name.as_ref()?.as_str(),
        at: message.received_at,
    })
}

const fn counter(state: State) -> &'static str {
    match state {
        State::Archived => "received.archived",
        State::Accepted => "received.accepted",
        State::Returned => "received.returned",
        State::Quarantined => "received.quarantined",
    }
}
