//! The employer's app against a real relay, with the union played by the test.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::ids::MessageId;
use kenpo_express::employer::alarm::Alarm;
use kenpo_express::employer::app::App;
use kenpo_express::employer::sent::Trouble;
use kenpo_express::employer::watch::Nobody;
use kenpo_express::employer::{EmployerError, Home, State};
use kenpo_express::message::keys::{Certificate, Credential, PrivateKey};
use kenpo_express::message::open::open;
use kenpo_express::message::receipt::{Receipt, SignedReceipt, Stage};
use kenpo_express::pki::Authority;
use kenpo_express::relay::{Relay, Running, admin};
use kenpo_express::runtime::clock::{SystemClock, SystemRandom};
use kenpo_express::runtime::lifecycle::Shutdown;
use kenpo_express::sandbox::enrol::{enrolled, log_in};
use kenpo_express::sandbox::parties::{union, user};
use kenpo_express::sandbox::world::World;
use kenpo_express::wire::Der;
use kenpo_express::wire::client::{Settings, UnionClient};
use kenpo_express::wire::page::PageQuery;
use kenpo_express::wire::union::{Acknowledgement, DisableUser, OrderNumber, Parcel, ParcelState};

use super::exchange_support::free_ports;

pub(crate) struct Parties {
    pub(crate) world: World,
    pub(crate) relay: Running,
    pub(crate) shutdown: Shutdown,
    union: UnionClient,
    signing: Credential,
    encryption: Credential,
    _dir: tempfile::TempDir,
}

fn joined(path: &Path) -> Credential {
    let pem = fs::read(path).unwrap();
    Credential::new(Certificate::from_pem(&pem).unwrap(), PrivateKey::from_pem(&pem).unwrap()).unwrap()
}

impl Parties {
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let world = enrolled(dir.path(), free_ports()).await.unwrap();
        let (relay, shutdown) = start_relay(&world).await;
        let gateway = world.dir.join("gateway");
        let roots = Certificate::all_from_pem(&fs::read(gateway.join("relay-ca.pem")).unwrap()).unwrap();
        let url = format!("https://{}", world.address(0)).parse().unwrap();
        let union = UnionClient::new(&Settings::new(url, roots, joined(&gateway.join("tls.pem")))).unwrap();
        let signing = joined(&gateway.join("union-signing.pem"));
        let encryption = joined(&gateway.join("union-encryption.pem"));
        Self { world, relay, shutdown, union, signing, encryption, _dir: dir }
    }

    pub(crate) async fn app(&self) -> App {
        let user = log_in(&self.world.employer_home()).await.unwrap();
        App::open(&user, Arc::new(Nobody)).unwrap()
    }

    pub(crate) fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.world.dir.join(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn outbox(&self) -> Vec<String> {
        let entries = fs::read_dir(self.world.employer_home().join("outbox")).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(crate) async fn waiting(&self) -> Vec<Parcel> {
        self.union.parcels(ParcelState::Waiting, PageQuery::default()).await.unwrap().items
    }

    async fn fetch(&self, parcel: &Parcel) -> Vec<u8> {
        let mut content = self.union.content(parcel.id, parcel.size, 0).await.unwrap();
        let mut bytes = Vec::new();
        while let Some(chunk) = content.chunk().await.unwrap() {
            bytes.extend_from_slice(&chunk);
        }
        bytes
    }

    /// What an honest union says of a parcel.
    pub(crate) async fn verified(&self, parcel: &Parcel) -> (Receipt, Vec<u8>) {
        let sealed = self.fetch(parcel).await;
        let keys = std::slice::from_ref(&self.encryption);
        let (opened, content) = open(sealed.as_slice(), keys, Vec::new()).unwrap();
        opened.verify(&Home::read(&self.world.employer_home()).unwrap().signing_certificate().unwrap()).unwrap();
        let receipt = Receipt {
            message_id: parcel.id,
            stage: Stage::Verified,
            tag: Some(opened.tag()),
            digest: Some(hex::encode(opened.digest())),
            at: SystemClock.now(),
            by: opened.header().to.to_string(),
            words: None,
            previous: Some(SignedReceipt::from_der(parcel.relayed.0.clone()).hash()),
            contiguous: Some(opened.header().sequence),
        };
        (receipt, content)
    }

    pub(crate) async fn acknowledge(&self, id: MessageId, receipt: &Receipt) {
        let signed = receipt.sign(&self.signing, receipt.at).unwrap();
        let item = Acknowledgement { id, receipt: Some(Der(signed.der().to_vec())) };
        self.union.acknowledge(vec![item]).await.unwrap();
    }
}

pub(crate) async fn start_relay(world: &World) -> (Running, Shutdown) {
    let config = world.relay_settings().unwrap();
    let database = admin::open(&config).await.unwrap();
    admin::add_union(&database, &world.new_union(), SystemClock.now()).await.unwrap();
    database.close().await;
    let shutdown = Shutdown::new();
    let relay = Relay::start(config, Arc::new(SystemClock), &shutdown).await.unwrap();
    (relay, shutdown)
}

#[tokio::test(flavor = "multi_thread")]
async fn files_arrive_and_are_kept_until_the_union_has_verified_them() {
    let parties = Parties::start().await;
    let large: Vec<u8> = (0..3_000_001_u32).map(|n| (n % 251) as u8).collect();
    let contents = [Vec::new(), vec![7], vec![8; 64 * 1024], large];
    let files: Vec<_> =
        contents.iter().enumerate().map(|(n, content)| parties.file(&format!("届_{n}.csv"), content)).collect();

    let sent = parties.app().await.send(&files, Some("四件です")).await.unwrap();
    assert!(sent.iter().all(|sent| sent.trouble.is_none() && sent.record.state() == State::Relayed));
    assert_eq!(sent.iter().map(|sent| sent.record.sequence).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(parties.outbox().len(), 4, "kept until the union says that it has them");

    let waiting = parties.waiting().await;
    assert_eq!(waiting.len(), 4);
    for (parcel, content) in waiting.iter().zip(&contents) {
        let (receipt, opened) = parties.verified(parcel).await;
        assert!(opened == *content, "{} bytes came out of {}", opened.len(), content.len());
        parties.acknowledge(parcel.id, &receipt).await;
    }

    let list = parties.app().await.sent().await.unwrap();
    assert!(list.offline.is_none() && list.unknown.is_empty());
    assert!(list.items.iter().all(|sent| sent.trouble.is_none() && sent.fetched));
    assert!(list.items.iter().all(|sent| sent.record.state() == State::Verified));
    assert!(parties.outbox().is_empty());
    // The next one goes on in the chain.
    let next = parties.app().await.send(&files[..1], None).await.unwrap();
    assert_eq!((next[0].record.sequence, next[0].record.previous), (5, sent[3].record.signature_hash));
    parties.relay.stop(&parties.shutdown).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_that_do_not_match_are_alarms_and_the_file_is_kept() {
    let parties = Parties::start().await;
    let file = parties.file("a.csv", b"wages");
    parties.app().await.send(&[file], None).await.unwrap();
    let parcel = parties.waiting().await.remove(0);
    let (honest, _) = parties.verified(&parcel).await;
    // The union got another content: somebody between us exchanged the message.
    let other = Receipt { digest: Some("00".repeat(32)), ..honest };
    parties.acknowledge(parcel.id, &other).await;
    let list = parties.app().await.sent().await.unwrap();
    assert!(matches!(list.items[0].trouble, Some(Trouble::Alarm(Alarm::Digest))), "{:?}", list.items[0].trouble);
    assert_eq!(list.items[0].record.state(), State::Relayed);
    assert_eq!(parties.outbox().len(), 1);
    parties.relay.stop(&parties.shutdown).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sealed_while_the_relay_was_away_goes_on_later() {
    let parties = Parties::start().await;
    let file = parties.file("a.csv", &vec![5; 2_000_000]);
    let first = parties.app().await.send(std::slice::from_ref(&file), None).await.unwrap();
    // As after a crash between sealing and upload: the record says that nothing was uploaded.
    let record_file = parties.world.employer_home().join(format!("sent/{}.json", first[0].record.id));
    let mut record = first[0].record.clone();
    (record.uploaded_at, record.receipts) = (None, Vec::new());
    fs::write(&record_file, serde_json::to_vec(&record).unwrap()).unwrap();

    let again = parties.app().await.send(std::slice::from_ref(&file), None).await.unwrap();
    let ids: Vec<_> = again.iter().map(|sent| sent.record.id).collect();
    assert_eq!((ids.len(), ids[0]), (2, first[0].record.id), "the same message first, then the new one");
    assert_eq!(again.iter().map(|sent| sent.record.sequence).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(parties.waiting().await.iter().map(|parcel| parcel.id).collect::<Vec<_>>(), ids);

    // A folder restored from an old copy does not know what it sent.
    fs::remove_file(parties.world.employer_home().join(format!("sent/{}.json", ids[1]))).unwrap();
    fs::write(parties.world.employer_home().join("stream.json"), fs::read(&record_file).unwrap()).unwrap();
    // It must not use a number again: what it sent last has that number.
    let app = parties.app().await;
    assert_eq!(app.sent().await.unwrap().unknown, [ids[1]]);
    let refused = app.send(std::slice::from_ref(&file), None).await;
    assert!(matches!(&refused, Err(EmployerError::OldCopy(unknown)) if *unknown == [ids[1]]), "{refused:?}");
    parties.relay.stop(&parties.shutdown).await;
    let offline = app.sent().await.unwrap();
    assert!(matches!(offline.offline, Some(EmployerError::Relay(error)) if error.is_temporary()));
    assert_eq!(offline.items.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_user_and_refused_files_leave_nothing_behind() {
    let parties = Parties::start().await;
    let good = parties.file("good.csv", b"x");
    let device = parties.file("NUL.csv", b"x");
    let refused = parties.app().await.send(&[good.clone(), device], None).await.unwrap_err();
    assert!(matches!(refused, EmployerError::File { .. }), "{refused:?}");
    let long = "あ".repeat(501);
    assert!(matches!(
        parties.app().await.send(std::slice::from_ref(&good), Some(&long)).await,
        Err(EmployerError::Comment(_))
    ));
    let app = parties.app().await;
    parties.union.disable_user(&user(), OrderNumber(1_000), DisableUser { at: SystemClock.now() }).await.unwrap();
    let refused = app.send(&[good], None).await.unwrap_err();
    assert!(matches!(refused, EmployerError::Relay(_)) && !refused.is_temporary(), "{refused:?}");
    assert!(parties.outbox().is_empty());
    assert!(parties.waiting().await.is_empty());
    parties.relay.stop(&parties.shutdown).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sealed_for_a_union_that_our_own_ca_does_not_vouch_for() {
    let parties = Parties::start().await;
    let home = parties.world.employer_home();
    let file = parties.file("a.csv", b"wages");
    let try_it = || async { parties.app().await.send(std::slice::from_ref(&file), None).await };
    // What the kit said, as somebody who gets at the folder would like it.
    let path = home.join("identity.json");
    let honest: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let replaced = |key: &str, value: serde_json::Value| {
        let mut altered = honest.clone();
        altered["kit"][key] = value;
        fs::write(&path, altered.to_string()).unwrap();
    };
    let other = Authority::create(&union(), "another CA", SystemClock.now(), &SystemRandom).unwrap();
    let other = serde_json::to_value(vec![Der(other.certificate().der().to_vec())]).unwrap();

    // The relay hands over certificates of some union, but not of the one whose CA came with the kit.
    replaced("union_ca", other.clone());
    assert!(matches!(try_it().await, Err(EmployerError::UnionCertificate)));

    // The relay takes us for somebody of another office.
    replaced("office", "99".into());
    assert!(matches!(try_it().await, Err(EmployerError::Identity)));
    assert!(parties.outbox().is_empty() && parties.waiting().await.is_empty());

    // Receipts are signed by somebody else than the relay that was pinned at set-up.
    replaced("relay_receipts", other);
    let sent = try_it().await.unwrap();
    assert!(matches!(sent[0].trouble, Some(Trouble::Alarm(Alarm::Signature))), "{:?}", sent[0].trouble);
    assert_eq!(sent[0].record.state(), State::Uploaded);
    replaced("union", union().to_string().into());
    assert_eq!(parties.app().await.sent().await.unwrap().items[0].record.state(), State::Relayed);
    parties.relay.stop(&parties.shutdown).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_file_that_somebody_removed_is_an_alarm() {
    let parties = Parties::start().await;
    let file = parties.file("a.csv", b"wages");
    let sent = parties.app().await.send(&[file], None).await.unwrap();
    let mut record = sent[0].record.clone();
    // As if it had never left: another id, no sealed bytes.
    (record.id, record.uploaded_at, record.receipts) = (other_id(), None, Vec::new());
    record.sequence = 2;
    let json = serde_json::to_vec(&record).unwrap();
    let home = parties.world.employer_home();
    fs::write(home.join(format!("sent/{}.json", record.id)), &json).unwrap();
    fs::write(home.join("stream.json"), &json).unwrap();
    let list = parties.app().await.sent().await.unwrap();
    let troubles: Vec<_> = list.items.iter().map(|sent| sent.trouble.as_ref().map(Trouble::code)).collect();
    assert_eq!(troubles, [None, Some("sent.gone")]);
    parties.relay.stop(&parties.shutdown).await;
}

fn other_id() -> MessageId {
    MessageId::new(SystemClock.now(), &SystemRandom)
}
