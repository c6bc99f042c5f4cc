//! Enrolment at the gateway: from the letter to the certificates, and everybody who tries something else.

use jiff::SignedDuration;
use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::ids::{EnrolmentId, RequestId};
use kenpo_express::domain::user::DisableReason;
use kenpo_express::gateway::flows::enrol::Review;
use kenpo_express::gateway::flows::{enrol, orders};
use kenpo_express::message::keys::Certificate;
use kenpo_express::message::words;
use kenpo_express::pki::TrustStore;
use kenpo_express::pki::crl::{RevocationList, Status};
use kenpo_express::pki::identity::owner;
use kenpo_express::runtime::clock::SystemRandom;
use kenpo_express::secret::MacKey;
use kenpo_express::store::gateway::revocation;
use kenpo_express::wire::Der;
use kenpo_express::wire::enrolment::{Outcome, REQUEST_MAC, RefusalReason, Renewal, SealedRequest};
use kenpo_express::wire::page::PageQuery;

use crate::enrol_gateway_support::{MAIL, NAME, OFFICE, Pc, answer, ask, invite, letter, seal, world};
use crate::gateway_relay::Told;
use crate::gateway_support::{GatewayWorld, Sender};

const DAY: SignedDuration = SignedDuration::from_hours(24);

pub(crate) async fn accepted(world: &GatewayWorld, sender: &mut Sender) -> bool {
    let id = world.send(sender, b"content");
    world.pull().await;
    world.find(id).await.is_some_and(|message| message.verdict.is_accepted())
}

pub(crate) async fn revoked(world: &GatewayWorld, certificate: &Certificate) -> bool {
    let list = revocation::newest(world.receiver.database.read()).await.unwrap().unwrap();
    let list = RevocationList::read(&list.der, world.union.authority.certificate()).unwrap();
    list.status(certificate, world.clock_now()) != Ok(Status::Good)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_the_letter_to_a_message_that_is_accepted() {
    let (world, admin) = world().await;
    let invited = invite(&world, &admin, "sakiko-1").await;
    assert_eq!(invited.order.mail, MAIL);
    assert_eq!(invited.kit.union_ca, [Der(world.union.authority.certificate().der().to_vec())]);
    let kit = Certificate::from_pem(invited.device.as_bytes()).unwrap();
    assert_eq!((owner(&kit), invited.order.device.0.as_slice()), (None, kit.der()), "a kit signs nothing");

    let pc = Pc::new();
    let answered = invited.ask(&world, &pc).await;
    let credential = pc.credential(&answered);
    let trust = TrustStore::new(vec![world.union.authority.certificate().clone()]);
    trust.path(credential.certificate(), &[], world.clock_now()).unwrap();
    let registration = answered.whole.registration.as_ref().unwrap();
    assert_eq!(registration.certificates, [Der(credential.certificate().der().to_vec())]);
    assert_eq!(registration.devices.iter().map(|device| device.pc).collect::<Vec<_>>(), [pc.id]);
    assert_eq!(registration.login, None, "the relay has it with the kit");

    let mut sender = Sender::new("sakiko-1", credential);
    assert!(accepted(&world, &mut sender).await);
    let view = admin.user(invited.user()).await.unwrap();
    assert_eq!((view.state, view.enrolment.unwrap().state), ("enabled", "enrolled"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gateways_on_one_database_give_one_answer() {
    let (world, admin) = world().await;
    let invited = invite(&world, &admin, "sakiko-1").await;
    let pc = Pc::new();
    let first = invited.first(&world, &pc);
    let sealed = invited.seal(&world, &first);
    world.relay.request(first.id, invited.user(), &sealed);
    let look = || enrol::take(&world.receiver, PageQuery::default());
    let (one, other) = tokio::join!(look(), look());
    assert!(one.is_ok() && other.is_ok());
    let answered = answer(&world, first.id, &sealed).await;
    assert!(matches!(answered.answer.outcome, Outcome::Issued { .. }), "{:?}", answered.answer);
    assert_eq!(admin.user(invited.user()).await.unwrap().enrolment.unwrap().state, "enrolled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn passwords_stay_on_the_letter_and_names_out_of_the_audit() {
    let (world, admin) = world().await;
    let invited = invite(&world, &admin, "sakiko-1").await;
    invited.ask(&world, &Pc::new()).await;
    let audit: Vec<String> = kenpo_express::store::gateway::audit::list(world.receiver.database.read(), None, 100)
        .await
        .unwrap()
        .into_iter()
        .map(|entry| format!("{entry:?}"))
        .collect();
    assert!(audit.len() >= 4);
    for name in [OFFICE, NAME, MAIL] {
        assert!(!audit.iter().any(|entry| entry.contains(name)), "{name}");
    }
    world.receiver.database.read().close().await;
    let mut kept = Vec::new();
    for file in ["gateway.db", "gateway.db-wal"] {
        kept.extend(std::fs::read(world.folder.path().join(file)).unwrap_or_default());
    }
    let holds = |text: &str| kept.windows(text.len()).any(|bytes| bytes == text.as_bytes());
    assert!(holds(MAIL) && !holds(&invited.passwords.download) && !holds(&invited.passwords.login));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_request_again_gets_the_same_answer_and_other_bytes_none() {
    let (world, admin) = world().await;
    let invited = invite(&world, &admin, "sakiko-1").await;
    let first = invited.first(&world, &Pc::new());
    let sealed = invited.seal(&world, &first);
    let once = ask(&world, first.id, invited.user(), &sealed).await;
    let twice = ask(&world, first.id, invited.user(), &sealed).await;
    assert_eq!(once.whole.answer, twice.whole.answer);
    let other = invited.seal(&world, &first);
    assert_eq!(ask(&world, first.id, invited.user(), &other).await.refusal(), RefusalReason::Malformed);
    let again = ask(&world, first.id, invited.user(), &sealed).await;
    assert_eq!(once.whole.answer, again.whole.answer);
    let view = admin.user_detail(invited.user()).await.unwrap();
    assert_eq!(view.certificates.iter().filter(|one| one.pc.is_some()).count(), 3, "nothing was issued twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_repeated_until_the_relay_has_it() {
    let (world, admin) = world().await;
    let invited = invite(&world, &admin, "sakiko-1").await;
    let first = invited.first(&world, &Pc::new());
    let sealed = invited.seal(&world, &first);
    world.relay.request(first.id, invited.user(), &sealed);
    enrol::take(&world.receiver, PageQuery::default()).await.unwrap();
    world.relay.away(true);
    assert_eq!(orders::send_due(&world.receiver).await, Err("relay.unreachable"));
    world.relay.away(false);
    // It is still listed; that makes no second answer.
    enrol::take(&world.receiver, PageQuery::default()).await.unwrap();
    world.clock.advance(SignedDuration::from_secs(1));
    assert!(matches!(answer(&world, first.id, &sealed).await.answer.outcome, Outcome::Issued { .. }));
    assert_eq!(admin.status().await.unwrap().open_orders, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_without_the_password_gets_certificates() {
    let (world, admin) = world().await;
    let (invited, other) = (invite(&world, &admin, "sakiko-1").await, invite(&world, &admin, "hanako-2").await);
    let refused = async |id: RequestId, sealed: Vec<u8>| ask(&world, id, invited.user(), &sealed).await.refusal();
    let with = |mac: &MacKey, enrolment: EnrolmentId, first: &_| {
        seal(&world, &SealedRequest::Enrolment { enrolment, request: mac.seal(REQUEST_MAC, first) })
    };
    let first = || invited.first(&world, &Pc::new());
    // A relay that makes requests of its own, alters one, moves one under another id or another user's enrolment.
    let made = first();
    let forged = with(&MacKey::from_bytes([7; 32]), made.enrolment, &made);
    assert_eq!(refused(made.id, forged).await, RefusalReason::Mac);
    let made = first();
    let mut request = invited.mac.seal(REQUEST_MAC, &made);
    request.body = request.body.replace("sakiko@", "thief@");
    let altered = seal(&world, &SealedRequest::Enrolment { enrolment: made.enrolment, request });
    assert_eq!(refused(made.id, altered).await, RefusalReason::Mac);
    let (one, two) = (first(), first());
    assert_eq!(refused(one.id, invited.seal(&world, &two)).await, RefusalReason::Malformed);
    let made = first();
    let swapped = with(&invited.mac, other.kit.enrolment, &made);
    assert_eq!(refused(made.id, swapped).await, RefusalReason::Mac);
    let made = first();
    assert_eq!(refused(made.id, b"nothing that opens".to_vec()).await, RefusalReason::Malformed);
    // One key for everything.
    let (mut made, pc) = (first(), Pc::new());
    made.keys = pc.requests(invited.user());
    made.keys.encryption = made.keys.signing.clone();
    assert_eq!(refused(made.id, invited.seal(&world, &made)).await, RefusalReason::Malformed);
    // After all that, the person still can.
    assert!(matches!(invited.ask(&world, &Pc::new()).await.answer.outcome, Outcome::Issued { .. }));
    // With new passwords the old letter is void; for a disabled user every letter is.
    let next = letter(&world, &admin, invited.user(), true).await;
    assert_eq!(invited.ask(&world, &Pc::new()).await.refusal(), RefusalReason::Ended);
    admin.disable_user(next.user(), DisableReason::Other, None).await.unwrap();
    assert_eq!(next.ask(&world, &Pc::new()).await.refusal(), RefusalReason::Ended);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_compared_kindly_and_not_for_ever() {
    let (world, admin) = world().await;
    let (kind, invited) = (invite(&world, &admin, "sakiko-1").await, invite(&world, &admin, "hanako-2").await);
    let mut typed = kind.first(&world, &Pc::new());
    typed.office_name = "見本工業(株)".to_owned();
    typed.user_name = " 髙橋 﨑子".to_owned();
    typed.mail = "Sakiko@Example.co.jp".to_owned();
    let answered = ask(&world, typed.id, kind.user(), &kind.seal(&world, &typed)).await;
    assert!(matches!(answered.answer.outcome, Outcome::Issued { .. }));

    for count in 1..=10 {
        let mut wrong = invited.first(&world, &Pc::new());
        match count % 3 {
            0 => wrong.office_name = "別の会社".to_owned(),
            1 => wrong.user_name = "高橋 崎子".to_owned(),
            _ => wrong.mail = "sakiko@example.com".to_owned(),
        }
        let reason = ask(&world, wrong.id, invited.user(), &invited.seal(&world, &wrong)).await.refusal();
        assert_eq!(reason, if count < 10 { RefusalReason::Names } else { RefusalReason::Locked }, "{count}");
    }
    assert_eq!(invited.ask(&world, &Pc::new()).await.refusal(), RefusalReason::Locked, "the right names come too late");
    assert_eq!(admin.user(invited.user()).await.unwrap().enrolment.unwrap().state, "locked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_came_with_another_users_credential_is_malformed() {
    let (world, admin) = world().await;
    let (invited, other) = (invite(&world, &admin, "sakiko-1").await, invite(&world, &admin, "hanako-2").await);
    let pc = Pc::new();
    let first = invited.first(&world, &pc);
    let sealed = invited.seal(&world, &first);
    let refused = ask(&world, first.id, other.user(), &sealed).await;
    assert_eq!((refused.refusal(), refused.whole.registration.is_none()), (RefusalReason::Malformed, true));
    let present = pc.credential(&invited.ask(&world, &pc).await);
    world.clock.advance(DAY * 276);
    let id = RequestId::new(world.clock.now(), &SystemRandom);
    let keys = pc.rekeyed().requests(invited.user());
    let renewal = Renewal { id, user: invited.user().clone(), pc: pc.id, keys };
    let text = Der(words::sign(&renewal, &present, world.clock.now()).unwrap());
    let signer = present.certificate().fingerprint();
    let sealed = seal(&world, &SealedRequest::Renewal { signed: text, signer });
    assert_eq!(ask(&world, id, other.user(), &sealed).await.refusal(), RefusalReason::Malformed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_revoked_before_the_relay_heard_of_it_is_never_registered() {
    let (world, admin) = world().await;
    let invited = invite(&world, &admin, "sakiko-1").await;
    let (old, new) = (Pc::new(), Pc::new());
    world.relay.away(true);
    for pc in [&old, &new] {
        let first = invited.first(&world, pc);
        world.relay.away(false);
        world.relay.request(first.id, invited.user(), &invited.seal(&world, &first));
        enrol::take(&world.receiver, PageQuery::default()).await.unwrap();
        world.relay.away(true);
        let _ = orders::send_due(&world.receiver).await;
    }
    world.clock.advance(SignedDuration::from_secs(1));
    admin.review_device(invited.user(), Some(new.id.mark()), Review::Approve).await.unwrap();
    world.relay.away(false);
    world.clock.advance(SignedDuration::from_secs(301));
    orders::send_due(&world.receiver).await.unwrap();
    let registered: Vec<_> = world
        .relay
        .told()
        .into_iter()
        .filter_map(|told| match told {
            Told::Answer(_, answer) => answer.registration,
            _ => None,
        })
        .flat_map(|registration| registration.devices.into_iter().map(|device| device.pc))
        .collect();
    assert!(registered.contains(&new.id) && !registered.contains(&old.id), "{registered:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_the_relay_has_no_use_for_still_registers_its_certificates() {
    let (world, admin) = world().await;
    let invited = invite(&world, &admin, "sakiko-1").await;
    let pc = Pc::new();
    let first = invited.first(&world, &pc);
    world.relay.refuse(Some(("answer", kenpo_express::wire::problem::Code::RequestUnknown)));
    world.relay.request(first.id, invited.user(), &invited.seal(&world, &first));
    enrol::take(&world.receiver, PageQuery::default()).await.unwrap();
    orders::send_due(&world.receiver).await.unwrap();
    let registered = world.relay.told().into_iter().find_map(|told| match told {
        Told::Register(registration) => Some(registration),
        _ => None,
    });
    assert_eq!(registered.expect("they are registered").devices[0].pc, pc.id);
    assert_eq!(admin.status().await.unwrap().open_orders, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn renewal_opens_90_days_before_the_end_and_old_and_new_overlap() {
    let (world, admin) = world().await;
    let invited = invite(&world, &admin, "sakiko-1").await;
    let pc = Pc::new();
    let present = pc.credential(&invited.ask(&world, &pc).await);
    let user = invited.user();
    world.clock.advance(DAY * 270);
    assert_eq!(pc.renew(&world, user, &present, &pc.rekeyed()).await.refusal(), RefusalReason::NotNow);
    world.clock.advance(DAY * 6);
    let elsewhere = Pc::new();
    assert_eq!(elsewhere.renew(&world, user, &present, &elsewhere).await.refusal(), RefusalReason::NotNow);
    let stranger = invite(&world, &admin, "hanako-2").await;
    let refused = pc.renew(&world, stranger.user(), &present, &pc.rekeyed()).await;
    assert_eq!(refused.refusal(), RefusalReason::NotNow, "somebody else's certificate");
    let next = pc.rekeyed();
    let renewed = pc.renew(&world, user, &present, &next).await;
    let credential = next.credential(&renewed);
    let der = |certificate: &Certificate| Der(certificate.der().to_vec());
    let registration = renewed.whole.registration.unwrap();
    assert_eq!(registration.certificates, [der(credential.certificate()), der(present.certificate())]);
    assert_eq!(registration.devices.len(), 2, "the old device certificate counts until it ends");

    let mut sender = Sender::new("sakiko-1", present.clone());
    assert!(accepted(&world, &mut sender).await);
    sender.credential = credential.clone();
    assert!(accepted(&world, &mut sender).await);
    // A key that is revoked or past its end renews nothing.
    world.clock.advance(DAY * 90);
    assert_eq!(pc.renew(&world, user, &present, &pc.rekeyed()).await.refusal(), RefusalReason::NotNow);
    admin.disable_user(user, DisableReason::Left, None).await.unwrap();
    assert_eq!(next.renew(&world, user, &credential, &next.rekeyed()).await.refusal(), RefusalReason::NotNow);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_of_nobody_holds_up_no_user() {
    let (world, admin) = world().await;
    let invited = invite(&world, &admin, "sakiko-1").await;
    let id = RequestId::new(world.clock.now(), &SystemRandom);
    world.relay.refuse(Some(("answer", kenpo_express::wire::problem::Code::Unavailable)));
    world.relay.request(id, invited.user(), b"nonsense");
    enrol::take(&world.receiver, PageQuery::default()).await.unwrap();
    assert!(orders::send_due(&world.receiver).await.is_err());
    admin.mail_link(invited.user()).await.unwrap();
    orders::send_due(&world.receiver).await.unwrap();
    assert!(world.relay.told().iter().any(|told| matches!(told, Told::Link)));
}
