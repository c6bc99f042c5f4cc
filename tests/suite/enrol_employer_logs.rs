//! The app's own logs: what they say of a whole walk, and what they must not say.

use std::fs;
use std::io::Read;
use std::path::Path;

use kenpo_express::sandbox::parties::{contact, office_name};
use serde_json::Value;

use super::exchange_support::text;
use super::walk_support::{NEW_PASSWORD, Walk};

/// Every line of every log file, and the ZIP's other texts.
fn packed(zip: &Path) -> (Vec<Value>, String) {
    let mut zip = zip::ZipArchive::new(fs::File::open(zip).unwrap()).unwrap();
    let (mut lines, mut all) = (Vec::new(), String::new());
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index).unwrap();
        let mut said = String::new();
        entry.read_to_string(&mut said).unwrap();
        if entry.name().is_ok_and(|name| name.starts_with("log/")) {
            lines.extend(said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
        }
        all += &said;
    }
    (lines, all)
}

/// Every text in a JSON file of the home.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| texts(field, found)),
        _ => (),
    }
}

fn texts_in(path: &Path) -> Vec<String> {
    let (mut found, text) = (Vec::new(), fs::read_to_string(path).unwrap());
    texts(&serde_json::from_str(&text).unwrap(), &mut found);
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn the_logs_of_a_whole_walk_say_what_was_done_and_nobody_s_secrets() {
    let mut walk = Walk::start().await;
    let (kit, letter) = walk.kit().await;
    let home = walk.home("見本太郎のフォルダー", &letter);
    let run = |arguments: &[&str], is_good: bool| {
        let output = Walk::run(&home, arguments);
        assert_eq!(output.status.success(), is_good, "{arguments:?}: {}", text(&output.stderr));
    };
    run(&["sent"], false);
    fs::write(home.join("password.txt"), "wrong-password1").unwrap();
    assert!(!Walk::setup(&home, &kit).output().unwrap().status.success());
    fs::write(home.join("password.txt"), &*letter.login).unwrap();
    assert!(Walk::setup(&home, &kit).output().unwrap().status.success());
    fs::write(home.join("pin.txt"), "9182").unwrap();
    run(&["sent"], false);
    fs::write(home.join("pin.txt"), "4711").unwrap();
    run(&["login"], true);
    let file = walk.folder.file("見本花子の給与.csv", b"salary of hanako");
    let sent = file.to_str().unwrap();
    run(&["send", "--comment", "十月分の賃金", sent], true);
    run(&["sent"], true);
    run(&["send", walk.folder.path("ない届.csv").to_str().unwrap()], false);
    let session = texts_in(&home.join("session.json"));
    run(&["doctor"], true);
    run(&["logout"], true);
    walk.stop();
    run(&["send", sent], false);
    fs::write(home.join("見本の扶養.json"), "{}").unwrap();
    let zip = walk.folder.path("logs.zip");
    run(&["logs", "--out", zip.to_str().unwrap()], true);
    run(&["logs", "--out", zip.to_str().unwrap()], false);

    let (lines, all) = packed(&zip);
    // What was done is there: every command with its end, codes, ids, statuses and durations.
    let with = |key: &str, value: &str| lines.iter().filter(|line| line[key] == value).count();
    for (command, times) in [("setup", 2), ("login", 1), ("send", 3), ("sent", 3), ("doctor", 1), ("logout", 1)] {
        assert_eq!(with("command", command), 2 * times, "{command}: {all}");
    }
    for error in ["home.not-set-up", "setup.password", "pin.wrong", "file", "relay.unreachable"] {
        assert_eq!(with("error", error), 1, "{error}: {all}");
    }
    let id = texts_in(&home.join("stream.json")).into_iter().find(|text| text.len() == 36).unwrap();
    assert!(with("id", &id) >= 3, "sealed, uploading, relayed: {all}");
    assert!(lines.iter().any(|line| line["status"] == 200 && line["seconds"].is_number()), "{all}");
    assert!(lines.iter().all(|line| line["timestamp"].is_string() && line["process"].is_number()), "{all}");
    for check in ["folder.write", "certificate.accepted", "clock"] {
        assert!(with("check", check) >= 1, "{check}: {all}");
    }

    // And nothing that is anybody's.
    let mut secrets: Vec<String> = [
        "4711",
        "9182",
        "wrong-password1",
        NEW_PASSWORD,
        &letter.login,
        &letter.download,
        office_name().as_str(),
        contact().name.as_str(),
        contact().mail.as_str(),
        "hanako@",
        "見本",
        "花子",
        "給与",
        "扶養",
        "ない届",
        "十月分",
        "salary",
        "PRIVATE KEY",
        "フォルダー/",
        walk.folder.path("").to_str().unwrap(),
    ]
    .map(str::to_owned)
    .to_vec();
    secrets.extend(session.into_iter().filter(|text| text.len() > 30));
    for name in ["keys.box", "device.json"] {
        secrets.extend(texts_in(&home.join(name)).into_iter().filter(|text| text.len() > 40));
    }
    for secret in secrets {
        // Four digits are in every time of day: a PIN would stand by itself.
        let found = if secret.len() == 4 && secret.is_ascii() {
            all.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').any(|word| word == secret)
        } else {
            all.contains(secret.as_str())
        };
        assert!(!found, "{secret:?} stands in the logs:\n{all}");
    }
}
