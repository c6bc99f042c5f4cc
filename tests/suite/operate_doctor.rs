//! `doctor`, `logs` and reloading, by the real programs.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::exchange_support::{Folder, text, wait_for};
use crate::message_support::noise;
use crate::operate_support::Operated;
use crate::walk_support::{ConnectProxy, Manners};

/// What the doctor finds of a check: the worst of it.
fn result(findings: &Value, check: &str) -> String {
    let results = findings.as_array().unwrap().iter().filter(|finding| finding["check"] == check);
    let results: Vec<&str> = results.map(|finding| finding["result"].as_str().unwrap()).collect();
    let worst = ["bad", "warning", "skipped", "good"].into_iter().find(|result| results.contains(result));
    worst.unwrap_or_else(|| panic!("{check} was not looked at: {findings}")).to_owned()
}

fn examine(operated: &Operated, program: &str) -> (bool, Value) {
    let output = operated.run(program, &["doctor", "--json"]);
    let findings: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
    for finding in findings.as_array().unwrap() {
        let is_wrong = ["bad", "warning"].contains(&finding["result"].as_str().unwrap());
        assert!(!is_wrong || finding["todo"].is_string() && finding["todo_en"].is_string(), "{finding}");
        assert!(!finding["found"].as_str().unwrap().is_empty(), "{finding}");
    }
    (output.status.success(), findings)
}

#[test]
fn the_doctors_find_what_is_wrong_and_nothing_else() {
    let operated = Operated::new();
    operated.set_up();
    let relay = operated.serve("kx-server");
    let gateway = operated.serve("kx-gateway");
    let (is_well, found) = examine(&operated, "kx-server");
    assert!(is_well, "{found:#}");
    for check in ["configuration", "service", "permissions", "disk.room", "disk.write", "certificate", "unions"] {
        assert_eq!(result(&found, check), "good", "{found:#}");
    }
    let (is_well, found) = examine(&operated, "kx-gateway");
    assert!(is_well, "{found:#}");
    for check in [
        "relay",
        "clock.relay",
        "certificate",
        "database.integrity",
        "database.version",
        "staff",
        "service",
        "schedule",
    ] {
        assert_eq!(result(&found, check), "good", "{found:#}");
    }
    assert_eq!(result(&found, "mail"), "warning", "a folder is nobody");
    assert_eq!(result(&found, "vpn"), "warning", "no way is prescribed");
    let said = text(&operated.run("kx-gateway", &["doctor"]).stdout);
    assert!(said.contains("正常/OK") && said.contains("KXサーバーに接続できます"), "{said}");

    assert!(operated.run("kx-gateway", &["schedule", "pause", "--reason", "回線工事"]).status.success());
    assert_eq!(result(&examine(&operated, "kx-gateway").1, "schedule"), "warning", "a pause may have been forgotten");
    gateway.stop();
    relay.stop();
    fs::set_permissions(operated.path("gateway/union-ca.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let database = operated.path("gateway/data/gateway.db");
    let whole = fs::read(&database).unwrap();
    let mut damaged = whole.clone();
    damaged[4096..].iter_mut().step_by(3).for_each(|byte| *byte ^= 0x55);
    fs::write(&database, damaged).unwrap();
    let settings = operated.path("gateway/gateway.toml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, text.replace("directory:", "smtp://127.0.0.1:1#").replace("level = ", "levle = ")).unwrap();
    let (is_well, found) = examine(&operated, "kx-gateway");
    assert!(!is_well);
    for (check, expected) in [
        ("configuration", "bad"),
        ("relay", "bad"),
        ("permissions", "bad"),
        ("database.integrity", "bad"),
        ("service", "warning"),
        ("mail", "bad"),
    ] {
        assert_eq!(result(&found, check), expected, "{check}: {found:#}");
    }
}

#[test]
fn a_mail_server_that_does_not_answer_is_found() {
    let operated = Operated::new();
    operated.set_up();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = operated.command("kx-server");
    command.env("KX_SERVER__MAIL__TRANSPORT", format!("smtp://127.0.0.1:{}", closed.port()));
    let output = command.args(["doctor", "--json"]).output().unwrap();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), result(&found, "mail")), (Some(1), "bad".to_owned()), "{found:#}");
}

/// A `journalctl` that has what a server wrote.
fn journal(folder: &Path, log: &Path) -> String {
    let bin = folder.join("bin");
    fs::create_dir_all(&bin).unwrap();
    let script =
        format!("#!/bin/sh\nfor argument; do [ \"$argument\" = --since=-7d ] && exec cat '{}'; done\n", log.display());
    fs::write(bin.join("journalctl"), script).unwrap();
    fs::set_permissions(bin.join("journalctl"), fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:{}", bin.display(), std::env::var("PATH").unwrap())
}

fn unpacked(zip: &Path) -> Vec<(String, String)> {
    let mut zip = zip::ZipArchive::new(fs::File::open(zip).unwrap()).unwrap();
    let count = zip.len();
    let read = |index| {
        let mut file = zip.by_index(index).unwrap();
        let mut content = String::new();
        file.read_to_string(&mut content).unwrap();
        (file.name().unwrap().into_owned(), content)
    };
    (0..count).map(read).collect()
}

#[test]
fn the_logs_in_one_archive_hold_no_person_and_no_secret() {
    let folder = Folder::new();
    assert!(folder.exchange(&[]).status.success());
    let server = folder.serve("kx-server", "relay.log");
    let gateway = folder.serve("kx-gateway", "gateway.log");
    let file = folder.file("山田太郎の給与.csv", b"words-of-nobody-else");
    let sent = folder.run("kx-employer", &["send", file.to_str().unwrap(), "--comment", "内緒の話"]);
    assert!(sent.status.success(), "{}", text(&sent.stderr));
    folder.wait_until_verified();
    for (program, log, own) in [("kx-server", "relay.log", "relay"), ("kx-gateway", "gateway.log", "gateway")] {
        let out = folder.path(&format!("{program}.zip"));
        let path = journal(&folder.path(""), &folder.path(log));
        let packed = folder.command(program).env("PATH", &path).args(["logs", "--out"]).arg(&out).output().unwrap();
        assert!(packed.status.success(), "{}", text(&packed.stderr));
        assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);
        let again = folder.command(program).env("PATH", &path).args(["logs", "--out"]).arg(&out).output().unwrap();
        assert_eq!(again.status.code(), Some(1), "nothing is written over");
        let parts = unpacked(&out);
        let part = |name: &str| &parts.iter().find(|(own, _)| own == name).unwrap().1;
        assert!(part("version.txt").contains(program) && part("doctor.json").contains("disk.room"));
        assert!(part("journal.log").lines().count() > 10, "{}", part("journal.log"));
        assert!(part("configuration.txt").contains("(file)") && part("status.json").starts_with('{'), "{parts:?}");
        let all: String = parts.iter().map(|(_, content)| content.as_str()).collect();
        for word in ["花子", "hanako@", "山田", "給与", "内緒", "words-of-nobody", "03-0000-0000", "PRIVATE", "BEGIN "]
        {
            assert!(!all.contains(word), "{program}: {word}");
        }
        for (_, _, bytes) in crate::operate_support::everything(&folder.path("sandbox").join(own)) {
            let key = text(&bytes);
            let Some((_, key)) = key.split_once("PRIVATE KEY-----\n") else { continue };
            let line = key.lines().next().unwrap();
            assert!(line.len() > 40 && !all.contains(line), "{program}: a key");
        }
    }
    gateway.stop();
    server.stop();
}

#[test]
fn a_secret_that_stands_where_its_file_should_leaves_with_no_archive() {
    let operated = Operated::new();
    operated.set_up();
    for (program, key) in [("kx-gateway", "KX_GATEWAY__HOOKS__SECRET"), ("kx-server", "KX_SERVER__MAIL__CREDENTIALS")] {
        let out = operated.path(&format!("{program}.zip"));
        let mut command = operated.command(program);
        command.env(key, "Hunter2-in-the-wrong-place").env("KX_GATEWAY__HOOKS__URL", "https://127.0.0.1:1/");
        command.env("KX_SERVER__MAIL__TRANSPORT", "smtp://127.0.0.1:1").args(["logs", "--out"]);
        let packed = command.arg(&out).output().unwrap();
        assert!(packed.status.success(), "{}", text(&packed.stderr));
        let parts = unpacked(&out);
        for (name, content) in &parts {
            assert!(!content.contains("Hunter2"), "{name}: {content}");
        }
        let settings = &parts.iter().find(|(name, _)| name == "configuration.txt").unwrap().1;
        assert!(settings.contains("(set: no such file) (environment)"), "{settings}");
    }
}

/// Writes the level of logging into the settings of a server.
fn set_level(settings: &Path, key: &str, level: &str) {
    let before = fs::read_to_string(settings).unwrap();
    let others: Vec<&str> =
        before.lines().filter(|line| *line != "[log]" && !line.starts_with(&format!("{key} ="))).collect();
    fs::write(settings, format!("{}\n[log]\n{key} = \"{level}\"\n", others.join("\n"))).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloading_changes_the_level_of_logging_and_drops_no_transfer() {
    let folder = Folder::new();
    assert!(folder.exchange(&[]).status.success());
    let serve = |program: &str, log: &str| {
        let mut command: Command = folder.command(program);
        command.arg("serve").stdout(std::process::Stdio::null()).stderr(fs::File::create(folder.path(log)).unwrap());
        folder.serve_by(program, &mut command)
    };
    let (server, gateway) = (serve("kx-server", "relay.log"), serve("kx-gateway", "gateway.log"));
    let log = |name: &str| text(&fs::read(folder.path(name)).unwrap());
    let is_loud = |name: &str| log(name).contains("\"level\":\"DEBUG\"") || log(name).contains("\"level\":\"TRACE\"");
    assert!(!is_loud("relay.log") && !is_loud("gateway.log"), "as shipped they are quiet");

    let file = folder.file("大きい.bin", &noise(32 << 20));
    // The line takes two seconds for it, on whatever machine.
    let proxy = ConnectProxy::start(Manners { pace: Some(16 << 20), ..Manners::default() }).await;
    let employer = folder.path("sandbox/employer-1/employer.toml");
    let direct = fs::read_to_string(&employer).unwrap();
    fs::write(&employer, format!("{direct}\n[network]\nproxy = \"http://{}\"\n", proxy.address)).unwrap();
    let mut sending = folder.start_sending(&file);
    set_level(&folder.path("sandbox/relay/relay.toml"), "filter", "trace");
    set_level(&folder.path("sandbox/gateway/gateway.toml"), "level", "trace");
    let mut reloads = 0;
    let mut sent = None;
    let has_ended = || {
        server.reload();
        gateway.reload();
        reloads += 1;
        sent = sending.try_wait().unwrap();
        sent.is_some()
    };
    wait_for(has_ended, "the large file is sent");
    assert!(sent.unwrap().success() && reloads > 3, "{reloads}");
    fs::write(&employer, direct).unwrap();
    // It is on its way to the gateway now.
    let is_verified = || {
        gateway.reload();
        server.reload();
        folder.sent().iter().all(crate::exchange_support::is_verified)
    };
    wait_for(is_verified, "the large file arrives while everything is read again");
    assert!(is_loud("relay.log") && is_loud("gateway.log"), "both have the new level");
    for name in ["relay.log", "gateway.log"] {
        assert!(!log(name).contains("\"level\":\"ERROR\""), "{}", log(name));
    }
    gateway.stop();
    server.stop();
}
