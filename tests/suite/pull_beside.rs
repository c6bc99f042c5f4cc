//! Large parcels beside the runs, parcels that wait, and clocks that jump.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use kenpo_express::domain::ids::MessageId;
use kenpo_express::domain::verdict::{Reason, Verdict};
use kenpo_express::gateway::flows::receive::Cause;
use kenpo_express::runtime::clock::SystemRandom;
use kenpo_express::store::gateway::receipts::StoredReceipt;
use kenpo_express::store::gateway::waiting::{self, Waiting};
use kenpo_express::store::gateway::{acknowledgements, receipts, runs};
use tokio_util::sync::CancellationToken;

use crate::gateway_relay::Lie;
use crate::gateway_support::GatewayWorld;
use crate::message_support::noise;
use crate::support::soon::soon;

#[tokio::test]
async fn a_start_leaves_the_temporaries_of_whoever_is_pulling_alone() {
    let world = GatewayWorld::new().await;
    let temporary = world.folder.path().join("spool/half.tmp");
    std::fs::write(&temporary, b"half").unwrap();
    let pulling = std::fs::File::create(world.folder.path().join("pull.lock")).unwrap();
    pulling.lock().unwrap();
    world.receiver.recover().unwrap();
    assert!(temporary.exists());
    drop(pulling);
    world.receiver.recover().unwrap();
    assert!(!temporary.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_parcels_come_and_acknowledgements_go_while_a_large_one_is_on_its_way() {
    let world = GatewayWorld::new().await;
    let mut sender = world.sender("yamada-1").await;
    let before = world.send(&mut sender, b"before");
    let large = world.send(&mut sender, &noise(3_000_000));
    world.relay.hold(large);
    let patience = Duration::from_secs(60);
    let began =
        tokio::time::timeout(patience, world.begin_by_timer()).await.expect("it does not wait for the large one");
    assert_eq!((began.result, began.tally.archived), ("done", 1));

    let small = world.send(&mut sender, b"small");
    let reviewed = world.find(before).await.unwrap().number;
    let mut transaction = world.receiver.database.write().await.unwrap();
    let number = receipts::next_number(&mut transaction).await.unwrap();
    let at = world.clock_now();
    let row = StoredReceipt { number, message: reviewed, stage: "accepted".to_owned(), at, der: b"of staff".to_vec() };
    receipts::insert(&mut transaction, &[row]).await.unwrap();
    acknowledgements::insert(&mut transaction, &[(before, Some(number))], at).await.unwrap();
    world.receiver.database.commit(transaction).await.unwrap();
    let next = tokio::time::timeout(patience, world.begin_by_timer()).await.unwrap();
    assert_eq!((next.result, next.tally.archived), ("done", 1));
    assert!(world.relay.receipt(small).is_some());
    assert_eq!(world.relay.receipt(before).unwrap(), b"of staff");
    assert!(!world.relay.acknowledged(large) && world.find(large).await.is_none());
    assert_eq!(world.relay.requests(large), [0], "what is on its way is not fetched twice");

    world.relay.let_go(large);
    world.receiver.beside.idle().await;
    assert!(world.find(large).await.is_some() && world.relay.receipt(large).is_some());
    let history = runs::list(world.receiver.database.read(), 10).await.unwrap();
    let archived: Vec<u64> = history.iter().rev().map(|run| run.tally.archived).collect();
    assert_eq!(archived, [2, 1], "it counts for the run that began it");
    // The small one has overtaken it. Seen from the end, nothing was missing.
    world.pull().await;
    assert_eq!(world.find(small).await.unwrap().verdict, Verdict::new(BTreeSet::new(), BTreeSet::new()));
    assert_eq!(world.files("spool"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_parks_what_is_on_its_way_and_one_run_ends_with_all_that_it_began() {
    let world = GatewayWorld::new().await;
    let mut sender = world.sender("yamada-1").await;
    let large = world.send(&mut sender, &noise(3_000_000));
    world.relay.hold(large);
    let stop = CancellationToken::new();
    let (receiver, asked) = (world.receiver.clone(), stop.clone());
    let cause = kenpo_express::gateway::flows::receive::Cause::Command;
    let run = tokio::spawn(async move { receiver.run(cause, &asked).await.unwrap() });
    soon("the first bytes are here", async || {
        assert!(!run.is_finished());
        world.receiver.spool.part_length(large) > 0
    })
    .await;
    stop.cancel();
    assert_eq!(run.await.unwrap().result, "stopped");
    assert!(world.receiver.spool.part_length(large) > 0 && world.waiting().await.is_empty());
    world.relay.let_go(large);
    assert_eq!(world.pull().await.tally.archived, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_many_wait_each_is_left_alone_until_its_time_and_what_is_gone_is_forgotten() {
    const MANY: usize = 10_100;
    let world = GatewayWorld::new().await;
    let sender = world.sender("yamada-1").await;
    let now = world.clock_now();
    let ids: Vec<MessageId> = (0..=MANY).map(|_| MessageId::new(now, &SystemRandom)).collect();
    let mut transaction = world.receiver.database.write().await.unwrap();
    for id in &ids {
        let next_try = now + SignedDuration::from_secs(200);
        let (cause, size) = ("relay.silent".to_owned(), 3);
        let row = Waiting { id: *id, cause, size, first_seen: now, last_try: now, next_try, tries: 9 };
        waiting::put(&mut transaction, &row, 0).await.unwrap();
    }
    world.receiver.database.commit(transaction).await.unwrap();
    // All but one are still listed.
    world.relay.deposit_all(&ids[1..], &sender.id, b"few", now);
    let report = world.pull_by_timer().await;
    assert_eq!((report.result, report.tally.waiting), ("done", MANY as u64));
    assert!(ids.iter().all(|id| world.relay.requests(*id).is_empty()), "their time has not come");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_set_back_holds_nothing_up() {
    let world = GatewayWorld::new().await;
    let mut sender = world.sender("yamada-1").await;
    let id = world.send(&mut sender, b"content");
    world.clock.advance(SignedDuration::from_hours(24));
    world.relay.lie(id, [Lie::Silence]);
    assert_eq!(world.pull_by_timer().await.tally.waiting, 1);
    world.relay.away(true);
    soon("the breaker opens", async || {
        world.pull_by_timer().await;
        world.receiver.breaker.state().code() != "closed"
    })
    .await;
    world.relay.away(false);
    assert_eq!(world.pull_by_timer().await.result, "relay.breaker-open");
    world.clock.advance(SignedDuration::from_hours(-24));
    let report = world.pull_by_timer().await;
    assert_eq!((report.result, report.tally.archived), ("done", 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_shows_other_bytes_first_cannot_swallow_a_message() {
    let world = GatewayWorld::new().await;
    let mut sender = world.sender("yamada-1").await;
    for size in [10_000, 2_000_000] {
        let draft = world.draft(&sender);
        let sealed = world.seal(&mut sender, &draft, &noise(size));
        let mut forged = noise(sealed.len());
        let tail = sealed.len() - 64;
        forged[tail..].copy_from_slice(&sealed[tail..]);
        world.relay.deposit(draft.id, &sender.id, &forged, world.clock_now());
        assert_eq!(world.pull().await.tally.quarantined, 1);
        let first = world.find(draft.id).await.unwrap();
        assert_eq!(first.verdict, Verdict::quarantined(Reason::FormatMalformed));
        // The same again is kept once.
        world.relay.deposit(draft.id, &sender.id, &forged, world.clock_now());
        assert_eq!(world.pull().await.tally.repeated, 1);
        world.relay.deposit(draft.id, &sender.id, &sealed, world.clock_now());
        let report = world.pull().await;
        assert_eq!((report.tally.archived, report.tally.repeated), (1, 0), "{size}");
        let archived = world.find(draft.id).await.unwrap();
        assert_eq!((archived.tag, archived.sealed_size), (first.tag, first.sealed_size), "they look alike");
        assert!(world.relay.receipt(draft.id).is_some());
    }
    assert_eq!((world.files("archive"), world.files("quarantine")), (2, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_line_is_full_only_what_is_new_is_listed() {
    let world = GatewayWorld::new().await;
    let mut sender = world.sender("yamada-1").await;
    let ids: Vec<MessageId> = (0..300).map(|_| MessageId::new(world.clock_now(), &SystemRandom)).collect();
    world.relay.deposit_all(&ids, &sender.id, &vec![7; 1_100_000], world.clock_now());
    for id in &ids {
        world.relay.hold(*id);
    }
    let stop = CancellationToken::new();
    let (receiver, until) = (Arc::clone(&world.receiver), stop.clone());
    let run = tokio::spawn(async move { receiver.run(Cause::Timer, &until).await.unwrap() });
    // The whole list takes two pages; then the line is full and more than forty wait outside.
    soon("both pages are listed", async || world.relay.listed_from().len() >= 2).await;
    let small = world.send(&mut sender, b"comes meanwhile");
    soon("what came meanwhile is acknowledged", async || world.relay.acknowledged(small)).await;
    let later = world.relay.listed_from().split_off(2);
    assert!(!later.is_empty() && later.iter().all(|from| from.is_some_and(|place| place.0 >= 300)), "{later:?}");
    stop.cancel();
    assert_eq!(run.await.unwrap().result, "stopped");
    world.receiver.beside.idle().await;
}
