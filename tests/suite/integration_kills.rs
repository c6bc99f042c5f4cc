//! The real gateway and the real relay, killed at each step of what they do for a core system and by mail: the result is there, once.

use std::collections::BTreeSet;

use crate::exchange_support::{Server, text, wait_for};
use crate::integration_support::{Core, names};

/// How many new files mails tell of.
fn files_told(mails: &[(String, String)], line: &str) -> u32 {
    let count = |text: &str| -> u32 {
        let told =
            text.lines().filter_map(|told| told.trim().strip_prefix(line)?.strip_suffix('件')?.parse::<u32>().ok());
        told.sum()
    };
    mails.iter().map(|(_, text)| count(text)).sum()
}

/// A gateway, and a file after which nothing of what was before it is under way any more.
fn settled(core: &Core, name: &str) -> (Server, String) {
    let gateway = core.serve("kx-gateway");
    let id = core.send_up(name, b"the next");
    let is_told = || core.told().iter().any(|event| event["kind"] == "received.archived" && event["subject"] == *id);
    wait_for(|| is_told() && core.handed_in().contains(&format!("{id}.json")), "the next file goes all the way");
    (gateway, id)
}

#[test]
fn what_arrives_is_handed_in_and_told_once() {
    let core = Core::new();
    let relay = core.serve("kx-server");
    let line = "・新しく受信したファイル: ";
    for point in ["handoff.placed", "hooks.told", "notices.gathering", "notices.gathered", "notices.sent"] {
        let before = files_told(&core.staff_mails(), line);
        let id = core.send_up("届.csv", b"content");
        core.killed_at("kx-gateway", point, || {});
        let (gateway, next) = settled(&core, "次.csv");
        wait_for(|| files_told(&core.staff_mails(), line) >= before + 2, "staff are told of both");
        let files: Vec<String> = core.handed_in().into_iter().filter(|name| name.starts_with(&id)).collect();
        assert_eq!(files, [format!("{id}.json"), format!("{id}_届.csv")], "{point}");
        for id in [&id, &next] {
            let told = core.told();
            let told = told.iter().filter(|event| event["kind"] == "received.archived" && event["subject"] == **id);
            let told: Vec<&str> = told.map(|event| event["id"].as_str().unwrap()).collect();
            // Whoever is killed after telling, before that is noted, tells it again: under the same id.
            let most = if *id == next { 1 } else { 2 };
            assert!(told.len() <= most && told.iter().collect::<BTreeSet<_>>().len() == 1, "{point}: {told:?}");
        }
        gateway.stop();
        assert_eq!(files_told(&core.staff_mails(), line), before + 2, "{point}: each is told of in one mail");
    }
    relay.stop();
}

#[test]
fn what_is_to_be_sent_is_sent_once() {
    let core = Core::new();
    let relay = core.serve("kx-server");
    for (number, point) in ["handoff.staged", "handoff.explained"].into_iter().enumerate() {
        let name = format!("決定{number}.pdf");
        core.put_out(&name, b"content");
        core.killed_at("kx-gateway", point, || {});
        assert_eq!(names(&core.handoff("out/12-34")), std::slice::from_ref(&name), "{point}: it was not moved yet");
        let gateway = core.serve("kx-gateway");
        wait_for(|| names(&core.handoff("out/12-34")).is_empty(), "it is moved away");
        assert_eq!(core.sent(&name).len(), 1, "{point}");
        let put_away: Vec<String> =
            names(&core.handoff("sent/12-34")).into_iter().filter(|found| found.contains(&name)).collect();
        assert_eq!(put_away, [name.clone(), format!("{name}.json")], "{point}");
        gateway.stop();
    }
    // The last byte of an upload came, and the answer did not.
    let file = core.folder.file("給与.csv", b"content");
    let data = format!("@{}", file.display());
    let upload = || {
        let headers = [
            "Tus-Resumable: 1.0.0",
            "Upload-Length: 7",
            "Upload-Metadata: filename 57Wm5LiOLmNzdg==,to b2ZmaWNlOjEyLTM0",
            "Idempotency-Key: salary-2026-11",
            "Content-Type: application/offset+octet-stream",
        ];
        let headers: Vec<&str> = headers.iter().flat_map(|header| ["-H", *header]).collect();
        core.api("/api/v1/uploads", &[&["-X", "POST", "--data-binary", &data, "-i"], &headers[..]].concat())
    };
    core.killed_at("kx-gateway", "api.staged", || assert!(!upload().status.success(), "the line breaks"));
    let gateway = core.serve("kx-gateway");
    for _ in 0..2 {
        // For a moment the gateway itself is at it (423).
        let is_taken = || text(&upload().stdout).to_ascii_lowercase().contains("kx-dispatch: ");
        wait_for(is_taken, "it is told what has become of it");
        assert_eq!(core.sent("給与.csv").len(), 1);
    }
    gateway.stop();
    relay.stop();
}

#[test]
fn a_user_is_told_once_by_a_relay_that_is_killed() {
    let core = Core::new();
    let line = "・新しく届いたファイル: ";
    let gateway = core.serve("kx-gateway");
    let send = |name: &str| {
        let file = core.folder.file(name, b"notice");
        // The relay may be killed before the command hears of it: then the running gateway goes on.
        core.folder.run("kx-gateway", &["send", file.to_str().unwrap(), "--to", "hanako-1"])
    };
    // What is left to tell of before this goes first.
    let relay = core.serve("kx-server");
    send("最初.pdf");
    wait_for(|| files_told(&core.user_mails(), line) >= 1, "the user is told");
    relay.stop();
    for point in ["notices.gathering", "notices.gathered", "notices.sent"] {
        let before = files_told(&core.user_mails(), line);
        core.killed_at("kx-server", point, || drop(send(&format!("{point}.pdf"))));
        let relay = core.serve("kx-server");
        wait_for(|| files_told(&core.user_mails(), line) > before, "the user is told");
        send(&format!("{point}-next.pdf"));
        wait_for(|| files_told(&core.user_mails(), line) >= before + 2, "the user is told of the next one");
        relay.stop();
        assert_eq!(files_told(&core.user_mails(), line), before + 2, "{point}: each is told of in one mail");
    }
    gateway.stop();
}
