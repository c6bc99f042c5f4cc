//! The folder that received files are handed into.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use kenpo_express::gateway::flows::handoff::Handoff;
use kenpo_express::store::gateway::{audit, events};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

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
        let folder = world.folder.path().join("handoff");
        let push = Arc::new(sender(&world.receiver, world.folder.path(), false));
        let handoff = Handoff::open(&push, folder.clone(), 0).unwrap();
        Self { world, folder, handoff }
    }

    async fn run(&self) -> Result<(), &'static str> {
        self.handoff.run(&CancellationToken::new()).await
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.folder.join("in"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

#[tokio::test]
async fn each_verified_file_is_handed_in_once_with_what_is_known_of_it() {
    let hands = Hands::new().await;
    let mut hanako = hands.world.sender("hanako-1").await;
    let before = hands.world.send(&mut hanako, b"before");
    hands.world.pull().await;
    hands.run().await.unwrap();
    assert!(hands.names().is_empty(), "what was there before it was switched on is had by the API: {before}");
    let (small, large) = (hands.world.send(&mut hanako, b"small"), noise(3_000_000));
    let large_id = hands.world.send(&mut hanako, &large);
    // From nobody who is known: quarantine.
    let mut stranger =
        crate::gateway_support::Sender::new("taro-1", hands.world.union.user("taro-1", hands.world.clock_now()));
    hands.world.send(&mut stranger, b"strange");
    hands.world.pull().await;
    hands.run().await.unwrap();
    let file = |id| hands.folder.join("in").join(format!("{id}_算定基礎届.csv"));
    assert_eq!(fs::read(file(small)).unwrap(), b"small");
    assert_eq!(fs::read(file(large_id)).unwrap(), large);
    assert_eq!(hands.names().len(), 4, "{:?}", hands.names());
    let beside: Value =
        serde_json::from_slice(&fs::read(hands.folder.join("in").join(format!("{small}.json"))).unwrap()).unwrap();
    assert_eq!(
        (&beside["id"], &beside["file"]),
        (&small.to_string().into(), &format!("{small}_算定基礎届.csv").into())
    );
    assert_eq!(
        (&beside["office"], &beside["size"], &beside["state"]),
        (&"1234-A".into(), &5.into(), &"archived".into())
    );
    assert_eq!(fs::metadata(file(small)).unwrap().permissions().mode() & 0o777, 0o640);
    // Taken away, it does not come again; what came again would be nothing new.
    for name in hands.names() {
        fs::remove_file(hands.folder.join("in").join(name)).unwrap();
    }
    hands.run().await.unwrap();
    assert!(hands.names().is_empty());
    let database = hands.world.receiver.database.read();
    let entries = audit::list(database, None, 100).await.unwrap();
    assert_eq!(entries.iter().filter(|entry| entry.action == "message.handed-in").count(), 2);
    let seen = events::after(database, 0, 100).await.unwrap();
    assert!(seen.iter().all(|event| event.kind != events::Kind::ReceivedOpened), "no person has looked into it");
}

#[tokio::test]
async fn what_is_there_is_left_alone_and_what_is_damaged_keeps_nobody_back() {
    let hands = Hands::new().await;
    hands.run().await.unwrap();
    let mut hanako = hands.world.sender("hanako-1").await;
    let (one, two) = (hands.world.send(&mut hanako, b"one"), hands.world.send(&mut hanako, &noise(50_000)));
    let three = hands.world.send(&mut hanako, b"three");
    hands.world.pull().await;
    // As it is after a crash between the file and what stands beside it.
    let first = hands.folder.join("in").join(format!("{one}_算定基礎届.csv"));
    fs::write(&first, "handed in before").unwrap();
    let damaged = hands.world.file(&hands.world.find(two).await.unwrap());
    let mut bytes = fs::read(&damaged).unwrap();
    bytes[20_000] ^= 1;
    fs::remove_file(&damaged).unwrap();
    fs::write(&damaged, bytes).unwrap();
    hands.run().await.unwrap();
    assert_eq!(fs::read_to_string(&first).unwrap(), "handed in before");
    let mut expected = [
        format!("{one}.json"),
        format!("{one}_算定基礎届.csv"),
        format!("{three}.json"),
        format!("{three}_算定基礎届.csv"),
    ];
    expected.sort();
    assert_eq!(hands.names(), expected, "nothing of what did not verify");
    let entries = audit::list(hands.world.receiver.database.read(), None, 100).await.unwrap();
    let failed: Vec<_> = entries.iter().filter(|entry| entry.action == "message.handoff-failed").collect();
    assert_eq!(failed.iter().map(|entry| entry.subject.clone()).collect::<Vec<_>>(), [two.to_string()]);
}

#[tokio::test]
async fn without_the_folder_it_waits_and_goes_on_where_it_was() {
    let hands = Hands::new().await;
    hands.run().await.unwrap();
    let mut hanako = hands.world.sender("hanako-1").await;
    let id = hands.world.send(&mut hanako, b"content");
    hands.world.pull().await;
    let away = hands.world.folder.path().join("away");
    fs::rename(hands.folder.join("in"), &away).unwrap();
    assert_eq!(hands.run().await, Err("handoff.folder"));
    fs::rename(&away, hands.folder.join("in")).unwrap();
    hands.run().await.unwrap();
    assert_eq!(hands.names().len(), 2);
    assert!(hands.names()[0].starts_with(&id.to_string()));
}

#[tokio::test]
async fn one_that_cannot_be_read_keeps_nobody_back_and_comes_later() {
    let hands = Hands::new().await;
    hands.run().await.unwrap();
    let mut hanako = hands.world.sender("hanako-1").await;
    let (one, two) = (hands.world.send(&mut hanako, b"one"), hands.world.send(&mut hanako, b"two"));
    hands.world.pull().await;
    // The disk does not give it out.
    let sealed = hands.world.file(&hands.world.find(one).await.unwrap());
    let aside = hands.world.folder.path().join("aside");
    fs::rename(&sealed, &aside).unwrap();
    fs::create_dir(&sealed).unwrap();
    assert_eq!(hands.run().await, Err("handoff.late"));
    assert_eq!(hands.names().len(), 2, "{:?}", hands.names());
    assert!(hands.names()[0].starts_with(&two.to_string()), "the next one is there");
    assert_eq!(hands.run().await, Err("handoff.late"), "as long as one is late, that shows");
    fs::remove_dir(&sealed).unwrap();
    fs::rename(&aside, &sealed).unwrap();
    hands.world.clock.advance(jiff::SignedDuration::from_mins(2));
    hands.run().await.unwrap();
    assert_eq!(hands.names().len(), 4);
    assert!(hands.names().contains(&format!("{one}.json")));
    let entries = audit::list(hands.world.receiver.database.read(), None, 100).await.unwrap();
    assert_eq!(entries.iter().filter(|entry| entry.action == "message.handed-in").count(), 2, "each once");
}
