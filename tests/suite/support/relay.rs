//! A relay in this process, on free ports of the loopback interface, and those who use it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kenpo_express::config::load_from;
use kenpo_express::domain::clock::{Clock, ManualClock};
use kenpo_express::domain::digest::{Fingerprint, Tag};
use kenpo_express::domain::ids::{InsurerNumber, MessageId, OfficeCode, UserId};
use kenpo_express::message::keys::{Certificate, Credential};
use kenpo_express::message::receipt::{Receipt, Stage};
use kenpo_express::pki::{Authority, KeyKind, Profile, Request, Subject, new_key};
use kenpo_express::relay::{Config, Relay, Running, admin};
use kenpo_express::runtime::clock::{SystemClock, SystemRandom};
use kenpo_express::runtime::lifecycle::Shutdown;
use kenpo_express::store::relay::unions::NewUnion;
use kenpo_express::wire::Der;
use kenpo_express::wire::union::{DisableUser, UnionCertificates, UserRegistration};
use tempfile::TempDir;

use super::enrolment::{change, login, login_key};
use super::faulty::Faulty;
use super::http::{Answer, Client, json, plain_get};
use super::soon::within;

const YEAR: SignedDuration = SignedDuration::from_hours(24 * 365);

/// A relay with its folder, its clock and its operator.
pub(crate) struct RelayWorld {
    _folder: TempDir,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) operator: Authority,
    pub(crate) config: Config,
    pub(crate) store: Faulty,
    running: Option<(Running, Shutdown)>,
    /// The session that goes with a user's certificate.
    sessions: Mutex<HashMap<Fingerprint, String>>,
}

impl RelayWorld {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    /// With settings changed from the defaults.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The real time, so that clients that look at the real clock agree; from there it moves by hand.
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let operator = Authority::create_operator("Operator", clock.now(), &SystemRandom).unwrap();
        let mut config: Config = load_from("", folder.path(), std::iter::empty()).unwrap();
        for address in [
            &mut config.vpn.address,
            &mut config.employer.address,
            &mut config.enrolment.address,
            &mut config.watch.address,
        ] {
            address.set_port(0);
        }
        config.mail.transport = "memory".into();
        // Tests move the clock, and few of them mean sessions.
        (config.session.hours, config.session.idle_minutes) = (24 * 365 * 10, 60 * 24 * 365 * 10);
        config.parcels.disk_reserve_bytes = 0;
        config.stop.grace_seconds = 5;
        // Tests run tasks by hand.
        config.parcels.task_seconds = 86_400;
        change(&mut config);
        let server = Profile::TlsServer { names: vec!["127.0.0.1".to_owned()] };
        for (certificate, key, profile) in [
            (&config.vpn.certificate, &config.vpn.key, &server),
            (&config.employer.certificate, &config.employer.key, &server),
            (&config.receipts.certificate, &config.receipts.key, &Profile::ReceiptSigning),
        ] {
            let subject = Subject::Service("relay".to_owned());
            write(&issue(&operator, subject, profile, clock.now()), certificate, key);
        }
        config.employer.roots = folder.path().join("roots.pem");
        std::fs::write(&config.employer.roots, operator.certificate().pem()).unwrap();
        let store = Faulty::open(&config.parcel_folder());
        let mut world =
            Self { _folder: folder, clock, operator, config, store, running: None, sessions: Mutex::default() };
        world.resume().await;
        world
    }

    /// Starts it again after [`Self::stop`] or [`Self::crash`].
    pub(crate) async fn resume(&mut self) {
        let shutdown = Shutdown::new();
        let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&self.clock);
        let running =
            Relay::start_on(self.config.clone(), Arc::new(self.store.clone()), clock, &shutdown).await.unwrap();
        self.running = Some((running, shutdown));
    }

    /// Stops it as SIGTERM does.
    pub(crate) async fn stop(&mut self) {
        let (running, shutdown) = self.running.take().unwrap();
        running.stop(&shutdown).await;
    }

    /// Drops everything that is under way.
    pub(crate) async fn crash(&mut self) {
        let (running, shutdown) = self.running.take().unwrap();
        shutdown.abort();
        running.stop(&shutdown).await;
    }

    pub(crate) fn running(&self) -> &Running {
        &self.running.as_ref().unwrap().0
    }

    pub(crate) fn vpn(&self, credential: &Credential) -> Client {
        Client::new(self.running().vpn_addr, self.operator.certificate(), Some(credential))
    }

    /// The token of a user's session.
    pub(crate) fn session_of(&self, credential: &Credential) -> String {
        self.sessions.lock().unwrap()[&credential.certificate().fingerprint()].clone()
    }

    pub(crate) fn employer(&self, credential: &Credential) -> Client {
        let session = self.sessions.lock().unwrap().get(&credential.certificate().fingerprint()).cloned();
        Client::new(self.running().employer_addr, self.operator.certificate(), Some(credential)).within(session)
    }

    /// Begins a session with a user's certificate, in which everything is asked from now on; with the password of before, or a
    /// new one after the initial one.
    pub(crate) async fn log_in(&self, credential: &Credential) {
        let client = self.employer(credential).within(None);
        let session = if let Ok(session) = login(&client, &login_key(2)).await {
            session
        } else {
            let session = login(&client, &login_key(1)).await.unwrap();
            let changed = client.send(change(&session, &login_key(1), &login_key(2))).await.unwrap();
            assert_eq!(changed.status, 204);
            session
        };
        self.sessions.lock().unwrap().insert(credential.certificate().fingerprint(), session.token);
    }

    /// What the metrics listener says, figures as they are now.
    pub(crate) async fn watch(&self, path: &str) -> String {
        let look = self.running().tasks.find("watch").unwrap();
        let runs = look.status().runs;
        within("the figures are looked at", async {
            while look.status().runs == runs {
                look.activate();
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        plain_get(self.running().watch_addr, path).await
    }

    /// Registers a union as the operator does, and waits until the server knows it.
    pub(crate) async fn union(&self, insurer: &str) -> UnionWorld {
        let union = UnionWorld::new(insurer, self.clock.now());
        self.register(&union).await;
        let put = json(hyper::Method::PUT, "/union/v1/certificates", &union.certificates());
        assert_eq!(self.vpn(&union.gateway).send(put).await.unwrap().status, 204);
        union
    }

    /// As the operator does with `union add`.
    pub(crate) async fn register(&self, union: &UnionWorld) {
        let new = NewUnion {
            insurer: union.insurer.clone(),
            name: "A union".to_owned(),
            clients: vec![union.gateway.certificate().clone()],
            authorities: vec![union.authority.certificate().clone()],
        };
        admin::add_union(&self.running().app.database, &new, self.clock.now()).await.unwrap();
        self.running().reload().await.unwrap();
    }

    /// Makes a user with a certificate and a password, registers both as the gateway does, and logs in.
    pub(crate) async fn user(&self, union: &UnionWorld, user: &str) -> Credential {
        let credential = union.user(user, self.clock.now());
        assert_eq!(self.order(union, user, &union.quick_order(user, self)).await.status, 200);
        assert_eq!(self.put_user(union, user, &[credential.certificate()]).await.status, 204);
        self.log_in(&credential).await;
        credential
    }

    pub(crate) async fn put_user(&self, union: &UnionWorld, user: &str, certificates: &[&Certificate]) -> Answer {
        let registration = UserRegistration {
            office: office(),
            certificates: certificates.iter().map(|certificate| Der(certificate.der().to_vec())).collect(),
            devices: vec![],
            login: None,
        };
        let put = json(hyper::Method::PUT, &format!("/union/v1/users/{user}"), &registration);
        self.vpn(&union.gateway).send(put).await.unwrap()
    }

    pub(crate) async fn disable(&self, union: &UnionWorld, user: &str) -> Answer {
        let path = format!("/union/v1/users/{user}/disable");
        let disable = json(hyper::Method::POST, &path, &DisableUser { at: self.clock.now() });
        self.vpn(&union.gateway).send(disable).await.unwrap()
    }
}

/// A union with everything that it holds itself.
pub(crate) struct UnionWorld {
    pub(crate) insurer: InsurerNumber,
    pub(crate) authority: Authority,
    pub(crate) gateway: Credential,
    pub(crate) signing: Credential,
    pub(crate) encryption: Credential,
}

impl UnionWorld {
    pub(crate) fn new(insurer: &str, now: Timestamp) -> Self {
        let insurer: InsurerNumber = insurer.parse().unwrap();
        let authority = Authority::create(&insurer, "A union", now, &SystemRandom).unwrap();
        let own = |profile| issue(&authority, Subject::Union(insurer.clone()), &profile, now);
        Self {
            gateway: own(Profile::TlsClient),
            signing: own(Profile::UnionSigning),
            encryption: own(Profile::UnionEncryption),
            insurer,
            authority,
        }
    }

    /// A certificate for signing and TLS, issued and not registered.
    pub(crate) fn user(&self, user: &str, now: Timestamp) -> Credential {
        let user: UserId = user.parse().unwrap();
        let subject = Subject::User { union: self.insurer.clone(), office: office(), user };
        issue(&self.authority, subject, &Profile::UserSigning, now)
    }

    pub(crate) fn certificates(&self) -> UnionCertificates {
        let der = |credential: &Credential| vec![Der(credential.certificate().der().to_vec())];
        UnionCertificates { encryption: der(&self.encryption), signing: der(&self.signing), revoked: None }
    }

    /// A receipt of this union.
    pub(crate) fn receipt(&self, id: MessageId, stage: Stage, now: Timestamp) -> Der {
        let receipt = Receipt {
            message_id: id,
            stage,
            tag: None,
            digest: None,
            at: now,
            by: format!("union@{}.kx", self.insurer),
            words: None,
            previous: None,
            contiguous: Some(1),
        };
        Der(receipt.sign(&self.signing, now).unwrap().der().to_vec())
    }
}

pub(crate) fn office() -> OfficeCode {
    "1234-A".parse().unwrap()
}

/// Issues a certificate for a new P-256 key, for one year.
pub(crate) fn issue(authority: &Authority, subject: Subject, profile: &Profile, now: Timestamp) -> Credential {
    let key = new_key(KeyKind::P256).unwrap();
    let request = Request::new(subject, &key).unwrap();
    Credential::new(authority.issue(&request, profile, YEAR, now, &SystemRandom).unwrap(), key).unwrap()
}

fn write(credential: &Credential, certificate: &Path, key: &Path) {
    std::fs::create_dir_all(certificate.parent().unwrap()).unwrap();
    std::fs::write(certificate, credential.certificate().pem()).unwrap();
    std::fs::write(key, credential.key().to_pem()).unwrap();
}

/// A new message id of this moment.
pub(crate) fn message_id(clock: &dyn Clock) -> MessageId {
    MessageId::new(clock.now(), &SystemRandom)
}

/// Bytes that end as a sealed message does. Nothing before the end means anything: the relay must not care.
pub(crate) fn parcel(size: usize) -> (Vec<u8>, Tag) {
    let mut bytes: Vec<u8> = (0..size).map(|i| u8::try_from((i * 7 + i / 251) % 256).unwrap()).collect();
    let tag = Tag(*b"0123456789abcdef");
    let end = size - 18;
    bytes[end..end + 2].copy_from_slice(&[0x04, 0x10]);
    bytes[end + 2..].copy_from_slice(tag.as_bytes());
    (bytes, tag)
}
