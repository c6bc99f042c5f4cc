//! Makes the files of `tests/vectors/`: `cargo run --example make-vectors`. See the README there.

#![expect(clippy::unwrap_used, reason = "a tool for developers, which stops at the first surprise")]

mod craft;
mod envelopes;
mod signatures;

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// One vector.
pub(crate) struct Case {
    name: &'static str,
    expect: &'static str,
    /// A part of the error's text, so that it is refused for the right cause.
    because: &'static str,
    key: &'static str,
    message: Vec<u8>,
}

/// Opened with the union's key.
pub(crate) fn case(name: &'static str, expect: &'static str, because: &'static str, message: Vec<u8>) -> Case {
    Case { name, expect, because, key: "union", message }
}

impl Case {
    pub(crate) fn because(self, because: &'static str) -> Self {
        Self { because, ..self }
    }

    pub(crate) fn expecting(self, expect: &'static str) -> Self {
        Self { expect, ..self }
    }
}

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "kxm") {
            fs::remove_file(path).unwrap();
        }
    }
    for case in envelopes::cases().into_iter().chain(signatures::cases()) {
        let base64 = STANDARD.encode(&case.message);
        let lines: Vec<&str> = base64.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let text = format!(
            "expect: {}\nbecause: {}\nkey: {}\nsigner: signer\n\n{}\n",
            case.expect,
            case.because,
            case.key,
            lines.join("\n")
        );
        fs::write(folder.join(format!("{}.kxm", case.name)), text).unwrap();
    }
}
