//! The malware scan by a real clamd, with a signature of our own: no list of real malware is needed.

mod faulty;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Cursor, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use kenpo_express::domain::ids::MessageId;
use kenpo_express::domain::policy::{Facts, Scan};
use kenpo_express::domain::schedule::{Interval, Plan};
use kenpo_express::domain::verdict::{Reason, Verdict};
use kenpo_express::gateway::admin::AdminError;
use kenpo_express::gateway::flows::handoff::Handoff;
use kenpo_express::gateway::flows::receive::Cause;
use kenpo_express::gateway::flows::send::{NewDispatch, Origin, To};
use kenpo_express::gateway::keeper::Keeper;
use kenpo_express::gateway::scan::{Place, Scanner};
use kenpo_express::gateway::tasks;
use kenpo_express::runtime::lifecycle::Shutdown;
use kenpo_express::runtime::task::Tasks;
use kenpo_express::store::gateway::{audit, evidence, troubles};
use tokio_util::sync::CancellationToken;

use crate::api_support::recipient;
use crate::exchange_support::wait_for;
use crate::gateway_support::{GatewayWorld, Sender, receiver, sender};
use crate::message_support::noise;
use crate::send_support::new_dispatch;
use crate::support::soon::soon;

/// What our signature finds.
const PATTERN: &[u8] = b"kx-test-pattern-7f3a91c2d5e8-not-malware";
/// What it is called. clamd adds that nobody official signed the list.
const NAME: &str = "Kx.Test-1.UNOFFICIAL";
/// The scanner's limit.
const LIMIT: usize = 8 << 20;

/// A clamd of our own, which can be stopped and started again.
struct Clamd {
    folder: tempfile::TempDir,
    child: Option<Child>,
}

impl Clamd {
    fn new() -> Self {
        Self::with(&[])
    }

    /// With these lines in its configuration, too.
    fn with(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["db", "tmp"] {
            fs::create_dir(path(name)).unwrap();
        }
        fs::write(path("db/own.ndb"), format!("Kx.Test-1:0:*:{}\n", hex::encode(PATTERN))).unwrap();
        let lines = [
            format!("LocalSocket {}", path("clamd.sock").display()),
            format!("DatabaseDirectory {}", path("db").display()),
            format!("TemporaryDirectory {}", path("tmp").display()),
            format!("StreamMaxLength {LIMIT}"),
            "Foreground yes".to_owned(),
            "FixStaleSocket yes".to_owned(),
            "AlertExceedsMax yes".to_owned(),
            "MaxThreads 4".to_owned(),
        ];
        let lines = lines.into_iter().chain(more.iter().map(|line| (*line).to_owned()));
        fs::write(path("clamd.conf"), lines.map(|line| line + "\n").collect::<String>()).unwrap();
        let mut clamd = Self { folder, child: None };
        clamd.start();
        clamd
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("clamd.sock")
    }

    fn scanner(&self) -> Arc<Scanner> {
        Arc::new(Scanner::new(Place::Socket(self.socket()), Duration::from_secs(60)))
    }

    fn start(&mut self) {
        let mut command = Command::new("clamd");
        command.arg("--config-file").arg(self.folder.path().join("clamd.conf"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // Debian keeps it among the programs of the administrator.
        command.env("PATH", format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default()));
        self.child = Some(command.spawn().expect("clamd (package clamav-daemon) is there"));
        let scanner = self.scanner();
        wait_for(|| scanner.ping(&CancellationToken::new()).is_ok(), "clamd answers");
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

impl Drop for Clamd {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn world(scanner: &Arc<Scanner>) -> (GatewayWorld, Sender) {
    let scanner = Arc::clone(scanner);
    let world = GatewayWorld::with(|_| (), |receiver| receiver.scanner = Some(scanner)).await;
    let sender = world.sender("yamada-1").await;
    (world, sender)
}

async fn reasons(world: &GatewayWorld, id: MessageId) -> BTreeSet<Reason> {
    match world.find(id).await.expect("it is kept").verdict {
        Verdict::Quarantined { reasons, .. } => reasons,
        Verdict::Accepted { .. } => BTreeSet::new(),
    }
}

async fn scan(world: &GatewayWorld, id: MessageId) -> Scan {
    let message = world.find(id).await.unwrap();
    let stored = evidence::find(world.receiver.database.read(), message.number).await.unwrap().unwrap();
    serde_json::from_str::<Facts>(&stored.facts).unwrap().scan
}

/// The pattern behind so many harmless bytes.
fn infected(before: usize) -> Vec<u8> {
    let mut content = noise(before);
    content.extend_from_slice(PATTERN);
    content
}

fn zipped(content: &[u8]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let how = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    zip.start_file("inside.txt", how).unwrap();
    zip.write_all(content).unwrap();
    zip.finish().unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_scanner_finds_goes_to_quarantine_and_all_else_is_accepted() {
    let clamd = Clamd::new();
    let (world, mut sender) = world(&clamd.scanner()).await;
    let clean = [Vec::new(), b"x".to_vec(), noise(64 * 1024), noise(900_000), noise(3_000_000), zipped(b"harmless")];
    let clean: Vec<_> = clean.iter().map(|content| world.send(&mut sender, content)).collect();
    let found = [infected(0), infected(64 * 1024 - 7), infected(3_000_000), zipped(&infected(100))];
    let found: Vec<_> = found.iter().map(|content| world.send(&mut sender, content)).collect();
    assert_eq!(world.pull().await.result, "done");
    for id in clean {
        assert_eq!(reasons(&world, id).await, BTreeSet::new());
        assert_eq!(scan(&world, id).await, Scan::Clean);
    }
    for id in &found {
        assert_eq!(reasons(&world, *id).await, BTreeSet::from([Reason::MalwareFound]));
        assert_eq!(scan(&world, *id).await, Scan::Found { name: NAME.to_owned() });
        assert!(world.relay.acknowledged(*id) && world.relay.receipt(*id).is_none());
        assert!(world.admin("staff").await.release(*id, "suzuki").await.is_err(), "two persons do not know better");
    }
    assert_eq!((world.files("archive"), world.files("quarantine")), (6, found.len()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_beyond_the_scanners_limit_goes_to_quarantine_and_two_persons_may_let_it_out() {
    let clamd = Clamd::new();
    let (world, mut sender) = world(&clamd.scanner()).await;
    let beyond = world.send(&mut sender, &noise(LIMIT + 1_000_000));
    let at_the_limit = world.send(&mut sender, &noise(LIMIT));
    world.pull().await;
    assert_eq!(reasons(&world, beyond).await, BTreeSet::from([Reason::MalwareScanFailed]));
    assert_eq!(scan(&world, beyond).await, Scan::Failed);
    assert_eq!(reasons(&world, at_the_limit).await, BTreeSet::new());
    let released = world.admin("staff").await.release(beyond, "suzuki").await.unwrap();
    assert_eq!(released.verdict, "accepted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_check_refuses_is_scanned_too() {
    let clamd = Clamd::new();
    let (world, _) = world(&clamd.scanner()).await;
    let mut stranger = Sender::new("nobody", world.union.user("nobody", world.clock_now()));
    let id = world.send(&mut stranger, &infected(10));
    world.pull().await;
    assert_eq!(reasons(&world, id).await, BTreeSet::from([Reason::SignerUnknown, Reason::MalwareFound]));
    // Registered by now, it stays where it is.
    world.register("nobody", stranger.credential.certificate()).await;
    assert!(world.admin("staff").await.release(id, "suzuki").await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_scanner_parcels_wait_and_they_go_on_by_themselves_when_it_is_back() {
    let mut clamd = Clamd::new();
    clamd.stop();
    let (world, mut sender) = world(&clamd.scanner()).await;
    let ids = [10, 3_000_000].map(|size| world.send(&mut sender, &noise(size)));
    let shutdown = Shutdown::new();
    let all = Tasks::new(Arc::clone(&world.receiver.clock), &shutdown);
    let never = Plan::every(Interval::nearest(100_000), false);
    let keeper = Arc::new(Keeper::new(&world.receiver, never));
    let pull = tasks::pull::start(&world.receiver, &keeper, &all);
    tasks::schedule::start(&keeper, &pull, &all);
    tasks::scanner::start(&world.receiver, &pull, &all);
    let mut waiting = world.waiting().await;
    soon("both wait, and that is told", async || {
        waiting = world.waiting().await;
        waiting.len() == 2 && !troubles::list(world.receiver.database.read()).await.unwrap().is_empty()
    })
    .await;
    for id in ids {
        assert_eq!(waiting[&id], "scanner.away");
        assert!(!world.relay.acknowledged(id) && world.relay.requests(id).is_empty(), "not even fetched");
    }
    let trouble = troubles::list(world.receiver.database.read()).await.unwrap();
    assert_eq!((trouble[0].task.as_str(), trouble[0].code.as_str()), ("scanner", "scanner.away"));
    assert_eq!(world.kept().await, []);

    clamd.start();
    soon("both come, and nobody has to ask for it", async || world.kept().await.len() == 2).await;
    for id in ids {
        assert_eq!(reasons(&world, id).await, BTreeSet::new());
    }
    assert!(world.waiting().await.is_empty());
    shutdown.finish(Duration::from_secs(30)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_goes_on_also_when_others_have_seen_first_that_the_scanner_is_back() {
    let mut clamd = Clamd::new();
    clamd.stop();
    let scanner = clamd.scanner();
    let (world, mut sender) = world(&scanner).await;
    let id = world.send(&mut sender, &noise(10));
    world.pull().await;
    assert_eq!(world.waiting().await[&id], "scanner.away");
    clamd.start();
    scanner.ping(&CancellationToken::new()).unwrap();
    let shutdown = Shutdown::new();
    let all = Tasks::new(Arc::clone(&world.receiver.clock), &shutdown);
    let keeper = Arc::new(Keeper::new(&world.receiver, Plan::every(Interval::nearest(100_000), false)));
    // Nothing is planned any more.
    keeper.look().await.unwrap();
    keeper.take();
    let pull = tasks::pull::start(&world.receiver, &keeper, &all);
    tasks::scanner::start(&world.receiver, &pull, &all);
    soon("it comes, and nobody has to ask for it", async || !world.kept().await.is_empty()).await;
    shutdown.finish(Duration::from_secs(30)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_is_too_slow_for_the_scanner_costs_a_second_look_and_no_second_fetch() {
    let clamd = Clamd::with(&["CommandReadTimeout 1", "ReadTimeout 1"]);
    let (world, mut sender) = world(&clamd.scanner()).await;
    let id = world.send(&mut sender, &noise(3_000_000));
    world.relay.hold(id);
    let receiver = Arc::clone(&world.receiver);
    let run = tokio::spawn(async move { receiver.run(Cause::Command, &CancellationToken::new()).await.unwrap() });
    soon("it is fetched", async || !world.relay.requests(id).is_empty()).await;
    // Well over the second that this clamd waits.
    tokio::time::sleep(Duration::from_secs(4)).await;
    world.relay.let_go(id);
    assert_eq!(run.await.unwrap().result, "done");
    assert_eq!((scan(&world, id).await, world.waiting().await.len()), (Scan::Clean, 0));
    assert_eq!(world.relay.requests(id), [0], "fetched once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_before_there_was_a_scanner_is_scanned_before_two_persons_release_it() {
    let mut clamd = Clamd::new();
    let mut world = GatewayWorld::new().await;
    let mut stranger = Sender::new("nobody", world.union.user("nobody", world.clock_now()));
    let contents = [infected(300_000), noise(300_000), noise(LIMIT + 1_000_000)];
    let [found, clean, beyond] = contents.map(|content| world.send(&mut stranger, &content));
    world.pull().await;
    world.register("nobody", stranger.credential.certificate()).await;
    let mut with = receiver(world.relay.clone(), world.folder.path(), world.receiver.keys.clone(), &world.clock).await;
    with.scanner = Some(clamd.scanner());
    world.receiver = Arc::new(with);
    let admin = world.admin("staff").await;
    clamd.stop();
    assert!(matches!(admin.release(clean, "suzuki").await, Err(AdminError::Unscanned(_))), "later");
    clamd.start();
    for (id, reason) in [(found, Reason::MalwareFound), (beyond, Reason::MalwareScanFailed)] {
        let refused = admin.release(id, "suzuki").await;
        assert!(matches!(&refused, Err(AdminError::Unreleasable(why)) if *why == reason), "{refused:?}");
    }
    assert_eq!(admin.release(clean, "suzuki").await.unwrap().verdict, "accepted");
    let audit = audit::list(world.receiver.database.read(), None, 100).await.unwrap();
    let entry = audit.iter().find(|entry| entry.action == "quarantine.released").unwrap();
    assert_eq!(entry.after, "archived approver:suzuki scan:clean");
    assert_eq!((world.files("archive"), world.files("quarantine")), (1, 3));
}

/// So many bytes for an office.
fn to_office(size: usize) -> NewDispatch {
    NewDispatch {
        origin: Origin::Command,
        actor: "staff".to_owned(),
        ..new_dispatch(vec![To::Office("1234-A".parse().unwrap())], size)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_is_scanned_where_that_is_wanted() {
    let mut clamd = Clamd::new();
    for outgoing in [true, false] {
        let place = Place::Socket(clamd.socket());
        let scanner = Arc::new(Scanner::new(place, Duration::from_secs(60)).also_outgoing(outgoing));
        let (world, _) = world(&scanner).await;
        recipient(&world, "hanako-1").await;
        let push = Arc::new(sender(&world.receiver, world.folder.path(), false));
        let stage = async |content: Vec<u8>| {
            push.stage(to_office(content.len()), Cursor::new(content)).await.map(drop).map_err(|error| error.code())
        };
        let refused = |code: &'static str| if outgoing { Err(code) } else { Ok(()) };
        assert_eq!(stage(noise(300_000)).await, Ok(()));
        assert_eq!(stage(infected(300_000)).await, refused("malware.found"));
        assert_eq!(stage(noise(LIMIT + 1_000_000)).await, refused("malware.scan-failed"));
        clamd.stop();
        assert_eq!(stage(noise(300_000)).await, refused("scanner.away"));
        // A file in the folder waits there until the scanner is back.
        let folder = world.folder.path().join("handoff");
        let handoff = Handoff::open(&push, folder.clone(), 0).unwrap();
        let put = folder.join("out/1234-A/file.csv");
        fs::create_dir_all(put.parent().unwrap()).unwrap();
        fs::write(&put, b"for the office").unwrap();
        let look = async || handoff.run(&CancellationToken::new()).await;
        look().await.unwrap();
        assert_eq!(look().await, refused("scanner.away"));
        assert_eq!(put.exists(), outgoing);
        clamd.start();
        look().await.unwrap();
        assert!(!put.exists());
    }
}
