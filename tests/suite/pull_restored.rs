//! A gateway that comes back from a backup: the relay keeps what was acknowledged, and what is missing is pulled again.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use kenpo_express::gateway::flows::receive::Cause;
use kenpo_express::gateway::keys::Keys;
use kenpo_express::pki::TrustStore;
use kenpo_express::store::gateway::{MIGRATIONS, set_relay_mark};
use kenpo_express::store::sqlite::Database;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::exchange_support::{Folder, is_verified, json, text};
use crate::gateway_relay::Lie;
use crate::gateway_support::GatewayWorld;

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

fn send(folder: &Folder, name: &str, content: &[u8]) {
    let file = folder.file(name, content);
    let sent = folder.run("kx-employer", &["send", file.to_str().unwrap()]);
    assert!(sent.status.success(), "{}", text(&sent.stderr));
}

/// One `kx-gateway pull`: what it says to a person, and its log.
fn pull(folder: &Folder, arguments: &[&str]) -> (String, String) {
    let pulled = folder.run("kx-gateway", &[&["pull"], arguments].concat());
    assert!(pulled.status.success(), "{}", text(&pulled.stderr));
    (text(&pulled.stdout), text(&pulled.stderr))
}

fn received(folder: &Folder) -> Vec<Value> {
    json(&folder.run("kx-gateway", &["received", "list", "--json"]))
}

fn ids(messages: &[Value]) -> BTreeSet<String> {
    messages.iter().map(|message| message["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_gateway_restored_from_a_backup_pulls_the_difference_again() {
    let folder = Folder::new();
    assert!(folder.exchange(&[]).status.success());
    let server = folder.serve("kx-server", "relay.log");
    send(&folder, "a.csv", b"before the backup");
    pull(&folder, &[]);
    let (state, backup, lost) = (folder.path("sandbox/gateway"), folder.path("backup"), folder.path("lost"));
    copy(&state, &backup);
    send(&folder, "b.csv", b"after the backup");
    // Larger than what is held in memory: it goes through the spool.
    send(&folder, "c.bin", &vec![0x5A; 3 << 20]);
    assert!(!pull(&folder, &[]).0.contains("restore"), "nothing was restored");
    let all = received(&folder);

    std::fs::rename(&state, &lost).unwrap();
    copy(&backup, &state);
    send(&folder, "d.csv", b"after the restore");
    let (said, log) = pull(&folder, &[]);
    assert!(said.contains("2 pulled again"), "{said}");
    assert!(log.contains("gateway.restored"), "{log}");
    let restored = received(&folder);
    assert_eq!(restored.len(), all.len() + 1, "nothing lost, nothing twice");
    assert!(ids(&restored).is_superset(&ids(&all)));
    for message in &restored {
        assert_eq!(message["verdict"], "accepted", "{message}");
        assert!(message["warnings"].as_array().unwrap().is_empty(), "the stream goes on: {message}");
    }
    let file = folder.path("c.out");
    let id = all.iter().find(|message| message["file_name"] == "c.bin").unwrap()["id"].as_str().unwrap();
    assert!(folder.run("kx-gateway", &["received", "export", id, "-o", file.to_str().unwrap()]).status.success());
    assert!(std::fs::read(file).unwrap() == vec![0x5A; 3 << 20]);
    assert!(folder.sent().iter().all(is_verified), "{:#?}", folder.sent());

    // What is here is not pulled again, by itself or asked to.
    for arguments in [&[][..], &["--again"]] {
        let (said, log) = pull(&folder, arguments);
        assert!(!said.contains("pulled again") && !log.contains("gateway.restored"), "{said}\n{log}");
    }
    assert_eq!(ids(&received(&folder)), ids(&restored));

    // A place that is ahead of what is really here: only a person can know.
    std::fs::remove_dir_all(&state).unwrap();
    copy(&backup, &state);
    let database = folder.path("sandbox/gateway/data/gateway.db");
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let database = Database::open(&database, &MIGRATIONS).await.unwrap();
        let mut transaction = database.write().await.unwrap();
        set_relay_mark(&mut transaction, 1_000_000).await.unwrap();
        database.commit(transaction).await.unwrap();
        database.close().await;
    });
    assert!(!pull(&folder, &[]).0.contains("pulled again"));
    assert!(pull(&folder, &["--again"]).0.contains("3 pulled again"));
    assert_eq!(ids(&received(&folder)), ids(&restored));
    server.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forgotten_parcel_that_does_not_come_is_not_forgotten_again() {
    let world = GatewayWorld::new().await;
    let mut sender = world.sender("yamada-1").await;
    let (first, second) = (world.send(&mut sender, b"first"), world.send(&mut sender, b"second"));
    assert_eq!(world.pull().await.tally.archived, 2);
    // Another gateway of this union that knows of nothing, in front of the same relay.
    let same_keys = |keys: &mut Keys| {
        keys.signing = vec![world.union.signing.clone()];
        keys.encryption = vec![world.union.encryption.clone()];
        keys.ca = world.union.authority.certificate().clone();
        keys.trust = TrustStore::new(vec![keys.ca.clone()]);
    };
    let restored = GatewayWorld::with(same_keys, |receiver| receiver.relay = world.relay.clone()).await;
    restored.register("yamada-1", sender.credential.certificate()).await;
    world.relay.lie(first, [Lie::Silence]);
    let report = restored.pull().await;
    assert_eq!((report.result, report.tally.again, report.tally.waiting), ("done", 1, 1));
    // What comes meanwhile moves the relay's place, and must not hide the one that is missing.
    let third = world.send(&mut sender, b"third");
    let report = restored.pull_by_timer().await;
    assert_eq!((report.tally.archived, report.tally.again), (1, 0), "its time has not come");
    restored.clock.advance(jiff::SignedDuration::from_mins(10));
    let report = restored.receiver.run(Cause::Timer, &CancellationToken::new()).await.unwrap();
    assert_eq!((report.tally.archived, report.tally.again), (1, 1));
    for id in [first, second, third] {
        assert!(restored.find(id).await.is_some());
    }
    assert_eq!(restored.pull().await.tally.again, 0);
    assert_eq!(restored.kept().await.len(), 3);
}
