//! How sending ends: recalled, expired, stopped; with a relay that is away, forgets or loses the answer.

use std::sync::Arc;

use jiff::SignedDuration;
use kenpo_express::gateway::flows::send::{SendError, SendRunError};
use kenpo_express::message::words;
use kenpo_express::pki::{Profile, Subject};
use kenpo_express::store::gateway::events::Kind;
use kenpo_express::store::gateway::orders::{self, NewOrder, OrderKind};
use kenpo_express::wire::delivery::{DeliveryState, Statement};

use crate::send_support::{SendWorld, id, office, open_as, statement, user};
use crate::support::relay::issue;

/// As long as the relay keeps what nobody fetches, and a day.
const DAYS: SignedDuration = SignedDuration::from_hours(24 * 15);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recall_before_the_fetch_and_too_late_and_while_the_relay_is_away() {
    let world = SendWorld::new().await;
    let person = world.person("hanako-1", "1234-A").await;
    // Without a number it simply ends.
    let staged = id(&world.stage(vec![user(&person.id)], b"staged").await.messages[0].id);
    assert_eq!(world.push.recall(staged, "uid:1").await.unwrap().state, "recalled");
    assert_eq!(world.run().await.sealed, 0);

    let first = world.send_to(&person, b"first").await;
    let view = world.push.recall(first, "uid:1").await.unwrap();
    assert_eq!((view.state, world.is_kept(first)), ("recalled", false));
    assert_eq!(world.relay.find(first).unwrap().state, DeliveryState::Withdrawn);
    let said = statement(&world, first).unwrap();
    assert_eq!((said.sequence, said.message_id), (1, first));
    let error = world.push.recall(first, "uid:1").await.unwrap_err();
    assert!(matches!(error, SendError::State(_)), "{error}");

    // Somebody was faster, and we know it; or only the relay knows it.
    let second = world.send_to(&person, b"second").await;
    let header = open_as(&person.encryption, &world.relay.bytes(second)).header().clone();
    assert_eq!(
        (header.sequence, header.previous),
        (2, said.signature_hash),
        "the stream goes on over the one that is missing"
    );
    world.relay.fetch(second, &person.id);
    let error = world.push.recall(second, "uid:1").await.unwrap_err();
    assert!(matches!(error, SendError::Collected(_)), "{error}");
    assert_eq!(world.state(second).await, "fetched");
    world.push.hear(None).await.unwrap();
    assert!(matches!(world.push.recall(second, "uid:1").await, Err(SendError::Collected(_))));
    assert_eq!(world.relay.find(second).unwrap().statement, None);

    // While the relay is away it is ordered, and told as soon as it is back.
    let third = world.send_to(&person, b"third").await;
    world.gateway.relay.away(true);
    assert_eq!(world.push.recall(third, "uid:1").await.unwrap().state, "recalling");
    world.gateway.relay.away(false);
    world.gateway.clock.advance(SignedDuration::from_secs(1));
    world.run().await;
    assert_eq!(
        (world.state(third).await, world.relay.find(third).unwrap().state),
        ("recalled", DeliveryState::Withdrawn)
    );
    assert_eq!(world.event_count(Kind::SentRecalled).await, 3);

    // Ordered while it is fetched: what happened first counts.
    let fourth = world.send_to(&person, b"fourth").await;
    world.gateway.relay.away(true);
    world.push.recall(fourth, "uid:1").await.unwrap();
    world.gateway.relay.away(false);
    world.verify(&person, fourth);
    world.gateway.clock.advance(SignedDuration::from_secs(1));
    world.run().await;
    assert_eq!((world.state(fourth).await, world.sent(fourth).await.warnings.len()), ("verified", 0));
    assert_eq!(world.relay.find(fourth).unwrap().statement, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recall_in_the_middle_of_the_upload_wins() {
    let world = Arc::new(SendWorld::new().await);
    let person = world.person("hanako-1", "1234-A").await;
    let staged = id(&world.stage(vec![user(&person.id)], b"content").await.messages[0].id);
    let (runtime, recaller) = (tokio::runtime::Handle::current(), Arc::clone(&world));
    world.relay.before_deposit(move || {
        let done = tokio::task::block_in_place(|| runtime.block_on(recaller.push.recall(staged, "uid:1")));
        assert_eq!(done.unwrap().state, "recalled");
    });
    world.run().await;
    let view = world.sent(staged).await;
    assert_eq!((view.state, view.reasons.len()), ("recalled", 0));
    assert_eq!(world.relay.find(staged).unwrap().size, 0, "its bytes never came");
    assert!(statement(&world, staged).is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_is_away_for_hours_gets_everything_when_it_is_back() {
    let world = SendWorld::new().await;
    let person = world.person("hanako-1", "1234-A").await;
    world.gateway.relay.away(true);
    let mut staged = Vec::new();
    for content in [b"first", b"other", b"third"] {
        staged.push(id(&world.stage(vec![user(&person.id)], content).await.messages[0].id));
    }
    let mut asked = 0;
    for _ in 0..6 * 60 {
        match world.try_run().await {
            Err(SendRunError::Relay(_)) => asked += 1,
            Err(SendRunError::BreakerOpen { .. }) => {}
            other => panic!("{other:?}"),
        }
        world.gateway.clock.advance(SignedDuration::from_mins(1));
    }
    assert!((10..200).contains(&asked), "it is left alone for a while after many failures: {asked}");
    assert!(world.sent(staged[0]).await.sequence.is_none(), "nothing is numbered for a relay that is not there");
    world.gateway.relay.away(false);
    world.gateway.clock.advance(SignedDuration::from_mins(10));
    assert_eq!(world.run().await.deposited, 3);
    for (sequence, sent) in (1..).zip(&staged) {
        let view = world.sent(*sent).await;
        assert_eq!(
            (view.state, view.sequence),
            ("relayed", Some(sequence)),
            "in the order in which they were asked for"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_or_a_lost_disk_delivers_once() {
    let world = SendWorld::new().await;
    let person = world.person("hanako-1", "1234-A").await;
    world.relay.swallow_answers(1);
    let staged = id(&world.stage(vec![user(&person.id)], b"content").await.messages[0].id);
    assert!(world.try_run().await.is_err());
    let bytes = world.relay.bytes(staged);
    world.run().await;
    assert_eq!((world.state(staged).await, world.relay.all().len()), ("relayed", 1));
    assert_eq!(world.relay.bytes(staged), bytes, "the same bytes under the same number");

    // The relay has taken it, and its disk is lost before it has signed for it.
    world.relay.stay_silent(true);
    let second = world.send_to(&person, b"second").await;
    assert_eq!(world.state(second).await, "deposited");
    let bytes = world.relay.bytes(second);
    world.relay.lose(second);
    world.relay.stay_silent(false);
    world.gateway.clock.advance(SignedDuration::from_secs(1));
    world.run().await;
    assert_eq!((world.state(second).await, world.relay.bytes(second)), ("relayed", bytes));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_fetches_expires_and_what_nobody_can_have_is_stopped() {
    let world = SendWorld::new().await;
    let (person, gone) = (world.person("hanako-1", "1234-A").await, world.person("taro-1", "1234-A").await);
    let (first, second) = (world.send_to(&person, b"first").await, world.send_to(&gone, b"second").await);
    world.relay.expire(first);
    world.relay.drop_user(second, &gone.id);
    world.disable("taro-1").await;
    world.gateway.clock.advance(DAYS);
    world.push.hear(None).await.unwrap();
    world.run().await;
    assert_eq!((world.state(first).await, world.state(second).await), ("expired", "stopped"));
    assert_eq!(world.sent(second).await.reasons, ["user.disabled"]);
    for message in [first, second] {
        assert_eq!(statement(&world, message).unwrap().sequence, 1);
        assert!(!world.is_kept(message));
    }
    assert_eq!((world.event_count(Kind::SentExpired).await, world.event_count(Kind::SentStopped).await), (1, 1));
    assert!(world.push.remind(first, "uid:1").await.is_err());
    let third = world.send_to(&person, b"third").await;
    world.push.remind(third, "uid:1").await.unwrap();
    assert_eq!(world.relay.reminded(), [third]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn to_whom_of_an_office_did_not_fetch_in_time_the_union_explains_the_number() {
    let world = SendWorld::new().await;
    let (hanako, taro) = (world.person("hanako-1", "1234-A").await, world.person("taro-1", "1234-A").await);
    let message = id(&world.stage(vec![office("1234-A")], b"content").await.messages[0].id);
    world.run().await;
    world.verify(&hanako, message);
    world.gateway.clock.advance(DAYS);
    world.relay.expire_for(message, &taro.id);
    world.push.hear(None).await.unwrap();
    world.run().await;
    let said = statement(&world, message).unwrap();
    assert_eq!(
        (said.message_id, said.sequence, said.to.to_string().as_str()),
        (message, 1, "office.1234-A@06123456.kx")
    );
    let view = world.sent(message).await;
    assert_eq!((view.state, view.warnings.len()), ("verified", 0));
    assert!(view.recipients[0].expired_at.is_none() && view.recipients[1].expired_at.is_some());
    assert!(!world.is_kept(message), "nobody else can have it");
    // A recall that comes then changes nothing: somebody has it.
    assert!(matches!(world.push.recall(message, "uid:1").await, Err(SendError::Collected(_))));
    assert!(!world.push.has_work().await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recall_that_the_relay_takes_when_time_is_over_does_not_hide_that_somebody_has_it() {
    let world = SendWorld::new().await;
    let (hanako, taro) = (world.person("hanako-1", "1234-A").await, world.person("taro-1", "1234-A").await);
    let message = id(&world.stage(vec![office("1234-A")], b"content").await.messages[0].id);
    world.run().await;
    // Nothing of it was heard here yet.
    world.relay.fetch(message, &hanako.id);
    world.relay.expire_for(message, &taro.id);
    let error = world.push.recall(message, "uid:1").await.unwrap_err();
    assert!(matches!(error, SendError::Collected(_)), "{error}");
    assert_eq!((world.state(message).await, world.is_kept(message)), ("fetched", true));
    assert!(statement(&world, message).is_some(), "for the one who does not get it");
    assert_eq!(world.event_count(Kind::SentRecalled).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_relays_word_alone_ends_nothing_that_goes_on_by_our_clock_and_registry() {
    let world = SendWorld::new().await;
    let (hanako, taro) = (world.person("hanako-1", "1234-A").await, world.person("taro-1", "1234-A").await);
    let (early, dropped) = (world.send_to(&hanako, b"early").await, world.send_to(&taro, b"dropped").await);
    let missed = id(&world.stage(vec![office("1234-A")], b"missed").await.messages[0].id);
    world.run().await;
    world.verify(&hanako, missed);
    world.relay.expire(early);
    world.relay.drop_user(dropped, &taro.id);
    world.relay.expire_for(missed, &taro.id);
    for _ in 0..2 {
        world.push.hear(None).await.unwrap();
        world.run().await;
    }
    for (message, state, code) in [
        (early, "relayed", "delivery.expired-early"),
        (dropped, "relayed", "delivery.dropped-enabled"),
        (missed, "verified", "delivery.expired-early"),
    ] {
        let view = world.sent(message).await;
        assert_eq!((view.state, view.warnings), (state, vec![code.to_owned()]));
        assert!(world.is_kept(message) && statement(&world, message).is_none(), "{code}: the union signs nothing");
        assert!(view.recipients.iter().all(|one| one.dropped_at.is_none() && one.expired_at.is_none()));
    }
    assert_eq!(world.event_count(Kind::SentAlarm).await, 3);

    // Whoever was shut out and is let in again before we hear of it was shut out.
    let third = world.send_to(&taro, b"third").await;
    let database = &world.gateway.receiver.database;
    let mut transaction = database.write().await.unwrap();
    let order = [NewOrder::about(&taro.id, OrderKind::Disable)];
    orders::insert(&mut transaction, &order, world.gateway.clock_now()).await.unwrap();
    database.commit(transaction).await.unwrap();
    world.relay.drop_user(third, &taro.id);
    world.push.hear(None).await.unwrap();
    assert_eq!((world.state(third).await, world.sent(third).await.warnings.len()), ("stopped", 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dispatch_is_recalled_as_a_whole_before_the_relay_is_told_of_any() {
    let world = Arc::new(SendWorld::new().await);
    let (mut to, mut people) = (Vec::new(), Vec::new());
    for name in ["a", "b", "c", "d"] {
        people.push(world.person(&format!("{name}-1"), name).await);
        to.push(office(name));
    }
    let view = world.stage(to, b"content").await;
    world.run().await;
    let messages: Vec<_> = view.messages.iter().map(|one| id(&one.id)).collect();
    world.verify(&people[3], messages[3]);
    world.push.hear(None).await.unwrap();
    // Each waits for the others, as the relay sees it.
    world.relay.withdrawals_meet(3);
    let view = world.push.recall_dispatch(id(&view.id), "uid:1").await.unwrap();
    assert_eq!((view.states["recalled"], view.states["verified"]), (3, 1));
    let again = world.push.recall_dispatch(id(&view.id), "uid:1").await.unwrap_err();
    assert!(matches!(again, SendError::Collected(_) | SendError::State(_)), "{again}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_under_a_certificate_that_was_replaced_is_signed_anew() {
    let world = SendWorld::new().await;
    let person = world.person("hanako-1", "1234-A").await;
    let message = world.send_to(&person, b"content").await;
    world.gateway.relay.away(true);
    assert_eq!(world.push.recall(message, "uid:1").await.unwrap().state, "recalling");
    let (union, now) = (&world.gateway.union, world.gateway.clock_now());
    let subject = Subject::Union(union.insurer.clone());
    let signing = issue(&union.authority, subject.clone(), &Profile::UnionSigning, now);
    let encryption = issue(&union.authority, subject, &Profile::UnionEncryption, now);
    world.gateway.roll_over(&signing, &encryption);
    world.gateway.relay.away(false);
    world.gateway.clock.advance(SignedDuration::from_secs(1));
    world.run().await;
    assert_eq!(world.state(message).await, "recalled");
    let der = world.relay.find(message).unwrap().statement.unwrap();
    assert!(words::verify::<Statement>(&der.0, signing.certificate()).is_ok());
    assert!(words::verify::<Statement>(&der.0, union.signing.certificate()).is_err());
}
