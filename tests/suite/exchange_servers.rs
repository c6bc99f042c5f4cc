//! Each party by its own binary: what the relay gets to know, and what a kill of the employer's app does.

use std::fs;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::exchange_support::{Folder, files_below, text};

/// Everything that a secret may be hidden as.
fn disguises(secret: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![
        secret.as_bytes().to_vec(),
        utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string().into_bytes(),
        hex::encode(secret).into_bytes(),
        hex::encode_upper(secret).into_bytes(),
        secret.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        secret.escape_unicode().to_string().into_bytes(),
        serde_json::to_string(secret).unwrap().trim_matches('"').as_bytes().to_vec(),
    ];
    for shift in 0..3 {
        let shifted = [&b"xx"[..shift], secret.as_bytes()].concat();
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let encoded = engine.encode(&shifted);
            // The first and last letters depend on what stands around the secret; what is short is found by chance.
            if encoded.len() > 20 {
                forms.push(encoded.as_bytes()[4..encoded.len() - 4].to_vec());
            }
        }
    }
    forms
}

/// The files below a folder in which a secret can be found.
pub(crate) fn holders(folder: &Path, secrets: &[&str]) -> Vec<String> {
    let forms: Vec<_> = secrets.iter().flat_map(|secret| disguises(secret)).collect();
    let mut found = Vec::new();
    for path in files_below(folder) {
        let bytes = fs::read(&path).unwrap();
        let lower = bytes.to_ascii_lowercase();
        let holds = |form: &Vec<u8>| {
            let lower_form = form.to_ascii_lowercase();
            lower.windows(form.len()).any(|window| window == lower_form.as_slice())
        };
        if forms.iter().any(holds) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn the_relay_learns_neither_content_nor_name_nor_comment() {
    const CONTENT: &str = "報酬月額三百四十一万円ひみつ-plain-4711";
    const NAME: &str = "極秘算定基礎届Kyokuhi.csv";
    const COMMENT: &str = "担当者さまへ内緒の連絡ですNaisho";
    let folder = Folder::new();
    assert!(folder.exchange(&[]).status.success());
    let server = folder.serve("kx-server", "sandbox/relay/server.log");
    let gateway = folder.serve("kx-gateway", "sandbox/gateway/gateway.log");
    let small = folder.file(NAME, CONTENT.as_bytes());
    let sent = folder.run("kx-employer", &["send", small.to_str().unwrap(), "--comment", COMMENT]);
    assert!(sent.status.success(), "{}", text(&sent.stderr));
    let large = folder.file("Kyokuhi-極秘算定基礎届.txt", CONTENT.repeat(50_000).as_bytes());
    assert!(folder.run("kx-employer", &["send", large.to_str().unwrap(), "--comment", COMMENT]).status.success());
    folder.wait_until_verified();
    server.stop();
    gateway.stop();

    let log = text(&fs::read(folder.path("sandbox/relay/server.log")).unwrap());
    assert!(log.lines().count() > 10, "the log is as full as it gets: {log}");
    let secrets = [CONTENT, &NAME[..NAME.len() - 4], "Kyokuhi", COMMENT, "Naisho"];
    assert_eq!(holders(&folder.path("sandbox/relay"), &secrets), Vec::<String>::new());
    let logs = folder.path("logs");
    fs::create_dir(&logs).unwrap();
    for name in ["sandbox/gateway/gateway.log", "sandbox/sandbox.log"] {
        fs::copy(folder.path(name), logs.join(name.replace('/', "-"))).unwrap();
    }
    assert_eq!(holders(&logs, &secrets), Vec::<String>::new(), "logs never hold them, on either side");
    // The search does find what is there.
    assert_eq!(holders(&folder.path("sandbox/employer-1/sent"), &[NAME]).len(), 1);
    assert_eq!(holders(&folder.path("sandbox/employer-1/sent"), &[COMMENT]).len(), 2);
}

#[test]
fn an_employer_killed_at_any_moment_sends_each_number_once() {
    let folder = Folder::new();
    assert!(folder.exchange(&[]).status.success());
    let server = folder.serve("kx-server", "relay.log");
    let gateway = folder.serve("kx-gateway", "gateway.log");
    let file = folder.file("届.bin", &vec![0x5A; 12 << 20]);
    for milliseconds in [1, 5, 10, 15, 20, 25, 30, 40, 50, 60, 80, 100, 130, 160, 200, 250] {
        let mut sending = folder.start_sending(&file);
        // Where in its work that meets it is up to the machine; what follows must hold wherever it was.
        std::thread::sleep(Duration::from_millis(milliseconds));
        sending.kill().unwrap();
        sending.wait().unwrap();
        // A try at the PIN that leads to no login counts as a wrong one, and five lock it.
        let proved = folder.run("kx-employer", &["login"]);
        assert!(proved.status.success(), "{}", text(&proved.stderr));
    }
    let resumed = folder.run("kx-employer", &["send"]);
    assert!(resumed.status.success(), "{}", text(&resumed.stderr));
    let sent = folder.wait_until_verified();
    let numbers: Vec<_> = sent.iter().map(|message| message["sequence"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    assert!(sent.iter().all(|message| message["reasons"].as_array().unwrap().is_empty()), "{sent:#?}");
    server.stop();
    gateway.stop();

    let received = super::exchange_support::json(&folder.run("kx-gateway", &["received", "list", "--json"]));
    assert_eq!(received.len(), sent.len(), "nothing lost, nothing twice");
    assert!(received.iter().all(|message| message["verdict"] == "accepted"), "{received:#?}");
    let forked =
        |message: &&serde_json::Value| message["warnings"].as_array().unwrap().contains(&"sequence.fork".into());
    assert_eq!(received.iter().filter(forked).count(), 0);
    assert_eq!(files_below(&folder.path("sandbox/employer-1/outbox")).len(), 0);
}
