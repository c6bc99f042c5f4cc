//! Any bytes as a sealed message, read with and without a key: a named error or an opened message, and nothing else.

#![no_main]

use std::io::sink;
use std::sync::LazyLock;

use kenpo_express::message::format::trailing_tag;
use kenpo_express::message::inspect::inspect;
use kenpo_express::message::keys::{Certificate, Credential, PrivateKey};
use kenpo_express::message::open::open;
use libfuzzer_sys::fuzz_target;

static KEYS: LazyLock<Vec<Credential>> = LazyLock::new(|| {
    let pairs: [(&[u8], &[u8]); 2] = [
        (include_bytes!("../../tests/vectors/keys/union.pem"), include_bytes!("../../tests/vectors/keys/union.key")),
        (
            include_bytes!("../../tests/vectors/keys/union-rsa.pem"),
            include_bytes!("../../tests/vectors/keys/union-rsa.key"),
        ),
    ];
    let read = |(certificate, key)| {
        let certificate = Certificate::from_pem(certificate).expect("the vectors' certificates can be read");
        let key = PrivateKey::from_pem(key).expect("the vectors' keys can be read");
        Credential::new(certificate, key).expect("the vectors' keys are pairs")
    };
    pairs.into_iter().map(read).collect()
});

fuzz_target!(|message: &[u8]| {
    let outline = inspect(message);
    match open(message, &KEYS, sink()) {
        Ok((opened, _)) => {
            let outline = outline.expect("what opens has an outer structure");
            assert_eq!(opened.tag(), outline.tag);
            assert_eq!(opened.sealed_size(), outline.size);
            assert_eq!(trailing_tag(message), Some(outline.tag));
        }
        Err(error) => assert!(error.reason().is_some(), "memory does not fail"),
    }
});
