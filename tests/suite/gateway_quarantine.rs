//! What staff do with quarantined messages, with the real binaries.

use std::fs;

use serde_json::Value;

use crate::exchange_support::{Folder, files_below, json, text};
use crate::gateway_staff::object;
use crate::message_support::noise;

/// Sends one file, and gives its id.
fn send(folder: &Folder, name: &str, content: &[u8]) -> String {
    let file = folder.file(name, content);
    let sent = folder.run("kx-employer", &["send", file.to_str().unwrap(), "--json"]);
    assert!(sent.status.success(), "{}", text(&sent.stderr));
    folder.sent().iter().find(|one| one["file_name"] == name).unwrap()["id"].as_str().unwrap().to_owned()
}

fn state(folder: &Folder, id: &str) -> Value {
    folder.sent().iter().find(|one| one["id"] == id).unwrap()["state"].clone()
}

#[test]
fn two_persons_release_what_a_disabled_user_sent_and_nobody_what_was_altered() {
    let folder = Folder::new();
    assert!(folder.exchange(&[]).status.success());
    let server = folder.serve("kx-server", "relay.log");
    let user = json(&folder.run("kx-gateway", &["received", "list", "--json"]))[0]["user"].clone();
    let content = noise(5_000);
    let (whole, altered) = (send(&folder, "whole.csv", &content), send(&folder, "altered.csv", &noise(6_000)));
    let parcel = files_below(&folder.path("sandbox/relay/data"));
    let parcel = parcel.into_iter().find(|path| path.to_string_lossy().contains(&altered)).unwrap();
    let mut bytes = fs::read(&parcel).unwrap();
    bytes[3_000] ^= 1;
    fs::write(&parcel, bytes).unwrap();
    // The line is down: the relay does not hear of it, and the employer can go on asking it.
    let mut disable = folder.command("kx-gateway");
    disable.args(["user", "disable", user.as_str().unwrap(), "--reason", "other", "--json"]);
    object(&disable.env("KX_GATEWAY__RELAY__URL", "https://127.0.0.1:1").output().unwrap());
    let pulled = object(&folder.run("kx-gateway", &["pull", "--json"]));
    assert_eq!(pulled["quarantined"], 2);

    let release = |id: &str, approver: &str| {
        folder.run("kx-gateway", &["quarantine", "release", id, "--approver", approver, "--json"])
    };
    assert_eq!(folder.run("kx-gateway", &["quarantine", "release", &whole]).status.code(), Some(2), "nobody approves");
    for own in [" ", "uid:0", "root", "ROOT", "0", "two\nlines"] {
        let uid = rustix::process::getuid().as_raw();
        let own = own.replace('0', &uid.to_string());
        if uid == 0 || !own.eq_ignore_ascii_case("root") {
            assert_eq!(release(&whole, &own).status.code(), Some(1), "{own:?} is no second person");
        }
    }
    let refused = release(&altered, "suzuki");
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("envelope.tampered"), "{}", text(&refused.stderr));

    let released = object(&release(&whole, "suzuki"));
    assert_eq!((&released["state"], &released["verdict"]), (&"archived".into(), &"accepted".into()));
    assert!(released["released_at"].is_string() && released["archived_at"].is_string());
    assert_eq!(release(&whole, "suzuki").status.code(), Some(1), "once is enough");
    let output = folder.path("taken-out");
    let export = folder.run("kx-gateway", &["received", "export", &whole, "-o", output.to_str().unwrap()]);
    assert!(export.status.success(), "{}", text(&export.stderr));
    assert_eq!(fs::read(output).unwrap(), content);
    let kept = files_below(&folder.path("sandbox/gateway/data/quarantine"));
    assert!(kept.iter().any(|path| path.to_string_lossy().contains(&whole)), "the evidence stays");
    let shown = object(&folder.run("kx-gateway", &["received", "show", &whole, "--json"]));
    assert_eq!(shown["facts"]["signer"]["user"]["enabled"], false, "the facts of that time: {}", shown["facts"]);

    let reason = ["quarantine", "return", &altered, "--reason", "altered on its way", "--json"];
    assert_eq!(object(&folder.run("kx-gateway", &reason))["state"], "returned");
    assert_eq!(object(&folder.run("kx-gateway", &["status", "--json"]))["unacknowledged"], 1);
    object(&folder.run("kx-gateway", &["pull", "--json"]));
    assert_eq!(object(&folder.run("kx-gateway", &["status", "--json"]))["unacknowledged"], 0);
    assert_eq!((state(&folder, &whole), state(&folder, &altered)), ("verified".into(), "relayed".into()));
    server.stop();
}
