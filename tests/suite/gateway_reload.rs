//! Certificates and keys are replaced while the real gateway runs.

use std::fs;

use kenpo_express::domain::clock::Clock;
use kenpo_express::pki::{Authority, Profile, Subject};
use kenpo_express::runtime::clock::SystemClock;
use kenpo_express::sandbox::parties::union;
use serde_json::Value;
use sqlx::{Connection, Row};

use crate::exchange_support::{Folder, text, wait_for};
use crate::gateway_staff::object;
use crate::support::relay::issue;

/// A new certificate of the union's CA with its key, in a file among the gateway's, which takes the place of one of that
/// name. Gives the certificate.
pub(crate) fn make(folder: &Folder, name: &str, profile: &Profile) -> String {
    let own = folder.path("sandbox/gateway");
    let (ca, key) = (fs::read(own.join("union-ca.pem")).unwrap(), fs::read(own.join("union-ca.key")).unwrap());
    let authority = Authority::load(&ca, &key).unwrap();
    let made = issue(&authority, Subject::Union(union()), profile, SystemClock.now());
    let certificate = made.certificate().pem();
    fs::write(own.join("half"), certificate.clone() + made.key().to_pem().as_str()).unwrap();
    fs::rename(own.join("half"), own.join(name)).unwrap();
    certificate
}

/// Names the files that the gateway signs with and those that it opens with, the newest first.
pub(crate) fn name_keys(folder: &Folder, signing: &[&str], encryption: &[&str]) {
    let path = folder.path("sandbox/gateway/gateway.toml");
    let text = fs::read_to_string(&path).unwrap();
    let others = text.lines().filter(|line| !line.starts_with("signing") && !line.starts_with("encryption"));
    let with = |line: &str| match line {
        "[keys]" => format!("[keys]\nsigning = {signing:?}\nencryption = {encryption:?}\n"),
        other => format!("{other}\n"),
    };
    fs::write(&path, others.map(with).collect::<String>()).unwrap();
}

/// What `kx-gateway status` says of a field.
pub(crate) fn status(folder: &Folder, field: &str) -> Value {
    object(&folder.run("kx-gateway", &["status", "--json"]))[field].clone()
}

fn problem(folder: &Folder) -> String {
    status(folder, "keys_problem").as_str().unwrap_or_default().to_owned()
}

/// Sends a file and waits until the union has said, under its signature, that it has it.
pub(crate) fn send_and_verify(folder: &Folder, name: &str) {
    let file = folder.file(name, name.as_bytes());
    let sent = folder.run("kx-employer", &["send", file.to_str().unwrap()]);
    assert!(sent.status.success(), "{}", text(&sent.stderr));
    folder.wait_until_verified();
}

#[test]
fn what_is_unfit_is_refused_and_what_is_fit_counts_at_once() {
    let folder = Folder::new();
    assert!(folder.exchange(&[]).status.success());
    let server = folder.serve("kx-server", "relay.log");
    let gateway = folder.serve("kx-gateway", "gateway.log");
    assert_eq!(status(&folder, "keys_problem"), Value::Null);
    make(&folder, "signing-2.pem", &Profile::UnionSigning);
    make(&folder, "encryption-2.pem", &Profile::UnionEncryption);

    // The one for the other: nothing of it counts, and employers notice nothing.
    name_keys(&folder, &["signing-2.pem", "union-signing.pem"], &["signing-2.pem", "union-encryption.pem"]);
    gateway.reload();
    wait_for(|| problem(&folder).contains("keys.encryption"), "what is unfit is told");
    send_and_verify(&folder, "一.csv");
    let check = folder.run("kx-gateway", &["check-config"]);
    assert_eq!(check.status.code(), Some(1));
    assert!(text(&check.stderr).contains("keys.encryption"), "{}", text(&check.stderr));

    // Nobody tells the gateway: it sees that the file has changed.
    name_keys(&folder, &["signing-2.pem", "union-signing.pem"], &["encryption-2.pem", "union-encryption.pem"]);
    wait_for(|| status(&folder, "keys_problem").is_null(), "what is fit is taken");
    wait_for(|| status(&folder, "open_orders").as_array().unwrap().is_empty(), "the relay has been told");
    // With the old ones revoked, only the new ones are left to seal for and to believe.
    for old in ["union-signing.pem", "union-encryption.pem"] {
        let path = folder.path("sandbox/gateway").join(old);
        object(&folder.run("kx-gateway", &["keys", "revoke", path.to_str().unwrap(), "--json"]));
    }
    wait_for(|| status(&folder, "open_orders").as_array().unwrap().is_empty(), "the relay has been told");
    send_and_verify(&folder, "二.csv");
    // What was sealed for the old key opens with it.
    let received = crate::exchange_support::json(&folder.run("kx-gateway", &["received", "list", "--json"]));
    assert_eq!(received.len(), 3);
    for message in received {
        let output = folder.path(message["id"].as_str().unwrap());
        let arguments = ["received", "export", message["id"].as_str().unwrap(), "-o", output.to_str().unwrap()];
        let export = folder.run("kx-gateway", &arguments);
        assert!(export.status.success(), "{}", text(&export.stderr));
    }
    gateway.stop();
    server.stop();
    let log = text(&fs::read(folder.path("gateway.log")).unwrap());
    assert!(log.contains("keys.refused") && log.contains("keys.reloaded"), "{log}");
}

#[test]
fn keys_that_could_not_be_announced_are_announced_for_what_they_replaced() {
    let folder = Folder::new();
    assert!(folder.exchange(&[]).status.success());
    let server = folder.serve("kx-server", "relay.log");
    let gateway = folder.serve("kx-gateway", "gateway.log");
    let change = |statement: &'static str| {
        let path = format!("sqlite:{}", folder.path("sandbox/gateway/data/gateway.db").display());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut connection = sqlx::SqliteConnection::connect(&path).await.unwrap();
            let done = sqlx::query(statement).fetch_all(&mut connection).await.unwrap();
            let said = done.iter().map(|row| row.get::<String, _>(0)).collect::<Vec<_>>();
            connection.close().await.unwrap();
            said
        })
    };
    change(
        "CREATE TRIGGER refuse BEFORE INSERT ON audit WHEN NEW.action = 'keys.replaced'
         BEGIN SELECT RAISE(ABORT, 'the disk is full'); END",
    );
    make(&folder, "signing-2.pem", &Profile::UnionSigning);
    name_keys(&folder, &["signing-2.pem", "union-signing.pem"], &["union-encryption.pem"]);
    gateway.reload();
    wait_for(|| status(&folder, "keys_problem").is_string(), "it cannot be written down");
    change("DROP TRIGGER refuse");
    wait_for(|| status(&folder, "keys_problem").is_null(), "it tries again by itself");
    let said = change("SELECT before || ' ' || after FROM audit WHERE action = 'keys.replaced'");
    let said: Vec<&str> = said[0].split_whitespace().filter(|word| word.len() == 64).collect();
    assert!(said.len() == 4 && said[0] != said[2] && said[1] == said[3], "{said:?}");
    gateway.stop();
    server.stop();
}

#[test]
fn the_gateway_shows_the_relay_a_new_certificate_only_when_the_relay_takes_it() {
    let folder = Folder::new();
    assert!(folder.exchange(&[]).status.success());
    let server = folder.serve("kx-server", "relay.log");
    let gateway = folder.serve("kx-gateway", "gateway.log");
    let own = folder.path("sandbox/gateway");
    let old = fs::read_to_string(own.join("tls.pem")).unwrap();
    let new = make(&folder, "tls.pem", &Profile::TlsClient);
    gateway.reload();
    wait_for(|| problem(&folder).contains("relay"), "the relay does not know it");
    send_and_verify(&folder, "一.csv");

    let register = |certificates: &str| {
        let (client, ca, insurer) = (folder.path("client.pem"), own.join("union-ca.pem"), union().to_string());
        fs::write(&client, certificates).unwrap();
        let arguments = ["union", "add", "--insurer", &insurer, "--name", "A union", "--replace", "--client-cert"];
        let mut command = folder.command("kx-server");
        let done = command.args(arguments).arg(client).arg("--ca").arg(ca).output().unwrap();
        assert!(done.status.success(), "{}", text(&done.stderr));
    };
    let end = "-----END CERTIFICATE-----\n";
    let old = old.split_inclusive(end).find(|part| part.contains("BEGIN CERTIFICATE")).unwrap().to_owned();
    register(&(old + new.as_str()));
    // It tries again by itself.
    wait_for(|| status(&folder, "keys_problem").is_null(), "the relay takes it");
    register(&new);
    send_and_verify(&folder, "二.csv");
    gateway.stop();
    server.stop();
}

#[test]
fn whoever_changes_what_is_not_read_again_is_told_that_it_waits_for_a_restart() {
    let folder = Folder::new();
    assert!(folder.exchange(&[]).status.success());
    let gateway = folder.serve("kx-gateway", "gateway.log");
    let path = folder.path("sandbox/gateway/gateway.toml");
    let before = fs::read_to_string(&path).unwrap();
    assert!(!before.contains("[scan]"), "{before}");
    fs::write(&path, before + "\n[scan]\nclamd = \"/run/clamd.sock\"\n\n[notices]\nwindow_seconds = 60\n").unwrap();
    gateway.reload();
    let log = || text(&fs::read(folder.path("gateway.log")).unwrap());
    wait_for(|| log().contains("settings.restart"), "it is said");
    let said = log().lines().filter(|line| line.contains("settings.restart")).map(str::to_owned).collect::<Vec<_>>();
    assert!(said.len() == 1 && said[0].contains("scan notices"), "{said:?}");
    gateway.stop();
}
