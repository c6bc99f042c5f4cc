//! The gateway killed in the middle of a push, by its real binary in front of the real relay: everybody gets each file once, and
//! every number is a message or is explained.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;

use serde_json::Value;

use crate::exchange_support::{Folder, Server, files_below, has_the_keys_of_a_message, json, text};
use crate::message_support::noise;

/// A sandbox whose relay runs, and whose gateway sends by hand.
struct Crash {
    folder: Folder,
    _server: Server,
    sent: usize,
}

impl Crash {
    fn new() -> Self {
        let folder = Folder::new();
        assert!(folder.exchange(&[]).status.success());
        let server = folder.serve("kx-server", "relay.log");
        // The sandbox has sent one, which was accepted.
        Self { folder, _server: server, sent: 1 }
    }

    fn files(&mut self) -> Vec<PathBuf> {
        self.sent += 2;
        // The second one streams through a pipe, and goes up by PATCH.
        [9_000, 5_000_000]
            .into_iter()
            .map(|size| self.folder.file(&format!("通知{}-{size}.bin", self.sent), &noise(size + self.sent)))
            .collect()
    }

    fn arguments(files: &[PathBuf]) -> Vec<&str> {
        let mut arguments = vec!["send", "--to", "user:hanako-1", "--json", "--"];
        arguments.extend(files.iter().map(|file| file.to_str().unwrap()));
        arguments
    }

    fn list(&self) -> Vec<Value> {
        json(&self.folder.run("kx-gateway", &["sent", "list", "--limit", "10000", "--json"]))
    }

    /// What holds after an undisturbed repetition of the same command.
    fn check_whole(&self, files: &[PathBuf], context: &str) {
        let done = self.folder.run("kx-gateway", &Self::arguments(files));
        assert!(done.status.success(), "{context}: {}", text(&done.stderr));
        let sent = self.list();
        assert_eq!(sent.len(), self.sent, "{context}: nothing lost, nothing twice");
        let mut numbers = BTreeMap::new();
        for message in &sent {
            let state = message["state"].as_str().unwrap();
            assert!(["relayed", "recalled", "accepted"].contains(&state), "{context}: {message:#}");
            assert_eq!(message["warnings"], Value::Array(Vec::new()), "{context}: {message:#}");
            if let Some(number) = message["sequence"].as_u64() {
                assert_eq!(numbers.insert(number, message["id"].clone()), None, "{context}: a number twice");
            }
        }
        let all: Vec<u64> = numbers.keys().copied().collect();
        assert_eq!(all, (1..=all.len() as u64).collect::<Vec<_>>(), "{context}: no gap that nobody explains");
        let outbox = files_below(&self.folder.path("sandbox/gateway/data/outbox"));
        let count =
            |extension: &str| outbox.iter().filter(|path| path.extension().is_some_and(|e| e == extension)).count();
        let waiting = sent.iter().filter(|message| message["state"] == "relayed").count();
        assert_eq!((count("tmp"), count("sealed")), (0, waiting), "{context}: {outbox:?}");
    }
}

#[cfg(feature = "failpoints")]
#[test]
fn aborted_at_each_stage_of_a_push_it_goes_on_where_it_was() {
    let mut crash = Crash::new();
    let stages = ["staged", "released", "sealed", "numbered", "deposited", "followed", "receipt-stored"];
    for stage in stages {
        for visit in [1, 2] {
            let (context, files) = (format!("{stage}, visit {visit}"), crash.files());
            let mut command = crash.folder.command("kx-gateway");
            command.args(Crash::arguments(&files)).env("KX_FAILPOINT", format!("send.{stage}:{visit}"));
            let status = command.output().unwrap().status;
            // Not every stage is visited twice in a run of two files.
            assert!(status.signal() == Some(6) || (visit > 1 && status.success()), "{context}: {status}");
            crash.check_whole(&files, &context);
        }
    }
    // A recall that was ordered and not told is told by the next run.
    let files = crash.files();
    crash.check_whole(&files, "before the recall");
    let id = crash.list()[0]["id"].as_str().unwrap().to_owned();
    let mut command = crash.folder.command("kx-gateway");
    command.args(["sent", "recall", &id]).env("KX_FAILPOINT", "send.recall-ordered");
    assert_eq!(command.output().unwrap().status.signal(), Some(6));
    assert_eq!(crash.list()[0]["state"], "recalling");
    crash.check_whole(&files, "after the recall");
    assert_eq!(crash.list()[0]["state"], "recalled");
}

#[test]
fn the_command_line_sends_lists_recalls_and_says_what_is_wrong() {
    let mut crash = Crash::new();
    let files = crash.files();
    let run = |arguments: &[&str]| crash.folder.run("kx-gateway", arguments);
    let file = files[0].to_str().unwrap();
    for arguments in [
        &["send", "--to", "nobody-1", "--", file][..],
        &["send", "--to", "group:all", "--", file],
        &["send", "--to", "user:hanako-1", "--", "/nowhere.pdf"],
        &["sent", "list", "--state", "done"],
        &["sent", "recall", "0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f6"],
        &["group", "add", "all", "no-such-office"],
        &["group", "remove", "all"],
    ] {
        let done = run(arguments);
        assert_eq!(done.status.code(), Some(1), "{arguments:?}: {}", text(&done.stderr));
        assert!(!done.stderr.is_empty(), "{arguments:?}");
    }
    assert_eq!(run(&["send", file]).status.code(), Some(2));
    assert_eq!(run(&["group", "add", "all", "--all-offices"]).status.code(), Some(0));
    let done = run(&["send", "--to", "all", "--comment", "11月分", "--json", "--", file]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let dispatch = json(&done)[0].clone();
    assert_eq!(dispatch["states"]["relayed"], 1, "{dispatch:#}");
    let again = json(&run(&["send", "--to", "group:all", "--comment", "11月分", "--json", "--", file]));
    assert_eq!(again[0]["id"], dispatch["id"], "the same command is the same dispatch");
    let other = json(&run(&["send", "--to", "all", "--comment", "11月分", "--again", "--json", "--", file]));
    assert_ne!(other[0]["id"], dispatch["id"]);
    let listed = json(&run(&["sent", "list", "--state", "relayed", "--json"]));
    assert_eq!(listed.len(), 2);
    has_the_keys_of_a_message(&listed[0]);
    let id = listed[0]["id"].as_str().unwrap();
    assert!(run(&["sent", "remind", id]).status.success());
    assert!(text(&run(&["sent", "show", id]).stdout).contains("relayed"));
    assert!(run(&["sent", "recall", id]).status.success());
    assert_eq!(json(&run(&["sent", "list", "--state", "recalled", "--json"])).len(), 1);
    assert_eq!(run(&["sent", "recall", id]).status.code(), Some(1));
    let log = std::fs::read_to_string(crash.folder.path("relay.log")).unwrap();
    assert!(!log.contains("通知") && !log.contains("11月分"), "the relay's log names no file and no comment");
}
