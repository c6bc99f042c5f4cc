//! Scanners that break off, fall silent, lie or hang.

use std::collections::BTreeSet;
use std::io::{Cursor, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use kenpo_express::domain::policy::Scan;
use kenpo_express::domain::verdict::Reason;
use kenpo_express::gateway::flows::receive::Cause;
use kenpo_express::gateway::scan::{Place, Scanner};
use tokio_util::sync::CancellationToken;

use super::{reasons, scan, to_office, world};
use crate::api_support::recipient;
use crate::gateway_support::sender;
use crate::message_support::noise;
use crate::support::soon::{soon, within};

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

/// What stands in a file that a scanner does not survive.
const KILLER: &[u8] = b"kx-test-the-scanner-does-not-survive-this";

/// Reads a whole file as clamd does. `None`: the line ended.
fn whole_file(stream: &mut UnixStream) -> Option<Vec<u8>> {
    let (mut content, mut length) = (Vec::new(), [0; 4]);
    loop {
        stream.read_exact(&mut length).ok()?;
        let length = u64::from(u32::from_be_bytes(length));
        if length == 0 {
            return Some(content);
        }
        let before = content.len() as u64;
        stream.take(length).read_to_end(&mut content).ok()?;
        (content.len() as u64 == before + length).then_some(())?;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_the_scanner_breaks_off_at_each_time_while_others_pass_goes_to_quarantine() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("fragile");
    let breaks = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&breaks);
    faulty(&socket, move |mut stream| {
        let Some(content) = whole_file(&mut stream) else { return };
        if content.windows(KILLER.len()).any(|window| window == KILLER) {
            counted.fetch_add(1, Ordering::SeqCst);
        } else {
            let _ = stream.write_all(b"stream: OK\0");
        }
    });
    let scanner = Arc::new(Scanner::new(Place::Socket(socket), Duration::from_secs(30)));
    // A large one is looked into twice when it comes: its line may have been slow.
    for (size, expected) in [(10, 4), (3_000_000, 5)] {
        breaks.store(0, Ordering::SeqCst);
        let (world, mut sender) = world(&scanner).await;
        let killer = world.send(&mut sender, &[&noise(size)[..], KILLER].concat());
        let mut clean = Vec::new();
        while world.find(killer).await.is_none() {
            assert!(clean.len() < 10, "{size}: {:?}", world.waiting().await);
            clean.push(world.send(&mut sender, &noise(100)));
            world.pull().await;
            world.clock.advance(SignedDuration::from_secs(301));
        }
        assert_eq!(breaks.load(Ordering::SeqCst), expected, "{size}: what may be chance, and three that are not");
        assert_eq!(reasons(&world, killer).await, BTreeSet::from([Reason::MalwareScanFailed]));
        for id in clean {
            assert_eq!(scan(&world, id).await, Scan::Clean);
        }
        // Two persons who know what it is may let it out.
        assert_eq!(world.admin("staff").await.release(killer, "suzuki").await.unwrap().verdict, "accepted");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scanner_that_breaks_off_at_everything_condemns_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("broken");
    faulty(&socket, drop);
    let scanner = Arc::new(Scanner::new(Place::Socket(socket), Duration::from_secs(30)));
    let (world, mut sender) = world(&scanner).await;
    let ids = [10, 3_000_000].map(|size| world.send(&mut sender, &noise(size)));
    for _ in 0..8 {
        world.pull().await;
        world.clock.advance(SignedDuration::from_secs(301));
    }
    let waiting = world.waiting().await;
    assert!(ids.iter().all(|id| waiting[id] == "scanner.broken-off"), "{waiting:?}");
    assert_eq!(world.kept().await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scanner_that_takes_a_little_now_and_then_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("slow");
    // A piece of 64 KiB in a second and a half, and never a second without some of it.
    faulty(&socket, |mut stream| {
        let mut some = [0; 4096];
        while stream.read(&mut some).is_ok_and(|read| read > 0) {
            std::thread::sleep(Duration::from_millis(90));
        }
    });
    let scanner = Arc::new(Scanner::new(Place::Socket(socket), Duration::from_secs(1)));
    let (world, mut sender) = world(&scanner).await;
    let id = world.send(&mut sender, &noise(3_000_000));
    let began_at = Instant::now();
    world.pull().await;
    assert_eq!(world.waiting().await.get(&id).map(String::as_str), Some("scanner.silent"));
    assert!(began_at.elapsed() < Duration::from_secs(20), "{:?}", began_at.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_does_not_wait_for_what_is_to_be_sent_and_hangs_at_the_scanner() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("hangs");
    let (began, hears) = std::sync::mpsc::channel();
    faulty(&socket, move |stream| {
        let _ = began.send(());
        std::thread::sleep(Duration::from_secs(100));
        drop(stream);
    });
    let scanner = Scanner::new(Place::Socket(socket), Duration::from_secs(100)).also_outgoing(true);
    let (world, _) = world(&Arc::new(scanner)).await;
    recipient(&world, "hanako-1").await;
    let push = Arc::new(sender(&world.receiver, world.folder.path(), false));
    let staging = tokio::spawn({
        let push = Arc::clone(&push);
        async move { push.stage(to_office(300_000), Cursor::new(noise(300_000))).await.map(drop) }
    });
    tokio::task::spawn_blocking(move || hears.recv()).await.unwrap().unwrap();
    let began_at = Instant::now();
    push.stop.cancel();
    assert_eq!(staging.await.unwrap().map_err(|error| error.code()), Err("stopped"));
    assert!(began_at.elapsed() < Duration::from_secs(5), "{:?}", began_at.elapsed());
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
