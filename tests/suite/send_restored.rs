//! A gateway or a relay that comes back from a backup while files are on their way: no number is used twice, and nothing is lost.

use std::path::Path;

use jiff::SignedDuration;
use kenpo_express::gateway::flows::send::SendRunError;
use kenpo_express::message::words;
use kenpo_express::store::gateway::events::Kind;
use kenpo_express::wire::Der;
use kenpo_express::wire::delivery::{DeliveryState, Place, Statement};
use tempfile::TempDir;

use crate::message_support::noise;
use crate::send_support::{SendWorld, id, office, open_as, statement, user};

fn copy(from: &Path, to: &Path) {
    assert!(std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

/// What the gateway had at one moment.
pub(crate) struct Backup(TempDir);

impl Backup {
    /// All of it in one file, as a backup has it; the gateway goes on.
    pub(crate) async fn of(world: SendWorld) -> (SendWorld, Self) {
        let backup = tempfile::tempdir().unwrap();
        world.gateway.receiver.database.close().await;
        copy(world.gateway.folder.path(), &backup.path().join("state"));
        (SendWorld::on(world.gateway.again().await, false), Self(backup))
    }

    /// The gateway, started again on what it had then.
    pub(crate) async fn restore(&self, world: SendWorld) -> SendWorld {
        let state = world.gateway.folder.path();
        world.gateway.receiver.database.close().await;
        for entry in std::fs::read_dir(state).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { std::fs::remove_dir_all(path).unwrap() } else { std::fs::remove_file(path).unwrap() }
        }
        copy(&self.0.path().join("state/."), state);
        SendWorld::on(world.gateway.again().await, false)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_back_from_a_backup_takes_over_what_the_relay_has() {
    let mut world = SendWorld::new().await;
    let (hanako, taro) = (world.person("hanako-1", "1234-A").await, world.person("taro-1", "1234-A").await);
    let first = world.send_to(&hanako, b"before the backup").await;
    // Staged before the backup and sent after it.
    let staged = id(&world.stage(vec![user(&taro.id)], b"staged").await.messages[0].id);
    let backup;
    (world, backup) = Backup::of(world).await;

    world.run().await;
    let second = world.send_to(&hanako, b"after the backup").await;
    let recalled = world.send_to(&hanako, b"taken back").await;
    world.push.recall(recalled, "uid:1").await.unwrap();
    let to_office = id(&world.stage(vec![office("1234-A")], &noise(70_000)).await.messages[0].id);
    world.run().await;
    world.verify(&hanako, second);
    let delivered = world.relay.all().len();

    world = backup.restore(world).await;
    let view = world.stage(vec![user(&hanako.id)], b"after the restore").await;
    let pushed = world.run().await;
    assert_eq!(pushed.sealed, 1, "what was staged before the backup is not sent a second time");
    assert_eq!(world.relay.all().len(), delivered + 1);
    let next = id(&view.messages[0].id);
    let header = open_as(&hanako.encryption, &world.relay.bytes(next)).header().clone();
    assert_eq!(header.sequence, 4, "1, 2, the one that was taken back, this one");
    assert_eq!(header.previous, statement(&world, recalled).unwrap().signature_hash);
    for (message, state, sequence) in [
        (first, "relayed", 1),
        (second, "verified", 2),
        (recalled, "recalled", 3),
        (to_office, "relayed", 1),
        (staged, "relayed", 1),
    ] {
        let view = world.sent(message).await;
        assert_eq!((view.state, view.sequence, view.warnings.len()), (state, Some(sequence), 0), "{message}");
    }
    let view = world.sent(second).await;
    assert_eq!((view.file_name.as_str(), view.origin.as_str(), view.size), ("決定通知書.pdf", "restored", 16));
    // A stranger's delivery in our name is told of, and sent to nobody's books.
    let metadata = kenpo_express::wire::tus::Metadata {
        message_id: id("0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f6"),
        recipients: vec![hanako.id.clone()],
        place: None,
    };
    world.relay.deposit(&metadata, vec![7; 500].into(), world.gateway.clock_now()).unwrap();
    let alarms = world.event_count(Kind::SentAlarm).await;
    world.stage(vec![user(&hanako.id)], b"one more").await;
    world.run().await;
    assert_eq!(world.event_count(Kind::SentAlarm).await, alarms + 1);
    assert!(world.push.find(metadata.message_id).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_is_not_used_twice_when_the_relay_has_deleted_what_the_gateway_has_forgotten() {
    let mut world = SendWorld::new().await;
    let (hanako, taro) = (world.person("hanako-1", "1234-A").await, world.person("taro-1", "1234-A").await);
    world.send_to(&hanako, b"before the backup").await;
    let backup;
    (world, backup) = Backup::of(world).await;
    let had = world.send_to(&hanako, b"had").await;
    world.verify(&hanako, had);
    let to_office = id(&world.stage(vec![office("1234-A")], b"to an office").await.messages[0].id);
    world.run().await;
    world.accept(&hanako, had);
    world.verify(&taro, to_office);
    // The days go by after which the relay keeps the rows alone.
    let hash = open_as(&hanako.encryption, &world.relay.bytes(had)).signature_hash();
    let opened = open_as(&taro.encryption, &world.relay.bytes(to_office)).signature_hash();
    world.relay.delete(had);
    world.relay.delete(to_office);
    world = backup.restore(world).await;
    let next = world.send_to(&hanako, b"after the restore").await;
    let header = open_as(&hanako.encryption, &world.relay.bytes(next)).header().clone();
    assert_eq!((header.sequence, header.previous), (3, hash));
    let next = id(&world.stage(vec![office("1234-A")], b"to the office again").await.messages[0].id);
    world.run().await;
    let header = open_as(&taro.encryption, &world.relay.bytes(next)).header().clone();
    assert_eq!((header.sequence, header.previous), (2, opened));
    // What it was, nobody knows any more; but the receipts for it are judged like any others.
    for (message, state) in [(had, "accepted"), (to_office, "verified")] {
        let view = world.sent(message).await;
        assert_eq!((view.state, view.file_name.as_str(), view.warnings.len()), (state, "unknown", 0), "{message}");
    }
    assert_eq!(world.event_count(Kind::SentAlarm).await, 0);
    // What the relay keeps for us it cannot read, nor can it pass it off as a statement or as about another message.
    let kept = world.relay.find(had).unwrap().place.unwrap();
    for secret in ["hanako-1", "sequence"] {
        assert!(!kept.0.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_that_is_not_ours_or_of_another_message_is_a_strangers() {
    let mut world = SendWorld::new().await;
    let person = world.person("hanako-1", "1234-A").await;
    let backup;
    (world, backup) = Backup::of(world).await;
    let (first, second) = (world.send_to(&person, b"first").await, world.send_to(&person, b"second").await);
    let place = world.relay.find(first).unwrap().place.unwrap();
    for message in [first, second] {
        world.relay.delete(message);
    }
    world.relay.keep_place(second, Some(place));
    world = backup.restore(world).await;
    world.stage(vec![user(&person.id)], b"after the restore").await;
    world.run().await;
    assert_eq!(world.sent(first).await.sequence, Some(1));
    assert!(world.push.find(second).await.is_err());
    assert_eq!(world.event_count(Kind::SentAlarm).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_back_from_a_backup_with_nothing_to_send_takes_over_what_it_hears_of() {
    let mut world = SendWorld::new().await;
    let person = world.person("hanako-1", "1234-A").await;
    let backup;
    (world, backup) = Backup::of(world).await;
    let message = world.send_to(&person, b"after the backup").await;
    world = backup.restore(world).await;
    assert!(!world.push.has_work().await.unwrap());
    assert!(matches!(world.push.hear(None).await, Err(SendRunError::Forgotten)));
    assert!(world.push.has_work().await.unwrap(), "a run takes it over");
    world.run().await;
    assert_eq!(world.state(message).await, "relayed");
    assert!(!world.push.has_work().await.unwrap());
    assert_eq!(world.push.hear(None).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_back_from_a_backup_gets_again_what_it_has_forgotten() {
    let world = SendWorld::new().await;
    let (hanako, taro) = (world.person("hanako-1", "1234-A").await, world.person("taro-1", "1234-A").await);
    let before = world.send_to(&hanako, b"before the backup").await;
    let taken_back = world.send_to(&taro, b"to be taken back").await;
    let backup = world.relay.backup();
    let unfetched = world.send_to(&hanako, b"after the backup").await;
    let (bytes, place) = (world.relay.bytes(unfetched), world.relay.find(unfetched).unwrap().place);
    world.push.recall(taken_back, "uid:1").await.unwrap();
    let never = world.send_to(&taro, b"never").await;
    world.push.recall(never, "uid:1").await.unwrap();
    let fetched = world.send_to(&hanako, b"fetched").await;
    world.relay.fetch(fetched, &hanako.id);
    world.verify(&hanako, before);
    world.run().await;
    assert_eq!((world.state(before).await, world.state(fetched).await), ("verified", "fetched"));

    world.relay.restore(backup);
    assert!(!world.push.has_work().await.unwrap());
    // What is told from now on would not be heard: it lies behind what was heard.
    world.relay.fetch(before, &hanako.id);
    assert_eq!(world.push.hear(None).await.unwrap(), 0);
    assert!(world.push.compare_marks().await.unwrap() && world.push.has_work().await.unwrap());
    world.run().await;
    assert!(!world.push.compare_marks().await.unwrap(), "once");
    // It gets the same bytes under the same number.
    assert!(world.state(unfetched).await == "relayed" && world.relay.bytes(unfetched) == bytes);
    let again = world.relay.find(unfetched).unwrap();
    assert_eq!((again.state, again.place), (DeliveryState::Waiting, place));
    let view = world.sent(unfetched).await;
    assert_eq!((view.warnings.len(), view.sequence), (0, Some(2)));
    world.verify(&hanako, unfetched);
    world.run().await;
    assert_eq!((world.state(unfetched).await, world.sent(unfetched).await.warnings.len()), ("verified", 0));
    // It is told again what nobody gets, before anybody does.
    for message in [taken_back, never] {
        assert_eq!(world.relay.find(message).unwrap().state, DeliveryState::Withdrawn);
        assert!(world.state(message).await == "recalled" && statement(&world, message).is_some());
    }
    // What somebody had from it and it does not have any more, people are told of.
    let view = world.sent(fetched).await;
    assert_eq!((view.state, view.warnings), ("fetched", vec!["delivery.lost".to_owned()]));
    assert_eq!((world.state(before).await, world.sent(before).await.warnings.len()), ("verified", 0));
    assert_eq!(world.event_count(Kind::SentAlarm).await, 1);
    assert!(!world.push.has_work().await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_fetches_for_days_is_asked_for() {
    let world = SendWorld::new().await;
    let person = world.person("hanako-1", "1234-A").await;
    let (lost, ended) = (world.send_to(&person, b"lost").await, world.send_to(&person, b"ended").await);
    let bytes = world.relay.bytes(lost);
    world.relay.lose(lost);
    world.relay.expire_silently(ended);
    world.gateway.clock.advance(SignedDuration::from_hours(23));
    assert!(!world.push.has_work().await.unwrap());
    world.gateway.clock.advance(SignedDuration::from_hours(2));
    assert!(world.push.has_work().await.unwrap());
    world.run().await;
    assert_eq!(world.state(lost).await, "relayed");
    assert!(world.relay.bytes(lost) == bytes);
    assert_eq!((world.state(ended).await, world.push.has_work().await.unwrap()), ("relayed", false));
    // Its news were lost; when its time is over by our clock, its state is believed.
    world.gateway.clock.advance(SignedDuration::from_hours(24 * 14));
    world.run().await;
    assert_eq!(world.state(ended).await, "expired");
    assert!(statement(&world, ended).is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_relay_keeps_for_the_union_explains_no_number_to_anybody() {
    let world = SendWorld::new().await;
    let person = world.person("hanako-1", "1234-A").await;
    let sent = world.send_to(&person, b"content").await;
    let kept = world.relay.find(sent).unwrap().place.unwrap();
    let union = &world.gateway.union;
    assert!(words::open::<Der>(&kept.0, std::slice::from_ref(&person.encryption)).is_err(), "it is the union's alone");
    let signed: Der = words::open(&kept.0, std::slice::from_ref(&union.encryption)).unwrap();
    let place: Place = words::verify(&signed.0, union.signing.certificate()).unwrap();
    assert_eq!((place.place_of, place.sequence), (sent, 1));
    assert!(words::verify::<Statement>(&signed.0, union.signing.certificate()).is_err());
}
