//! Who has just told the right password may fetch the kit, for a few minutes. In memory only: after a restart the password is
//! asked for again.

use std::collections::HashMap;
use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

use crate::domain::digest::Sha256;

/// How long a ticket is good.
const TIME: SignedDuration = SignedDuration::from_mins(10);
/// Tickets at the same time. Each was paid for with a right password.
const MOST: usize = 1_000;

/// The right to a kit.
#[derive(Clone)]
pub(super) struct Ticket {
    pub(super) user: i64,
    /// The link that the password was told at: the right ends with it.
    pub(super) link: Sha256,
    pub(super) kit: Zeroizing<Vec<u8>>,
}

/// The tickets that are good now, by the hashes of their tokens.
#[derive(Default)]
pub(super) struct Tickets(Mutex<HashMap<Sha256, (Timestamp, Ticket)>>);

impl Tickets {
    pub(super) fn put(&self, token: Sha256, ticket: Ticket, now: Timestamp) {
        let mut tickets = self.lock();
        tickets.retain(|_, (until, other)| now < *until && other.user != ticket.user);
        if tickets.len() < MOST {
            let until = now.checked_add(TIME).unwrap_or(Timestamp::MAX);
            tickets.insert(token, (until, ticket));
        }
    }

    pub(super) fn find(&self, token: Sha256, now: Timestamp) -> Option<Ticket> {
        self.lock().get(&token).filter(|(until, _)| now < *until).map(|(_, ticket)| ticket.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Sha256, (Timestamp, Ticket)>> {
        self.0.lock().expect("nothing panics while it holds the tickets")
    }
}
