//! Events of the API: waited for, told by scope, cut off with the token.

use std::time::{Duration, Instant};

use kenpo_express::store::gateway::tokens::Scope;
use kenpo_express::wire::problem::Code;
use serde_json::Value;

use crate::api_support::ApiWorld;
use crate::support::http::{Answer, Client};

fn kinds(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect()
}

fn waiting(client: &Client, path: &str) -> tokio::task::JoinHandle<Answer> {
    let (client, path) = (client.clone(), path.to_owned());
    tokio::spawn(async move { client.get(&path).await })
}

#[tokio::test]
async fn what_arrives_is_told_at_once_to_who_waits_for_it() {
    let api = ApiWorld::start().await;
    let core = api.core().await;
    let mut hanako = api.world.sender("hanako-1").await;
    let began_at = Instant::now();
    let asked = waiting(&core, "/api/v1/events?wait=60");
    let id = api.receive(&mut hanako, b"content").await;
    let page: Value = asked.await.unwrap().json();
    assert!(began_at.elapsed() < Duration::from_secs(30), "told when it came, not when the time was over");
    assert_eq!((kinds(&page), &page["items"][0]["subject"]), (vec!["received.archived"], &id.to_string().into()));
    assert_eq!((&page["items"][0]["office"], &page["items"][0]["user"]), (&"1234-A".into(), &"hanako-1".into()));
    // Where that ends, the next question begins.
    let next = page["next"].as_str().unwrap();
    let rest: Value = core.get(&format!("/api/v1/events?after={next}&wait=0")).await.json();
    assert_eq!((kinds(&rest).len(), &rest["next"], &rest["more"]), (0, &Value::Null, &false.into()));
    let answer = core.get(&format!("/api/v1/received/{id}/content")).await;
    assert_eq!(answer.body, "content");
    let opened: Value = core.get(&format!("/api/v1/events?after={next}&limit=1")).await.json();
    assert_eq!(kinds(&opened), ["received.opened"]);
    for wrong in [
        "?wait=61",
        "?wait=x",
        "?after=-1",
        "?after=x",
        "?limit=0",
        "?limit=1001",
        "?kind=x",
        "?after=9223372036854775807&wait=60",
    ] {
        assert_eq!(core.get(&format!("/api/v1/events{wrong}")).await.code(), Code::RequestMalformed, "{wrong}");
    }
}

#[tokio::test]
async fn a_token_hears_of_what_it_is_for_and_is_cut_off_when_it_ends() {
    let api = ApiWorld::start().await;
    let mut hanako = api.world.sender("hanako-1").await;
    api.receive(&mut hanako, b"content").await;
    let sent = api.client(&api.token("sent", &[Scope::SentRead]).await);
    let nothing: Value = sent.get("/api/v1/events").await.json();
    assert_eq!(kinds(&nothing).len(), 0);
    let users = api.client(&api.token("users", &[Scope::UsersRead]).await);
    assert_eq!(users.get("/api/v1/events").await.code(), Code::TokenScope);
    let asked = waiting(&sent, "/api/v1/events?wait=60");
    // It waits by now, or will be refused at once: either way it has no answer but this one.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let began_at = Instant::now();
    api.admin().revoke_token("sent").await.unwrap();
    assert_eq!(asked.await.unwrap().code(), Code::TokenRefused);
    assert!(began_at.elapsed() < Duration::from_secs(20), "at once, and not when the time is over");
}
