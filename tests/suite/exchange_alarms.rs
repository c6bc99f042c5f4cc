//! What the employer's app says when the relay and its own folder do not know the same, with the real binaries.

use std::path::Path;
use std::process::{Command, Output};

use crate::exchange_support::{Folder, text};

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

/// Puts the folder back as it was when it was copied.
fn restore(folder: &Folder, name: &str, backup: &Path) {
    let there = folder.path(name);
    std::fs::rename(&there, folder.path("given-up")).unwrap();
    copy(backup, &there);
}

fn send(folder: &Folder, name: &str) -> Output {
    let file = folder.file(name, name.as_bytes());
    folder.run("kx-employer", &["send", file.to_str().unwrap()])
}

#[test]
fn a_message_that_the_relay_has_and_the_folder_does_not_is_an_alarm() {
    let folder = Folder::new();
    assert!(folder.exchange(&[]).status.success());
    let server = folder.serve("kx-server", "relay.log");
    let backup = folder.path("backup");
    copy(&folder.path("sandbox/employer-1"), &backup);
    assert!(send(&folder, "a.csv").status.success());
    let id = folder.sent().iter().find(|one| one["file_name"] == "a.csv").unwrap()["id"].clone();
    restore(&folder, "sandbox/employer-1", &backup);
    let sent = folder.run("kx-employer", &["sent"]);
    assert_eq!(sent.status.code(), Some(1));
    let said = text(&sent.stderr);
    assert!(said.contains("sent.unknown-here") && said.contains(id.as_str().unwrap()), "{said}");
    assert!(!send(&folder, "b.csv").status.success(), "a number would be used twice");
    server.stop();
}

#[test]
fn a_message_that_the_relay_had_taken_and_lost_is_an_alarm() {
    let folder = Folder::new();
    assert!(folder.exchange(&[]).status.success());
    let backup = folder.path("backup");
    copy(&folder.path("sandbox/relay"), &backup);
    let server = folder.serve("kx-server", "relay.log");
    assert!(send(&folder, "a.csv").status.success());
    let sent = folder.run("kx-employer", &["sent"]);
    assert_eq!(sent.status.code(), Some(0), "{}", text(&sent.stderr));
    server.stop();
    restore(&folder, "sandbox/relay", &backup);
    let server = folder.serve("kx-server", "relay-2.log");
    let sent = folder.run("kx-employer", &["sent"]);
    assert_eq!(sent.status.code(), Some(1));
    let said = text(&sent.stdout) + text(&sent.stderr).as_str();
    assert!(said.contains("sent.lost"), "{said}");
    server.stop();
}
