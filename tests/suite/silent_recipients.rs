//! Users of an office whose apps have a file and send no receipt.

use kenpo_express::store::gateway::events::Kind;

use crate::message_support::noise;
use crate::send_support::{SendWorld, office};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_hear_of_each_user_whose_receipt_is_missing() {
    let world = SendWorld::new().await;
    let (hanako, taro) = (world.person("hanako-1", "1234-A").await, world.person("taro-1", "1234-A").await);
    let dispatch = world.stage(vec![office("1234-A")], &noise(100)).await;
    world.run().await;
    let sent = dispatch.messages[0].id.parse().unwrap();
    for (person, alarms) in [(&hanako, 1), (&taro, 2)] {
        world.relay.fetch(sent, &person.id);
        world.relay.acknowledge(sent, &person.id, None);
        world.push.hear(None).await.unwrap();
        world.push.hear(None).await.unwrap();
        assert_eq!(world.event_count(Kind::SentAlarm).await, alarms, "once for each");
    }
    assert_eq!(world.sent(sent).await.warnings, ["receipt.missing"]);
}
