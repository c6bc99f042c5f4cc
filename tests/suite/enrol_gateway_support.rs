//! An app in this process that enrols at a gateway in this process.

use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::ids::{RequestId, UserId};
use kenpo_express::gateway::admin::Admin;
use kenpo_express::gateway::flows::enrol::letter::Passwords;
use kenpo_express::gateway::flows::{enrol, orders};
use kenpo_express::message::keys::{Certificate, Credential, PrivateKey};
use kenpo_express::message::words;
use kenpo_express::pki::request::pkcs10;
use kenpo_express::pki::{KeyKind, new_key};
use kenpo_express::runtime::clock::SystemRandom;
use kenpo_express::secret::{DownloadKeys, LoginVerifier, MacKey, PasswordKeys};
use kenpo_express::store::gateway::users::Contact;
use kenpo_express::wire::Der;
use kenpo_express::wire::enrolment::{
    Answer, CertificateRequest, EnrolmentOrder, FirstRequest, KIT_MAC, KIT_PURPOSE, KeyRequests, Kit, KitBody, Outcome,
    PcId, REQUEST_MAC, RefusalReason, Renewal, SealedRequest,
};
use kenpo_express::wire::page::PageQuery;
use kenpo_express::wire::union::RequestAnswer;

use crate::gateway_relay::Told;
use crate::gateway_support::GatewayWorld;

pub(crate) const OFFICE: &str = "見本工業㈱";
pub(crate) const NAME: &str = "髙橋　﨑子";
pub(crate) const MAIL: &str = "sakiko@example.co.jp";

/// A gateway that has met its relay, with an office.
pub(crate) async fn world() -> (GatewayWorld, Admin) {
    let world = GatewayWorld::new().await;
    orders::announce(&world.receiver).await.unwrap();
    let admin = world.admin("staff").await;
    admin.add_office(&"12-34".parse().unwrap(), &OFFICE.parse().unwrap()).await.unwrap();
    (world, admin)
}

pub(crate) fn contact() -> Contact {
    Contact { name: NAME.parse().unwrap(), mail: MAIL.parse().unwrap(), device: None }
}

/// Registers a user and makes the letter.
pub(crate) async fn invite(world: &GatewayWorld, admin: &Admin, user: &str) -> Invited {
    let user: UserId = user.parse().unwrap();
    admin.register_user(&"12-34".parse().unwrap(), Some(&user), &contact()).await.unwrap();
    letter(world, admin, &user, false).await
}

pub(crate) async fn letter(world: &GatewayWorld, admin: &Admin, user: &UserId, again: bool) -> Invited {
    world.relay.told();
    let passwords = admin.letter(user, again).await.unwrap();
    orders::send_due(&world.receiver).await.unwrap();
    let order = world.relay.told().into_iter().find_map(|told| match told {
        Told::Enrol(of, order) if of == *user => Some(order),
        _ => None,
    });
    Invited::new(order.unwrap(), passwords)
}

/// What the letter and the enrolment page give a person.
pub(crate) struct Invited {
    pub(crate) order: EnrolmentOrder,
    pub(crate) passwords: Passwords,
    pub(crate) kit: KitBody,
    pub(crate) device: String,
    pub(crate) mac: MacKey,
    pub(crate) login: LoginVerifier,
}

impl Invited {
    pub(crate) fn new(order: EnrolmentOrder, passwords: Passwords) -> Self {
        let download = DownloadKeys::derive(&passwords.download, &order.download_salt);
        assert!(order.download_verifier.accepts(&download.proof));
        let kit = download.kit.open(KIT_PURPOSE, &order.kit).unwrap();
        let kit: Kit = serde_json::from_slice(&kit).unwrap();
        let login = PasswordKeys::derive(&passwords.login, &kit.login_salt);
        assert!(order.login.accepts(&login.login));
        let body = login.mac.open(KIT_MAC, &kit.kit).unwrap();
        Self { passwords, kit: body, device: kit.device, mac: login.mac, login: login.login.verifier(), order }
    }

    pub(crate) fn user(&self) -> &UserId {
        &self.kit.user
    }

    /// The first request of a PC, with the registered names.
    pub(crate) fn first(&self, world: &GatewayWorld, pc: &Pc) -> FirstRequest {
        FirstRequest {
            id: RequestId::new(world.clock.now(), &SystemRandom),
            enrolment: self.kit.enrolment,
            user: self.kit.user.clone(),
            pc: pc.id,
            office_name: OFFICE.to_owned(),
            user_name: NAME.to_owned(),
            mail: MAIL.to_owned(),
            keys: pc.requests(&self.kit.user),
        }
    }

    pub(crate) fn seal(&self, world: &GatewayWorld, first: &FirstRequest) -> Vec<u8> {
        let request = self.mac.seal(REQUEST_MAC, first);
        seal(world, &SealedRequest::Enrolment { enrolment: first.enrolment, request })
    }

    /// Everything of a first request, up to the answer.
    pub(crate) async fn ask(&self, world: &GatewayWorld, pc: &Pc) -> Answered {
        let first = self.first(world, pc);
        ask(world, first.id, self.user(), &self.seal(world, &first)).await
    }
}

pub(crate) fn seal(world: &GatewayWorld, request: &SealedRequest) -> Vec<u8> {
    words::seal(request, &[world.union.encryption.certificate().clone()], &SystemRandom).unwrap()
}

/// A PC with its keys.
pub(crate) struct Pc {
    pub(crate) id: PcId,
    signing: PrivateKey,
    encryption: PrivateKey,
    device: PrivateKey,
}

impl Pc {
    pub(crate) fn new() -> Self {
        let key = || new_key(KeyKind::P256).unwrap();
        Self { id: PcId::new(&SystemRandom), signing: key(), encryption: key(), device: key() }
    }

    /// The same PC with new keys.
    pub(crate) fn rekeyed(&self) -> Self {
        Self { id: self.id, ..Self::new() }
    }

    pub(crate) fn requests(&self, user: &UserId) -> KeyRequests {
        let request = |key| Der(pkcs10(user, key).unwrap());
        KeyRequests {
            signing: request(&self.signing),
            encryption: request(&self.encryption),
            device: request(&self.device),
        }
    }

    /// The credential that messages are signed with.
    pub(crate) fn credential(&self, answered: &Answered) -> Credential {
        let Outcome::Issued { signing, .. } = &answered.answer.outcome else { panic!("{:?}", answered.answer) };
        Credential::new(Certificate::from_der(&signing.0).unwrap(), self.signing.clone()).unwrap()
    }

    pub(crate) async fn renew(
        &self,
        world: &GatewayWorld,
        user: &UserId,
        present: &Credential,
        next: &Self,
    ) -> Answered {
        let id = RequestId::new(world.clock.now(), &SystemRandom);
        let renewal = Renewal { id, user: user.clone(), pc: self.id, keys: next.requests(user) };
        let text = Der(words::sign(&renewal, present, world.clock.now()).unwrap());
        let signer = present.certificate().fingerprint();
        ask(world, id, user, &seal(world, &SealedRequest::Renewal { signed: text, signer })).await
    }
}

/// An answer as the relay got it, its signature and digest checked.
pub(crate) struct Answered {
    pub(crate) whole: RequestAnswer,
    pub(crate) answer: Answer,
}

impl Answered {
    pub(crate) fn refusal(&self) -> RefusalReason {
        match self.answer.outcome {
            Outcome::Refused { reason } => reason,
            ref other => panic!("not refused: {other:?}"),
        }
    }
}

/// Lists a request at the relay, has the gateway look, and takes the answer.
pub(crate) async fn ask(world: &GatewayWorld, id: RequestId, user: &UserId, sealed: &[u8]) -> Answered {
    world.relay.request(id, user, sealed);
    enrol::take(&world.receiver, PageQuery::default()).await.unwrap();
    answer(world, id, sealed).await
}

/// The answer to a request, however it was brought about.
pub(crate) async fn answer(world: &GatewayWorld, id: RequestId, sealed: &[u8]) -> Answered {
    orders::send_due(&world.receiver).await.unwrap();
    let mut answers = world.relay.told().into_iter().filter_map(|told| match told {
        Told::Answer(of, answer) if of == id => Some(answer),
        _ => None,
    });
    let whole = answers.next_back().expect("the request was answered");
    let answer: Answer = words::verify(&whole.answer.0, world.union.signing.certificate()).unwrap();
    assert_eq!(answer.request, id);
    assert_eq!(answer.digest, CertificateRequest { id, sealed: Der(sealed.to_vec()) }.digest());
    Answered { whole, answer }
}
