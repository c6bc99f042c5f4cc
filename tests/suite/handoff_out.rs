//! The folder from which files are sent.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kenpo_express::gateway::flows::handoff::Handoff;
use kenpo_express::gateway::view::sent::SentView;
use kenpo_express::store::gateway::sent::Filter;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::api_support::recipient;
use crate::gateway_relay::FakeRelay;
use crate::gateway_support::{GatewayWorld, sender};
use crate::message_support::noise;

struct Hands {
    world: GatewayWorld,
    folder: PathBuf,
    handoff: Handoff<FakeRelay>,
}

impl Hands {
    async fn new() -> Self {
        let world = GatewayWorld::new().await;
        recipient(&world, "hanako-1").await;
        Self::of(world, 0)
    }

    fn of(world: GatewayWorld, reserve: u64) -> Self {
        let folder = world.folder.path().join("handoff");
        let mut push = sender(&world.receiver, world.folder.path(), false);
        push.disk = kenpo_express::stream::disk::Disk::new(world.folder.path(), reserve);
        let handoff = Handoff::open(&Arc::new(push), folder.clone(), 0).unwrap();
        Self { world, folder, handoff }
    }

    /// The process is another one.
    fn restarted(self) -> Self {
        Self::of(self.world, 0)
    }

    async fn look(&self) -> Result<(), &'static str> {
        self.handoff.run(&CancellationToken::new()).await
    }

    fn put(&self, office: &str, name: &str, content: &[u8]) -> PathBuf {
        let path = self.folder.join("out").join(office).join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    async fn sent(&self) -> Vec<SentView> {
        let push = sender(&self.world.receiver, self.world.folder.path(), false);
        push.list(&Filter::default(), 100).await.unwrap()
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.folder.join(folder)) else { return Vec::new() };
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[tokio::test]
async fn a_file_is_sent_once_when_nobody_writes_to_it_any_more() {
    let hands = Hands::new().await;
    let path = hands.put("1234-A", "決定通知書.pdf", b"half");
    hands.look().await.unwrap();
    fs::write(&path, b"half and more").unwrap();
    hands.look().await.unwrap();
    assert!(hands.sent().await.is_empty(), "it has changed since the last look");
    for partial in [".決定.pdf", "a.csv.tmp", "b.part", "~$c.xlsx", "d.csv~"] {
        hands.put("1234-A", partial, b"somebody is at it");
    }
    fs::create_dir(hands.folder.join("out/1234-A/folder")).unwrap();
    hands.look().await.unwrap();
    hands.look().await.unwrap();
    let sent = hands.sent().await;
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].file_name.as_str(), sent[0].origin.as_str(), sent[0].size), ("決定通知書.pdf", "folder", 13));
    assert_eq!(hands.names("sent/1234-A"), ["決定通知書.pdf", "決定通知書.pdf.json"]);
    let beside = fs::read(hands.folder.join("sent/1234-A/決定通知書.pdf.json")).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&beside).unwrap()["id"], sent[0].dispatch);
    assert_eq!(hands.names("out/1234-A").len(), 6, "what is none of ours stays: {:?}", hands.names("out/1234-A"));
    // Another one of that name is another file, and overwrites nothing.
    hands.put("1234-A", "決定通知書.pdf", b"the next month");
    hands.look().await.unwrap();
    hands.look().await.unwrap();
    assert_eq!((hands.sent().await.len(), hands.names("sent/1234-A").len()), (2, 4));
    assert_eq!(fs::read(hands.folder.join("sent/1234-A/決定通知書.pdf")).unwrap(), b"half and more");
}

#[tokio::test]
async fn killed_between_sending_and_moving_it_is_not_sent_twice() {
    let hands = Hands::new().await;
    let path = hands.put("1234-A", "a.csv", &noise(100_000));
    hands.look().await.unwrap();
    hands.look().await.unwrap();
    let moved = hands.folder.join("sent/1234-A/a.csv");
    // As it is when the power went before it was moved.
    fs::rename(&moved, &path).unwrap();
    fs::remove_file(hands.folder.join("sent/1234-A/a.csv.json")).unwrap();
    let hands = hands.restarted();
    hands.look().await.unwrap();
    hands.look().await.unwrap();
    assert_eq!(hands.sent().await.len(), 1, "sent once");
    assert!(moved.exists() && !path.exists());
}

async fn failed(hands: &Hands, office: &str, name: &str) -> String {
    hands.look().await.unwrap();
    hands.look().await.unwrap();
    assert_eq!(hands.names(&format!("failed/{office}")).len(), 2, "{office}/{name}");
    let why = fs::read_to_string(hands.folder.join("failed").join(office).join(format!("{name}.txt"))).unwrap();
    fs::remove_dir_all(hands.folder.join("failed").join(office)).unwrap();
    why
}

#[tokio::test]
async fn what_cannot_be_sent_is_put_aside_with_the_reason_beside_it() {
    let hands = Hands::new().await;
    hands.put("9999", "a.csv", b"content");
    let why = failed(&hands, "9999", "a.csv").await;
    assert!(
        why.contains("office.unknown") && why.contains("事業所記号は登録されていません") && why.contains("no office"),
        "{why}"
    );
    hands.put("事業所", "a.csv", b"content");
    assert!(failed(&hands, "事業所", "a.csv").await.contains("office.unknown"));
    hands.put("1234-A", "CON", b"content");
    assert!(failed(&hands, "1234-A", "CON").await.contains("file-name.refused"));
    let secret = hands.world.folder.path().join("gateway.db");
    fs::create_dir_all(hands.folder.join("out/1234-A")).unwrap();
    symlink(&secret, hands.folder.join("out/1234-A/link.csv")).unwrap();
    assert!(failed(&hands, "1234-A", "link.csv").await.contains("file.special"));
    fs::hard_link(&secret, hands.folder.join("out/1234-A/hard.csv")).unwrap();
    // The database is written to, so that it never looks the same twice; a second name is what it is refused for.
    let second = hands.put("1234-A", "named.csv", b"content");
    fs::hard_link(&second, hands.world.folder.path().join("another-name")).unwrap();
    fs::remove_file(hands.folder.join("out/1234-A/hard.csv")).unwrap();
    assert!(failed(&hands, "1234-A", "named.csv").await.contains("file.special"));
    let special = hands.put("1234-A", "setuid.csv", b"content");
    fs::set_permissions(&special, PermissionsExt::from_mode(0o4755)).unwrap();
    assert!(failed(&hands, "1234-A", "setuid.csv").await.contains("file.special"));
    let pipe = hands.folder.join("out/1234-A/pipe.csv");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert!(failed(&hands, "1234-A", "pipe.csv").await.contains("file.special"));
    // An office whose folder is a link elsewhere is none.
    symlink(Path::new("/etc"), hands.folder.join("out/5678")).unwrap();
    hands.look().await.unwrap();
    hands.look().await.unwrap();
    assert!(hands.names("failed/5678").is_empty() && hands.sent().await.is_empty());
    hands
        .world
        .change_user("hanako-1", |user| {
            user.state = kenpo_express::domain::user::UserState::Disabled {
                reason: kenpo_express::domain::user::DisableReason::Other,
                at: user.created_at,
            };
        })
        .await;
    hands.put("1234-A", "nobody.csv", b"content");
    assert!(failed(&hands, "1234-A", "nobody.csv").await.contains("有効な利用者がいません"));
}

#[tokio::test]
async fn on_a_full_disk_a_file_waits() {
    let world = GatewayWorld::new().await;
    recipient(&world, "hanako-1").await;
    let hands = Hands::of(world, u64::MAX / 2);
    let path = hands.put("1234-A", "a.csv", b"content");
    hands.look().await.unwrap();
    assert_eq!(hands.look().await, Err("disk.low"));
    assert!(path.exists() && hands.names("failed/1234-A").is_empty());
    let hands = hands.restarted();
    hands.look().await.unwrap();
    hands.look().await.unwrap();
    assert!(!path.exists() && hands.sent().await.len() == 1);
}

#[tokio::test]
async fn a_file_that_is_put_back_when_the_cause_is_gone_is_sent() {
    let hands = Hands::new().await;
    let state = |state| move |user: &mut kenpo_express::store::gateway::users::User| user.state = state;
    let reason = kenpo_express::domain::user::DisableReason::Other;
    let disabled = kenpo_express::domain::user::UserState::Disabled { reason, at: hands.world.clock_now() };
    hands.world.change_user("hanako-1", state(disabled)).await;
    let path = hands.put("1234-A", "a.csv", b"content");
    hands.look().await.unwrap();
    hands.look().await.unwrap();
    assert!(hands.sent().await.iter().all(|sent| sent.state == "stopped"));
    hands.world.change_user("hanako-1", state(kenpo_express::domain::user::UserState::Enabled)).await;
    // Name, size, time and content are what they were.
    fs::rename(hands.folder.join("failed/1234-A/a.csv"), &path).unwrap();
    hands.look().await.unwrap();
    hands.look().await.unwrap();
    let states: Vec<_> = hands.sent().await.iter().map(|sent| sent.state).collect();
    assert_eq!(states.iter().filter(|state| **state == "released").count(), 1, "{states:?}");
    assert_eq!(hands.names("sent/1234-A"), ["a.csv", "a.csv.json"]);
    // What is on its way is the same however often it is put there.
    fs::rename(hands.folder.join("sent/1234-A/a.csv"), &path).unwrap();
    hands.look().await.unwrap();
    hands.look().await.unwrap();
    assert_eq!(hands.sent().await.iter().filter(|sent| sent.state == "released").count(), 1);
}

#[tokio::test]
async fn what_stands_beside_a_file_overwrites_no_file() {
    let hands = Hands::new().await;
    // A file that is called like what would stand beside the next one; then three of one name.
    for (name, content) in [("a.csv.json", "mine"), ("a.csv", "one"), ("a.csv", "two"), ("a.csv.json", "yours")] {
        hands.put("1234-A", name, content.as_bytes());
        hands.look().await.unwrap();
        hands.look().await.unwrap();
        assert!(hands.names("out/1234-A").is_empty(), "{name} {content}");
    }
    let folder = hands.folder.join("sent/1234-A");
    assert_eq!(fs::read_to_string(folder.join("a.csv.json")).unwrap(), "mine");
    let mut contents: Vec<_> = hands
        .names("sent/1234-A")
        .iter()
        .map(|name| fs::read_to_string(folder.join(name)).unwrap())
        .filter(|text| !text.starts_with('{'))
        .collect();
    contents.sort();
    assert_eq!(contents, ["mine", "one", "two", "yours"]);
    assert_eq!(hands.names("sent/1234-A").len(), 8, "each has what is known of it beside it");
}

/// Does something the first time that anybody asks for randomness.
struct Meddler(std::sync::Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl std::fmt::Debug for Meddler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meddler")
    }
}

impl kenpo_express::domain::clock::Random for Meddler {
    fn fill(&self, bytes: &mut [u8]) {
        if let Some(meddle) = self.0.lock().unwrap().take() {
            meddle();
        }
        kenpo_express::runtime::clock::SystemRandom.fill(bytes);
    }
}

#[tokio::test]
async fn what_changes_while_it_is_sent_is_not_sent_torn() {
    let meddler = Arc::new(Meddler(std::sync::Mutex::default()));
    let random = Arc::clone(&meddler);
    let world = GatewayWorld::with(|_| (), |receiver| receiver.random = random).await;
    recipient(&world, "hanako-1").await;
    let hands = Hands::of(world, 0);
    let path = hands.put("1234-A", "a.csv", b"first");
    hands.look().await.unwrap();
    // It was read once, for its key; now somebody writes to it, in a way that shows nowhere but in the content.
    let (place, time) = (path.clone(), fs::metadata(&path).unwrap().modified().unwrap());
    *meddler.0.lock().unwrap() = Some(Box::new(move || {
        let file = fs::OpenOptions::new().write(true).open(&place).unwrap();
        std::io::Write::write_all(&mut &file, b"other").unwrap();
        file.set_modified(time).unwrap();
    }));
    hands.look().await.unwrap();
    assert!(path.exists() && hands.sent().await.is_empty(), "it stays for the next look");
    hands.look().await.unwrap();
    assert_eq!((hands.sent().await.len(), hands.names("sent/1234-A").len()), (1, 2));
}

async fn disable(hands: &Hands) {
    let reason = kenpo_express::domain::user::DisableReason::Other;
    let state = kenpo_express::domain::user::UserState::Disabled { reason, at: hands.world.clock_now() };
    hands.world.change_user("hanako-1", |user| user.state = state).await;
}

#[tokio::test]
async fn what_cannot_be_put_away_is_taken_in_once_and_not_at_every_look() {
    let meddler = Arc::new(Meddler(std::sync::Mutex::default()));
    let random = Arc::clone(&meddler);
    let world = GatewayWorld::with(|_| (), |receiver| receiver.random = random).await;
    recipient(&world, "hanako-1").await;
    let hands = Hands::of(world, 0);
    disable(&hands).await;
    let path = hands.put("1234-A", "a.csv", b"content");
    hands.look().await.unwrap();
    // While it is taken in, something gets in the way of where it is to go.
    let obstacle = hands.folder.join("failed/1234-A");
    let place = obstacle.clone();
    *meddler.0.lock().unwrap() = Some(Box::new(move || fs::write(place, b"in the way").unwrap()));
    for _ in 0..5 {
        assert!(hands.look().await.is_err());
    }
    assert!(path.exists());
    assert_eq!(hands.sent().await.len(), 1, "one dispatch, however often it is looked at");
    let copies = || hands.names("../outbox").iter().filter(|name| name.ends_with(".staged")).count();
    assert_eq!(copies(), 1);
    fs::remove_file(&obstacle).unwrap();
    hands.look().await.unwrap();
    assert_eq!((hands.names("failed/1234-A").len(), hands.sent().await.len(), copies()), (2, 1, 1));
    // Put there once more it is a new try.
    fs::rename(obstacle.join("a.csv"), &path).unwrap();
    hands.look().await.unwrap();
    hands.look().await.unwrap();
    assert_eq!((hands.sent().await.len(), copies()), (2, 2));
    // What is in the way before is seen before anything is read.
    fs::remove_dir_all(&obstacle).unwrap();
    fs::write(&obstacle, b"in the way").unwrap();
    hands.put("1234-A", "b.csv", b"content");
    hands.look().await.unwrap();
    assert_eq!(hands.look().await, Err("handoff.permission"));
    assert_eq!((hands.sent().await.len(), copies()), (2, 2));
}
