//! Every file of `tests/vectors/` is judged as it says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::message_support::{certificate, opened, vectors};

pub(crate) struct Vector {
    pub(crate) name: String,
    pub(crate) fields: BTreeMap<String, String>,
    pub(crate) message: Vec<u8>,
}

pub(crate) fn read_all() -> Vec<Vector> {
    let mut list: Vec<Vector> = fs::read_dir(vectors())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "kxm"))
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let (head, body) = text.split_once("\n\n").unwrap();
            let fields = head.lines().map(|line| line.split_once(": ").unwrap_or((line.trim_end_matches(':'), "")));
            let fields = fields.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
            let message = STANDARD.decode(body.replace('\n', "")).unwrap();
            Vector { name: path.file_stem().unwrap().to_str().unwrap().to_owned(), fields, message }
        })
        .collect();
    list.sort_by(|a, b| a.name.cmp(&b.name));
    list
}

/// Code and text of what is wrong, or `accepted`.
fn judge(vector: &Vector, keys: &[&str]) -> (String, String) {
    let (opened, content) = match opened(&vector.message, keys) {
        Ok(opened) => opened,
        Err(error) => return (error.reason().expect("no local failure").to_string(), error.to_string()),
    };
    if let Err(error) = opened.verify(&certificate(&vector.fields["signer"])) {
        return (error.reason().to_string(), error.to_string());
    }
    if let Err(error) = &opened.header().file_name {
        return ("filename.refused".to_owned(), error.to_string());
    }
    assert_eq!(content, b"body of the file", "{}", vector.name);
    ("accepted".to_owned(), String::new())
}

#[test]
fn every_vector_is_judged_as_it_says() {
    let vectors = read_all();
    assert!(vectors.len() > 100);
    let mut wrong = Vec::new();
    for vector in &vectors {
        let (code, text) = judge(vector, &[&vector.fields["key"]]);
        let because = &vector.fields["because"];
        if code != vector.fields["expect"] || !text.contains(because.as_str()) {
            wrong.push(format!("{}: {code} ({text}), not {} ({because})", vector.name, vector.fields["expect"]));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_code_of_this_layer_has_a_vector() {
    let found: BTreeSet<String> =
        read_all().into_iter().map(|mut vector| vector.fields.remove("expect").unwrap()).collect();
    let expected = [
        "accepted",
        "algorithm.refused",
        "envelope.not-for-us",
        "envelope.tampered",
        "envelope.unauthenticated",
        "filename.refused",
        "format.malformed",
        "format.trailing-data",
        "format.truncated",
        "signature.invalid",
        "signature.missing",
        "signature.multiple",
        "size.refused",
    ];
    assert!(found.iter().eq(expected.iter()), "{found:?}");
}

/// Whoever has no key at all gets the same answer: so none was touched for it.
#[test]
fn algorithms_are_refused_before_any_key_is_touched() {
    let mut seen = 0;
    for vector in read_all() {
        let outside = ["cipher-", "recipient-", "relabelled-"].iter().any(|start| vector.name.starts_with(start));
        if outside && ["algorithm.refused", "envelope.unauthenticated"].contains(&vector.fields["expect"].as_str()) {
            assert_eq!(judge(&vector, &[]).0, vector.fields["expect"], "{}", vector.name);
            seen += 1;
        }
    }
    assert!(seen >= 15, "{seen}");
}
