//! A relay that comes back from a backup lets in whom the union has shut out since: the gateway notices by itself.

use std::path::Path;
use std::process::Command;

use kenpo_express::employer::Home;
use kenpo_express::sandbox::enrol::{enrolled, log_in};
use kenpo_express::wire::client::EmployerClient;

use super::exchange_support::{Folder, json, text, wait_for};

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

fn order_of(folder: &Folder) -> (String, bool) {
    let user = &json(&folder.run("kx-gateway", &["user", "list", "--json"]))[0];
    let order = &user["order"];
    (order["requested_at"].to_string(), order["kind"] == "disable" && order["confirmed_at"].is_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_restored_from_before_a_disabling_is_mended_by_the_gateway() {
    let folder = Folder::new();
    let world = enrolled(&folder.path("sandbox"), folder.base).await.unwrap();
    let home = world.employer_home();
    let (state, backup, lost) = (folder.path("sandbox/relay"), folder.path("backup"), folder.path("lost"));
    let relay = folder.serve("kx-server", "relay.log");
    let _gateway = folder.serve("kx-gateway", "gateway.log");
    let user = log_in(&home).await.unwrap();
    let connection = Home::read(&home).unwrap().connection(user.signing().clone());
    relay.stop();
    copy(&state, &backup);
    let relay = folder.serve("kx-server", "relay-2.log");
    let disabled = folder.run("kx-gateway", &["user", "disable", "hanako-1", "--reason", "stolen"]);
    assert!(disabled.status.success(), "{}", text(&disabled.stderr));
    wait_for(|| order_of(&folder).1, "the disabling is confirmed");
    let first = order_of(&folder).0;
    assert!(EmployerClient::new(&connection).unwrap().union().await.is_err());

    relay.stop();
    std::fs::rename(&state, &lost).unwrap();
    copy(&backup, &state);
    let _relay = folder.serve("kx-server", "relay-3.log");
    wait_for(|| order_of(&folder) != (first.clone(), true) && order_of(&folder).1, "it is disabled anew");
    assert!(EmployerClient::new(&connection).unwrap().union().await.is_err(), "and out");
    let log = std::fs::read_to_string(folder.path("gateway.log")).unwrap();
    assert!(log.contains("relay.differs"), "staff can see it");
}
