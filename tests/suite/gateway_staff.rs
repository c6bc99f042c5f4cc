//! What staff do at the command line, with the real binaries.

use serde_json::Value;

use crate::exchange_support::{Folder, json, text, wait_for};

/// The one JSON object that a command printed.
pub(crate) fn object(output: &std::process::Output) -> Value {
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_stolen_pc_is_shut_out_here_at_once_and_at_the_relay_as_soon_as_it_hears() {
    let folder = Folder::new();
    assert!(folder.exchange(&[]).status.success());
    let server = folder.serve("kx-server", "relay.log");
    let sample = json(&folder.run("kx-gateway", &["received", "list", "--json"]))[0].clone();
    let file = folder.file("届.csv", b"content");
    assert!(folder.run("kx-employer", &["send", file.to_str().unwrap()]).status.success());
    // The line is down.
    server.stop();

    let user = sample["user"].as_str().unwrap();
    let disable = ["user", "disable", user, "--reason", "stolen", "--lost-at", "2020-01-01T00:00:00Z", "--json"];
    let disabled = object(&folder.run("kx-gateway", &disable));
    assert_eq!((&disabled["state"], &disabled["order"]["kind"]), (&"disabled".into(), &"disable".into()));
    assert!(disabled["order"]["requested_at"].is_string() && disabled["order"]["confirmed_at"].is_null());
    assert_eq!(disabled["suspects"], Value::from(vec![sample["id"].clone()]), "what came after the loss is suspect");

    // The file that the relay took before it heard.
    let server = folder.serve("kx-server", "relay.log");
    object(&folder.run("kx-gateway", &["pull", "--json"]));
    let quarantine = json(&folder.run("kx-gateway", &["quarantine", "list", "--json"]));
    assert_eq!(quarantine.len(), 1);
    let reasons = Value::from(vec!["signer.disabled", "signer.suspect", "certificate.revoked"]);
    assert_eq!(quarantine[0]["reasons"], reasons);
    let id = quarantine[0]["id"].as_str().unwrap();
    let output = folder.path("taken-out");
    let export = folder.run("kx-gateway", &["received", "export", id, "-o", output.to_str().unwrap()]);
    assert_eq!((export.status.code(), output.exists()), (Some(1), false));
    let enable = folder.run("kx-gateway", &["user", "enable", user, "--approver", "sandbox"]);
    assert!(enable.status.success(), "{}", text(&enable.stderr));

    let gateway = folder.serve("kx-gateway", "gateway.log");
    let confirmed = || {
        let users = json(&folder.run("kx-gateway", &["user", "list", "--json"]));
        users.iter().any(|one| one["id"] == user && one["order"]["confirmed_at"].is_string())
    };
    wait_for(confirmed, "the relay confirms");
    assert!(!folder.run("kx-employer", &["send", file.to_str().unwrap()]).status.success());
    gateway.stop();
    server.stop();
}

#[test]
fn a_review_goes_back_to_the_sender_as_a_receipt() {
    let folder = Folder::new();
    assert!(folder.exchange(&[]).status.success());
    let server = folder.serve("kx-server", "relay.log");
    // The sandbox's staff have accepted the sample.
    let files = [folder.file("一.csv", b"one"), folder.file("二.csv", b"two")];
    let sent = folder.run("kx-employer", &["send", files[0].to_str().unwrap(), files[1].to_str().unwrap()]);
    assert!(sent.status.success(), "{}", text(&sent.stderr));
    object(&folder.run("kx-gateway", &["pull", "--json"]));
    let received = json(&folder.run("kx-gateway", &["received", "list", "--json"]));
    let (accepted, returned) = (received[0]["id"].as_str().unwrap(), received[1]["id"].as_str().unwrap());
    let view = object(&folder.run("kx-gateway", &["received", "review", accepted, "--accept", "--json"]));
    assert_eq!(view["state"], "accepted");
    let words = "内容が違います-secret-words";
    let arguments = ["received", "review", returned, "--return", "--reason", words, "--json"];
    assert_eq!(object(&folder.run("kx-gateway", &arguments))["state"], "returned");
    let again = folder.run("kx-gateway", &["received", "review", accepted, "--accept"]);
    assert_eq!(again.status.code(), Some(1), "once is enough");
    object(&folder.run("kx-gateway", &["pull", "--json"]));
    let state = |id: &str| folder.sent().iter().find(|one| one["id"] == id).unwrap()["state"].clone();
    assert_eq!((state(accepted), state(returned)), ("accepted".into(), "returned".into()));
    // The words are for the sender, who reads them; the relay has them sealed only.
    let told = folder.sent().into_iter().find(|one| one["id"] == returned).unwrap();
    assert_eq!(told["returned"]["reason"], words, "{told:#}");
    assert!(text(&folder.run("kx-employer", &["sent"]).stdout).contains(words));
    let shown = object(&folder.run("kx-gateway", &["received", "show", accepted, "--json"]));
    let stages: Vec<&str> =
        shown["receipts"].as_array().unwrap().iter().map(|r| r["stage"].as_str().unwrap()).collect();
    assert_eq!(stages, ["relayed", "verified", "accepted"]);
    server.stop();
}

#[test]
fn commands_end_as_scripts_expect() {
    let folder = Folder::new();
    assert!(folder.exchange(&[]).status.success());
    let code = |arguments: &[&str]| folder.run("kx-gateway", arguments).status.code();
    assert_eq!(code(&["check-config"]), Some(0));
    assert_eq!(code(&["migrate", "--check"]), Some(0));
    assert_eq!(code(&["received", "show", "0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f6"]), Some(1));
    assert_eq!(code(&["received", "review", "0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f6"]), Some(2));
    assert_eq!(code(&["no-such-command"]), Some(2));
    let status = object(&folder.run("kx-gateway", &["status", "--json"]));
    assert_eq!((&status["archived"], &status["quarantined"]), (&1.into(), &0.into()));
    assert_eq!(status["runs"][0]["result"], "done");
    // The relay is away: the pull says so and fails.
    let pull = folder.run("kx-gateway", &["pull", "--json"]);
    let report: Value = serde_json::from_slice(&pull.stdout).unwrap();
    assert_eq!((pull.status.code(), &report["result"]), (Some(1), &"relay.unreachable".into()));
    // Everything that is wrong at once.
    let mut command = folder.command("kx-gateway");
    command.args(["check-config"]);
    command
        .env("KX_GATEWAY__PULL__PARALLEL", "0")
        .env("KX_GATEWAY__LOG__LEVEL", "=")
        .env("KX_GATEWAY__PUL__BATCH", "1");
    let wrong = command.output().unwrap();
    assert_eq!(wrong.status.code(), Some(1));
    assert!(text(&wrong.stderr).contains("did you mean pull.batch"), "{}", text(&wrong.stderr));
}
