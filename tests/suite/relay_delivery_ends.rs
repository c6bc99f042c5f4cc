//! How deliveries end: taken back, too late, the user disabled, everybody has it. And who is reminded before that.

use axum::body::Body;
use hyper::Method;
use kenpo_express::domain::ids::MessageId;
use kenpo_express::message::receipt::Stage;
use kenpo_express::relay::bytes::{Key, ParcelStore};
use kenpo_express::relay::tasks::sweep;
use kenpo_express::store::relay::usage;
use kenpo_express::wire::delivery::{DeliveryState, WithdrawalAnswer, delivery_content, inbox_content, reminder};
use kenpo_express::wire::problem::Code;
use kenpo_express::wire::union::AcknowledgementOutcome as Outcome;

use crate::relay_delivery_support::{World, creation, part, whole};
use crate::support::faulty::Fault;
use crate::support::http::{get, request};
use crate::support::relay::parcel;
use crate::support::soon::soon;

async fn has_bytes(world: &World, id: MessageId) -> bool {
    world.relay.store.size(&Key { union: world.union.insurer.clone(), id }).await.is_ok()
}

/// What the union has under way and waiting, and what lies here beside that: bytes, items, kept bytes.
async fn used(world: &World) -> (u64, u64, u64) {
    let usage = usage::of(world.relay.running().app.database.read(), &world.union.insurer, None).await.unwrap();
    (usage.bytes, usage.items, usage.kept_bytes)
}

async fn remind(world: &World, id: MessageId) -> Code {
    let answer = world.gateway().send(request(Method::POST, &reminder(id)).body(Body::empty()).unwrap()).await.unwrap();
    if answer.status == 200 { Code::Unknown } else { answer.code() }
}

#[tokio::test]
async fn what_nobody_has_fetched_is_taken_back() {
    let world = World::start().await;
    let id = world.deposit(&["hanako-1", "taro-2"], 300).await;
    let taken: WithdrawalAnswer = world.withdraw(id, &["hanako-1", "taro-2"]).await.json();
    assert!(!taken.collected);
    assert!(world.inbox(&world.hanako).await.is_empty());
    assert_eq!(world.fetch(&world.hanako, id).await.code(), Code::DeliveryEnded);
    assert_eq!(world.acknowledge(&world.hanako, vec![(id, None)]).await, [Outcome::Unknown]);
    assert_eq!(world.news(id).await, ["relayed", "withdrawn", "deleted"]);
    let shown = world.delivery(id).await;
    assert_eq!((shown.state, shown.kept), (DeliveryState::Withdrawn, false));
    assert!(!has_bytes(&world, id).await);
    assert_eq!(used(&world).await, (0, 0, 0));
    assert_eq!(world.gateway().get(&delivery_content(id)).await.code(), Code::DeliveryEnded);
    let statement = (id, format!("statement about {id}").into_bytes());
    assert_eq!(world.withdrawals(&world.hanako).await, std::slice::from_ref(&statement));
    assert_eq!(world.withdrawals(&world.taro).await, [statement]);
    // The same again is the same, and it cannot be sent again.
    let again: WithdrawalAnswer = world.withdraw(id, &[]).await.json();
    assert_eq!(again.at.as_microsecond(), taken.at.as_microsecond());
    let deposit = world.gateway().send(whole(id, &["hanako-1", "taro-2"], 300)).await.unwrap();
    assert_eq!(deposit.code(), Code::DeliveryEnded);
    assert_eq!(world.news(id).await.len(), 3);
}

#[tokio::test]
async fn what_somebody_has_fetched_is_not_taken_back() {
    let world = World::start().await;
    let id = world.deposit(&["hanako-1", "taro-2"], 300).await;
    // A part is enough, and one that is outside gives nothing away.
    let ask = |range| request(Method::GET, &inbox_content(id)).header("range", range).body(Body::empty()).unwrap();
    assert_eq!(world.app(&world.hanako).send(ask("bytes=300-")).await.unwrap().status, 416);
    assert_eq!(world.news(id).await, ["relayed"]);
    assert_eq!(world.app(&world.hanako).send(ask("bytes=299-")).await.unwrap().status, 206);
    assert_eq!(world.withdraw(id, &[]).await.code(), Code::DeliveryCollected);
    assert_eq!(world.inbox(&world.taro).await, [id]);
    assert!(world.withdrawals(&world.taro).await.is_empty());
}

#[tokio::test]
async fn what_has_not_come_yet_never_will() {
    let world = World::start().await;
    let (never, begun) = (world.id(), world.id());
    let (bytes, _) = parcel(3_000_000);
    let create = creation(begun, &["hanako-1"], bytes.len()).body(Body::empty()).unwrap();
    assert_eq!(world.gateway().send(create).await.unwrap().status, 201);
    assert_eq!(world.gateway().send(part(begun, 0, &bytes[..1_000_000])).await.unwrap().status, 204);
    for id in [never, begun] {
        assert_eq!(world.withdraw(id, &["hanako-1", "nobody"]).await.status, 200);
        let shown = world.delivery(id).await;
        assert_eq!((shown.state, shown.size, shown.kept, shown.relayed), (DeliveryState::Withdrawn, 0, false, None));
        assert_eq!(shown.statement.unwrap().0, format!("statement about {id}").into_bytes());
        assert_eq!(shown.recipients.iter().map(|who| who.user.as_str()).collect::<Vec<_>>(), ["hanako-1"]);
        let deposit = world.gateway().send(whole(id, &["hanako-1"], 300)).await.unwrap();
        assert_eq!(deposit.code(), Code::DeliveryEnded);
        assert_eq!(world.news(id).await, ["withdrawn"]);
    }
    let rest = world.gateway().send(part(begun, 1_000_000, &bytes[1_000_000..])).await.unwrap();
    assert_eq!(rest.code(), Code::DeliveryEnded);
    assert_eq!(used(&world).await, (0, 0, 0));
    assert!(!has_bytes(&world, begun).await);
    assert_eq!(world.withdrawals(&world.hanako).await.len(), 2);
    assert!(world.withdrawals(&world.taro).await.is_empty());
}

#[tokio::test]
async fn what_is_taken_back_while_its_bytes_come_leaves_none() {
    let world = World::start().await;
    let (bytes, _) = parcel(2_000_000);
    let id = world.id();
    let create = creation(id, &["hanako-1"], bytes.len()).body(Body::empty()).unwrap();
    assert_eq!(world.gateway().send(create).await.unwrap().status, 201);
    let (feed, body) = tokio::sync::mpsc::channel::<Result<bytes::Bytes, std::io::Error>>(1);
    let body = futures_util::stream::unfold(body, |mut body| async { body.recv().await.map(|item| (item, body)) });
    let (head, _) = part(id, 0, &[]).into_parts();
    let running = hyper::Request::from_parts(head, Body::from_stream(body));
    let gateway = world.gateway();
    let running = tokio::spawn(async move { gateway.send(running).await.unwrap() });
    for half in bytes.chunks(1_000_000) {
        if half.as_ptr() != bytes.as_ptr() {
            // The first half is on its way: the upload has its writer.
            let key = Key { union: world.union.insurer.clone(), id };
            soon("the upload has its writer", async || {
                assert!(!running.is_finished());
                world.relay.running().app.locks.take(&key).is_none()
            })
            .await;
            assert_eq!(world.withdraw(id, &["hanako-1"]).await.status, 200);
        }
        feed.send(Ok(bytes::Bytes::copy_from_slice(half))).await.unwrap();
    }
    drop(feed);
    assert_eq!(running.await.unwrap().code(), Code::DeliveryEnded);
    assert!(!has_bytes(&world, id).await);
    assert_eq!(sweep(&world.relay.running().app).await, Ok(0));
    assert_eq!(world.news(id).await, ["withdrawn"]);
    assert!(world.inbox(&world.hanako).await.is_empty());
}

#[tokio::test]
async fn what_nobody_fetches_in_time_ends_and_its_bytes_go_later() {
    let world = World::start_with(|config| config.deliveries.reminder_days = vec![]).await;
    let id = world.deposit(&["hanako-1"], 300).await;
    world.days_later(13).await;
    assert_eq!(world.inbox(&world.hanako).await, [id]);
    // At the very moment, whether or not the task has run.
    world.relay.clock.advance(jiff::SignedDuration::from_hours(24));
    assert!(world.inbox(&world.hanako).await.is_empty());
    assert_eq!(world.fetch(&world.hanako, id).await.code(), Code::DeliveryEnded);
    assert_eq!(world.news(id).await, ["relayed"]);
    world.days_later(0).await;
    assert_eq!(world.news(id).await, ["relayed", "expired"]);
    assert_eq!((world.delivery(id).await.state, used(&world).await), (DeliveryState::Expired, (0, 0, 300)));
    // The union explains the number that is missing now.
    assert_eq!(world.withdraw(id, &["hanako-1"]).await.status, 200);
    assert_eq!(world.withdrawals(&world.hanako).await.len(), 1);
    assert_eq!(world.gateway().get(&delivery_content(id)).await.status, 200);
    world.days_later(7).await;
    assert_eq!(world.news(id).await, ["relayed", "expired", "deleted"]);
    let shown = world.delivery(id).await;
    assert_eq!((shown.state, shown.kept, used(&world).await), (DeliveryState::Expired, false, (0, 0, 0)));
    assert!(!has_bytes(&world, id).await);
}

#[tokio::test]
async fn time_ends_for_those_only_who_have_not_fetched_it() {
    let world = World::start().await;
    let id = world.deposit(&["hanako-1", "taro-2"], 300).await;
    assert_eq!(world.fetch(&world.hanako, id).await.status, 200);
    world.days_later(15).await;
    assert_eq!(world.fetch(&world.hanako, id).await.status, 200);
    assert_eq!(world.fetch(&world.taro, id).await.code(), Code::DeliveryEnded);
    assert_eq!(world.delivery(id).await.state, DeliveryState::Fetched);
    // To him the union explains it, which is told that it has to.
    assert!(world.news(id).await.contains(&"expired taro-2".to_owned()));
    let answer: WithdrawalAnswer = world.withdraw(id, &["taro-2"]).await.json();
    assert!(answer.collected, "it was not taken back");
    assert_eq!((world.withdrawals(&world.hanako).await.len(), world.withdrawals(&world.taro).await.len()), (0, 1));
    world.days_later(7).await;
    assert_eq!(world.fetch(&world.hanako, id).await.code(), Code::DeliveryEnded);
    assert!(world.inbox(&world.hanako).await.is_empty());
    // Who had it before says so afterwards.
    let receipt = world.receipt(&world.hanako, id, Stage::Verified);
    assert_eq!(world.acknowledge(&world.hanako, vec![(id, Some(receipt))]).await, [Outcome::Acknowledged]);
    assert_eq!(world.acknowledge(&world.taro, vec![(id, None)]).await, [Outcome::Unknown]);
    let news = world.news(id).await;
    let ends = ["deleted", "acknowledged hanako-1", "receipt hanako-1"];
    assert!(
        news.starts_with(&["relayed".into(), "fetched hanako-1".into()]) && news.ends_with(&ends.map(String::from))
    );
    assert!(!news.contains(&"expired".to_owned()), "{news:?}");
    assert_eq!(news.iter().filter(|one| one.starts_with("expired")).count(), 1, "{news:?}");
}

#[tokio::test]
async fn what_everybody_has_is_kept_for_its_grace_time() {
    let world = World::start().await;
    let id = world.deposit(&["hanako-1", "taro-2"], 300).await;
    world.acknowledge(&world.hanako, vec![(id, None)]).await;
    assert_eq!(used(&world).await, (300, 1, 0));
    world.acknowledge(&world.taro, vec![(id, None)]).await;
    assert_eq!(used(&world).await, (0, 0, 300));
    world.days_later(6).await;
    assert_eq!(world.gateway().get(&delivery_content(id)).await.status, 200);
    world.days_later(1).await;
    assert_eq!(world.gateway().get(&delivery_content(id)).await.code(), Code::DeliveryEnded);
    assert_eq!(world.news(id).await.last().unwrap(), "deleted");
    assert_eq!(used(&world).await, (0, 0, 0));
    let news = world.news(id).await.len();
    world.days_later(30).await;
    assert_eq!(world.news(id).await.len(), news);
}

#[tokio::test]
async fn a_disabled_user_can_have_nothing_more_and_the_others_can() {
    let world = World::start().await;
    let shared = world.deposit(&["hanako-1", "taro-2"], 300).await;
    let (own, had) = (world.deposit(&["hanako-1"], 300).await, world.deposit(&["hanako-1"], 300).await);
    assert_eq!(world.fetch(&world.hanako, own).await.status, 200);
    assert_eq!(world.acknowledge(&world.hanako, vec![(had, None)]).await, [Outcome::Acknowledged]);
    assert_eq!(world.relay.disable(&world.union, "hanako-1").await.status, 200);
    assert_eq!(world.news(shared).await, ["relayed", "dropped hanako-1"]);
    assert_eq!(world.news(own).await, ["relayed", "fetched hanako-1", "dropped hanako-1"]);
    assert_eq!(world.news(had).await, ["relayed", "fetched hanako-1", "acknowledged hanako-1"]);
    assert_eq!(world.inbox(&world.taro).await, [shared]);
    let recipients = world.delivery(shared).await.recipients;
    assert_eq!(recipients.iter().map(|who| who.dropped_at.is_some()).collect::<Vec<_>>(), [true, false]);
    assert_eq!(used(&world).await, (300, 1, 600));
    // Enabled again, with another PC: what was dropped stays so.
    let back = world.relay.user(&world.union, "hanako-1").await;
    assert!(world.inbox(&back).await.is_empty());
    for id in [shared, own] {
        assert_eq!(world.fetch(&back, id).await.code(), Code::DeliveryEnded);
        assert_eq!(world.acknowledge(&back, vec![(id, None)]).await, [Outcome::Unknown]);
    }
    assert_eq!(world.relay.disable(&world.union, "hanako-1").await.status, 200);
    assert_eq!(world.news(own).await.len(), 3);
    // Nobody has fetched this one: it can be taken back.
    assert_eq!(world.withdraw(shared, &[]).await.status, 200);
}

#[tokio::test]
async fn a_user_who_is_disabled_during_an_upload_is_dropped_from_it() {
    let world = World::start().await;
    let (bytes, _) = parcel(2_000_000);
    let id = world.id();
    let create = creation(id, &["hanako-1", "taro-2"], bytes.len()).body(Body::empty()).unwrap();
    assert_eq!(world.gateway().send(create).await.unwrap().status, 201);
    assert_eq!(world.relay.disable(&world.union, "taro-2").await.status, 200);
    assert_eq!(world.gateway().send(part(id, 0, &bytes)).await.unwrap().status, 204);
    assert_eq!(world.news(id).await, ["relayed", "dropped taro-2"]);
    assert_eq!(world.inbox(&world.hanako).await, [id]);
}

#[tokio::test]
async fn a_download_breaks_off_when_its_user_is_disabled() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let world = World::start().await;
    let size = 64_000_000;
    let id = world.id();
    assert_eq!(world.gateway().send(whole(id, &["hanako-1"], size)).await.unwrap().status, 201);
    let session = world.relay.session_of(&world.hanako);
    let mut line = world.app(&world.hanako).raw().await.unwrap();
    let ask = format!("GET {} HTTP/1.1\r\nhost: relay\r\nauthorization: Bearer {session}\r\n\r\n", inbox_content(id));
    line.write_all(ask.as_bytes()).await.unwrap();
    let mut first = vec![0; 1_000_000];
    line.read_exact(&mut first).await.unwrap();
    assert_eq!(world.relay.disable(&world.union, "hanako-1").await.status, 200);
    let mut rest = Vec::new();
    // Cut off or ended early: in any case not all of it.
    let _ = line.read_to_end(&mut rest).await;
    assert!(rest.len() < size / 2, "{} bytes after the disabling", rest.len());
}

#[tokio::test]
async fn who_has_not_fetched_it_is_reminded() {
    let world = World::start().await;
    let id = world.deposit(&["hanako-1", "taro-2"], 300).await;
    world.fetch(&world.taro, id).await;
    let reminded = async || world.news(id).await.iter().filter(|news| news.starts_with("reminded hanako-1")).count();
    world.days_later(2).await;
    assert_eq!(reminded().await, 0);
    world.days_later(1).await;
    assert_eq!(reminded().await, 1);
    // Asked for on the same day: not twice.
    assert_eq!((remind(&world, id).await, reminded().await), (Code::Unknown, 1));
    world.days_later(2).await;
    assert_eq!((remind(&world, id).await, reminded().await), (Code::Unknown, 2));
    world.days_later(4).await;
    assert_eq!(reminded().await, 3);
    world.days_later(3).await;
    assert_eq!(reminded().await, 3);
    assert!(!world.news(id).await.contains(&"reminded taro-2".to_owned()));
    world.days_later(3).await;
    assert_eq!(remind(&world, id).await, Code::DeliveryEnded, "its time is over");
    let gone = world.deposit(&["taro-2"], 300).await;
    world.withdraw(gone, &[]).await;
    assert_eq!(remind(&world, gone).await, Code::DeliveryEnded);
    assert_eq!(remind(&world, world.id()).await, Code::ParcelUnknown);
}

#[tokio::test]
async fn the_unions_quota_counts_what_it_sends() {
    let world = World::start_with(|config| {
        config.quota.union_bytes = 1_000;
        config.quota.user_bytes = 10;
    })
    .await;
    let first = world.deposit(&["hanako-1"], 600).await;
    let refused = world.gateway().send(whole(world.id(), &["hanako-1"], 600)).await.unwrap();
    assert_eq!(refused.code(), Code::QuotaExceeded);
    world.acknowledge(&world.hanako, vec![(first, None)]).await;
    world.deposit(&["hanako-1"], 600).await;
}

#[tokio::test]
async fn bytes_that_cannot_be_deleted_hold_up_no_others() {
    let world = World::start().await;
    let (stays, goes) = (world.deposit(&["hanako-1"], 300).await, world.deposit(&["hanako-1"], 300).await);
    for id in [stays, goes] {
        world.acknowledge(&world.hanako, vec![(id, None)]).await;
    }
    world.relay.store.fail(Fault::Delete(stays));
    world.relay.clock.advance(jiff::SignedDuration::from_hours(24 * 8));
    let app = &world.relay.running().app;
    assert_eq!(kenpo_express::relay::tasks::end_deliveries(app).await, Err("deliveries.not-deleted"));
    assert!(has_bytes(&world, stays).await && !has_bytes(&world, goes).await);
    world.relay.store.fail(Fault::Put);
    assert_eq!(kenpo_express::relay::tasks::end_deliveries(app).await, Ok(()));
    assert!(!has_bytes(&world, stays).await);
}

#[tokio::test]
async fn metrics_count_deliveries_and_name_nobody() {
    let world = World::start().await;
    let id = world.deposit(&["hanako-1"], 4_000).await;
    world.fetch(&world.hanako, id).await;
    world.fetch(&world.hanako, id).await;
    let metrics = world.relay.watch("/metrics").await;
    for line in [
        "kx_relay_deliveries_deposited_total 1",
        "kx_relay_deliveries_deposited_bytes_total 4000",
        "kx_relay_deliveries_waiting 1",
        "kx_relay_deliveries_waiting_bytes 4000",
        r#"kx_relay_deliveries_fetched_total{time="first"} 1"#,
        r#"kx_relay_deliveries_fetched_total{time="again"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    for secret in [id.to_string().as_str(), "hanako", "06123456"] {
        assert!(!metrics.contains(secret), "{secret}");
    }
    let unknown = world.gateway().send(get(&delivery_content(world.id()))).await.unwrap();
    assert_eq!(unknown.code(), Code::ParcelUnknown);
}
