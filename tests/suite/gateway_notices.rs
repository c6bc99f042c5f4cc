//! What staff are told of by mail.

use std::sync::{Arc, Mutex};

use jiff::SignedDuration;
use kenpo_express::gateway::config::{NoticeSettings, StaffSettings};
use kenpo_express::gateway::flows::notices::StaffNotices;
use kenpo_express::mail::Mailer;
use kenpo_express::store::gateway::events::{self, Kind, NewEvent};

use crate::gateway_relay::FakeRelay;
use crate::gateway_support::GatewayWorld;
use crate::message_support::noise;
use crate::support::enrolment::decoded;

type Kept = Arc<Mutex<Vec<Vec<u8>>>>;

/// Staff who hear of files, and others who hear of alarms.
fn staff(world: &GatewayWorld, kept: &Kept) -> StaffNotices<FakeRelay> {
    let one = |address: &str, kinds: &[&str]| StaffSettings {
        address: address.to_owned(),
        kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
    };
    let staff = vec![one("staff@example.jp", &["arrival", "quarantine"]), one("chief@example.jp", &["alarm"])];
    let from = "kx@example.jp".parse().unwrap();
    let settings = NoticeSettings { staff, window_seconds: 300 };
    StaffNotices::new(&world.receiver, settings, from, Mailer::Memory(Arc::clone(kept)))
}

/// Runs it, and takes away the mails that came of it: header and text.
async fn told(notices: &StaffNotices<FakeRelay>, kept: &Kept) -> Vec<(String, String)> {
    notices.run().await.unwrap();
    std::mem::take(&mut *kept.lock().unwrap()).iter().map(|mail| decoded(mail)).collect()
}

async fn happens(world: &GatewayWorld, kind: Kind, subject: &str) {
    let database = &world.receiver.database;
    let mut transaction = database.write().await.unwrap();
    let event = NewEvent { at: world.clock_now(), kind, subject: subject.to_owned(), office: None, user: None };
    events::insert(&mut transaction, &[event]).await.unwrap();
    database.commit(transaction).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_hear_of_files_once_and_of_what_nobody_has_looked_into() {
    let world = GatewayWorld::new().await;
    let mut sender = world.sender("yamada-1").await;
    let kept = Kept::default();
    let notices = staff(&world, &kept);
    world.send(&mut sender, &noise(100));
    world.pull().await;
    assert!(told(&notices, &kept).await.is_empty(), "what was there before it was switched on");
    world.send(&mut sender, &noise(100));
    world.pull().await;
    let [(head, text)] = &told(&notices, &kept).await[..] else { panic!("one mail") };
    assert!(head.contains("To: staff@example.jp\r\n"), "{head}");
    assert!(text.contains("・新しく受信したファイル: 1件") && text.contains("New files: 1"), "{text}");
    assert!(!text.contains("yamada") && !text.contains("算定"), "{text}");

    let (one, two) = (world.send(&mut sender, &noise(100)), world.send(&mut sender, &noise(100)));
    world.pull().await;
    happens(&world, Kind::ReceivedOpened, &one.to_string()).await;
    assert!(told(&notices, &kept).await.is_empty(), "within the window");
    // A new process goes on where this one was.
    let notices = staff(&world, &kept);
    world.clock.advance(SignedDuration::from_secs(301));
    let [(_, text)] = &told(&notices, &kept).await[..] else { panic!("one mail") };
    assert!(text.contains("・新しく受信したファイル: 1件"), "{text}");
    world.send(&mut sender, &noise(100));
    world.pull().await;
    let kinds = [Kind::ReceivedAccepted, Kind::SentAlarm];
    for (kind, subject) in kinds.into_iter().zip([two.to_string(), "x".to_owned()]) {
        happens(&world, kind, &subject).await;
    }
    let [(head, text)] = &told(&notices, &kept).await[..] else { panic!("the alarm alone") };
    assert!(head.contains("To: chief@example.jp\r\n") && text.contains("【重要】"), "{head}{text}");
    world.clock.advance(SignedDuration::from_secs(301));
    assert_eq!(told(&notices, &kept).await.len(), 1);
    world.clock.advance(SignedDuration::from_secs(301));
    assert!(told(&notices, &kept).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_that_does_not_go_waits_and_no_others_pile_up() {
    let world = GatewayWorld::new().await;
    let kept = Kept::default();
    staff(&world, &kept).run().await.unwrap();
    let folder = world.folder.path().join("mail");
    std::fs::write(&folder, b"").unwrap();
    let settings = NoticeSettings {
        staff: vec![StaffSettings { address: "staff@example.jp".to_owned(), kinds: vec!["quarantine".to_owned()] }],
        window_seconds: 300,
    };
    let mailer = Mailer::Directory(folder.clone());
    let notices = StaffNotices::new(&world.receiver, settings, "kx@example.jp".parse().unwrap(), mailer);
    for subject in ["a", "b", "c"] {
        happens(&world, Kind::ReceivedQuarantined, subject).await;
        let _ = notices.run().await;
        world.clock.advance(SignedDuration::from_hours(1));
    }
    std::fs::remove_file(&folder).unwrap();
    for _ in 0..3 {
        world.clock.advance(SignedDuration::from_hours(4));
        notices.run().await.unwrap();
    }
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2, "the one that waited, and one for the rest");
}
