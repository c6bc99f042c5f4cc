//! What others have built on: every path, method, parameter, field and code of the three OpenAPI documents, as `tests/surface/` records
//! them. Whoever takes something away, or asks for more than before, sees it here first.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use serde_json::{Map, Value};

use crate::api_support::ApiWorld;
use crate::support::relay::RelayWorld;

/// Writes the record anew instead of comparing: `KX_SURFACE=write`.
const SWITCH: &str = "KX_SURFACE";
/// Words for readers: they may change.
const WORDS: [&str; 7] = ["description", "summary", "example", "examples", "title", "tags", "operationId"];

/// The document as lines, each of which stands for something that a client may rely on.
fn lines(document: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (path, item) in object(&document["paths"]) {
        let shared = item.get("parameters").and_then(Value::as_array).cloned().unwrap_or_default();
        for (method, operation) in object(item).iter().filter(|(key, _)| *key != "parameters") {
            let place = format!("{} {path}", method.to_ascii_uppercase());
            found.insert(place.clone());
            let own = operation["parameters"].as_array().cloned().unwrap_or_default();
            for parameter in shared.iter().chain(&own) {
                let parameter = resolved(document, parameter);
                let (name, within) = (&parameter["name"], &parameter["in"]);
                let place = format!("{place}  {} {}", text(within), text(name));
                form(&mut found, &place, &parameter["schema"], parameter["required"] == true);
            }
            if let Some(body) = operation.get("requestBody") {
                contents(&mut found, document, &format!("{place}  body"), resolved(document, body));
            }
            for (status, answer) in object(&operation["responses"]) {
                let (place, answer) = (format!("{place}  {status}"), resolved(document, answer));
                found.insert(place.clone());
                contents(&mut found, document, &place, answer);
                for (name, header) in answer.get("headers").map(object).into_iter().flatten() {
                    let header = resolved(document, header);
                    form(&mut found, &format!("{place} header {name}"), &header["schema"], header["required"] == true);
                }
            }
        }
    }
    for (name, schema) in object(&document["components"]["schemas"]) {
        form(&mut found, &format!("{{{name}}}"), schema, true);
    }
    found
}

fn contents(found: &mut BTreeSet<String>, document: &Value, place: &str, body: &Value) {
    for (media, content) in body.get("content").map(object).into_iter().flatten() {
        let place = format!("{place} {media}");
        form(found, &place, resolved(document, &content["schema"]), body["required"] != false);
    }
}

/// A schema: one line for what it is, and one for each of its fields and values.
fn form(found: &mut BTreeSet<String>, place: &str, schema: &Value, required: bool) {
    let must = if required { "required" } else { "optional" };
    let Some(whole) = schema.as_object() else {
        found.insert(format!("{place}: anything, {must}"));
        return;
    };
    let mut rest: Map<String, Value> = whole
        .iter()
        .filter(|(key, _)| !WORDS.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let (fields, needed) = (rest.remove("properties"), rest.remove("required"));
    for value in rest.remove("enum").as_ref().and_then(Value::as_array).into_iter().flatten() {
        found.insert(format!("{place} = {value}"));
    }
    let items = rest.remove("items");
    found.insert(format!("{place}: {}, {must}", without_words(&Value::Object(rest))));
    for (name, field) in fields.as_ref().map(object).into_iter().flatten() {
        let is_needed =
            needed.as_ref().and_then(Value::as_array).is_some_and(|names| names.iter().any(|one| one == name));
        form(found, &format!("{place}.{name}"), field, is_needed);
    }
    if let Some(items) = items {
        form(found, &format!("{place}[]"), &items, true);
    }
}

fn without_words(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let kept = object.iter().filter(|(key, _)| !WORDS.contains(&key.as_str()));
            // In the order of the alphabet, whichever order the library keeps.
            let sorted: BTreeMap<_, _> = kept.map(|(key, value)| (key.clone(), without_words(value))).collect();
            sorted.into_iter().collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.iter().map(without_words).collect(),
        other => other.clone(),
    }
}

fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        // A schema has lines of its own.
        Some(target) if !target.starts_with("#/components/schemas/") => {
            document.pointer(target.trim_start_matches('#')).unwrap()
        }
        _ => value,
    }
}

fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn compare(name: &str, document: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/surface").join(name);
    let now = lines(document);
    if std::env::var(SWITCH).is_ok_and(|said| said == "write") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, now.iter().fold(String::new(), |text, line| text + line.as_str() + "\n")).unwrap();
        return;
    }
    let recorded = std::fs::read_to_string(&path).unwrap_or_default();
    let recorded: BTreeSet<String> = recorded.lines().map(str::to_owned).collect();
    let mut said = String::new();
    for line in recorded.difference(&now) {
        let _ = writeln!(said, "gone, or not as it was: {line}");
    }
    for line in now.difference(&recorded) {
        let _ = writeln!(said, "new, or as it is now:   {line}");
    }
    assert!(
        said.is_empty(),
        "tests/surface/{name}\n{said}\nOthers have built on what is recorded: only add to it within a version. When that is what was \
         done, write the record anew: {SWITCH}=write cargo test --test suite api_surface"
    );
}

#[tokio::test]
async fn nothing_is_taken_away_from_those_who_have_built_on_it() {
    let api = ApiWorld::start().await;
    compare("gateway-api.txt", &api.client("").get("/openapi.json").await.json());
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let user = relay.user(&union, "hanako-1").await;
    compare("relay-union.txt", &relay.vpn(&union.gateway).get("/openapi.json").await.json());
    compare("relay-employer.txt", &relay.employer(&user).get("/openapi.json").await.json());
}

#[test]
fn what_is_stricter_or_gone_is_seen() {
    let document = |required: &str, codes: &str, longest: u32| -> Value {
        serde_json::from_str(&format!(
            r#"{{"paths": {{"/a": {{"get": {{"parameters": [{{"name": "x", "in": "query", "required": {required},
            "schema": {{"type": "string", "maxLength": {longest}, "description": "words"}}}}],
            "responses": {{"200": {{"description": "words"}}}}}}}}}},
            "components": {{"schemas": {{"Code": {{"type": "string", "enum": [{codes}]}},
            "Item": {{"type": "object", "required": ["id"], "properties": {{"id": {{"type": "string"}}, "n": {{"type": "integer"}}}}}}}}}}}}"#
        ))
        .unwrap()
    };
    let before = lines(&document("false", r#""a.b", "a.c""#, 9));
    for line in ["GET /a", "GET /a  200", "{Code} = \"a.b\"", "{Item}.id: {\"type\":\"string\"}, required"] {
        assert!(before.contains(line), "{line}\n{before:#?}");
    }
    for other in [
        document("true", r#""a.b", "a.c""#, 9),
        document("false", r#""a.b""#, 9),
        document("false", r#""a.b", "a.c""#, 8),
    ] {
        assert!(!before.is_subset(&lines(&other)));
    }
    assert!(before.is_subset(&lines(&document("false", r#""a.b", "a.c", "a.d""#, 9))));
}
