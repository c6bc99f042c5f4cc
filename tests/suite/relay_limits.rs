//! What the relay does with those who ask for too much, too slowly or nonsense.

use std::time::Duration;

use axum::body::Body;
use hyper::Method;
use kenpo_express::wire::employer::{UNION, UPLOADS};
use kenpo_express::wire::problem::{CONTENT_TYPE, Code, Problem};
use kenpo_express::wire::tus::{self, Metadata};
use kenpo_express::wire::union::{ACKNOWLEDGEMENTS, CERTIFICATES, PARCELS, parcel_content};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::http::{Client, get, json, request};
use crate::support::relay::{RelayWorld, message_id, parcel};
use crate::support::soon::soon;

/// Sends bytes as they are and reads until the server closes.
async fn exchange(client: &Client, bytes: &[u8]) -> String {
    let mut line = client.raw().await.unwrap();
    line.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // A server that closes without taking everything may reset the line: what it said before counts.
    let _ = tokio::time::timeout(Duration::from_secs(20), line.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8(answer).unwrap()
}

fn problem(answer: &str) -> Problem {
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { panic!("no answer: {answer:?}") };
    assert!(head.to_ascii_lowercase().contains(&format!("content-type: {CONTENT_TYPE}")), "{answer}");
    let problem: Problem = serde_json::from_str(body).unwrap();
    assert!(head.starts_with(&format!("HTTP/1.1 {} ", problem.status)), "{answer}");
    problem
}

#[tokio::test]
async fn nonsense_gets_a_problem_document() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let client = relay.vpn(&union.gateway);
    for nonsense in ["\0\0\0\0\r\n\r\n", "GET / HTTP/1.1\r\nbad header\r\n\r\n", "GET / HTTP/9.9\r\n\r\n"] {
        let answer = exchange(&client, nonsense.as_bytes()).await;
        assert_eq!(problem(&answer).code, Code::RequestMalformed, "{nonsense:?} {answer:?}");
    }
    let long = format!("GET / HTTP/1.1\r\nhost: relay\r\nx: {}\r\n\r\n", "x".repeat(20_000));
    let refused = problem(&exchange(&client, long.as_bytes()).await);
    assert_eq!((refused.code, refused.status), (Code::RequestTooLarge, 431));
    let many = format!("GET / HTTP/1.1\r\nhost: relay\r\n{}\r\n", "a: b\r\n".repeat(500));
    assert_eq!(problem(&exchange(&client, many.as_bytes()).await).code, Code::RequestTooLarge);
}

#[tokio::test]
async fn bodies_that_do_not_parse_or_are_too_large_are_refused() {
    let relay = RelayWorld::start_with(|config| config.limits.json_bytes = 10_000).await;
    let union = relay.union("06123456").await;
    let client = relay.vpn(&union.gateway);
    let put = |kind: &str, body: &str| {
        request(Method::PUT, CERTIFICATES).header("content-type", kind).body(Body::from(body.to_owned())).unwrap()
    };
    for (kind, body, code) in [
        ("application/json", "{", Code::RequestMalformed),
        ("application/json", "{}", Code::RequestMalformed),
        ("application/json", r#"{"encryption":[],"signing":[],"more":1}"#, Code::RequestMalformed),
        ("application/json", r#"{"encryption":["%%"],"signing":[]}"#, Code::RequestMalformed),
        ("text/plain", r#"{"encryption":[],"signing":[]}"#, Code::RequestMalformed),
        ("application/json", &"[".repeat(9_999), Code::RequestMalformed),
        ("application/json", &" ".repeat(10_001), Code::RequestTooLarge),
    ] {
        assert_eq!(client.send(put(kind, body)).await.unwrap().code(), code, "{kind} {body:.40}");
    }
    for (method, path, code) in [
        (Method::GET, "/", Code::RouteUnknown),
        (Method::GET, "/union/v1/parcels/x/content", Code::RouteUnknown),
        (Method::GET, "/union/v1/parcels/..%2f..%2fetc/content", Code::RouteUnknown),
        (Method::GET, "/employer/v1/sent", Code::RouteUnknown),
        (Method::POST, PARCELS, Code::MethodNotAllowed),
        (Method::GET, ACKNOWLEDGEMENTS, Code::MethodNotAllowed),
    ] {
        let answer = client.send(request(method, path).body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.code(), code, "{path}");
    }
}

#[tokio::test]
async fn a_slow_header_and_an_idle_line_are_cut() {
    let relay = RelayWorld::start_with(|config| {
        config.limits.header_seconds = 1;
        config.limits.idle_seconds = 2;
    })
    .await;
    let union = relay.union("06123456").await;
    let client = relay.vpn(&union.gateway);
    assert_eq!(exchange(&client, b"GET /healthz HTTP/1.1\r\nho").await, "");
    assert_eq!(exchange(&client, b"").await, "");
    // A long poll outlives both.
    let page = client.get(&format!("{PARCELS}?wait=4")).await;
    assert_eq!(page.status, 200);
}

#[tokio::test]
async fn a_slow_body_ends_and_what_came_is_kept() {
    let relay = RelayWorld::start_with(|config| config.limits.stall_seconds = 1).await;
    let union = relay.union("06123456").await;
    let user = relay.user(&union, "hanako-1").await;
    let (client, session) = (relay.employer(&user), relay.session_of(&user));
    let id = message_id(relay.clock.as_ref());
    let header = format!(
        "POST {UPLOADS} HTTP/1.1\r\nhost: relay\r\nauthorization: Bearer {session}\r\ntus-resumable: 1.0.0\r\nupload-length: 5000000\r\n\
         upload-metadata: {}\r\ncontent-type: {}\r\ncontent-length: 5000000\r\n\r\nsome bytes",
        Metadata::to_union(id).to_header(),
        tus::OFFSET_CONTENT_TYPE
    );
    assert_eq!(problem(&exchange(&client, header.as_bytes()).await).code, Code::RequestTimeout);
    let head = request(Method::HEAD, &format!("{UPLOADS}/{id}")).header(tus::TUS_RESUMABLE, tus::VERSION);
    let standing = client.send(head.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(standing.header(tus::UPLOAD_OFFSET), Some("10"));
}

#[tokio::test]
async fn who_takes_an_answer_too_slowly_is_cut_off() {
    let relay = RelayWorld::start_with(|config| {
        config.limits.stall_seconds = 2;
        config.limits.minimum_rate = 20_000_000;
    })
    .await;
    let union = relay.union("06123456").await;
    let user = relay.user(&union, "hanako-1").await;
    let (id, size) = (message_id(relay.clock.as_ref()), 48_000_000);
    let create = request(Method::POST, UPLOADS)
        .header(tus::TUS_RESUMABLE, tus::VERSION)
        .header(tus::UPLOAD_LENGTH, size)
        .header(tus::UPLOAD_METADATA, Metadata::to_union(id).to_header())
        .header("content-type", tus::OFFSET_CONTENT_TYPE)
        .body(Body::from(parcel(size).0));
    assert_eq!(relay.employer(&user).send(create.unwrap()).await.unwrap().status, 201);
    let mut line = relay.vpn(&union.gateway).raw().await.unwrap();
    let ask = format!("GET {} HTTP/1.1\r\nhost: relay\r\n\r\n", parcel_content(id));
    line.write_all(ask.as_bytes()).await.unwrap();
    // A fifth of the rate, and never silent for as long as counts as a stall.
    let (mut taken, mut part) = (0, vec![0; 400_000]);
    let cut = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            if line.read_exact(&mut part).await.is_err() {
                return;
            }
            taken += part.len();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    cut.await.unwrap();
    assert!(taken < size - part.len(), "{taken}");
    let metrics = relay.watch("/metrics").await;
    let line = r#"kx_http_cut_off_total{listener="vpn",reason="taken-slowly"} 1"#;
    assert!(metrics.contains(line), "{metrics}");
}

#[tokio::test]
async fn connections_with_one_certificate_are_counted() {
    let relay = RelayWorld::start_with(|config| config.limits.connections_per_certificate = 3).await;
    let union = relay.union("06123456").await;
    let (busy, other) = (relay.user(&union, "hanako-1").await, relay.user(&union, "taro-2").await);
    let client = relay.employer(&busy);
    let mut lines = Vec::new();
    for _ in 0..3 {
        let mut line = client.connect().await.unwrap();
        assert_eq!(line.send(get(UNION)).await.unwrap().status, 200);
        lines.push(line);
    }
    assert!(!client.is_let_in().await);
    assert!(relay.employer(&other).is_let_in().await, "it holds up nobody else");
    lines.pop();
    soon("there is room for one more", async || client.is_let_in().await).await;
    let metrics = relay.watch("/metrics").await;
    let line = r#"kx_http_connections_refused_total{limit="connections-per-certificate",listener="employer"}"#;
    assert!(metrics.contains(line), "{metrics}");
}

#[tokio::test]
async fn connections_from_one_address_are_counted() {
    let relay = RelayWorld::start_with(|config| config.limits.connections_per_address = 3).await;
    let union = relay.union("06123456").await;
    let client = relay.vpn(&union.gateway);
    let mut lines = Vec::new();
    soon("those that registered the union are gone", async || {
        let Ok(mut line) = client.connect().await else { return false };
        if line.send(get("/healthz")).await.is_ok() {
            lines.push(line);
        }
        lines.len() == 3
    })
    .await;
    assert!(client.connect().await.is_err());
    lines.pop();
    soon("there is room for one more", async || client.is_let_in().await).await;
    let metrics = relay.watch("/metrics").await;
    let line = r#"kx_http_connections_refused_total{limit="connections-per-address",listener="vpn"}"#;
    assert!(metrics.contains(line), "{metrics}");
}

#[tokio::test]
async fn who_asks_too_often_is_told_to_wait() {
    let relay = RelayWorld::start_with(|config| config.employer.requests_per_second = 2).await;
    let union = relay.union("06123456").await;
    let (eager, calm) = (relay.user(&union, "hanako-1").await, relay.user(&union, "taro-2").await);
    let mut line = relay.employer(&eager).connect().await.unwrap();
    let mut refused = 0;
    for _ in 0..20 {
        let answer = line.send(get(UNION)).await.unwrap();
        if answer.status != 200 {
            assert_eq!((answer.status.as_u16(), answer.code()), (429, Code::TooManyRequests));
            refused += 1;
        }
    }
    assert!(refused > 0);
    assert_eq!(relay.employer(&calm).get(UNION).await.status, 200);
}

#[tokio::test]
async fn a_body_for_a_route_without_one_does_no_harm() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let mut line = relay.vpn(&union.gateway).connect().await.unwrap();
    assert_eq!(line.send(json(Method::GET, PARCELS, &"unexpected")).await.unwrap().status, 200);
    assert_eq!(line.send(get(PARCELS)).await.unwrap().status, 200);
}
