//! What a second list, a second try or a second order must not spoil.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::SignedDuration;
use kenpo_express::domain::clock::Random;
use kenpo_express::domain::ids::MessageId;
use kenpo_express::domain::verdict::Verdict;
use kenpo_express::runtime::clock::SystemRandom;
use kenpo_express::store::gateway::receipts::StoredReceipt;
use kenpo_express::store::gateway::{acknowledgements, messages, receipts};
use kenpo_express::store::sqlite::Database;
use tokio::runtime::Handle;

use crate::gateway_relay::Lie;
use crate::gateway_support::GatewayWorld;
use crate::message_support::noise;

async fn line(world: &GatewayWorld) -> Vec<acknowledgements::Pending> {
    acknowledgements::list(world.receiver.database.read(), 0, 1_000).await.unwrap()
}

/// What `received review` puts in the line.
async fn review(database: &Database, id: MessageId, at: jiff::Timestamp) {
    let mut transaction = database.write().await.unwrap();
    let message = messages::find(&mut transaction, id).await.unwrap().unwrap().number;
    let number = receipts::next_number(&mut transaction).await.unwrap();
    let row = StoredReceipt { number, message, stage: "accepted".to_owned(), at, der: b"of staff".to_vec() };
    receipts::insert(&mut transaction, &[row]).await.unwrap();
    acknowledgements::insert(&mut transaction, &[(id, Some(number))], at).await.unwrap();
    database.commit(transaction).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_review_while_the_relay_confirms_is_sent_all_the_same() {
    let world = GatewayWorld::new().await;
    let mut sender = world.sender("yamada-1").await;
    let id = world.send(&mut sender, b"content");
    let (database, at) = (world.receiver.database.clone(), world.clock_now());
    world.relay.before_answer(move || {
        tokio::task::block_in_place(|| Handle::current().block_on(review(&database, id, at)));
    });
    assert_eq!(world.pull().await.result, "done");
    assert_eq!(line(&world).await.len(), 1, "the confirmed one is out, the other one stands");
    world.pull().await;
    assert_eq!(world.relay.receipt(id).unwrap(), b"of staff");
    assert!(line(&world).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_that_is_refused_again_and_again_stands_in_the_line_once() {
    let world = GatewayWorld::new().await;
    let mut sender = world.sender("yamada-1").await;
    let id = world.send(&mut sender, b"content");
    world.relay.refuse_receipts(true);
    for _ in 0..4 {
        assert_eq!(world.pull().await.result, "done");
        assert_eq!(line(&world).await.len(), 1);
    }
    world.relay.refuse_receipts(false);
    world.pull().await;
    assert!(world.relay.receipt(id).is_some() && line(&world).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_bytes_with_the_tag_and_length_of_quarantined_ones_are_kept_beside_them() {
    let world = GatewayWorld::new().await;
    let mut stranger = world.sender("yamada-1").await;
    stranger.credential = world.union.user("yamada-1", world.clock_now());
    for size in [10_000, 2_000_000] {
        let draft = world.draft(&stranger);
        let first = world.seal(&mut stranger, &draft, &noise(size));
        let mut other = first.clone();
        other[size / 2] ^= 1;
        for sealed in [&first, &other, &first] {
            world.relay.deposit_with(draft.id, &stranger.id, sealed, world.clock_now(), |parcel| parcel.tag = None);
            world.pull().await;
        }
        let kept: Vec<_> = world.kept().await.into_iter().filter(|message| message.id == draft.id).collect();
        let files: Vec<Vec<u8>> = kept.iter().map(|message| std::fs::read(world.file(message)).unwrap()).collect();
        assert!(files == [first.clone(), other], "{size}");
        assert!(kept.iter().all(|message| message.tag == kept[0].tag && message.sealed_size == kept[0].sealed_size));
    }
    assert_eq!((world.files("quarantine"), world.files("spool")), (4, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_failing_large_parcels_than_stand_in_line_are_each_tried_once() {
    let world = GatewayWorld::new().await;
    let sender = world.sender("yamada-1").await;
    let ids: Vec<MessageId> = (0..700).map(|_| MessageId::new(world.clock_now(), &SystemRandom)).collect();
    for id in &ids {
        // The real length is another one.
        world.relay.deposit_with(*id, &sender.id, b"few", world.clock_now(), |parcel| parcel.size = 2_000_000);
    }
    let report = world.pull().await;
    assert_eq!((report.result, report.tally.waiting), ("done", 700));
    assert_eq!(world.waiting().await.keys().copied().collect::<BTreeSet<_>>(), ids.iter().copied().collect());
    assert!(ids.iter().all(|id| world.relay.requests(*id).len() == 1));
    assert_eq!(world.pull_by_timer().await.tally.waiting, 700);
    assert!(ids.iter().all(|id| world.relay.requests(*id).len() == 1), "their time has not come");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_an_old_message_under_another_id_does_not_move_the_stream() {
    let world = GatewayWorld::new().await;
    let mut sender = world.sender("yamada-1").await;
    let draft = world.draft(&sender);
    let old = world.seal(&mut sender, &draft, b"first");
    world.relay.deposit(draft.id, &sender.id, &old, world.clock_now());
    world.send(&mut sender, b"second");
    world.send(&mut sender, b"third");
    world.pull().await;
    let copy = MessageId::new(world.clock_now(), &SystemRandom);
    world.relay.deposit(copy, &sender.id, &old, world.clock_now());
    assert_eq!(world.pull().await.tally.quarantined, 1);
    let next = world.send(&mut sender, b"fourth");
    world.pull().await;
    assert_eq!(world.find(next).await.unwrap().verdict, Verdict::new(BTreeSet::new(), BTreeSet::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parcel_that_is_listed_and_not_there_waits_and_is_shown() {
    let world = GatewayWorld::new().await;
    let mut sender = world.sender("yamada-1").await;
    for size in [100, 2_000_000] {
        let id = world.send(&mut sender, &noise(size));
        world.relay.lie(id, [Lie::Gone]);
        assert_eq!(world.pull_by_timer().await.tally.waiting, 1);
        assert_eq!(world.waiting().await[&id], "parcel.gone");
        world.pull_by_timer().await;
        assert_eq!(world.relay.requests(id).len(), 1, "its time has not come");
        world.clock.advance(SignedDuration::from_secs(301));
        assert_eq!(world.pull_by_timer().await.tally.archived, 1);
        assert!(world.waiting().await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_of_parcels_that_never_come_back_go_and_those_of_others_stay() {
    let world = GatewayWorld::new().await;
    let mut sender = world.sender("yamada-1").await;
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    let lost = MessageId::new(world.clock_now(), random.as_ref());
    std::fs::write(world.receiver.spool.folder().join(format!("{lost}.part")), b"begun").unwrap();
    let cut = world.send(&mut sender, &noise(3_000_000));
    world.relay.away(true);
    world.pull().await;
    assert_eq!(world.receiver.spool.parts().unwrap(), [lost], "who knows, as long as the list is not seen");
    world.relay.away(false);
    world.relay.lie(cut, [Lie::Cut(1_000_000), Lie::Broken, Lie::Broken, Lie::Broken]);
    world.pull().await;
    assert_eq!(world.receiver.spool.parts().unwrap(), [cut]);
    world.pull_by_timer().await;
    assert_eq!(world.receiver.spool.parts().unwrap(), [cut], "it waits, and is gone on with");
}
