//! The schedule from the command line, beside a gateway that runs.

use std::process::Output;

use serde_json::Value;

use super::exchange_support::{Folder, text, wait_for};

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// `kx-gateway schedule ...`
fn schedule(folder: &Folder, arguments: &[&str]) -> Output {
    folder.run("kx-gateway", &[&["schedule"], arguments].concat())
}

/// Refused with this exit status, in words that hold this one.
fn refused(folder: &Folder, arguments: &[&str], status: i32, word: &str) {
    let output = schedule(folder, arguments);
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {}", text(&output.stderr));
    assert!(text(&output.stderr).contains(word), "{arguments:?}: {}", text(&output.stderr));
    assert!(output.stdout.is_empty(), "{arguments:?}");
}

fn runs(folder: &Folder) -> Vec<Value> {
    json(&schedule(folder, &["runs", "--limit", "100", "--json"])).as_array().unwrap().clone()
}

fn status(folder: &Folder, program: &str) -> Value {
    json(&folder.run(program, &["status", "--json"]))
}

/// A task of the running gateway, as `status` shows it.
fn task(folder: &Folder, name: &str) -> Value {
    let tasks = status(folder, "kx-gateway")["tasks"].as_array().cloned().unwrap_or_default();
    tasks.into_iter().find(|task| task["name"] == name).unwrap_or_default()
}

#[test]
fn the_schedule_is_seen_and_changed_while_the_gateway_runs() {
    let folder = Folder::new();
    assert!(folder.exchange(&[]).status.success());
    assert!(status(&folder, "kx-gateway")["tasks"].is_null(), "no gateway runs");
    let server = folder.serve("kx-server", "relay.log");
    let gateway = folder.serve("kx-gateway", "gateway.log");

    let view = json(&schedule(&folder, &["show", "--json"]));
    assert_eq!((&view["plan"]["source"], &view["pause"]), (&"default".into(), &Value::Null));
    let planned = view["next"].as_array().unwrap();
    assert_eq!(planned.iter().filter(|planned| planned["runs"] == true).count(), 20);

    refused(&folder, &["set", "--cron", "0 0 30 2 *"], 2, "この cron 式の日時は来ません");
    refused(&folder, &["set", "--times", "24:00"], 2, "時刻ではありません");
    refused(&folder, &["set"], 2, "--times");
    refused(&folder, &["set", "--cron", "0 9 * * 6", "--days", "business"], 1, "営業日に当たりません");
    refused(&folder, &["pause", "--reason", "x", "--until", "2020-01-01"], 1, "過去");
    refused(&folder, &["resume"], 1, "停止");
    refused(&folder, &["blackout", "remove", "7"], 1, "受信しない時間");
    refused(&folder, &["holiday", "remove", "2026-12-29"], 1, "休日");

    // Business days at nine, but for the next of them.
    let set = ["set", "--times", "09:00", "--days", "business", "--long-poll", "off", "--json"];
    let view = json(&schedule(&folder, &set));
    assert_eq!((&view["plan"]["source"], &view["plan"]["long_poll"]), (&"set".into(), &false.into()));
    let first = |view: &Value| view["next"].as_array().unwrap().iter().find(|one| one["runs"] == true).unwrap().clone();
    let before = first(&view);
    let day = before["at"].as_str().unwrap()[..10].to_owned();
    let view = json(&schedule(&folder, &["holiday", "add", &day, "創立記念日", "--json"]));
    let skipped = view["next"].as_array().unwrap().iter().find(|one| one["at"] == before["at"]).unwrap();
    assert_eq!((&skipped["runs"], &skipped["obstacle"]["why"]), (&false.into(), &"own-holiday".into()), "{skipped}");
    assert_eq!(skipped["obstacle"]["name"], "創立記念日");
    let after = first(&view)["at"].clone();
    assert_ne!(after, before["at"]);
    // The running gateway follows.
    wait_for(|| task(&folder, "pull")["next_at"] == after, "the gateway follows");
    refused(&folder, &["blackout", "add", "--daily", "08:30-09:01"], 1, "一度も受信が行われません");
    let day_after = &after.as_str().unwrap()[..10];
    let window = ["blackout", "add", "--from", day_after, "--to", day_after, "--name", "保守", "--json"];
    let view = json(&schedule(&folder, &window));
    assert_eq!(
        view["next"].as_array().unwrap().iter().find(|one| one["at"] == after).unwrap()["runs"],
        false,
        "{view}"
    );
    let number = view["blackouts"][0]["number"].to_string();
    let shown = text(&schedule(&folder, &["show"]).stdout);
    assert!(shown.contains("09:00") && shown.contains("保守") && shown.contains("創立記念日"), "{shown}");
    json(&schedule(&folder, &["blackout", "remove", &number, "--json"]));
    json(&schedule(&folder, &["holiday", "remove", &day, "--json"]));
    let days = json(&schedule(&folder, &["holiday", "list", "--year", "2026", "--json"]));
    assert_eq!(days.as_array().unwrap().len(), 18, "{days}");

    // A pause stops what comes by itself; by hand it goes on, and is in the same history.
    let view = json(&schedule(&folder, &["pause", "--reason", "回線工事", "--json"]));
    assert_eq!((&view["pause"]["active"], &view["next"][0]["runs"]), (&true.into(), &false.into()));
    let shown = status(&folder, "kx-gateway");
    assert_eq!((&shown["pull_obstacle"]["why"], &shown["next_pull_at"]), (&"pause".into(), &Value::Null));
    let pulled = folder.run("kx-gateway", &["pull", "--json"]);
    assert_eq!(json(&pulled)["result"], "done");
    assert!(text(&pulled.stderr).contains("予定では現在は受信しません"), "{}", text(&pulled.stderr));
    let newest = runs(&folder).remove(0);
    assert_eq!((&newest["cause"], &newest["result"]), (&"command".into(), &"done".into()));
    assert!(newest["actor"].as_str().unwrap().starts_with("uid:") && newest["planned_at"].is_null(), "{newest}");
    json(&schedule(&folder, &["resume", "--json"]));

    // Every second, without a restart; and back to the settings.
    json(&schedule(&folder, &["set", "--interval", "1", "--days", "all", "--json"]));
    let timed = || runs(&folder).iter().filter(|run| run["cause"] == "timer").count();
    let before = timed();
    wait_for(|| timed() > before + 1, "the gateway pulls every second");
    let newest = runs(&folder).into_iter().find(|run| run["cause"] == "timer").unwrap();
    assert!(newest["planned_at"].is_string() && newest["lateness_seconds"].as_f64().unwrap() >= 0.0, "{newest}");
    let view = json(&schedule(&folder, &["set", "--default", "--json"]));
    assert_eq!(view["plan"]["source"], "default");

    // What both servers do by themselves.
    for (program, name) in [("kx-gateway", "schedule"), ("kx-server", "purge-parcels")] {
        let shown = status(&folder, program);
        let tasks = shown["tasks"].as_array().unwrap();
        let task = tasks.iter().find(|task| task["name"] == name).unwrap();
        assert_eq!(task["last_result"], "done", "{task}");
        assert!(task["last_began_at"].is_string() && task["next_at"].is_string(), "{task}");
    }
    gateway.stop();
    server.stop();
}

#[test]
fn every_command_of_the_schedule_says_what_it_does() {
    for command in [
        &["show"][..],
        &["pause"],
        &["resume"],
        &["set"],
        &["runs"],
        &["holiday", "add"],
        &["holiday", "remove"],
        &["holiday", "list"],
        &["blackout", "add"],
        &["blackout", "remove"],
    ] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_kx-gateway"))
            .arg("schedule")
            .args(command)
            .arg("--help")
            .output()
            .unwrap();
        let help = text(&output.stdout);
        let said = help.lines().next().unwrap_or_default();
        assert!(output.status.success() && !said.is_ascii() && said.contains('。'), "{command:?}: {help}");
        assert!(help.contains("--json"), "{command:?}");
    }
}
