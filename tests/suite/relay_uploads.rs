//! Uploads at the employers' listener: tus 1.0 over real TLS into a real database and real files.

use axum::body::Body;
use hyper::{Method, Request};
use kenpo_express::domain::ids::MessageId;
use kenpo_express::message::keys::Certificate;
use kenpo_express::message::receipt::{SignedReceipt, Stage};
use kenpo_express::wire::employer::{SentParcel, SentState, UPLOADS, sent, upload};
use kenpo_express::wire::page::Page;
use kenpo_express::wire::problem::Code;
use kenpo_express::wire::tus::{self, Metadata};
use kenpo_express::wire::union::{Handshake, PARCELS, Parcel};
use tokio::io::AsyncWriteExt;

use crate::support::http::{Answer, Client, request};
use crate::support::relay::{RelayWorld, UnionWorld, message_id, parcel};
use crate::support::soon::{soon, within};

pub(crate) struct World {
    pub(crate) relay: RelayWorld,
    pub(crate) union: UnionWorld,
    user: kenpo_express::message::keys::Credential,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut kenpo_express::relay::Config)) -> Self {
        let relay = RelayWorld::start_with(change).await;
        let union = relay.union("06123456").await;
        let user = relay.user(&union, "hanako-1").await;
        Self { relay, union, user }
    }

    pub(crate) fn client(&self) -> Client {
        self.relay.employer(&self.user)
    }

    pub(crate) async fn waiting(&self) -> Page<Parcel> {
        self.relay.vpn(&self.union.gateway).get(PARCELS).await.json()
    }

    pub(crate) fn id(&self) -> MessageId {
        message_id(self.relay.clock.as_ref())
    }
}

pub(crate) fn creation(id: MessageId, size: usize) -> hyper::http::request::Builder {
    request(Method::POST, UPLOADS)
        .header(tus::TUS_RESUMABLE, tus::VERSION)
        .header(tus::UPLOAD_LENGTH, size)
        .header(tus::UPLOAD_METADATA, Metadata::to_union(id).to_header())
}

pub(crate) fn create(id: MessageId, size: usize) -> Request<Body> {
    creation(id, size).body(Body::empty()).unwrap()
}

pub(crate) fn create_with(id: MessageId, size: usize, bytes: &[u8]) -> Request<Body> {
    let with = creation(id, size).header("content-type", tus::OFFSET_CONTENT_TYPE);
    with.body(Body::from(bytes.to_vec())).unwrap()
}

pub(crate) fn chunk(id: MessageId, offset: usize) -> hyper::http::request::Builder {
    request(Method::PATCH, &upload(id))
        .header(tus::TUS_RESUMABLE, tus::VERSION)
        .header("content-type", tus::OFFSET_CONTENT_TYPE)
        .header(tus::UPLOAD_OFFSET, offset)
}

pub(crate) fn append(id: MessageId, offset: usize, bytes: &[u8]) -> Request<Body> {
    chunk(id, offset).body(Body::from(bytes.to_vec())).unwrap()
}

pub(crate) fn head(id: MessageId) -> Request<Body> {
    request(Method::HEAD, &upload(id)).header(tus::TUS_RESUMABLE, tus::VERSION).body(Body::empty()).unwrap()
}

pub(crate) fn delete(id: MessageId) -> Request<Body> {
    request(Method::DELETE, &upload(id)).header(tus::TUS_RESUMABLE, tus::VERSION).body(Body::empty()).unwrap()
}

pub(crate) fn offset(answer: &Answer) -> usize {
    answer.header(tus::UPLOAD_OFFSET).unwrap().parse().unwrap()
}

/// Asks until the server has noticed that the other line is broken.
pub(crate) async fn settled_offset(client: &Client, id: MessageId) -> usize {
    let mut answer = None;
    soon("the line that is broken is noticed", async || {
        let answer = answer.insert(client.send(head(id)).await.unwrap());
        answer.status != 423
    })
    .await;
    let answer = answer.unwrap();
    assert_eq!(answer.status, 200);
    offset(&answer)
}

#[tokio::test]
async fn a_small_file_comes_in_one_request_and_its_union_sees_it() {
    let world = World::start().await;
    let (bytes, tag) = parcel(10_000);
    let id = world.id();
    let created = world.client().send(create_with(id, 10_000, &bytes)).await.unwrap();
    assert_eq!((created.status.as_u16(), offset(&created)), (201, 10_000));
    assert_eq!(created.header("location"), Some(upload(id).as_str()));
    assert_eq!(created.header(tus::TUS_RESUMABLE), Some(tus::VERSION));
    assert_eq!(created.header(tus::UPLOAD_EXPIRES), None);

    let page = world.waiting().await;
    let [listed] = page.items.as_slice() else { panic!("{page:?}") };
    assert_eq!((listed.id, listed.sender.as_str(), listed.size, listed.tag), (id, "hanako-1", 10_000, Some(tag)));
    let gateway = world.relay.vpn(&world.union.gateway);
    let handshake: Handshake = gateway.get("/union/v1/handshake").await.json();
    let signer = Certificate::from_der(&handshake.receipt_certificate.0).unwrap();
    let receipt = SignedReceipt::from_der(listed.relayed.0.clone()).verify(&signer).unwrap();
    assert_eq!((receipt.message_id, receipt.stage, receipt.tag), (id, Stage::Relayed, Some(tag)));
    assert_eq!(receipt.at, listed.deposited_at);

    let content = gateway.get(&format!("{PARCELS}/{id}/content")).await;
    assert!(content.body == bytes);
    let own: SentParcel = world.client().get(&sent(id)).await.json();
    assert_eq!((own.state, own.receipts.as_slice()), (SentState::Waiting, [listed.relayed.clone()].as_slice()));
}

#[tokio::test]
async fn a_broken_line_resumes_where_it_stopped() {
    let world = World::start().await;
    let (bytes, _) = parcel(3_000_000);
    let id = world.id();
    let created = world.client().send(create(id, bytes.len())).await.unwrap();
    assert_eq!((created.status.as_u16(), offset(&created)), (201, 0));
    assert!(created.header(tus::UPLOAD_EXPIRES).unwrap().ends_with(" GMT"));

    let mut line = world.client().raw().await.unwrap();
    let header = format!(
        "PATCH {} HTTP/1.1\r\nhost: relay\r\nauthorization: Bearer {}\r\ntus-resumable: 1.0.0\r\n\
         upload-offset: 0\r\ncontent-type: application/offset+octet-stream\r\ncontent-length: {}\r\n\r\n",
        upload(id),
        world.relay.session_of(&world.user),
        bytes.len()
    );
    line.write_all(header.as_bytes()).await.unwrap();
    line.write_all(&bytes[..1_200_000]).await.unwrap();
    line.shutdown().await.unwrap();
    drop(line);

    let kept = settled_offset(&world.client(), id).await;
    assert_eq!(kept, 1_200_000);
    assert!(world.waiting().await.items.is_empty());
    let done = world.client().send(append(id, kept, &bytes[kept..])).await.unwrap();
    assert_eq!((done.status.as_u16(), offset(&done)), (204, bytes.len()));
    let content = world.relay.vpn(&world.union.gateway).get(&format!("{PARCELS}/{id}/content")).await;
    assert!(content.body == bytes);
}

#[tokio::test]
async fn a_restart_keeps_an_unfinished_upload() {
    let mut world = World::start().await;
    let (bytes, _) = parcel(500_000);
    let id = world.id();
    world.client().send(create_with(id, bytes.len(), &bytes[..200_000])).await.unwrap();
    world.relay.crash().await;
    world.relay.resume().await;
    let standing = world.client().send(head(id)).await.unwrap();
    assert_eq!((offset(&standing), standing.header(tus::UPLOAD_LENGTH)), (200_000, Some("500000")));
    let done = world.client().send(append(id, 200_000, &bytes[200_000..])).await.unwrap();
    assert_eq!(done.status, 204);
    assert_eq!(world.waiting().await.items.len(), 1);
    world.relay.stop().await;
    world.relay.resume().await;
    assert_eq!(world.waiting().await.items.len(), 1);
}

#[tokio::test]
async fn bytes_that_were_whole_at_a_crash_become_a_parcel_at_the_start() {
    let mut world = World::start().await;
    let (bytes, _) = parcel(50_000);
    let id = world.id();
    world.client().send(create_with(id, bytes.len(), &bytes[..20_000])).await.unwrap();
    world.relay.crash().await;
    // The last bytes reached the disk, the transaction did not.
    let name = id.to_string();
    let folder = world.relay.config.parcel_folder().join("06123456").join(&name[name.len() - 2..]);
    std::fs::write(folder.join(&name), &bytes).unwrap();
    world.relay.resume().await;
    let page = world.waiting().await;
    assert_eq!(page.items.iter().map(|parcel| parcel.id).collect::<Vec<_>>(), [id]);
    assert_eq!(offset(&world.client().send(head(id)).await.unwrap()), 50_000);
}

#[tokio::test]
async fn an_upload_whose_bytes_are_gone_stands_at_its_beginning() {
    let world = World::start().await;
    let (bytes, _) = parcel(3_000);
    let id = world.id();
    world.client().send(create_with(id, 3_000, &bytes[..2_000])).await.unwrap();
    let name = id.to_string();
    let folder = world.relay.config.parcel_folder().join("06123456").join(&name[name.len() - 2..]);
    std::fs::remove_file(folder.join(&name)).unwrap();
    assert_eq!(offset(&world.client().send(head(id)).await.unwrap()), 0);
    assert_eq!(world.client().send(append(id, 0, &bytes)).await.unwrap().status, 204);
    assert_eq!(world.waiting().await.items.len(), 1);
}

#[tokio::test]
async fn the_same_creation_finds_the_same_upload() {
    let world = World::start().await;
    let (bytes, _) = parcel(40_000);
    let id = world.id();
    world.client().send(create_with(id, 40_000, &bytes[..15_000])).await.unwrap();
    let again = world.client().send(create_with(id, 40_000, &bytes[..15_000])).await.unwrap();
    assert_eq!((again.status.as_u16(), offset(&again)), (201, 15_000));
    let other_size = world.client().send(create(id, 40_001)).await.unwrap();
    assert_eq!(other_size.code(), Code::ParcelConflict);
    let colleague = world.relay.user(&world.union, "taro-2").await;
    let other_user = world.relay.employer(&colleague).send(create(id, 40_000)).await.unwrap();
    assert_eq!(other_user.code(), Code::ParcelConflict);

    world.client().send(append(id, 15_000, &bytes[15_000..])).await.unwrap();
    let after = world.client().send(create_with(id, 40_000, &bytes)).await.unwrap();
    assert_eq!((after.status.as_u16(), offset(&after)), (201, 40_000));
    assert_eq!(world.waiting().await.items.len(), 1);
    let longer = world.client().send(create(id, 39_999)).await.unwrap();
    assert_eq!(longer.code(), Code::ParcelConflict);
}

#[tokio::test]
async fn the_offset_must_be_where_the_upload_stands() {
    let world = World::start().await;
    let id = world.id();
    world.client().send(create(id, 1_000)).await.unwrap();
    for wrong in [1, 999, 5_000] {
        let refused = world.client().send(append(id, wrong, b"x")).await.unwrap();
        assert_eq!(refused.code(), Code::UploadOffset);
    }
    let too_much = world.client().send(append(id, 0, &[0; 1_001])).await.unwrap();
    assert_eq!(too_much.code(), Code::RequestTooLarge);
    assert_eq!(settled_offset(&world.client(), id).await, 0);
    let unknown = world.client().send(append(world.id(), 0, b"x")).await.unwrap();
    assert_eq!(unknown.code(), Code::UploadUnknown);
}

#[tokio::test]
async fn one_writer_at_a_time() {
    let world = World::start().await;
    let id = world.id();
    world.client().send(create(id, 1_000)).await.unwrap();
    // Whichever comes first holds the upload. The second asks with a wrong offset, which changes nothing where it is let in; a first
    // that came while the second was looked at is refused like any other, and begins again.
    let hold = async || loop {
        let (feed, body) = tokio::sync::mpsc::channel::<Result<bytes::Bytes, std::io::Error>>(1);
        feed.send(Ok(bytes::Bytes::from(vec![1; 600]))).await.unwrap();
        let body = futures_util::stream::unfold(body, |mut body| async { body.recv().await.map(|item| (item, body)) });
        let first = chunk(id, 0).body(Body::from_stream(body)).unwrap();
        let client = world.client();
        let running = tokio::spawn(async move { client.send(first).await });
        while !running.is_finished() {
            let second = world.client().send(append(id, 7, b"x")).await.unwrap();
            if second.code() == Code::UploadBusy {
                assert_eq!(second.status, 423);
                return (feed, running);
            }
        }
        assert_eq!(running.await.unwrap().unwrap().code(), Code::UploadBusy);
    };
    let (feed, running) = within("one holds the upload, and another is refused", hold()).await;
    feed.send(Ok(bytes::Bytes::from(vec![1; 400]))).await.unwrap();
    drop(feed);
    let done = within("the first writer is done", running).await.unwrap().unwrap();
    assert_eq!((done.status.as_u16(), offset(&done)), (204, 1_000));
}
