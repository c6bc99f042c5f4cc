//! The OpenAPI documents say what the relay does: every route is in them, and nothing else.

use std::collections::BTreeSet;

use kenpo_express::relay::routes::{Route, employer_routes, union_routes};
use kenpo_express::wire::problem::Code;
use serde_json::Value;

use crate::support::relay::RelayWorld;

const METHODS: [&str; 7] = ["get", "head", "post", "put", "patch", "delete", "options"];

fn described(document: &Value) -> BTreeSet<(String, String)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        let methods = METHODS.iter().filter(|method| item.get(**method).is_some());
        methods.map(|method| (method.to_ascii_uppercase(), path.clone()))
    });
    operations.collect()
}

fn routed(routes: &[Route]) -> BTreeSet<(String, String)> {
    routes.iter().map(|route| (route.method.to_string(), route.path.to_owned())).collect()
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                match value {
                    Value::String(target) if key == "$ref" => drop(found.insert(target.clone())),
                    other => references(other, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => (),
    }
}

#[tokio::test]
async fn the_documents_hold_every_route_and_only_those() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let user = relay.user(&union, "hanako-1").await;
    let vpn: Value = relay.vpn(&union.gateway).get("/openapi.json").await.json();
    let employer: Value = relay.employer(&user).get("/openapi.json").await.json();
    for (document, routes) in [(vpn, union_routes()), (employer, employer_routes())] {
        assert_eq!(document["openapi"], "3.1.0");
        assert_eq!(document["info"]["version"], kenpo_express::wire::VERSION);
        assert_eq!(described(&document), routed(&routes));
        let mut targets = BTreeSet::new();
        references(&document, &mut targets);
        for target in targets {
            assert!(document.pointer(target.strip_prefix('#').unwrap()).is_some(), "{target}");
        }
        let codes = &document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"];
        let codes: BTreeSet<&str> = codes.as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect();
        assert_eq!(codes, Code::ALL.iter().map(|code| code.as_str()).collect::<BTreeSet<_>>());
        for operation in
            document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values())
        {
            if let Some(operation) = operation.as_object().filter(|operation| operation.contains_key("responses")) {
                assert!(operation.contains_key("operationId") && operation.contains_key("summary"), "{operation:?}");
            }
        }
    }
}
