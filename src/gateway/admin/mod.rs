//! What staff do from the command line and at the console, and the sandbox and tests in their place. Each function is one transaction with
//! its audit entry.

pub mod enrolments;
mod error;
pub mod expectations;
pub mod export;
pub mod hooks;
pub mod import;
pub mod incident;
pub mod keys;
pub mod letters;
pub mod offices;
pub mod quarantine;
pub mod received;
pub mod reviews;
pub mod schedule;
pub mod sent;
pub mod staff;
mod status;
pub mod tokens;
pub mod two_persons;
pub mod users;

use jiff::Timestamp;

use super::flows::By;
use super::opened::Gateway;
use crate::store::gateway::audit::{self, Entry};
use crate::store::gateway::events::{self, Kind, NewEvent};
use crate::store::gateway::messages::Message;
use crate::store::sqlite::{Connection, Readers, StoreError};

pub use error::{AdminError, BadLine, Refused, ScheduleError};

/// Who acts, and with what.
#[derive(Debug, Clone)]
pub struct Admin {
    gateway: Gateway,
    actor: String,
    aliases: Vec<String>,
    origin: String,
}

impl Admin {
    /// Acts as `actor` (an account name; it goes into the audit).
    pub fn new(gateway: &Gateway, actor: &str) -> Self {
        Self { gateway: gateway.clone(), actor: actor.to_owned(), aliases: Vec::new(), origin: String::new() }
    }

    /// Other names of the one who acts: none of them is a second person.
    #[must_use]
    pub fn known_as(mut self, aliases: Vec<String>) -> Self {
        self.aliases = aliases;
        self
    }

    /// Acts from this address, which goes into the audit too.
    #[must_use]
    pub fn coming_from(mut self, origin: &str) -> Self {
        origin.clone_into(&mut self.origin);
        self
    }

    /// Who acts, as the audit has it.
    pub fn actor(&self) -> &str {
        &self.actor
    }

    /// Who acts, and from where.
    pub fn by(&self) -> By<'_> {
        By { actor: &self.actor, origin: &self.origin }
    }

    fn is_actor(&self, name: &str) -> bool {
        self.aliases.iter().chain([&self.actor]).any(|own| own.eq_ignore_ascii_case(name))
    }

    fn now(&self) -> Timestamp {
        self.gateway.receiver.clock.now()
    }

    fn read(&self) -> &Readers {
        self.gateway.receiver.database.read()
    }

    async fn log(
        &self,
        connection: &mut Connection,
        action: &'static str,
        subject: &str,
        before: &str,
        after: &str,
    ) -> Result<(), StoreError> {
        let entry = Entry {
            at: self.now(),
            actor: self.actor.clone(),
            action,
            subject: subject.to_owned(),
            before: before.to_owned(),
            after: after.to_owned(),
        };
        audit::insert_from(connection, &[entry], &self.origin).await
    }

    /// What happened to a received message, for those who tell of it.
    async fn tell(&self, connection: &mut Connection, kind: Kind, message: &Message) -> Result<(), StoreError> {
        let content = message.content.as_ref();
        let event = NewEvent {
            at: self.now(),
            kind,
            subject: message.id.to_string(),
            office: content.and_then(|content| content.office.clone()),
            user: content.and_then(|content| content.user.clone()),
        };
        events::insert(connection, &[event]).await
    }
}
