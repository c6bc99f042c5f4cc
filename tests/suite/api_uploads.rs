//! Files to send by the API: tus, restarts, keys, refusals.

use axum::body::Body;
use hyper::Method;
use jiff::SignedDuration;
use kenpo_express::store::gateway::tokens::Scope;
use kenpo_express::wire::problem::Code;
use kenpo_express::wire::tus;
use serde_json::Value;

use crate::api_support::{ApiWorld, append, create};
use crate::message_support::noise;
use crate::support::http::{Answer, Client, request};
use crate::support::soon::soon;

async fn send(client: &Client, name: &str, to: &str, key: Option<&str>, content: &[u8]) -> Answer {
    let creation = create(name, to, content.len()).header("content-type", tus::OFFSET_CONTENT_TYPE);
    let creation = key.iter().fold(creation, |creation, key| creation.header("idempotency-key", *key));
    client.send(creation.body(Body::from(content.to_vec())).unwrap()).await.unwrap()
}

async fn standing(client: &Client, path: &str) -> Answer {
    let head = request(Method::HEAD, path).header(tus::TUS_RESUMABLE, tus::VERSION).body(Body::empty());
    client.send(head.unwrap()).await.unwrap()
}

#[tokio::test]
async fn an_upload_goes_on_after_a_restart_and_is_on_its_way_with_its_last_byte() {
    let mut api = ApiWorld::start().await;
    api.recipient("hanako-1").await;
    let token = api.token("core", &Scope::ALL).await;
    let content = noise(300_000);
    let core = api.client(&token);
    let created =
        core.send(create("決定通知書.pdf", "office:1234-A", content.len()).body(Body::empty()).unwrap()).await;
    let created = created.unwrap();
    assert_eq!((created.status.as_u16(), created.header(tus::UPLOAD_OFFSET)), (201, Some("0")));
    let path = created.header("location").unwrap().to_owned();
    assert_eq!(append(&core, &path, 0, &content[..100_000]).await.status, 204);
    api.restart().await;
    let core = api.client(&token);
    let stands = standing(&core, &path).await;
    assert_eq!(stands.header(tus::UPLOAD_OFFSET), Some("100000"));
    assert!(stands.header(tus::UPLOAD_EXPIRES).is_some() && stands.header(tus::UPLOAD_METADATA).is_some());
    assert_eq!(append(&core, &path, 0, &content[..10]).await.code(), Code::UploadOffset);
    let done = append(&core, &path, 100_000, &content[100_000..]).await;
    assert_eq!((done.status.as_u16(), done.header(tus::UPLOAD_OFFSET)), (204, Some("300000")));
    let dispatch = done.header("kx-dispatch").unwrap().to_owned();
    assert_eq!(api.world.files("data/uploads"), 0, "nothing readable stays");
    let shown: Value = core.get(&path).await.json();
    assert_eq!((&shown["state"], &shown["dispatch"]["id"]), (&"taken".into(), &dispatch.into()));
    let message = &shown["dispatch"]["messages"][0];
    assert_eq!((&message["to"], &message["state"]), (&"office.1234-A@06123456.kx".into(), &"released".into()));
    let sent: Value = core.get("/api/v1/sent").await.json();
    assert_eq!((&sent["items"][0]["id"], &sent["items"][0]["origin"]), (&message["id"], &"api".into()));
    assert_eq!(sent["items"][0]["actor"], "token:core");
    let one = format!("/api/v1/sent/{}", message["id"].as_str().unwrap());
    assert_eq!(core.get(&one).await.json::<Value>()["file_name"], "決定通知書.pdf");
    assert_eq!(core.get(&format!("{one}/receipts")).await.json::<Value>()["items"], Value::Array(vec![]));
    let recalled =
        core.send(request(Method::POST, &format!("{one}/recall")).body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(recalled.json::<Value>()["state"], "recalled");
    let again = core.send(request(Method::POST, &format!("{one}/recall")).body(Body::empty()).unwrap()).await.unwrap();
    assert!(again.status == 200 || again.code() == Code::MessageState, "{again:?}");
}

#[tokio::test]
async fn what_was_whole_when_the_process_ended_is_taken_by_the_next_one() {
    let mut api = ApiWorld::start().await;
    api.recipient("hanako-1").await;
    let token = api.token("core", &Scope::ALL).await;
    let core = api.client(&token);
    let created = core.send(create("届.csv", "hanako-1", 5).body(Body::empty()).unwrap()).await.unwrap();
    let path = created.header("location").unwrap().to_owned();
    // As it is when the last byte was durable and the power went.
    let id = path.rsplit('/').next().unwrap();
    std::fs::write(api.world.folder.path().join(format!("data/uploads/{id}.part")), b"hello").unwrap();
    api.restart().await;
    let core = api.client(&token);
    let began_at = std::time::Instant::now();
    loop {
        let shown: Value = core.get(&path).await.json();
        if shown["state"] == "taken" {
            break;
        }
        assert!(began_at.elapsed().as_secs() < 30, "{shown}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let sent: Value = core.get("/api/v1/sent").await.json();
    assert_eq!((sent["items"].as_array().unwrap().len(), &sent["items"][0]["actor"]), (1, &"token:core".into()));
}

#[tokio::test]
async fn what_waits_under_a_token_that_is_revoked_is_not_sent() {
    let mut api = ApiWorld::start().await;
    api.recipient("hanako-1").await;
    let (leaked, other) = (api.token("leaked", &Scope::ALL).await, api.token("other", &Scope::ALL).await);
    let created = api.client(&leaked).send(create("届.csv", "hanako-1", 5).body(Body::empty()).unwrap()).await.unwrap();
    let path = created.header("location").unwrap().to_owned();
    // Whole, and not taken: the scanner was away, or the process ended.
    let id = path.rsplit('/').next().unwrap();
    let part = api.world.folder.path().join(format!("data/uploads/{id}.part"));
    std::fs::write(&part, b"hello").unwrap();
    api.world.admin("hanako").await.revoke_token("leaked").await.unwrap();
    api.restart().await;
    soon("the bytes are gone", async || !part.exists()).await;
    let sent: Value = api.client(&other).get("/api/v1/sent").await.json();
    assert_eq!(sent["items"].as_array().unwrap().len(), 0, "{sent}");
}

#[tokio::test]
async fn what_could_not_be_taken_before_its_end_is_not_sent_weeks_later() {
    let mut api = ApiWorld::start().await;
    api.recipient("hanako-1").await;
    let token = api.token("core", &Scope::ALL).await;
    let created = api.client(&token).send(create("届.csv", "hanako-1", 5).body(Body::empty()).unwrap()).await.unwrap();
    let id = created.header("location").unwrap().rsplit('/').next().unwrap().to_owned();
    let part = api.world.folder.path().join(format!("data/uploads/{id}.part"));
    std::fs::write(&part, b"hello").unwrap();
    api.world.clock.advance(SignedDuration::from_hours(24 * 21));
    api.restart().await;
    soon("the bytes are gone", async || !part.exists()).await;
    let sent: Value = api.client(&token).get("/api/v1/sent").await.json();
    assert_eq!(sent["items"].as_array().unwrap().len(), 0, "{sent}");
}

#[tokio::test]
async fn the_same_key_means_the_same_file_and_no_other() {
    let api = ApiWorld::start().await;
    api.recipient("hanako-1").await;
    let core = api.core().await;
    let key = Some("order-4711");
    let first = send(&core, "届.csv", "hanako-1", key, b"content").await;
    let dispatch = first.header("kx-dispatch").unwrap().to_owned();
    let again = send(&core, "届.csv", "hanako-1", key, b"content").await;
    assert_eq!(again.header("kx-dispatch"), Some(dispatch.as_str()));
    assert_eq!(send(&core, "届.csv", "hanako-1", key, b"CONTENT").await.code(), Code::IdempotencyConflict);
    assert_eq!(send(&core, "届.csv", "office:1234-A", key, b"content").await.code(), Code::IdempotencyConflict);
    // The keys of another program are its own.
    let other = api.client(&api.token("other", &[Scope::SentWrite, Scope::SentRead]).await);
    let theirs = send(&other, "届.csv", "hanako-1", key, b"CONTENT").await;
    assert_ne!(theirs.header("kx-dispatch"), Some(dispatch.as_str()));
    let sent: Value = core.get("/api/v1/sent").await.json();
    assert_eq!(sent["items"].as_array().unwrap().len(), 2);
    // While it is not whole, the same one is found again.
    let begun = |to: &'static str, length| {
        let creation = create("大.bin", to, length).header("idempotency-key", "\"order-4712\"");
        core.send(creation.body(Body::empty()).unwrap())
    };
    let one = begun("hanako-1", 100).await.unwrap();
    let path = one.header("location").unwrap().to_owned();
    assert_eq!(append(&core, &path, 0, &[7; 40]).await.status, 204);
    let two = begun("hanako-1", 100).await.unwrap();
    assert_eq!((two.header("location"), two.header(tus::UPLOAD_OFFSET)), (Some(path.as_str()), Some("40")));
    assert_eq!(begun("hanako-1", 101).await.unwrap().code(), Code::IdempotencyConflict);
    assert_eq!(other.get(&path).await.code(), Code::UploadUnknown, "an upload is its token's");
    let long = "x".repeat(129);
    for wrong in ["", " ", "\"\"", "a b", long.as_str()] {
        assert_eq!(
            send(&core, "届.csv", "hanako-1", Some(wrong), b"x").await.code(),
            Code::RequestMalformed,
            "{wrong:?}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_with_a_word() {
    let api = ApiWorld::with("uploads_per_token = 2").await;
    api.recipient("hanako-1").await;
    let core = api.core().await;
    for (name, to, code) in [
        ("届.csv", "hanako-2", Code::RecipientRefused),
        ("届.csv", "office:9", Code::RecipientRefused),
        ("届.csv", "office:", Code::RecipientRefused),
        ("届.csv", "", Code::RequestMalformed),
        ("../x", "hanako-1", Code::FileNameRefused),
        ("", "hanako-1", Code::RequestMalformed),
        ("CON", "hanako-1", Code::FileNameRefused),
    ] {
        assert_eq!(send(&core, name, to, None, b"content").await.code(), code, "{name:?} {to:?}");
    }
    let announced = core.send(create("x", "hanako-2", 1 << 20).body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(announced.code(), Code::RecipientRefused, "before a byte is sent in vain");
    let too_large = core.send(create("x", "hanako-1", 2 << 30).body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(too_large.code(), Code::ParcelTooLarge);
    let empty = core.send(create("x", "hanako-1", 0).body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(empty.code(), Code::RequestMalformed);
    let bare = request(Method::POST, "/api/v1/uploads").body(Body::empty()).unwrap();
    assert_eq!(core.send(bare).await.unwrap().code(), Code::UploadVersion);
    let wrong = create("x", "hanako-1", 4)
        .header("content-type", tus::OFFSET_CONTENT_TYPE)
        .header(tus::UPLOAD_CHECKSUM, "sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    assert_eq!(core.send(wrong.body("four".into()).unwrap()).await.unwrap().code(), Code::UploadChecksum);
    assert_eq!(send(&core, "二.csv", "hanako-1", None, b"two").await.status, 201);
    // One is open since the wrong checksum, a second one fits, a third does not.
    let begin = || core.send(create("x", "hanako-1", 4).body(Body::empty()).unwrap());
    let second = begin().await.unwrap();
    let path = second.header("location").unwrap().to_owned();
    assert_eq!(begin().await.unwrap().code(), Code::QuotaExceeded);
    assert_eq!(append(&core, &path, 0, b"fourandmore").await.code(), Code::RequestTooLarge);
    assert_eq!(standing(&core, &path).await.header(tus::UPLOAD_OFFSET), Some("0"));
    let delete = request(Method::DELETE, &path).header(tus::TUS_RESUMABLE, tus::VERSION).body(Body::empty());
    assert_eq!(core.send(delete.unwrap()).await.unwrap().status, 204);
    assert_eq!(standing(&core, &path).await.status, 404);
    // Nobody went on with what is still open.
    api.world.clock.advance(SignedDuration::from_hours(25));
    assert_eq!(begin().await.unwrap().status, 201);
}
