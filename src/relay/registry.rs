//! Who may come in: what the database says, in memory, asked at every handshake and again at every request.
//!
//! Changes through this server are here before they are confirmed. Changes by a command on the same database
//! (`union add`, `union disable`) raise a version there, which a task looks at once a second.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, RwLock};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::Mutex;

use crate::domain::digest::Fingerprint;
use crate::domain::ids::{InsurerNumber, OfficeCode, UserId};
use crate::http::{Admission, Authorities, Path, Refusal};
use crate::message::keys::Certificate;
use crate::pki::TrustStore;
pub use crate::store::relay::registry::Holder;
use crate::store::relay::registry::{self as stored, UnionEntry, UserEntry};
use crate::store::sqlite::{Database, StoreError};

/// A union, ready to judge by.
#[derive(Debug)]
pub struct Union {
    /// Its number.
    pub insurer: InsurerNumber,
    /// Whether it and its users may come in.
    pub enabled: bool,
    /// The authorities that count for its users.
    pub authorities: TrustStore,
    /// What it signs receipts with.
    pub signing: Vec<Certificate>,
    clients: Vec<Certificate>,
    /// Which authorities those are.
    authority_names: HashSet<Fingerprint>,
    /// None when no path can be checked against the authorities: then none of its users comes in.
    roots: Option<Authorities>,
}

impl From<UnionEntry> for Union {
    fn from(entry: UnionEntry) -> Self {
        let roots = Authorities::new(&entry.authorities);
        if let Err(error) = &roots {
            let code = "registry.authority-unusable";
            tracing::error!(code, union = %entry.insurer, %error, "the union's users cannot be let in");
        }
        Self {
            insurer: entry.insurer,
            enabled: entry.enabled,
            authority_names: entry.authorities.iter().map(Certificate::fingerprint).collect(),
            authorities: TrustStore::new(entry.authorities),
            signing: entry.signing,
            clients: entry.clients,
            roots: roots.ok(),
        }
    }
}

/// A user who may come in now.
#[derive(Debug, Clone)]
pub struct User {
    /// Of which union.
    pub union: InsurerNumber,
    /// Who.
    pub id: UserId,
    /// The user's row.
    pub seq: i64,
    /// Of which office.
    pub office: OfficeCode,
    /// The certificate that was shown.
    pub certificate: Fingerprint,
    /// What it proves.
    pub holder: Holder,
}

/// Everybody who is registered.
#[derive(Debug, Default)]
pub struct Registry {
    unions: ArcSwap<Unions>,
    users: RwLock<Users>,
    version: AtomicI64,
    /// Held from the reading of rows until they are in place: who read earlier never overwrites who read later.
    reading: Mutex<()>,
}

/// Certificates of users and PCs, and which are whose: one user is changed without looking at the others.
#[derive(Debug, Default)]
struct Users {
    by_certificate: HashMap<Fingerprint, UserEntry>,
    certificates: HashMap<(InsurerNumber, UserId), Vec<Fingerprint>>,
}

impl Users {
    fn insert(&mut self, entry: UserEntry) {
        let whose = (entry.insurer.clone(), entry.user.clone());
        self.certificates.entry(whose).or_default().push(entry.fingerprint);
        self.by_certificate.insert(entry.fingerprint, entry);
    }

    fn remove(&mut self, insurer: &InsurerNumber, user: &UserId) {
        for certificate in self.certificates.remove(&(insurer.clone(), user.clone())).unwrap_or_default() {
            // It may be somebody else's by now.
            let is_theirs = |entry: &UserEntry| entry.insurer == *insurer && entry.user == *user;
            if self.by_certificate.get(&certificate).is_some_and(is_theirs) {
                self.by_certificate.remove(&certificate);
            }
        }
    }
}

impl FromIterator<UserEntry> for Users {
    fn from_iter<I: IntoIterator<Item = UserEntry>>(entries: I) -> Self {
        let mut users = Self::default();
        entries.into_iter().for_each(|entry| users.insert(entry));
        users
    }
}

#[derive(Debug, Default, Clone)]
struct Unions {
    by_insurer: HashMap<InsurerNumber, Arc<Union>>,
    by_client: HashMap<Fingerprint, Arc<Union>>,
}

impl Unions {
    fn insert(&mut self, union: Arc<Union>) {
        self.by_client.retain(|_, other| other.insurer != union.insurer);
        for client in &union.clients {
            self.by_client.insert(client.fingerprint(), Arc::clone(&union));
        }
        self.by_insurer.insert(union.insurer.clone(), union);
    }

    /// The unions here whose authorities were others `before`.
    fn other_authorities_than(&self, before: &Self) -> HashSet<InsurerNumber> {
        let same = |union: &Union| {
            let before = before.by_insurer.get(&union.insurer);
            before.is_none_or(|before| before.authority_names == union.authority_names)
        };
        self.by_insurer.values().filter(|union| !same(union)).map(|union| union.insurer.clone()).collect()
    }
}

impl Registry {
    /// The version of what was read last: it rises with the operator's commands.
    pub fn version(&self) -> i64 {
        self.version.load(Ordering::Acquire)
    }

    /// Reads everything anew, and says of which unions the authorities have changed.
    pub async fn reload(&self, database: &Database) -> Result<HashSet<InsurerNumber>, StoreError> {
        let _reading = self.reading.lock().await;
        let mut connection = database.reader().await?;
        // Before the rest: what changes in between is read once more.
        let version = stored::version(&mut *connection).await?;
        let mut unions = Unions::default();
        for entry in stored::unions(&mut connection, None).await? {
            unions.insert(Arc::new(entry.into()));
        }
        let users: Users = stored::users(&mut connection, None).await?.into_iter().collect();
        let before = self.unions.swap(Arc::new(unions.clone()));
        *self.write() = users;
        self.version.store(version, Ordering::Release);
        Ok(unions.other_authorities_than(&before))
    }

    /// Reads one union anew, and says whether its authorities have changed: what an operator did is read along.
    pub async fn reload_union(
        &self,
        database: &Database,
        insurer: &InsurerNumber,
    ) -> Result<HashSet<InsurerNumber>, StoreError> {
        let _reading = self.reading.lock().await;
        let read = async { stored::unions(&mut *database.reader().await?, Some(insurer)).await };
        let mut changed = HashSet::new();
        for entry in read.await.inspect_err(|_| self.forget_version())? {
            let union = Arc::new(Union::from(entry));
            let before = self.unions.rcu(|unions| {
                let mut unions = Unions::clone(unions);
                unions.insert(Arc::clone(&union));
                unions
            });
            changed.extend(self.unions.load().other_authorities_than(&before));
        }
        Ok(changed)
    }

    /// Reads one user anew.
    pub async fn reload_user(
        &self,
        database: &Database,
        insurer: &InsurerNumber,
        user: &UserId,
    ) -> Result<(), StoreError> {
        let _reading = self.reading.lock().await;
        let read = async { stored::users(&mut *database.reader().await?, Some((insurer, user))).await };
        let entries = read.await.inspect_err(|_| self.forget_version())?;
        let mut users = self.write();
        users.remove(insurer, user);
        for entry in entries {
            users.insert(entry);
        }
        Ok(())
    }

    /// What was committed could not be read: the next look at the version reads everything.
    fn forget_version(&self) {
        self.version.store(-1, Ordering::Release);
    }

    /// The union that a client certificate belongs to, if it may come in now.
    pub fn union(&self, client: Fingerprint, now: Timestamp) -> Result<Arc<Union>, Refusal> {
        let unions = self.unions.load();
        let union = unions.by_client.get(&client).ok_or(Refusal::Unknown)?;
        let certificate = union.clients.iter().find(|known| known.fingerprint() == client).ok_or(Refusal::Unknown)?;
        in_time(certificate.not_before(), certificate.not_after(), now)?;
        if union.enabled { Ok(Arc::clone(union)) } else { Err(Refusal::Disabled) }
    }

    /// The union of this number.
    pub fn union_of(&self, insurer: &InsurerNumber) -> Option<Arc<Union>> {
        self.unions.load().by_insurer.get(insurer).cloned()
    }

    /// The user that a certificate, or the PC that it proves, belongs to, if the user may come in now.
    pub fn user(&self, certificate: Fingerprint, now: Timestamp) -> Result<User, Refusal> {
        let users = self.users.read().expect("nothing panics while it holds the users");
        let entry = users.by_certificate.get(&certificate).ok_or(Refusal::Unknown)?;
        let union = self.union_of(&entry.insurer).ok_or(Refusal::Unknown)?;
        if !entry.enabled || !union.enabled {
            return Err(Refusal::Disabled);
        }
        in_time(entry.not_before, entry.not_after, now)?;
        Ok(User {
            union: entry.insurer.clone(),
            id: entry.user.clone(),
            seq: entry.seq,
            office: entry.office.clone(),
            certificate,
            holder: entry.holder,
        })
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Users> {
        self.users.write().expect("nothing panics while it holds the users")
    }
}

fn in_time(not_before: Timestamp, not_after: Timestamp, now: Timestamp) -> Result<(), Refusal> {
    match now {
        now if now < not_before => Err(Refusal::NotYetValid),
        now if now > not_after => Err(Refusal::Expired),
        _ => Ok(()),
    }
}

/// The VPN side: exactly the registered client certificates of enabled unions.
#[derive(Debug)]
pub struct UnionAdmission(pub Arc<Registry>);

impl Admission for UnionAdmission {
    fn admit(&self, certificate: &Certificate, now: Timestamp) -> Result<Path, Refusal> {
        self.0.union(certificate.fingerprint(), now).map(|_| Path::None)
    }
}

/// The employers' side: registered certificates of enabled users and of their PCs, each with a path to an authority of the user's own
/// union and no other.
#[derive(Debug)]
pub struct EmployerAdmission(pub Arc<Registry>);

impl Admission for EmployerAdmission {
    fn admit(&self, certificate: &Certificate, now: Timestamp) -> Result<Path, Refusal> {
        let user = self.0.user(certificate.fingerprint(), now)?;
        let union = self.0.union_of(&user.union).ok_or(Refusal::Unknown)?;
        union.roots.clone().map(Path::To).ok_or(Refusal::Untrusted)
    }
}
