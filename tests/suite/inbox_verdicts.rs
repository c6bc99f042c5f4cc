//! What is not the union's, not ours, or not whole: nothing of it comes under a visible name, and the union gets no receipt.

use std::fs;

use jiff::SignedDuration;
use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::verdict::Warning;
use kenpo_express::employer::inbox::{InboxItem, InboxState, Wanted};
use kenpo_express::message::keys::Credential;
use kenpo_express::message::seal::Draft;
use kenpo_express::pki::crl::Revoked;
use kenpo_express::pki::{Authority, KeyKind, Profile, Request, Subject, new_key};
use kenpo_express::runtime::clock::{SystemClock, SystemRandom};
use kenpo_express::sandbox::parties::{office, union};
use kenpo_express::wire::Der;

use super::inbox_support::{Post, issue, new_id, our_office, reasons, trouble, us};

fn union_with(profile: &Profile, ca: &Authority) -> Credential {
    issue(ca, Subject::Union(union()), profile)
}

/// Each message, what it is, and why it is refused.
fn forgeries(post: &mut Post) -> Vec<(&'static str, Draft, Vec<u8>, Vec<&'static str>)> {
    let now = SystemClock.now();
    let recipient = post.recipient();
    let mut all = Vec::new();
    let draft = |post: &Post| post.draft(us());
    let mut signed_by =
        |what, post: &Post, signer: &Credential, change: &dyn Fn(Draft) -> Draft, codes: &[&'static str]| {
            let draft = change(draft(post));
            let sealed = Post::seal_as(&draft, signer, &recipient);
            all.push((what, draft, sealed, codes.to_vec()));
        };
    let as_it_is = |draft| draft;

    let another = Authority::create(&union(), "another", now, &SystemRandom).unwrap();
    let forged = union_with(&Profile::UnionSigning, &another);
    signed_by("a CA that somebody made up", post, &forged, &as_it_is, &["certificate.untrusted"]);
    let person = Subject::User { union: union(), office: office(), user: "taro-2".parse().unwrap() };
    let person = issue(&post.ca, person, &Profile::UserSigning);
    signed_by("a user in the union's place", post, &person, &as_it_is, &["binding.sender", "signer.unknown"]);
    let as_user = |draft| Draft { from: "taro-2@06999999.kx".parse().unwrap(), ..draft };
    signed_by("a user as a user", post, &person, &as_user, &["binding.sender", "signer.unknown"]);
    let other: kenpo_express::domain::ids::InsurerNumber = "06123456".parse().unwrap();
    let their_ca = Authority::create(&other, "other", now, &SystemRandom).unwrap();
    let theirs = issue(&their_ca, Subject::Union(other.clone()), &Profile::UnionSigning);
    let from_them = |draft| Draft { from: "union@06123456.kx".parse().unwrap(), ..draft };
    signed_by("another union", post, &theirs, &from_them, &["binding.sender", "signer.unknown"]);
    let tls = union_with(&Profile::TlsClient, &post.ca);
    signed_by("the union's TLS certificate", post, &tls, &as_it_is, &["certificate.not-registered"]);
    let encryption = post.encryption.clone();
    signed_by("the union's other certificate", post, &encryption, &as_it_is, &["certificate.not-registered"]);
    let old = {
        let key = new_key(KeyKind::P256).unwrap();
        let request = Request::new(Subject::Union(union()), &key).unwrap();
        let second = SignedDuration::from_secs(1);
        let issued = post.ca.issue(&request, &Profile::UnionSigning, second, now, &SystemRandom).unwrap();
        while SystemClock.now() < issued.not_after() {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        Credential::new(issued, key).unwrap()
    };
    signed_by("a certificate that has ended", post, &old, &as_it_is, &["certificate.expired"]);
    let revoked = union_with(&Profile::UnionSigning, &post.ca);
    let entry = Revoked { serial: revoked.certificate().serial(), at: now };
    let list = post.ca.crl(9_000, &[entry], now, now + SignedDuration::from_hours(24)).unwrap();
    post.relay().info.certificates.revoked = Some(Der(list.der().to_vec()));
    signed_by("a certificate that was revoked", post, &revoked, &as_it_is, &["certificate.revoked"]);

    let signing = post.signing.clone();
    for (what, to) in [
        ("another user", "taro-2@06999999.kx"),
        ("another office", "office.99@06999999.kx"),
        ("the same office of another union", "office.12-34@06123456.kx"),
        ("the union itself", "union@06999999.kx"),
    ] {
        let to_them = |draft| Draft { to: to.parse().unwrap(), ..draft };
        signed_by(what, post, &signing, &to_them, &["binding.recipient"]);
    }
    let (stranger, ours) = (issue(&post.ca, Subject::Union(union()), &Profile::UnionEncryption), draft(post));
    let sealed = Post::seal_as(&ours, &signing, stranger.certificate());
    all.push(("sealed for somebody else", ours, sealed, vec!["envelope.not-for-us"]));

    for (what, code, alter) in [
        (
            "another tag",
            "envelope.tampered",
            (|sealed: &mut Vec<u8>| {
                let end = sealed.len() - 20;
                sealed[end] ^= 1;
            }) as fn(&mut Vec<u8>),
        ),
        ("cut off", "format.truncated", |sealed| sealed.truncate(sealed.len() - 40)),
        ("with something behind it", "format.trailing-data", |sealed| sealed.extend(*b"more")),
        ("no message at all", "format.malformed", |sealed| *sealed = b"GIF89a".repeat(30)),
    ] {
        let ours = draft(post);
        let mut sealed = Post::seal_as(&ours, &signing, &recipient);
        alter(&mut sealed);
        all.push((what, ours, sealed, vec![code]));
    }
    for name in ["../../.bashrc", "C:\\windows\\x.dll", "NUL.csv", "gnp\u{202E}.exe", "a\n.csv", "."] {
        let ours = draft(post);
        let sealed = post.seal_named(&ours, name);
        all.push(("a hostile name", ours, sealed, vec!["filename.refused"]));
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_the_unions_is_quarantined_without_a_receipt() {
    let mut post = Post::start().await;
    for (what, draft, sealed, codes) in forgeries(&mut post) {
        post.deposit(draft.id, &sealed);
        let received = post.receive().await;
        let item = &received.items[0];
        let record = item.record.as_ref().unwrap();
        assert_eq!((item.state(), reasons(record)), (InboxState::Quarantined, codes), "{what}");
        assert!(fs::read(post.home(&format!("quarantine/{}.kxm", draft.id))).unwrap() == sealed, "{what}: as it came");
        assert!(Post::names(&post.out()).is_empty(), "{what}");
        let told: Vec<_> = post.relay().told.iter().filter(|told| told.id == draft.id).cloned().collect();
        assert!(told.len() == 1 && told[0].receipt.is_none(), "{what}: acknowledged, and no receipt");
        // Nothing but the sender's own word moves a stream.
        let app = post.app();
        let refused = app.receive(Wanted::One(draft.id), &post.out()).await;
        assert!(refused.is_err(), "{what}: {refused:?}");
    }
    // A message under another id than its own.
    let (draft, id) = (post.draft(us()), new_id());
    let sealed = Post::seal_as(&draft, &post.signing, &post.recipient());
    post.deposit(id, &sealed);
    let received = post.receive().await;
    assert_eq!(reasons(received.items[0].record.as_ref().unwrap()), ["binding.message-id"]);

    // None of it stands in the way of what is good. The hostile names were the union's own numbers, so the next is a fork of them.
    let good = post.send_to(our_office(), "good.csv", b"good");
    let received = post.receive().await;
    assert_eq!((received.items[0].id(), received.items[0].state()), (Some(good), InboxState::Accepted));
    assert_eq!(received.warnings(received.items[0].record.as_ref().unwrap()).count(), 0);
    assert_eq!(Post::names(&post.out()), ["good.csv"]);
    assert!(Post::names(&post.home("received")).iter().filter(|name| name.ends_with("kxm")).count() == 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_is_here_with_other_bytes_is_a_replay() {
    let mut post = Post::start().await;
    let id = post.send("a.csv", b"one");
    post.receive().await;
    let draft = Draft { id, ..post.draft(us()) };
    let other = Post::seal_as(&draft, &post.signing, &post.recipient());
    post.deposit(id, &other);
    post.relay().parcels.remove(0);
    post.relay().keeps_listing = true;
    let received = post.receive().await;
    assert_eq!(reasons(received.items[0].record.as_ref().unwrap()), ["replay.duplicate"]);
    assert!(fs::read(post.home(&format!("quarantine/{id}_1.kxm"))).unwrap() == other);
    // Listed again and again, it is kept once; and what was received stays what it was.
    post.receive().await;
    assert_eq!(Post::names(&post.home("quarantine")), [format!("{id}_1.kxm")]);
    let states: Vec<_> = post.app().inbox().await.unwrap().items.iter().map(InboxItem::state).collect();
    assert_eq!(states, [InboxState::Accepted, InboxState::Quarantined]);
    let again = post.app().receive(Wanted::One(id), &post.out()).await.unwrap();
    assert_eq!(again.items[0].state(), InboxState::Accepted);
    assert_eq!(Post::names(&post.out()), ["a (2).csv", "a.csv"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn gaps_show_unless_the_union_explains_them() {
    let mut post = Post::start().await;
    let warned = |inbox: &kenpo_express::employer::inbox::Inbox| {
        let record = inbox.items.last().unwrap().record.clone().unwrap();
        inbox.warnings(&record).collect::<Vec<_>>()
    };
    // A PC that is new begins where it is.
    post.skip(us());
    post.send("1.csv", b"1");
    assert_eq!(warned(&post.receive().await), []);

    // Taken back, and said so.
    let statement = post.skip(us());
    post.withdraw(&statement, &post.signing);
    post.send("2.csv", b"2");
    let received = post.receive().await;
    assert_eq!((warned(&received), received.missing.len()), (vec![], 0), "{received:?}");
    let listed = post.app().inbox().await.unwrap();
    assert!(listed.items.iter().any(|item| item.state() == InboxState::Withdrawn));

    // Nobody says anything.
    let unexplained = post.skip(us());
    post.send("3.csv", b"3");
    let received = post.receive().await;
    assert_eq!(warned(&received), [Warning::SequenceGap]);
    assert_eq!((received.missing[0].numbers.first, received.missing[0].numbers.last), (5, 5));
    assert_eq!(received.items[0].state(), InboxState::Accepted, "a warning and no refusal");
    let contiguous = |post: &Post, id| post.receipts(id)[0].contiguous;
    assert_eq!(contiguous(&post, received.items[0].id().unwrap()), Some(4), "the union sees what is missing here");

    // The relay says something in the union's place.
    let stranger = Authority::create(&union(), "another", SystemClock.now(), &SystemRandom).unwrap();
    let stranger = union_with(&Profile::UnionSigning, &stranger);
    post.withdraw(&unexplained, &stranger);
    let listed = post.app().inbox().await.unwrap();
    assert_eq!((listed.alarms.len(), listed.missing.len()), (1, 1), "{listed:?}");
    post.relay().withdrawals.pop();
    // Then the union does, late.
    post.withdraw(&unexplained, &post.signing);
    let listed = post.app().inbox().await.unwrap();
    assert_eq!((listed.alarms.len(), listed.missing.len()), (0, 0), "{listed:?}");
    post.send("4.csv", b"4");
    let received = post.receive().await;
    assert_eq!((warned(&received), contiguous(&post, received.items[0].id().unwrap())), (vec![], Some(7)));

    // A statement is about one message: it opens no way for another, and a second time it changes nothing.
    post.withdraw(&statement, &post.signing);
    assert!(post.app().inbox().await.unwrap().alarms.is_empty());
    let about_others = kenpo_express::wire::delivery::Statement {
        to: "taro-2@06999999.kx".parse().unwrap(),
        message_id: new_id(),
        ..statement.clone()
    };
    post.withdraw(&about_others, &post.signing);
    assert_eq!(post.app().inbox().await.unwrap().alarms.len(), 1);
    post.relay().withdrawals.pop();

    // Two messages with one number.
    let draft = Draft { sequence: 7, ..post.draft(us()) };
    let sealed = Post::seal_as(&draft, &post.signing, &post.recipient());
    post.deposit(draft.id, &sealed);
    let received = post.receive().await;
    assert_eq!(warned(&received), [Warning::SequenceFork]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_in_another_order_is_late_and_not_missing() {
    let mut post = Post::start().await;
    post.send("1.csv", b"1");
    post.receive().await;
    let (second, third) = (post.send("2.csv", b"2"), post.send("3.csv", b"3"));
    let received = post.app().receive(Wanted::One(third), &post.out()).await.unwrap();
    let record = received.items[0].record.as_ref().unwrap();
    assert_eq!((received.warnings(record).count(), received.missing.len()), (0, 0), "what waits may be it");
    let received = post.app().receive(Wanted::One(second), &post.out()).await.unwrap();
    assert!(received.missing.is_empty() && trouble(&received.items[0]).is_none());
    assert_eq!(post.receipts(second)[0].contiguous, Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_new_pc_what_was_taken_back_begins_no_stream() {
    let mut post = Post::start().await;
    // What an earlier PC has had; then one that waits, one that the relay keeps back, one taken back, and one more.
    post.skip(us());
    post.send("2.csv", b"2");
    post.skip(us());
    let statement = post.skip(us());
    post.withdraw(&statement, &post.signing);
    post.send("5.csv", b"5");
    let listed = post.app().inbox().await.unwrap();
    assert!(listed.items.iter().any(|item| item.state() == InboxState::Withdrawn), "it is shown");
    let received = post.receive().await;
    let numbers: Vec<_> =
        received.missing.iter().map(|missing| (missing.numbers.first, missing.numbers.last)).collect();
    assert_eq!(numbers, [(3, 3)], "what the relay keeps back is missed: {received:?}");
    let second = received.items.iter().find(|item| {
        item.record.as_ref().is_some_and(|one| one.content.as_ref().is_some_and(|content| content.sequence == 2))
    });
    assert_eq!(post.receipts(second.unwrap().id().unwrap())[0].contiguous, Some(2), "the union sees it, too");
}
