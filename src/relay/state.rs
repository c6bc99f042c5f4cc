//! What every handler and task of the relay shares.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::extract::FromRef;
use tokio::sync::Notify;

use super::bytes::{BytesError, Key, ParcelStore};
use super::config::Config;
use super::metrics::Metrics;
use super::registry::{Registry, User};
use super::room::Promised;
use crate::domain::clock::{Clock, Random};
use crate::domain::ids::{InsurerNumber, MessageId};
use crate::http::{Limits, Peers};
use crate::mail::Mailer;
use crate::message::keys::Credential;
use crate::runtime::lifecycle::Shutdown;
use crate::runtime::task::Task;
use crate::store::sqlite::Database;
use crate::wire::union::Entrance;

/// Tries at emptying the database's log, while somebody reads from it.
const FOLDINGS: u32 = 20;
const FOLDING_PAUSE: Duration = Duration::from_millis(500);

/// Parcels remembered between being listed and being fetched.
const LISTED: usize = 16_384;

/// The relay's insides.
#[derive(Debug)]
pub struct State {
    /// The settings.
    pub config: Config,
    /// The rows.
    pub database: Database,
    /// The bytes.
    pub bytes: Arc<dyn ParcelStore>,
    /// Who may come in.
    pub registry: Arc<Registry>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where unpredictable bytes come from.
    pub random: Arc<dyn Random>,
    /// What goes out to people.
    pub mailer: Mailer,
    /// Sends what is in the outbox.
    pub outbox: OnceLock<Task>,
    /// Held while the outbox is emptied, so that nobody sends a mail beside somebody else.
    pub sending: tokio::sync::Mutex<()>,
    /// How employers and people reach the relay.
    pub entrances: OnceLock<Entrances>,
    /// What the relay signs its receipts with.
    pub receipts: ArcSwap<Credential>,
    /// Wakes unions that wait for parcels.
    pub arrivals: Arrivals,
    /// Wakes unions that wait for news of what they sent.
    pub events: Arrivals,
    /// Wakes users, by their rows, who wait for what their union sends.
    pub inboxes: Arrivals<i64>,
    /// Wakes those who wait for requests for certificates, or for the answers.
    pub requests: Arrivals,
    /// Which uploads are being written to.
    pub locks: Locks,
    /// Room that open uploads still need.
    pub promised: Promised,
    /// What was listed lately.
    pub listed: Listed,
    /// Who is connected on the VPN side.
    pub unions: Peers,
    /// Who is connected on the employers' side.
    pub employers: Peers,
    /// What is counted.
    pub metrics: Metrics,
    /// When to stop.
    pub shutdown: Shutdown,
}

/// How the relay is reached from outside.
#[derive(Debug, Clone)]
pub struct Entrances {
    /// The employers' listener.
    pub employer: Entrance,
    /// The enrolment page: `https://HOST:PORT`.
    pub page: String,
}

/// The state as handlers get it.
pub type App = Arc<State>;

impl FromRef<App> for Limits {
    fn from_ref(app: &App) -> Self {
        app.config.limits.clone()
    }
}

impl State {
    /// Promises room to a new upload, or refuses what the disk cannot hold beside its reserve and the other uploads.
    pub async fn promise_room(&self, key: &Key, bytes: u64) -> Result<(), BytesError> {
        let Some(room) = self.bytes.room().await? else { return Ok(()) };
        let room = room.saturating_sub(self.config.parcels.disk_reserve_bytes);
        if self.promised.promise(key, bytes, room) { Ok(()) } else { Err(BytesError::Full) }
    }

    /// Whether the reserve is untouched: others than uploads fill disks too.
    pub async fn check_reserve(&self) -> Result<(), BytesError> {
        let room = self.bytes.room().await?;
        if room.is_some_and(|room| room < self.config.parcels.disk_reserve_bytes) {
            Err(BytesError::Full)
        } else {
            Ok(())
        }
    }

    /// How the relay is reached from outside.
    pub fn entrances(&self) -> &Entrances {
        self.entrances.get().expect("the addresses are known before anything is served")
    }

    /// A name for a new mail.
    pub fn new_mail_id(&self) -> String {
        let mut bytes = [0; 16];
        self.random.fill(&mut bytes);
        hex::encode(bytes)
    }

    /// Something was put into the outbox, or noted for a mail.
    pub fn ring_outbox(&self) {
        if let Some(task) = self.outbox.get() {
            task.activate();
        }
    }

    /// What was deleted leaves the database's log, too: soon, and beside everything else.
    pub fn fold_log(self: &Arc<Self>) {
        let this = Arc::clone(self);
        self.shutdown.spawn(async move {
            for _ in 0..FOLDINGS {
                if this.database.fold().await || this.shutdown.is_stopping() {
                    return;
                }
                tokio::time::sleep(FOLDING_PAUSE).await;
            }
            tracing::info!(code = "database.log", "the log could not be emptied: somebody reads for long");
        });
    }

    /// Sends away everybody who is connected and may not be here any more.
    pub fn send_away(&self) {
        let now = self.clock.now();
        self.unions.retain(|certificate| self.registry.union(certificate, now).is_ok());
        self.employers.retain(|certificate| self.registry.user(certificate, now).is_ok());
    }

    /// Sends away everybody whose union's authorities are not the same any more: a path to one of the new ones is looked
    /// for when they come again.
    pub fn send_away_users_of(&self, changed: &HashSet<InsurerNumber>) {
        let now = self.clock.now();
        let unchanged = |user: &User| !changed.contains(&user.union);
        self.employers.retain(|certificate| self.registry.user(certificate, now).as_ref().is_ok_and(unchanged));
    }
}

/// One bell for each union, or each of something else.
#[derive(Debug)]
pub struct Arrivals<K = InsurerNumber>(Mutex<HashMap<K, Arc<Notify>>>);

impl<K> Default for Arrivals<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash + Clone> Arrivals<K> {
    /// The bell of one. Who waits for it is woken by everything that becomes visible there.
    pub fn of(&self, whose: &K) -> Arc<Notify> {
        Arc::clone(lock(&self.0).entry(whose.clone()).or_default())
    }

    /// Wakes those who wait, if there was ever anybody.
    pub fn ring(&self, whose: &K) {
        if let Some(bell) = lock(&self.0).get(whose) {
            bell.notify_waiters();
        }
    }
}

/// Uploads that somebody is writing to. One process owns the parcels, so memory is enough.
#[derive(Debug, Clone, Default)]
pub struct Locks(Arc<Mutex<HashSet<Key>>>);

impl Locks {
    /// Takes the upload for itself, unless somebody else has it.
    pub fn take(&self, key: &Key) -> Option<Lock> {
        let taken = lock(&self.0).insert(key.clone());
        taken.then(|| Lock { locks: self.clone(), key: key.clone() })
    }
}

/// The right to change one upload.
#[derive(Debug)]
pub struct Lock {
    locks: Locks,
    key: Key,
}

impl Lock {
    /// Which upload.
    pub fn key(&self) -> &Key {
        &self.key
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        lock(&self.locks.0).remove(&self.key);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nothing panics while it holds this lock")
}

/// Sizes of parcels that were listed a moment ago, so that fetching them asks no database. Bytes never change; when they
/// are gone, the storage says so.
#[derive(Debug, Default)]
pub struct Listed(Mutex<HashMap<MessageId, (InsurerNumber, u64)>>);

impl Listed {
    /// Remembers.
    pub fn remember(&self, union: &InsurerNumber, parcels: impl Iterator<Item = (MessageId, u64)>) {
        let mut listed = lock(&self.0);
        if listed.len() >= LISTED {
            listed.clear();
        }
        listed.extend(parcels.map(|(id, size)| (id, (union.clone(), size))));
    }

    /// The size of a parcel of this union, if it is remembered.
    pub fn size(&self, union: &InsurerNumber, id: MessageId) -> Option<u64> {
        let listed = lock(&self.0);
        listed.get(&id).filter(|(owner, _)| owner == union).map(|(_, size)| *size)
    }

    /// Forgets a parcel whose bytes go.
    pub fn forget(&self, id: MessageId) {
        lock(&self.0).remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_has_one_writer() {
        let id = "0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f6".parse().unwrap();
        let key = |union: &str| Key { union: union.parse().unwrap(), id };
        let locks = Locks::default();
        let lock = locks.take(&key("06123456")).unwrap();
        assert!(locks.take(&key("06123456")).is_none());
        assert!(locks.take(&key("06123457")).is_some());
        drop(lock);
        assert!(locks.take(&key("06123456")).is_some());
    }
}
