//! Receipts that lie, of those whom a file was for or of the relay in their place.

use jiff::SignedDuration;
use kenpo_express::message::receipt::{Receipt, Stage};
use kenpo_express::runtime::clock::SystemRandom;
use kenpo_express::store::gateway::events::Kind;
use kenpo_express::wire::delivery::News;

use crate::send_support::{Person, SendWorld, id};

/// What a lying app, or a relay in its place, makes of an honest receipt.
type Lie = Box<dyn Fn(&SendWorld, &Person, Receipt) -> kenpo_express::wire::Der>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_receipt_that_does_not_fit_raises_an_alarm_and_the_file_stays() {
    let world = SendWorld::new().await;
    let (hanako, taro) = (world.person("hanako-1", "1234-A").await, world.person("taro-1", "1234-A").await);
    let honest = |change: fn(&mut Receipt)| -> Lie {
        Box::new(move |world, person, mut receipt| {
            change(&mut receipt);
            world.sign(&receipt, &person.signing)
        })
    };
    let others = taro.signing.clone();
    let stranger = world.gateway.union.user("hanako-1", world.gateway.clock_now());
    let lies: Vec<(&str, Lie)> = vec![
        ("receipt.message", honest(|one| one.message_id = id("0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f6"))),
        ("receipt.tag", honest(|one| one.tag = None)),
        ("receipt.digest", honest(|one| one.digest = Some("00".repeat(32)))),
        ("receipt.digest", honest(|one| one.digest = None)),
        ("receipt.chain", honest(|one| one.previous = None)),
        ("receipt.order", honest(|one| one.stage = Stage::Accepted)),
        ("receipt.order", honest(|one| one.stage = Stage::Relayed)),
        ("receipt.order", honest(|one| one.words = Some(vec![1]))),
        ("receipt.signature", honest(|one| one.by = "taro-1@06123456.kx".to_owned())),
        ("receipt.signature", Box::new(move |world, _, receipt| world.sign(&receipt, &others))),
        // Of the right name and the right authority, but not registered.
        ("receipt.signature", Box::new(move |world, _, receipt| world.sign(&receipt, &stranger))),
        ("receipt.signature", Box::new(|world, _, receipt| world.sign(&receipt, &world.gateway.union.signing.clone()))),
        ("receipt.signature", Box::new(|_, _, _| kenpo_express::wire::Der(b"nonsense".to_vec()))),
    ];
    let count = lies.len();
    for (code, lie) in lies {
        let sent = world.send_to(&hanako, b"content").await;
        world.relay.fetch(sent, &hanako.id);
        let der = lie(&world, &hanako, world.receipt(&hanako, sent, Stage::Verified));
        world.relay.tell(sent, News::Receipt { user: hanako.id.clone(), receipt: der });
        world.run().await;
        world.push.hear(None).await.unwrap();
        let view = world.sent(sent).await;
        assert_eq!((view.state, view.warnings.as_slice()), ("fetched", &[code.to_owned()][..]), "{code}");
        assert!(world.is_kept(sent), "{code}: the sender keeps the file");
        let refused: Vec<_> =
            world.push.receipts(sent).await.unwrap().into_iter().filter_map(|one| one.refused).collect();
        assert_eq!(refused, [code]);
    }
    assert_eq!(world.event_count(Kind::SentAlarm).await, count);

    // A receipt of somebody whom the message is not for.
    let sent = world.send_to(&hanako, b"content").await;
    let receipt = Receipt { by: "taro-1@06123456.kx".to_owned(), ..world.receipt(&hanako, sent, Stage::Verified) };
    world.relay.tell(sent, News::Receipt { user: taro.id.clone(), receipt: world.sign(&receipt, &taro.signing) });
    world.push.hear(None).await.unwrap();
    assert_eq!(world.sent(sent).await.warnings, ["receipt.recipient"]);

    // The app has it and says nothing under its signature: it could not verify it, or the relay keeps the receipt back.
    let sent = world.send_to(&hanako, b"content").await;
    world.relay.fetch(sent, &hanako.id);
    world.relay.acknowledge(sent, &hanako.id, None);
    world.push.hear(None).await.unwrap();
    assert_eq!(world.sent(sent).await.warnings, ["receipt.missing"]);

    // A true receipt twice changes nothing; after an end nothing follows.
    let sent = world.send_to(&hanako, b"content").await;
    world.verify(&hanako, sent);
    let again = world.relay.find(sent).unwrap().recipients[0].receipts[0].clone();
    world.relay.tell(sent, News::Receipt { user: hanako.id.clone(), receipt: again });
    world.push.hear(None).await.unwrap();
    assert_eq!((world.state(sent).await, world.sent(sent).await.warnings.len()), ("verified", 0));
    world.accept(&hanako, sent);
    world.push.hear(None).await.unwrap();
    world.give_back(&hanako, sent, sent, "too late");
    world.push.hear(None).await.unwrap();
    assert_eq!(
        (world.state(sent).await, world.sent(sent).await.warnings),
        ("accepted", vec!["receipt.order".to_owned()])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_did_not_count_then_signs_no_receipt() {
    let world = SendWorld::new().await;
    let (hanako, taro) = (world.person("hanako-1", "1234-A").await, world.person("taro-1", "1234-A").await);
    let (first, second) = (world.send_to(&hanako, b"a").await, world.send_to(&taro, b"b").await);
    world.revoke("hanako-1").await;
    let lost = world.gateway.clock_now() - SignedDuration::from_hours(1);
    world.gateway.change_user("taro-1", |user| user.lost_at = Some(lost)).await;
    world.verify(&hanako, first);
    world.verify(&taro, second);
    world.push.hear(None).await.unwrap();
    assert_eq!(world.sent(first).await.warnings, ["receipt.signer"]);
    // Registered after the loss: of another PC.
    assert_eq!(world.sent(second).await.warnings.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_that_is_told_late_is_not_from_before_the_loss_because_the_relay_says_so() {
    let world = SendWorld::new().await;
    let person = world.person("hanako-1", "1234-A").await;
    let (honest, late) = (world.send_to(&person, b"honest").await, world.send_to(&person, b"late").await);
    let (began, minutes) = (world.gateway.clock_now(), SignedDuration::from_mins);
    world.gateway.clock.advance(minutes(10));
    world.verify(&person, honest);
    world.push.hear(None).await.unwrap();
    assert_eq!((world.state(honest).await, world.sent(honest).await.warnings.len()), ("verified", 0));
    // Everything is heard up to half an hour after the PC was lost.
    world.gateway.clock.advance(minutes(50));
    world.push.hear(None).await.unwrap();
    world.gateway.change_user("hanako-1", |user| user.lost_at = Some(began + minutes(30))).await;
    let receipt = world.receipt(&person, late, Stage::Verified);
    let receipt = world.sign(&receipt, &person.signing);
    world.relay.tell_as_of(began + minutes(20), late, News::Receipt { user: person.id.clone(), receipt });
    world.push.hear(None).await.unwrap();
    assert_eq!(
        (world.state(late).await, world.sent(late).await.warnings),
        ("relayed", vec!["receipt.signer".to_owned()])
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_lies_without_end_fills_nothing() {
    let world = SendWorld::new().await;
    let person = world.person("hanako-1", "1234-A").await;
    let sent = world.send_to(&person, b"content").await;
    for number in 0..200_u32 {
        let receipt = kenpo_express::wire::Der(number.to_be_bytes().to_vec());
        world.relay.tell(sent, News::Receipt { user: person.id.clone(), receipt });
        let metadata = kenpo_express::wire::tus::Metadata {
            message_id: kenpo_express::domain::ids::MessageId::new(world.gateway.clock_now(), &SystemRandom),
            recipients: vec![person.id.clone()],
            place: None,
        };
        world.relay.deposit(&metadata, vec![7; 500].into(), world.gateway.clock_now()).unwrap();
    }
    world.run().await;
    assert!(world.push.receipts(sent).await.unwrap().len() <= 20);
    assert!(world.event_count(Kind::SentAlarm).await <= 20);
    // The truth is still heard.
    world.verify(&person, sent);
    world.run().await;
    assert_eq!(world.state(sent).await, "verified");
}
