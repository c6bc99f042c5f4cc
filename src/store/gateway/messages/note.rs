//! What messages are found and counted by, from the transaction on that adds them.

use std::collections::BTreeMap;

use sqlx::SqliteConnection;

use super::{Message, State};
use crate::store::gateway::search::words::index;
use crate::store::gateway::{counters, days};
use crate::store::sqlite::StoreError;

/// Makes messages findable, and counts them.
pub(super) async fn note(connection: &mut SqliteConnection, messages: &[Message]) -> Result<(), StoreError> {
    let mut tallies: BTreeMap<&'static str, i64> = BTreeMap::new();
    for message in messages {
        *tallies.entry(counter(message.state)).or_default() += 1;
        let name = message.content.as_ref().and_then(|content| content.file_name.as_ref());
        if let Some(name) = name {
            sqlx::query("INSERT INTO received_words (rowid, words) VALUES ($1, $2)")
                .bind(message.number)
                .bind(index(name.as_str()))
                .execute(&mut *connection)
                .await?;
        }
    }
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

const fn counter(state: State) -> &'static str {
    match state {
        State::Archived => "received.archived",
        State::Accepted => "received.accepted",
        State::Returned => "received.returned",
        State::Quarantined => "received.quarantined",
    }
}
