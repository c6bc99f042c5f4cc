//! A relay that alters what passes through it, with the union played by the test: nothing of it is believed.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::digest::Sha256;
use kenpo_express::domain::user::UserState;
use kenpo_express::employer::refusal::{PinRefused, SetupRefused};
use kenpo_express::employer::setup::{Names, Need, Setup, Worked};
use kenpo_express::employer::{EmployerError, Home};
use kenpo_express::gateway::flows::enrol::letter::{Passwords, prepare};
use kenpo_express::gateway::keys::Keys;
use kenpo_express::message::keys::{Certificate, Credential};
use kenpo_express::message::words;
use kenpo_express::pki::profile::USER_VALIDITY;
use kenpo_express::pki::{Authority, KeyKind, Profile, Request, Subject, new_key};
use kenpo_express::relay::{Relay, Running, admin};
use kenpo_express::runtime::clock::{SystemClock, SystemRandom};
use kenpo_express::runtime::lifecycle::Shutdown;
use kenpo_express::sandbox::parties::{contact, office, union, user};
use kenpo_express::sandbox::world::World;
use kenpo_express::secret::DownloadKeys;
use kenpo_express::store::gateway::users::User;
use kenpo_express::wire::Der;
use kenpo_express::wire::client::UnionClient;
use kenpo_express::wire::enrolment::{
    Answer, FirstRequest, KIT_PURPOSE, KeyRequests, Outcome, PendingRequest, REQUEST_MAC, RefusalReason, SealedRequest,
};
use kenpo_express::wire::page::PageQuery;
use kenpo_express::wire::union::{OrderNumber, RequestAnswer, UnionCertificates};

use super::exchange_support::free_ports;

struct Played {
    world: World,
    keys: Keys,
    union: UnionClient,
    passwords: Passwords,
    relay: Running,
    shutdown: Shutdown,
    dir: tempfile::TempDir,
}

fn der(certificate: &Certificate) -> Der {
    Der(certificate.der().to_vec())
}

fn certificates(encryption: &Credential, signing: &Credential, ca: &Authority) -> UnionCertificates {
    let (now, fortnight) = (SystemClock.now(), SignedDuration::from_hours(24 * 14));
    let list = ca.crl(1, &[], now, now + fortnight).unwrap();
    UnionCertificates {
        encryption: vec![der(encryption.certificate())],
        signing: vec![der(signing.certificate())],
        revoked: Some(Der(list.der().to_vec())),
    }
}

impl Played {
    /// A relay, a union that was met there, and a kit for its user in `DIR/kit.json`.
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let world = World::open(&dir.path().join("w"), free_ports(), SystemClock.now(), &SystemRandom).unwrap();
        let config = world.relay_settings().unwrap();
        let database = admin::open(&config).await.unwrap();
        admin::add_union(&database, &world.new_union(), SystemClock.now()).await.unwrap();
        database.close().await;
        let shutdown = Shutdown::new();
        let relay = Relay::start(config, Arc::new(SystemClock), &shutdown).await.unwrap();
        let (keys, connection) = Keys::load(&world.gateway_settings().unwrap()).unwrap();
        let union = UnionClient::new(&connection).unwrap();
        let entrance = union.handshake().await.unwrap().entrance;
        let now = SystemClock.now();
        let registered =
            User { id: user(), office: office(), state: UserState::Enabled, lost_at: None, created_at: now };
        let prepared = prepare(&keys, &entrance, &registered, &contact(), now, &SystemRandom).unwrap();
        let ca = keys.authority.as_ref().unwrap();
        union.put_certificates(&certificates(&keys.encryption[0], &keys.signing[0], ca)).await.unwrap();
        union.enrol(&user(), OrderNumber(1), &prepared.order).await.unwrap();
        let download = DownloadKeys::derive(&prepared.passwords.download, &prepared.order.download_salt);
        let kit = download.kit.open(KIT_PURPOSE, &prepared.order.kit).unwrap();
        std::fs::write(dir.path().join("kit.json"), &*kit).unwrap();
        Self { world, keys, union, passwords: prepared.passwords, relay, shutdown, dir }
    }

    fn begin(&self) -> Setup {
        let (home, kit) = (self.dir.path().join("home"), self.dir.path().join("kit.json"));
        Setup::begin(&home, Some(&kit), false, Arc::new(SystemClock), Arc::new(SystemRandom)).unwrap()
    }

    async fn until_sent(&self) -> Setup {
        let mut setup = self.begin();
        setup.choose_pin("4711".parse().unwrap()).await.unwrap();
        setup.prove_pin("4711".parse().unwrap()).await.unwrap();
        self.ask(&mut setup).await.unwrap();
        setup
    }

    async fn ask(&self, setup: &mut Setup) -> Result<(), EmployerError> {
        let name = contact().name.as_str().to_owned();
        setup.names(Names {
            office: "見本事業所".to_owned(), user: name, mail: contact().mail.as_str().to_owned()
        });
        setup.initial_password(self.passwords.login.clone()).await
    }

    /// The one request that waits, opened.
    async fn pending(&self) -> (PendingRequest, KeyRequests) {
        let page = self.union.certificate_requests(PageQuery { wait: Some(10), ..PageQuery::default() }).await.unwrap();
        let pending = page.items.into_iter().last().expect("the app has asked");
        let SealedRequest::Enrolment { request, .. } = words::open(&pending.sealed.0, &self.keys.encryption).unwrap()
        else {
            panic!("the first request of a PC is an enrolment")
        };
        let login = &self.passwords.login;
        // What the gateway keeps of the initial password.
        let kit: kenpo_express::wire::enrolment::Kit =
            serde_json::from_slice(&std::fs::read(self.dir.path().join("kit.json")).unwrap()).unwrap();
        let keys = kenpo_express::secret::PasswordKeys::derive(login, &kit.login_salt);
        let first: FirstRequest = keys.mac.open(REQUEST_MAC, &request).unwrap();
        (pending, first.keys)
    }

    /// Puts an answer at the relay, in place of the one before.
    async fn answer(&self, pending: &PendingRequest, answer: &Answer, signer: &Credential) {
        let told = Der(words::sign(answer, signer, answer.at).unwrap());
        let answer = RequestAnswer { answer: told, registration: None };
        self.union.answer_request(pending.id, OrderNumber(2), &answer).await.unwrap();
    }

    async fn stop(self) {
        self.relay.stop(&self.shutdown).await;
        drop(self.world);
    }
}

fn answer_to(pending: &PendingRequest, outcome: Outcome) -> Answer {
    let request = kenpo_express::wire::enrolment::CertificateRequest { id: pending.id, sealed: pending.sealed.clone() };
    Answer { request: pending.id, digest: request.digest(), at: SystemClock.now(), outcome }
}

/// Certificates for the keys that were asked for.
fn issued_by(authority: &Authority, wanted: &KeyRequests) -> Outcome {
    let (union, office, user) = (union(), office(), user());
    let person = Subject::User { union: union.clone(), office: office.clone(), user: user.clone() };
    let device = Subject::Device { union, office, user };
    let issue = |subject: Subject, der: &Der, profile| {
        let request = Request::from_pkcs10(subject, &der.0).unwrap();
        let certificate = authority.issue(&request, &profile, USER_VALIDITY, SystemClock.now(), &SystemRandom).unwrap();
        Der(certificate.der().to_vec())
    };
    Outcome::Issued {
        signing: issue(person.clone(), &wanted.signing, Profile::UserSigning),
        encryption: issue(person, &wanted.encryption, Profile::UserEncryption),
        device: issue(device, &wanted.device, Profile::Device),
        stream: None,
    }
}

/// A union that is none of ours, with the same number.
fn stranger() -> (Authority, Credential, Credential) {
    let now = SystemClock.now();
    let authority = Authority::create(&union(), "another", now, &SystemRandom).unwrap();
    let issue = |profile: Profile| {
        let key = new_key(KeyKind::P256).unwrap();
        let request = Request::new(Subject::Union(union()), &key).unwrap();
        Credential::new(authority.issue(&request, &profile, USER_VALIDITY, now, &SystemRandom).unwrap(), key).unwrap()
    };
    let (signing, encryption) = (issue(Profile::UnionSigning), issue(Profile::UnionEncryption));
    (authority, signing, encryption)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_the_unions_is_not_believed() {
    let played = Played::start().await;
    let mut setup = played.until_sent().await;
    let patience = Duration::from_millis(10);
    assert_eq!(setup.work(patience).await.unwrap(), Worked::Waits);
    let (pending, wanted) = played.pending().await;
    let authority = played.keys.authority.clone().unwrap();
    let honest = || answer_to(&pending, issued_by(&authority, &wanted));
    let ours = &played.keys.signing[0];
    let (their_ca, their_signing, _) = stranger();

    // Signed by another union of the same number; about other bytes; about another request; certificates of another CA; other keys.
    let other_keys = {
        let key = || Der(kenpo_express::pki::request::pkcs10(&user(), &new_key(KeyKind::P256).unwrap()).unwrap());
        KeyRequests { signing: key(), encryption: key(), device: key() }
    };
    let lies = [
        (honest(), &their_signing),
        (Answer { digest: Sha256::ZERO, ..honest() }, ours),
        (
            Answer {
                request: kenpo_express::domain::ids::RequestId::new(SystemClock.now(), &SystemRandom),
                ..honest()
            },
            ours,
        ),
        (answer_to(&pending, issued_by(&their_ca, &wanted)), ours),
        (answer_to(&pending, issued_by(&authority, &other_keys)), ours),
    ];
    for (number, (answer, signer)) in lies.iter().enumerate() {
        played.answer(&pending, answer, signer).await;
        let refused = setup.work(patience).await;
        assert!(matches!(refused, Err(EmployerError::Answer)), "{number}: {refused:?}");
    }
    assert!(Home::read(&played.dir.path().join("home")).is_err());
    // None of it did any harm: the honest answer is still taken.
    played.answer(&pending, &honest(), ours).await;
    assert_eq!(setup.work(patience).await.unwrap(), Worked::On);
    played.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pin_that_is_locked_before_anything_was_asked_for_is_chosen_again() {
    let played = Played::start().await;
    let mut setup = played.begin();
    setup.choose_pin("4711".parse().unwrap()).await.unwrap();
    let mut tries = 0;
    while setup.need() == Need::Pin {
        let refused = setup.prove_pin("0000".parse().unwrap()).await;
        assert!(
            matches!(refused, Err(EmployerError::Pin(PinRefused::Wrong { .. } | PinRefused::Locked))),
            "{refused:?}"
        );
        tries += 1;
        assert!(tries <= 5, "the PIN is locked for good");
    }
    assert_eq!(setup.need(), Need::NewPin);
    drop(setup);
    let mut setup = played.begin();
    setup.choose_pin("1234".parse().unwrap()).await.unwrap();
    setup.prove_pin("1234".parse().unwrap()).await.unwrap();
    played.ask(&mut setup).await.unwrap();
    played.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_to_a_union_that_the_relay_made_up() {
    let played = Played::start().await;
    let (_, their_signing, their_encryption) = stranger();
    let ca = played.keys.authority.as_ref().unwrap();
    played.union.put_certificates(&certificates(&their_encryption, &their_signing, ca)).await.unwrap();
    let mut setup = played.begin();
    setup.choose_pin("4711".parse().unwrap()).await.unwrap();
    setup.prove_pin("4711".parse().unwrap()).await.unwrap();
    let refused = played.ask(&mut setup).await;
    assert!(matches!(refused, Err(EmployerError::UnionCertificate)), "{refused:?}");
    let waiting = played.union.certificate_requests(PageQuery::default()).await.unwrap();
    assert!(waiting.items.is_empty(), "names are for the union alone");
    played.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_of_the_union_is_told_and_the_same_kit_may_try_again() {
    let played = Played::start().await;
    let mut setup = played.until_sent().await;
    let ours = &played.keys.signing[0];
    let (patience, reasons) = (
        Duration::from_millis(10),
        [RefusalReason::Locked, RefusalReason::Mac, RefusalReason::Ended, RefusalReason::NotApproved],
    );
    for reason in reasons {
        assert_eq!(setup.work(patience).await.unwrap(), Worked::Waits);
        let (pending, _) = played.pending().await;
        played.answer(&pending, &answer_to(&pending, Outcome::Refused { reason }), ours).await;
        let refused = setup.work(patience).await;
        assert!(
            matches!(&refused, Err(EmployerError::Setup(SetupRefused::Union(said))) if *said == reason),
            "{refused:?}"
        );
        played.ask(&mut setup).await.unwrap();
    }
    // A waiting request is answered later, by another answer in place of the first.
    let (pending, wanted) = {
        assert_eq!(setup.work(patience).await.unwrap(), Worked::Waits);
        played.pending().await
    };
    played.answer(&pending, &answer_to(&pending, Outcome::WaitsForApproval), ours).await;
    drop(setup);
    let mut setup = played.begin();
    assert_eq!(setup.work(patience).await.unwrap(), Worked::WaitsForApproval);
    let authority = played.keys.authority.clone().unwrap();
    played.answer(&pending, &answer_to(&pending, issued_by(&authority, &wanted)), ours).await;
    assert_eq!(setup.work(patience).await.unwrap(), Worked::On);
    played.stop().await;
}
