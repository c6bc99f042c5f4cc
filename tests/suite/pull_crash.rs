//! The gateway killed in the middle of a pull, by its real binary in front of the real relay: nothing is lost, nothing
//! is there twice, and nothing is acknowledged that is not archived.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::exchange_support::{Folder, Server, files_below, is_verified, json, text};
use crate::message_support::noise;

/// A sandbox with a relay that runs and a gateway that does not.
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
        let sent = folder.sent().len();
        Self { folder, _server: server, sent }
    }

    /// Sends some small files and a large one.
    fn send(&mut self, small: usize) {
        let mut files: Vec<PathBuf> = (0..small)
            .map(|n| self.folder.file(&format!("小{}-{n}.csv", self.sent), &noise(n * 3_000 + self.sent)))
            .collect();
        files.push(self.folder.file(&format!("大{}.bin", self.sent), &noise(2_500_000 + self.sent)));
        self.sent += files.len();
        let mut arguments = vec!["send"];
        arguments.extend(files.iter().map(|file| file.to_str().unwrap()));
        let done = self.folder.run("kx-employer", &arguments);
        assert!(done.status.success(), "{}", text(&done.stderr));
    }

    fn pull(&self) -> Output {
        self.folder.run("kx-gateway", &["pull", "--json"])
    }

    fn received(&self) -> Vec<Value> {
        json(&self.folder.run("kx-gateway", &["received", "list", "--limit", "10000", "--json"]))
    }

    fn archive(&self) -> Vec<PathBuf> {
        files_below(&self.folder.path("sandbox/gateway/data/archive"))
    }

    /// What holds at every moment: whoever was told "verified" has the file in the archive.
    fn check_promises(&self, context: &str) {
        let ids: BTreeSet<String> =
            self.received().iter().map(|message| message["id"].as_str().unwrap().to_owned()).collect();
        let archived: BTreeSet<String> =
            self.archive().iter().map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
        for message in self.folder.sent() {
            let id = message["id"].as_str().unwrap();
            if is_verified(&message) {
                assert!(ids.contains(id) && archived.contains(id), "{context}: {id} is acknowledged and not archived");
            }
        }
        assert!(ids.is_subset(&archived), "{context}: a row without its file");
    }

    /// What holds after an undisturbed run.
    fn check_whole(&self, context: &str) {
        let done = self.pull();
        assert!(done.status.success(), "{context}: {}", text(&done.stderr));
        self.check_promises(context);
        let received = self.received();
        let ids: BTreeSet<&str> = received.iter().map(|message| message["id"].as_str().unwrap()).collect();
        assert_eq!((received.len(), ids.len()), (self.sent, self.sent), "{context}: nothing lost, nothing twice");
        assert_eq!(self.archive().len(), self.sent, "{context}");
        for message in &received {
            assert_eq!(message["verdict"], "accepted", "{context}: {message}");
            assert_eq!(message["warnings"], Value::Array(Vec::new()), "{context}: {message}");
        }
        let sent = self.folder.sent();
        assert!(sent.iter().all(is_verified), "{context}: {sent:#?}");
        let spool = files_below(&self.folder.path("sandbox/gateway/data/spool"));
        assert!(spool.iter().all(|path| path.ends_with("pull.lock")), "{context}: {spool:?}");
    }
}

#[cfg(feature = "failpoints")]
#[test]
fn aborted_at_each_stage_it_goes_on_where_it_was() {
    let stages = [
        "listed",
        "fetched",
        "opened",
        "scanned",
        "verified",
        "written",
        "synced",
        "renamed",
        "committed",
        "acknowledged",
    ];
    let mut crash = Crash::new();
    for stage in stages {
        for visit in [1, 2] {
            let context = format!("{stage}, visit {visit}");
            crash.send(3);
            let mut command = crash.folder.command("kx-gateway");
            command.args(["pull", "--json"]).env("KX_FAILPOINT", format!("receive.{stage}:{visit}"));
            let status = command.output().unwrap().status;
            // Not every stage is visited twice in a run of four files.
            assert!(status.signal() == Some(6) || (visit > 1 && status.success()), "{context}: {status}");
            crash.check_promises(&context);
            crash.check_whole(&context);
        }
    }
}

#[test]
fn killed_from_outside_again_and_again_it_loses_nothing() {
    let mut crash = Crash::new();
    for milliseconds in [5, 15, 25, 35, 45, 60, 75, 90, 110, 130, 160, 200] {
        crash.send(6);
        let mut command = crash.folder.command("kx-gateway");
        let mut pulling = command.args(["pull"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Where in its work that meets it is up to the machine; what follows must hold wherever it was.
        std::thread::sleep(Duration::from_millis(milliseconds));
        pulling.kill().unwrap();
        pulling.wait().unwrap();
        crash.check_promises(&format!("killed after {milliseconds} ms"));
    }
    crash.check_whole("in the end");
    let newest = crash.received()[0].clone();
    let output = crash.folder.path("out.bin");
    let id = newest["id"].as_str().unwrap();
    let done = crash.folder.run("kx-gateway", &["received", "export", id, "-o", output.to_str().unwrap()]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let name = newest["file_name"].as_str().unwrap();
    assert_eq!(fs::read(output).unwrap(), fs::read(crash.folder.path("files").join(name)).unwrap());
}

#[test]
fn an_export_that_is_cut_off_leaves_no_plaintext() {
    let mut crash = Crash::new();
    crash.send(1);
    assert!(crash.folder.run("kx-gateway", &["pull"]).status.success());
    let (id, folder) = (crash.received()[0]["id"].as_str().unwrap().to_owned(), crash.folder.path("exported"));
    fs::create_dir(&folder).unwrap();
    let mut command = crash.folder.command("kx-gateway");
    command.args(["received", "export", &id, "-o"]).arg(folder.join("out.bin")).env("KX_FAILPOINT", "export.written");
    assert_eq!(command.output().unwrap().status.signal(), Some(6));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn a_daemon_that_is_killed_goes_on_at_its_next_start() {
    let mut crash = Crash::new();
    for round in 0..4 {
        let gateway = crash.folder.serve("kx-gateway", &format!("gateway-{round}.log"));
        crash.send(5);
        drop(gateway);
        crash.check_promises(&format!("round {round}"));
    }
    let gateway = crash.folder.serve("kx-gateway", "gateway.log");
    crash.folder.wait_until_verified();
    gateway.stop();
    crash.check_whole("in the end");
}
