//! Slow clients by a tool of the trade (slowhttptest, in all of its four ways) against the listeners that face others, while somebody honest
//! works at the same listener: everything honest succeeds, and nearly as fast as before.
//!
//! A connection without a client certificate gets nowhere at the listeners that ask for one, in whichever way it would go on: there the finding
//! is that none of its requests is ever heard.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::api_support::ApiWorld;
use crate::support::http::{Client, plain_get_from};
use crate::support::relay::RelayWorld;

/// What the tool does.
const WAYS: [(&str, &[&str]); 4] = [
    ("slow headers", &["-H", "-x", "24"]),
    ("slow body", &["-B", "-s", "8192", "-x", "10"]),
    ("many ranges", &["-R", "-a", "10", "-b", "3000", "-t", "HEAD"]),
    ("slow read", &["-X", "-w", "1", "-y", "16", "-n", "1", "-z", "4", "-k", "3"]),
];
/// Connections that it holds: what one address may have, less a few.
const CONNECTIONS: usize = 240;
/// Whoever is honest sits elsewhere.
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9));
/// What the slowest of a hundred requests may take at any rate, however fast they were before: a person waits for nothing at that, and a machine
/// that does other things meanwhile takes as much.
const AT_ANY_RATE: Duration = Duration::from_millis(300);
/// Requests that are measured before the attack, and at least while it goes on.
const MEASURED: usize = 110;
/// How often it may be measured again, each time beside how it was right before. Who starves, starves each time.
const ROUNDS: usize = 3;
/// As long as that an attack is begun again and again while there is too little to be said of it.
const PATIENCE: Duration = Duration::from_secs(120);

/// One attack at a time: each is measured, and takes its part of the machine.
static TURN: Mutex<()> = Mutex::const_new(());

struct Attack(Child);

impl Attack {
    fn begin(way: &[&str], url: &str) -> Self {
        let mut command = Command::new("slowhttptest");
        command.args(way).args([
            "-c",
            &CONNECTIONS.to_string(),
            "-r",
            "120",
            "-i",
            "1",
            "-l",
            "4",
            "-p",
            "3",
            "-u",
            url,
        ]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().expect("slowhttptest is installed (tests/run installs it)"))
    }

    fn goes_on(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Attack {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Connections from the tool's address that stand at a port, as the kernel has them.
fn standing(port: u16) -> usize {
    let (local, established) = (format!("0100007F:{port:04X}"), "01");
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let fields = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let is_one = |fields: &Vec<&str>| {
        fields.get(1) == Some(&&*local) && fields[2].starts_with("0100007F") && fields[3] == established
    };
    fields.filter(is_one).count()
}

fn p99(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() * 99 / 100]
}

/// What was seen of one attack.
struct Seen {
    usual: Duration,
    meanwhile: Duration,
    /// How many connections of the tool stood at once.
    held: usize,
}

impl Seen {
    fn is_well(&self) -> bool {
        self.meanwhile <= (self.usual * 2).max(AT_ANY_RATE)
    }
}

/// One attack with somebody honest beside it, who is measured before it and meanwhile.
async fn attack(address: SocketAddr, url: &str, way: &[&str], expected: usize, honest: impl AsyncFn() -> bool) -> Seen {
    let timed = async || {
        let began_at = Instant::now();
        assert!(honest().await, "{url}: an honest request is served");
        began_at.elapsed()
    };
    let (mut before, mut meanwhile, mut held) = (Vec::new(), Vec::new(), 0);
    while before.len() < MEASURED {
        before.push(timed().await);
    }
    let began_at = Instant::now();
    let mut attack = Attack::begin(way, url);
    while attack.goes_on() || meanwhile.len() < MEASURED || held < expected {
        assert!(began_at.elapsed() < PATIENCE, "{url}: {} honest requests, {held} connections held", meanwhile.len());
        if !attack.goes_on() {
            attack = Attack::begin(way, url);
        }
        meanwhile.push(timed().await);
        held = held.max(standing(address.port()));
    }
    Seen { usual: p99(&mut before), meanwhile: p99(&mut meanwhile), held }
}

/// Attacks in each way. Where the listener `holds` whoever has no certificate, slow headers hold their places as long as they last; the other
/// ways are answered before their end, or cut off.
async fn attacked(address: SocketAddr, url: &str, holds: bool, honest: impl AsyncFn() -> bool) {
    let _turn = TURN.lock().await;
    for (name, way) in WAYS.into_iter().take(if holds { WAYS.len() } else { 1 }) {
        let expected = match name {
            _ if !holds => 0,
            "slow headers" => CONNECTIONS / 2,
            _ => 1,
        };
        let mut seen = Vec::new();
        while seen.last().is_none_or(|seen: &Seen| !seen.is_well()) {
            assert!(seen.len() < ROUNDS, "{url}, {name}: p99 each time much more than before: {}", listed(&seen));
            seen.push(attack(address, url, way, expected, &honest).await);
        }
        println!("{url}, {name}: {}", listed(&seen));
    }
}

fn listed(seen: &[Seen]) -> String {
    let one = |seen: &Seen| format!("{:?} where it was {:?}, {} held", seen.meanwhile, seen.usual, seen.held);
    seen.iter().map(one).collect::<Vec<_>>().join("; ")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_relays_enrolment_page_serves_others_meanwhile() {
    let relay = RelayWorld::start().await;
    let (address, root) = (relay.running().page_addr, relay.operator.certificate());
    let client = Client::new(address, root, None).from(ELSEWHERE);
    attacked(address, &format!("https://{address}/enrol/none"), true, async || client.is_let_in().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_relays_metrics_are_scraped_meanwhile() {
    let relay = RelayWorld::start().await;
    let address = relay.running().watch_addr;
    let scrape = async || plain_get_from(ELSEWHERE, address, "/metrics").await.contains("kx_http_connections");
    attacked(address, &format!("http://{address}/metrics"), true, scrape).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_gateways_api_serves_others_meanwhile() {
    let api = ApiWorld::with("requests_per_second = 100000\n").await;
    let client = api.core().await.from(ELSEWHERE);
    let list = async || client.get("/api/v1/received").await.status == 200;
    attacked(api.address, &format!("https://{}/api/v1/received", api.address), true, list).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_certificate_nothing_slow_is_ever_heard_at_the_relays_other_listeners() {
    let relay = RelayWorld::start().await;
    let union = relay.union("06123456").await;
    let user = relay.user(&union, "hanako-1").await;
    let (vpn, employer) = (relay.running().vpn_addr, relay.running().employer_addr);
    for (address, client, listener) in
        [(employer, relay.employer(&user), "employer"), (vpn, relay.vpn(&union.gateway), "vpn")]
    {
        let client = client.from(ELSEWHERE);
        attacked(address, &format!("https://{address}/healthz"), false, async || client.is_let_in().await).await;
        let metrics = relay.watch("/metrics").await;
        let refused = format!("kx_http_handshakes_refused_total{{listener=\"{listener}\",reason=");
        let refused: u64 = metrics
            .lines()
            .filter_map(|line| line.strip_prefix(&refused)?.rsplit_once(' ')?.1.parse::<u64>().ok())
            .sum();
        assert!(refused >= CONNECTIONS as u64, "{listener}: {refused} were sent away at the handshake\n{metrics}");
    }
}
