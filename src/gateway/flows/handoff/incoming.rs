//! `in/`: each message that was verified, decrypted, with what is known of it beside it.
//!
//! What was handed in is known by the place in the log of events. The names follow from the message's id, so that whoever is
//! killed before that place is noted finds what is there already and leaves it as it is. One that cannot be handed in for a cause of its own
//! is noted as late, and keeps nobody back.

use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::SignedDuration;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::look::may_move;
use super::place::name;
use super::{Handoff, code};
use crate::domain::clock::Random;
use crate::failpoint;
use crate::gateway::flows::By;
use crate::gateway::flows::reveal::{RevealError, Revealable};
use crate::gateway::patience::Backoff;
use crate::gateway::relay::Relay;
use crate::gateway::view::MessageView;
use crate::store::gateway::events::{self, Event, Kind};
use crate::store::gateway::handoff_late;
use crate::store::sqlite::StoreError;
use crate::stream::unpublished::Unpublished;

/// Our name among the readers of events.
const READER: &str = "handoff";
/// Events that are read at once.
const EVENTS: i64 = 200;
/// Late ones that are tried in one run.
const LATE: u32 = 50;
/// Whoever is in the group of the folder may read.
const MODE: u32 = 0o640;

/// Between two tries of what is late.
const BACKOFF: Backoff = Backoff { first: SignedDuration::from_mins(1), longest: SignedDuration::from_hours(1) };

/// Why a message is not handed in.
enum NotIn {
    /// Nothing can be at present.
    Nothing(&'static str),
    /// This one cannot: others may well.
    This(&'static str),
}

impl From<StoreError> for NotIn {
    fn from(error: StoreError) -> Self {
        Self::Nothing(store(error))
    }
}

/// What became of a message.
type Done = (Option<Revealable>, &'static str);

/// What stands beside a file.
#[derive(Debug, Serialize)]
struct Beside<'a> {
    /// The name of the file here.
    file: &'a str,
    #[serde(flatten)]
    message: MessageView,
}

impl<R: Relay> Handoff<R> {
    /// Hands in what was received since the last time. From the moment on at which this was switched on for the first time: what
    /// was there before is had by the API.
    pub(super) async fn hand_in(&self, stop: &CancellationToken) -> Result<(), &'static str> {
        let database = &self.sender.receiver.database;
        let Some(mut mark) = events::mark(database.read(), READER).await.map_err(store)? else {
            let newest = events::newest(database.read()).await.map_err(store)?;
            return self.set_mark(newest, None).await.map_err(store);
        };
        self.hand_in_late(stop).await?;
        while let Some(last) = self.hand_in_after(mark, stop).await? {
            mark = last;
        }
        let late = handoff_late::any(database.read()).await.map_err(store)?;
        if late { Err("handoff.late") } else { Ok(()) }
    }

    /// Hands in what arrived after a place, some of it. Answers how far this is; none at the end, or when it is to stop.
    async fn hand_in_after(&self, mark: i64, stop: &CancellationToken) -> Result<Option<i64>, &'static str> {
        let found = events::after(self.sender.receiver.database.read(), mark, EVENTS).await.map_err(store)?;
        let Some(last) = found.last().map(|event| event.number) else { return Ok(None) };
        for event in found.iter().filter(|event| is_arrival(event)) {
            if stop.is_cancelled() {
                return Ok(None);
            }
            match self.hand_in_one(event).await {
                Ok(done) => {
                    failpoint!("handoff.placed");
                    self.set_mark(event.number, Some(done)).await.map_err(store)?;
                }
                Err(NotIn::Nothing(code)) => return Err(code),
                Err(NotIn::This(code)) => self.put_off(event, 0, code).await.map_err(store)?,
            }
        }
        self.set_mark(last, None).await.map_err(store)?;
        Ok(Some(last))
    }

    /// Tries again what could not be handed in when it was its turn.
    async fn hand_in_late(&self, stop: &CancellationToken) -> Result<(), &'static str> {
        let receiver = &self.sender.receiver;
        let now = receiver.clock.now();
        let due = handoff_late::due(receiver.database.read(), now, BACKOFF.horizon(now), LATE).await.map_err(store)?;
        for late in due {
            if stop.is_cancelled() {
                break;
            }
            match self.hand_in_one(&late.event).await {
                Ok(done) => self.no_more_late(&late.event, done).await.map_err(store)?,
                Err(NotIn::Nothing(code)) => return Err(code),
                Err(NotIn::This(code)) => self.put_off(&late.event, late.tries, code).await.map_err(store)?,
            }
        }
        Ok(())
    }

    async fn hand_in_one(&self, event: &Event) -> Result<Done, NotIn> {
        let receiver = &self.sender.receiver;
        let id = event.subject.parse().map_err(|_| NotIn::This("database"))?;
        let found = match Revealable::find(receiver, id).await {
            Ok(found) => found,
            Err(RevealError::Store(error)) => return Err(error.into()),
            // Not there any more.
            Err(_) => return Ok((None, "")),
        };
        let size = found.message.content.as_ref().map_or(0, |content| content.size);
        let admit = |size| self.disk.admit(size).map_err(|error| NotIn::Nothing(code(&error)));
        let Some(_room) = admit(size)? else {
            // A smaller one may have room.
            let is_full = admit(0)?.is_none();
            return Err(if is_full { NotIn::Nothing("disk.low") } else { NotIn::This("disk.low") });
        };
        let (folder, random) = (self.folder.join("in"), Arc::clone(&receiver.random));
        let source = found.clone();
        let placed = tokio::task::spawn_blocking(move || {
            let placed = place(&folder, &source, random.as_ref());
            placed.map_err(|error| (error, may_move(&folder)))
        });
        match placed.await.map_err(|_| NotIn::This("internal"))? {
            Ok(()) => Ok((Some(found), "message.handed-in")),
            Err((RevealError::File(error), is_usable)) if found.is_there() => {
                let code = code(&error);
                tracing::warn!(code, message = %id, error = &error as &dyn std::error::Error, "not handed in");
                let is_mine = is_usable && code != "disk.full";
                Err(if is_mine { NotIn::This(code) } else { NotIn::Nothing(code) })
            }
            // It never will be: that must not keep back the others.
            Err((error, _)) => {
                let detail = &error as &dyn std::error::Error;
                tracing::error!(code = "handoff.damaged", message = %id, error = detail, "it cannot be handed in");
                Ok((Some(found), "message.handoff-failed"))
            }
        }
    }

    async fn set_mark(&self, mark: i64, done: Option<Done>) -> Result<(), StoreError> {
        let receiver = &self.sender.receiver;
        let mut transaction = receiver.database.write().await?;
        if let Some((Some(found), action)) = done {
            found.log(&mut transaction, By::GATEWAY, action, receiver.clock.now()).await?;
        }
        events::set_mark(&mut transaction, READER, mark).await?;
        receiver.database.commit(transaction).await
    }

    async fn put_off(&self, event: &Event, tries: u32, code: &'static str) -> Result<(), StoreError> {
        let receiver = &self.sender.receiver;
        let now = receiver.clock.now();
        let next = now.saturating_add(BACKOFF.pause(tries + 1, receiver.random.as_ref())).unwrap_or(now);
        let mut transaction = receiver.database.write().await?;
        handoff_late::put_off(&mut transaction, event.number, code, next).await?;
        let mark = events::mark(&mut *transaction, READER).await?;
        if mark.is_some_and(|mark| mark < event.number) {
            events::set_mark(&mut transaction, READER, event.number).await?;
        }
        receiver.database.commit(transaction).await
    }

    async fn no_more_late(&self, event: &Event, (found, action): Done) -> Result<(), StoreError> {
        let receiver = &self.sender.receiver;
        let mut transaction = receiver.database.write().await?;
        if let Some(found) = found {
            found.log(&mut transaction, By::GATEWAY, action, receiver.clock.now()).await?;
        }
        handoff_late::done(&mut transaction, event.number).await?;
        receiver.database.commit(transaction).await
    }
}

fn is_arrival(event: &Event) -> bool {
    matches!(event.kind, Kind::ReceivedArchived | Kind::ReceivedReleased)
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err hands over")]
fn store(error: StoreError) -> &'static str {
    tracing::error!(code = "database", error = &error as &dyn std::error::Error, "the folders cannot be gone on with");
    "database"
}

/// The file first, then what stands beside it: where that is, all is. Blocks.
fn place(folder: &Path, found: &Revealable, random: &dyn Random) -> Result<(), RevealError> {
    let message = &found.message;
    let given = message.content.as_ref().and_then(|content| content.file_name.as_ref());
    let file = name(&format!("{}_", message.id), given.map_or("unnamed", |name| name.as_str()), "");
    let place: PathBuf = folder.join(&file);
    // Handed in before, by somebody who was killed then.
    if !place.try_exists()? {
        let output = Unpublished::create(&place, random)?;
        let content = found.write(BufWriter::with_capacity(256 * 1024, output.file()))?;
        content.into_inner().map_err(io::IntoInnerError::into_error)?;
        publish(output, &place)?;
    }
    let beside = folder.join(format!("{}.json", message.id));
    if !beside.try_exists()? {
        let text = serde_json::to_vec_pretty(&Beside { file: &file, message: MessageView::from(message) });
        let output = Unpublished::create(&beside, random)?;
        let mut writer = output.file();
        writer.write_all(&text.map_err(io::Error::other)?)?;
        publish(output, &beside)?;
    }
    Ok(())
}

fn publish(output: Unpublished, place: &Path) -> io::Result<()> {
    output.file().set_permissions(PermissionsExt::from_mode(MODE))?;
    output.publish_at_first_free([place.to_owned()]).map(drop)
}
