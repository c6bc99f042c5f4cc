//! The administrator's guide, word for word: every block of docs/administration.md is run by the real programs, from empty folders to
//! an exchange in both directions.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kenpo_express::message::keys::Certificate;
use kenpo_express::wire::client::EnrolmentPage;

use crate::exchange_support::{files_below, free_ports, text, wait_for};
use crate::walk_support::{Mail, passwords_of};

/// How long a block may take: some wait for something to arrive.
const PATIENCE: Duration = Duration::from_secs(120);

/// In place of systemd: starts, reloads and stops what the unit would.
const SYSTEMCTL: &str = r#"#!/bin/sh -eu
command=$1
for unit; do :; done
case $command in
enable | start)
    "$unit" serve > "$unit.log" 2>&1 &
    echo $! > "$unit.pid"
    until grep -q 'server.ready\|gateway.started' "$unit.log"; do
        kill -0 "$(cat "$unit.pid")" || { cat "$unit.log" >&2; exit 1; }
        sleep 0.1
    done ;;
reload) kill -HUP "$(cat "$unit.pid")" ;;
stop)
    kill -TERM "$(cat "$unit.pid")"
    while kill -0 "$(cat "$unit.pid")" 2> /dev/null; do sleep 0.1; done ;;
*) exit 2 ;;
esac
"#;

/// In place of sudo: the test's own account is everybody's.
const SUDO: &str = "#!/bin/sh -eu\n[ \"$1\" = -u ] && shift 2\nexec \"$@\"\n";

/// A fenced block: what follows the fence, and what is in it.
struct Block {
    kind: String,
    text: String,
}

fn blocks() -> Vec<Block> {
    let guide = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/administration.md")).unwrap();
    let block = |fenced: &str| {
        let (kind, text) = fenced.split_once('\n').unwrap();
        Block { kind: kind.to_owned(), text: text.to_owned() }
    };
    guide.split("\n```").skip(1).step_by(2).map(block).collect()
}

/// Three machines, a folder each.
struct Machines {
    dir: tempfile::TempDir,
    base: u16,
}

impl Machines {
    fn new() -> Self {
        let machines = Self { dir: tempfile::tempdir().unwrap(), base: free_ports() };
        let bin = machines.path("bin");
        fs::create_dir_all(&bin).unwrap();
        for (name, script) in [("systemctl", SYSTEMCTL), ("sudo", SUDO)] {
            fs::write(bin.join(name), script).unwrap();
            fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        for machine in ["relay", "gateway", "pc"] {
            fs::create_dir_all(machines.path(machine)).unwrap();
            fs::write(machines.path(machine).join("state.sh"), "").unwrap();
        }
        // As systemd has it for a service whose account it makes: the folder of the data is a link.
        fs::create_dir_all(machines.path("relay/private/data")).unwrap();
        std::os::unix::fs::symlink("private/data", machines.path("relay/data")).unwrap();
        machines
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The values that the guide has the reader set, as they are here.
    fn values(&self, machine: &str) -> BTreeMap<&'static str, String> {
        let at = |offset| format!("127.0.0.1:{}", self.base + offset);
        let folder = |name: &str| self.path(machine).join(name).display().to_string();
        BTreeMap::from([
            ("KX_SERVER_CONFIG", folder("etc/relay.toml")),
            ("KX_GATEWAY_CONFIG", folder("etc/gateway.toml")),
            ("DATA", folder("data")),
            ("GROUP", String::new()),
            ("ACCOUNT", String::new()),
            ("VPN", at(0)),
            ("VPN_URL", format!("https://{}", at(0))),
            ("EMPLOYER", at(1)),
            ("EMPLOYER_URL", format!("https://{}", at(1))),
            ("PAGE", at(2)),
            ("PAGE_URL", format!("https://{}", at(2))),
            ("MAIL", "directory:mail".to_owned()),
        ])
    }

    /// The block as it stands, in a shell that goes on where the one before stopped, as a reader's does.
    fn run(&self, machine: &str, block: &str) -> String {
        let folder = self.path(machine);
        let script = format!("set -aeu\n. ./state.sh\n{block}\nexport -p > state.sh\n");
        let own = Path::new(env!("CARGO_BIN_EXE_kx-gateway")).parent().unwrap().display().to_string();
        let path = format!("{}:{own}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        let said = folder.join("said.txt");
        let output = fs::File::create(&said).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", &script]).current_dir(&folder).env("PATH", path).stdin(Stdio::null());
        command.stdout(output.try_clone().unwrap()).stderr(output);
        // Health must not be at the ports of another test, and test machines are small.
        command.env("KX_SERVER__WATCH__ADDRESS", format!("127.0.0.1:{}", self.base + 5));
        command.env("KX_GATEWAY__METRICS__LISTEN", format!("127.0.0.1:{}", self.base + 4));
        command.env("KX_GATEWAY__STORAGE__RESERVE_BYTES", "1000000");
        command.env("KX_SERVER__PARCELS__DISK_RESERVE_BYTES", "1000000");
        let mut shell = command.spawn().unwrap();
        let began_at = Instant::now();
        let status = loop {
            if let Some(status) = shell.try_wait().unwrap() {
                break Some(status);
            }
            if began_at.elapsed() > PATIENCE {
                shell.kill().unwrap();
                shell.wait().unwrap();
                break None;
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let said = fs::read_to_string(said).unwrap();
        assert!(status.is_some_and(|status| status.success()), "{machine}: {status:?}\n{block}\n{said}");
        said
    }

    /// The reader's own values in place of those of the guide. Others stay as they are there.
    fn set(&self, machine: &str, values: &str) {
        let own = self.values(machine);
        for line in values.lines().filter(|line| line.contains('=')) {
            let (name, _) = line.split_once('=').unwrap();
            let value = own.get(name).map_or_else(|| line.to_owned(), |value| format!("{name}='{value}'"));
            self.run(machine, &value);
        }
    }

    /// What a mail carries from one administrator to the other.
    fn carry(&self, file: &str, from: &str, to: &str) {
        if let Ok(bytes) = fs::read(self.path(from).join(file)) {
            fs::write(self.path(to).join(file), bytes).unwrap();
        }
    }

    /// The user reads the letter and the mail, downloads the kit by browser, and chooses PIN and password.
    async fn fetch_kit(&self) {
        let mails = self.path("relay/data/mail");
        let mail = || files_below(&mails).into_iter().find(|path| path.extension().is_some_and(|end| end == "eml"));
        wait_for(|| mails.exists() && mail().is_some(), "the relay mails the link");
        let link = Mail::read(&mail().unwrap()).link;
        let letter = passwords_of(&self.path("gateway/data/letter.html"));
        let ca = Certificate::from_pem(&fs::read(self.path("relay/etc/ca/operator-ca.pem")).unwrap()).unwrap();
        let page = EnrolmentPage::open(&link, &[ca]).unwrap().unwrap();
        let zip = page.download(&letter.download).await.unwrap().expect("the password is right");
        let pc = self.path("pc");
        fs::write(pc.join("kenpoexpress.zip"), zip).unwrap();
        for (name, secret) in
            [("initial.txt", letter.login.as_str()), ("pin.txt", "4711"), ("new.txt", "Himitsu2026kx")]
        {
            fs::write(pc.join(name), secret).unwrap();
        }
    }
}

impl Drop for Machines {
    fn drop(&mut self) {
        for pid in ["relay/kx-server.pid", "gateway/kx-gateway.pid"] {
            if let Ok(pid) = fs::read_to_string(self.path(pid)) {
                let _ = Command::new("kill").arg("-KILL").arg(pid.trim()).stderr(Stdio::null()).status();
            }
        }
    }
}

/// What the guide shows of `gateway.toml` is there, under these names.
fn assert_settings_exist(shown: &str) {
    let all = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/gateway.toml")).unwrap();
    let [shown, all] = [shown, &all].map(|text| text.parse::<toml::Table>().unwrap());
    for (section, keys) in &shown {
        for key in keys.as_table().unwrap().keys() {
            assert!(all[section].as_table().unwrap().contains_key(key), "there is no {section}.{key}");
        }
    }
}

#[tokio::test]
async fn the_guide_followed_word_for_word_ends_in_an_exchange() {
    let (machines, mut said, mut run) = (Machines::new(), String::new(), 0);
    for block in blocks() {
        if let Some(machine) = block.kind.strip_prefix("sh values ") {
            machines.set(machine, &block.text);
        } else if let Some(machine) = block.kind.strip_prefix("sh ") {
            if machine == "pc" && !machines.path("pc/kenpoexpress.zip").exists() {
                machines.fetch_kit().await;
            }
            said += &machines.run(machine, &block.text);
            run += 1;
            machines.carry("for-unions.toml", "relay", "gateway");
            machines.carry("for-the-operator.toml", "gateway", "relay");
        } else if block.kind == "toml" {
            assert_settings_exist(&block.text);
        } else {
            // Building and installing is done.
            assert_eq!(block.kind, "console");
        }
    }
    assert!(run >= 14, "{run} blocks were run");
    let there = |name: &str| fs::read(machines.path(name)).unwrap();
    assert_eq!(text(&there("gateway/data/届.csv")), "番号,氏名\n1,見本\n");
    assert_eq!(text(&there("pc/received/通知.txt")), "決定通知\n");
    assert!(said.contains("KXサーバーに接続できます"), "{said}");
    assert!(said.contains("/gateway.db\n") && said.contains("/relay.db\n"), "{said}");
    assert!(there("gateway/kx-gateway.tar.gz").len() > 10_000 && machines.path("gateway/data/kx-logs.zip").exists());
}
