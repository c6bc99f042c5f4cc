//! The pull from the relay's list to the archive, as long as everybody behaves.

use std::collections::BTreeSet;

use kenpo_express::domain::digest::Sha256;
use kenpo_express::domain::verdict::{Verdict, Warning};
use kenpo_express::message::receipt::{Receipt, SignedReceipt, Stage};
use kenpo_express::store::gateway::audit;
use kenpo_express::store::gateway::messages::State;
use kenpo_express::store::gateway::receipts;

use crate::gateway_relay::Lie;
use crate::gateway_support::GatewayWorld;
use crate::message_support::noise;

fn receipt(world: &GatewayWorld, der: &[u8]) -> Receipt {
    SignedReceipt::from_der(der.to_vec()).verify(world.union.signing.certificate()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_all_sizes_are_archived_and_acknowledged_with_receipts() {
    let world = GatewayWorld::new().await;
    let mut sender = world.sender("yamada-1").await;
    let sizes = [0, 1, 10_000, 1_000_000, 1_048_576, 3_000_000];
    let ids: Vec<_> = sizes.iter().map(|size| world.send(&mut sender, &noise(*size))).collect();
    let report = world.pull().await;
    assert_eq!((report.result, report.tally.archived, report.tally.quarantined), ("done", 6, 0));
    let mut furthest = 0;
    for (index, (id, size)) in ids.iter().zip(sizes).enumerate() {
        let message = world.find(*id).await.unwrap();
        assert_eq!(message.state, State::Archived, "{size}");
        let content = message.content.as_ref().unwrap();
        assert_eq!((content.size, content.sequence), (size as u64, index as u64 + 1));
        assert_eq!(content.file_name.as_ref().unwrap().as_str(), "算定基礎届.csv");
        let stored = std::fs::read(world.file(&message)).unwrap();
        assert_eq!(stored.len() as u64, message.sealed_size);
        let receipt = receipt(&world, &world.relay.receipt(*id).unwrap());
        assert_eq!((receipt.stage, receipt.tag, receipt.message_id), (Stage::Verified, message.tag, *id));
        assert_eq!(receipt.digest, Some(hex::encode(&content.digest)));
        furthest = furthest.max(receipt.contiguous.unwrap());
        let stored = receipts::of_message(world.receiver.database.read(), message.number).await.unwrap();
        let relayed = SignedReceipt::from_der(stored[0].der.clone());
        assert_eq!(receipt.previous, Some(relayed.hash()));
        assert_eq!(stored.iter().map(|r| r.stage.as_str()).collect::<Vec<_>>(), ["relayed", "verified"]);
    }
    assert_eq!(furthest, 6, "whichever came last tells that nothing is missing");
    assert_eq!((world.files("archive"), world.files("quarantine"), world.files("spool")), (6, 0, 0));
    assert_eq!(audit::list(world.receiver.database.read(), None, 100).await.unwrap().len(), 6);
    let again = world.pull().await;
    assert_eq!((again.result, again.tally.listed), ("done", 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_small_messages_of_many_senders_keep_their_order_and_places() {
    let world = GatewayWorld::new().await;
    let mut senders = Vec::new();
    for n in 0..5 {
        senders.push(world.sender(&format!("user-{n}")).await);
    }
    for n in 0..300_usize {
        let sender = &mut senders[n % 5];
        world.send(sender, &noise(n * 37));
    }
    let report = world.pull().await;
    assert_eq!((report.result, report.tally.archived), ("done", 300));
    for message in world.kept().await {
        // They overtake each other on the way; in the end nothing is missing.
        assert_eq!(message.verdict, Verdict::new(BTreeSet::new(), BTreeSet::new()));
        assert!(world.file(&message).exists());
        assert!(world.relay.receipt(message.id).is_some());
    }
    let next = world.send(&mut senders[0], b"next");
    world.pull().await;
    let der = world.relay.receipt(next).unwrap();
    assert_eq!(receipt(&world, &der).contiguous, Some(61));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_again_is_acknowledged_with_the_stored_receipt_and_not_fetched() {
    let world = GatewayWorld::new().await;
    let mut sender = world.sender("yamada-1").await;
    let id = world.send(&mut sender, b"content");
    world.pull().await;
    let first = world.relay.receipt(id);
    let fetched = world.relay.requests(id).len();
    world.relay.keep_listing();
    let report = world.pull().await;
    assert_eq!((report.tally.repeated, report.tally.archived), (1, 0));
    assert_eq!(world.relay.receipt(id), first);
    assert_eq!(world.relay.requests(id).len(), fetched);
    assert_eq!(world.kept().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_hides_the_tag_costs_a_transfer_and_no_more() {
    let world = GatewayWorld::new().await;
    let mut sender = world.sender("yamada-1").await;
    let draft = world.draft(&sender);
    let sealed = world.seal(&mut sender, &draft, &noise(2_000_000));
    for _ in 0..2 {
        world.relay.deposit_with(draft.id, &sender.id, &sealed, world.clock_now(), |parcel| parcel.tag = None);
        world.pull().await;
    }
    assert_eq!(world.kept().await.len(), 1);
    assert_eq!((world.files("archive"), world.files("spool")), (1, 0));
    assert!(world.relay.receipt(draft.id).is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gaps_and_forks_in_a_stream_are_said_and_receipts_tell_how_far_it_is_whole() {
    let world = GatewayWorld::new().await;
    let mut sender = world.sender("yamada-1").await;
    let first = world.send(&mut sender, b"1");
    world.pull().await;
    let second = world.draft(&sender);
    let withheld = world.seal(&mut sender, &second, b"2");
    let third = world.send(&mut sender, b"3");
    world.pull().await;
    let warnings = |message: kenpo_express::store::gateway::messages::Message| match message.verdict {
        Verdict::Accepted { warnings } => warnings.into_iter().collect::<Vec<_>>(),
        other @ Verdict::Quarantined { .. } => panic!("{other:?}"),
    };
    assert_eq!(warnings(world.find(first).await.unwrap()), []);
    assert_eq!(warnings(world.find(third).await.unwrap()), [Warning::SequenceGap]);
    let contiguous = |id| receipt(&world, &world.relay.receipt(id).unwrap()).contiguous;
    assert_eq!(contiguous(third), Some(1));
    world.relay.deposit(second.id, &sender.id, &withheld, world.clock_now());
    world.pull().await;
    assert_eq!(warnings(world.find(second.id).await.unwrap()), []);
    assert_eq!(contiguous(second.id), Some(3));
    // The sender begins again from a copy: another message with a number that is known.
    sender.sequence = 1;
    sender.previous = Sha256([9; 32]);
    let fork = world.send(&mut sender, b"another 2");
    world.pull().await;
    assert_eq!(warnings(world.find(fork).await.unwrap()), [Warning::SequenceFork]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_acknowledged_is_so_by_the_next_run() {
    let world = GatewayWorld::new().await;
    let mut sender = world.sender("yamada-1").await;
    let id = world.send(&mut sender, b"content");
    world.relay.refuse_acknowledgements(3);
    let report = world.pull().await;
    assert_eq!((report.result, report.tally.archived), ("relay.unreachable", 1));
    assert!(!world.relay.acknowledged(id));
    let report = world.pull().await;
    assert_eq!((report.result, report.tally.archived), ("done", 0));
    assert!(world.relay.receipt(id).is_some());
    assert_eq!(world.relay.requests(id), [0]);
    assert_eq!(world.kept().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_parks_a_large_transfer_and_the_next_run_goes_on_with_it() {
    let world = GatewayWorld::new().await;
    let mut sender = world.sender("yamada-1").await;
    let id = world.send(&mut sender, &noise(5_000_000));
    world.relay.lie(id, [Lie::Cut(2_000_000), Lie::Silence]);
    let report = world.pull().await;
    assert_eq!((report.tally.archived, report.tally.waiting), (0, 1));
    assert_eq!(world.receiver.spool.part_length(id), 2_000_000);
    assert_eq!(world.waiting().await[&id], "relay.silent");
    let report = world.pull().await;
    assert_eq!((report.result, report.tally.archived), ("done", 1));
    assert_eq!(world.relay.requests(id), [0, 2_000_000, 2_000_000]);
    assert!(world.waiting().await.is_empty());
    assert_eq!(world.files("spool"), 0);
}
