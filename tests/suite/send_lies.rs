//! A relay that lies about what it has from the union, and one whose restore from a backup does not show in its numbers.

use jiff::SignedDuration;
use kenpo_express::gateway::flows::send::SendRunError;
use kenpo_express::message::receipt::{Receipt, Stage};
use kenpo_express::wire::Der;
use kenpo_express::wire::delivery::{DeliveryState, News};
use kenpo_express::wire::page::Cursor;

use crate::send_restored::Backup;
use crate::send_support::{SendWorld, id, statement, user};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// How often the gateway has told of something about the relay.
async fn told(world: &SendWorld, code: &str) -> usize {
    world.events().await.get(code).copied().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_that_the_relay_moves_back_is_not_believed() {
    let world = SendWorld::new().await;
    let person = world.person("hanako-1", "1234-A").await;
    let asked = world.send_to(&person, b"asked for").await;
    world.gateway.clock.advance(HOUR * 25);
    // Told at the deposit was that it ends in fourteen days.
    world.relay.expire_silently(asked);
    world.relay.end_at(asked, world.gateway.clock_now() - HOUR);
    world.run().await;
    // Once more by the list, which is gone through again when the relay has forgotten something.
    let listed = world.send_to(&person, b"listed").await;
    let backup = world.relay.backup();
    world.send_to(&person, b"forgotten").await;
    world.relay.restore(backup);
    world.relay.end_at(listed, world.gateway.clock_now() - HOUR);
    world.relay.expire(listed);
    for _ in 0..2 {
        let _ = world.try_run().await;
    }
    for message in [asked, listed] {
        let view = world.sent(message).await;
        assert_eq!((view.state, view.warnings), ("relayed", vec!["delivery.expired-early".to_owned()]));
        assert!(world.is_kept(message) && statement(&world, message).is_none(), "the union signs nothing");
    }
    assert_eq!(told(&world, "sent.alarm").await, 2);
    // That it ends later the relay may say; and when its first word is over by our clock, it is over.
    world.relay.end_at(asked, world.gateway.clock_now() + HOUR * 24 * 20);
    world.gateway.clock.advance(HOUR * 24 * 15);
    world.run().await;
    assert_eq!(world.state(asked).await, "relayed");
    world.gateway.clock.advance(HOUR * 24 * 6);
    world.run().await;
    assert_eq!(world.state(asked).await, "expired");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_from_a_backup_believes_no_withdrawal_that_the_union_has_not_signed() {
    let mut world = SendWorld::new().await;
    let person = world.person("hanako-1", "1234-A").await;
    let backup;
    (world, backup) = Backup::of(world).await;
    let (bare, rubbish) = (world.send_to(&person, b"bare").await, world.send_to(&person, b"rubbish").await);
    let (swapped, recalled) = (world.send_to(&person, b"swapped").await, world.send_to(&person, b"recalled").await);
    let handed = world.send_to(&person, b"taken back, and handed out").await;
    world.verify(&person, bare);
    world.push.recall(recalled, "uid:1").await.unwrap();
    world.push.recall(handed, "uid:1").await.unwrap();
    world.relay.say_withdrawn(bare, None);
    world.relay.say_withdrawn(rubbish, Some(Der(b"rubbish".to_vec())));
    world.relay.say_withdrawn(swapped, world.relay.find(recalled).unwrap().statement);
    world.relay.tell(handed, News::Fetched { user: person.id.clone() });

    world = backup.restore(world).await;
    world.stage(vec![user(&person.id)], b"after the restore").await;
    world.run().await;
    let unsigned = vec!["delivery.statement".to_owned()];
    for (message, state, warnings) in [
        (bare, "verified", unsigned.clone()),
        (rubbish, "relayed", unsigned.clone()),
        (swapped, "relayed", unsigned),
        (recalled, "recalled", Vec::new()),
        (handed, "recalled", vec!["delivery.collected".to_owned()]),
    ] {
        let view = world.sent(message).await;
        assert_eq!((view.state, view.warnings), (state, warnings), "{message}");
    }
    assert_eq!(told(&world, "sent.alarm").await, 4);
    // What is taken back now is signed by us, whatever the relay had in its place.
    world.push.recall(rubbish, "uid:1").await.unwrap();
    assert_eq!(world.state(rubbish).await, "recalled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_back_from_a_backup_is_noticed_when_its_numbers_have_grown_past_ours() {
    let world = SendWorld::new().await;
    let (hanako, taro) = (world.person("hanako-1", "1234-A").await, world.person("taro-1", "1234-A").await);
    let (before, taken_back) =
        (world.send_to(&hanako, b"before").await, world.send_to(&taro, b"to be taken back").await);
    let backup = world.relay.backup();
    world.push.recall(taken_back, "uid:1").await.unwrap();
    world.run().await;
    world.relay.restore(backup);
    // What happens at other unions uses up the places that we have heard of; then somebody of ours fetches.
    world.relay.others_use(5_000);
    world.verify(&hanako, before);
    assert!(matches!(world.push.hear(None).await, Err(SendRunError::Forgotten)));
    assert!(world.push.has_work().await.unwrap());
    world.run().await;
    assert_eq!(told(&world, "relay.forgot").await, 1, "people hear of it");
    assert_eq!(world.relay.find(taken_back).unwrap().state, DeliveryState::Withdrawn, "it is told again");
    assert_eq!((world.state(before).await, world.sent(before).await.warnings.len()), ("verified", 0));
    assert_eq!(world.push.hear(None).await.unwrap(), 0);
    // What came after our mark of the other list is looked at in the same way: the gateway has not heard a word since.
    let backup = world.relay.backup();
    let lost = world.send_to(&hanako, b"lost").await;
    world.relay.restore(backup);
    world.relay.others_use(6_000);
    world.verify(&hanako, before);
    world.gateway.clock.advance(HOUR);
    assert!(world.push.compare_marks().await.unwrap());
    world.run().await;
    assert_eq!(world.relay.find(lost).unwrap().state, DeliveryState::Waiting, "it gets it again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_denies_its_own_lists_is_told_of_and_makes_no_work() {
    let world = SendWorld::new().await;
    let person = world.person("hanako-1", "1234-A").await;
    let recalled = world.send_to(&person, b"taken back").await;
    world.push.recall(recalled, "uid:1").await.unwrap();
    world.send_to(&person, b"content").await;
    world.relay.say_newest(Some((Some(Cursor(1)), Some(Cursor(1)))));
    for round in 1..=2 {
        for _ in 0..5 {
            let pushed = world.run().await;
            assert_eq!((pushed.told, pushed.news), (0, 0), "nothing is gone through again");
        }
        assert_eq!((told(&world, "relay.denied").await, told(&world, "relay.forgot").await), (round, 0));
        world.gateway.clock.advance(HOUR);
    }
    assert!(!world.push.has_work().await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_that_become_others_again_and_again_are_gone_through_once_an_hour() {
    let world = SendWorld::new().await;
    let person = world.person("hanako-1", "1234-A").await;
    world.send_to(&person, b"before").await;
    let backup = world.relay.backup();
    let after = world.send_to(&person, b"after").await;
    world.relay.restore(backup.clone());
    world.stage(vec![user(&person.id)], b"next").await;
    world.run().await;
    assert_eq!((world.state(after).await, told(&world, "relay.forgot").await), ("relayed", 1));
    world.relay.restore(backup);
    let staged = id(&world.stage(vec![user(&person.id)], b"waits").await.messages[0].id);
    for _ in 0..3 {
        assert_eq!(world.try_run().await.unwrap_err().code(), "relay.forgot");
    }
    assert_eq!((world.state(staged).await, told(&world, "relay.forgot").await), ("released", 1));
    world.gateway.clock.advance(HOUR);
    world.run().await;
    assert_eq!((world.state(after).await, world.state(staged).await), ("relayed", "relayed"));
    assert_eq!(told(&world, "relay.forgot").await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_the_relay_keeps_back_shows_in_later_receipts() {
    let world = SendWorld::new().await;
    let (hanako, taro) = (world.person("hanako-1", "1234-A").await, world.person("taro-1", "1234-A").await);
    let mut recalled = Vec::new();
    for person in [&hanako, &taro] {
        let message = world.send_to(person, b"taken back").await;
        world.push.recall(message, "uid:1").await.unwrap();
        recalled.push(message);
    }
    for (person, contiguous) in [(&hanako, 0), (&taro, 2)] {
        let message = world.send_to(person, b"next").await;
        world.relay.fetch(message, &person.id);
        let receipt = Receipt { contiguous: Some(contiguous), ..world.receipt(person, message, Stage::Verified) };
        let receipt = world.sign(&receipt, &person.signing);
        // Long after the relay has had the statement.
        let later = world.gateway.clock_now() + HOUR * 2;
        world.relay.tell_as_of(later, message, News::Receipt { user: person.id.clone(), receipt });
        world.run().await;
        assert_eq!((world.state(message).await, world.sent(message).await.warnings.len()), ("verified", 0));
    }
    assert_eq!(world.sent(recalled[0]).await.warnings, ["receipt.gap"]);
    assert!(world.sent(recalled[1]).await.warnings.is_empty());
    assert_eq!(told(&world, "sent.alarm").await, 1);
}
