//! The union's own certificates are revoked, with the real binaries.

use kenpo_express::pki::Profile;
use serde_json::Value;

use crate::exchange_support::{Folder, json, text, wait_for};
use crate::gateway_reload::{make, name_keys, send_and_verify, status};
use crate::gateway_staff::object;

fn own(folder: &Folder) -> Vec<Value> {
    json(&folder.run("kx-gateway", &["keys", "list", "--json"]))
}

#[test]
fn employers_seal_nothing_for_a_revoked_certificate() {
    let folder = Folder::new();
    assert!(folder.exchange(&[]).status.success());
    let server = folder.serve("kx-server", "relay.log");
    let gateway = folder.serve("kx-gateway", "gateway.log");
    let revoke = |name: &str, more: &[&str]| {
        let path = folder.path("sandbox/gateway").join(name);
        let arguments = [&["keys", "revoke", path.to_str().unwrap(), "--json"], more].concat();
        folder.run("kx-gateway", &arguments)
    };
    let refused = revoke("union-encryption.pem", &[]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("--in-use"), "{}", text(&refused.stderr));
    // Neither the CA's own nor the relay's certificate is one of the union's.
    for other in ["union-ca.pem", "relay-ca.pem"] {
        assert_eq!(revoke(other, &["--in-use"]).status.code(), Some(1), "{other}");
    }
    assert!(own(&folder).iter().all(|one| one["revoked_at"].is_null()));

    let revoked = object(&revoke("union-encryption.pem", &["--in-use"]));
    assert_eq!(revoked["in_use"], true);
    assert_eq!(revoke("union-encryption.pem", &["--in-use"]).status.code(), Some(1), "once is for good");
    let listed = own(&folder);
    let encryption = listed.iter().find(|one| one["purpose"] == "encryption").unwrap();
    assert!(encryption["revoked_at"].is_string() && encryption["fingerprint"] == revoked["fingerprint"], "{listed:?}");
    let told = || status(&folder, "open_orders").as_array().unwrap().is_empty();
    wait_for(told, "the relay has been told");
    let file = folder.file("届.csv", b"for nobody");
    let sent = folder.run("kx-employer", &["send", file.to_str().unwrap()]);
    assert!(!sent.status.success());
    assert!(text(&sent.stderr).contains("No certificate of the union could be trusted"), "{}", text(&sent.stderr));

    make(&folder, "encryption-2.pem", &Profile::UnionEncryption);
    name_keys(&folder, &["union-signing.pem"], &["encryption-2.pem", "union-encryption.pem"]);
    gateway.reload();
    wait_for(|| own_at_relay(&folder), "the successor is announced");
    send_and_verify(&folder, "後継.csv");
    gateway.stop();
    server.stop();
}

/// Whether the employer finds a certificate to seal for.
fn own_at_relay(folder: &Folder) -> bool {
    let file = folder.file("いつか.csv", b"as soon as there is a successor");
    folder.run("kx-employer", &["send", file.to_str().unwrap()]).status.success()
}
