//! `kx-server` as its operator uses it: the real program, its exit status and its words.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use kenpo_express::domain::clock::Clock;
use kenpo_express::message::keys::{Certificate, Credential};
use kenpo_express::pki::{Authority, Profile, Subject};
use kenpo_express::runtime::clock::{SystemClock, SystemRandom};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::relay::{UnionWorld, issue};
use crate::support::soon::{answered, end_of};

struct Operator {
    folder: TempDir,
}

impl Operator {
    /// A folder with certificates, keys and a configuration that takes free ports.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemClock.now();
        let authority = Authority::create_operator("Operator", now, &SystemRandom).unwrap();
        let server = Profile::TlsServer { names: vec!["127.0.0.1".to_owned()] };
        for (name, profile) in
            [("tls/vpn", &server), ("tls/employer", &server), ("receipts/receipts", &Profile::ReceiptSigning)]
        {
            write(&folder.path().join(name), &issue(&authority, Subject::Service("relay".to_owned()), profile, now));
        }
        let config = "[vpn]\naddress = '127.0.0.1:0'\n[employer]\naddress = '127.0.0.1:0'\n[enrolment]\naddress = '127.0.0.1:0'\n[watch]\naddress = '127.0.0.1:0'\n";
        std::fs::write(folder.path().join("relay.toml"), config).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kx-server"));
        command.args(["--config", &self.path("relay.toml")]).args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Starts it and waits until it says that it serves.
    fn serve(&self) -> Child {
        use std::io::{BufRead, BufReader};
        let mut child = self.command(&["serve"]).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let is_ready = answered("the server is ready", move || {
            let ready = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("server.ready")));
            // Somebody must go on reading, or the server would be stopped by a full pipe.
            std::thread::spawn(move || lines.for_each(drop));
            ready.is_some()
        });
        assert!(is_ready, "{:?}", child.try_wait());
        child
    }
}

fn write(stem: &Path, credential: &Credential) {
    std::fs::create_dir_all(stem.parent().unwrap()).unwrap();
    std::fs::write(stem.with_extension("pem"), credential.certificate().pem()).unwrap();
    let key = stem.with_extension("key");
    std::fs::write(&key, credential.key().to_pem()).unwrap();
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}

fn write_certificate(path: &str, certificate: &Certificate) {
    std::fs::write(path, certificate.pem()).unwrap();
}

fn words(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn the_operator_sets_up_a_server_and_looks_after_it() {
    let operator = Operator::new();
    assert!(operator.run(&["check-config"]).status.success());
    let behind = operator.run(&["migrate", "--check"]);
    assert_eq!(behind.status.code(), Some(1), "{behind:?}");
    assert!(operator.run(&["migrate"]).status.success());
    assert!(operator.run(&["migrate", "--check"]).status.success());

    let union = UnionWorld::new("06123456", SystemClock.now());
    let (client, ca) = (operator.path("client.pem"), operator.path("ca.pem"));
    write_certificate(&client, union.gateway.certificate());
    write_certificate(&ca, union.authority.certificate());
    let add = ["union", "add", "--insurer", "06123456", "--name", "見本組合", "--client-cert", &client, "--ca", &ca];
    let added = operator.run(&add);
    assert!(added.status.success() && added.stdout.is_empty(), "{added:?}");
    let unions = operator.json(&["union", "list", "--json"]);
    assert_eq!((&unions[0]["insurer"], &unions[0]["enabled"]), (&"06123456".into(), &true.into()));
    assert!(operator.run(&["union", "disable", "--insurer", "06123456"]).status.success());
    let status = operator.json(&["status", "--json"]);
    assert_eq!((&status["unions"], &status["unions_enabled"]), (&1.into(), &0.into()));
    assert!(operator.run(&["purge"]).status.success());

    let unknown = operator.run(&["union", "disable", "--insurer", "06999999"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(words(&unknown).contains("no such union"), "{unknown:?}");
    assert_eq!(operator.run(&["union", "add", "--insurer", "6"]).status.code(), Some(2));
}

#[test]
fn no_union_takes_the_place_of_another_without_a_word() {
    let operator = Operator::new();
    let known = UnionWorld::new("06123456", SystemClock.now());
    let add = |number: &str, union: &UnionWorld, more: &[&str]| {
        let (client, ca) = (operator.path("client.pem"), operator.path("ca.pem"));
        write_certificate(&client, union.gateway.certificate());
        write_certificate(&ca, union.authority.certificate());
        let add = ["union", "add", "--insurer", number, "--name", "見本組合", "--client-cert", &client, "--ca", &ca];
        let done = operator.run(&[&add, more].concat());
        (done.status.success(), words(&done))
    };
    assert!(add("06123456", &known, &[]).0 && add("06123456", &known, &[]).0, "the same again changes nothing");
    // One digit of the number was altered on the way.
    let other = UnionWorld::new("06654321", SystemClock.now());
    for more in [&[][..], &["--replace", "--enable"]] {
        let (done, said) = add("06123456", &other, more);
        assert!(!done && said.contains("another union's"), "{said}");
    }
    let renewed = UnionWorld::new("06123456", SystemClock.now());
    let (done, said) = add("06123456", &renewed, &[]);
    assert!(!done && said.contains("--replace"), "{said}");
    assert!(add("06123456", &renewed, &["--replace"]).0);
    assert!(operator.run(&["union", "disable", "--insurer", "06123456"]).status.success());
    let (done, said) = add("06123456", &renewed, &["--replace"]);
    assert!(!done && said.contains("--enable"), "{said}");
    assert_eq!(operator.json(&["union", "list", "--json"])[0]["enabled"], false);
    assert!(add("06123456", &renewed, &["--enable"]).0);
    assert_eq!(operator.json(&["union", "list", "--json"])[0]["enabled"], true);

    // What a union hands over is shown with number and name.
    let handover = operator.path("for-the-operator.toml");
    let text = format!(
        "insurer = '06654321'\nname = '別の組合'\nclient_certificates = '''{}'''\nauthorities = '''{}'''\n",
        other.gateway.certificate().pem(),
        other.authority.certificate().pem()
    );
    std::fs::write(&handover, text).unwrap();
    let added = operator.run(&["union", "add", "--handover", &handover]);
    assert!(added.status.success(), "{added:?}");
    for shown in ["06654321", "別の組合", "照合番号"] {
        assert!(words(&added).contains(shown), "{added:?}");
    }
}

#[test]
fn what_is_wrong_with_a_configuration_is_said_all_at_once() {
    let operator = Operator::new();
    std::fs::remove_file(operator.path("tls/vpn.pem")).unwrap();
    std::fs::copy(operator.path("tls/vpn.key"), operator.path("tls/employer.key")).unwrap();
    let faults = operator.run(&["check-config"]);
    assert_eq!(faults.status.code(), Some(1));
    for key in ["vpn.certificate", "employer.certificate"] {
        assert!(words(&faults).contains(key), "{}", words(&faults));
    }
    std::fs::write(operator.path("relay.toml"), "[quota]\nuser_item = 5\n").unwrap();
    let unknown = operator.run(&["check-config"]);
    assert!(words(&unknown).contains("did you mean quota.user_items?"), "{}", words(&unknown));
}

#[test]
fn a_server_reloads_and_stops_when_it_is_told() {
    let operator = Operator::new();
    let mut server = operator.serve();
    for signal in ["-HUP", "-TERM"] {
        let sent = Command::new("kill").args([signal, &server.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
    assert!(end_of(&mut server, "the server ends when it is told").success());
}
