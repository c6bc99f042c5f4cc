//! What a union's gateway does at the VPN listener: list, fetch, acknowledge.

use std::time::Duration;

use axum::body::Body;
use hyper::Method;
use jiff::SignedDuration;
use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::ids::MessageId;
use kenpo_express::message::keys::Credential;
use kenpo_express::message::receipt::Stage;
use kenpo_express::relay::tasks::purge;
use kenpo_express::wire::Der;
use kenpo_express::wire::employer::{SENT, SentParcel, SentState, UPLOADS, UnionInfo, sent};
use kenpo_express::wire::page::Page;
use kenpo_express::wire::problem::Code;
use kenpo_express::wire::tus::{self, Metadata};
use kenpo_express::wire::union::{
    ACKNOWLEDGEMENTS, Acknowledgement, AcknowledgementOutcome as Outcome, AcknowledgementResults, Acknowledgements,
    Handshake, PARCELS, Parcel, parcel_content,
};

use crate::support::http::{Answer, get, json, request};
use crate::support::relay::{RelayWorld, UnionWorld, message_id, parcel};
use crate::support::soon::{soon, within};

async fn deposit(relay: &RelayWorld, user: &Credential, size: usize) -> MessageId {
    let id = message_id(relay.clock.as_ref());
    let create = request(Method::POST, UPLOADS)
        .header(tus::TUS_RESUMABLE, tus::VERSION)
        .header(tus::UPLOAD_LENGTH, size)
        .header(tus::UPLOAD_METADATA, Metadata::to_union(id).to_header())
        .header("content-type", tus::OFFSET_CONTENT_TYPE)
        .body(Body::from(parcel(size).0));
    assert_eq!(relay.employer(user).send(create.unwrap()).await.unwrap().status, 201);
    id
}

async fn list(relay: &RelayWorld, union: &UnionWorld, query: &str) -> Page<Parcel> {
    relay.vpn(&union.gateway).get(&format!("{PARCELS}?{query}")).await.json()
}

fn ids(page: &Page<Parcel>) -> Vec<MessageId> {
    page.items.iter().map(|parcel| parcel.id).collect()
}

async fn acknowledge(relay: &RelayWorld, union: &UnionWorld, items: Vec<(MessageId, Option<Der>)>) -> Vec<Outcome> {
    let items = items.into_iter().map(|(id, receipt)| Acknowledgement { id, receipt }).collect();
    let post = json(Method::POST, ACKNOWLEDGEMENTS, &Acknowledgements { items });
    let answer = relay.vpn(&union.gateway).send(post).await.unwrap();
    answer.json::<AcknowledgementResults>().items.into_iter().map(|result| result.outcome).collect()
}

#[tokio::test]
async fn pages_follow_each_other_without_gap() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let user = relay.user(&union, "hanako-1").await;
    let mut sent = Vec::new();
    for _ in 0..5 {
        sent.push(deposit(&relay, &user, 500).await);
    }
    let first = list(&relay, &union, "limit=2").await;
    assert_eq!((ids(&first), first.more), (sent[..2].to_vec(), true));
    let second = list(&relay, &union, &format!("limit=2&after={}", first.next.unwrap().0)).await;
    assert_eq!((ids(&second), second.more), (sent[2..4].to_vec(), true));
    acknowledge(&relay, &union, vec![(sent[0], None), (sent[3], None)]).await;
    let third = list(&relay, &union, &format!("limit=2&after={}", second.next.unwrap().0)).await;
    assert_eq!((ids(&third), third.more), (sent[4..].to_vec(), false));
    let end = list(&relay, &union, &format!("after={}", third.next.unwrap().0)).await;
    assert_eq!((end.items.len(), end.next, end.more), (0, None, false));
    assert_eq!(ids(&list(&relay, &union, "").await), [sent[1], sent[2], sent[4]]);
    for wrong in ["limit=0", "limit=1001", "wait=61", "limit=x", "before=3", "after=1.5"] {
        let answer = relay.vpn(&union.gateway).get(&format!("{PARCELS}?{wrong}")).await;
        assert_eq!(answer.code(), Code::RequestMalformed, "{wrong}");
    }
}

#[tokio::test]
async fn a_long_poll_wakes_for_its_own_union_only() {
    let relay = RelayWorld::start().await;
    let (union, other) = (relay.union("06123456").await, relay.union("06654321").await);
    let (user, foreign) = (relay.user(&union, "hanako-1").await, relay.user(&other, "jiro-1").await);
    let client = relay.vpn(&union.gateway);
    let poll = tokio::spawn(async move { client.get(&format!("{PARCELS}?wait=60")).await });
    soon("the long poll waits", async || {
        assert!(!poll.is_finished());
        relay.running().app.metrics.long_polls.get() > 0
    })
    .await;
    deposit(&relay, &foreign, 300).await;
    assert!(!poll.is_finished());
    let id = deposit(&relay, &user, 300).await;
    let page: Page<Parcel> = tokio::time::timeout(Duration::from_secs(20), poll).await.unwrap().unwrap().json();
    assert_eq!(ids(&page), [id]);
    let again: Page<Parcel> = relay.vpn(&union.gateway).get(&format!("{PARCELS}?wait=60")).await.json();
    assert_eq!(ids(&again), [id]);
}

#[tokio::test]
async fn a_long_poll_ends_when_the_server_stops() {
    let mut relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let client = relay.vpn(&union.gateway);
    let poll = tokio::spawn(async move { client.get(&format!("{PARCELS}?wait=60")).await });
    soon("the long poll waits", async || {
        assert!(!poll.is_finished());
        relay.running().app.metrics.long_polls.get() > 0
    })
    .await;
    relay.stop().await;
    let page: Page<Parcel> = within("the long poll ends", poll).await.unwrap().json();
    assert!(page.items.is_empty());
}

#[tokio::test]
async fn content_comes_whole_or_in_parts() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let user = relay.user(&union, "hanako-1").await;
    let size = 900_000;
    let (bytes, _) = parcel(size);
    let id = deposit(&relay, &user, size).await;
    let mut line = relay.vpn(&union.gateway).connect().await.unwrap();
    let mut fetch = async |range: Option<&str>| -> Answer {
        let builder = request(Method::GET, &parcel_content(id));
        let builder = range.into_iter().fold(builder, |builder, range| builder.header("range", range));
        line.send(builder.body(Body::empty()).unwrap()).await.unwrap()
    };
    let whole = fetch(None).await;
    assert_eq!((whole.status.as_u16(), whole.header("content-length")), (200, Some("900000")));
    assert!(whole.body == bytes);
    for (range, start, end) in [("bytes=0-", 0, size), ("bytes=300001-", 300_001, size), ("bytes=7-9", 7, 10)] {
        let part = fetch(Some(range)).await;
        let told = format!("bytes {start}-{}/{size}", end - 1);
        assert_eq!((part.status.as_u16(), part.header("content-range")), (206, Some(told.as_str())), "{range}");
        assert!(part.body == bytes[start..end], "{range}");
    }
    let outside = fetch(Some("bytes=900000-")).await;
    assert_eq!((outside.status.as_u16(), outside.code()), (416, Code::RangeNotSatisfiable));
    assert_eq!(outside.header("content-range"), Some("bytes */900000"));
    let unknown = relay.vpn(&union.gateway).get(&parcel_content(message_id(relay.clock.as_ref()))).await;
    assert_eq!(unknown.code(), Code::ParcelUnknown);
}

#[tokio::test]
async fn acknowledging_again_changes_nothing() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let user = relay.user(&union, "hanako-1").await;
    let (first, second) = (deposit(&relay, &user, 300).await, deposit(&relay, &user, 300).await);
    let strange = message_id(relay.clock.as_ref());
    let now = relay.clock.now();
    let verified = union.receipt(first, Stage::Verified, now);
    let items = vec![(first, Some(verified.clone())), (strange, None), (second, None), (second, None)];
    let outcomes = acknowledge(&relay, &union, items.clone()).await;
    let twice = Outcome::AlreadyAcknowledged;
    assert_eq!(outcomes, [Outcome::Acknowledged, Outcome::Unknown, Outcome::Acknowledged, twice]);
    assert_eq!(acknowledge(&relay, &union, items).await, [twice, Outcome::Unknown, twice, twice]);
    let accepted = union.receipt(first, Stage::Accepted, now);
    assert_eq!(acknowledge(&relay, &union, vec![(first, Some(accepted.clone()))]).await, [twice]);

    let own: SentParcel = relay.employer(&user).get(&sent(first)).await.json();
    assert_eq!(own.state, SentState::Acknowledged);
    assert_eq!(own.receipts[1..], [verified, accepted]);
    let all: Page<SentParcel> = relay.employer(&user).get(SENT).await.json();
    assert_eq!(all.items.iter().map(|parcel| parcel.receipts.len()).collect::<Vec<_>>(), [3, 1]);
    assert!(list(&relay, &union, "").await.items.is_empty());
}

#[tokio::test]
async fn a_receipt_that_is_not_the_unions_own_is_refused_and_holds_up_nobody() {
    let relay = RelayWorld::start().await;
    let (union, other) = (relay.union("06123456").await, relay.union("06654321").await);
    let user = relay.user(&union, "hanako-1").await;
    let mut parcels = Vec::new();
    for _ in 0..5 {
        parcels.push(deposit(&relay, &user, 300).await);
    }
    let now = relay.clock.now();
    let outcomes = acknowledge(
        &relay,
        &union,
        vec![
            (parcels[0], Some(other.receipt(parcels[0], Stage::Verified, now))),
            (parcels[1], Some(union.receipt(parcels[2], Stage::Verified, now))),
            (parcels[2], Some(union.receipt(parcels[2], Stage::Relayed, now))),
            (parcels[3], Some(Der(b"no receipt".to_vec()))),
            (parcels[4], Some(union.receipt(parcels[4], Stage::Verified, now))),
        ],
    )
    .await;
    let refused = Outcome::ReceiptRefused;
    assert_eq!(outcomes, [refused, refused, refused, refused, Outcome::Acknowledged]);
    assert_eq!(ids(&list(&relay, &union, "").await), parcels[..4]);
    let items = vec![Acknowledgement { id: parcels[0], receipt: None }; 1_001];
    let post = json(Method::POST, ACKNOWLEDGEMENTS, &Acknowledgements { items });
    let too_many = relay.vpn(&union.gateway).send(post).await.unwrap();
    assert_eq!(too_many.code(), Code::RequestTooLarge);
}

#[tokio::test]
async fn acknowledged_bytes_stay_for_their_grace_time() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let user = relay.user(&union, "hanako-1").await;
    let (taken, waiting) = (deposit(&relay, &user, 300).await, deposit(&relay, &user, 300).await);
    acknowledge(&relay, &union, vec![(taken, None)]).await;
    let app = &relay.running().app;
    relay.clock.advance(SignedDuration::from_hours(7 * 24 - 1));
    assert_eq!(purge(app).await, Ok(0));
    assert_eq!(relay.vpn(&union.gateway).get(&parcel_content(taken)).await.status, 200);
    relay.clock.advance(SignedDuration::from_hours(2));
    assert_eq!(purge(app).await, Ok(1));
    assert_eq!(purge(app).await, Ok(0));
    assert_eq!(relay.vpn(&union.gateway).get(&parcel_content(taken)).await.code(), Code::ParcelUnknown);
    assert_eq!(relay.vpn(&union.gateway).get(&parcel_content(waiting)).await.status, 200);
    let own: SentParcel = relay.employer(&user).get(&sent(taken)).await.json();
    assert_eq!(own.state, SentState::Acknowledged);
}

#[tokio::test]
async fn what_was_acknowledged_is_listed_again_until_it_is_purged() {
    let relay = RelayWorld::start().await;
    let (union, other) = (relay.union("06123456").await, relay.union("06654321").await);
    let user = relay.user(&union, "hanako-1").await;
    let mut parcels = Vec::new();
    for _ in 0..4 {
        parcels.push(deposit(&relay, &user, 300).await);
    }
    let place = async |union: &UnionWorld| {
        let hello: Handshake = relay.vpn(&union.gateway).get("/union/v1/handshake").await.json();
        hello.acknowledged
    };
    assert_eq!(place(&union).await, None);
    // In the order of the acknowledgements, not of the parcels; told again is no new place.
    for index in [2, 0, 2] {
        acknowledge(&relay, &union, vec![(parcels[index], None)]).await;
    }
    relay.clock.advance(SignedDuration::from_hours(1));
    acknowledge(&relay, &union, vec![(parcels[1], None)]).await;
    let kept = list(&relay, &union, "state=acknowledged").await;
    assert_eq!((ids(&kept), kept.more), (vec![parcels[2], parcels[0], parcels[1]], false));
    assert_eq!(place(&union).await, kept.next);
    let after = format!("state=acknowledged&limit=1&after={}", kept.items[0].cursor.0);
    let rest = list(&relay, &union, &after).await;
    assert_eq!((ids(&rest), rest.more), (vec![parcels[0]], true));
    assert_eq!(relay.vpn(&union.gateway).get(&parcel_content(parcels[0])).await.status, 200);
    assert_eq!(ids(&list(&relay, &union, "state=waiting").await), parcels[3..]);
    assert!(list(&relay, &other, "state=acknowledged").await.items.is_empty());
    assert_eq!(place(&other).await, None);
    for wrong in ["state=acknowledged&wait=1", "state=purged", "state="] {
        let answer = relay.vpn(&union.gateway).get(&format!("{PARCELS}?{wrong}")).await;
        assert_eq!(answer.code(), Code::RequestMalformed, "{wrong}");
    }
    relay.clock.advance(SignedDuration::from_mins(7 * 24 * 60 - 30));
    assert_eq!(purge(&relay.running().app).await, Ok(2));
    assert_eq!(ids(&list(&relay, &union, "state=acknowledged").await), [parcels[1]]);
}

#[tokio::test]
async fn handshake_and_union_tell_who_is_there() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let user = relay.user(&union, "hanako-1").await;
    let first: Handshake = relay.vpn(&union.gateway).get("/union/v1/handshake").await.json();
    assert_eq!((first.union.as_str(), first.last_seen, first.now), ("06123456", None, relay.clock.now()));
    relay.clock.advance(SignedDuration::from_mins(5));
    let second: Handshake = relay.vpn(&union.gateway).get("/union/v1/handshake").await.json();
    let seen = second.last_seen.unwrap();
    assert_eq!(seen.as_microsecond(), first.now.as_microsecond());
    let info: UnionInfo = relay.employer(&user).get("/employer/v1/union").await.json();
    assert_eq!((info.union.as_str(), info.user.as_str(), info.office.as_str()), ("06123456", "hanako-1", "1234-A"));
    assert_eq!((info.certificates, info.receipt_certificate), (union.certificates(), first.receipt_certificate));
}

#[tokio::test]
async fn metrics_count_what_happened_without_labels_that_grow() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let user = relay.user(&union, "hanako-1").await;
    let id = deposit(&relay, &user, 4_000).await;
    relay.vpn(&union.gateway).send(get(&parcel_content(id))).await.unwrap();
    relay.vpn(&union.gateway).send(get("/no/such/route")).await.unwrap();
    let metrics = relay.watch("/metrics").await;
    for line in [
        "kx_relay_deposited_total 1",
        "kx_relay_deposited_bytes_total 4000",
        "kx_relay_parcels_waiting 1",
        "kx_relay_parcels_waiting_bytes 4000",
        "kx_relay_uploads_open 0",
        r#"kx_http_requests_total{listener="vpn",method="GET",route="/union/v1/parcels/{id}/content",status="200"} 1"#,
        r#"kx_http_requests_total{listener="vpn",method="GET",route="none",status="404"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    for secret in [id.to_string().as_str(), "hanako", "06123456"] {
        assert!(!metrics.contains(secret), "{secret}");
    }
    assert_eq!(relay.watch("/healthz").await, "alive\n");
    assert_eq!(relay.watch("/readyz").await, r#"{"ready":true,"reasons":[]}"#);
}
