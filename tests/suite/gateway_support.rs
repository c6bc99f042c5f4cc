//! A gateway in this process, and employers who send.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use kenpo_express::archive::Archive;
use kenpo_express::config::load_from;
use kenpo_express::domain::address::Address;
use kenpo_express::domain::clock::{Clock, ManualClock};
use kenpo_express::domain::digest::Sha256;
use kenpo_express::domain::ids::{MessageId, OfficeCode, UserId};
use kenpo_express::domain::policy::Rules;
use kenpo_express::domain::user::UserState;
use kenpo_express::gateway::Gateway;
use kenpo_express::gateway::admin::Admin;
use kenpo_express::gateway::flows::receive::{Beside, Cause, Limits, Receiver, Report, Seen};
use kenpo_express::gateway::flows::send::{SendLimits, Sender as Push};
use kenpo_express::gateway::keys::{KeyRing, Keys};
use kenpo_express::gateway::metrics::GatewayMetrics;
use kenpo_express::gateway::patience::{Backoff, Breaker};
use kenpo_express::gateway::registry::Certificates;
use kenpo_express::gateway::relay::Relay;
use kenpo_express::gateway::vpn::Vpn;
use kenpo_express::message::entity::ContentEncoding;
use kenpo_express::message::keys::{Certificate, Credential};
use kenpo_express::message::seal::{Draft, seal};
use kenpo_express::pki::TrustStore;
use kenpo_express::pki::profile::USER_VALIDITY;
use kenpo_express::runtime::clock::{SystemClock, SystemRandom};
use kenpo_express::store::gateway::certificates::{Purpose, Registered};
use kenpo_express::store::gateway::messages::{Filter, Message};
use kenpo_express::store::gateway::offices::Office;
use kenpo_express::store::gateway::users::User;
use kenpo_express::store::gateway::{
    MIGRATIONS, certificates, claim, messages, offices, registry_changed, runs, users, waiting,
};
use kenpo_express::store::sqlite::Database;
use kenpo_express::stream::disk::Disk;
use kenpo_express::stream::spool::Spool;
use kenpo_express::wire::client::{Settings, UnionClient};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::gateway_relay::{FakeRelay, signer};
use crate::support::relay::UnionWorld;

/// The gateway of one union.
pub(crate) struct GatewayWorld {
    pub(crate) folder: TempDir,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) union: UnionWorld,
    pub(crate) relay: FakeRelay,
    pub(crate) receiver: Arc<Receiver<FakeRelay>>,
}

impl GatewayWorld {
    pub(crate) async fn new() -> Self {
        Self::with(|_| (), |_| ()).await
    }

    pub(crate) async fn with(keys: impl FnOnce(&mut Keys), change: impl FnOnce(&mut Receiver<FakeRelay>)) -> Self {
        Self::at(&std::env::temp_dir(), keys, change).await
    }

    /// On a disk of its own, of which so many bytes are never used.
    pub(crate) async fn within(disk: &Path, reserve: u64) -> Self {
        Self::at(disk, |_| (), |receiver| receiver.disk = Disk::new(receiver.spool.folder(), reserve)).await
    }

    async fn at(within: &Path, keys: impl FnOnce(&mut Keys), change: impl FnOnce(&mut Receiver<FakeRelay>)) -> Self {
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let union = UnionWorld::new("06123456", clock.now());
        let mut own = Keys {
            union: union.insurer.clone(),
            signing: vec![union.signing.clone()],
            encryption: vec![union.encryption.clone()],
            authority: Some(union.authority.clone()),
            trust: TrustStore::new(vec![union.authority.certificate().clone()]),
            revocation: Vec::new(),
            ca: union.authority.certificate().clone(),
            relay_receipt: vec![signer().certificate().clone()],
            tls: union.gateway.certificate().clone(),
        };
        keys(&mut own);
        let folder = tempfile::tempdir_in(within).unwrap();
        let mut receiver = receiver(FakeRelay::default(), folder.path(), KeyRing::new(own), &clock).await;
        change(&mut receiver);
        Self { folder, clock, union, relay: receiver.relay.clone(), receiver: Arc::new(receiver) }
    }

    /// Puts new keys in front of the gateway's own, while it runs.
    pub(crate) fn roll_over(&self, signing: &Credential, encryption: &Credential) {
        let before = self.receiver.keys.current();
        let keys = Keys {
            union: before.union.clone(),
            signing: std::iter::once(signing).chain(&before.signing).cloned().collect(),
            encryption: std::iter::once(encryption).chain(&before.encryption).cloned().collect(),
            authority: before.authority.clone(),
            trust: TrustStore::new(vec![before.ca.clone()]),
            revocation: Vec::new(),
            ca: before.ca.clone(),
            relay_receipt: before.relay_receipt.clone(),
            tls: before.tls.clone(),
        };
        self.receiver.keys.replace(keys);
    }

    /// The same gateway, started again on what is in its folder.
    pub(crate) async fn again(self) -> Self {
        let keys = self.receiver.keys.clone();
        let receiver = receiver(self.relay.clone(), self.folder.path(), keys, &self.clock).await;
        Self { receiver: Arc::new(receiver), ..self }
    }

    pub(crate) fn clock_now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The command line on the same database and keys, by an account of that name. It reaches no relay: the orders that it
    /// puts in the line are sent by [`Self::receiver`].
    pub(crate) async fn admin(&self, actor: &str) -> Admin {
        Admin::new(&self.gateway("").await, actor)
    }

    /// A gateway on the same database and keys that reaches no relay, with these settings beside the usual ones.
    pub(crate) async fn gateway(&self, more: &str) -> Gateway {
        self.gateway_towards("https://127.0.0.1:1", more, false).await
    }

    /// The same towards a relay at this address. It may take a second person to send.
    pub(crate) async fn gateway_towards(&self, relay: &str, more: &str, approval: bool) -> Gateway {
        let text = format!(
            "insurer = '06123456'\n[relay]\nurl = '{relay}'\n[letter]\nunion_name = '見本健康保険組合'\n\
             contact = '業務課 03-0000-0000'\n[storage]\nreserve_bytes = 0\n{more}"
        );
        let settings = load_from(&text, self.folder.path(), std::iter::empty()).unwrap();
        let roots = vec![self.union.authority.certificate().clone()];
        let away = Settings::new(relay.parse().unwrap(), roots, self.union.gateway.clone());
        let relay = UnionClient::new(&away).unwrap();
        let mut receiver = receiver(relay, self.folder.path(), self.receiver.keys.clone(), &self.clock).await;
        receiver.scanner.clone_from(&self.receiver.scanner);
        let receiver = Arc::new(receiver);
        let sender = Arc::new(sender(&receiver, self.folder.path(), approval));
        Gateway { settings: Arc::new(settings), receiver, sender }
    }

    /// One run, as `kx-gateway pull` does it.
    pub(crate) async fn pull(&self) -> Report {
        self.receiver.run(Cause::Command, &CancellationToken::new()).await.unwrap()
    }

    /// One run, as the timer does it, until all that it listed has landed.
    pub(crate) async fn pull_by_timer(&self) -> Report {
        let report = self.begin_by_timer().await;
        self.receiver.beside.idle().await;
        let runs = runs::list(self.receiver.database.read(), 1).await.unwrap();
        Report { tally: runs[0].tally, ..report }
    }

    /// One run, as the timer does it: large parcels may come in after it.
    pub(crate) async fn begin_by_timer(&self) -> Report {
        self.receiver.run(Cause::Timer, &CancellationToken::new()).await.unwrap()
    }

    /// Registers a user with new certificates.
    pub(crate) async fn sender(&self, id: &str) -> Sender {
        let credential = self.union.user(id, self.clock.now());
        self.register(id, credential.certificate()).await;
        Sender::new(id, credential)
    }

    pub(crate) async fn register(&self, id: &str, certificate: &Certificate) {
        let (id, now): (UserId, _) = (id.parse().unwrap(), self.clock.now());
        let office: OfficeCode = "1234-A".parse().unwrap();
        let mut transaction = self.receiver.database.write().await.unwrap();
        let new = Office { code: office.clone(), name: "事業所".parse().unwrap(), created_at: now };
        // The office and the user may be there already.
        let _ = offices::insert(&mut transaction, &new).await;
        let user = User { id: id.clone(), office, state: UserState::Enabled, lost_at: None, created_at: now };
        let _ = users::insert(&mut transaction, &user).await;
        let ca = self.union.authority.certificate();
        let registered = Registered::new(certificate, &id, Purpose::Signing, ca, now);
        certificates::insert(&mut transaction, &registered).await.unwrap();
        registry_changed(&mut transaction).await.unwrap();
        self.receiver.database.commit(transaction).await.unwrap();
    }

    /// Changes a user in the registry.
    pub(crate) async fn change_user(&self, id: &str, change: impl FnOnce(&mut User)) {
        let id: UserId = id.parse().unwrap();
        let mut transaction = self.receiver.database.write().await.unwrap();
        let mut user = users::find(&mut *transaction, &id).await.unwrap().unwrap();
        change(&mut user);
        users::update(&mut transaction, &user).await.unwrap();
        registry_changed(&mut transaction).await.unwrap();
        self.receiver.database.commit(transaction).await.unwrap();
    }

    pub(crate) fn draft(&self, sender: &Sender) -> Draft {
        Draft {
            id: MessageId::new(self.clock.now(), &SystemRandom),
            date: self.clock.now(),
            from: sender.address.clone(),
            to: Address::Union(self.union.insurer.clone()),
            sequence: sender.sequence + 1,
            previous: sender.previous,
            file_name: "算定基礎届.csv".parse().unwrap(),
            content_type: "text/csv".to_owned(),
            comment: None,
            encoding: ContentEncoding::Identity,
        }
    }

    /// Seals for the union.
    pub(crate) fn seal(&self, sender: &mut Sender, draft: &Draft, content: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::new();
        let recipients = [self.union.encryption.certificate().clone()];
        let done = seal(draft, &sender.credential, &recipients, &SystemRandom, content, &mut sealed).unwrap();
        sender.sequence = draft.sequence;
        sender.previous = done.signature_hash;
        sealed
    }

    /// Seals and deposits an ordinary message.
    pub(crate) fn send(&self, sender: &mut Sender, content: &[u8]) -> MessageId {
        let draft = self.draft(sender);
        let sealed = self.seal(sender, &draft, content);
        self.relay.deposit(draft.id, &sender.id, &sealed, self.clock.now());
        draft.id
    }

    /// Everything that is kept, oldest first.
    pub(crate) async fn kept(&self) -> Vec<Message> {
        let mut all = messages::list(self.receiver.database.read(), &Filter::default(), 100_000).await.unwrap();
        all.reverse();
        all
    }

    pub(crate) async fn find(&self, id: MessageId) -> Option<Message> {
        let mut reader = self.receiver.database.reader().await.unwrap();
        messages::find(&mut reader, id).await.unwrap()
    }

    /// Codes of what waits, by id.
    pub(crate) async fn waiting(&self) -> BTreeMap<MessageId, String> {
        let rows = waiting::list(self.receiver.database.read(), 1_000).await.unwrap();
        rows.into_iter().map(|row| (row.id, row.cause)).collect()
    }

    /// The sealed file of a message that is kept.
    pub(crate) fn file(&self, message: &Message) -> PathBuf {
        if message.verdict.is_accepted() {
            self.receiver.archive.archived(&message.path)
        } else {
            self.receiver.archive.quarantined(&message.path)
        }
    }

    /// Files below a folder of the gateway.
    pub(crate) fn files(&self, folder: &str) -> usize {
        count(&self.folder.path().join(folder))
    }
}

fn count(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { count(&path) } else { 1 }).sum()
}

/// A user who sends, with the state of the stream.
pub(crate) struct Sender {
    pub(crate) id: UserId,
    pub(crate) address: Address,
    pub(crate) credential: Credential,
    pub(crate) sequence: u64,
    pub(crate) previous: Sha256,
}

impl Sender {
    pub(crate) fn new(id: &str, credential: Credential) -> Self {
        let address = format!("{id}@06123456.kx").parse().unwrap();
        Self { id: id.parse().unwrap(), address, credential, sequence: 0, previous: Sha256::ZERO }
    }
}

/// What pushes, beside what pulls.
pub(crate) fn sender<R: Relay>(receiver: &Arc<Receiver<R>>, folder: &Path, approval: bool) -> Push<R> {
    let limits = SendLimits { parallel: 16, approval, max_size: 1 << 30 };
    Push::open(Arc::clone(receiver), &folder.join("outbox"), 0, limits).unwrap()
}

pub(crate) async fn receiver<R>(relay: R, folder: &Path, keys: KeyRing, clock: &Arc<ManualClock>) -> Receiver<R> {
    let database = Database::open(&folder.join("gateway.db"), &MIGRATIONS).await.unwrap();
    let mut transaction = database.write().await.unwrap();
    claim(&mut transaction, keys.union()).await.unwrap();
    database.commit(transaction).await.unwrap();
    let spool = Spool::open(&folder.join("spool")).unwrap();
    let backoff = Backoff { first: SignedDuration::from_millis(20), longest: SignedDuration::from_secs(300) };
    Receiver {
        relay,
        certificates: Certificates::new(database.clone(), keys.clone(), false),
        database,
        archive: Archive::open(&folder.join("archive"), &folder.join("quarantine")).unwrap(),
        disk: Disk::new(spool.folder(), 0),
        lock: folder.join("pull.lock"),
        spool,
        keys,
        clock: Arc::<ManualClock>::clone(clock),
        random: Arc::new(SystemRandom),
        limits: Limits {
            parallel: 8,
            parallel_large: 2,
            batch: 32,
            rules: Rules::new(64 * 1024 * 1024 * 1024),
            user_validity: USER_VALIDITY,
            keep_records: SignedDuration::from_hours(24 * 400),
        },
        backoff,
        breaker: Breaker::new(backoff),
        vpn: Vpn::default(),
        scanner: None,
        metrics: GatewayMetrics::new(),
        seen: Seen::default(),
        beside: Beside::new(2),
    }
}
