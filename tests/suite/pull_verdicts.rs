//! Every reason that a pull can find, found by a pull: the message goes to quarantine as it came, is acknowledged without
//! a receipt, and holds up nobody.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::ids::{InsurerNumber, MessageId, UserId};
use kenpo_express::domain::policy::Facts;
use kenpo_express::domain::user::{DisableReason, UserState};
use kenpo_express::domain::verdict::{Reason, Verdict, Warning};
use kenpo_express::gateway::flows::receive::Cause;
use kenpo_express::message::keys::Credential;
use kenpo_express::pki::crl::Revoked;
use kenpo_express::pki::{Authority, KeyKind, Profile, Request, Subject, new_key};
use kenpo_express::runtime::clock::{SystemClock, SystemRandom};
use kenpo_express::store::gateway::messages::{Message, State};
use kenpo_express::store::gateway::{certificates, evidence, registry_changed, users};
use tokio_util::sync::CancellationToken;

use crate::gateway_support::{GatewayWorld, Sender};
use crate::message_support::{certificate, credential, noise};
use crate::message_vectors::read_all;
use crate::support::soon::soon;

fn reasons(message: &Message) -> BTreeSet<Reason> {
    match &message.verdict {
        Verdict::Quarantined { reasons, .. } => reasons.clone(),
        Verdict::Accepted { .. } => BTreeSet::new(),
    }
}

/// Pulls, and checks everything that holds for a message in quarantine.
async fn quarantined(world: &GatewayWorld, id: MessageId, sealed: &[u8]) -> BTreeSet<Reason> {
    world.pull().await;
    let message = world.find(id).await.expect("it is kept");
    assert_eq!(message.state, State::Quarantined, "{message:?}");
    assert_eq!(std::fs::read(world.file(&message)).unwrap(), sealed);
    assert!(world.relay.acknowledged(id) && world.relay.receipt(id).is_none(), "acknowledged, and no receipt");
    let stored = evidence::find(world.receiver.database.read(), message.number).await.unwrap().unwrap();
    let facts: Facts = serde_json::from_str(&stored.facts).unwrap();
    assert_eq!(kenpo_express::domain::policy::judge(&facts), message.verdict, "the frozen facts tell the verdict");
    reasons(&message)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_vector_comes_to_its_reason() {
    let mut by_key: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for vector in read_all() {
        by_key.entry(vector.fields["key"].clone()).or_default().push(vector);
    }
    let mut found = BTreeSet::new();
    for (key, vectors) in by_key {
        let world = GatewayWorld::with(|keys| keys.encryption = vec![credential(&key)], |_| ()).await;
        for signer in vectors.iter().map(|vector| vector.fields["signer"].as_str()).collect::<BTreeSet<_>>() {
            world.register("yamada-1", &certificate(signer)).await;
        }
        let sender: UserId = "yamada-1".parse().unwrap();
        let mut ids = Vec::new();
        for vector in &vectors {
            let id = MessageId::new(world.clock_now(), &SystemRandom);
            world.relay.deposit(id, &sender, &vector.message, world.clock_now());
            ids.push(id);
        }
        assert_eq!(world.pull().await.result, "done");
        for (vector, id) in vectors.iter().zip(ids) {
            let message = world.find(id).await.unwrap();
            assert_eq!(std::fs::read(world.file(&message)).unwrap(), vector.message);
            let reasons = reasons(&message);
            // The vectors carry an id of their own, so each is in quarantine at least for that.
            match vector.fields["expect"].as_str() {
                "accepted" => assert!(reasons.contains(&Reason::BindingMessageId), "{}: {reasons:?}", vector.name),
                // It names another certificate than the one that it was made with, and that one is nobody's here.
                "signature.invalid" if reasons.contains(&Reason::CertificateNotRegistered) => {}
                code => assert!(reasons.contains(&code.parse().unwrap()), "{}: {reasons:?}", vector.name),
            }
            found.extend(reasons);
        }
        assert_eq!(world.files("archive"), 0);
    }
    for reason in [
        Reason::FormatMalformed,
        Reason::FormatTruncated,
        Reason::FormatTrailingData,
        Reason::EnvelopeNotForUs,
        Reason::EnvelopeTampered,
        Reason::EnvelopeUnauthenticated,
        Reason::AlgorithmRefused,
        Reason::SignatureInvalid,
        Reason::SignatureMissing,
        Reason::SignatureMultiple,
        Reason::FileNameRefused,
    ] {
        assert!(found.contains(&reason), "{reason}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_signed_decides() {
    let world = GatewayWorld::new().await;
    let now = world.clock_now();
    // Nobody of that name is registered.
    let mut stranger = Sender::new("nobody", world.union.user("nobody", now));
    assert_eq!(send(&world, &mut stranger).await, [Reason::SignerUnknown]);
    // Registered, but not with this certificate.
    let mut known = world.sender("yamada-1").await;
    known.credential = world.union.user("yamada-1", now);
    assert_eq!(send(&world, &mut known).await, [Reason::CertificateNotRegistered]);
    // Disabled.
    let mut leaver = world.sender("suzuki-2").await;
    world.change_user("suzuki-2", |user| user.state = disabled(now)).await;
    assert_eq!(send(&world, &mut leaver).await, [Reason::SignerDisabled]);
    // Revoked.
    let mut revoked = world.sender("ito-4").await;
    let mut transaction = world.receiver.database.write().await.unwrap();
    certificates::revoke_all(&mut transaction, &revoked.id, now).await.unwrap();
    registry_changed(&mut transaction).await.unwrap();
    world.receiver.database.commit(transaction).await.unwrap();
    assert_eq!(send(&world, &mut revoked).await, [Reason::CertificateRevoked]);
    // An authority that nobody trusts.
    let other = Authority::create(&world.union.insurer, "Another", now, &SystemRandom).unwrap();
    let foreign = issue(&other, &world.union.insurer, "mori-5", now);
    world.register("mori-5", foreign.certificate()).await;
    assert_eq!(send(&world, &mut Sender::new("mori-5", foreign)).await, [Reason::CertificateUntrusted]);
    // The PC was lost before the message came, and the user is enabled again: a certificate of before is suspect, one of
    // another PC is not.
    let mut robbed = world.sender("tanaka-3").await;
    world.change_user("tanaka-3", |user| user.lost_at = Some(now + SignedDuration::from_secs(30))).await;
    world.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(send(&world, &mut robbed).await, [Reason::SignerSuspect]);
    robbed.credential = world.union.user("tanaka-3", world.clock_now());
    world.register("tanaka-3", robbed.credential.certificate()).await;
    let id = world.send(&mut robbed, b"from the new PC");
    world.pull().await;
    assert!(world.find(id).await.unwrap().verdict.is_accepted());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_hold_for_their_time_only() {
    let world = GatewayWorld::new().await;
    let now = world.clock_now();
    let tomorrow = issue(&world.union.authority, &world.union.insurer, "kondo-1", now + SignedDuration::from_hours(24));
    world.register("kondo-1", tomorrow.certificate()).await;
    assert_eq!(send(&world, &mut Sender::new("kondo-1", tomorrow)).await, [Reason::CertificateNotYetValid]);
    let mut old = world.sender("ono-2").await;
    world.clock.advance(SignedDuration::from_hours(24 * 366));
    assert_eq!(send(&world, &mut old).await, [Reason::CertificateExpired]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_signed_must_fit_what_is_known() {
    let limit = 50_000;
    let world = GatewayWorld::with(|_| (), |receiver| receiver.limits.rules.max_size = limit).await;
    let mut sender = world.sender("yamada-1").await;
    world.sender("suzuki-2").await;
    let mut draft = world.draft(&sender);
    draft.from = "suzuki-2@06123456.kx".parse().unwrap();
    let sealed = world.seal(&mut sender, &draft, b"x");
    world.relay.deposit(draft.id, &sender.id, &sealed, world.clock_now());
    assert_eq!(Vec::from_iter(quarantined(&world, draft.id, &sealed).await), [Reason::BindingSender]);

    // The relay names another user than the signature does.
    let draft = world.draft(&sender);
    let sealed = world.seal(&mut sender, &draft, b"x");
    world.relay.deposit(draft.id, &"suzuki-2".parse().unwrap(), &sealed, world.clock_now());
    assert_eq!(Vec::from_iter(quarantined(&world, draft.id, &sealed).await), [Reason::BindingSender]);

    let mut draft = world.draft(&sender);
    draft.to = "office.1234-A@06123456.kx".parse().unwrap();
    let sealed = world.seal(&mut sender, &draft, b"x");
    world.relay.deposit(draft.id, &sender.id, &sealed, world.clock_now());
    assert_eq!(Vec::from_iter(quarantined(&world, draft.id, &sealed).await), [Reason::BindingRecipient]);

    // An old message under a new id: replayed by the relay.
    let first = world.draft(&sender);
    let sealed = world.seal(&mut sender, &first, b"x");
    world.relay.deposit(first.id, &sender.id, &sealed, world.clock_now());
    world.pull().await;
    let replayed = MessageId::new(world.clock_now(), &SystemRandom);
    world.relay.deposit(replayed, &sender.id, &sealed, world.clock_now());
    assert_eq!(Vec::from_iter(quarantined(&world, replayed, &sealed).await), [Reason::BindingMessageId]);
    // And the sender's stream was not moved by it.
    let next = world.send(&mut sender, b"next");
    world.pull().await;
    assert_eq!(world.find(next).await.unwrap().verdict, Verdict::new(BTreeSet::new(), BTreeSet::new()));

    let draft = world.draft(&sender);
    let sealed = world.seal(&mut sender, &draft, &noise(50_001));
    world.relay.deposit(draft.id, &sender.id, &sealed, world.clock_now());
    assert_eq!(Vec::from_iter(quarantined(&world, draft.id, &sealed).await), [Reason::SizeRefused]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_far_off_is_a_warning() {
    let world = GatewayWorld::new().await;
    let mut sender = world.sender("yamada-1").await;
    let mut draft = world.draft(&sender);
    draft.date = world.clock_now() - SignedDuration::from_mins(2);
    let fine = draft.id;
    let sealed = world.seal(&mut sender, &draft, b"x");
    world.relay.deposit(fine, &sender.id, &sealed, world.clock_now());
    world.clock.advance(SignedDuration::from_hours(1));
    let mut draft = world.draft(&sender);
    draft.date = world.clock_now() - SignedDuration::from_mins(20);
    let sealed = world.seal(&mut sender, &draft, b"x");
    world.relay.deposit(draft.id, &sender.id, &sealed, world.clock_now());
    world.pull().await;
    let none = Verdict::new(BTreeSet::new(), BTreeSet::new());
    let skewed = Verdict::new(BTreeSet::new(), BTreeSet::from([Warning::ClockSkew]));
    assert_eq!(world.find(fine).await.unwrap().verdict, none);
    assert_eq!(world.find(draft.id).await.unwrap().verdict, skewed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_current_revocation_data_a_foreign_certificate_waits() {
    let now = SystemClock.now();
    let operator = Authority::create(&"06123456".parse().unwrap(), "Another", now, &SystemRandom).unwrap();
    let root = operator.certificate().clone();
    let world = GatewayWorld::with(
        |keys| keys.trust = kenpo_express::pki::TrustStore::new(vec![root, keys.ca.clone()]),
        |receiver| {
            let keys = receiver.keys.clone();
            receiver.certificates =
                kenpo_express::gateway::registry::Certificates::new(receiver.database.clone(), keys, true);
        },
    )
    .await;
    let foreign = issue(&operator, &world.union.insurer, "mori-5", now);
    world.register("mori-5", foreign.certificate()).await;
    let mut sender = Sender::new("mori-5", foreign);
    let id = world.send(&mut sender, b"x");
    let mut own = world.sender("yamada-1").await;
    let fine = world.send(&mut own, b"x");
    world.pull().await;
    assert_eq!(world.waiting().await[&id], "revocation.unavailable");
    assert!(!world.relay.acknowledged(id));
    assert!(world.find(fine).await.unwrap().verdict.is_accepted());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revoked_by_any_of_several_lists_is_revoked() {
    let now = SystemClock.now();
    let union: InsurerNumber = "06123456".parse().unwrap();
    let operator = Authority::create(&union, "Another", now, &SystemRandom).unwrap();
    let foreign = issue(&operator, &union, "mori-5", now);
    let revoked = Revoked { serial: foreign.certificate().serial(), at: now - SignedDuration::from_hours(1) };
    let list =
        |number, revoked: &[Revoked]| operator.crl(number, revoked, now, now + SignedDuration::from_hours(24)).unwrap();
    let lists = vec![list(1, &[]), list(2, &[revoked])];
    let root = operator.certificate().clone();
    let world = GatewayWorld::with(
        |keys| {
            keys.trust = kenpo_express::pki::TrustStore::new(vec![root, keys.ca.clone()]);
            keys.revocation = lists;
        },
        |_| (),
    )
    .await;
    world.register("mori-5", foreign.certificate()).await;
    let mut sender = Sender::new("mori-5", foreign);
    let draft = world.draft(&sender);
    let sealed = world.seal(&mut sender, &draft, b"x");
    world.relay.deposit(draft.id, &sender.id, &sealed, world.clock_now());
    assert_eq!(Vec::from_iter(quarantined(&world, draft.id, &sealed).await), [Reason::CertificateRevoked]);
}

/// The user is disabled while messages are on their way: what is committed after that is judged by it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disabling_takes_effect_between_two_commits() {
    let world = GatewayWorld::with(|_| (), |receiver| receiver.limits.batch = 4).await;
    let mut sender = world.sender("yamada-1").await;
    for n in 0..200 {
        world.send(&mut sender, &noise(n));
    }
    let receiver = std::sync::Arc::clone(&world.receiver);
    let pull = tokio::spawn(async move { receiver.run(Cause::Command, &CancellationToken::new()).await.unwrap() });
    let mut before = 0;
    soon("the first are committed", async || {
        before = world.kept().await.len();
        before > 0
    })
    .await;
    let mut transaction = world.receiver.database.write().await.unwrap();
    let mut user = users::find(&mut *transaction, &sender.id).await.unwrap().unwrap();
    user.state = disabled(world.clock_now());
    users::update(&mut transaction, &user).await.unwrap();
    registry_changed(&mut transaction).await.unwrap();
    let filter = kenpo_express::store::gateway::messages::Filter::default();
    let committed =
        kenpo_express::store::gateway::messages::list(&mut *transaction, &filter, 1_000).await.unwrap().len();
    world.receiver.database.commit(transaction).await.unwrap();
    let report = pull.await.unwrap();
    assert_eq!(report.result, "done");
    assert_eq!(report.tally.archived, committed as u64);
    assert_eq!(report.tally.quarantined, 200 - committed as u64);
    assert_eq!((world.files("archive"), world.files("quarantine")), (committed, 200 - committed));
    for message in world.kept().await {
        assert!(world.file(&message).exists());
    }
}

async fn send(world: &GatewayWorld, sender: &mut Sender) -> Vec<Reason> {
    let draft = world.draft(sender);
    let sealed = world.seal(sender, &draft, b"content");
    world.relay.deposit(draft.id, &sender.id, &sealed, world.clock_now());
    quarantined(world, draft.id, &sealed).await.into_iter().collect()
}

fn disabled(at: Timestamp) -> UserState {
    UserState::Disabled { reason: DisableReason::Left, at }
}

fn issue(authority: &Authority, union: &InsurerNumber, user: &str, now: Timestamp) -> Credential {
    let office = "1234-A".parse().unwrap();
    let subject = Subject::User { union: union.clone(), office, user: user.parse().unwrap() };
    let key = new_key(KeyKind::P256).unwrap();
    let request = Request::new(subject, &key).unwrap();
    let year = SignedDuration::from_hours(24 * 365);
    Credential::new(authority.issue(&request, &Profile::UserSigning, year, now, &SystemRandom).unwrap(), key).unwrap()
}

/// The list of reasons and these tests grow together.
#[test]
fn there_is_a_message_for_every_reason() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let pulls = files.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("pull_") && path.is_file());
    let text: String = pulls.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    for reason in Reason::ALL {
        assert!(text.contains(&format!("Reason::{reason:?}")), "no pull meets {reason}");
    }
}
