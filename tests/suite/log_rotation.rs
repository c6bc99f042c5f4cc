//! Logs that are moved, cut off or lost while they are written: nobody who works notices, and no line is torn.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use super::exchange_support::{Folder, Server, text, wait_for};

/// Every line is a whole event.
fn events(log: &Path) -> Vec<Value> {
    let said = fs::read_to_string(log).unwrap();
    assert!(said.is_empty() || said.ends_with('\n'), "{} ends in the middle of a line", log.display());
    let event = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("{}: {line:?}", log.display()));
    said.lines().map(event).collect()
}

fn tells_of(events: &[Value], id: &str) -> bool {
    events.iter().any(|event| event.to_string().contains(id))
}

fn send(folder: &Folder, name: &str) -> String {
    let file = folder.file(name, name.as_bytes());
    let sent = folder.run("kx-employer", &["send", file.to_str().unwrap()]);
    assert!(sent.status.success(), "{}", text(&sent.stderr));
    let all = folder.sent();
    all.iter().find(|one| one["file_name"] == name).unwrap()["id"].as_str().unwrap().to_owned()
}

/// logrotate, as it is set up for a service whose output goes to a file: the file is copied and emptied, and the service told to read its
/// settings again.
fn rotate(folder: &Folder, log: &Path, server: &Server) {
    let config = folder.path("logrotate.conf");
    let rules = format!(
        "{} {{\n  rotate 3\n  copytruncate\n  postrotate\n    kill -HUP {}\n  endscript\n}}\n",
        log.display(),
        server.id()
    );
    fs::write(&config, rules).unwrap();
    let mut command = Command::new("logrotate");
    let rotated =
        command.arg("--force").arg("--state").arg(folder.path("logrotate.state")).arg(&config).output().unwrap();
    assert!(rotated.status.success(), "{}", text(&rotated.stderr));
}

#[test]
fn a_servers_log_is_rotated_under_it_while_files_are_on_their_way() {
    let folder = Folder::new();
    assert!(folder.exchange(&[]).status.success());
    let log = folder.path("relay.log");
    let mut command = folder.command("kx-server");
    command.arg("serve").env("KX_SERVER__LOG__FILTER", "debug").stdout(Stdio::null());
    command.stderr(OpenOptions::new().create(true).append(true).open(&log).unwrap());
    let server = folder.serve_by("kx-server", &mut command);
    send(&folder, "before.csv");
    for round in 0..3 {
        let done = AtomicBool::new(false);
        let large = folder.file(&format!("large-{round}.bin"), &vec![7; 20_000_000]);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let sent = folder.run("kx-employer", &["send", large.to_str().unwrap()]);
                done.store(true, Ordering::SeqCst);
                assert!(sent.status.success(), "{}", text(&sent.stderr));
            });
            rotate(&folder, &log, &server);
            while !done.load(Ordering::SeqCst) {
                rotate(&folder, &log, &server);
            }
        });
        let id = send(&folder, &format!("after-{round}.csv"));
        wait_for(|| fs::read_to_string(&log).unwrap().contains(&id), "it goes on in the file that was emptied");
        rotate(&folder, &log, &server);
        assert!(tells_of(&events(&log.with_added_extension("1")), &id), "what it said before is kept");
    }
    for number in 1..=3 {
        // Nothing may have happened between two of them; what has is whole.
        events(&log.with_added_extension(number.to_string()));
    }
    server.stop();
    assert!(events(&log).iter().any(|event| event["code"] == "server.stopped"), "to the last line");
}

#[test]
fn a_server_whose_log_nobody_takes_any_more_goes_on_working() {
    let folder = Folder::new();
    assert!(folder.exchange(&[]).status.success());
    let mut command = folder.command("kx-server");
    command.arg("serve").env("KX_SERVER__LOG__FILTER", "debug").stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert!(serde_json::from_str::<Value>(&line).is_ok(), "{line}");
    let port = folder.base + 5;
    wait_for(
        || {
            // A pipe has little room, and whoever writes to a full one waits.
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        },
        "the relay starts",
    );
    drop(said);
    for number in 0..3 {
        send(&folder, &format!("{number}.csv"));
    }
    let stopped = Command::new("kill").arg("-TERM").arg(child.id().to_string()).status().unwrap();
    assert!(stopped.success());
    assert_eq!(child.wait().unwrap().code(), Some(0), "and stops in good order");
}

#[test]
fn the_apps_log_is_moved_away_by_others_and_begins_anew() {
    let folder = Folder::new();
    assert!(folder.exchange(&[]).status.success());
    let _server = folder.serve("kx-server", "relay.log");
    let log = folder.path("sandbox/employer-1/log/kx-employer.log");
    let (first, moved) = (send(&folder, "first.csv"), log.with_added_extension("old"));
    fs::rename(&log, &moved).unwrap();
    let second = send(&folder, "second.csv");
    let (old, new) = (events(&moved), events(&log));
    assert!(tells_of(&old, &first) && !tells_of(&old, &second));
    assert!(tells_of(&new, &second));
    assert!(!kenpo_express::stream::platform::others_may_read(&log).unwrap());
    // In the middle of a command, too.
    let large = folder.file("large.bin", &vec![7; 30_000_000]);
    let mut sending = folder.start_sending(&large);
    let mut times = 0;
    while sending.try_wait().unwrap().is_none() {
        let there = folder.path(&format!("moved-{times}.log"));
        if fs::rename(&log, &there).is_ok() {
            times += 1;
        }
        std::thread::yield_now();
    }
    assert!(sending.wait().unwrap().success() && times > 0);
    let all: Vec<_> = (0..times).flat_map(|number| events(&folder.path(&format!("moved-{number}.log")))).collect();
    let rest = if log.exists() { events(&log) } else { Vec::new() };
    let id =
        folder.sent().iter().find(|one| one["file_name"] == "large.bin").unwrap()["id"].as_str().unwrap().to_owned();
    assert!(tells_of(&all, &id) || tells_of(&rest, &id), "nothing is lost between them");
}
