//! What the relay does not take of an upload, or not for long: other bytes, too many, too late.

use crate::relay_uploads::{World, chunk, create, create_with, creation, delete, head, offset, settled_offset};
use crate::support::http::{get, request};
use crate::support::relay::parcel;
use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::Method;
use jiff::SignedDuration;
use kenpo_express::message::checksum::{Algorithm, Checksum};
use kenpo_express::relay::tasks::expire;
use kenpo_express::wire::employer::{UPLOADS, upload};
use kenpo_express::wire::problem::Code;
use kenpo_express::wire::tus::{self, Metadata};

fn checksum(algorithm: Algorithm, name: &str, bytes: &[u8]) -> String {
    let mut checksum = Checksum::new(algorithm);
    checksum.update(bytes);
    format!("{name} {}", STANDARD.encode(checksum.finish()))
}

#[tokio::test]
async fn bytes_that_do_not_match_their_checksum_are_not_kept() {
    let world = World::start().await;
    let (bytes, _) = parcel(2_000_000);
    let id = world.id();
    world.client().send(create(id, bytes.len())).await.unwrap();
    let with = |offset: usize, checksum: &str, part: &[u8]| {
        chunk(id, offset).header(tus::UPLOAD_CHECKSUM, checksum).body(Body::from(part.to_vec())).unwrap()
    };
    let (first, rest) = bytes.split_at(1_000_000);
    let good = with(0, &checksum(Algorithm::Sha1, "sha1", first), first);
    assert_eq!(offset(&world.client().send(good).await.unwrap()), 1_000_000);
    let wrong = with(1_000_000, &checksum(Algorithm::Sha256, "sha256", first), rest);
    let refused = world.client().send(wrong).await.unwrap();
    assert_eq!((refused.status.as_u16(), refused.code()), (460, Code::UploadChecksum));
    assert_eq!(settled_offset(&world.client(), id).await, 1_000_000);
    for nonsense in ["md5 AAAA", "sha1", "sha1 ===="] {
        let refused = world.client().send(with(1_000_000, nonsense, rest)).await.unwrap();
        assert_eq!(refused.code(), Code::RequestMalformed, "{nonsense}");
    }
    let good = with(1_000_000, &checksum(Algorithm::Sha256, "sha256", rest), rest);
    assert_eq!(world.client().send(good).await.unwrap().status, 204);

    let small = world.id();
    let wrong = creation(small, 4)
        .header("content-type", tus::OFFSET_CONTENT_TYPE)
        .header(tus::UPLOAD_CHECKSUM, checksum(Algorithm::Sha1, "sha1", b"abcd"))
        .body(Body::from("abce"));
    assert_eq!(world.client().send(wrong.unwrap()).await.unwrap().code(), Code::UploadChecksum);
    assert_eq!(world.client().send(head(small)).await.unwrap().status, 404);
}

#[tokio::test]
async fn quotas_count_what_is_under_way_and_waiting() {
    let world = World::start_with(|config| {
        config.quota.user_bytes = 100_000;
        config.quota.user_items = 3;
        config.quota.union_items = 4;
    })
    .await;
    let client = world.client();
    let (bytes, _) = parcel(60_000);
    assert_eq!(client.send(create_with(world.id(), 60_000, &bytes)).await.unwrap().status, 201);
    let too_much = client.send(create_with(world.id(), 60_000, &bytes)).await.unwrap();
    assert_eq!((too_much.status.as_u16(), too_much.code()), (507, Code::QuotaExceeded));
    assert_eq!(client.send(create(world.id(), 40_001)).await.unwrap().code(), Code::QuotaExceeded);
    let (first, second) = (world.id(), world.id());
    assert_eq!(client.send(create(first, 20_000)).await.unwrap().status, 201);
    assert_eq!(client.send(create(second, 20_000)).await.unwrap().status, 201);
    assert_eq!(client.send(create(world.id(), 1)).await.unwrap().code(), Code::QuotaExceeded);

    let colleague = world.relay.employer(&world.relay.user(&world.union, "taro-2").await);
    assert_eq!(colleague.send(create(world.id(), 1)).await.unwrap().status, 201);
    assert_eq!(colleague.send(create(world.id(), 1)).await.unwrap().code(), Code::QuotaExceeded);
    assert_eq!(client.send(delete(first)).await.unwrap().status, 204);
    assert_eq!(client.send(head(first)).await.unwrap().status, 404);
    assert_eq!(colleague.send(create(world.id(), 1)).await.unwrap().status, 201);
}

#[tokio::test]
async fn unfinished_uploads_are_thrown_away_when_their_time_is_over() {
    let world = World::start().await;
    let (bytes, _) = parcel(30_000);
    let (finished, unfinished) = (world.id(), world.id());
    world.client().send(create_with(finished, 30_000, &bytes)).await.unwrap();
    world.client().send(create_with(unfinished, 30_000, &bytes[..10_000])).await.unwrap();
    let app = &world.relay.running().app;
    assert_eq!(expire(app).await, Ok(0));
    world.relay.clock.advance(SignedDuration::from_hours(73));
    assert_eq!(world.client().send(head(unfinished)).await.unwrap().status, 404);
    assert_eq!(expire(app).await, Ok(1));
    let name = unfinished.to_string();
    let folder = world.relay.config.parcel_folder().join("06123456").join(&name[name.len() - 2..]);
    assert!(!folder.join(&name).exists());
    assert_eq!(world.waiting().await.items.len(), 1);
    let anew = world.client().send(create(unfinished, 30_000)).await.unwrap();
    assert_eq!((anew.status.as_u16(), offset(&anew)), (201, 0));
}

#[tokio::test]
async fn what_is_no_upload_is_refused_with_its_reason() {
    let world = World::start_with(|config| config.parcels.max_bytes = 1_000_000).await;
    let client = world.client();
    let options = client.send(request(Method::OPTIONS, UPLOADS).body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(options.status, 204);
    assert_eq!(options.header(tus::TUS_MAX_SIZE), Some("1000000"));
    assert_eq!(options.header(tus::TUS_EXTENSION), Some(tus::EXTENSIONS));
    assert_eq!(options.header(tus::TUS_CHECKSUM_ALGORITHM), Some(tus::CHECKSUM_ALGORITHMS));

    let metadata = Metadata::to_union(world.id()).to_header();
    let post = |version: &str, length: &str, metadata: &str| {
        request(Method::POST, UPLOADS)
            .header(tus::TUS_RESUMABLE, version)
            .header(tus::UPLOAD_LENGTH, length)
            .header(tus::UPLOAD_METADATA, metadata)
            .body(Body::empty())
            .unwrap()
    };
    for (version, length, metadata, code) in [
        ("0.2.2", "10", metadata.as_str(), Code::UploadVersion),
        ("1.0.0", "1000001", &metadata, Code::ParcelTooLarge),
        ("1.0.0", "0", &metadata, Code::RequestMalformed),
        ("1.0.0", "-5", &metadata, Code::RequestMalformed),
        ("1.0.0", "99999999999999999999", &metadata, Code::RequestMalformed),
        ("1.0.0", "10", "filename YQ==", Code::RequestMalformed),
    ] {
        let refused = client.send(post(version, length, metadata)).await.unwrap();
        assert_eq!(refused.code(), code, "{version} {length} {metadata}");
        assert_eq!(refused.header(tus::TUS_RESUMABLE), Some(tus::VERSION));
    }
    let deferred = request(Method::POST, UPLOADS)
        .header(tus::TUS_RESUMABLE, tus::VERSION)
        .header("upload-defer-length", "1")
        .header(tus::UPLOAD_METADATA, metadata);
    let refused = client.send(deferred.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(refused.code(), Code::RequestMalformed);

    let id = world.id();
    client.send(create(id, 10)).await.unwrap();
    let json = request(Method::PATCH, &upload(id))
        .header(tus::TUS_RESUMABLE, tus::VERSION)
        .header("content-type", "application/json")
        .header(tus::UPLOAD_OFFSET, 0);
    let refused = client.send(json.body(Body::from("{}")).unwrap()).await.unwrap();
    assert_eq!(refused.code(), Code::RequestMalformed);
    assert_eq!(client.send(get("/employer/v1/uploads")).await.unwrap().code(), Code::MethodNotAllowed);
}

#[tokio::test]
async fn a_full_disk_is_said_before_it_is_full() {
    let world = World::start_with(|config| config.parcels.disk_reserve_bytes = u64::MAX / 2).await;
    let (bytes, _) = parcel(1_000);
    let refused = world.client().send(create_with(world.id(), 1_000, &bytes)).await.unwrap();
    assert_eq!((refused.status.as_u16(), refused.code()), (507, Code::StorageFull));
    assert!(world.relay.watch("/readyz").await.contains("storage.full"));
}
