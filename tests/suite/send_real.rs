//! The push against the relay itself, over real TLS: what only both together can show.

use std::path::Path;
use std::sync::Arc;

use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::ids::{MessageId, UserId};
use kenpo_express::domain::user::UserState;
use kenpo_express::gateway::flows::send::{Sender, To};
use kenpo_express::gateway::keys::{KeyRing, Keys};
use kenpo_express::gateway::view::sent::SentView;
use kenpo_express::message::keys::{Certificate, Credential};
use kenpo_express::message::receipt::Stage;
use kenpo_express::message::words;
use kenpo_express::pki::{Profile, Subject, TrustStore};
use kenpo_express::store::gateway::certificates::{self, Purpose, Registered};
use kenpo_express::store::gateway::offices::{self, Office};
use kenpo_express::store::gateway::registry_changed;
use kenpo_express::store::gateway::users::{self, User};
use kenpo_express::wire::client::{Settings, UnionClient};
use kenpo_express::wire::delivery::{DeliveryState, Statement};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::gateway_support::{receiver, sender};
use crate::relay_delivery_support::World;
use crate::send_support::{content_for, new_dispatch, open_as};
use crate::support::relay::{issue, office};

/// Both sides, by one clock.
struct Both {
    world: World,
    folder: TempDir,
    keys: KeyRing,
    push: Arc<Sender<UnionClient>>,
    encryption: Credential,
}

fn copy(from: &Path, to: &Path) {
    assert!(std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

/// Puts back what was there.
fn restore(from: &Path, to: &Path) {
    std::fs::remove_dir_all(to).unwrap();
    copy(from, to);
}

async fn push(world: &World, keys: &KeyRing, folder: &Path) -> Arc<Sender<UnionClient>> {
    let url = format!("https://127.0.0.1:{}", world.relay.running().vpn_addr.port());
    let roots = vec![world.relay.operator.certificate().clone()];
    let client = UnionClient::new(&Settings::new(url.parse().unwrap(), roots, world.union.gateway.clone())).unwrap();
    let receiver = Arc::new(receiver(client, folder, keys.clone(), &world.relay.clock).await);
    Arc::new(sender(&receiver, folder, false))
}

impl Both {
    async fn start() -> Self {
        let world = World::start().await;
        let union = &world.union;
        let pem = std::fs::read_to_string(&world.relay.config.receipts.certificate).unwrap();
        let keys = KeyRing::new(Keys {
            union: union.insurer.clone(),
            signing: vec![union.signing.clone()],
            encryption: vec![union.encryption.clone()],
            authority: Some(union.authority.clone()),
            trust: TrustStore::new(vec![union.authority.certificate().clone()]),
            revocation: Vec::new(),
            ca: union.authority.certificate().clone(),
            relay_receipt: vec![Certificate::from_pem(pem.as_bytes()).unwrap()],
            tls: union.gateway.certificate().clone(),
        });
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("state")).unwrap();
        let push = push(&world, &keys, &folder.path().join("state")).await;
        let now = world.relay.clock.now();
        let encryption = |user: &str| {
            let user = user.parse().unwrap();
            let subject = Subject::User { union: union.insurer.clone(), office: office(), user };
            issue(&union.authority, subject, &Profile::UserEncryption, now)
        };
        let (hanakos, taros) = (encryption("hanako-1"), encryption("taro-2"));
        let database = &push.receiver.database;
        let mut transaction = database.write().await.unwrap();
        let row = Office { code: office(), name: "事業所".parse().unwrap(), created_at: now };
        offices::insert(&mut transaction, &row).await.unwrap();
        for (id, signing, encryption) in [("hanako-1", &world.hanako, &hanakos), ("taro-2", &world.taro, &taros)] {
            let id: UserId = id.parse().unwrap();
            let state = UserState::Enabled;
            let user = User { id: id.clone(), office: office(), state, lost_at: None, created_at: now };
            users::insert(&mut transaction, &user).await.unwrap();
            for (one, purpose) in [(signing, Purpose::Signing), (encryption, Purpose::Encryption)] {
                let ca = union.authority.certificate();
                let row = Registered::new(one.certificate(), &id, purpose, ca, now);
                certificates::insert(&mut transaction, &row).await.unwrap();
            }
        }
        registry_changed(&mut transaction).await.unwrap();
        database.commit(transaction).await.unwrap();
        Self { world, folder, keys, push, encryption: hanakos }
    }

    /// The gateway, started again, towards the relay as it is now.
    async fn again(&mut self) {
        self.push.receiver.database.close().await;
        self.push = push(&self.world, &self.keys, &self.folder.path().join("state")).await;
    }

    async fn run(&self) {
        self.push.run(&CancellationToken::new()).await.unwrap();
    }

    async fn send(&self, to: To, content: &[u8]) -> MessageId {
        let new = new_dispatch(vec![to], content.len());
        let view = self.push.stage(new, std::io::Cursor::new(content.to_vec())).await.unwrap();
        self.run().await;
        view.messages[0].id.parse().unwrap()
    }

    async fn sent(&self, id: MessageId) -> SentView {
        self.push.find(id).await.unwrap()
    }
}

fn hanako() -> To {
    To::User("hanako-1".parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_of_an_office_does_not_fetch_in_time_is_told_why_the_number_is_missing() {
    let both = Both::start().await;
    let world = &both.world;
    let content = crate::message_support::noise(70_000);
    let id = both.send(To::Office(office()), &content).await;
    let sealed = world.fetch(&world.hanako, id).await.body;
    assert!(content_for(&both.encryption, &sealed) == content);
    world.acknowledge(&world.hanako, vec![(id, None)]).await;
    both.run().await;
    assert_eq!(both.sent(id).await.state, "fetched");
    world.days_later(15).await;
    both.run().await;
    both.run().await;
    assert!(world.withdrawals(&world.hanako).await.is_empty());
    let withdrawals = world.withdrawals(&world.taro).await;
    let [(withdrawn, statement)] = withdrawals.as_slice() else { panic!("{withdrawals:?}") };
    let said: Statement = words::verify(statement, world.union.signing.certificate()).unwrap();
    assert_eq!((*withdrawn, said.message_id, said.sequence), (id, id, 1));
    assert_eq!(said.signature_hash, open_as(&both.encryption, &sealed).signature_hash());
    let view = both.sent(id).await;
    assert_eq!((view.state, view.reasons.len()), ("fetched", 0));
    assert!(view.recipients[0].expired_at.is_none() && view.recipients[1].expired_at.is_some());
    assert!(!both.push.has_work().await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_from_an_old_backup_uses_no_number_twice() {
    let mut both = Both::start().await;
    both.push.receiver.database.close().await;
    let (state, backup) = (both.folder.path().join("state"), both.folder.path().join("backup"));
    copy(&state, &backup);
    both.again().await;
    let id = both.send(hanako(), b"had, and forgotten").await;
    let sealed = both.world.fetch(&both.world.hanako, id).await.body;
    both.world.acknowledge(&both.world.hanako, vec![(id, None)]).await;
    both.world.days_later(30).await;
    assert!(!both.world.delivery(id).await.kept);
    both.push.receiver.database.close().await;
    restore(&backup, &state);
    both.again().await;
    let next = both.send(hanako(), b"after the restore").await;
    let header = open_as(&both.encryption, &both.world.fetch(&both.world.hanako, next).await.body).header().clone();
    assert_eq!((header.sequence, header.previous), (2, open_as(&both.encryption, &sealed).signature_hash()));
    let view = both.sent(id).await;
    assert_eq!((view.state, view.sequence, view.file_name.as_str()), ("fetched", Some(1), "unknown"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_from_a_backup_gets_what_nobody_had_fetched() {
    let mut both = Both::start().await;
    let before = both.send(hanako(), b"before the backup").await;
    both.world.relay.stop().await;
    let (state, backup) = (both.world.relay.config.data.clone(), both.folder.path().join("relay"));
    copy(&state, &backup);
    both.world.relay.resume().await;
    both.again().await;
    let after = both.send(hanako(), b"after the backup").await;
    assert_eq!(both.push.recall(before, "uid:1").await.unwrap().state, "recalled");
    let sealed = both.world.delivery(after).await;
    both.run().await;
    both.world.relay.stop().await;
    restore(&backup, &state);
    both.world.relay.resume().await;
    both.again().await;
    assert!(both.push.compare_marks().await.unwrap());
    both.run().await;
    let again = both.world.delivery(after).await;
    assert_eq!((again.state, again.tag, again.place), (DeliveryState::Waiting, sealed.tag, sealed.place));
    assert_eq!(both.world.delivery(before).await.state, DeliveryState::Withdrawn);
    for (id, state) in [(before, "recalled"), (after, "relayed")] {
        let view = both.sent(id).await;
        assert_eq!((view.state, view.warnings.len()), (state, 0));
    }
    both.world.relay.log_in(&both.world.hanako).await;
    assert_eq!(both.world.inbox(&both.world.hanako).await, [after]);
    let receipt = both.world.receipt(&both.world.hanako, after, Stage::Verified);
    both.world.acknowledge(&both.world.hanako, vec![(after, Some(receipt))]).await;
    both.run().await;
    // That receipt names nothing: it is heard, and not believed.
    assert_eq!(both.sent(after).await.warnings, ["receipt.chain"]);
}
