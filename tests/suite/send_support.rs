//! A gateway that sends, a relay in memory, and people at employers who get what is sent.

use std::collections::BTreeMap;
use std::io::Cursor as Bytes;
use std::ops::Deref;
use std::sync::Arc;

use kenpo_express::domain::address::Address;
use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::ids::{MessageId, OfficeCode, UserId};
use kenpo_express::domain::user::UserState;
use kenpo_express::gateway::flows::send::{NewDispatch, Origin, Pushed, SendError, SendRunError, Sender as Push, To};
use kenpo_express::gateway::view::sent::{DispatchView, SentView};
use kenpo_express::message::keys::Credential;
use kenpo_express::message::open::{Opened, open};
use kenpo_express::message::receipt::{Receipt, Return, SignedReceipt, Stage};
use kenpo_express::message::words;
use kenpo_express::pki::{Profile, Subject};
use kenpo_express::runtime::clock::SystemRandom;
use kenpo_express::store::gateway::certificates::{Purpose, Registered};
use kenpo_express::store::gateway::events::{self, Kind};
use kenpo_express::store::gateway::offices::Office;
use kenpo_express::store::gateway::users::User;
use kenpo_express::store::gateway::{certificates, offices, registry_changed, users};
use kenpo_express::wire::Der;
use kenpo_express::wire::delivery::Statement;
use tokio_util::sync::CancellationToken;

use crate::gateway_relay::FakeRelay;
use crate::gateway_support::{GatewayWorld, sender};
use crate::send_relay::FakeDeliveries;
use crate::support::relay::issue;

/// A user at an employer.
pub(crate) struct Person {
    pub(crate) id: UserId,
    pub(crate) signing: Credential,
    pub(crate) encryption: Credential,
}

pub(crate) struct SendWorld {
    pub(crate) gateway: GatewayWorld,
    pub(crate) push: Arc<Push<FakeRelay>>,
    pub(crate) relay: FakeDeliveries,
}

impl SendWorld {
    pub(crate) async fn new() -> Self {
        Self::on(GatewayWorld::new().await, false)
    }

    pub(crate) fn on(gateway: GatewayWorld, approval: bool) -> Self {
        let push = Arc::new(sender(&gateway.receiver, gateway.folder.path(), approval));
        Self { relay: gateway.relay.1.clone(), gateway, push }
    }

    pub(crate) async fn revoke(&self, id: &str) {
        let database = &self.gateway.receiver.database;
        let mut transaction = database.write().await.unwrap();
        certificates::revoke_all(&mut transaction, &id.parse().unwrap(), self.gateway.clock.now()).await.unwrap();
        registry_changed(&mut transaction).await.unwrap();
        database.commit(transaction).await.unwrap();
    }

    pub(crate) async fn disable(&self, id: &str) {
        let at = self.gateway.clock.now();
        let reason = "lost".parse().unwrap();
        self.gateway.change_user(id, |user| user.state = UserState::Disabled { reason, at }).await;
    }

    #[expect(clippy::unused_self, reason = "read as what this world sends")]
    pub(crate) fn new_dispatch(&self, to: Vec<To>, content: &[u8]) -> NewDispatch {
        NewDispatch { comment: Some("11月分".to_owned()), ..new_dispatch(to, content.len()) }
    }

    pub(crate) async fn try_stage(&self, new: NewDispatch, content: &[u8]) -> Result<DispatchView, SendError> {
        self.push.stage(new, Bytes::new(content.to_vec())).await
    }

    pub(crate) async fn stage(&self, to: Vec<To>, content: &[u8]) -> DispatchView {
        self.try_stage(self.new_dispatch(to, content), content).await.unwrap()
    }

    pub(crate) async fn try_run(&self) -> Result<Pushed, SendRunError> {
        self.push.run(&CancellationToken::new()).await
    }

    pub(crate) async fn run(&self) -> Pushed {
        self.try_run().await.unwrap()
    }

    /// Stages for one user and sends.
    pub(crate) async fn send_to(&self, person: &Person, content: &[u8]) -> MessageId {
        let view = self.stage(vec![user(&person.id)], content).await;
        self.run().await;
        id(&view.messages[0].id)
    }

    pub(crate) async fn sent(&self, id: MessageId) -> SentView {
        self.push.find(id).await.unwrap()
    }

    pub(crate) async fn state(&self, id: MessageId) -> &'static str {
        self.sent(id).await.state
    }

    /// Whether the sealed bytes of a message are in the outbox.
    pub(crate) fn is_kept(&self, id: MessageId) -> bool {
        self.push.outbox.sealed(id).exists()
    }

    /// How often each kind of event was written.
    pub(crate) async fn events(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for event in events::after(self.gateway.receiver.database.read(), 0, 100_000).await.unwrap() {
            *counts.entry(event.kind.code()).or_default() += 1;
        }
        counts
    }

    pub(crate) async fn event_count(&self, kind: Kind) -> usize {
        self.events().await.get(kind.code()).copied().unwrap_or(0)
    }

    /// A person returns a message, with words about `about`.
    pub(crate) fn give_back(&self, person: &Person, id: MessageId, about: MessageId, reason: &str) {
        let said = Return { message_id: about, reason: reason.to_owned() };
        let sealed = words::seal(&said, &[self.gateway.union.encryption.certificate().clone()], &SystemRandom).unwrap();
        let receipt = Receipt { words: Some(sealed), ..self.receipt(person, id, Stage::Returned) };
        self.relay.acknowledge(id, &person.id, Some(self.sign(&receipt, &person.signing)));
    }
}

/// What there is to send to, and what those do: the same for a world that sends and for a console that stands on it.
impl GatewayWorld {
    pub(crate) async fn office(&self, code: &str) {
        let database = &self.receiver.database;
        let office =
            Office { code: code.parse().unwrap(), name: "事業所".parse().unwrap(), created_at: self.clock.now() };
        let mut transaction = database.write().await.unwrap();
        offices::insert(&mut transaction, &office).await.unwrap();
        database.commit(transaction).await.unwrap();
    }

    /// Registers somebody, in an office that is made if it is not there.
    pub(crate) async fn person(&self, id: &str, office: &str) -> Person {
        let (now, user): (_, UserId) = (self.clock.now(), id.parse().unwrap());
        let code: OfficeCode = office.parse().unwrap();
        if offices::find(self.receiver.database.read(), &code).await.unwrap().is_none() {
            self.office(office).await;
        }
        let database = &self.receiver.database;
        let mut transaction = database.write().await.unwrap();
        let row = User { id: user.clone(), office: code, state: UserState::Enabled, lost_at: None, created_at: now };
        users::insert(&mut transaction, &row).await.unwrap();
        database.commit(transaction).await.unwrap();
        let (signing, encryption) = self.certify(id, office).await;
        Person { id: user, signing, encryption }
    }

    /// New certificates beside those that are there.
    pub(crate) async fn certify(&self, id: &str, office: &str) -> (Credential, Credential) {
        let (now, user): (_, UserId) = (self.clock.now(), id.parse().unwrap());
        let union = &self.union;
        let subject =
            Subject::User { union: union.insurer.clone(), office: office.parse().unwrap(), user: user.clone() };
        let signing = issue(&union.authority, subject.clone(), &Profile::UserSigning, now);
        let encryption = issue(&union.authority, subject, &Profile::UserEncryption, now);
        let (ca, database) = (union.authority.certificate(), &self.receiver.database);
        let mut transaction = database.write().await.unwrap();
        for (one, purpose) in [(&signing, Purpose::Signing), (&encryption, Purpose::Encryption)] {
            let row = Registered::new(one.certificate(), &user, purpose, ca, now);
            certificates::insert(&mut transaction, &row).await.unwrap();
        }
        registry_changed(&mut transaction).await.unwrap();
        database.commit(transaction).await.unwrap();
        (signing, encryption)
    }

    /// What a person's app says of a message that it has: an honest receipt, to be changed.
    pub(crate) fn receipt(&self, person: &Person, id: MessageId, stage: Stage) -> Receipt {
        let delivery = self.relay.1.find(id).unwrap();
        let opened = open_as(&person.encryption, &self.relay.1.bytes(id));
        let recipient = delivery.recipients.iter().find(|one| one.user == person.id).unwrap();
        let last = recipient.receipts.last().cloned().or(delivery.relayed).unwrap();
        Receipt {
            message_id: id,
            stage,
            tag: delivery.tag,
            digest: Some(kenpo_express::domain::digest::Sha256(opened.digest().try_into().unwrap()).to_string()),
            at: self.clock.now(),
            by: Address::User(self.union.insurer.clone(), person.id.clone()).to_string(),
            words: None,
            previous: Some(SignedReceipt::from_der(last.0).hash()),
            contiguous: Some(opened.header().sequence),
        }
    }

    pub(crate) fn sign(&self, receipt: &Receipt, signer: &Credential) -> Der {
        Der(receipt.sign(signer, self.clock.now()).unwrap().der().to_vec())
    }

    /// A person's app fetches, verifies and says so.
    pub(crate) fn verify(&self, person: &Person, id: MessageId) {
        self.relay.1.fetch(id, &person.id);
        let receipt = self.receipt(person, id, Stage::Verified);
        self.relay.1.acknowledge(id, &person.id, Some(self.sign(&receipt, &person.signing)));
    }

    pub(crate) fn accept(&self, person: &Person, id: MessageId) {
        let receipt = self.receipt(person, id, Stage::Accepted);
        self.relay.1.acknowledge(id, &person.id, Some(self.sign(&receipt, &person.signing)));
    }
}

impl Deref for SendWorld {
    type Target = GatewayWorld;

    fn deref(&self) -> &GatewayWorld {
        &self.gateway
    }
}

/// A letter of so many bytes that the core system sends.
pub(crate) fn new_dispatch(to: Vec<To>, size: usize) -> NewDispatch {
    NewDispatch {
        to,
        file_name: "決定通知書.pdf".parse().unwrap(),
        content_type: "application/pdf".to_owned(),
        comment: None,
        size: size as u64,
        origin: Origin::Api,
        key: None,
        actor: "token:core".to_owned(),
    }
}

pub(crate) fn user(id: &UserId) -> To {
    To::User(id.clone())
}

pub(crate) fn office(code: &str) -> To {
    To::Office(code.parse().unwrap())
}

pub(crate) fn id(text: &str) -> MessageId {
    text.parse().unwrap()
}

/// What the union has signed about a number that nobody gets.
pub(crate) fn statement(world: &SendWorld, id: MessageId) -> Option<Statement> {
    let der = world.relay.find(id)?.statement?;
    Some(words::verify(&der.0, world.gateway.union.signing.certificate()).unwrap())
}

/// Opens a message with somebody's key.
pub(crate) fn open_as(key: &Credential, sealed: &[u8]) -> Opened {
    open(sealed, std::slice::from_ref(key), std::io::sink()).unwrap().0
}

/// What is in it.
pub(crate) fn content_for(key: &Credential, sealed: &[u8]) -> Vec<u8> {
    open(sealed, std::slice::from_ref(key), Vec::new()).unwrap().1
}
