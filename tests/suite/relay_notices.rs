//! What users are told of files by mail: once, soon, gathered, and not when there is nothing to tell any more.

use std::time::Duration;

use axum::body::Body;
use hyper::Method;
use jiff::SignedDuration;
use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::ids::MessageId;
use kenpo_express::message::keys::Credential;
use kenpo_express::message::receipt::Stage;
use kenpo_express::wire::Der;
use kenpo_express::wire::delivery::{NOTICES, NoticeChoice};
use kenpo_express::wire::employer;
use kenpo_express::wire::tus::{self, Metadata};
use kenpo_express::wire::union::{Acknowledgement, AcknowledgementResults, Acknowledgements};

use crate::relay_delivery_support::World;
use crate::support::enrolment::decoded;
use crate::support::http::{json, request};
use crate::support::relay::{RelayWorld, parcel};

const WINDOW: SignedDuration = SignedDuration::from_secs(301);

/// A world in which the mails of enrolment are out.
async fn world() -> World {
    let world = World::start().await;
    world.relay.send_mail().await.unwrap();
    world.relay.clear_mails();
    world
}

impl RelayWorld {
    fn clear_mails(&self) {
        let kenpo_express::mail::Mailer::Memory(kept) = &self.running().app.mailer else {
            panic!("mail goes elsewhere")
        };
        kept.lock().unwrap().clear();
    }
}

impl World {
    /// The mails to a user that have come out since the last look, the one that is due now with them.
    async fn told(&self, user: &str) -> Vec<String> {
        self.relay.send_mail().await.unwrap();
        let to = format!("To: {user}@example.jp\r\n");
        let mails = self.relay.mails();
        self.relay.clear_mails();
        mails.into_iter().filter(|(head, _)| head.contains(&to)).map(|(_, text)| text).collect()
    }

    async fn send_up(&self, user: &Credential) -> MessageId {
        let id = self.id();
        let creation = request(Method::POST, employer::UPLOADS)
            .header(tus::TUS_RESUMABLE, tus::VERSION)
            .header(tus::UPLOAD_LENGTH, 300)
            .header(tus::UPLOAD_METADATA, Metadata::to_union(id).to_header())
            .header("content-type", tus::OFFSET_CONTENT_TYPE);
        let answer = self.app(user).send(creation.body(Body::from(parcel(300).0)).unwrap()).await.unwrap();
        assert_eq!(answer.status, 201);
        id
    }

    /// The union says what it did with files.
    async fn union_says(&self, items: Vec<(MessageId, Option<Der>)>) {
        let items = items.into_iter().map(|(id, receipt)| Acknowledgement { id, receipt }).collect();
        let post = json(Method::POST, "/union/v1/acknowledgements", &Acknowledgements { items });
        let _: AcknowledgementResults = self.gateway().send(post).await.unwrap().json();
    }

    fn union_receipt(&self, id: MessageId, stage: Stage) -> (MessageId, Option<Der>) {
        (id, Some(self.union.receipt(id, stage, self.relay.clock.now())))
    }

    fn later(&self, time: SignedDuration) {
        self.relay.clock.advance(time);
    }
}

#[tokio::test]
async fn the_first_is_told_at_once_and_the_rest_together() {
    let world = world().await;
    world.deposit(&["hanako-1"], 300).await;
    // By itself, woken by the deposit: nobody calls the task here.
    tokio::time::timeout(Duration::from_secs(10), async {
        while world.relay.mails().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
    let [first] = &world.told("hanako-1").await[..] else { panic!("one mail") };
    let until = world.relay.clock.now() + SignedDuration::from_hours(14 * 24);
    let until = until.to_zoned(jiff::tz::TimeZone::get("Asia/Tokyo").unwrap());
    for words in [
        "・新しく届いたファイル: 1件\r\n",
        &until.strftime("最初の受信期限: %Y年%-m月%-d日 %H:%M（日本時間）").to_string(),
        "New files: 1\r\n",
        &until.strftime("until %Y-%m-%d %H:%M (Japan time)").to_string(),
    ] {
        assert!(first.contains(words), "{words} in {first}");
    }
    world.deposit(&["hanako-1"], 300).await;
    world.deposit(&["hanako-1"], 300).await;
    world.later(SignedDuration::from_secs(290));
    assert!(world.told("hanako-1").await.is_empty(), "within the window");
    world.later(SignedDuration::from_secs(11));
    let [second] = &world.told("hanako-1").await[..] else { panic!("one mail") };
    assert!(second.contains("・新しく届いたファイル: 2件\r\n"), "{second}");
    world.later(WINDOW);
    assert!(world.told("hanako-1").await.is_empty(), "nothing twice");
    world.deposit(&["hanako-1"], 300).await;
    assert_eq!(world.told("hanako-1").await.len(), 1, "a quiet time has gone by");
}

#[tokio::test]
async fn what_is_void_is_not_told() {
    let world = world().await;
    world.deposit(&["hanako-1", "taro-2"], 300).await;
    assert_eq!(world.told("hanako-1").await.len(), 1);
    let fetched = world.deposit(&["hanako-1", "taro-2"], 300).await;
    let withdrawn = world.deposit(&["hanako-1", "taro-2"], 300).await;
    assert_eq!(world.fetch(&world.taro, fetched).await.status, 200);
    assert_eq!(world.withdraw(withdrawn, &["hanako-1", "taro-2"]).await.status, 200);
    world.later(WINDOW);
    assert!(world.told("hanako-1").await.is_empty(), "one was fetched by somebody, of the other nothing was said");
    // What was told of and is taken back is told of.
    let told = world.deposit(&["hanako-1"], 300).await;
    assert_eq!(world.told("hanako-1").await.len(), 1);
    assert_eq!(world.withdraw(told, &["hanako-1"]).await.status, 200);
    world.later(WINDOW);
    let [recall] = &world.told("hanako-1").await[..] else { panic!("one mail") };
    assert!(recall.contains("取り消したファイル: 1件") && !recall.contains("新しく届いた"), "{recall}");
}

#[tokio::test]
async fn reminders_and_ends_are_told() {
    let world = world().await;
    world.deposit(&["hanako-1"], 300).await;
    assert_eq!(world.told("hanako-1").await.len(), 1);
    world.days_later(3).await;
    let [reminder] = &world.told("hanako-1").await[..] else { panic!("one mail") };
    assert!(
        reminder.contains("・まだ受信されていないファイル: 1件") && reminder.contains("最初の到着: "),
        "{reminder}"
    );
    world.days_later(12).await;
    let told = world.told("hanako-1").await;
    let [end] = &told[..] else { panic!("{told:?}") };
    assert!(end.contains("・受信期限を過ぎたファイル: 1件") && !end.contains("アプリを起動"), "{end}");
}

#[tokio::test]
async fn a_sender_hears_what_became_of_files() {
    let world = world().await;
    let (one, two, three) =
        (world.send_up(&world.hanako).await, world.send_up(&world.hanako).await, world.send_up(&world.hanako).await);
    assert!(world.told("hanako-1").await.is_empty());
    let verified = world.union_receipt(one, Stage::Verified);
    // In quarantine: there is no receipt, and nothing is told.
    world.union_says(vec![verified.clone(), (three, None)]).await;
    let [first] = &world.told("hanako-1").await[..] else { panic!("one mail") };
    assert!(first.contains("受信し、内容を検証したファイル: 1件") && !first.contains("からのファイル\r\n"), "{first}");
    let accepted = world.union_receipt(one, Stage::Accepted);
    let returned = world.union_receipt(two, Stage::Returned);
    // The same receipt again, and one that the union did not sign.
    let false_one = (one, Some(world.receipt(&world.taro, one, Stage::Returned)));
    world.union_says(vec![verified, world.union_receipt(two, Stage::Verified), accepted.clone(), accepted]).await;
    world.union_says(vec![returned, false_one]).await;
    world.deposit(&["hanako-1"], 300).await;
    world.later(WINDOW);
    let [second] = &world.told("hanako-1").await[..] else { panic!("one mail") };
    for words in [
        "検証したファイル: 1件",
        "受付済となったファイル: 1件",
        "差し戻されたファイル: 1件",
        "新しく届いたファイル: 1件",
    ] {
        assert!(second.contains(words), "{words} in {second}");
    }
    assert!(world.told("taro-2").await.is_empty());
}

#[tokio::test]
async fn users_get_the_mails_they_want() {
    let world = world().await;
    let choice = json(Method::PUT, NOTICES, &NoticeChoice { received: false, sent: false });
    assert_eq!(world.app(&world.hanako).send(choice).await.unwrap().status, 204);
    world.deposit(&["hanako-1"], 300).await;
    let id = world.send_up(&world.hanako).await;
    world.union_says(vec![world.union_receipt(id, Stage::Verified)]).await;
    assert!(world.told("hanako-1").await.is_empty());
    world.union_says(vec![world.union_receipt(id, Stage::Returned)]).await;
    let [returned] = &world.told("hanako-1").await[..] else { panic!("a return is always told") };
    assert!(returned.contains("差し戻されたファイル: 1件") && !returned.contains("検証"), "{returned}");
}

#[tokio::test]
async fn who_is_disabled_is_told_nothing() {
    let world = world().await;
    world.deposit(&["hanako-1"], 300).await;
    assert_eq!(world.told("hanako-1").await.len(), 1);
    world.deposit(&["hanako-1"], 300).await;
    assert_eq!(world.relay.disable(&world.union, "hanako-1").await.status, 200);
    world.later(WINDOW);
    assert!(world.told("hanako-1").await.is_empty());
}

#[tokio::test]
async fn a_restart_loses_nothing_and_repeats_nothing() {
    let mut world = world().await;
    world.deposit(&["hanako-1"], 300).await;
    assert_eq!(world.told("hanako-1").await.len(), 1);
    world.deposit(&["hanako-1"], 300).await;
    world.relay.crash().await;
    world.relay.resume().await;
    assert!(world.told("hanako-1").await.is_empty(), "the window goes on");
    // From here on no mail goes out: where the folder should be, there is a file.
    world.relay.stop().await;
    let folder = world.relay.config.data.join("mail");
    std::fs::write(&folder, b"").unwrap();
    world.relay.config.mail.transport = "directory:mail".into();
    world.relay.resume().await;
    world.later(WINDOW);
    assert_eq!(world.relay.send_mail().await, Err("mail.folder"));
    // What comes while one mail waits does not become many.
    world.deposit(&["hanako-1"], 300).await;
    world.later(WINDOW);
    let _ = world.relay.send_mail().await;
    world.relay.crash().await;
    std::fs::remove_file(&folder).unwrap();
    world.relay.resume().await;
    world.later(SignedDuration::from_hours(4));
    world.relay.send_mail().await.unwrap();
    world.relay.send_mail().await.unwrap();
    world.later(WINDOW);
    world.relay.send_mail().await.unwrap();
    let mut texts: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|mail| decoded(&std::fs::read(mail.unwrap().path()).unwrap()).1)
        .collect();
    texts.sort();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts.iter().all(|text| text.contains("新しく届いたファイル: 1件")), "{texts:?}");
}
