//! A sandbox whose gateway does everything for a core system at once: API, folders, a hook, mails to staff. By the real binaries.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use kenpo_express::domain::clock::Clock;
use kenpo_express::pki::{Authority, Profile, Subject};
use kenpo_express::runtime::clock::{SystemClock, SystemRandom};
use serde_json::Value;

use crate::exchange_support::{Folder, Server, json, text, wait_for};
use crate::support::enrolment::decoded;
use crate::support::relay::issue;

/// Everything that a core system has to do with, in one folder.
pub(crate) struct Core {
    pub(crate) folder: Folder,
    pub(crate) port: u16,
    pub(crate) token: String,
}

impl Core {
    /// A sandbox that has gone both ways once, and settings with everything on.
    pub(crate) fn new() -> Self {
        let folder = Folder::new();
        let done = folder.exchange(&[]);
        assert!(done.status.success(), "{}", text(&done.stderr));
        let now = SystemClock.now();
        let authority = Authority::create_operator("Core", now, &SystemRandom).unwrap();
        let profile = Profile::TlsServer { names: vec!["127.0.0.1".to_owned()] };
        let own = issue(&authority, Subject::Service("api".to_owned()), &profile, now);
        fs::write(folder.path("sandbox/gateway/api.pem"), own.certificate().pem()).unwrap();
        fs::write(folder.path("sandbox/gateway/api.key"), own.key().to_pem()).unwrap();
        fs::write(folder.path("ca.pem"), authority.certificate().pem()).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let told = folder.path("told");
        add(
            &folder.path("sandbox/gateway/gateway.toml"),
            &format!(
                "[api]\nlisten = \"127.0.0.1:{port}\"\n[handoff]\nfolder = \"handoff\"\ninterval_seconds = 1\n\
                 [hooks]\ncommand = [\"/bin/sh\", \"-c\", \"read -r line && echo \\\"$line\\\" >> {}\"]\nretry_first_seconds = 1\n\
                 [mail]\ntransport = \"directory:mail\"\n[notices]\nwindow_seconds = 0\n\
                 staff = [{{ address = \"staff@example.jp\", kinds = [\"arrival\"] }}]\n",
                told.display()
            ),
        );
        add(&folder.path("sandbox/relay/relay.toml"), "[notices]\nwindow_seconds = 0\n");
        let scopes = ["received:read", "received:content", "sent:read", "sent:write", "users:read"];
        let made = folder.run("kx-gateway", &[&["token", "add", "core", "--json", "--scope"], &scopes[..]].concat());
        let made: Value = serde_json::from_slice(&made.stdout).unwrap_or_else(|_| panic!("{}", text(&made.stderr)));
        let core = Self { folder, port, token: made["token"].as_str().unwrap().to_owned() };
        core.begin();
        core
    }

    /// Folder, hook and mails begin with what comes after they were switched on: until each has told of something.
    fn begin(&self) {
        let (relay, gateway) = (self.serve("kx-server"), self.serve("kx-gateway"));
        let has_begun = || !self.told().is_empty() && !self.handed_in().is_empty() && !self.staff_mails().is_empty();
        for number in 0.. {
            assert!(number < 20, "folder, hook and mails begin");
            self.send_up(&format!("最初{number}.csv"), b"the first");
            let until = std::time::Instant::now() + std::time::Duration::from_secs(4);
            while !has_begun() && std::time::Instant::now() < until {
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
            if has_begun() {
                break;
            }
        }
        gateway.stop();
        relay.stop();
    }

    pub(crate) fn serve(&self, program: &str) -> Server {
        self.folder.serve(program, &format!("{program}.log"))
    }

    /// Runs a server that is killed, as by a power cut, at this point; what is done meanwhile leads there.
    pub(crate) fn killed_at(&self, program: &str, point: &str, lead: impl FnOnce()) {
        use std::os::unix::process::ExitStatusExt;
        let mut command = self.folder.command(program);
        command.arg("serve").env("KX_FAILPOINT", point).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let port = self.folder.base + if program == "kx-server" { 5 } else { 4 };
        let mut status = None;
        let mut has_ended = |status: &mut Option<_>| {
            *status = child.try_wait().unwrap();
            status.is_some()
        };
        wait_for(
            || has_ended(&mut status) || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok(),
            &format!("{program} starts"),
        );
        lead();
        wait_for(|| status.is_some() || has_ended(&mut status), &format!("{program} reaches {point}"));
        assert_eq!(status.and_then(|status| status.signal()), Some(6), "{program} is killed at {point}");
    }

    /// The employer sends a file. Answers its id.
    pub(crate) fn send_up(&self, name: &str, content: &[u8]) -> String {
        let file = self.folder.file(name, content);
        let sent = json(&self.folder.run("kx-employer", &["send", file.to_str().unwrap(), "--json"]));
        sent[0]["id"].as_str().unwrap().to_owned()
    }

    /// What a command of the gateway prints.
    pub(crate) fn staff(&self, arguments: &[&str]) -> Value {
        let output = self.folder.run("kx-gateway", &[arguments, &["--json"]].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{arguments:?}: {}", text(&output.stderr)))
    }

    /// Messages to employers of this file name.
    pub(crate) fn sent(&self, name: &str) -> Vec<Value> {
        let Value::Array(all) = self.staff(&["sent", "list", "--limit", "500"]) else { panic!("a list") };
        all.into_iter().filter(|message| message["file_name"] == name).collect()
    }

    pub(crate) fn handoff(&self, folder: &str) -> PathBuf {
        self.folder.path("sandbox/gateway/handoff").join(folder)
    }

    /// Names in the folder for received files.
    pub(crate) fn handed_in(&self) -> Vec<String> {
        names(&self.handoff("in"))
    }

    /// What the hook was told.
    pub(crate) fn told(&self) -> Vec<Value> {
        let told = fs::read_to_string(self.folder.path("told")).unwrap_or_default();
        told.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Mails to staff: ids by which they can be known, and texts.
    pub(crate) fn staff_mails(&self) -> Vec<(String, String)> {
        mails(&self.folder.path("sandbox/gateway/mail"))
    }

    /// Mails to users.
    pub(crate) fn user_mails(&self) -> Vec<(String, String)> {
        mails(&self.folder.path("sandbox/relay/mail"))
    }

    /// Puts a file out for the office.
    pub(crate) fn put_out(&self, name: &str, content: &[u8]) {
        let office = self.handoff("out/12-34");
        fs::create_dir_all(&office).unwrap();
        fs::write(office.join(format!("{name}.tmp")), content).unwrap();
        fs::rename(office.join(format!("{name}.tmp")), office.join(name)).unwrap();
    }

    /// Asks the API by curl.
    pub(crate) fn api(&self, path: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new("curl");
        command.args(["-sS", "--fail-with-body", "--max-time", "60", "--cacert"]).arg(self.folder.path("ca.pem"));
        command.args(["-H", &format!("Authorization: Bearer {}", self.token)]).args(arguments);
        command.arg(format!("https://127.0.0.1:{}{path}", self.port)).stdin(Stdio::null());
        command.output().unwrap()
    }

    /// What the API answers to a GET.
    pub(crate) fn ask(&self, path: &str) -> Value {
        let output = self.api(path, &[]);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{path}: {}", text(&output.stderr)))
    }
}

/// Appends to settings.
fn add(settings: &Path, more: &str) {
    let before = fs::read_to_string(settings).unwrap();
    fs::write(settings, format!("{before}\n{more}")).unwrap();
}

/// Names in a folder; none when it is not there.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn mails(folder: &Path) -> Vec<(String, String)> {
    let whole = names(folder).into_iter().filter(|name| is_mail(name));
    whole.map(|name| (decoded(&fs::read(folder.join(&name)).unwrap()).1, name)).map(|(text, id)| (id, text)).collect()
}

/// Whether a file is a whole mail.
pub(crate) fn is_mail(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "eml")
}
