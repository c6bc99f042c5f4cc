//! Both ways, from the core system to the employer's folder and back, with all receipts: the real binaries, and a tus client that is not ours.

use std::fs;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::api_foreign::{TUSPY, client};
use crate::exchange_support::{json, text, wait_for};
use crate::integration_support::{Core, is_mail, names};
use crate::message_support::noise;

/// The stages that receipts of a message of ours say, as the API has them.
fn stages(core: &Core, id: &str) -> Vec<String> {
    let receipts = core.ask(&format!("/api/v1/sent/{id}/receipts"));
    receipts["items"].as_array().unwrap().iter().map(|one| one["stage"].as_str().unwrap().to_owned()).collect()
}

/// A file goes in by tuspy. Answers the message's id.
fn upload(core: &Core, name: &str, content: &[u8]) -> String {
    fs::write(core.folder.path(name), content).unwrap();
    let mut command = std::process::Command::new(client("python"));
    let url = format!("https://127.0.0.1:{}/api/v1/uploads", core.port);
    let metadata = format!(r#"{{"filename": "{name}", "to": "office:12-34", "comment": "10月分"}}"#);
    let headers = format!(r#"{{"Authorization": "Bearer {}"}}"#, core.token);
    command.args(["-c", TUSPY, &url, name, &metadata, &headers, ""]);
    let uploaded = command.env("REQUESTS_CA_BUNDLE", "ca.pem").current_dir(core.folder.path("")).output().unwrap();
    assert!(uploaded.status.success(), "{}", text(&uploaded.stderr));
    let upload = text(&uploaded.stdout);
    let shown = core.ask(upload[upload.find("/api/").unwrap()..].trim());
    shown["dispatch"]["messages"][0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn from_the_core_system_to_the_employer_and_back() {
    let core = Core::new();
    let (relay, gateway) = (core.serve("kx-server"), core.serve("kx-gateway"));
    let employer = |arguments: &[&str]| json(&core.folder.run("kx-employer", &[arguments, &["--json"]].concat()));

    // The union's way: by tus into the API, sealed, to the employer's folder; receipts back to the API.
    let content = noise(450_000);
    let (accepted, returned) = (upload(&core, "給与.csv", &content), upload(&core, "通知.csv", &content[..250_000]));
    let waits = || employer(&["inbox"]).iter().filter(|message| message["state"] == "waiting").count() == 2;
    wait_for(waits, "both wait for the employer");
    let out = core.folder.path("received");
    fs::create_dir(&out).unwrap();
    let back = employer(&["return", &returned, "--reason", "対象者が違います"]);
    assert_eq!((&back[0]["state"], &back[0]["acknowledged"]), (&"returned".into(), &true.into()), "{back:#?}");
    let received = employer(&["receive", "--all", "--out", out.to_str().unwrap()]);
    assert_eq!(received.len(), 1, "{received:#?}");
    assert_eq!((&received[0]["id"], &received[0]["comment"]), (&accepted.clone().into(), &"10月分".into()));
    assert_eq!(names(&out), ["給与.csv"]);
    assert!(fs::read(out.join("給与.csv")).unwrap() == content, "the same bytes");
    for (id, state, last) in [(&accepted, "accepted", "accepted"), (&returned, "returned", "returned")] {
        let stands = || core.ask(&format!("/api/v1/sent/{id}"))["state"] == state;
        wait_for(stands, state);
        assert_eq!(stages(&core, id), ["relayed", "verified", last]);
        let event = |kind: &str| core.told().iter().any(|told| told["kind"] == kind && told["subject"] == **id);
        wait_for(|| event(&format!("sent.{state}")), "the hook hears of it");
    }
    let shown = core.ask(&format!("/api/v1/sent/{returned}"));
    assert_eq!(shown["recipients"][0]["reason"], "対象者が違います", "{shown:#}");

    // The employer's way: archived, handed in, told to hook and staff; had by the API; reviewed, and receipts back.
    let mails = core.staff_mails().len();
    let (one, two) = (core.send_up("届.csv", b"one"), core.send_up("変更届.csv", b"two"));
    for (id, name, content) in [(&one, "届.csv", "one"), (&two, "変更届.csv", "two")] {
        wait_for(|| core.handed_in().contains(&format!("{id}.json")), "it is handed in");
        assert_eq!(fs::read_to_string(core.handoff("in").join(format!("{id}_{name}"))).unwrap(), content);
        let beside: Value =
            serde_json::from_slice(&fs::read(core.handoff("in").join(format!("{id}.json"))).unwrap()).unwrap();
        assert_eq!((&beside["office"], &beside["user"]), (&"12-34".into(), &"hanako-1".into()), "{beside:#}");
        let told = || core.told().iter().any(|told| told["kind"] == "received.archived" && told["subject"] == **id);
        wait_for(told, "the hook hears of it");
        // Of what somebody has taken out already nobody is told any more.
        wait_for(|| core.staff_mails().len() > mails, "staff are told");
        assert_eq!(text(&core.api(&format!("/api/v1/received/{id}/content"), &[]).stdout), content);
    }
    core.staff(&["received", "review", &one, "--accept"]);
    core.staff(&["received", "review", &two, "--return", "--reason", "様式が古いものです"]);
    let sent = |id: &str| core.folder.sent().into_iter().find(|message| message["id"] == *id).unwrap();
    wait_for(|| sent(&one)["state"] == "accepted" && sent(&two)["state"] == "returned", "the employer hears of both");
    for (id, last) in [(&one, "accepted"), (&two, "returned")] {
        let message = sent(id);
        let stages: Vec<&str> =
            message["receipts"].as_array().unwrap().iter().map(|one| one["stage"].as_str().unwrap()).collect();
        assert_eq!(stages, ["relayed", "verified", last], "{message:#}");
    }
    assert_eq!(sent(&two)["returned"]["reason"], "様式が古いものです", "{:#}", sent(&two));
    gateway.stop();
    relay.stop();
}

/// The median of five times from the moment at which the relay has a whole file to the one at which a mail about it lies before staff (is
/// whole in the mail folder): under two seconds. Relay and gateway are real processes that know of each other by long poll alone (the
/// timer of the pull is at ten seconds); on a machine with more to do than cores the bound grows with its load.
#[test]
fn staff_have_a_mail_within_two_seconds_of_an_arrival() {
    let core = Core::new();
    let (relay, gateway) = (core.serve("kx-server"), core.serve("kx-gateway"));
    let folder = core.folder.path("sandbox/gateway/mail");
    let mut times = Vec::new();
    for number in 0..5 {
        let before = names(&folder);
        let id = core.send_up(&format!("届{number}.csv"), b"content");
        let new = || names(&folder).into_iter().find(|name| is_mail(name) && !before.contains(name));
        wait_for(|| new().is_some(), "staff get a mail");
        let mailed = fs::metadata(folder.join(new().unwrap())).unwrap().modified().unwrap();
        let deposited: Timestamp =
            core.staff(&["received", "show", &id])["deposited_at"].as_str().unwrap().parse().unwrap();
        times.push(Timestamp::try_from(mailed).unwrap().duration_since(deposited).unsigned_abs());
    }
    times.sort();
    let load: f64 = fs::read_to_string("/proc/loadavg").unwrap().split(' ').next().unwrap().parse().unwrap();
    let cores = f64::from(u32::try_from(std::thread::available_parallelism().unwrap().get()).unwrap());
    let bound = Duration::from_secs(2).mul_f64((load / cores).max(1.0));
    assert!(times[2] < bound, "{times:?}, load {load}");
    gateway.stop();
    relay.stop();
}
