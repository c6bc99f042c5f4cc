//! Who signed: what the registry knows of a signer, as facts for the verdict.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, Weak};

use jiff::{SignedDuration, Timestamp};

use super::keys::{KeyRing, Keys};
use crate::domain::address::Address;
use crate::domain::digest::Fingerprint;
use crate::domain::ids::{InsurerNumber, UserId};
use crate::domain::policy;
use crate::domain::user::UserState;
use crate::domain::verdict::Reason;
use crate::message::keys::Certificate;
use crate::message::open::Opened;
use crate::pki::crl::Status;
use crate::pki::identity::owner;
use crate::pki::profile::may_sign;
use crate::pki::trust::{TrustStore, Untrusted};
use crate::store::gateway::certificates::{self, Signer};
use crate::store::gateway::users::{self, User};
use crate::store::sqlite::{Database, StoreError};

/// Certificates kept at hand; beyond that all are read anew.
const CACHED: usize = 1_000;
/// How long an examined path to an authority counts.
const EXAMINED_FOR: SignedDuration = SignedDuration::from_mins(5);

/// A registered certificate, read and examined once. Nothing in it changes but with time, and with whom we trust.
#[derive(Debug)]
pub struct Examined {
    /// The certificate.
    pub certificate: Certificate,
    owner: Option<Address>,
    may_sign: bool,
    untrusted: Option<Reason>,
    /// What other authorities say; `None` when a current list is required and missing.
    revocation: Option<Revocation>,
    at: Timestamp,
    /// What it was examined by.
    by: Weak<Keys>,
}

#[derive(Debug, Clone, Copy)]
struct Revocation {
    revoked_at: Option<Timestamp>,
}

impl Examined {
    /// Whether it cannot be said at present if the certificate is revoked.
    pub fn revocation_is_unknown(&self) -> bool {
        self.revocation.is_none()
    }

    /// Whether no authority that we trust vouches for it.
    pub fn is_untrusted(&self) -> bool {
        self.untrusted.is_some()
    }

    /// When another authority revoked it, if one did. What our own CA revoked is in the registry.
    pub fn revoked_elsewhere_at(&self) -> Option<Timestamp> {
        self.revocation.and_then(|revocation| revocation.revoked_at)
    }
}

/// Registered certificates by fingerprint, as far as they were needed lately.
#[derive(Debug)]
pub struct Certificates {
    database: Database,
    keys: KeyRing,
    revocation_required: bool,
    cache: Mutex<HashMap<Fingerprint, Arc<Examined>>>,
}

impl Certificates {
    /// An empty cache in front of the database.
    pub fn new(database: Database, keys: KeyRing, revocation_required: bool) -> Self {
        Self { database, keys, revocation_required, cache: Mutex::default() }
    }

    /// The certificate if it is at hand.
    pub fn cached(&self, fingerprint: Fingerprint, now: Timestamp) -> Option<Arc<Examined>> {
        let cache = self.cache.lock().expect("nothing panics while it holds the cache");
        let current = Arc::downgrade(&self.keys.current());
        let fresh = |examined: &&Arc<Examined>| {
            now.duration_since(examined.at).abs() < EXAMINED_FOR && examined.by.ptr_eq(&current)
        };
        cache.get(&fingerprint).filter(fresh).cloned()
    }

    /// The certificate from the registry; none when it is not registered.
    pub async fn find(&self, fingerprint: Fingerprint, now: Timestamp) -> Result<Option<Arc<Examined>>, StoreError> {
        let mut connection = self.database.reader().await?;
        let found = certificates::find(&mut connection, &[fingerprint]).await?;
        let Some(registered) = found.into_iter().next() else { return Ok(None) };
        let certificate = Certificate::from_der(&registered.der).map_err(|_| StoreError::Corrupt("certificate"))?;
        let examined = Arc::new(self.examine(certificate, now));
        let mut cache = self.cache.lock().expect("nothing panics while it holds the cache");
        if cache.len() >= CACHED {
            cache.clear();
        }
        // What other keys than the present ones have examined is of no use to anybody.
        cache.retain(|_, other| other.by.ptr_eq(&examined.by));
        cache.insert(fingerprint, Arc::clone(&examined));
        Ok(Some(examined))
    }

    /// What was examined, again if whom we trust has changed since.
    pub fn renewed(&self, examined: &Arc<Examined>, now: Timestamp) -> Arc<Examined> {
        if examined.by.ptr_eq(&Arc::downgrade(&self.keys.current())) {
            return Arc::clone(examined);
        }
        Arc::new(self.examine(examined.certificate.clone(), now))
    }

    fn examine(&self, certificate: Certificate, now: Timestamp) -> Examined {
        let keys = self.keys.current();
        // Its own validity is judged with the message's times; here only the way to the authority counts.
        let path = keys.trust.path(&certificate, &[], now).err().map(Untrusted::reason);
        let untrusted = path.filter(|r| !matches!(r, Reason::CertificateExpired | Reason::CertificateNotYetValid));
        Examined {
            owner: owner(&certificate),
            may_sign: may_sign(&certificate),
            untrusted,
            revocation: self.revocation(&keys, &certificate, now),
            certificate,
            at: now,
            by: Arc::downgrade(&keys),
        }
    }

    fn revocation(&self, keys: &Keys, certificate: &Certificate, now: Timestamp) -> Option<Revocation> {
        // Several lists may speak of it, an older one beside its successor: whoever says revoked is believed.
        let lists = keys.revocation.iter().filter_map(|list| list.status(certificate, now).ok());
        let said: Vec<Option<Timestamp>> = lists
            .map(|status| match status {
                Status::Revoked { at } => Some(at),
                Status::Good => None,
            })
            .collect();
        if !said.is_empty() {
            return Some(Revocation { revoked_at: said.into_iter().flatten().min() });
        }
        // What our own CA revoked is in the database.
        let own = TrustStore::new(vec![keys.ca.clone()]);
        let ours = !matches!(own.path(certificate, &[], now), Err(Untrusted::NoPath | Untrusted::Key));
        (ours || !self.revocation_required).then_some(Revocation { revoked_at: None })
    }
}

/// What the registry says, at one moment, of everybody whom a group of messages names.
#[derive(Debug, Default)]
pub struct Snapshot {
    signers: HashMap<Fingerprint, Signer>,
    users: BTreeMap<UserId, User>,
}

impl Snapshot {
    /// Looks everybody up.
    pub async fn take(
        database: &Database,
        union: &InsurerNumber,
        opened: impl Iterator<Item = &Opened>,
    ) -> Result<Self, StoreError> {
        let (mut fingerprints, mut named) = (Vec::new(), Vec::new());
        for message in opened {
            fingerprints.extend(message.signer().fingerprint());
            named.push(message);
        }
        fingerprints.sort_unstable();
        fingerprints.dedup();
        let mut connection = database.reader().await?;
        let signers = certificates::signers(&mut connection, &fingerprints).await?;
        let mut snapshot = Self {
            signers: signers.into_iter().map(|signer| (signer.fingerprint, signer)).collect(),
            users: BTreeMap::new(),
        };
        for message in named {
            if snapshot.signer(message).is_some() {
                continue;
            }
            if let Some(Address::User(of, user)) = claimed_owner(message)
                && of == *union
                && !snapshot.users.contains_key(&user)
                && let Some(found) = users::find(&mut *connection, &user).await?
            {
                snapshot.users.insert(user, found);
            }
        }
        Ok(snapshot)
    }

    /// The registered signer, if its certificate is registered.
    pub fn signer(&self, message: &Opened) -> Option<&Signer> {
        self.signers.get(&message.signer().fingerprint()?)
    }

    /// What the verdict needs to know of the signer.
    pub fn facts(&self, message: &Opened, examined: Option<&Examined>, union: &InsurerNumber) -> policy::Signer {
        let fingerprint = message.signer().fingerprint();
        if let (Some(signer), Some(examined)) = (self.signer(message), examined) {
            let revoked = examined.revocation.and_then(|revocation| revocation.revoked_at);
            // A certificate from after the loss is of another PC, unless whoever has the lost one got it, too: then it was
            // revoked when the loss was reported.
            let since = |lost: &Timestamp| signer.revoked_at.is_some() || signer.registered_at <= *lost;
            let user = user_facts(&signer.user, union);
            return policy::Signer::Registered {
                user: policy::User { lost_at: user.lost_at.filter(since), ..user },
                certificate: policy::Certificate {
                    fingerprint: signer.fingerprint,
                    owner: examined.owner.clone(),
                    not_before: examined.certificate.not_before(),
                    not_after: examined.certificate.not_after(),
                    may_sign: examined.may_sign && signer.may_sign,
                    revoked_at: [signer.revoked_at, revoked].into_iter().flatten().min(),
                    untrusted: examined.untrusted,
                },
            };
        }
        let owner = claimed_owner(message);
        match &owner {
            Some(Address::User(of, id)) if of == union && self.users.contains_key(id) => {
                policy::Signer::CertificateUnknown { fingerprint, user: user_facts(&self.users[id], union) }
            }
            _ => policy::Signer::Unknown { fingerprint, owner },
        }
    }
}

/// Whom the certificate in the message names, or else `From`. Proves nothing.
fn claimed_owner(message: &Opened) -> Option<Address> {
    let embedded = message.signer().certificate().and_then(|certificate| owner(&certificate));
    embedded.or_else(|| Some(message.header().from.clone()))
}

fn user_facts(user: &User, union: &InsurerNumber) -> policy::User {
    policy::User {
        address: Address::User(union.clone(), user.id.clone()),
        enabled: user.state == UserState::Enabled,
        lost_at: user.lost_at,
    }
}
