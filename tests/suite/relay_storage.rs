//! Disks that fail, fill up or keep what nobody knows of: no byte in a wrong place, nothing left for ever.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use hyper::Method;
use jiff::SignedDuration;
use kenpo_express::domain::ids::MessageId;
use kenpo_express::relay::bytes::{Key, ParcelStore};
use kenpo_express::relay::tasks::{expire, purge, sweep};
use kenpo_express::wire::problem::Code;
use kenpo_express::wire::tus;
use kenpo_express::wire::union::{ACKNOWLEDGEMENTS, Acknowledgement, Acknowledgements, parcel_content};

use crate::relay_uploads::{World, append, chunk, create, create_with, delete, head, offset, settled_offset};
use crate::support::faulty::Fault;
use crate::support::http::json;
use crate::support::relay::parcel;

const MIB: u64 = 1024 * 1024;

fn key(world: &World, id: MessageId) -> Key {
    Key { union: world.union.insurer.clone(), id }
}

async fn has_bytes(world: &World, id: MessageId) -> bool {
    world.relay.store.size(&key(world, id)).await.is_ok()
}

async fn acknowledge(world: &World, id: MessageId) {
    let body = Acknowledgements { items: vec![Acknowledgement { id, receipt: None }] };
    let post = json(Method::POST, ACKNOWLEDGEMENTS, &body);
    assert_eq!(world.relay.vpn(&world.union.gateway).send(post).await.unwrap().status, 200);
}

#[tokio::test]
async fn bytes_after_a_failed_write_are_taken_back() {
    let world = World::start().await;
    let (bytes, _) = parcel(3_000_000);
    let id = world.id();
    world.client().send(create_with(id, bytes.len(), &bytes[..1_000_000])).await.unwrap();
    for fault in [Fault::Write, Fault::Sync] {
        world.relay.store.fail(fault);
        let failed = world.client().send(append(id, 1_000_000, &bytes[1_000_000..])).await;
        assert!(failed.is_err() || failed.unwrap().status == 500);
        let standing = settled_offset(&world.client(), id).await;
        assert!(world.relay.store.is_over());
        assert_eq!(standing, 1_000_000, "{fault:?}");
    }
    let done = world.client().send(append(id, 1_000_000, &bytes[1_000_000..])).await.unwrap();
    assert_eq!(done.status, 204);
    let content = world.relay.vpn(&world.union.gateway).get(&parcel_content(id)).await;
    assert!(content.body == bytes);
}

#[tokio::test]
async fn what_is_refused_or_fails_leaves_no_bytes() {
    let world = World::start_with(|config| config.quota.user_bytes = 100_000).await;
    let (bytes, _) = parcel(60_000);
    let (refused, halved) = (world.id(), world.id());
    let answer = world.client().send(create(refused, 100_001)).await.unwrap();
    assert_eq!(answer.code(), Code::QuotaExceeded);
    assert!(!has_bytes(&world, refused).await);
    world.relay.store.fail(Fault::Put);
    assert_eq!(world.client().send(create_with(halved, 60_000, &bytes)).await.unwrap().status, 500);
    assert!(!has_bytes(&world, halved).await);
    assert_eq!(world.client().send(create_with(halved, 60_000, &bytes)).await.unwrap().status, 201);
}

#[tokio::test]
async fn bytes_that_nobody_knows_of_are_swept_away() {
    let world = World::start().await;
    let (bytes, _) = parcel(60_000);
    let (parcel, upload, left_over, busy) = (world.id(), world.id(), world.id(), world.id());
    world.client().send(create_with(parcel, 60_000, &bytes)).await.unwrap();
    world.client().send(create_with(upload, 60_000, &bytes[..10_000])).await.unwrap();
    for id in [left_over, busy] {
        world.relay.store.put(&key(&world, id), Bytes::from_static(b"left over")).await.unwrap();
    }
    let app = &world.relay.running().app;
    let lock = app.locks.take(&key(&world, busy)).unwrap();
    assert_eq!(sweep(app).await, Ok(1));
    assert!(!has_bytes(&world, left_over).await);
    for id in [parcel, upload, busy] {
        assert!(has_bytes(&world, id).await);
    }
    drop(lock);
    assert_eq!(sweep(app).await, Ok(1));
    assert_eq!(sweep(app).await, Ok(0));
}

#[tokio::test]
async fn room_is_promised_once() {
    let mut world = World::start().await;
    world.relay.store.set_room(10 * MIB);
    let (first, second) = (world.id(), world.id());
    let six = usize::try_from(6 * MIB).unwrap();
    assert_eq!(world.client().send(create(first, six)).await.unwrap().status, 201);
    assert_eq!(world.client().send(create(second, six)).await.unwrap().code(), Code::StorageFull);
    world.relay.crash().await;
    world.relay.resume().await;
    assert_eq!(world.client().send(create(second, six)).await.unwrap().code(), Code::StorageFull);
    // What is written takes room of the disk, and not of the promise any more.
    let (bytes, _) = parcel(six);
    assert_eq!(world.client().send(append(first, 0, &bytes[..six - 1])).await.unwrap().status, 204);
    world.relay.store.set_room(4 * MIB);
    assert_eq!(world.client().send(create(second, six)).await.unwrap().code(), Code::StorageFull);
    assert_eq!(world.client().send(create(second, six / 2)).await.unwrap().status, 201);
    assert_eq!(world.client().send(delete(second)).await.unwrap().status, 204);
    assert_eq!(world.client().send(create(second, six / 2)).await.unwrap().status, 201);
}

#[tokio::test]
async fn a_disk_that_fills_up_meanwhile_ends_an_upload_before_it_fails() {
    let world = World::start_with(|config| config.parcels.disk_reserve_bytes = 10 * MIB).await;
    world.relay.store.set_room(100 * MIB);
    let (bytes, _) = parcel(usize::try_from(20 * MIB).unwrap());
    let (id, bytes) = (world.id(), Bytes::from(bytes));
    world.client().send(create(id, bytes.len())).await.unwrap();
    let (store, sent) = (world.relay.store.clone(), bytes.clone());
    let pieces = (0..20_usize).map(move |piece| {
        // Somebody else fills the disk, when more has been sent than lines hold: the relay is at it.
        if piece == 14 {
            store.set_room(9 * MIB);
        }
        let piece = piece * 1024 * 1024;
        Ok::<_, std::io::Error>(sent.slice(piece..piece + 1024 * 1024))
    });
    let full = chunk(id, 0).body(Body::from_stream(futures_util::stream::iter(pieces))).unwrap();
    let refused = world.client().send(full).await;
    assert!(refused.is_err() || refused.unwrap().code() == Code::StorageFull);
    world.relay.store.set_room(100 * MIB);
    let standing = settled_offset(&world.client(), id).await;
    assert!(standing >= usize::try_from(15 * MIB).unwrap() && standing < bytes.len(), "{standing}");
    assert_eq!(world.client().send(append(id, standing, &bytes[standing..])).await.unwrap().status, 204);
    let content = world.relay.vpn(&world.union.gateway).get(&parcel_content(id)).await;
    assert!(content.body == bytes);
}

#[tokio::test]
async fn acknowledged_bytes_count_until_they_are_purged() {
    let world = World::start_with(|config| config.quota.user_stored_bytes = 100_000).await;
    let (bytes, _) = parcel(60_000);
    let first = world.id();
    assert_eq!(world.client().send(create_with(first, 60_000, &bytes)).await.unwrap().status, 201);
    acknowledge(&world, first).await;
    let refused = world.client().send(create_with(world.id(), 60_000, &bytes)).await.unwrap();
    assert_eq!(refused.code(), Code::QuotaExceeded);
    world.relay.clock.advance(SignedDuration::from_hours(8 * 24));
    assert_eq!(purge(&world.relay.running().app).await, Ok(1));
    assert_eq!(world.client().send(create_with(world.id(), 60_000, &bytes)).await.unwrap().status, 201);
}

#[tokio::test]
async fn one_file_that_cannot_be_deleted_holds_up_no_other() {
    let world = World::start().await;
    let (bytes, _) = parcel(3_000);
    let parcels = [world.id(), world.id()];
    let uploads = [world.id(), world.id()];
    for id in parcels {
        world.client().send(create_with(id, 3_000, &bytes)).await.unwrap();
        acknowledge(&world, id).await;
    }
    for id in uploads {
        world.client().send(create(id, 3_000)).await.unwrap();
    }
    world.relay.clock.advance(SignedDuration::from_hours(8 * 24));
    let app = Arc::clone(&world.relay.running().app);
    world.relay.store.fail(Fault::Delete(parcels[0]));
    assert_eq!(purge(&app).await, Err("parcels.not-purged"));
    assert!(has_bytes(&world, parcels[0]).await && !has_bytes(&world, parcels[1]).await);
    world.relay.store.fail(Fault::Delete(uploads[0]));
    assert_eq!((purge(&app).await, expire(&app).await), (Ok(1), Err("uploads.not-expired")));
    assert!(has_bytes(&world, uploads[0]).await && !has_bytes(&world, uploads[1]).await);
    world.relay.store.fail(Fault::Put);
    assert_eq!(expire(&app).await, Ok(1));
}

#[tokio::test]
async fn an_upload_that_goes_on_has_its_whole_time_again() {
    let world = World::start().await;
    let (bytes, _) = parcel(30_000);
    let id = world.id();
    world.client().send(create_with(id, 30_000, &bytes[..10_000])).await.unwrap();
    world.relay.clock.advance(SignedDuration::from_hours(71));
    let gone_on = world.client().send(append(id, 10_000, &bytes[10_000..20_000])).await.unwrap();
    assert!(gone_on.header(tus::UPLOAD_EXPIRES).is_some());
    world.relay.clock.advance(SignedDuration::from_hours(71));
    let app = &world.relay.running().app;
    assert_eq!(expire(app).await, Ok(0));
    assert_eq!(offset(&world.client().send(head(id)).await.unwrap()), 20_000);
    // All bytes are there, the transaction was not: time changes nothing about that.
    let mut place = world.relay.store.append(&key(&world, id), 20_000).await.unwrap();
    place.write(Bytes::copy_from_slice(&bytes[20_000..])).await.unwrap();
    place.sync().await.unwrap();
    world.relay.clock.advance(SignedDuration::from_hours(2));
    assert_eq!(expire(app).await, Ok(0));
    assert_eq!(world.waiting().await.items.len(), 1);
}
