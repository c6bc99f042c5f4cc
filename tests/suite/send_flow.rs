//! From a file to signed receipts: to a user, to an office, to many; returned, repeated, approved.

use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::digest::Sha256;
use kenpo_express::gateway::flows::send::{NewDispatch, SendError};
use kenpo_express::store::gateway::events::Kind;
use kenpo_express::store::gateway::figures;
use kenpo_express::wire::problem::Code;

use crate::gateway_support::GatewayWorld;
use crate::message_support::noise;
use crate::send_support::{SendWorld, content_for, id, office, open_as, user};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_reaches_a_user_and_an_office_and_every_receipt_comes_back() {
    let world = SendWorld::new().await;
    let (hanako, taro) = (world.person("hanako-1", "1234-A").await, world.person("taro-1", "1234-A").await);
    let content = noise(50_000);
    let view = world.stage(vec![user(&hanako.id), office("1234-A"), user(&hanako.id)], &content).await;
    assert_eq!(view.messages.len(), 2, "the same addressee twice counts once");
    assert_eq!((view.states["released"], world.relay.all().len()), (2, 0));
    let (to_user, to_office) = (id(&view.messages[0].id), id(&view.messages[1].id));
    let pushed = world.run().await;
    assert_eq!((pushed.sealed, pushed.deposited, pushed.troubles), (2, 2, 0));

    // One message for each, sealed for whom it is for and for the union itself.
    for (message, address, people) in [
        (to_user, "hanako-1@06123456.kx", vec![&hanako]),
        (to_office, "office.1234-A@06123456.kx", vec![&hanako, &taro]),
    ] {
        let sealed = world.relay.bytes(message);
        let own = &world.gateway.union.encryption;
        for key in people.iter().map(|person| &person.encryption).chain([own]) {
            let opened = open_as(key, &sealed);
            let verified = opened.verify(world.gateway.union.signing.certificate()).unwrap();
            let header = verified.header();
            assert_eq!(
                (header.to.to_string(), header.sequence, header.previous),
                (address.to_owned(), 1, Sha256::ZERO)
            );
            assert_eq!((header.id, header.from.to_string()), (message, "union@06123456.kx".to_owned()));
            assert_eq!(content_for(key, &sealed), content);
        }
        let users: Vec<_> = world.relay.find(message).unwrap().recipients.into_iter().map(|one| one.user).collect();
        assert_eq!(users, people.iter().map(|person| person.id.clone()).collect::<Vec<_>>());
        assert_eq!(world.state(message).await, "relayed");
        assert!(world.is_kept(message), "until receipts are here");
    }

    world.verify(&hanako, to_user);
    world.verify(&hanako, to_office);
    world.run().await;
    assert_eq!((world.state(to_user).await, world.is_kept(to_user)), ("verified", false));
    assert!(world.is_kept(to_office), "one of two has not verified it");
    world.verify(&taro, to_office);
    world.accept(&taro, to_office);
    world.accept(&hanako, to_user);
    world.run().await;
    let view = world.sent(to_office).await;
    assert_eq!((view.state, view.warnings.len(), world.is_kept(to_office)), ("accepted", 0, false));
    assert!(view.recipients[0].accepted_at.is_none() && view.recipients[1].accepted_at.is_some());
    assert_eq!((view.direction, view.sequence, view.file_name.as_str()), ("sent", Some(1), "決定通知書.pdf"));
    let stages: Vec<_> = world.push.receipts(to_office).await.unwrap().into_iter().map(|one| one.stage).collect();
    assert_eq!(stages, ["relayed", "verified", "verified", "accepted"]);
    let told = [
        (Kind::SentRelayed, 2),
        (Kind::SentFetched, 3),
        (Kind::SentVerified, 3),
        (Kind::SentAccepted, 2),
        (Kind::SentAlarm, 0),
    ];
    for (kind, count) in told {
        assert_eq!(world.event_count(kind).await, count, "{kind:?}");
    }

    // Each stream goes on by itself.
    let next = world.send_to(&hanako, b"next").await;
    let header = open_as(&hanako.encryption, &world.relay.bytes(next)).header().clone();
    let before = open_as(&hanako.encryption, &world.relay.bytes(to_user)).signature_hash();
    assert_eq!((header.sequence, header.previous), (2, before));
    assert_eq!(world.run().await.sealed, 0, "nothing is sent twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_certificate_counts_and_a_large_file_streams() {
    let world = SendWorld::new().await;
    let person = world.person("hanako-1", "1234-A").await;
    world.gateway.clock.advance(jiff::SignedDuration::from_hours(24));
    let (_, newer) = world.certify("hanako-1", "1234-A").await;
    let content = noise(9 << 20);
    let sent = world.send_to(&person, &content).await;
    assert!(content_for(&newer, &world.relay.bytes(sent)) == content);
    let old = kenpo_express::message::open::open(
        &world.relay.bytes(sent)[..],
        std::slice::from_ref(&person.encryption),
        std::io::sink(),
    );
    assert!(old.is_err(), "sealed for the newest one alone");
    // Nothing of the content is on the gateway's disk.
    for file in crate::exchange_support::files_below(world.gateway.folder.path()) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(64).any(|window| window == &content[4096..4160]), "{}", file.display());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_return_comes_with_its_reason_for_staff_alone() {
    let world = SendWorld::new().await;
    let person = world.person("hanako-1", "1234-A").await;
    let (first, second) = (world.send_to(&person, b"first").await, world.send_to(&person, b"second").await);
    world.verify(&person, first);
    world.give_back(&person, first, first, "別の事業所のファイルです。");
    // Words about another message are nobody's reason for this one.
    world.verify(&person, second);
    world.give_back(&person, second, first, "別の事業所のファイルです。");
    world.run().await;
    for (message, reason) in [(first, Some("別の事業所のファイルです。".to_owned())), (second, None)] {
        let view = world.sent(message).await;
        assert_eq!((view.state, view.warnings.len()), ("returned", 0));
        assert!(view.recipients[0].returned_at.is_some());
        assert_eq!(view.recipients[0].reason, reason);
    }
    assert_eq!(world.event_count(Kind::SentReturned).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_key_means_the_same_dispatch() {
    let world = SendWorld::new().await;
    let person = world.person("hanako-1", "1234-A").await;
    let content = noise(3_000);
    let new =
        || NewDispatch { key: Some("2026-11".to_owned()), ..world.new_dispatch(vec![user(&person.id)], &content) };
    let first = world.try_stage(new(), &content).await.unwrap();
    world.run().await;
    let again = world.try_stage(new(), &content).await.unwrap();
    assert_eq!((&again.id, again.states["relayed"]), (&first.id, 1));
    assert_eq!(world.run().await.sealed, 0);
    assert_eq!(world.relay.all().len(), 1);
    let other = noise(3_001);
    let refused = [
        (new(), &other[..3_000]),
        (NewDispatch { comment: None, ..new() }, &content[..]),
        (NewDispatch { to: vec![office("1234-A")], ..new() }, &content[..]),
    ];
    for (new, content) in refused {
        let error = world.try_stage(new, content).await.unwrap_err();
        assert!(matches!(error, SendError::KeyTaken), "{error}");
    }
    // Two at the same moment.
    let racing = || NewDispatch { key: Some("racing".to_owned()), ..new() };
    let (one, other) = tokio::join!(world.try_stage(racing(), &content), world.try_stage(racing(), &content));
    assert_eq!(one.unwrap().id, other.unwrap().id);
    assert_eq!(world.run().await.sealed, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_as_a_whole_is_not_taken_in() {
    let world = SendWorld::new().await;
    let person = world.person("hanako-1", "1234-A").await;
    let new = || world.new_dispatch(vec![user(&person.id)], b"content");
    let cases = [
        (NewDispatch { to: vec![], ..new() }, "addressee.missing"),
        (NewDispatch { to: vec![user(&"nobody-1".parse().unwrap())], ..new() }, "user.unknown"),
        (NewDispatch { to: vec![user(&person.id), office("99")], ..new() }, "office.unknown"),
        (NewDispatch { comment: Some("two\nlines".to_owned()), ..new() }, "comment.refused"),
        (NewDispatch { comment: Some("あ".repeat(501)), ..new() }, "comment.refused"),
        (NewDispatch { content_type: "pdf\r\nTo: x".to_owned(), ..new() }, "content-type.refused"),
        (NewDispatch { key: Some(String::new()), ..new() }, "key.refused"),
        (NewDispatch { size: 6, ..new() }, "size.mismatch"),
        (NewDispatch { size: 8, ..new() }, "size.mismatch"),
        (NewDispatch { size: 2 << 30, ..new() }, "size.refused"),
    ];
    for (new, code) in cases {
        let error = world.try_stage(new, b"content").await.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
    }
    let files = crate::exchange_support::files_below(world.push.outbox.folder());
    assert_eq!(files, Vec::<std::path::PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_person_approves_where_that_is_asked_for() {
    let world = SendWorld::on(GatewayWorld::new().await, true);
    let person = world.person("hanako-1", "1234-A").await;
    let view = world.stage(vec![user(&person.id)], b"content").await;
    assert_eq!(view.states["waits-for-approval"], 1);
    assert_eq!(world.event_count(Kind::SentWaitsForApproval).await, 1);
    let mut reader = world.gateway.receiver.database.reader().await.unwrap();
    assert_eq!(figures::read(&mut reader, world.gateway.clock.now()).await.unwrap().held, 1);
    drop(reader);
    assert_eq!(world.run().await.sealed, 0);
    for name in ["token:core", " TOKEN:CORE ", ""] {
        let error = world.push.approve(id(&view.id), name).await.unwrap_err();
        assert!(matches!(error, SendError::Approver), "{name}: {error}");
    }
    let approved = world.push.approve(id(&view.id), "sato").await.unwrap();
    assert_eq!((approved.approver.as_deref(), approved.states["released"]), (Some("sato"), 1));
    assert!(matches!(world.push.approve(id(&view.id), "suzuki").await, Err(SendError::State(_))));
    assert_eq!(world.run().await.sealed, 1);
    // What nobody approved is taken back without a trace in the stream.
    let view = world.stage(vec![user(&person.id)], b"another").await;
    world.push.recall_dispatch(id(&view.id), "uid:1").await.unwrap();
    assert!(matches!(world.push.approve(id(&view.id), "sato").await, Err(SendError::State(_))));
    let next = world.stage(vec![user(&person.id)], b"third").await;
    world.push.approve(id(&next.id), "sato").await.unwrap();
    world.run().await;
    assert_eq!(world.sent(id(&next.messages[0].id)).await.sequence, Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_offices_go_side_by_side_and_one_failure_stops_nobody() {
    let world = SendWorld::new().await;
    let (mut to, mut people) = (Vec::new(), Vec::new());
    for number in 0..120 {
        let code = format!("{number:04}");
        people.push(world.person(&format!("u{number}"), &code).await);
        to.push(office(&code));
    }
    world.disable("u7").await;
    let content = noise(20_000);
    let key = |content: &[u8]| NewDispatch { key: Some("all".to_owned()), ..world.new_dispatch(to.clone(), content) };
    let view = world.try_stage(key(&content), &content).await.unwrap();
    assert_eq!((view.states["stopped"], view.states["released"]), (1, 119));
    assert_eq!(view.messages[7].reasons, ["office.empty"]);
    let (refused, full) = (id(&view.messages[3].id), id(&view.messages[5].id));
    world.relay.refuse(refused, Some(Code::ParcelTooLarge));
    world.relay.refuse(full, Some(Code::QuotaExceeded));
    let pushed = world.run().await;
    assert_eq!((pushed.sealed, pushed.deposited, pushed.troubles), (119, 117, 2));
    assert!((2..=16).contains(&world.relay.most()), "{}", world.relay.most());
    assert_eq!(world.sent(refused).await.reasons, ["parcel.too-large"]);
    assert_eq!(
        (world.state(full).await, world.sent(full).await.problem.as_deref()),
        ("sealed", Some("quota.exceeded"))
    );
    // The one that failed has a number that nobody gets: that is said.
    assert!(world.relay.find(refused).unwrap().statement.is_some());

    // The same again delivers nothing a second time, and goes on with what waits.
    let again = world.try_stage(key(&content), &content).await.unwrap();
    assert_eq!(again.id, view.id);
    world.relay.refuse(full, None);
    assert_eq!(world.run().await.deposited, 0, "its time has not come");
    world.gateway.clock.advance(jiff::SignedDuration::from_secs(1));
    assert_eq!(world.run().await.deposited, 1);
    let delivered = world.relay.all().iter().filter(|delivery| delivery.size > 0).count();
    assert_eq!(delivered, 118);
    let states = world.push.dispatch(id(&view.id)).await.unwrap().states;
    assert_eq!((states["relayed"], states["failed"], states["stopped"]), (118, 1, 1));
    // Files on the disk: our own copy once, and each message until it has arrived.
    let files = crate::exchange_support::files_below(world.push.outbox.folder());
    assert_eq!(files.len(), 118 + 1 + 1, "messages, our copy, the lock");
    let _ = people;
}
