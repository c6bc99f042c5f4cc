//! What the servers do by themselves, as others see it.

use kenpo_express::runtime::task::Snapshot;

use crate::support::relay::RelayWorld;
use crate::support::soon::soon;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_relay_shows_each_of_its_tasks_with_its_last_run_and_the_next() {
    let relay = RelayWorld::start().await;
    let names = [
        "send-mail",
        "forget",
        "follow-identities",
        "watch",
        "follow-registry",
        "send-away",
        "expire-uploads",
        "sweep-bytes",
        "end-deliveries",
        "purge-parcels",
    ];
    let look = async || -> Vec<Snapshot> { serde_json::from_str(&relay.watch("/tasks").await).unwrap() };
    let mut tasks = look().await;
    soon("each has run", async || {
        tasks = look().await;
        tasks.iter().all(|task| task.runs > 0)
    })
    .await;
    assert_eq!(tasks.iter().map(|task| task.name.as_ref()).collect::<Vec<_>>(), names);
    for task in &tasks {
        assert_eq!(task.last_result.as_deref(), Some("done"), "{task:?}");
        assert!(task.last_began_at <= task.last_ended_at && task.next_at > task.last_ended_at, "{task:?}");
    }
}
