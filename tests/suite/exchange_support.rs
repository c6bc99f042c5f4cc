//! A sandbox folder and the real binaries that work on it.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::soon::{PATIENCE, end_of};

/// Six ports in a row that nobody listens at.
pub(crate) fn free_ports() -> u16 {
    let free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let somewhere = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut bases = std::iter::repeat_with(somewhere).take(200);
    bases.find(|base| *base < 60_000 && (*base..base + 6).all(free)).expect("some six ports are free")
}

/// A folder for `kx-sandbox`, gone at the end.
pub(crate) struct Folder {
    dir: tempfile::TempDir,
    pub(crate) base: u16,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), base: free_ports() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file to send.
    pub(crate) fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path("files").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn command(&self, program: &str) -> Command {
        let path = match program {
            "kx-sandbox" => env!("CARGO_BIN_EXE_kx-sandbox"),
            "kx-employer" => env!("CARGO_BIN_EXE_kx-employer"),
            "kx-gateway" => env!("CARGO_BIN_EXE_kx-gateway"),
            "kx-server" => env!("CARGO_BIN_EXE_kx-server"),
            other => panic!("there is no {other}"),
        };
        let mut command = Command::new(path);
        match program {
            "kx-sandbox" => command.args(["--port-base", &self.base.to_string(), "--dir"]).arg(self.path("sandbox")),
            "kx-employer" => {
                let home = self.path("sandbox/employer-1");
                command.arg("--home").arg(&home).arg("--pin-file").arg(home.join("pin.txt"));
                command.arg("--password-file").arg(home.join("password.txt"))
            }
            "kx-gateway" => command.arg("--config").arg(self.path("sandbox/gateway/gateway.toml")),
            _ => command.arg("--config").arg(self.path("sandbox/relay/relay.toml")),
        };
        command.stdin(Stdio::null());
        command
    }

    /// Runs a program to its end.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> Output {
        self.command(program).args(arguments).output().unwrap()
    }

    /// Runs `kx-sandbox --once --json` with these files.
    pub(crate) fn exchange(&self, files: &[&Path]) -> Output {
        let mut command = self.command("kx-sandbox");
        command.args(["--once", "--json"]);
        for file in files {
            command.arg("--file").arg(file);
        }
        command.output().unwrap()
    }

    /// Starts a server whose log goes to a file.
    pub(crate) fn serve(&self, program: &str, log: &str) -> Server {
        let mut command = self.command(program);
        command.arg("serve").env("KX_SERVER__LOG__FILTER", "trace").env("KX_GATEWAY__LOG__LEVEL", "trace");
        command.stdout(Stdio::null()).stderr(fs::File::create(self.path(log)).unwrap());
        self.serve_by(program, &mut command)
    }

    /// Starts a server by a command, and waits until it answers.
    pub(crate) fn serve_by(&self, program: &str, command: &mut Command) -> Server {
        let server = Server(command.spawn().unwrap());
        // The last port that each opens: its health.
        let port = self.base + if program == "kx-server" { 5 } else { 4 };
        wait_for(|| TcpStream::connect(("127.0.0.1", port)).is_ok(), &format!("{program} starts"));
        server
    }

    /// Starts `kx-sandbox` for good, and waits until its exchange is done.
    pub(crate) fn stay_up(&self) -> Server {
        let mut command = self.command("kx-sandbox");
        let log = self.path("sandbox.out");
        command.stdout(fs::File::create(&log).unwrap()).stderr(Stdio::null());
        let server = Server(command.spawn().unwrap());
        let is_up = || fs::read_to_string(&log).is_ok_and(|said| said.contains("Ctrl-C"));
        wait_for(is_up, "the sandbox is up");
        server
    }

    /// Starts `kx-employer send`.
    pub(crate) fn start_sending(&self, file: &Path) -> Child {
        let mut command = self.command("kx-employer");
        command.arg("send").arg(file).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    }

    /// What `kx-employer sent --json` says.
    pub(crate) fn sent(&self) -> Vec<Value> {
        json(&self.run("kx-employer", &["sent", "--json"]))
    }

    /// Waits until the union has said, under its signature, that it has everything that was sent.
    pub(crate) fn wait_until_verified(&self) -> Vec<Value> {
        let verified = || self.sent().iter().all(is_verified);
        wait_for(verified, "everything is verified");
        self.sent()
    }
}

/// Whether the union has said that it has a message for good, be it that staff have looked at it since.
pub(crate) fn is_verified(message: &Value) -> bool {
    message["state"] == "verified" || message["state"] == "accepted"
}

/// Waits until something has come true.
pub(crate) fn wait_for(mut is_true: impl FnMut() -> bool, what: &str) {
    let began_at = Instant::now();
    while !is_true() {
        assert!(began_at.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A server that was started; killed at the latest when this is dropped.
pub(crate) struct Server(Child);

impl Server {
    /// Starts one by a command.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Asks it to stop, as systemd does, and waits until it has.
    pub(crate) fn stop(mut self) {
        assert_eq!(self.stop_with("TERM"), Some(0), "it stops in good order");
    }

    /// Has it read again what can be read again, as `systemctl reload` does.
    pub(crate) fn reload(&self) {
        let sent = Command::new("kill").arg("-HUP").arg(self.0.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// Sends it a signal and waits for its end.
    pub(crate) fn stop_with(&mut self, signal: &str) -> Option<i32> {
        let sent = Command::new("kill").arg(format!("-{signal}")).arg(self.0.id().to_string()).status().unwrap();
        assert!(sent.success());
        end_of(&mut self.0, "the server ends when it is told").code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The one JSON array on standard output.
pub(crate) fn json(output: &Output) -> Vec<Value> {
    match serde_json::from_slice(&output.stdout) {
        Ok(Value::Array(items)) => items,
        other => panic!("{other:?}\n{}\n{}", text(&output.stdout), text(&output.stderr)),
    }
}

/// Scripts read messages of either direction by these keys.
pub(crate) fn has_the_keys_of_a_message(message: &Value) {
    for key in [
        "id",
        "direction",
        "state",
        "verdict",
        "reasons",
        "warnings",
        "from",
        "to",
        "file_name",
        "size",
        "digest",
        "sequence",
        "signed_at",
        "received_at",
        "archived_at",
    ] {
        assert!(message.get(key).is_some(), "{key} is missing");
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Every file below a folder.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files
}
