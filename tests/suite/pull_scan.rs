//! The malware scan by a real clamd, with a signature of our own: no list of real malware is needed.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Cursor, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kenpo_express::domain::ids::MessageId;
use kenpo_express::domain::policy::{Facts, Scan};
use kenpo_express::domain::schedule::{Interval, Plan};
use kenpo_express::domain::verdict::{Reason, Verdict};
use kenpo_express::gateway::flows::handoff::Handoff;
use kenpo_express::gateway::flows::receive::Cause;
use kenpo_express::gateway::flows::send::{NewDispatch, Origin, To};
use kenpo_express::gateway::keeper::Keeper;
use kenpo_express::gateway::scan::{Place, Scanner};
use kenpo_express::gateway::tasks;
use kenpo_express::runtime::lifecycle::Shutdown;
use kenpo_express::runtime::task::Tasks;
use kenpo_express::store::gateway::{evidence, troubles};
use tokio_util::sync::CancellationToken;

use crate::api_support::recipient;
use crate::exchange_support::wait_for;
use crate::gateway_support::{GatewayWorld, Sender, sender};
use crate::message_support::noise;
use crate::support::soon::{soon, within};

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
            "MaxThreads 4\n".to_owned(),
        ];
        fs::write(path("clamd.conf"), lines.join("\n")).unwrap();
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

type WithFile = Box<dyn Fn(UnixStream) + Send + Sync>;

/// Something that answers whether it is there, and does this with every file.
fn faulty(socket: &Path, with_file: impl Fn(UnixStream) + Send + Sync + 'static) {
    let listener = UnixListener::bind(socket).unwrap();
    let with_file = Arc::new(with_file);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let with_file = Arc::clone(&with_file);
            std::thread::spawn(move || {
                let (mut stream, mut word) = (stream, Vec::new());
                while !word.ends_with(b"\0") {
                    let mut byte = [0];
                    if stream.read(&mut byte).unwrap_or(0) == 0 {
                        return;
                    }
                    word.push(byte[0]);
                }
                if word == b"zPING\0" { drop(stream.write_all(b"PONG\0")) } else { with_file(stream) }
            });
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scanner_that_breaks_off_falls_silent_or_talks_nonsense_lets_nothing_through() {
    let folder = tempfile::tempdir().unwrap();
    let answers = |words: &'static [u8]| {
        move |mut stream: UnixStream| {
            let _ = stream.write_all(words);
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        }
    };
    let scanners: [(&str, WithFile); 5] = [
        ("scanner.broken-off", Box::new(drop)),
        (
            "scanner.broken-off",
            Box::new(|mut stream| {
                let mut some = [0; 8];
                let _ = stream.read_exact(&mut some);
            }),
        ),
        ("scanner.silent", Box::new(answers(b""))),
        ("scanner.failed", Box::new(answers(b"stream: OKAY\0"))),
        ("scanner.failed", Box::new(answers(b"stream: Can't allocate memory ERROR\0"))),
    ];
    for (number, (code, with_file)) in scanners.into_iter().enumerate() {
        let socket = folder.path().join(number.to_string());
        faulty(&socket, with_file);
        let scanner = Arc::new(Scanner::new(Place::Socket(socket), Duration::from_secs(1)));
        let (world, mut sender) = world(&scanner).await;
        let ids = [10, 3_000_000].map(|size| world.send(&mut sender, &noise(size)));
        world.pull().await;
        let waiting = world.waiting().await;
        for id in ids {
            assert_eq!(waiting.get(&id).map(String::as_str), Some(code), "scanner {number}");
            assert!(!world.relay.acknowledged(id));
        }
        assert_eq!((world.kept().await.len(), world.files("archive"), world.files("quarantine")), (0, 0, 0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scanner_that_finds_a_file_clean_before_it_has_all_of_it_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("early");
    faulty(&socket, |mut stream| {
        let mut some = vec![0; 100_000];
        let _ = stream.read_exact(&mut some);
        let _ = stream.write_all(b"stream: OK\0");
        // Nothing more is taken, and what is said stays to be read.
        let _ = stream.shutdown(std::net::Shutdown::Read);
        std::thread::sleep(Duration::from_secs(20));
    });
    let scanner = Arc::new(Scanner::new(Place::Socket(socket), Duration::from_secs(1)));
    let (world, mut sender) = world(&scanner).await;
    let id = world.send(&mut sender, &noise(3_000_000));
    world.pull().await;
    assert_eq!(world.waiting().await.get(&id).map(String::as_str), Some("scanner.failed"));
    assert!(!world.relay.acknowledged(id));
    assert_eq!((world.kept().await.len(), world.files("archive"), world.files("quarantine")), (0, 0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_does_not_wait_for_a_scanner_that_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("hangs");
    faulty(&socket, |stream| {
        std::thread::sleep(Duration::from_secs(100));
        drop(stream);
    });
    let scanner = Arc::new(Scanner::new(Place::Socket(socket), Duration::from_secs(100)));
    let (world, mut sender) = world(&scanner).await;
    let id = world.send(&mut sender, &noise(3_000_000));
    world.send(&mut sender, &noise(300_000));
    let stop = CancellationToken::new();
    let (receiver, asked) = (Arc::clone(&world.receiver), stop.clone());
    let run = tokio::spawn(async move { receiver.run(Cause::Timer, &asked).await.unwrap() });
    soon("it is fetched", async || {
        assert!(!run.is_finished());
        !world.relay.requests(id).is_empty()
    })
    .await;
    let began_at = Instant::now();
    stop.cancel();
    within("the run stops", run).await.unwrap();
    world.receiver.beside.idle().await;
    assert!(began_at.elapsed() < Duration::from_secs(5), "{:?}", began_at.elapsed());
    assert!(!world.relay.acknowledged(id) && world.kept().await.is_empty());
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
            let new = NewDispatch {
                to: vec![To::Office("1234-A".parse().unwrap())],
                file_name: "決定通知書.pdf".parse().unwrap(),
                content_type: "application/pdf".to_owned(),
                comment: None,
                size: content.len() as u64,
                origin: Origin::Command,
                key: None,
                actor: "staff".to_owned(),
            };
            push.stage(new, Cursor::new(content)).await.map(drop).map_err(|error| error.code())
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
