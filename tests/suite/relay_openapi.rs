//! The OpenAPI documents say what the relay does: every route is in them, and nothing else.

use std::collections::BTreeSet;

use hyper::Method;
use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::ids::RequestId;
use kenpo_express::message::keys::Credential;
use kenpo_express::message::receipt::Stage;
use kenpo_express::relay::routes::{Route, employer_routes, union_routes};
use kenpo_express::runtime::clock::SystemRandom;
use kenpo_express::secret::pin::Attempt;
use kenpo_express::wire::Der;
use kenpo_express::wire::employer::{self, SENT, UNION, UPLOADS};
use kenpo_express::wire::enrolment::{CertificateRequest, Device, Notice};
use kenpo_express::wire::problem::Code;
use kenpo_express::wire::session::{Login, PasswordChange, PinTry};
use kenpo_express::wire::tus::{self, Metadata};
use kenpo_express::wire::union::{
    ACKNOWLEDGEMENTS, Acknowledgement, Acknowledgements, CERTIFICATE_REQUESTS, HANDSHAKE, PARCELS, RequestAnswer,
    USERS, UserRegistration, request_answer,
};
use serde_json::Value;

use crate::support::enrolment::pc;
use crate::support::http::json;
use crate::support::relay::{RelayWorld, message_id, office};

const METHODS: [&str; 7] = ["get", "head", "post", "put", "patch", "delete", "options"];

pub(crate) fn described(document: &Value) -> BTreeSet<(String, String)> {
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

pub(crate) fn references(value: &Value, found: &mut BTreeSet<String>) {
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
        let of_relay = Code::ALL.iter().filter(|code| !Code::OF_GATEWAY.contains(code));
        assert_eq!(codes, of_relay.map(|code| code.as_str()).collect::<BTreeSet<_>>());
        for operation in
            document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values())
        {
            if let Some(operation) = operation.as_object().filter(|operation| operation.contains_key("responses")) {
                assert!(operation.contains_key("operationId") && operation.contains_key("summary"), "{operation:?}");
            }
        }
    }
}

/// Every JSON body, with its place.
fn bodies<'a>(value: &'a Value, place: &str, found: &mut Vec<(String, &'a Value)>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let place = format!("{place}/{key}");
                if key.ends_with("json") && value.get("schema").is_some() {
                    found.push((place, value));
                } else {
                    bodies(value, &place, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| bodies(item, place, found)),
        _ => (),
    }
}

#[tokio::test]
async fn every_body_has_an_example_that_fits() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let user = relay.user(&union, "hanako-1").await;
    for client in [relay.vpn(&union.gateway), relay.employer(&user)] {
        let document: Value = client.get("/openapi.json").await.json();
        let mut found = Vec::new();
        bodies(&document, "", &mut found);
        assert!(found.len() > 15, "{found:?}");
        for (place, body) in found.into_iter().filter(|(place, _)| !place.starts_with("/paths//openapi.json")) {
            let example = body.get("example").unwrap_or_else(|| panic!("{place} has no example"));
            assert_eq!(deviations(&document, &body["schema"], example, &place), Vec::<String>::new());
        }
    }
}

/// What a value has that its schema does not allow, by the parts of JSON Schema that the documents use.
pub(crate) fn deviations(document: &Value, schema: &Value, value: &Value, place: &str) -> Vec<String> {
    if let Some(target) = schema["$ref"].as_str() {
        return deviations(document, document.pointer(target.trim_start_matches('#')).unwrap(), value, place);
    }
    if let Some(all) = schema["allOf"].as_array() {
        return all.iter().flat_map(|part| deviations(document, part, value, place)).collect();
    }
    if let Some(constant) = schema.get("additionalProperties").filter(|rest| rest.is_object()) {
        let values = value.as_object().into_iter().flatten();
        return values
            .flat_map(|(key, value)| deviations(document, constant, value, &format!("{place}.{key}")))
            .collect();
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let fits = choices.iter().filter(|choice| deviations(document, choice, value, place).is_empty()).count();
        return if fits == 1 { Vec::new() } else { vec![format!("{place} fits {fits} of oneOf: {value}")] };
    }
    let right_type = match schema["type"].as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("the test does not know the type {other}"),
    };
    if !right_type {
        return vec![format!("{place} is no {}: {value}", schema["type"])];
    }
    let mut found = Vec::new();
    if let Some(allowed) = schema["enum"].as_array().filter(|allowed| !allowed.contains(value)) {
        found.push(format!("{place} is none of {allowed:?}: {value}"));
    }
    for item in value.as_array().into_iter().flatten() {
        found.extend(deviations(document, &schema["items"], item, &format!("{place}[]")));
    }
    let Some(object) = value.as_object() else { return found };
    for required in schema["required"].as_array().into_iter().flatten() {
        if !object.contains_key(required.as_str().unwrap()) {
            found.push(format!("{place} lacks {required}"));
        }
    }
    for (key, value) in object {
        match schema["properties"].get(key) {
            Some(schema) => found.extend(deviations(document, schema, value, &format!("{place}.{key}"))),
            None => found.push(format!("{place} has {key} besides")),
        }
    }
    found
}

#[tokio::test]
async fn answers_have_the_form_that_the_documents_give_them() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let user = relay.user(&union, "hanako-1").await;
    let (vpn, employer) = (relay.vpn(&union.gateway), relay.employer(&user));
    let vpn_document: Value = vpn.get("/openapi.json").await.json();
    let employer_document: Value = employer.get("/openapi.json").await.json();
    for size in [100, 3] {
        let id = message_id(relay.clock.as_ref());
        let create = crate::support::http::request(Method::POST, UPLOADS)
            .header(tus::TUS_RESUMABLE, tus::VERSION)
            .header(tus::UPLOAD_LENGTH, size)
            .header(tus::UPLOAD_METADATA, Metadata::to_union(id).to_header())
            .header("content-type", tus::OFFSET_CONTENT_TYPE)
            .body(vec![0; size].into());
        assert_eq!(employer.send(create.unwrap()).await.unwrap().status, 201);
        let items = vec![Acknowledgement { id, receipt: Some(union.receipt(id, Stage::Verified, relay.clock.now())) }];
        let body = Acknowledgements { items };
        let request = serde_json::to_value(&body).unwrap();
        let schema = &vpn_document["components"]["schemas"]["Acknowledgements"];
        assert_eq!(deviations(&vpn_document, schema, &request, "request"), Vec::<String>::new());
        let parcels: Value = vpn.get(PARCELS).await.json();
        assert_eq!(parcels["items"].as_array().map(Vec::len), Some(1));
        let answers = [
            (ACKNOWLEDGEMENTS, "post", vpn.send(json(Method::POST, ACKNOWLEDGEMENTS, &body)).await.unwrap().json()),
            (PARCELS, "get", parcels),
            (HANDSHAKE, "get", vpn.get(HANDSHAKE).await.json()),
            (USERS, "get", vpn.get(USERS).await.json()),
        ];
        check(&vpn_document, &answers);
        check(
            &employer_document,
            &[(SENT, "get", employer.get(SENT).await.json()), (UNION, "get", employer.get(UNION).await.json())],
        );
    }
}

fn check(document: &Value, answers: &[(&str, &str, Value)]) {
    for (path, method, answer) in answers {
        let schema = &document["paths"][path][method]["responses"]["200"]["content"]["application/json"]["schema"];
        assert_eq!(deviations(document, schema, answer, path), Vec::<String>::new());
    }
}

#[tokio::test]
async fn enrolment_and_sessions_have_the_form_too() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let vpn = relay.vpn(&union.gateway);
    let vpn_document: Value = vpn.get("/openapi.json").await.json();
    let is_fine = |document: &Value, schema: &str, value: Value| {
        let schema = &document["components"]["schemas"][schema];
        assert_eq!(deviations(document, schema, &value, "request"), Vec::<String>::new());
    };
    let enrolled = relay.enrol(&union, "hanako-1").await;
    is_fine(&vpn_document, "EnrolmentOrder", serde_json::to_value(&enrolled.order).unwrap());
    let notice = Notice::CertificateExpiry { not_after: relay.clock.now() };
    is_fine(&vpn_document, "Notice", serde_json::to_value(notice).unwrap());

    let kit = relay.employer(&enrolled.kit);
    let employer_document: Value = kit.get("/openapi.json").await.json();
    let attempt = Attempt::begin("0123".parse().unwrap(), &SystemRandom);
    let body = PinTry { blinded: attempt.blinded().clone() };
    is_fine(&employer_document, "PinTry", serde_json::to_value(&body).unwrap());
    let pc = pc();
    let pin: Value = kit.send(json(Method::POST, &employer::pin(pc), &body)).await.unwrap().json();
    let id = RequestId::new(relay.clock.now(), &SystemRandom);
    let body = CertificateRequest { id, sealed: Der(vec![1]) };
    is_fine(&employer_document, "CertificateRequest", serde_json::to_value(&body).unwrap());
    let asked: Value = kit.send(json(Method::POST, employer::CERTIFICATE_REQUESTS, &body)).await.unwrap().json();
    let pending: Value = vpn.get(CERTIFICATE_REQUESTS).await.json();

    let der = |credential: &Credential| Der(credential.certificate().der().to_vec());
    let user = union.user("hanako-1", relay.clock.now());
    let devices = vec![Device { pc, certificate: der(&union.device("hanako-1", &relay)) }];
    let login = Some(enrolled.initial.verifier());
    let registration = UserRegistration { office: office(), certificates: vec![der(&user)], devices, login };
    let body = RequestAnswer { answer: Der(vec![2]), registration: Some(registration) };
    is_fine(&vpn_document, "RequestAnswer", serde_json::to_value(&body).unwrap());
    let answered: Value = vpn.send(json(Method::POST, &request_answer(id), &body)).await.unwrap().json();
    let state: Value = kit.get(&employer::certificate_request(id)).await.json();
    let body = Login { key: enrolled.initial.clone() };
    is_fine(&employer_document, "Login", serde_json::to_value(&body).unwrap());
    let session: Value = relay.employer(&user).send(json(Method::POST, employer::LOGIN, &body)).await.unwrap().json();
    let body = PasswordChange { current: enrolled.initial.clone(), new: enrolled.initial.verifier() };
    is_fine(&employer_document, "PasswordChange", serde_json::to_value(&body).unwrap());
    check(
        &vpn_document,
        &[
            (CERTIFICATE_REQUESTS, "get", pending),
            ("/union/v1/certificate-requests/{id}/answer", "post", answered),
            (USERS, "get", vpn.get(USERS).await.json()),
        ],
    );
    check(
        &employer_document,
        &[
            ("/employer/v1/pin/{pc}", "post", pin),
            (employer::CERTIFICATE_REQUESTS, "post", asked),
            ("/employer/v1/certificate-requests/{id}", "get", state),
            (employer::LOGIN, "post", session),
        ],
    );
}
