//! Any bytes as a signed receipt: reaches the reader of signatures, which an envelope hides.

#![no_main]

use std::sync::LazyLock;

use kenpo_express::message::keys::Certificate;
use kenpo_express::message::receipt::SignedReceipt;
use libfuzzer_sys::fuzz_target;

static SIGNER: LazyLock<Certificate> = LazyLock::new(|| {
    Certificate::from_pem(include_bytes!("../../tests/vectors/keys/union.pem"))
        .expect("the vectors' certificates can be read")
});

fuzz_target!(|receipt: &[u8]| {
    let _ = SignedReceipt::from_der(receipt.to_vec()).verify(&SIGNER);
});
