//! The employer's app killed in the middle of receiving, by its real binary in front of the real relay: nothing is lost, nothing
//! is there twice, and the union gets the same receipts whatever happened in between.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use kenpo_express::domain::address::Address;
use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::digest::Sha256;
use kenpo_express::domain::ids::MessageId;
use kenpo_express::employer::Home;
use kenpo_express::message::entity::ContentEncoding;
use kenpo_express::message::keys::{Certificate, Credential};
use kenpo_express::message::receipt::{Receipt, Return, SignedReceipt, Stage};
use kenpo_express::message::seal::{Draft, seal};
use kenpo_express::message::words;
use kenpo_express::runtime::clock::{SystemClock, SystemRandom};
use kenpo_express::sandbox::parties::{office, union, user};
use kenpo_express::wire::client::{Effort, FileSource, Progress, Settings, UnionClient};
use kenpo_express::wire::tus::Metadata;
use serde_json::Value;

use super::exchange_support::{Folder, Server, has_the_keys_of_a_message, json, text};
use super::inbox_support::{new_id, read_credential};
use super::message_support::noise;

/// A sandbox with a relay that runs, and the union played by the test.
struct Crash {
    folder: Folder,
    runtime: tokio::runtime::Runtime,
    union: UnionClient,
    signing: Credential,
    encryption: Credential,
    recipient: Certificate,
    signer: Certificate,
    /// Number and hash of the newest message to the office.
    newest: (u64, Sha256),
    /// What was sent, by the name of the file.
    sent: BTreeMap<String, (MessageId, Vec<u8>)>,
    _server: Server,
}

impl Crash {
    fn new() -> Self {
        let folder = Folder::new();
        assert!(folder.exchange(&[]).status.success());
        let server = folder.serve("kx-server", "relay.log");
        let at = |name: &str| folder.path("sandbox").join(name);
        let joined = |name: &str| read_credential(&at(name), &at(name));
        let roots = Certificate::all_from_pem(&fs::read(at("gateway/relay-ca.pem")).unwrap()).unwrap();
        let url = format!("https://127.0.0.1:{}", folder.base).parse().unwrap();
        let union = UnionClient::new(&Settings::new(url, roots, joined("gateway/tls.pem"))).unwrap();
        let home = Home::read(&at("employer-1")).unwrap();
        fs::create_dir(folder.path("out")).unwrap();
        Self {
            runtime: tokio::runtime::Runtime::new().unwrap(),
            union,
            signing: joined("gateway/union-signing.pem"),
            encryption: joined("gateway/union-encryption.pem"),
            recipient: Certificate::from_der(&home.certificates().encryption[0].0).unwrap(),
            signer: home.signing_certificate().unwrap(),
            newest: (0, Sha256::ZERO),
            sent: BTreeMap::new(),
            _server: server,
            folder,
        }
    }

    /// Deposits a file for the office, as the union does.
    fn deposit(&mut self, content: Vec<u8>) -> MessageId {
        self.deposit_named(&format!("通知{}.bin", self.newest.0 + 1), content)
    }

    fn deposit_named(&mut self, name: &str, content: Vec<u8>) -> MessageId {
        let draft = Draft {
            id: new_id(),
            date: SystemClock.now(),
            from: Address::Union(union()),
            to: Address::Office(union(), office()),
            sequence: self.newest.0 + 1,
            previous: self.newest.1,
            file_name: name.parse().unwrap(),
            content_type: "application/octet-stream".to_owned(),
            comment: None,
            encoding: ContentEncoding::Identity,
        };
        let recipients = [self.recipient.clone(), self.encryption.certificate().clone()];
        let path = self.folder.path("sealed");
        let file = fs::File::create(&path).unwrap();
        let sealed = seal(&draft, &self.signing, &recipients, &SystemRandom, &*content, file).unwrap();
        self.upload(draft.id);
        self.newest = (draft.sequence, sealed.signature_hash);
        self.sent.insert(name.to_owned(), (draft.id, content));
        draft.id
    }

    /// Deposits what is in `sealed`.
    fn upload(&self, id: MessageId) {
        let path = self.folder.path("sealed");
        let source = FileSource { size: fs::metadata(&path).unwrap().len(), path };
        let metadata = Metadata { message_id: id, recipients: vec![user()], place: None };
        let progress = Progress::new(|_| ());
        let deposit = self.union.deposit(metadata, &source, &progress, Effort::default(), &SystemRandom);
        self.runtime.block_on(deposit).unwrap();
    }

    fn send(&mut self) {
        for size in [0, 1_000, 2_500_000] {
            self.deposit(noise(size));
        }
    }

    fn out(&self) -> PathBuf {
        self.folder.path("out")
    }

    fn receive(&self, failpoint: Option<&str>) -> Output {
        let mut command = self.folder.command("kx-employer");
        command.args(["receive", "--all", "--json", "--out"]).arg(self.out());
        if let Some(failpoint) = failpoint {
            command.env("KX_FAILPOINT", failpoint);
        }
        command.output().unwrap()
    }

    /// The user's receipts that the union can have, checked as the union checks them.
    fn receipts(&self, id: MessageId) -> Vec<Receipt> {
        let delivery = self.runtime.block_on(self.union.delivery(id)).unwrap();
        let mut before = delivery.relayed.map(|der| SignedReceipt::from_der(der.0).hash());
        let mut receipts = Vec::new();
        for der in delivery.recipients.into_iter().flat_map(|recipient| recipient.receipts) {
            let told = SignedReceipt::from_der(der.0);
            let receipt = told.verify(&self.signer).unwrap();
            assert_eq!((receipt.message_id, receipt.previous), (id, before), "the chain of receipts");
            before = Some(told.hash());
            receipts.push(receipt);
        }
        receipts
    }

    fn stages(&self, id: MessageId) -> Vec<Stage> {
        self.receipts(id).iter().map(|receipt| receipt.stage).collect()
    }

    /// What holds at every moment: what is visible is whole, and whoever was told "accepted" is right.
    fn check_promises(&self, context: &str) {
        for entry in fs::read_dir(self.out()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let (_, bytes) = self.sent.get(&name).unwrap_or_else(|| panic!("{context}: {name} was never sent"));
            assert!(fs::read(&path).unwrap() == *bytes, "{context}: {name} is not whole");
        }
        for (name, (id, _)) in &self.sent {
            if self.stages(*id).contains(&Stage::Accepted) {
                assert!(self.out().join(name).exists(), "{context}: {name} is accepted and not there");
            }
        }
    }

    /// What holds after an undisturbed run.
    fn check_whole(&self, context: &str) {
        let done = self.receive(None);
        assert!(done.status.success(), "{context}: {}", text(&done.stderr));
        self.check_promises(context);
        assert_eq!(
            fs::read_dir(self.out()).unwrap().count(),
            self.sent.len(),
            "{context}: nothing lost, nothing twice"
        );
        for (name, (id, _)) in &self.sent {
            assert_eq!(self.stages(*id), [Stage::Verified, Stage::Accepted], "{context}: {name}");
        }
        let listed = self.list();
        let warnings: Vec<_> = listed.iter().flat_map(|one| one["warnings"].as_array().unwrap().clone()).collect();
        assert_eq!((warnings, listed.iter().all(|one| one["acknowledged"] == true)), (Vec::new(), true), "{context}");
        let parts = fs::read_dir(self.folder.path("sandbox/employer-1/inbox")).unwrap().count();
        assert_eq!(parts, 0, "{context}");
    }

    fn list(&self) -> Vec<Value> {
        json(&self.folder.run("kx-employer", &["inbox", "--json"]))
    }
}

#[cfg(feature = "failpoints")]
#[test]
fn aborted_at_each_step_it_goes_on_where_it_was() {
    let steps = [
        "fetching",
        "fetched",
        "placed",
        "committed",
        "recorded",
        "written",
        "taking",
        "published",
        "accepted",
        "acknowledged",
    ];
    let mut crash = Crash::new();
    for step in steps {
        for visit in [1, 3] {
            let context = format!("{step}, visit {visit}");
            crash.send();
            let status = crash.receive(Some(&format!("inbox.{step}:{visit}"))).status;
            // What is told to the relay is told once in a run.
            assert!(status.signal() == Some(6) || (visit > 1 && status.success()), "{context}: {status}");
            crash.check_promises(&context);
            crash.check_whole(&context);
        }
    }
}

/// Small files come in groups: several on the way to the disk, to their places and to the person at once. In the middle of them is a large one.
#[cfg(feature = "failpoints")]
#[test]
fn a_group_that_is_aborted_in_its_middle_is_there_once_and_whole() {
    let steps = [
        ("fetching", &[5][..]),
        ("fetched", &[1, 10]),
        ("placed", &[1, 4, 8]),
        ("committed", &[1, 2]),
        ("recorded", &[1]),
        ("written", &[1, 7]),
        ("taking", &[1, 2]),
        ("published", &[1, 4, 9]),
        ("accepted", &[1]),
        ("acknowledged", &[1]),
    ];
    let mut crash = Crash::new();
    for (step, visits) in steps {
        for visit in visits {
            let context = format!("{step}, visit {visit}");
            for size in [1, 1_000, 0, 20_000, 300_000, 2, 3_000, 70_000, 9, 10] {
                crash.deposit(noise(size));
            }
            let status = crash.receive(Some(&format!("inbox.{step}:{visit}"))).status;
            // How many groups it takes is up to the machine.
            assert!(status.signal() == Some(6) || (*visit > 1 && status.success()), "{context}: {status}");
            crash.check_promises(&context);
            crash.check_whole(&context);
        }
    }
}

/// The same name and the same content: what a crash has left of the one must not be taken for the other.
#[cfg(feature = "failpoints")]
#[test]
fn files_that_are_the_same_are_not_taken_for_each_other_after_a_crash() {
    for visit in 1..=4 {
        let mut crash = Crash::new();
        let ids: Vec<_> = (0..4).map(|_| crash.deposit_named("同じ.csv", b"the same".to_vec())).collect();
        crash.receive(Some(&format!("inbox.published:{visit}")));
        let done = crash.receive(None);
        assert!(done.status.success(), "{}", text(&done.stderr));
        let mut names: Vec<_> =
            fs::read_dir(crash.out()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names, ["同じ (2).csv", "同じ (3).csv", "同じ (4).csv", "同じ.csv"], "visit {visit}");
        let mut places: Vec<_> = crash.list().iter().map(|one| one["saved_as"].as_str().unwrap().to_owned()).collect();
        // What the sandbox itself has exchanged is elsewhere.
        places.retain(|place| place.contains("同じ"));
        places.sort();
        places.dedup();
        assert_eq!(places.len(), 4, "each record tells of its own file: {places:?}");
        for id in ids {
            assert_eq!(crash.stages(id), [Stage::Verified, Stage::Accepted], "visit {visit}");
        }
    }
}

#[cfg(feature = "failpoints")]
#[test]
fn a_return_that_is_cut_off_is_told_at_the_next_start_and_once() {
    let mut crash = Crash::new();
    for step in ["committed", "returned", "acknowledged"] {
        let id = crash.deposit(b"not ours".to_vec());
        let mut command = crash.folder.command("kx-employer");
        command
            .args(["return", &id.to_string(), "--reason", "宛先が違います"])
            .env("KX_FAILPOINT", format!("inbox.{step}"));
        assert_eq!(command.output().unwrap().status.signal(), Some(6), "{step}");
        // Where the words were not kept yet, they have to be said again.
        let again = crash.folder.run("kx-employer", &["return", &id.to_string(), "--reason", "宛先が違います"]);
        assert_eq!(again.status.success(), step == "committed", "{step}: {}", text(&again.stderr));
        assert_eq!(crash.stages(id), [Stage::Verified, Stage::Returned], "{step}");
        let sealed = crash.receipts(id).pop().unwrap().words.unwrap();
        let told: Return = words::open(&sealed, std::slice::from_ref(&crash.encryption)).unwrap();
        assert_eq!((told.message_id, told.reason.as_str()), (id, "宛先が違います"));
    }
    assert_eq!(fs::read_dir(crash.out()).unwrap().count(), 0);
}

#[test]
fn killed_from_outside_again_and_again_it_loses_nothing() {
    let mut crash = Crash::new();
    for milliseconds in [200, 400, 600, 800] {
        crash.send();
        let mut command = crash.folder.command("kx-employer");
        command.args(["receive", "--all", "--out"]).arg(crash.out()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut receiving = command.spawn().unwrap();
        // Where in its work that meets it is up to the machine; what follows must hold wherever it was.
        std::thread::sleep(Duration::from_millis(milliseconds));
        receiving.kill().unwrap();
        receiving.wait().unwrap();
        crash.check_promises(&format!("killed after {milliseconds} ms"));
    }
    crash.check_whole("in the end");
}

#[test]
fn the_commands_end_as_scripts_expect() {
    let mut crash = Crash::new();
    let run = |crash: &Crash, arguments: &[&str]| crash.folder.run("kx-employer", arguments);
    let out = crash.out().to_str().unwrap().to_owned();
    for wrong in
        [&["receive"][..], &["receive", "--all"], &["receive", "--out", &out], &["receive", "x", "--out", &out]]
    {
        assert_eq!(run(&crash, wrong).status.code(), Some(2), "{wrong:?}");
    }
    let good = crash.deposit(b"good".to_vec()).to_string();
    let waiting = crash.list().pop().unwrap();
    assert_eq!(
        (&waiting["id"], &waiting["state"], &waiting["direction"]),
        (&good.clone().into(), &"waiting".into(), &"received".into())
    );
    assert!(waiting["expires_at"].is_string() && waiting["file_name"].is_null() && waiting["verdict"].is_null());

    // One that nobody of the union signed comes beside it.
    let forged = new_id();
    fs::write(crash.folder.path("sealed"), [&noise(3_000)[..], &[0x04, 0x10], &[7; 16]].concat()).unwrap();
    crash.upload(forged);
    let received = run(&crash, &["receive", "--all", "--json", "--out", &out]);
    assert_eq!(received.status.code(), Some(1), "something is in quarantine");
    let items = json(&received);
    let state = |id: &str| items.iter().find(|one| one["id"] == id).unwrap()["state"].clone();
    assert_eq!((state(&good), state(&forged.to_string())), ("accepted".into(), "quarantined".into()));
    let said = text(&received.stderr);
    assert!(said.contains("隔離") && said.contains("健康保険組合に連絡") && said.contains("format."), "{said}");
    assert!(!said.contains("通知1"), "no file name beside the JSON: {said}");
    has_the_keys_of_a_message(&items[0]);
    // What is in quarantine was told to the relay, without a receipt.
    assert!(crash.receipts(forged).is_empty());
    assert!(crash.runtime.block_on(crash.union.delivery(forged)).unwrap().recipients[0].acknowledged_at.is_some());
    let table = run(&crash, &["inbox"]);
    assert!(table.status.success(), "{}", text(&table.stderr));
    let shown = text(&table.stdout);
    for expected in ["受信済", "隔離", "通知1.bin", "保存先"] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    let doctor = run(&crash, &["doctor", "--json"]);
    assert!(json(&doctor).iter().any(|check| check["check"] == "inbox" && check["result"] == "warning"));

    let unknown = run(&crash, &["receive", &new_id().to_string(), "--out", &out]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown.stderr).contains("この番号のファイルはありません"), "{}", text(&unknown.stderr));
    let late = run(&crash, &["return", &good, "--reason", "遅い"]);
    assert_eq!(late.status.code(), Some(1));
    assert!(text(&late.stderr).contains("差し戻せません"), "{}", text(&late.stderr));
    let notices = run(&crash, &["notices", "--received", "off", "--json"]);
    let choice: Value = serde_json::from_slice(&notices.stdout).unwrap();
    assert_eq!(choice, serde_json::json!({ "received": false, "sent": true }));
    assert!(text(&run(&crash, &["notices"]).stdout).contains("--received): off"));
}
