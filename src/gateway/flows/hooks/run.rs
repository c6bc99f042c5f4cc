//! From the log of events to letters, and from letters to those who are told.

use tokio_util::sync::CancellationToken;

use super::{EVENT_ID, Hooks, SIGNATURE, command};
use crate::failpoint;
use crate::gateway::relay::Relay;
use crate::store::gateway::events::{self, Event};
use crate::store::gateway::hook_letters::{self, Letter, Way};
use crate::store::sqlite::StoreError;

/// Our name among the readers of events.
const READER: &str = "hooks";
/// Events or letters that are looked at together.
const GROUP: u32 = 100;

impl<R: Relay> Hooks<R> {
    /// Tells what there is to tell. Whoever does not listen is tried again later, and keeps nobody else back.
    pub async fn run(&self, stop: &CancellationToken, hard: &CancellationToken) -> Result<(), &'static str> {
        while self.take().await.map_err(store)? {}
        let (mut deaf, mut result) = (Vec::new(), Ok(()));
        loop {
            let now = self.receiver.clock.now();
            let (read, horizon) = (self.receiver.database.read(), self.backoff.horizon(now));
            let due = hook_letters::due(read, now, horizon, &deaf, GROUP).await.map_err(store)?;
            if due.is_empty() {
                return result;
            }
            for letter in due {
                if stop.is_cancelled() {
                    return result;
                }
                if deaf.contains(&letter.way) {
                    continue;
                }
                let told = self.tell(&letter, hard).await;
                failpoint!("hooks.told");
                if told.is_err() {
                    deaf.push(letter.way);
                    result = Err("hooks.not-told");
                }
                self.note(&letter, told.err().as_deref()).await.map_err(store)?;
            }
        }
    }

    /// Makes letters of new events. From the moment on at which this was switched on for the first time. False when there are no more.
    async fn take(&self) -> Result<bool, StoreError> {
        let database = &self.receiver.database;
        // Most looks find nothing: they are not to be in the way of whoever writes.
        let (mark, newest) = events::standing(database.read(), READER).await?;
        if mark == Some(newest) {
            return Ok(false);
        }
        let mut transaction = database.write().await?;
        let Some(mark) = events::mark(&mut *transaction, READER).await? else {
            let newest = events::newest(&mut *transaction).await?;
            events::set_mark(&mut transaction, READER, newest).await?;
            database.commit(transaction).await?;
            return Ok(false);
        };
        let found = events::after(&mut *transaction, mark, GROUP.into()).await?;
        let Some(last) = found.last() else { return Ok(false) };
        let told: Vec<&Event> = found.iter().filter(|event| self.settings.tells(event.kind)).collect();
        let now = self.receiver.clock.now();
        let ways = [(Way::Command, !self.settings.command.is_empty()), (Way::Url, self.post.is_some())];
        for (way, _) in ways.into_iter().filter(|(_, is_on)| *is_on) {
            hook_letters::insert(&mut transaction, &told, way, now).await?;
        }
        events::set_mark(&mut transaction, READER, last.number).await?;
        database.commit(transaction).await?;
        Ok(true)
    }

    async fn tell(&self, letter: &Letter, hard: &CancellationToken) -> Result<(), String> {
        let (text, id) = (self.text(&letter.event), letter.event.number.to_string());
        match (letter.way, &self.post) {
            (Way::Command, _) if !self.settings.command.is_empty() => {
                let (arguments, timeout) = (self.settings.command.clone(), self.settings.timeout());
                let hard = hard.clone();
                let run = tokio::task::spawn_blocking(move || command::run(&arguments, &text, timeout, &hard));
                run.await.unwrap_or_else(|_| Err("internal".to_owned()))
            }
            (Way::Url, Some(post)) => {
                let signature = post.signature(self.receiver.clock.now(), &text);
                post.hook.post(text, &[(EVENT_ID, &id), (SIGNATURE, &signature)]).await.map_err(|error| error.code())
            }
            // Switched off since.
            _ => Err("hooks.off".to_owned()),
        }
    }

    async fn note(&self, letter: &Letter, problem: Option<&str>) -> Result<(), StoreError> {
        let database = &self.receiver.database;
        let mut transaction = database.write().await?;
        match problem {
            None => hook_letters::delete(&mut transaction, letter.number).await?,
            Some(problem) => {
                let tries = letter.tries + 1;
                let gives_up = tries >= self.settings.tries;
                let pause = self.backoff.pause(tries, self.receiver.random.as_ref());
                let next = self.receiver.clock.now().checked_add(pause).ok().filter(|_| !gives_up);
                hook_letters::put_off(&mut transaction, letter.number, problem, next).await?;
                let (event, way) = (letter.event.number, letter.way.code());
                if gives_up {
                    tracing::error!(code = problem, event, way, "a program was never told of an event: given up");
                } else {
                    tracing::warn!(code = problem, event, way, tries, "a program was not told of an event");
                }
            }
        }
        database.commit(transaction).await
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err hands over")]
fn store(error: StoreError) -> &'static str {
    tracing::error!(code = "database", error = &error as &dyn std::error::Error, "hooks cannot be gone on with");
    "database"
}
