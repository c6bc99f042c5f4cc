//! Three hosts in network namespaces of their own, an Internet and a VPN between them, and the real binaries.
//!
//! ```text
//!               Internet 198.51.100.0/24 (a bridge)
//!    employer .10 ───────────┬─────────── gateway .20, its default route
//!                         relay .1
//!                   10.20.0.1 └────────── VPN ───────── 10.20.0.2 gateway
//! ```
//!
//! The relay answers at each of its addresses on either side, so whatever the gateway sends by the wrong way would be heard. The
//! same stands with addresses of IPv6 alone ([`crate::vpn_net::V6`]).

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use jiff::SignedDuration;
use kenpo_express::domain::clock::Clock;
use kenpo_express::pki::{Authority, KeyKind, Profile, Request, Subject, new_key};
use kenpo_express::runtime::clock::{SystemClock, SystemRandom};
use serde_json::Value;

use crate::exchange_support::{Folder, json, text, wait_for};
use crate::support::soon::{answered, end_of};
use crate::vpn_net::{NAME, Net, V4, in_url};

/// Set where the tests may not make network namespaces: those that need them are left out, with a word.
const WITHOUT: &str = "KX_TEST_WITHOUT_NAMESPACES";
/// The hosts. Everything is gone at the end.
pub(crate) struct Hosts {
    pub(crate) folder: Folder,
    pub(crate) net: &'static Net,
    mark: String,
    line: Option<Child>,
    delay: [&'static str; 2],
}

/// Whether there can be network namespaces here. If not, the test fails, unless it may be left out.
fn can_have_namespaces() -> bool {
    static ONE_BY_ONE: Mutex<()> = Mutex::new(());
    let _alone = ONE_BY_ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let name = format!("kx{}try", std::process::id());
    let made = Command::new("ip").args(["netns", "add", &name]).output();
    let _ = Command::new("ip").args(["netns", "del", &name]).output();
    let why = match made {
        Ok(output) if output.status.success() => return true,
        Ok(output) => text(&output.stderr),
        Err(error) => format!("ip (package iproute2): {error}"),
    };
    let words = format!("this test needs root and network namespaces, and there are none here: {}", why.trim());
    assert!(std::env::var_os(WITHOUT).is_some(), "{words}; with {WITHOUT}=1 it is left out");
    eprintln!("LEFT OUT: {words}");
    false
}

impl Hosts {
    /// Makes them, with somebody enrolled at the employer. The VPN takes so many milliseconds each way, and every so many
    /// packets one is lost (`0`: none). `None` where the test may be left out.
    pub(crate) fn new(net: &'static Net, delay: &'static str, drop_every: &'static str) -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        if !can_have_namespaces() {
            return None;
        }
        let folder = Folder::new();
        let exchanged = folder.exchange(&[]);
        assert!(exchanged.status.success(), "{}", text(&exchanged.stderr));
        let mark = format!("kx{}x{}", std::process::id(), NEXT.fetch_add(1, Ordering::SeqCst));
        let mut hosts = Self { folder, net, mark, line: None, delay: [delay, drop_every] };
        for host in ["employer", "relay", "gateway", "internet"] {
            let name = hosts.name(host);
            ip(&format!("netns add {name}"));
            ip(&format!("-n {name} link set lo up"));
            // Only what somebody sends is to be seen.
            let switch = net.disable_ipv6;
            let each =
                format!("for all in all default; do echo {switch} > /proc/sys/net/ipv6/conf/$all/disable_ipv6; done");
            hosts.shell(host, &each);
        }
        hosts.lay_internet();
        hosts.lay_vpn();
        hosts.resolve_to(&[net.relay_vpn]);
        hosts.certify();
        hosts.tell_relay();
        hosts.tell_gateway(&format!("https://{NAME}"), &net.guarded());
        Some(hosts)
    }

    fn name(&self, host: &str) -> String {
        format!("{}{host}", self.mark)
    }

    fn lay_internet(&self) {
        let internet = self.name("internet");
        ip(&format!("-n {internet} link add bridge0 type bridge"));
        ip(&format!("-n {internet} link set bridge0 up"));
        let net = self.net;
        for (host, address) in
            [("employer", net.employer_internet), ("relay", net.relay_internet), ("gateway", net.gateway_internet)]
        {
            let name = self.name(host);
            ip(&format!("link add inet0 netns {name} type veth peer name {host} netns {internet}"));
            ip(&format!("-n {internet} link set {host} master bridge0"));
            ip(&format!("-n {internet} link set {host} up"));
            ip(&format!("-n {name} addr add {address}/{} dev inet0{}", net.bits[0], net.more));
            ip(&format!("-n {name} link set inet0 up"));
        }
        if net.disable_ipv6 == 0 {
            // What leaves by the Internet's other family would be heard, too.
            for (host, address) in [("relay", V4.relay_internet), ("gateway", V4.gateway_internet)] {
                self.ip_at(host, &format!("addr add {address}/{} dev inet0", V4.bits[0]));
            }
        }
        ip(&format!("-n {} route add default via {} dev inet0", self.name("gateway"), net.relay_internet));
        // What the kernel says to its neighbours by itself, as it also does without us, is not counted.
        self.shell(
            "gateway",
            "nft 'add table inet watch; add counter inet watch leaked; \
             add chain inet watch out { type filter hook output priority 0; }; \
             add rule inet watch out icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, \
                 mld-listener-report, mld2-listener-report, mld-listener-done } accept; \
             add rule inet watch out oifname \"inet0\" counter name leaked'",
        );
    }

    /// Makes the VPN, at first or again after [`Self::end_vpn`].
    pub(crate) fn lay_vpn(&mut self) {
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/vpn/line.py");
        let mut command = Command::new("python3");
        command.arg(program).args([self.name("relay"), self.name("gateway")]).arg("vpn0").args(self.delay);
        let mut line = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(line.stdout.take().unwrap());
        let said = answered("the line of the VPN is there", move || {
            let mut said = String::new();
            output.read_line(&mut said).unwrap();
            said
        });
        assert_eq!(said, "ready\n");
        self.line = Some(line);
        for (host, address) in [("relay", self.net.relay_vpn), ("gateway", self.net.gateway_vpn)] {
            self.ip_at(host, &format!("addr add {address}/{} dev vpn0{}", self.net.bits[1], self.net.more));
            self.ip_at(host, "link set vpn0 up");
        }
    }

    /// Whoever carries the VPN's packets is gone, and its interfaces with it.
    pub(crate) fn end_vpn(&mut self) {
        let mut line = self.line.take().unwrap();
        line.kill().unwrap();
        line.wait().unwrap();
    }

    /// Configures a host's network.
    pub(crate) fn ip_at(&self, host: &str, what: &str) {
        ip(&format!("-n {} {what}", self.name(host)));
    }

    /// What the relay's name is for the gateway.
    pub(crate) fn resolve_to(&self, addresses: &[&str]) {
        let folder = self.etc();
        fs::create_dir_all(&folder).unwrap();
        let lines: Vec<String> = addresses.iter().map(|address| format!("{address} {NAME}\n")).collect();
        fs::write(folder.join("hosts"), format!("127.0.0.1 localhost\n{}", lines.concat())).unwrap();
        // Nobody else is asked: a question would be a packet.
        fs::write(folder.join("nsswitch.conf"), "hosts: files\n").unwrap();
    }

    /// The relay's name means nothing to the gateway.
    pub(crate) fn resolve_to_nothing(&self) {
        fs::write(self.etc().join("hosts"), "127.0.0.1 localhost\n").unwrap();
    }

    /// What `ip netns exec` lays over `/etc` for the gateway.
    fn etc(&self) -> PathBuf {
        PathBuf::from("/etc/netns").join(self.name("gateway"))
    }

    /// Certificates for the names and addresses that the relay has here.
    fn certify(&self) {
        let operator = self.folder.path("sandbox/operator");
        let read = |name: &str| fs::read(operator.join(name)).unwrap();
        let operator = Authority::load(&read("ca.pem"), &read("ca.key")).unwrap();
        let names = [NAME, self.net.relay_vpn, self.net.relay_internet].map(str::to_owned).to_vec();
        let year = SignedDuration::from_hours(24 * 300);
        for listener in ["vpn", "employer"] {
            let key = new_key(KeyKind::P256).unwrap();
            let request = Request::new(Subject::Service("relay".to_owned()), &key).unwrap();
            let profile = Profile::TlsServer { names: names.clone() };
            let certificate = operator.issue(&request, &profile, year, SystemClock.now(), &SystemRandom).unwrap();
            let folder = self.folder.path("sandbox/relay/tls");
            fs::write(folder.join(format!("{listener}.pem")), certificate.pem()).unwrap();
            fs::write(folder.join(format!("{listener}.key")), key.to_pem()).unwrap();
        }
    }

    fn tell_relay(&self) {
        let base = self.folder.base;
        let path = self.folder.path("sandbox/relay/relay.toml");
        let mut told = fs::read_to_string(&path).unwrap();
        for port in [base, base + 1] {
            let loopback = format!("\"127.0.0.1:{port}\"");
            assert!(told.contains(&loopback), "{told}");
            told = told.replace(&loopback, &format!("\"{}:{port}\"", self.net.anywhere));
        }
        fs::write(path, told).unwrap();
        let employer = format!("relay = \"https://{}:{}\"\n", in_url(self.net.relay_internet), base + 1);
        fs::write(self.folder.path("sandbox/employer-1/employer.toml"), employer).unwrap();
    }

    /// Where the relay is, and on which way.
    pub(crate) fn tell_gateway(&self, url: &str, way: &str) {
        let path = self.folder.path("sandbox/gateway/gateway.toml");
        let told = fs::read_to_string(&path).unwrap();
        let (before, rest) = told.split_once("[relay]\n").unwrap();
        let (_, after) = rest.split_once("[keys]\n").unwrap();
        let after = after.replace(
            "[pull]\ninterval_seconds = 10\n",
            "[pull]\ninterval_seconds = 2\nretry_first_seconds = 1\nretry_longest_seconds = 2\n",
        );
        let relay = format!(
            "[relay]\nurl = \"{url}:{}\"\nconnect_timeout_seconds = 3\nidle_timeout_seconds = 5\n{way}\n\n",
            self.folder.base
        );
        fs::write(path, format!("{before}{relay}[keys]\n{after}")).unwrap();
    }

    /// Has a program run at a host.
    fn at(&self, host: &str, program: &str) -> Command {
        let own = self.folder.command(program);
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name(host)]).arg(own.get_program()).args(own.get_args());
        // Nobody may take this for the way to the relay.
        for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY"] {
            command.env(name, "http://198.51.100.10:3128");
        }
        if host == "employer" {
            command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        }
        command.stdin(Stdio::null());
        command
    }

    fn shell(&self, host: &str, what: &str) -> Output {
        let name = self.name(host);
        let output = Command::new("ip").args(["netns", "exec", &name, "sh", "-c", what]).output().unwrap();
        assert!(output.status.success(), "{what}: {}", text(&output.stderr));
        output
    }

    /// Runs one of the gateway's commands.
    pub(crate) fn gateway(&self, arguments: &[&str]) -> Output {
        self.at("gateway", "kx-gateway").args(arguments).output().unwrap()
    }

    /// Sends a file from the employer, by the Internet.
    pub(crate) fn send(&self, name: &str, content: &[u8]) {
        let file = self.folder.file(name, content);
        let sent = self.at("employer", "kx-employer").arg("send").arg(file).output().unwrap();
        assert!(sent.status.success(), "{}{}", text(&sent.stdout), text(&sent.stderr));
    }

    /// Starts a server, and waits until it answers at its host.
    pub(crate) fn serve(&self, host: &str, program: &str) -> Served {
        let log = fs::File::create(self.folder.path(&format!("{program}.log"))).unwrap();
        let mut command = self.at(host, program);
        let served = Served(command.arg("serve").stdout(Stdio::null()).stderr(log).spawn().unwrap());
        let port = self.folder.base + if program == "kx-server" { 5 } else { 4 };
        let ask = format!("curl -s --noproxy '*' http://127.0.0.1:{port}/healthz > /dev/null || echo away");
        wait_for(|| self.shell(host, &ask).stdout.is_empty(), &format!("{program} starts"));
        served
    }

    /// What a watcher of the gateway is told at this path.
    pub(crate) fn watch(&self, path: &str) -> String {
        let port = self.folder.base + 4;
        text(&self.shell("gateway", &format!("curl -s --noproxy '*' http://127.0.0.1:{port}{path}")).stdout)
    }

    /// `kx-gateway status --json`.
    pub(crate) fn status(&self) -> Value {
        let output = self.gateway(&["status", "--json"]);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)))
    }

    /// How many messages are in the archive.
    pub(crate) fn archived(&self) -> usize {
        json(&self.gateway(&["received", "list", "--json"])).len()
    }

    /// Packets of IP that have left the gateway by the Internet, to whomever.
    pub(crate) fn leaked(&self) -> u64 {
        let said = text(&self.shell("gateway", "nft list counter inet watch leaked").stdout);
        let (_, after) = said.split_once("packets ").unwrap();
        after.split_whitespace().next().unwrap().parse().unwrap()
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        if let Some(line) = &mut self.line {
            let _ = line.kill();
            let _ = line.wait();
        }
        for host in ["employer", "relay", "gateway", "internet"] {
            let _ = Command::new("ip").args(["netns", "del", &self.name(host)]).output();
        }
        let _ = fs::remove_dir_all(self.etc());
    }
}

/// A server at its host; ended at the latest when this is dropped.
pub(crate) struct Served(Child);

impl Served {
    /// Asks it to stop, as systemd does, and waits until it has.
    pub(crate) fn stop(mut self) {
        let sent = Command::new("kill").arg(self.0.id().to_string()).status().unwrap();
        assert!(sent.success());
        assert_eq!(end_of(&mut self.0, "the server ends when it is told").code(), Some(0), "it stops in good order");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn ip(what: &str) {
    let output = Command::new("ip").args(what.split_whitespace()).output().unwrap();
    assert!(output.status.success(), "ip {what}: {}", text(&output.stderr));
}
