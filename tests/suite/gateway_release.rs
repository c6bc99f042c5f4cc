//! What was not known of the signer when a message came is known when it is released from quarantine.

use jiff::Timestamp;
use kenpo_express::domain::user::DisableReason;
use kenpo_express::domain::verdict::Verdict;

use crate::gateway_support::{GatewayWorld, Sender};

/// Somebody whom nobody has registered yet, and the first message, in quarantine.
async fn stranger(world: &GatewayWorld) -> (Sender, kenpo_express::domain::ids::MessageId) {
    let mut sender = Sender::new("mori-5", world.union.user("mori-5", world.clock_now()));
    let first = world.send(&mut sender, b"from somebody unknown");
    world.pull().await;
    let before = world.find(first).await.unwrap();
    assert!(!before.verdict.is_accepted());
    assert_eq!(before.content.unwrap().user, None, "a name that nobody vouches for");
    (sender, first)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_of_a_user_who_was_registered_later_has_office_user_and_its_place_in_the_stream() {
    let world = GatewayWorld::new().await;
    let (mut sender, first) = stranger(&world).await;
    world.register("mori-5", sender.credential.certificate()).await;
    let released = world.admin("staff").await.release(first, "suzuki").await.unwrap();
    assert_eq!((released.office.as_deref(), released.user.as_deref()), (Some("1234-A"), Some("mori-5")));
    assert_eq!(released.suspect_since, None);

    let second = world.send(&mut sender, b"goes on");
    world.pull().await;
    let verdict = world.find(second).await.unwrap().verdict;
    assert!(matches!(&verdict, Verdict::Accepted { warnings } if warnings.is_empty()), "no gap: {verdict:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_from_a_pc_that_was_lost_by_then_is_suspect() {
    let world = GatewayWorld::new().await;
    let (sender, first) = stranger(&world).await;
    world.register("mori-5", sender.credential.certificate()).await;
    let admin = world.admin("staff").await;
    let lost_at = Timestamp::from_second(world.clock_now().as_second() - 7_200).unwrap();
    admin.disable_user(&sender.id, DisableReason::Lost, Some(lost_at)).await.unwrap();
    let released = admin.release(first, "suzuki").await.unwrap();
    assert_eq!((released.user.as_deref(), released.suspect_since), (Some("mori-5"), Some(lost_at)));
}
