//! Many files as one ZIP, as other programs unpack it.

use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use futures_util::StreamExt;
use kenpo_express::domain::ids::MessageId;
use kenpo_express::gateway::bundle::{Bundle, BundleError};
use kenpo_express::gateway::flows::By;
use kenpo_express::gateway::flows::reveal::RevealError;
use kenpo_express::store::gateway::audit;

use crate::gateway_support::{GatewayWorld, Sender};
use crate::message_support::noise;

const SATO: By<'static> = By { actor: "staff:sato", origin: "192.0.2.7" };

fn sent(world: &GatewayWorld, sender: &mut Sender, name: &str, content: &[u8]) -> MessageId {
    let mut draft = world.draft(sender);
    draft.file_name = name.parse().unwrap();
    let sealed = world.seal(sender, &draft, content);
    world.relay.deposit(draft.id, &sender.id, &sealed, world.clock_now());
    draft.id
}

#[tokio::test]
async fn other_programs_unpack_it_with_the_right_names_and_the_list_tells_the_hashes() {
    let world = GatewayWorld::new().await;
    let mut hanako = world.sender("hanako-1").await;
    let files = [
        ("算定基礎届.csv", b"one".to_vec()),
        ("算定基礎届.CSV", noise(3_000_000)),
        ("髙橋:賞与?.xlsx", Vec::new()),
        ("一覧.csv", b"four".to_vec()),
    ];
    let mut ids = Vec::new();
    for (name, content) in &files {
        ids.push(sent(&world, &mut hanako, name, content));
    }
    world.pull().await;
    ids.push(ids[0]);
    let bundle = Bundle::prepare(&world.receiver, &ids, SATO).await.unwrap();
    assert_eq!(bundle.files(), 4, "what is asked for twice is there once");
    let mut pieces = Box::pin(bundle.stream());
    let mut zip = Vec::new();
    while let Some(piece) = pieces.next().await {
        zip.extend_from_slice(&piece.unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("files.zip");
    fs::write(&path, &zip).unwrap();

    let names = ["算定基礎届.csv", "算定基礎届 (2).CSV", "髙橋：賞与？.xlsx", "一覧 (2).csv", "一覧.csv"];
    let tested = Command::new("unzip").args(["-tqq"]).arg(&path).output().unwrap();
    assert!(tested.status.success(), "{}", String::from_utf8_lossy(&tested.stdout));
    let listed = Command::new("python3")
        .args(["-c", "import sys, zipfile\nfor i in zipfile.ZipFile(sys.argv[1]).infolist(): print(i.filename, i.flag_bits >> 11 & 1, i.file_size)"])
        .arg(&path)
        .env("PYTHONUTF8", "1")
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let sizes = ["3", "3000000", "0", "4"];
    for (line, (name, size)) in listed.lines().zip(names.iter().zip(sizes)) {
        assert_eq!(line, format!("{name} 1 {size}"), "the name is marked as UTF-8");
    }
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(&zip)).unwrap();
    let mut content = |name: &str| {
        let mut bytes = Vec::new();
        archive.by_name(name).unwrap().read_to_end(&mut bytes).unwrap();
        bytes
    };
    let list = String::from_utf8(content("一覧.csv")).unwrap();
    for ((name, original), id) in names.iter().zip(&files).zip(&ids) {
        let bytes = content(name);
        assert_eq!(bytes, original.1, "{name}");
        let digest = sha256(&bytes);
        let line = list.lines().find(|line| line.contains(&id.to_string())).unwrap();
        assert!(line.starts_with(&format!("\"{name}\",\"{}\"", original.0)) && line.contains(&digest), "{line}");
    }
    let actions: Vec<(String, String)> = audit::list(world.receiver.database.read(), None, 4)
        .await
        .unwrap()
        .into_iter()
        .map(|entry| (entry.actor, entry.action))
        .collect();
    assert_eq!(actions, vec![("staff:sato".to_owned(), "message.downloaded".to_owned()); 4]);
}

/// As another program computes it.
fn sha256(bytes: &[u8]) -> String {
    let mut command = Command::new("sha256sum");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_file_that_does_not_verify_breaks_the_archive_off() {
    let world = GatewayWorld::new().await;
    let mut hanako = world.sender("hanako-1").await;
    let mut ids = Vec::new();
    for name in ["一.csv", "二.csv", "三.csv"] {
        ids.push(sent(&world, &mut hanako, name, &noise(400_000)));
    }
    world.pull().await;
    let bundle = Bundle::prepare(&world.receiver, &ids, SATO).await.unwrap();
    let path = world.file(&world.find(ids[1]).await.unwrap());
    let mut sealed = fs::read(&path).unwrap();
    let end = sealed.len() - 20;
    sealed[end] ^= 1;
    fs::write(&path, sealed).unwrap();

    let (mut pieces, mut zip, mut errors) = (Box::pin(bundle.clone().stream()), Vec::new(), 0);
    while let Some(piece) = pieces.next().await {
        match piece {
            Ok(bytes) => zip.extend_from_slice(&bytes),
            Err(_) => errors += 1,
        }
    }
    assert_eq!(errors, 1, "the connection ends before its end");
    assert!(zip.len() > 400_000, "what came before the damage went out");
    assert!(zip::ZipArchive::new(std::io::Cursor::new(&zip)).is_err(), "no program takes it for an archive");
    assert!(!zip.windows(4).any(|window| window == b"PK\x05\x06"));
    let written = tokio::task::spawn_blocking(move || bundle.write(Vec::new())).await.unwrap();
    assert!(matches!(written, Err(BundleError::File { id, source: RevealError::Damaged(_) }) if id == ids[1]));

    fs::remove_file(path).unwrap();
    let unknown = "0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f6".parse().unwrap();
    let refused = Bundle::prepare(&world.receiver, &[ids[0], unknown], SATO).await;
    assert!(matches!(refused, Err(BundleError::File { source: RevealError::Unknown, .. })));
}
