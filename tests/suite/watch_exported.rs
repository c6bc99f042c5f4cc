//! What running servers export: every name that the dashboard and the alert rules use, each with its help, and quickly.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::exchange_support::{Folder, files_below, json, text, wait_for};
use crate::gateway_staff::object;

/// Asks a server's watch listener, and gives status and body.
fn ask(port: u16, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn config(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name)
}

/// Names of metrics of ours in a text.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("kx_") || word.starts_with("process_")).map(str::to_owned).collect()
}

/// The expressions in a file: what stands behind `expr`.
fn expressions(file: &str) -> String {
    let text = fs::read_to_string(config(file)).unwrap();
    text.lines().filter(|line| line.trim_start().trim_start_matches('"').starts_with("expr")).collect()
}

#[test]
fn dashboard_and_rules_use_what_running_servers_export() {
    let folder = Folder::new();
    assert!(folder.exchange(&[]).status.success());
    let server = folder.serve("kx-server", "relay.log");
    let gateway = folder.serve("kx-gateway", "gateway.log");
    let file = folder.file("届.csv", b"content");
    assert!(folder.run("kx-employer", &["send", file.to_str().unwrap()]).status.success());
    folder.wait_until_verified();
    let scrape = || [4, 5].map(|port| ask(folder.base + port, "/metrics").1).concat();
    wait_for(|| scrape().contains("kx_gateway_last_successful_pull_timestamp_seconds 1"), "a pull is seen");
    let exported = scrape();
    let known = names(&exported);
    for file in ["grafana-dashboard.json", "prometheus-rules.yml"] {
        let used = names(&expressions(file));
        assert!(used.len() > 15, "{file}: {used:?}");
        let missing: Vec<_> = used.difference(&known).collect();
        assert!(missing.is_empty(), "{file} uses what nobody exports: {missing:?}");
    }
    every_metric_is_explained(&exported);
    for port in [4, 5] {
        assert_eq!(promtool_says(&ask(folder.base + port, "/metrics").1), "");
    }

    let fastest = (0..20).map(|_| {
        let began_at = Instant::now();
        scrape();
        began_at.elapsed()
    });
    let fastest = fastest.min().unwrap();
    assert!(fastest < Duration::from_millis(20), "two scrapes took {fastest:?}");
    for port in [4, 5] {
        assert_eq!(ask(folder.base + port, "/readyz"), (200, r#"{"ready":true,"reasons":[]}"#.to_owned()));
        assert_eq!(ask(folder.base + port, "/healthz"), (200, "alive\n".to_owned()));
    }
    gateway.stop();
    server.stop();
}

/// What promtool finds wrong with what a server exports.
fn promtool_says(metrics: &str) -> String {
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut promtool = promtool.spawn().expect("promtool: install prometheus");
    promtool.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    text(&output.stdout) + text(&output.stderr).as_str()
}

/// Help, base units, and no label that grows.
fn every_metric_is_explained(exported: &str) {
    let mut values: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for line in exported.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
        let name = series.split('{').next().unwrap();
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        let help = [name, family].map(|name| format!("# HELP {name} "));
        let help = exported.lines().find(|line| help.iter().any(|help| line.starts_with(help)));
        assert!(help.is_some_and(|help| help.ends_with('.')), "{name}: {help:?}");
        for unit in ["_ms", "_milliseconds", "_minutes", "_hours", "_days", "_kb", "_mib", "_percent"] {
            assert!(!name.contains(unit), "{name}: seconds and bytes are the units");
        }
        let labels = series.split_once('{').map_or("", |(_, labels)| labels.trim_end_matches('}'));
        for label in labels.split("\",").filter(|label| !label.is_empty()) {
            let (label, value) = label.split_once("=\"").unwrap();
            values.entry((family.to_owned(), label.to_owned())).or_default().insert(value.to_owned());
        }
    }
    for ((name, label), values) in values {
        assert!(values.len() <= 64, "{name}{{{label}}}: {values:?}");
        assert!(!values.iter().any(|value| value.contains("06") && value.len() == 8), "{name}: a union's number");
    }
}

#[test]
fn promtool_takes_the_rules_and_each_of_them_fires() {
    let rules = config("prometheus-rules.yml");
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/prometheus/rules-test.yml");
    for arguments in [["check", "rules"], ["test", "rules"]] {
        let file = if arguments[0] == "check" { &rules } else { &tests };
        let output = Command::new("promtool").args(arguments).arg(file).output().expect("promtool: install prometheus");
        assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    }
    let (rules, tests) = (fs::read_to_string(rules).unwrap(), fs::read_to_string(tests).unwrap());
    for rule in rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert_eq!(
            tests.matches(&format!("alertname: {rule}\n")).count(),
            2,
            "{rule} fires in one test and not in another"
        );
    }
}

#[test]
fn a_server_that_cannot_work_says_why_and_the_gateway_alerts() {
    let folder = Folder::new();
    assert!(folder.exchange(&[]).status.success());
    let started = |program: &str, variable: &str| {
        let mut command = folder.command(program);
        command.arg("serve").env(variable, "9000000000000000000");
        command.stdout(Stdio::null()).stderr(Stdio::null());
        folder.serve_by(program, &mut command)
    };
    let server = started("kx-server", "KX_SERVER__PARCELS__DISK_RESERVE_BYTES");
    let gateway = started("kx-gateway", "KX_GATEWAY__STORAGE__RESERVE_BYTES");
    for (port, code, words) in [(4, "disk.reserve", "受信を止めました"), (5, "storage.full", "受け付けられません")]
    {
        let (status, body) = ask(folder.base + port, "/readyz");
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, &body["ready"]), (503, &Value::Bool(false)));
        let reason = body["reasons"].as_array().unwrap().iter().find(|reason| reason["code"] == code).unwrap();
        assert!(reason["japanese"].as_str().unwrap().contains(words) && reason["english"].is_string(), "{body}");
    }
    let alerts = || json(&folder.run("kx-gateway", &["alerts", "--json"]));
    wait_for(|| alerts().iter().any(|alert| alert["code"] == "disk.reserve"), "the gateway alerts");
    let alert = alerts().into_iter().find(|alert| alert["code"] == "disk.reserve").unwrap();
    assert_eq!(alert["severity"], "critical");
    assert!(alert["since"].is_string() && alert["remedy"].as_str().unwrap().ends_with('。'), "{alert}");
    let status = object(&folder.run("kx-gateway", &["status", "--json"]));
    assert!(status["alerts"].as_array().unwrap().contains(&alert), "{status}");
    let words = text(&folder.run("kx-gateway", &["alerts"]).stdout);
    assert!(words.contains("対処") && words.contains("disk.reserve"), "{words}");
    gateway.stop();
    server.stop();
}

#[cfg(feature = "failpoints")]
#[test]
fn a_kill_at_any_step_loses_no_alert_and_tells_none_twice() {
    for point in ["alerts.evaluating", "alerts.evaluated", "notices.gathering", "notices.gathered"] {
        let folder = Folder::new();
        assert!(folder.exchange(&[]).status.success());
        let settings = folder.path("sandbox/gateway/gateway.toml");
        let more = "\n[notices]\nstaff = [{ address = \"staff@example.jp\", kinds = [\"alert\"] }]\n";
        fs::write(&settings, fs::read_to_string(&settings).unwrap() + more).unwrap();
        // What is there before it is switched on is not told.
        let gateway = folder.serve("kx-gateway", "gateway.log");
        wait_for(
            || ask(folder.base + 4, "/metrics").1.contains("kx_task_last_run_timestamp_seconds{task=\"notices\"}"),
            "it begins",
        );
        gateway.stop();
        let reserve = ("KX_GATEWAY__STORAGE__RESERVE_BYTES", "9000000000000000000");
        let mut killed = folder.command("kx-gateway");
        killed.arg("serve").env("KX_FAILPOINT", point).env(reserve.0, reserve.1);
        assert!(!killed.output().unwrap().status.success(), "{point} was never reached");
        let mut command = folder.command("kx-gateway");
        command.arg("serve").env(reserve.0, reserve.1);
        let gateway = folder.serve_by("kx-gateway", &mut command);
        let mails = || {
            let folder = folder.path("sandbox/gateway/data/mail");
            if folder.exists() { files_below(&folder).len() } else { 0 }
        };
        wait_for(|| mails() > 0, "staff are told");
        // Two more looks of the notices.
        let runs = || ask(folder.base + 4, "/tasks").1;
        let before = runs();
        wait_for(|| runs() != before, "it looks again");
        assert_eq!(mails(), 1, "{point}");
        gateway.stop();
    }
}
