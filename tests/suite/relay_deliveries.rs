//! From a union to its users over real TLS: deposit, inbox, content, acknowledgement, and the news of it.

use std::time::Duration;

use axum::body::Body;
use hyper::Method;
use jiff::SignedDuration;
use kenpo_express::domain::clock::Clock;
use kenpo_express::message::keys::Certificate;
use kenpo_express::message::receipt::{SignedReceipt, Stage};
use kenpo_express::wire::Der;
use kenpo_express::wire::delivery::{
    DELIVERIES, Delivery, DeliveryEvent, DeliveryState, EVENTS, INBOX, InboxParcel, MAX_PLACE, NOTICES, News,
    NoticeChoice, UPLOADS, delivery_content, inbox_content, upload,
};
use kenpo_express::wire::employer;
use kenpo_express::wire::page::Page;
use kenpo_express::wire::problem::Code;
use kenpo_express::wire::tus::{self, Metadata};
use kenpo_express::wire::union::{AcknowledgementOutcome as Outcome, Handshake};

use crate::relay_delivery_support::{World, creation, part, users, whole};
use crate::support::http::{json, request};
use crate::support::relay::parcel;
use crate::support::soon::soon;

#[tokio::test]
async fn a_message_goes_to_its_users_and_their_receipts_come_back() {
    let world = World::start().await;
    let id = world.deposit(&["taro-2", "hanako-1"], 10_000).await;
    let (bytes, tag) = parcel(10_000);

    let inbox: Page<InboxParcel> = world.app(&world.hanako).get(INBOX).await.json();
    let [waiting] = inbox.items.as_slice() else { panic!("{inbox:?}") };
    assert_eq!((waiting.id, waiting.size, waiting.tag, waiting.fetched_at), (id, 10_000, Some(tag), None));
    assert_eq!(waiting.expires_at, waiting.deposited_at + SignedDuration::from_hours(14 * 24));
    let handshake: Handshake = world.gateway().get("/union/v1/handshake").await.json();
    // A union that has seen later places knows by it that the relay has forgotten something.
    assert_eq!(handshake.newest_delivery, Some(waiting.cursor));
    let page: Page<DeliveryEvent> = world.gateway().get(EVENTS).await.json();
    assert!(handshake.newest_event.is_some() && handshake.newest_event == page.next);
    let signer = Certificate::from_der(&handshake.receipt_certificate.0).unwrap();
    let relayed = SignedReceipt::from_der(waiting.relayed.0.clone()).verify(&signer).unwrap();
    assert_eq!((relayed.message_id, relayed.stage, relayed.tag), (id, Stage::Relayed, Some(tag)));
    assert_eq!(world.delivery(id).await.state, DeliveryState::Waiting);

    let fetched = world.fetch(&world.hanako, id).await;
    assert!(fetched.status == 200 && fetched.body == bytes);
    let rest = request(Method::GET, &inbox_content(id)).header("range", "bytes=4000-").body(Body::empty()).unwrap();
    let rest = world.app(&world.hanako).send(rest).await.unwrap();
    assert!(rest.status == 206 && rest.body == bytes[4_000..]);
    let [verified, accepted] = [Stage::Verified, Stage::Accepted].map(|stage| world.receipt(&world.hanako, id, stage));
    let first = world.acknowledge(&world.hanako, vec![(id, Some(verified.clone()))]).await;
    assert_eq!(first, [Outcome::Acknowledged]);
    let again = vec![(id, Some(verified.clone())), (id, Some(accepted.clone())), (id, None)];
    assert_eq!(world.acknowledge(&world.hanako, again).await, [Outcome::AlreadyAcknowledged; 3]);
    assert!(world.inbox(&world.hanako).await.is_empty());
    assert_eq!(world.inbox(&world.taro).await, [id], "the other one has it still before him");

    let news = ["relayed", "fetched hanako-1", "acknowledged hanako-1", "receipt hanako-1", "receipt hanako-1"];
    assert_eq!(world.news(id).await, news);
    let shown = world.delivery(id).await;
    assert_eq!((shown.state, shown.kept), (DeliveryState::Fetched, true));
    assert_eq!(shown.relayed.as_ref(), Some(&waiting.relayed));
    let [hanako, taro] = shown.recipients.as_slice() else { panic!("{shown:?}") };
    assert_eq!((hanako.user.as_str(), taro.user.as_str()), ("hanako-1", "taro-2"));
    assert_eq!(hanako.receipts, [verified, accepted]);
    assert!(hanako.fetched_at.is_some() && hanako.acknowledged_at.is_some() && taro.fetched_at.is_none());
    let own = world.gateway().get(&delivery_content(id)).await;
    assert!(own.status == 200 && own.body == bytes);
}

#[tokio::test]
async fn an_upload_goes_on_and_says_whom_it_is_for() {
    let world = World::start().await;
    let (bytes, _) = parcel(3_000_000);
    let id = world.id();
    let to = ["taro-2", "hanako-1", "taro-2"];
    let create = || {
        let create = creation(id, &to, bytes.len()).header("content-type", tus::OFFSET_CONTENT_TYPE);
        create.body(Body::from(bytes[..1_000_000].to_vec())).unwrap()
    };
    let created = world.gateway().send(create()).await.unwrap();
    assert_eq!((created.status.as_u16(), created.header("location")), (201, Some(upload(id).as_str())));
    assert!(created.header(tus::UPLOAD_EXPIRES).is_some());
    let head =
        || request(Method::HEAD, &upload(id)).header(tus::TUS_RESUMABLE, tus::VERSION).body(Body::empty()).unwrap();
    let metadata = Metadata { message_id: id, recipients: users(&["hanako-1", "taro-2"]), place: None }.to_header();
    let standing = world.gateway().send(head()).await.unwrap();
    assert_eq!(standing.header(tus::UPLOAD_OFFSET), Some("1000000"));
    assert_eq!(standing.header(tus::UPLOAD_METADATA), Some(metadata.as_str()));
    assert_eq!(world.gateway().send(create()).await.unwrap().header(tus::UPLOAD_OFFSET), Some("1000000"));
    assert!(world.inbox(&world.hanako).await.is_empty());
    let done = world.gateway().send(part(id, 1_000_000, &bytes[1_000_000..])).await.unwrap();
    assert_eq!((done.status.as_u16(), done.header(tus::UPLOAD_EXPIRES)), (204, None));
    let standing = world.gateway().send(head()).await.unwrap();
    assert_eq!(standing.header(tus::UPLOAD_METADATA), Some(metadata.as_str()));
    assert!(world.fetch(&world.taro, id).await.body == bytes);
    // The same again is found again, anything else is not the same.
    assert_eq!(world.gateway().send(create()).await.unwrap().header(tus::UPLOAD_OFFSET), Some("3000000"));
    for (to, size) in [(&["hanako-1"][..], 3_000_000), (&to[..], 2_999_999)] {
        let other = creation(id, to, size).body(Body::empty()).unwrap();
        assert_eq!(world.gateway().send(other).await.unwrap().code(), Code::ParcelConflict);
    }
}

#[tokio::test]
async fn what_the_union_says_to_itself_is_kept_for_it_alone() {
    let world = World::start().await;
    let (bytes, _) = parcel(2_000_000);
    let id = world.id();
    let say = |word: Option<&[u8]>| {
        let place = word.map(|word| Der(word.to_vec()));
        let metadata = Metadata { message_id: id, recipients: users(&["hanako-1"]), place }.to_header();
        request(Method::POST, UPLOADS)
            .header(tus::TUS_RESUMABLE, tus::VERSION)
            .header(tus::UPLOAD_LENGTH, bytes.len())
            .header(tus::UPLOAD_METADATA, metadata)
    };
    let ask = |word| say(word).body(Body::empty()).unwrap();
    assert_eq!(world.gateway().send(ask(Some(&[7; MAX_PLACE + 1]))).await.unwrap().code(), Code::RequestMalformed);
    assert_eq!(world.gateway().send(ask(Some(b"first sealing"))).await.unwrap().status, 201);
    assert_eq!(world.gateway().send(part(id, 0, &bytes[..500_000])).await.unwrap().status, 204);
    // The bytes of another sealing of the message are not put behind those of the first.
    for other in [Some(&b"second sealing"[..]), None] {
        assert_eq!(world.gateway().send(ask(other)).await.unwrap().code(), Code::ParcelConflict);
    }
    let delete = request(Method::DELETE, &upload(id)).header(tus::TUS_RESUMABLE, tus::VERSION);
    assert_eq!(world.gateway().send(delete.body(Body::empty()).unwrap()).await.unwrap().status, 204);
    let again = world.gateway().send(ask(Some(b"second sealing"))).await.unwrap();
    assert_eq!((again.status.as_u16(), again.header(tus::UPLOAD_OFFSET)), (201, Some("0")));
    assert_eq!(world.gateway().send(part(id, 0, &bytes)).await.unwrap().status, 204);
    assert_eq!(world.gateway().send(ask(Some(b"first sealing"))).await.unwrap().code(), Code::ParcelConflict);
    let inbox = world.app(&world.hanako).get(INBOX).await;
    assert!(!String::from_utf8(inbox.body.to_vec()).unwrap().contains("place"));
    // It stays when the bytes are gone.
    world.acknowledge(&world.hanako, vec![(id, None)]).await;
    world.days_later(30).await;
    let shown = world.delivery(id).await;
    assert_eq!((shown.kept, shown.place), (false, Some(Der(b"second sealing".to_vec()))));
    // An employer has nothing to say to itself here.
    let metadata = Metadata { place: Some(Der(vec![1])), ..Metadata::to_union(world.id()) };
    let employer = request(Method::POST, employer::UPLOADS)
        .header(tus::TUS_RESUMABLE, tus::VERSION)
        .header(tus::UPLOAD_LENGTH, 300)
        .header(tus::UPLOAD_METADATA, metadata.to_header());
    let refused = world.app(&world.hanako).send(employer.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(refused.code(), Code::RequestMalformed);
}

#[tokio::test]
async fn recipients_are_enabled_users_of_this_union() {
    let world = World::start().await;
    let other = world.relay.union("06654321").await;
    world.relay.user(&other, "jiro-3").await;
    assert_eq!(world.relay.disable(&world.union, "taro-2").await.status, 200);
    let many: Vec<String> = (0..201).map(|number| format!("u{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for to in [&["nobody"][..], &["hanako-1", "taro-2"], &["jiro-3"], &[], &many] {
        for size in [300, 3_000_000] {
            let create = match size {
                300 => whole(world.id(), to, size),
                _ => creation(world.id(), to, size).body(Body::empty()).unwrap(),
            };
            assert_eq!(world.gateway().send(create).await.unwrap().code(), Code::RecipientRefused, "{to:?}");
        }
    }
    let page: Page<Delivery> = world.gateway().get(DELIVERIES).await.json();
    assert!(page.items.is_empty());
    let employer = request(Method::POST, employer::UPLOADS)
        .header(tus::TUS_RESUMABLE, tus::VERSION)
        .header(tus::UPLOAD_LENGTH, 300)
        .header(
            tus::UPLOAD_METADATA,
            Metadata { message_id: world.id(), recipients: users(&["hanako-1"]), place: None }.to_header(),
        );
    let refused = world.app(&world.hanako).send(employer.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(refused.code(), Code::RequestMalformed);
}

#[tokio::test]
async fn an_id_is_a_parcels_or_a_deliverys() {
    let world = World::start().await;
    let to_union = |id| {
        request(Method::POST, employer::UPLOADS)
            .header(tus::TUS_RESUMABLE, tus::VERSION)
            .header(tus::UPLOAD_LENGTH, 300)
            .header(tus::UPLOAD_METADATA, Metadata::to_union(id).to_header())
            .header("content-type", tus::OFFSET_CONTENT_TYPE)
            .body(Body::from(parcel(300).0))
            .unwrap()
    };
    let delivered = world.deposit(&["hanako-1"], 300).await;
    let (begun, sent, withdrawn) = (world.id(), world.id(), world.id());
    let unfinished = creation(begun, &["hanako-1"], 400).body(Body::empty()).unwrap();
    assert_eq!(world.gateway().send(unfinished).await.unwrap().status, 201);
    assert_eq!(world.withdraw(withdrawn, &[]).await.status, 200);
    for id in [delivered, begun, withdrawn] {
        assert_eq!(world.app(&world.hanako).send(to_union(id)).await.unwrap().code(), Code::ParcelConflict);
    }
    assert_eq!(world.app(&world.hanako).send(to_union(sent)).await.unwrap().status, 201);
    assert_eq!(world.gateway().send(whole(sent, &["taro-2"], 300)).await.unwrap().code(), Code::ParcelConflict);
    assert_eq!(world.withdraw(sent, &[]).await.code(), Code::ParcelConflict);
}

#[tokio::test]
async fn a_receipt_counts_when_that_very_user_signed_it_about_that_message() {
    let world = World::start().await;
    let (id, other) = (world.deposit(&["hanako-1"], 300).await, world.deposit(&["hanako-1"], 300).await);
    let now = world.relay.clock.now();
    for wrong in [
        world.receipt(&world.taro, id, Stage::Verified),
        world.receipt(&world.hanako, other, Stage::Verified),
        world.receipt(&world.hanako, id, Stage::Relayed),
        world.union.receipt(id, Stage::Verified, now),
        Der(b"no receipt".to_vec()),
    ] {
        let outcomes = world.acknowledge(&world.hanako, vec![(id, Some(wrong))]).await;
        assert_eq!(outcomes, [Outcome::ReceiptRefused]);
    }
    assert_eq!(world.news(id).await, ["relayed"]);
    assert_eq!(world.acknowledge(&world.taro, vec![(id, None), (world.id(), None)]).await, [Outcome::Unknown; 2]);
    // What cannot be verified is acknowledged without a receipt; having it means having fetched it.
    assert_eq!(world.acknowledge(&world.hanako, vec![(id, None)]).await, [Outcome::Acknowledged]);
    assert_eq!(world.news(id).await, ["relayed", "fetched hanako-1", "acknowledged hanako-1"]);
    // Nobody fills the relay with receipts.
    let mut refused = 0;
    for _ in 0..40 {
        let receipt = world.receipt(&world.hanako, id, Stage::Accepted);
        let outcomes = world.acknowledge(&world.hanako, vec![(id, Some(receipt))]).await;
        refused += usize::from(outcomes == [Outcome::ReceiptRefused]);
    }
    assert!((5..35).contains(&refused), "{refused}");
}

#[tokio::test]
async fn long_polls_wake_for_their_own_only() {
    let world = World::start().await;
    let inbox = |user| {
        let app = world.app(user);
        tokio::spawn(async move { app.get(&format!("{INBOX}?wait=60")).await.json::<Page<InboxParcel>>() })
    };
    let (hanako, taro) = (inbox(&world.hanako), inbox(&world.taro));
    let gateway = world.gateway();
    let events =
        tokio::spawn(async move { gateway.get(&format!("{EVENTS}?wait=60")).await.json::<Page<DeliveryEvent>>() });
    soon("all three wait", async || {
        assert!(!hanako.is_finished() && !taro.is_finished() && !events.is_finished());
        world.relay.running().app.metrics.long_polls.get() == 3
    })
    .await;
    let id = world.deposit(&["hanako-1"], 300).await;
    let page = tokio::time::timeout(Duration::from_secs(20), hanako).await.unwrap().unwrap();
    assert_eq!(page.items[0].id, id);
    let page = tokio::time::timeout(Duration::from_secs(20), events).await.unwrap().unwrap();
    assert!(matches!(&page.items[..], [DeliveryEvent { news: News::Relayed { .. }, .. }]), "{page:?}");
    assert!(!taro.is_finished());
    taro.abort();
    // Whose line breaks waits no more.
    let metrics = &world.relay.running().app.metrics;
    soon("whose line is broken waits no more", async || metrics.long_polls.get() == 0).await;
}

#[tokio::test]
async fn pages_of_deliveries_follow_each_other_and_stay_small() {
    let world = World::start().await;
    let crowd: Vec<String> = (0..120).map(|number| format!("u{number:03}")).collect();
    let mut transaction = world.relay.running().app.database.write().await.unwrap();
    for user in &crowd {
        let (insurer, office) = (&world.union.insurer, crate::support::relay::office());
        let registration = kenpo_express::store::relay::users::Registration {
            office,
            certificates: vec![],
            devices: vec![],
            login: None,
        };
        let user = user.parse().unwrap();
        let now = world.relay.clock.now();
        kenpo_express::store::relay::users::put(&mut transaction, insurer, &user, &registration, now).await.unwrap();
    }
    world.relay.running().app.database.commit(transaction).await.unwrap();
    let crowd: Vec<&str> = crowd.iter().map(String::as_str).collect();
    let mut sent = Vec::new();
    for to in [&crowd[..], &["hanako-1"], &crowd[..], &["taro-2"], &["hanako-1"]] {
        sent.push(world.deposit(to, 300).await);
    }
    let mut seen = Vec::new();
    let mut query = String::new();
    let mut sizes = Vec::new();
    loop {
        let page: Page<Delivery> = world.gateway().get(&format!("{DELIVERIES}?limit=3{query}")).await.json();
        sizes.push(page.items.len());
        seen.extend(page.items.iter().map(|delivery| delivery.id));
        let Some(next) = page.next.filter(|_| page.more) else { break };
        query = format!("&after={}", next.0);
    }
    assert_eq!((seen, sizes), (sent, vec![2, 3]));
}

#[tokio::test]
async fn users_choose_their_mails() {
    let world = World::start().await;
    let app = world.app(&world.hanako);
    assert_eq!(app.get(NOTICES).await.json::<NoticeChoice>(), NoticeChoice::default());
    let choice = NoticeChoice { received: false, sent: true };
    assert_eq!(app.send(json(Method::PUT, NOTICES, &choice)).await.unwrap().status, 204);
    assert_eq!(app.get(NOTICES).await.json::<NoticeChoice>(), choice);
    assert_eq!(world.app(&world.taro).get(NOTICES).await.json::<NoticeChoice>(), NoticeChoice::default());
    let wrong = json(Method::PUT, NOTICES, &serde_json::json!({ "all": false }));
    assert_eq!(app.send(wrong).await.unwrap().code(), Code::RequestMalformed);
}
