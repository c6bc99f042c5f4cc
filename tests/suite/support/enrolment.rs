//! What a gateway orders for a new user, and what mails come of it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::ids::EnrolmentId;
use kenpo_express::mail::Mailer;
use kenpo_express::message::keys::Credential;
use kenpo_express::pki::{Profile, Subject};
use kenpo_express::runtime::clock::SystemRandom;
use kenpo_express::secret::{DownloadKeys, LoginKey, Salt};
use kenpo_express::wire::Der;
use kenpo_express::wire::enrolment::{EnrolmentOrder, KIT_PURPOSE, PcId};
use kenpo_express::wire::session::{Login, PasswordChange, Session};
use kenpo_express::wire::union::user_enrolment;
use kenpo_express::wire::{employer, problem::Code};

use super::http::{Answer, Client, json};
use super::relay::{RelayWorld, UnionWorld, issue, office};

/// What stands in the kit, to be looked for where it must not be.
pub(crate) const KIT: &str = "the words of the kit, in clear";
pub(crate) const PASSWORD: &str = "download-pass-77";

/// An enrolment as the gateway has it.
pub(crate) struct Enrolled {
    pub(crate) order: EnrolmentOrder,
    pub(crate) kit: Credential,
    pub(crate) initial: LoginKey,
}

/// A key that a password was turned into, without the work.
pub(crate) fn login_key(word: u8) -> LoginKey {
    serde_json::from_value(STANDARD.encode([word; 32]).into()).unwrap()
}

impl UnionWorld {
    /// A certificate for a PC of a user, not registered.
    pub(crate) fn device(&self, user: &str, relay: &RelayWorld) -> Credential {
        let (union, user) = (self.insurer.clone(), user.parse().unwrap());
        let subject = Subject::Device { union, office: office(), user };
        issue(&self.authority, subject, &Profile::Device, relay.clock.now())
    }

    /// An order whose kit nobody will open.
    pub(crate) fn quick_order(&self, user: &str, relay: &RelayWorld) -> EnrolmentOrder {
        EnrolmentOrder {
            id: EnrolmentId::new(relay.clock.now(), &SystemRandom),
            office: office(),
            mail: format!("{user}@example.jp"),
            device: Der(self.device(user, relay).certificate().der().to_vec()),
            download_salt: Salt::new(&SystemRandom),
            download_verifier: login_key(3).verifier(),
            kit: vec![0; 100],
            login: login_key(1).verifier(),
        }
    }

    /// An order, not sent.
    pub(crate) fn order(&self, user: &str, relay: &RelayWorld) -> Enrolled {
        let (kit, initial) = (self.device(user, relay), login_key(1));
        let salt = Salt::new(&SystemRandom);
        let download = DownloadKeys::derive(PASSWORD, &salt);
        let order = EnrolmentOrder {
            device: Der(kit.certificate().der().to_vec()),
            download_salt: salt,
            download_verifier: download.proof.verifier(),
            kit: download.kit.seal(KIT_PURPOSE, KIT.as_bytes(), &SystemRandom),
            ..self.quick_order(user, relay)
        };
        Enrolled { order, kit, initial }
    }
}

impl RelayWorld {
    pub(crate) async fn order(&self, union: &UnionWorld, user: &str, order: &EnrolmentOrder) -> Answer {
        let put = json(hyper::Method::PUT, &user_enrolment(&user.parse().unwrap()), order);
        self.vpn(&union.gateway).send(put).await.unwrap()
    }

    /// Opens an enrolment as the gateway does.
    pub(crate) async fn enrol(&self, union: &UnionWorld, user: &str) -> Enrolled {
        let enrolled = union.order(user, self);
        assert_eq!(self.order(union, user, &enrolled.order).await.status, 200);
        enrolled
    }

    /// Sends what is in the outbox.
    pub(crate) async fn send_mail(&self) -> Result<(), &'static str> {
        kenpo_express::relay::tasks::send_mail(&self.running().app).await
    }

    /// Every mail that went out so far: its header, and its text decoded.
    pub(crate) fn mails(&self) -> Vec<(String, String)> {
        let Mailer::Memory(kept) = &self.running().app.mailer else { panic!("mail goes elsewhere") };
        kept.lock().unwrap().iter().map(|mail| decoded(mail)).collect()
    }

    /// The path of the newest link.
    pub(crate) async fn link(&self) -> String {
        self.send_mail().await.unwrap();
        let (_, text) = self.mails().pop().unwrap();
        let url = text.split_whitespace().find(|word| word.contains("/e/")).unwrap();
        url.split_once("/e/").map(|(_, token)| format!("/e/{token}")).unwrap()
    }

    /// The page's listener, without a client certificate.
    pub(crate) fn page(&self) -> Client {
        Client::new(self.running().page_addr, self.operator.certificate(), None)
    }
}

/// Header and text of a mail.
pub(crate) fn decoded(mail: &[u8]) -> (String, String) {
    let mail = std::str::from_utf8(mail).unwrap();
    let (head, body) = mail.split_once("\r\n\r\n").unwrap();
    let bytes = STANDARD.decode(body.replace("\r\n", "")).unwrap();
    (head.to_owned(), String::from_utf8(bytes).unwrap())
}

pub(crate) async fn login(client: &Client, key: &LoginKey) -> Result<Session, Code> {
    let answer = client.send(json(hyper::Method::POST, employer::LOGIN, &Login { key: key.clone() })).await.unwrap();
    if answer.status.is_success() { Ok(answer.json()) } else { Err(answer.code()) }
}

/// A change of password within a session.
pub(crate) fn change(session: &Session, current: &LoginKey, new: &LoginKey) -> hyper::Request<axum::body::Body> {
    let body = PasswordChange { current: current.clone(), new: new.verifier() };
    within(session, json(hyper::Method::POST, employer::PASSWORD, &body))
}

/// A request within a session.
pub(crate) fn within(
    session: &Session,
    mut request: hyper::Request<axum::body::Body>,
) -> hyper::Request<axum::body::Body> {
    let value = format!("Bearer {}", session.token).parse().unwrap();
    request.headers_mut().insert(hyper::header::AUTHORIZATION, value);
    request
}

pub(crate) fn pc() -> PcId {
    PcId::new(&SystemRandom)
}
