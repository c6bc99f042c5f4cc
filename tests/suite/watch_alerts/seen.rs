//! What is an alert and what is not: causes that another alert tells, ends that are worse, clocks that are set.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use kenpo_express::domain::clock::Clock;
use kenpo_express::runtime::lifecycle::Shutdown;
use kenpo_express::runtime::task::{Cause, Pace, Snapshot, Tasks};
use kenpo_express::store::gateway::alerts;
use sqlx::{Connection, SqliteConnection};

use super::LATER;
use super::causes::{mend, provoke};
use super::stage::Stage;
use crate::support::soon::soon;

const HALF_AN_HOUR: SignedDuration = SignedDuration::from_mins(31);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_the_relay_refuses_is_told_and_one_that_it_does_not_hear_is_not() {
    for (code, is_told) in [
        ("relay.protocol", true),
        ("relay.refused", true),
        ("relay.local", true),
        ("relay.other-version", true),
        ("delivery.unreadable", true),
        ("relay.unreachable", false),
        ("relay.silent", false),
        ("relay.untrusted", false),
        ("relay.breaker-open", false),
        ("vpn.no-route", false),
        ("scanner.away", false),
    ] {
        let stage = Stage::new("task.failing").await;
        let now = stage.world.clock_now();
        let task = Snapshot {
            name: "news".into(),
            running_since: None,
            runs: 1,
            failures: 1,
            last_cause: Some(Cause::Timer),
            last_began_at: Some(now),
            last_ended_at: Some(now),
            last_result: Some(code.into()),
            next_at: None,
            running_seconds: None,
            late_seconds: 0,
        };
        stage.hearsay.lock().unwrap().tasks = vec![task];
        stage.look().await;
        stage.advance(HALF_AN_HOUR);
        stage.look().await;
        assert_eq!(stage.fires("task.failing").await, is_told, "{code}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_has_ended_is_not_well_again() {
    let stage = Stage::new("certificate.employers").await;
    provoke(&stage, "certificate.employers").await;
    stage.look().await;
    assert!(stage.fires("certificate.employers").await);
    stage.advance(SignedDuration::from_hours(24 * 60));
    for _ in 0..3 {
        stage.look().await;
        stage.advance(LATER);
    }
    let firing = alerts::firing(stage.world.receiver.database.read()).await.unwrap();
    let alert = firing.iter().find(|alert| alert.code == "certificate.employers").expect("the user is locked out");
    assert_eq!(alert.detail, "ended: 1");
    assert!(stage.gauges().contains("kx_gateway_review_items{kind=\"certificates-ended\"} 1"));
    mend(&stage, "certificate.employers").await;
    for _ in 0..2 {
        stage.look().await;
        stage.advance(LATER);
    }
    assert!(!stage.fires("certificate.employers").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shut_way_is_not_also_a_silent_relay() {
    let stage = Stage::new("relay.silent").await;
    stage.hearsay.lock().unwrap().vpn = Some(Err("vpn.no-route"));
    provoke(&stage, "relay.silent").await;
    for _ in 0..3 {
        stage.look().await;
        stage.advance(LATER);
    }
    assert!(stage.fires("vpn.no-route").await && !stage.fires("relay.silent").await);
    let codes = async || stage.lookout.obstacles(false).await.into_iter().map(|one| one.code).collect::<Vec<_>>();
    let shut = codes().await;
    assert!(shut.contains(&"vpn.no-route") && !shut.contains(&"relay.silent"), "{shut:?}");
    // The way is there, and still nobody answers.
    stage.hearsay.lock().unwrap().vpn = Some(Ok(()));
    for _ in 0..2 {
        stage.look().await;
        stage.advance(LATER);
    }
    stage.look().await;
    assert!(stage.fires("relay.silent").await && codes().await.contains(&"relay.silent"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_set_makes_no_task_late() {
    let stage = Stage::new("task.stuck").await;
    let shutdown = Shutdown::new();
    let clock: Arc<dyn Clock> = Arc::<kenpo_express::domain::clock::ManualClock>::clone(&stage.world.clock);
    let all = Tasks::new(clock, &shutdown);
    let daily = all.start("daily", Pace::Every(Duration::from_secs(24 * 3_600)), |_| async { Ok(()) });
    let long = all.start("long", Pace::WhenAsked, |_| std::future::pending());
    long.activate();
    soon("both tasks run", async || daily.status().runs > 0 && long.status().running_since.is_some()).await;
    for years in [10, -20] {
        stage.advance(SignedDuration::from_hours(24 * 365 * years));
        for _ in 0..2 {
            stage.hearsay.lock().unwrap().tasks = all.snapshot();
            stage.look().await;
            stage.advance(LATER);
        }
        assert!(!stage.fires("task.stuck").await, "{years} years");
    }
    shutdown.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_cannot_be_written_hides_nothing_and_is_why_it_is_not_ready() {
    let stage = Arc::new(Stage::new("disk.filling").await);
    stage.look().await;
    assert!(!stage.lookout.obstacles(false).await.iter().any(|one| one.code == "database"));
    let path = stage.world.folder.path().join("gateway.db");
    let mut other = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    stage.hearsay.lock().unwrap().vpn = Some(Err("vpn.no-route"));
    stage.advance(SignedDuration::from_mins(2));
    let looks = tokio::spawn({
        let stage = Arc::clone(&stage);
        async move { stage.lookout.look().await }
    });
    while !stage.gauges().contains("kx_gateway_vpn_up 0") {
        assert!(!looks.is_finished(), "what it sees is shown before it is written");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(looks.await.unwrap(), Err("database"));
    assert!(stage.lookout.obstacles(false).await.iter().any(|one| one.code == "database"));
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    stage.look().await;
    assert!(!stage.lookout.obstacles(false).await.iter().any(|one| one.code == "database"));
}
