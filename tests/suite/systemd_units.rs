//! The systemd units, as systemd itself reads them. Nothing is started: there is no running systemd here.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use super::exchange_support::{Folder, text};

/// Tenths of the exposure level that `systemd-analyze security` may find at most (0 is none, 100 the worst).
const EXPOSURE: &str = "15";

fn units() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd")
}

/// The unit with the program that was just built in place of the installed one.
fn copy_of(unit: &str, into: &Path) -> PathBuf {
    let program = match unit {
        "kx-gateway.service" => env!("CARGO_BIN_EXE_kx-gateway"),
        "kx-server.service" => env!("CARGO_BIN_EXE_kx-server"),
        other => panic!("which program does {other} start?"),
    };
    let name = Path::new(program).file_name().unwrap().to_str().unwrap();
    let text = fs::read_to_string(units().join(unit)).unwrap();
    let installed = format!("ExecStart=/usr/bin/{name} ");
    assert_eq!(text.matches(&installed).count(), 1, "{unit}");
    let path = into.join(unit);
    fs::write(&path, text.replace(&installed, &format!("ExecStart={program} "))).unwrap();
    path
}

fn analyze(arguments: &[&str], unit: &Path) -> Output {
    let mut command = Command::new("systemd-analyze");
    command.args(arguments).arg(unit).env("LC_ALL", "C").env("SYSTEMD_PAGER", "");
    command.output().expect("systemd-analyze (package systemd) is there")
}

#[test]
fn units_say_nothing_that_systemd_does_not_know_and_leave_little_exposed() {
    let folder = tempfile::tempdir().unwrap();
    let mut seen = 0;
    for entry in fs::read_dir(units()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !name.ends_with(".service") {
            continue;
        }
        seen += 1;
        let unit = copy_of(&name, folder.path());
        let said = fs::read_to_string(&unit).unwrap();
        assert!(said.lines().any(|line| line == "LimitCORE=0"), "{name}: what is in memory lands in no crash dump");
        let verified = analyze(&["verify", "--man=no"], &unit);
        assert!(verified.status.success(), "{name}: {}", text(&verified.stderr));
        // What it does not know it only warns of.
        assert!(!text(&verified.stderr).contains(&name), "{name}: {}", text(&verified.stderr));
        let examined = analyze(&["security", "--offline=true", "--no-pager", "--threshold", EXPOSURE], &unit);
        assert!(examined.status.success(), "{name}: {}{}", text(&examined.stdout), text(&examined.stderr));
        assert!(text(&examined.stdout).contains("Overall exposure level"), "{}", text(&examined.stdout));
    }
    assert_eq!(seen, 2);
}

fn drop_in(name: &str) -> String {
    fs::read_to_string(units().join("kx-gateway.service.d").join(name)).unwrap()
}

/// Every value of a setting in a drop-in, those that stand there as comments too.
fn values(text: &str, setting: &str) -> Vec<String> {
    let lines = text.lines().map(|line| line.trim_start_matches('#'));
    let said = lines.filter_map(|line| line.strip_prefix(setting)?.strip_prefix('='));
    said.flat_map(str::split_whitespace).map(str::to_owned).collect()
}

/// What systemd says of the gateway's unit with this drop-in; empty when it takes every word of it.
fn verified_with(drop_in: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let unit = copy_of("kx-gateway.service", folder.path());
    let beside = folder.path().join("kx-gateway.service.d");
    fs::create_dir(&beside).unwrap();
    fs::write(beside.join("site.conf"), drop_in).unwrap();
    let verified = analyze(&["verify", "--man=no"], &unit);
    let said = text(&verified.stderr);
    assert!(verified.status.success(), "{said}");
    said.lines().filter(|line| line.contains("site.conf")).collect::<Vec<_>>().join("\n")
}

/// What the kernel is told and what the guard is told name the same things, in the same words.
#[test]
fn the_examples_of_the_drop_ins_are_those_of_the_configuration() {
    let (vpn, shipped) = (drop_in("vpn.conf"), include_str!("../../config/gateway.toml"));
    let networks: Vec<String> =
        values(&vpn, "IPAddressAllow").into_iter().filter(|network| network != "localhost").collect();
    let interfaces: Vec<String> =
        values(&vpn, "RestrictNetworkInterfaces").into_iter().filter(|name| name != "lo").collect();
    assert_eq!((networks.len(), interfaces.len(), values(&vpn, "IPAddressDeny")), (3, 2, vec!["any".to_owned()]));
    for network in &networks[..2] {
        assert!(shipped.contains(&format!("\"{network}\"")), "{network} is what [relay] networks is explained by");
    }
    // The gateway takes them all, and finds nothing wrong but that there is no such way here.
    let folder = Folder::new();
    assert!(folder.exchange(&[]).status.success());
    for interface in &interfaces {
        let list = networks.iter().map(|network| format!("\"{network}\"")).collect::<Vec<_>>().join(", ");
        let path = folder.path("sandbox/gateway/gateway.toml");
        let told = fs::read_to_string(&path).unwrap();
        let (before, after) = told.split_once("[relay]\n").unwrap();
        let (_, after) = after.split_once("\n[").unwrap();
        let relay = format!(
            "[relay]\nurl = \"https://10.20.0.1:18440\"\ninterface = \"{interface}\"\nsource_address = \"10.20.0.2\"\nnetworks = [{list}]\n"
        );
        fs::write(&path, format!("{before}{relay}\n[{after}")).unwrap();
        let checked = folder.run("kx-gateway", &["check-config"]);
        let said = text(&checked.stderr);
        let faults: Vec<&str> = said.lines().filter(|line| line.starts_with("  ")).collect();
        assert!(faults.len() == 1 && faults[0].starts_with("  relay: vpn."), "{interface}: {said}");
    }
    // Where systemd puts what it opened is where the configuration is told to look.
    let credentials = drop_in("credentials.conf");
    let loaded = values(&credentials, "LoadCredentialEncrypted");
    assert_eq!(loaded.len(), 3);
    for one in loaded {
        let (name, place) = one.split_once(':').unwrap();
        assert_eq!(place, format!("/etc/credstore.encrypted/{name}"));
    }
    assert!(credentials.contains("ca_key = \"/run/credentials/kx-gateway.service/union-ca.key\""));
}

/// Whatever a site makes of the examples: systemd warns of what it does not take, and takes those of either family.
#[test]
fn what_a_site_makes_of_the_drop_ins_is_understood() {
    let uncommented = |text: &str| {
        let plain = |line: &str| match line.strip_prefix('#') {
            Some(rest) if rest.starts_with(char::is_uppercase) && rest.contains('=') => rest.to_owned(),
            _ => line.to_owned(),
        };
        text.lines().map(plain).collect::<Vec<_>>().join("\n")
    };
    for name in ["vpn.conf", "credentials.conf"] {
        assert_eq!(verified_with(&uncommented(&drop_in(name))), "", "{name}");
    }
    let vpn = drop_in("vpn.conf");
    for (before, after, is_taken) in [
        ("10.20.0.0/16", "10.30.0.0/20", true),
        ("10.20.0.0/16", "fd00:20::/64 10.30.0.7", true),
        ("lo wg0", "lo tun-kenpo.20", true),
        ("10.20.0.0/16", "10.20.0.0/33", false),
        ("10.20.0.0/16", "relay.example", false),
        ("lo wg0", "lo a-name-of-sixteen", false),
    ] {
        assert_eq!(vpn.matches(before).count(), 1, "{before}");
        let said = verified_with(&vpn.replace(before, after));
        assert_eq!(said.is_empty(), is_taken, "{after}: {said}");
    }
}

#[test]
fn the_drop_ins_are_understood_and_say_the_way_to_the_kernel() {
    let folder = tempfile::tempdir().unwrap();
    let unit = copy_of("kx-gateway.service", folder.path());
    let exposed = |unit: &Path| {
        let examined = analyze(&["security", "--offline=true", "--no-pager"], unit);
        let said = text(&examined.stdout);
        said.contains("does not define an IP address allow list")
    };
    assert!(exposed(&unit), "without them any address can be reached");
    let drop_ins = folder.path().join("kx-gateway.service.d");
    fs::create_dir(&drop_ins).unwrap();
    let mut seen = 0;
    for entry in fs::read_dir(units().join("kx-gateway.service.d")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, drop_ins.join(path.file_name().unwrap())).unwrap();
        seen += 1;
    }
    assert_eq!(seen, 2);
    let verified = analyze(&["verify", "--man=no"], &unit);
    let said = text(&verified.stderr);
    assert!(verified.status.success() && !said.contains("kx-gateway"), "{said}");
    assert!(!exposed(&unit));
    let unit = fs::read_to_string(units().join("kx-gateway.service")).unwrap();
    assert!(unit.contains("AF_NETLINK"), "the kernel is asked for its route by netlink");
    assert!(unit.contains("\nSystemCallFilter=seccomp\n"), "whoever paints files lays down a filter of its own");
}

/// What systemd is told by a server of ours: that it is ready, again and again that it gets on, and that it stops.
#[test]
fn the_servers_tell_systemd_how_they_are() {
    let folder = Folder::new();
    assert!(folder.exchange(&[]).status.success());
    for program in ["kx-server", "kx-gateway"] {
        let unit = fs::read_to_string(units().join(format!("{program}.service"))).unwrap();
        assert!(unit.contains("\nType=notify\n") && unit.contains("\nWatchdogSec="), "{program}");
        let socket = folder.path(&format!("{program}.notify"));
        let systemd = UnixDatagram::bind(&socket).unwrap();
        systemd.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let heard = || {
            let mut words = [0; 256];
            let length = systemd.recv(&mut words).expect("it says something in time");
            text(&words[..length]).trim().to_owned()
        };
        let mut command = folder.command(program);
        command.arg("serve").stdout(Stdio::null()).stderr(Stdio::null());
        command.env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "90000");
        let server = folder.serve_by(program, &mut command);
        assert_eq!(heard(), "READY=1", "{program}");
        for _ in 0..5 {
            assert_eq!(heard(), "WATCHDOG=1", "{program}");
        }
        server.stop();
        let last = std::iter::repeat_with(heard).find(|word| word != "WATCHDOG=1");
        assert_eq!(last.as_deref(), Some("STOPPING=1"), "{program}");
    }
}

#[test]
fn systemd_can_make_the_accounts_that_the_units_need() {
    // In a root of its own, where nobody has made them yet.
    let root = tempfile::tempdir().unwrap();
    for (file, unit, needs) in [
        ("kx-gateway.sysusers.conf", "kx-gateway.service", "User=kx-gateway\n"),
        ("kx-server.sysusers.conf", "kx-server.service", "SupplementaryGroups=kx-server-keys\n"),
    ] {
        let mut command = Command::new("systemd-sysusers");
        command.arg("--dry-run").arg(format!("--root={}", root.path().display())).arg(units().join(file));
        let output = command.env("LC_ALL", "C").output().expect("systemd-sysusers (package systemd) is there");
        let said = text(&output.stdout) + text(&output.stderr).as_str();
        let name = needs.trim_end().rsplit('=').next().unwrap();
        assert!(output.status.success() && said.contains(name), "{said}");
        assert!(fs::read_to_string(units().join(unit)).unwrap().contains(needs), "{unit}");
    }
}
