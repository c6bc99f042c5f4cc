//! Thousands of connections held open at the real relay by others: its limits hold, honest users are served or told so, and its memory stays
//! in bounds.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::time::Duration;

use kenpo_express::message::keys::Certificate;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::exchange_support::{Folder, Server, text};
use super::support::http::{Client, connect_from, get, plain_get};

/// Connections at a listener.
const LIMIT: usize = 2_000;
/// Of one address.
const OF_ONE: usize = 256;
/// Memory that one connection may cost, TLS and all, in bytes.
const COST: u64 = 96 << 10;

fn source(number: usize) -> IpAddr {
    Ipv4Addr::new(127, 0, 1, u8::try_from(number + 1).unwrap()).into()
}

/// What the relay's process has in use, in bytes.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().trim().parse::<u64>().unwrap() << 10
}

/// Whether the other end closes a connection without a word, and soon.
async fn is_closed_at_once(mut line: TcpStream) -> bool {
    let read = tokio::time::timeout(Duration::from_secs(5), line.read(&mut [0])).await;
    matches!(read, Ok(Ok(0))) || matches!(read, Ok(Err(error)) if error.kind() == ErrorKind::ConnectionReset)
}

struct Crowded {
    folder: Folder,
    server: Server,
    root: Certificate,
}

impl Crowded {
    fn start() -> Self {
        // Both ends of all of them, and what else a process has open. Whoever may not raise it that far cannot run this test.
        let limit = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, rustix::process::Rlimit { current: limit.maximum, ..limit }).unwrap();
        let folder = Folder::new();
        assert!(folder.exchange(&[]).status.success());
        let mut command = folder.command("kx-server");
        command.arg("serve").env("KX_SERVER__LIMITS__CONNECTIONS", LIMIT.to_string());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let server = folder.serve_by("kx-server", &mut command);
        let roots = std::fs::read(folder.path("sandbox/gateway/relay-ca.pem")).unwrap();
        Self { folder, server, root: Certificate::from_pem(&roots).unwrap() }
    }

    fn address(&self, offset: u16) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.folder.base + offset).into()
    }

    /// Somebody at the enrolment page, which asks for no certificate.
    fn page(&self, from: IpAddr) -> Client {
        Client::new(self.address(2), &self.root, None).from(from)
    }

    /// What an employer does: the real app, at the listener beside.
    fn employer_sends(&self, name: &str) {
        let file = self.folder.file(name, b"content");
        let sent = self.folder.run("kx-employer", &["send", file.to_str().unwrap()]);
        assert!(sent.status.success(), "{}", text(&sent.stderr));
    }

    async fn metric(&self, name: &str) -> u64 {
        let metrics = plain_get(self.address(5), "/metrics").await;
        let found = metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        found.unwrap_or_else(|| panic!("{name} in\n{metrics}"))
    }

    async fn until(&self, name: &str, is_true: impl Fn(u64) -> bool) {
        let reached = async {
            while !is_true(self.metric(name).await) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), reached).await.unwrap_or_else(|_| panic!("{name} in time"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_open_connections_cost_what_the_limits_say_and_no_more() {
    let crowded = Crowded::start();
    crowded.employer_sends("before.csv");
    let pid = crowded.server.id();
    let before = resident(pid);

    // At the page: whole TLS connections that say nothing more, from addresses that keep below their own limit.
    let mut held = Vec::new();
    for number in 0..LIMIT {
        held.push(crowded.page(source(number / 250)).raw().await.unwrap_or_else(|error| panic!("{number}: {error}")));
    }
    // At the employers' listener: connections that do not even begin with TLS.
    let mut silent = Vec::new();
    for number in 0..LIMIT - 100 {
        silent.push(connect_from(Some(source(number / 250)), crowded.address(1)).await.unwrap());
    }
    crowded.until("kx_http_connections{listener=\"enrolment\"}", |open| open >= LIMIT as u64).await;
    crowded.until("kx_http_connections{listener=\"employer\"}", |open| open >= LIMIT as u64 - 100).await;
    let cost = resident(pid).saturating_sub(before) / (held.len() + silent.len()) as u64;
    assert!(cost < COST, "{cost} bytes for each connection");

    // Whoever comes to the employers' listener is served as ever.
    crowded.employer_sends("meanwhile.csv");
    // The page is full: one more is told so at once, by a connection that is closed, and counted.
    let refused = "kx_http_connections_refused_total{limit=\"connections\",listener=\"enrolment\"}";
    assert!(is_closed_at_once(connect_from(Some(source(9)), crowded.address(2)).await.unwrap()).await);
    crowded.until(refused, |count| count >= 1).await;
    // Those that are in are served.
    let line = held.last_mut().unwrap();
    line.write_all(b"GET /healthz HTTP/1.1\r\nhost: relay\r\n\r\n").await.unwrap();
    let mut answer = [0; 12];
    line.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    // And a place that comes free is the next one's.
    drop(held.split_off(LIMIT - 10));
    crowded.until("kx_http_connections{listener=\"enrolment\"}", |open| open < LIMIT as u64).await;
    assert_eq!(crowded.page(source(9)).send(get("/healthz")).await.unwrap().status, 200);

    // One address has its own limit, far below that of all.
    drop(held);
    crowded.until("kx_http_connections{listener=\"enrolment\"}", |open| open < 10).await;
    let mut of_one = Vec::new();
    for _ in 0..OF_ONE {
        of_one.push(crowded.page(source(20)).raw().await.unwrap());
    }
    assert!(is_closed_at_once(connect_from(Some(source(20)), crowded.address(2)).await.unwrap()).await);
    crowded
        .until("kx_http_connections_refused_total{limit=\"connections-per-address\",listener=\"enrolment\"}", |count| {
            count >= 1
        })
        .await;
    assert_eq!(crowded.page(source(21)).send(get("/healthz")).await.unwrap().status, 200, "another address");

    // Those that never began with TLS are gone by themselves; all of it left nothing behind.
    crowded.until("kx_http_connections{listener=\"employer\"}", |open| open < 10).await;
    for line in silent.drain(..).take(5) {
        assert!(is_closed_at_once(line).await);
    }
    drop(of_one);
    crowded.employer_sends("after.csv");
    let kept = resident(pid).saturating_sub(before);
    assert!(kept < LIMIT as u64 * COST, "{kept} bytes are kept after all have gone");
    crowded.server.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_employer_who_finds_no_place_is_told_what_it_is_and_comes_through_later() {
    let crowded = Crowded::start();
    let mut silent = Vec::new();
    for number in 0..LIMIT {
        silent.push(connect_from(Some(source(number / 250)), crowded.address(1)).await.unwrap());
    }
    crowded.until("kx_http_connections{listener=\"employer\"}", |open| open >= LIMIT as u64).await;
    let file = crowded.folder.file("now.csv", b"content");
    let mut sending = crowded.folder.command("kx-employer");
    let mut sending = sending.arg("send").arg(&file).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let refused = "kx_http_connections_refused_total{limit=\"connections\",listener=\"employer\"}";
    crowded.until(refused, |count| count >= 1).await;
    drop(silent);
    let ended = sending.wait().unwrap();
    if !ended.success() {
        // It gave up before there was room: then it said what it is, and that trying again is right.
        let mut words = String::new();
        std::io::Read::read_to_string(&mut sending.stderr.take().unwrap(), &mut words).unwrap();
        assert!(words.contains("サーバー"), "{words}");
    }
    crowded.employer_sends("later.csv");
    let sent = crowded.folder.sent();
    assert!(sent.iter().any(|one| one["file_name"] == "later.csv"), "{sent:?}");
    crowded.server.stop();
}
