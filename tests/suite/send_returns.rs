//! What staff say to whoever sent a file that they return: in the receipt, sealed for the sender alone. And what a lost PC had
//! been given.

use jiff::SignedDuration;
use kenpo_express::domain::ids::MessageId;
use kenpo_express::gateway::admin::received::Review;
use kenpo_express::message::keys::Credential;
use kenpo_express::message::receipt::{Receipt, Return, SignedReceipt, Stage};
use kenpo_express::message::words;

use crate::gateway_support::Sender;
use crate::send_support::{Person, SendWorld};

/// The receipt that the relay got with the newest acknowledgement, and the one of the relay before it.
fn told(world: &SendWorld, id: MessageId) -> Receipt {
    let der = world.gateway.relay.receipt(id).unwrap();
    SignedReceipt::from_der(der).verify(world.gateway.union.signing.certificate()).unwrap()
}

fn opened(receipt: &Receipt, key: &Credential) -> Option<Return> {
    words::open(receipt.words.as_deref()?, std::slice::from_ref(key)).ok()
}

/// A message from a person, pulled.
async fn received(world: &SendWorld, person: &Person) -> MessageId {
    let mut sender = Sender::new(person.id.as_str(), person.signing.clone());
    let id = world.gateway.send(&mut sender, b"content");
    world.gateway.pull().await;
    id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_return_says_why_to_the_sender_alone() {
    let world = SendWorld::new().await;
    let (hanako, taro) = (world.person("hanako-1", "1234-A").await, world.person("taro-1", "1234-A").await);
    let (_, newer) = world.certify("hanako-1", "1234-A").await;
    let id = received(&world, &hanako).await;
    let admin = world.gateway.admin("uid:1").await;
    let long = Review::Return { reason: "あ".repeat(1_001) };
    assert!(admin.review(id, &long).await.unwrap_err().to_string().contains("1000"));
    admin.review(id, &Review::Return { reason: "書式が違います。".to_owned() }).await.unwrap();
    world.gateway.pull().await;
    let receipt = told(&world, id);
    assert_eq!(receipt.stage, Stage::Returned);
    let said = Return { message_id: id, reason: "書式が違います。".to_owned() };
    for key in [&hanako.encryption, &newer] {
        assert_eq!(opened(&receipt, key), Some(said.clone()), "each certificate of the sender that counts");
    }
    for key in [&taro.encryption, &world.gateway.union.encryption] {
        assert_eq!(opened(&receipt, key), None);
    }
    let bytes = world.gateway.relay.receipt(id).unwrap();
    assert!(!String::from_utf8_lossy(&bytes).contains("書式"), "the relay reads nothing of it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_return_from_quarantine_tells_a_sender_who_is_known() {
    let world = SendWorld::new().await;
    let hanako = world.person("hanako-1", "1234-A").await;
    world.disable("hanako-1").await;
    let known = received(&world, &hanako).await;
    let stranger = Person {
        id: "stranger-1".parse().unwrap(),
        signing: world.gateway.union.user("stranger-1", world.gateway.clock_now()),
        encryption: hanako.encryption.clone(),
    };
    let unknown = received(&world, &stranger).await;
    let admin = world.gateway.admin("uid:1").await;
    for id in [known, unknown] {
        assert_eq!(world.gateway.relay.receipt(id), None, "nothing is said of what failed its checks");
        assert_eq!(admin.return_quarantined(id, "再送してください。").await.unwrap().state, "returned");
    }
    world.gateway.pull().await;
    let receipt = told(&world, known);
    assert_eq!((receipt.stage, &receipt.digest), (Stage::Returned, &None));
    assert_eq!(opened(&receipt, &hanako.encryption).unwrap().reason, "再送してください。");
    assert_eq!(world.gateway.relay.receipt(unknown), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_incident_lists_what_the_lost_pc_was_given() {
    let world = SendWorld::new().await;
    let (hanako, taro) = (world.person("hanako-1", "1234-A").await, world.person("taro-1", "1234-A").await);
    let before = world.send_to(&hanako, b"before").await;
    let never = world.send_to(&hanako, b"never fetched").await;
    let others = world.send_to(&taro, b"of another").await;
    world.verify(&hanako, before);
    world.verify(&taro, others);
    world.push.hear(None).await.unwrap();
    let admin = world.gateway.admin("uid:1").await;
    let lost_at = world.gateway.clock_now() + SignedDuration::from_hours(24);
    world.gateway.change_user("hanako-1", |user| user.lost_at = Some(lost_at)).await;
    let incident = admin.incident(&hanako.id).await.unwrap();
    let exposed: Vec<_> = incident.exposed.iter().map(|one| (one.id.clone(), one.after_loss)).collect();
    assert_eq!(exposed, [(before.to_string(), false)]);
    assert_eq!(incident.sent_to_user, 2);
    assert!(!exposed.iter().any(|(id, _)| *id == never.to_string()));
    let lost_at = world.gateway.clock_now() - SignedDuration::from_hours(24);
    world.gateway.change_user("hanako-1", |user| user.lost_at = Some(lost_at)).await;
    assert!(admin.incident(&hanako.id).await.unwrap().exposed[0].after_loss);
}
