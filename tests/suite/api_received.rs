//! Received files by the API: listed, shown, handed out.

use axum::body::Body;
use hyper::Method;
use kenpo_express::store::gateway::tokens::Scope;
use kenpo_express::store::gateway::{audit, events};
use kenpo_express::wire::problem::Code;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::api_support::ApiWorld;
use crate::message_support::noise;
use crate::support::http::{Answer, Client, request};

async fn ask(client: &Client, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let asked = headers.iter().fold(request(method, path), |asked, (name, value)| asked.header(*name, *value));
    client.send(asked.body(Body::empty()).unwrap()).await.unwrap()
}

#[tokio::test]
async fn what_came_is_listed_page_by_page_and_shown() {
    let api = ApiWorld::start().await;
    let core = api.core().await;
    let mut hanako = api.world.sender("hanako-1").await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(api.receive(&mut hanako, format!("content {n}").as_bytes()).await.to_string());
    }
    ids.reverse();
    let (mut seen, mut path) = (Vec::new(), "/api/v1/received?limit=2".to_owned());
    loop {
        let page: Value = core.get(&path).await.json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()));
        path = format!("/api/v1/received?limit=2&after={}", page["next"].as_str().unwrap());
        if page["more"] == false {
            break;
        }
    }
    assert_eq!(seen, ids);
    let count = |answer: Answer| answer.json::<Value>()["items"].as_array().unwrap().len();
    assert_eq!(count(core.get("/api/v1/received?state=archived&office=1234-A").await), 5);
    assert_eq!(count(core.get("/api/v1/received?state=quarantined").await), 0);
    assert_eq!(count(core.get("/api/v1/received?office=9").await), 0);
    for wrong in ["?state=lost", "?office=a%20b", "?limit=x", "?after=x", "?x=1"] {
        assert_eq!(core.get(&format!("/api/v1/received{wrong}")).await.code(), Code::RequestMalformed, "{wrong}");
    }
    let shown: Value = core.get(&format!("/api/v1/received/{}", ids[0])).await.json();
    assert_eq!((&shown["file_name"], &shown["from"]), (&"算定基礎届.csv".into(), &"hanako-1@06123456.kx".into()));
    let receipts: Value = core.get(&format!("/api/v1/received/{}/receipts", ids[0])).await.json();
    let stages: Vec<&str> =
        receipts["items"].as_array().unwrap().iter().map(|one| one["stage"].as_str().unwrap()).collect();
    assert_eq!(stages, ["relayed", "verified"]);
    for unknown in ["0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f6", "0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f6/receipts"] {
        assert_eq!(core.get(&format!("/api/v1/received/{unknown}")).await.code(), Code::MessageUnknown);
    }
}

#[tokio::test]
async fn a_file_is_handed_out_whole_or_in_parts_and_that_is_written_down() {
    let api = ApiWorld::start().await;
    let core = api.core().await;
    let mut hanako = api.world.sender("hanako-1").await;
    // One that is held in memory, and one that is not.
    for content in [noise(50_000), noise(3_000_000)] {
        let id = api.receive(&mut hanako, &content).await;
        let path = format!("/api/v1/received/{id}/content");
        let whole = core.get(&path).await;
        assert!(whole.status == 200 && whole.body == content, "{}", whole.status);
        assert_eq!(whole.header("content-type"), Some("application/octet-stream"));
        let tag = whole.header("etag").unwrap().to_owned();
        let size = content.len();
        let head = ask(&core, Method::HEAD, &path, &[]).await;
        assert_eq!((head.status.as_u16(), head.body.len(), head.header("etag")), (200, 0, Some(tag.as_str())));
        assert_eq!(head.header("content-length"), Some(size.to_string().as_str()));
        let part = ask(&core, Method::GET, &path, &[("range", "bytes=1000-"), ("if-range", &tag)]).await;
        assert_eq!((part.status.as_u16(), &part.body[..]), (206, &content[1_000..]));
        let told = format!("bytes 1000-{}/{size}", size - 1);
        assert_eq!(part.header("content-range"), Some(told.as_str()));
        let last = ask(&core, Method::GET, &path, &[("range", "bytes=-7")]).await;
        assert_eq!((last.status.as_u16(), &last.body[..]), (206, &content[size - 7..]));
        let other = ask(&core, Method::GET, &path, &[("range", "bytes=1000-"), ("if-range", "\"other\"")]).await;
        assert_eq!((other.status.as_u16(), other.body.len()), (200, size));
        let outside = ask(&core, Method::GET, &path, &[("range", "bytes=9999999-")]).await;
        assert_eq!(outside.code(), Code::RangeNotSatisfiable);
        let known = ask(&core, Method::GET, &path, &[("if-none-match", &format!("\"x\", {tag}"))]).await;
        assert_eq!((known.status.as_u16(), known.body.len()), (304, 0));
        let database = api.world.receiver.database.read();
        let entries = audit::list(database, None, 100).await.unwrap();
        let fetched =
            entries.iter().filter(|entry| entry.action == "message.fetched" && entry.subject == id.to_string());
        assert_eq!(fetched.map(|entry| entry.actor.as_str()).collect::<Vec<_>>(), ["token:core"; 4]);
        let events = events::after(database, 0, 100).await.unwrap();
        let opened = events.iter().filter(|event| event.kind == events::Kind::ReceivedOpened);
        assert_eq!(opened.filter(|event| event.subject == id.to_string()).count(), 1, "the first time only");
    }
    let left = api.world.files("spool");
    assert_eq!(left, 0, "nothing readable stays behind");
}

#[tokio::test]
async fn what_does_not_verify_is_not_handed_out_and_not_a_byte_of_it_is() {
    let api = ApiWorld::start().await;
    let core = api.core().await;
    let mut hanako = api.world.sender("hanako-1").await;
    let unknown = format!("/api/v1/received/{}/content", "0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f6");
    assert_eq!(core.get(&unknown).await.code(), Code::MessageUnknown);
    for content in [noise(50_000), noise(3_000_000)] {
        let id = api.receive(&mut hanako, &content).await;
        let message = api.world.find(id).await.unwrap();
        let file = api.world.file(&message);
        let mut bytes = std::fs::read(&file).unwrap();
        let place = bytes.len() - 1_000;
        bytes[place] ^= 1;
        let mut permissions = std::fs::metadata(&file).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
        std::fs::set_permissions(&file, permissions).unwrap();
        std::fs::write(&file, bytes).unwrap();
        let answer = core.get(&format!("/api/v1/received/{id}/content")).await;
        assert_eq!(answer.code(), Code::MessageDamaged);
        assert!(answer.body.len() < 1_000, "a problem and nothing else");
    }
    api.world
        .change_user("hanako-1", |user| {
            user.state = kenpo_express::domain::user::UserState::Disabled {
                reason: kenpo_express::domain::user::DisableReason::Other,
                at: user.created_at,
            };
        })
        .await;
    let id = api.receive(&mut hanako, b"after the end").await;
    assert_eq!(core.get(&format!("/api/v1/received/{id}/content")).await.code(), Code::MessageQuarantined);
    let shown: Value = core.get(&format!("/api/v1/received/{id}")).await.json();
    assert_eq!((&shown["state"], &shown["verdict"]), (&"quarantined".into(), &"quarantined".into()));
}

#[tokio::test]
async fn a_download_breaks_off_when_its_token_ends() {
    let api = ApiWorld::start().await;
    let token = api.token("core", &[Scope::ReceivedContent]).await;
    let mut hanako = api.world.sender("hanako-1").await;
    let content = noise(40_000_000);
    let id = api.receive(&mut hanako, &content).await;
    // As much as fits on the line is sent; the rest waits for the reader.
    let mut line = api.client(&token).raw().await.unwrap();
    let asked =
        format!("GET /api/v1/received/{id}/content HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
    line.write_all(asked.as_bytes()).await.unwrap();
    let mut beginning = vec![0; 1_000];
    line.read_exact(&mut beginning).await.unwrap();
    assert!(beginning.starts_with(b"HTTP/1.1 200 OK\r\n"));
    api.admin().revoke_token("core").await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1_000)).await;
    let mut rest = Vec::new();
    // How the line ends is up to the machine; that not all of the file comes is what counts.
    let _ = line.read_to_end(&mut rest).await;
    assert!(rest.len() < content.len(), "{}", rest.len());
}
