//! The whole exchange with the real binaries.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::Path;

use super::exchange_support::{Folder, files_below, free_ports, json, text};

/// Bytes that look like nothing.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(&mut next).flatten().take(length).collect()
}

#[test]
fn files_go_all_the_way_and_come_back_and_a_second_start_goes_on() {
    let folder = Folder::new();
    let contents = [("空.csv", 0), ("一.csv", 1), ("六十四.bin", 64 * 1024), ("大きい 届.bin", 5 << 20)];
    let files: Vec<_> = contents.iter().map(|(name, size)| folder.file(name, &noise(*size))).collect();
    let paths: Vec<&Path> = files.iter().map(AsRef::as_ref).collect();

    let output = folder.exchange(&paths);
    let messages = json(&output);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for (message, (name, size)) in messages.iter().zip(contents) {
        assert_eq!(message["file_name"], name);
        assert_eq!(message["size"], size);
        assert_eq!((&message["verdict"], &message["equal"]), (&"accepted".into(), &true.into()), "{message:#}");
        assert!(message["archived_at"].is_string() && message["reasons"].as_array().unwrap().is_empty());
        assert_eq!((&message["state"], &message["sender_state"]), (&"accepted".into(), &"accepted".into()));
        // And back: what the union sent is with the employer, and all receipts are with the union.
        let answer = &message["answer"];
        assert_eq!((&answer["direction"], &answer["state"]), (&"sent".into(), &"accepted".into()), "{answer:#}");
        assert_eq!((&answer["equal"], &answer["receiver_state"]), (&true.into(), &"accepted".into()), "{answer:#}");
        assert_eq!(answer["receipts"], serde_json::json!(["verified", "accepted"]));
        assert!(
            answer["recipients"][0]["accepted_at"].is_string() && answer["warnings"].as_array().unwrap().is_empty()
        );
    }
    let saved = files_below(&folder.path("sandbox/received"));
    assert_eq!(saved.len(), 1);
    assert!(fs::read_to_string(&saved[0]).unwrap().contains("通知します"));
    assert_eq!(messages.iter().map(|message| message["sequence"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 3, 4]);

    // By the gateway's own binary, too.
    for (message, file) in messages.iter().zip(&files) {
        let out = folder.path("out");
        let (id, path) = (message["id"].as_str().unwrap(), out.to_str().unwrap());
        let exported = folder.run("kx-gateway", &["received", "export", id, "-o", path]);
        assert!(exported.status.success(), "{}", text(&exported.stderr));
        assert!(fs::read(&out).unwrap() == fs::read(file).unwrap(), "{}", file.display());
        fs::remove_file(out).unwrap();
    }

    let again = folder.exchange(&paths[1..2]);
    assert!(again.status.success(), "{}", text(&again.stderr));
    let messages = json(&again);
    assert_eq!((messages.len(), &messages[0]["sequence"]), (1, &5.into()));
    assert!(messages[0]["warnings"].as_array().unwrap().is_empty(), "{:#}", messages[0]);

    // Nobody listens any more: the list is what was known, and says so.
    let offline = folder.run("kx-employer", &["sent", "--json"]);
    assert_eq!(offline.status.code(), Some(1));
    assert!(json(&offline).iter().all(|message| message["state"] == "accepted"));
    assert!(text(&offline.stderr).contains("サーバーに接続できません"), "{}", text(&offline.stderr));
    assert_eq!(files_below(&folder.path("sandbox/employer-1/outbox")).len(), 0);
}

#[test]
fn refused_files_leave_nothing_behind() {
    let folder = Folder::new();
    assert!(folder.exchange(&[]).status.success());
    let good = folder.file("よい.csv", b"x");
    let before = files_below(&folder.path("sandbox")).len();
    for name in ["NUL.csv", "gnp\u{202E}.exe", "改\n行.csv", "末尾. ", "a\\b.csv"] {
        let bad = folder.file(name, b"x");
        let output = folder.exchange(&[&good, &bad]);
        assert_eq!(output.status.code(), Some(1), "{name:?}");
        assert!(output.stdout.is_empty(), "{}", text(&output.stdout));
        assert!(text(&output.stderr).contains("何も送信していません"), "{}", text(&output.stderr));
    }
    for missing in [folder.path("files/ない.csv"), folder.path("files")] {
        assert_eq!(folder.exchange(&[&missing]).status.code(), Some(1));
    }
    assert_eq!(files_below(&folder.path("sandbox")).len(), before);
    let received = folder.run("kx-gateway", &["received", "list", "--json"]);
    assert_eq!(json(&received).len(), 1, "the sample alone");
}

#[test]
fn what_stands_in_the_way_is_named() {
    let folder = Folder::new();
    let _taken = TcpListener::bind(("127.0.0.1", folder.base + 1)).unwrap();
    let output = folder.exchange(&[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("--port-base"), "{}", text(&output.stderr));

    let folder = Folder::new();
    fs::write(folder.path("sandbox"), b"a file where the folder should be").unwrap();
    let output = folder.exchange(&[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("--dir"), "{}", text(&output.stderr));

    assert_eq!(folder.run("kx-sandbox", &["--files", "x"]).status.code(), Some(2));
    assert_eq!(folder.run("kx-employer", &["receive"]).status.code(), Some(2), "nothing says which, and where to");
    let not_set_up = folder.run("kx-employer", &["sent"]);
    assert_eq!(not_set_up.status.code(), Some(1));
    assert!(text(&not_set_up.stderr).contains("初期設定されていません"), "{}", text(&not_set_up.stderr));
}

#[test]
fn it_stays_up_and_everybody_can_join_in() {
    let folder = Folder::new();
    let mut sandbox = folder.stay_up();
    let file = folder.file("届.csv", b"x");
    let sent = folder.run("kx-employer", &["send", file.to_str().unwrap(), "--json"]);
    assert!(sent.status.success(), "{}", text(&sent.stderr));
    assert_eq!(json(&sent)[0]["sequence"], 6, "after the sample and the four files to review");
    folder.wait_until_verified();

    // A week's samples: of other offices too, and in every state that staff have to do with.
    let received = json(&folder.run("kx-gateway", &["received", "list", "--json", "--limit", "100"]));
    let states: BTreeMap<&str, usize> = received.iter().fold(BTreeMap::new(), |mut states, one| {
        *states.entry(one["state"].as_str().unwrap()).or_default() += 1;
        states
    });
    let expected = [("accepted", 4), ("archived", 9), ("quarantined", 1), ("returned", 1)];
    assert_eq!(states, expected.into_iter().collect());
    let users = json(&folder.run("kx-gateway", &["user", "list", "--json"]));
    let enabled = users.iter().filter(|user| user["state"] == "enabled").count();
    assert_eq!((users.len(), enabled), (7, 3), "{users:#?}");
    let said = fs::read_to_string(folder.path("sandbox.out")).unwrap();
    assert!(said.contains("suzuki") && said.contains("tanaka"), "{said}");

    let busy = folder.exchange(&[]);
    assert_eq!(busy.status.code(), Some(1), "one at a time");
    assert_eq!(sandbox.stop_with("INT"), Some(0), "Ctrl-C is the way to end it");
}

#[test]
fn it_goes_on_at_other_ports_and_says_no_for_a_disabled_user() {
    let mut folder = Folder::new();
    assert!(folder.exchange(&[]).status.success());
    folder.base = free_ports();
    let moved = folder.exchange(&[]);
    assert!(moved.status.success(), "{}", text(&moved.stderr));
    assert_eq!(json(&moved)[0]["sequence"], 2);

    let disabled = folder.run("kx-gateway", &["user", "disable", "hanako-1", "--reason", "left"]);
    assert!(disabled.status.success(), "{}", text(&disabled.stderr));
    let refused = folder.exchange(&[]);
    assert_eq!((refused.status.code(), refused.stdout.len()), (Some(1), 0));
    assert!(text(&refused.stderr).contains("健康保険組合に連絡"), "{}", text(&refused.stderr));
}
