//! The OpenAPI document of the gateway says what it does: every route, every form, and examples that have it.

use std::collections::BTreeSet;

use kenpo_express::gateway::api::routes::{Access, routes};
use kenpo_express::store::gateway::events::Kind;
use kenpo_express::store::gateway::tokens::Scope;
use serde_json::Value;

use crate::api_support::{ApiWorld, append, create};
use crate::relay_openapi::{described, deviations, references};
use crate::support::http::Client;

async fn document(client: &Client) -> Value {
    client.get("/openapi.json").await.json()
}

#[tokio::test]
async fn the_document_holds_every_route_and_its_scope() {
    let api = ApiWorld::start().await;
    let document = document(&api.client("")).await;
    assert_eq!((&document["openapi"], &document["info"]["version"]), (&"3.1.0".into(), &"1".into()));
    let routed: BTreeSet<_> = routes().iter().map(|route| (route.method.to_string(), route.path.to_owned())).collect();
    assert_eq!(described(&document), routed);
    let mut targets = BTreeSet::new();
    references(&document, &mut targets);
    for target in targets {
        assert!(document.pointer(target.strip_prefix('#').unwrap()).is_some(), "{target}");
    }
    for route in routes() {
        let operation = &document["paths"][route.path][route.method.as_str().to_ascii_lowercase()];
        let said = operation["description"].as_str().unwrap_or_default();
        match route.access {
            Access::Open => assert_eq!(operation["security"], Value::Array(vec![]), "{route:?}"),
            Access::Token => assert!(operation["security"].is_null()),
            Access::Scope(scope) => {
                assert!(
                    operation["security"].is_null() && said.contains(&format!("Scope: {}.", scope.code())),
                    "{route:?}"
                );
            }
        }
    }
    let kinds: Vec<_> = Kind::ALL.iter().map(|kind| Value::from(kind.code())).collect();
    assert_eq!(document["components"]["schemas"]["EventKind"]["enum"], Value::Array(kinds));
    let states: Vec<_> =
        kenpo_express::domain::sending::Sending::ALL.iter().map(|state| Value::from(state.code())).collect();
    assert_eq!(document["components"]["schemas"]["SentState"]["enum"], Value::Array(states));
}

#[tokio::test]
async fn examples_and_answers_have_the_form_that_the_document_gives_them() {
    let api = ApiWorld::start().await;
    let core = api.core().await;
    let document = document(&core).await;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let content = &operation["responses"]["200"]["content"]["application/json"];
            if let Some(example) = content.get("example") {
                assert_eq!(deviations(&document, &content["schema"], example, path), Vec::<String>::new(), "{method}");
            }
        }
    }
    let mut hanako = api.recipient("hanako-1").await;
    let id = api.receive(&mut hanako, b"content").await;
    let created =
        core.send(create("届.csv", "hanako-1 office:1234-A", 5).body(axum::body::Body::empty()).unwrap()).await;
    let upload = created.unwrap().header("location").unwrap().to_owned();
    let check = async |template: &str, path: &str| {
        let answer: Value = core.get(path).await.json();
        let schema = &document["paths"][template]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        assert_eq!(deviations(&document, schema, &answer, path), Vec::<String>::new());
        answer
    };
    check("/api/v1/uploads/{id}", &upload).await;
    append(&core, &upload, 0, b"hello").await;
    let taken = check("/api/v1/uploads/{id}", &upload).await;
    let sent = format!("/api/v1/sent/{}", taken["dispatch"]["messages"][0]["id"].as_str().unwrap());
    for (template, path) in [
        ("/api/v1/received", "/api/v1/received".to_owned()),
        ("/api/v1/received/{id}", format!("/api/v1/received/{id}")),
        ("/api/v1/received/{id}/receipts", format!("/api/v1/received/{id}/receipts")),
        ("/api/v1/sent", "/api/v1/sent".to_owned()),
        ("/api/v1/sent/{id}", sent.clone()),
        ("/api/v1/sent/{id}/receipts", format!("{sent}/receipts")),
        ("/api/v1/users", "/api/v1/users".to_owned()),
        ("/api/v1/offices", "/api/v1/offices".to_owned()),
        ("/api/v1/events", "/api/v1/events".to_owned()),
    ] {
        let answer = check(template, &path).await;
        if let Some(items) = answer["items"].as_array() {
            assert!(!items.is_empty() || path.ends_with("/receipts"), "{path} shows something");
        }
    }
    let users = core.get("/api/v1/users").await.json::<Value>().to_string();
    assert!(!users.contains("name") && !users.contains("mail"), "no person: {users}");
    assert_eq!(Scope::ALL.len(), 5);
}
