//! A relay that lies, breaks and hangs: the run ends with a clear state and the next one goes on.

use jiff::SignedDuration;
use kenpo_express::domain::digest::Tag;
use kenpo_express::domain::ids::MessageId;
use kenpo_express::domain::verdict::{Reason, Verdict};
use kenpo_express::message::receipt::Stage;
use kenpo_express::runtime::clock::SystemRandom;
use kenpo_express::store::gateway::{audit, receipts};
use kenpo_express::wire::Der;

use crate::gateway_relay::{Lie, relayed};
use crate::gateway_support::GatewayWorld;
use crate::message_support::noise;

/// Each way to give bytes that are not those that were announced.
fn lies(size: usize) -> Vec<(Lie, &'static str)> {
    vec![
        (Lie::Short(0), "relay.protocol"),
        (Lie::Short(size / 2), "relay.protocol"),
        (Lie::Extra, "relay.protocol"),
        (Lie::Silence, "relay.silent"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_other_than_announced_are_never_kept() {
    for size in [10_000, 2_000_000] {
        for (lie, cause) in lies(size) {
            let world = GatewayWorld::new().await;
            let mut sender = world.sender("yamada-1").await;
            let bad = world.send(&mut sender, &noise(size));
            let good = world.send(&mut sender, &noise(777));
            world.relay.lie(bad, [lie.clone()]);
            let report = world.pull().await;
            let context = format!("{lie:?} {size}");
            assert_eq!((report.result, report.tally.archived, report.tally.waiting), ("done", 1, 1), "{context}");
            assert_eq!(world.waiting().await[&bad], cause, "{context}");
            assert!(world.find(good).await.is_some(), "one parcel holds up nobody: {context}");
            assert!(!world.relay.acknowledged(bad), "{context}");
            // The next run, when its time has come.
            world.clock.advance(SignedDuration::from_mins(10));
            assert_eq!(world.pull_by_timer().await.tally.archived, 1, "{context}");
            assert!(world.relay.receipt(bad).is_some(), "{context}");
            assert!(world.waiting().await.is_empty(), "{context}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_timer_leaves_a_failed_parcel_alone_until_its_time() {
    let world = GatewayWorld::new().await;
    let mut sender = world.sender("yamada-1").await;
    let id = world.send(&mut sender, b"content");
    world.relay.lie(id, [Lie::Silence]);
    world.pull_by_timer().await;
    assert_eq!(world.pull_by_timer().await.tally.waiting, 1);
    assert_eq!(world.relay.requests(id).len(), 1);
    world.clock.advance(SignedDuration::from_secs(301));
    assert_eq!(world.pull_by_timer().await.tally.archived, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_size_in_the_list_is_noticed() {
    let world = GatewayWorld::new().await;
    let mut sender = world.sender("yamada-1").await;
    for (content, listed) in [(100, 50), (100, 5_000), (2_000_000, 1_500_000), (2_000_000, 2_100_000), (2_000_000, 99)]
    {
        let draft = world.draft(&sender);
        let sealed = world.seal(&mut sender, &draft, &noise(content));
        world.relay.deposit_with(draft.id, &sender.id, &sealed, world.clock_now(), |parcel| parcel.size = listed);
        world.pull().await;
        assert_eq!(world.waiting().await[&draft.id], "relay.protocol", "{content} {listed}");
        assert!(!world.relay.acknowledged(draft.id));
    }
    assert!(world.kept().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_line_is_taken_up_again_within_the_run() {
    for size in [10_000, 3_000_000] {
        let world = GatewayWorld::new().await;
        let mut sender = world.sender("yamada-1").await;
        let id = world.send(&mut sender, &noise(size));
        world.relay.lie(id, [Lie::Cut(size / 3), Lie::Broken]);
        let report = world.pull().await;
        assert_eq!((report.result, report.tally.archived), ("done", 1), "{size}");
        let large = [0, size as u64 / 3, size as u64 / 3];
        assert_eq!(world.relay.requests(id), if size > 1_048_576 { large } else { [0, 0, 0] });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_bytes_on_resume_are_noticed_and_everything_is_fetched_anew() {
    let world = GatewayWorld::new().await;
    let mut sender = world.sender("yamada-1").await;
    let id = world.send(&mut sender, &noise(3_000_000));
    world.relay.lie(id, [Lie::Cut(1_000_000), Lie::Other(7)]);
    let report = world.pull().await;
    assert_eq!((report.result, report.tally.archived, report.tally.quarantined), ("done", 1, 0));
    assert_eq!(world.relay.requests(id), [0, 1_000_000, 0]);
    assert_eq!(world.files("spool"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_part_from_before_a_crash_is_no_verdict_on_the_sender() {
    let world = GatewayWorld::new().await;
    let mut sender = world.sender("yamada-1").await;
    let id = world.send(&mut sender, &noise(3_000_000));
    std::fs::write(world.receiver.spool.folder().join(format!("{id}.part")), vec![0; 1_000_000]).unwrap();
    assert_eq!(world.pull().await.tally.archived, 1);
    assert_eq!(world.relay.requests(id), [1_000_000, 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_is_away_is_left_alone_for_a_while_and_then_tried_again() {
    let world = GatewayWorld::new().await;
    let mut sender = world.sender("yamada-1").await;
    let id = world.send(&mut sender, b"content");
    world.relay.away(true);
    for _ in 0..5 {
        assert_eq!(world.pull_by_timer().await.result, "relay.unreachable");
    }
    assert_eq!(world.pull_by_timer().await.result, "relay.breaker-open");
    world.relay.away(false);
    assert_eq!(world.pull_by_timer().await.result, "relay.breaker-open");
    world.clock.advance(SignedDuration::from_secs(301));
    assert_eq!(world.pull_by_timer().await.result, "done");
    assert!(world.find(id).await.is_some());
    assert_eq!(world.receiver.breaker.state().code(), "closed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_id_listed_again_with_other_bytes_is_a_replay_and_overwrites_nothing() {
    let world = GatewayWorld::new().await;
    let mut sender = world.sender("yamada-1").await;
    let mut draft = world.draft(&sender);
    let sealed = world.seal(&mut sender, &draft, b"first");
    world.relay.deposit(draft.id, &sender.id, &sealed, world.clock_now());
    world.pull().await;
    let archived = world.find(draft.id).await.unwrap();
    draft.sequence += 1;
    let other = world.seal(&mut sender, &draft, b"other");
    // Three times, the last two the same.
    for sealed in [&other, &other] {
        world.relay.deposit(draft.id, &sender.id, sealed, world.clock_now());
        world.pull().await;
    }
    let kept = world.kept().await;
    assert_eq!(kept.len(), 2, "{kept:?}");
    assert_eq!(kept[0], archived);
    let Verdict::Quarantined { reasons, .. } = &kept[1].verdict else { panic!("{:?}", kept[1]) };
    assert_eq!(Vec::from_iter(reasons.clone()), [Reason::ReplayDuplicate]);
    assert_eq!(std::fs::read(world.file(&archived)).unwrap(), sealed);
    assert_eq!(std::fs::read(world.file(&kept[1])).unwrap(), other);
    assert!(
        world.relay.acknowledged(draft.id) && world.relay.receipt(draft.id).is_none(),
        "what went to quarantine gets no receipt"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_id_listed_many_times_in_one_list_is_stored_once() {
    let world = GatewayWorld::new().await;
    let mut sender = world.sender("yamada-1").await;
    let draft = world.draft(&sender);
    let sealed = world.seal(&mut sender, &draft, b"content");
    for _ in 0..50 {
        world.relay.deposit(draft.id, &sender.id, &sealed, world.clock_now());
    }
    assert_eq!(world.pull().await.result, "done");
    assert_eq!(world.kept().await.len(), 1);
    assert_eq!(world.files("archive"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_that_is_not_the_relays_word_is_not_kept_and_raises_an_alarm() {
    let world = GatewayWorld::new().await;
    let mut sender = world.sender("yamada-1").await;
    let (now, other) = (world.clock_now(), MessageId::new(world.clock_now(), &SystemRandom));
    for (size, code) in [(100, "signature"), (200, "message"), (2_000_000, "tag"), (300, "signature"), (400, "")] {
        let draft = world.draft(&sender);
        let sealed = world.seal(&mut sender, &draft, &noise(size));
        world.relay.deposit_with(draft.id, &sender.id, &sealed, now, |parcel| match size {
            100 => parcel.relayed = Der(b"no receipt at all".to_vec()),
            200 => parcel.relayed = relayed(other, parcel.tag, now),
            2_000_000 => parcel.relayed = relayed(parcel.id, Some(Tag([9; 16])), now),
            // The union's own words do not count as the relay's.
            300 => parcel.relayed = world.union.receipt(parcel.id, Stage::Relayed, now),
            _ => {}
        });
        assert_eq!(world.pull().await.tally.archived, 1, "it says nothing of the message: {size}");
        let message = world.find(draft.id).await.unwrap();
        let kept = receipts::of_message(world.receiver.database.read(), message.number).await.unwrap();
        let stages: Vec<&str> = kept.iter().map(|receipt| receipt.stage.as_str()).collect();
        let audit = audit::list(world.receiver.database.read(), None, 1).await.unwrap();
        if code.is_empty() {
            assert_eq!((stages, audit[0].action.as_str()), (vec!["relayed", "verified"], "message.archived"));
            continue;
        }
        let code = format!("receipt.{code}");
        assert_eq!(stages, ["verified"], "{code}");
        assert_eq!((audit[0].action.as_str(), &audit[0].after), ("receipt.refused", &code));
        assert_eq!(audit[0].subject, draft.id.to_string());
        assert!(world.receiver.metrics.relayed_refused_total.with_label_values(&[&code]).get() > 0);
    }
}
