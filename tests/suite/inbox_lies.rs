//! A relay that lies about what the union sends: each lie is noticed, and none of them brings a file or a receipt out of order.

use std::fs;

use kenpo_express::domain::digest::Tag;
use kenpo_express::employer::EmployerError;
use kenpo_express::employer::inbox::{Inbox, InboxState, Wanted};
use kenpo_express::message::receipt::{Receipt, Stage};
use kenpo_express::wire::Der;
use kenpo_express::wire::delivery::InboxParcel;
use kenpo_express::wire::page::Cursor;
use kenpo_express::wire::union::AcknowledgementOutcome;

use super::inbox_support::{Post, new_id, trouble, us};

type Lie = Box<dyn Fn(&Post, &mut InboxParcel)>;

/// Sends one message, has the relay lie about it in its list, and receives.
async fn lied(post: &mut Post, lie: impl FnOnce(&Post, &mut InboxParcel)) -> Inbox {
    post.send("a.csv", b"content");
    let mut parcel = post.relay().parcels.last().unwrap().0.clone();
    lie(post, &mut parcel);
    post.relay().parcels.last_mut().unwrap().0 = parcel;
    post.receive().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_says_of_a_message_is_compared_with_the_message() {
    let mut post = Post::start().await;
    let relayed = |post: &Post, parcel: &InboxParcel, change: fn(Receipt) -> Receipt| {
        let sealed = post.relay().parcels.last().unwrap().1.clone();
        post.by_relay(&change(Post::relayed(parcel.id, &sealed)))
    };
    let lies: Vec<(&str, Lie)> = vec![
        ("receipt.tag", Box::new(|_, parcel| parcel.tag = Some(Tag([9; 16])))),
        ("receipt.tag", Box::new(|_, parcel| parcel.tag = None)),
        (
            "receipt.tag",
            Box::new(move |post, parcel| {
                parcel.relayed = relayed(post, parcel, |receipt| Receipt { tag: Some(Tag([9; 16])), ..receipt });
            }),
        ),
        (
            "receipt.message",
            Box::new(move |post, parcel| {
                parcel.relayed = relayed(post, parcel, |receipt| Receipt { message_id: new_id(), ..receipt });
            }),
        ),
        (
            "receipt.order",
            Box::new(move |post, parcel| {
                parcel.relayed = relayed(post, parcel, |receipt| Receipt { stage: Stage::Verified, ..receipt });
            }),
        ),
        (
            "receipt.signature",
            Box::new(move |post, parcel| {
                parcel.relayed = relayed(post, parcel, |receipt| Receipt { by: us().to_string(), ..receipt });
            }),
        ),
        ("receipt.signature", Box::new(|_, parcel| parcel.relayed = Der(b"nonsense".to_vec()))),
        (
            "receipt.signature",
            Box::new(|post, parcel| {
                let sealed = post.relay().parcels.last().unwrap().1.clone();
                let receipt = Post::relayed(parcel.id, &sealed);
                parcel.relayed = Der(receipt.sign(&post.signing, receipt.at).unwrap().der().to_vec());
            }),
        ),
    ];
    for (number, (code, lie)) in lies.into_iter().enumerate() {
        let received = lied(&mut post, &*lie).await;
        // The message itself is what the union signed; that the relay lies is said beside it, now and in every list.
        assert_eq!(
            (received.items[0].state(), trouble(&received.items[0])),
            (InboxState::Accepted, Some(code)),
            "{number}"
        );
        let listed = post.app().inbox().await.unwrap();
        assert_eq!(listed.items.iter().filter(|item| trouble(item).is_some()).count(), number + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lengths_and_bytes_that_do_not_fit_bring_nothing() {
    let mut post = Post::start().await;
    let received = lied(&mut post, |_, parcel| parcel.size += 5).await;
    assert_eq!(
        (received.items[0].state(), trouble(&received.items[0])),
        (InboxState::Waiting, Some("inbox.not-fetched"))
    );
    post.relay().parcels.clear();
    let received = lied(&mut post, |_, parcel| parcel.size -= 5).await;
    assert_eq!(
        (received.items[0].state(), trouble(&received.items[0])),
        (InboxState::Waiting, Some("inbox.not-fetched"))
    );
    // One that is not there does not keep the others.
    let received = lied(&mut post, |_, parcel| parcel.id = new_id()).await;
    assert_eq!(received.items.len(), 2, "{received:?}");
    assert!(post.relay().told.iter().all(|told| told.receipt.is_none()) && Post::names(&post.out()).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_told_again_in_the_same_bytes() {
    let mut post = Post::start().await;
    let id = post.send("a.csv", b"content");
    post.receive().await;
    post.relay().keeps_listing = true;
    post.receive().await;
    post.receive().await;
    let told = post.relay().told.clone();
    assert_eq!(told.len(), 6);
    assert!(told.iter().all(|one| told[..2].contains(one)), "never another receipt of a stage");
    assert_eq!(post.receipts(id).len(), 2);
    assert_eq!(Post::names(&post.out()), ["a.csv"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_that_it_does_not_take_stay_until_it_does() {
    let mut post = Post::start_with("\n[received]\nkeep_days = 0\n").await;
    let id = post.send("a.csv", b"content");
    for (outcome, code) in [
        (AcknowledgementOutcome::ReceiptRefused, "receipt.refused"),
        (AcknowledgementOutcome::Unknown, "receipt.unknown"),
    ] {
        post.relay().outcome = Some(outcome);
        post.receive().await;
        let listed = post.app().inbox().await.unwrap();
        assert_eq!((listed.items[0].state(), trouble(&listed.items[0])), (InboxState::Accepted, Some(code)));
        assert!(post.home(&format!("received/{id}.kxm")).exists());
    }
    post.relay().outcome = None;
    assert!(post.app().inbox().await.unwrap().items[0].trouble.is_none());
    assert_eq!(post.receipts(id).len(), 2);
    assert!(!post.home(&format!("received/{id}.kxm")).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_union_took_back_is_not_received() {
    let mut post = Post::start().await;
    post.send("a.csv", b"first");
    post.receive().await;
    let statement = post.skip(us());
    post.withdraw(&statement, &post.signing);
    // It hands the message out all the same.
    let mut parcel = post.relay().parcels[0].clone();
    (parcel.0.id, parcel.0.cursor) = (statement.message_id, Cursor(99));
    post.relay().parcels.push(parcel);
    for _ in 0..2 {
        let received = post.receive().await;
        let codes: Vec<_> = received.items.iter().filter_map(trouble).collect();
        assert_eq!(codes, ["inbox.taken-back"]);
    }
    assert_eq!(Post::names(&post.out()), ["a.csv"]);
    assert!(post.relay().told.iter().all(|told| told.id != statement.message_id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_takes_us_for_somebody_else_or_makes_a_union_up_gets_nothing() {
    let mut post = Post::start().await;
    let id = post.send("a.csv", b"content");
    let honest = post.relay().info.clone();
    post.relay().info.office = "99".parse().unwrap();
    let refused = post.app().receive(Wanted::All, &post.out()).await;
    assert!(matches!(refused, Err(EmployerError::Identity)), "{refused:?}");
    post.relay().info = honest.clone();
    post.relay().info.certificates.encryption.clear();
    let refused = post.app().receive(Wanted::All, &post.out()).await;
    assert!(matches!(refused, Err(EmployerError::UnionCertificate)), "{refused:?}");
    // Without the union's signing certificate the one in the message does, since the CA vouches for it.
    post.relay().info = honest;
    post.relay().info.certificates.signing.clear();
    assert!(post.relay().offsets.is_empty() && post.relay().told.is_empty());
    assert_eq!(post.receive().await.items[0].state(), InboxState::Accepted);
    assert_eq!(post.receipts(id).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_change_between_two_pieces_are_fetched_anew() {
    let mut post = Post::start().await;
    let id = post.send("a.csv", &super::message_support::noise(400_000));
    drop(post.app());
    let mut first = post.relay().parcels[0].1[..100_000].to_vec();
    first[50_000] ^= 1;
    fs::write(post.home(&format!("inbox/{id}.part")), first).unwrap();
    assert_eq!(post.receive().await.items[0].state(), InboxState::Accepted);
    assert_eq!(post.relay().offsets, [100_000, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_of_a_certificate_that_was_replaced_are_signed_anew_once_the_relay_refused_them() {
    let mut post = Post::start().await;
    let id = post.send("a.csv", b"content");
    post.relay().refusals = 1;
    let received = post.receive().await;
    assert_eq!(
        trouble(&received.items[0]),
        Some("receipt.refused"),
        "with the present certificate nothing is signed twice"
    );
    // As if they had been signed with the certificate of before.
    let path = post.home(&format!("received/{id}.json"));
    let before = fs::read_to_string(&path).unwrap();
    let mut record: serde_json::Value = serde_json::from_str(&before).unwrap();
    for receipt in record["receipts"].as_array_mut().unwrap() {
        receipt["signer"] = "00".repeat(32).into();
    }
    fs::write(&path, record.to_string()).unwrap();
    post.relay().refusals = 1;
    assert_eq!(trouble(&post.app().inbox().await.unwrap().items[0]), None);
    let stages: Vec<_> = post.receipts(id).iter().map(|receipt| receipt.stage).collect();
    assert_eq!(stages, [Stage::Verified, Stage::Accepted], "each once, and in one chain");
    let kept = fs::read_to_string(&path).unwrap();
    assert!(kept != before, "signed anew");
    // From here on it is these bytes.
    post.relay().keeps_listing = true;
    post.receive().await;
    assert_eq!(post.receipts(id).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_lists_twice_is_taken_once() {
    let mut post = Post::start().await;
    let id = post.send("a.csv", b"content");
    let mut again = post.relay().parcels[0].clone();
    again.0.cursor = Cursor(98);
    post.relay().parcels.push(again);
    post.receive().await;
    assert_eq!(Post::names(&post.out()), ["a.csv"]);
    let record = post.app().inbox().await.unwrap().items.remove(0).record.unwrap();
    assert_eq!((record.id, record.copy), (id, 0));
    assert_eq!(post.receipts(id).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_its_list_never_had_is_not_held_on_to() {
    let mut post = Post::start().await;
    post.send("a.csv", b"first");
    post.receive().await;
    let first = post.skip(us());
    post.withdraw(&first, &post.signing);
    // A place after which nothing can come any more.
    let honest = post.relay().withdrawals[0].cursor;
    post.relay().withdrawals[0].cursor = Cursor(i64::MAX);
    post.receive().await;
    post.relay().withdrawals[0].cursor = honest;
    let second = post.skip(us());
    post.withdraw(&second, &post.signing);
    post.send("d.csv", b"behind what was taken back");
    let received = post.receive().await;
    assert!(received.missing.is_empty(), "{:?}", received.missing);
    let record = received.items[0].record.as_ref().unwrap();
    assert_eq!((received.items[0].state(), record.warnings.len()), (InboxState::Accepted, 0));
    let listed = post.app().inbox().await.unwrap();
    let withdrawn = listed.items.iter().filter(|item| item.state() == InboxState::Withdrawn).count();
    assert_eq!(withdrawn, 2, "each once");
}
