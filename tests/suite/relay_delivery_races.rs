//! Many at once at one delivery: whoever is first decides, and both sides hear the same.

use std::sync::Arc;

use hyper::Method;
use jiff::SignedDuration;
use kenpo_express::domain::clock::Clock;
use kenpo_express::relay::tasks::end_deliveries;
use kenpo_express::wire::delivery::{DeliveryState, inbox_content};
use kenpo_express::wire::union::DisableUser;
use tokio::task::JoinSet;

use crate::relay_delivery_support::{World, taking_back, whole};
use crate::support::http::{get, json};
use crate::support::relay::parcel;

const ROUNDS: usize = 12;

fn count(news: &[String], what: &str) -> usize {
    news.iter().filter(|said| said.starts_with(what)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn fetched_or_taken_back_and_never_both() {
    let world = Arc::new(World::start().await);
    let (bytes, _) = parcel(5_000);
    let (mut fetched_first, mut withdrawn_first) = (0, 0);
    for round in 0..ROUNDS {
        let id = world.deposit(&["hanako-1", "taro-2"], 5_000).await;
        let mut racing = JoinSet::new();
        for number in 0..8 {
            let user = if number % 2 == 0 { &world.hanako } else { &world.taro };
            let (app, gateway) = (world.app(user), world.gateway());
            // Who begins differs from round to round.
            let withdraws = number == (round * 3) % 8;
            racing.spawn(async move {
                let ask = if withdraws { taking_back(id, &["hanako-1"]) } else { get(&inbox_content(id)) };
                let client = if withdraws { gateway } else { app };
                (withdraws, client.send(ask).await.unwrap())
            });
        }
        let answers = racing.join_all().await;
        let withdrawn = answers.iter().any(|(withdraws, answer)| *withdraws && answer.status == 200);
        let given: Vec<_> = answers.iter().filter(|(withdraws, _)| !withdraws).map(|(_, answer)| answer).collect();
        let news = world.news(id).await;
        if withdrawn {
            withdrawn_first += 1;
            assert!(given.iter().all(|answer| answer.status == 410), "{given:?}");
            assert_eq!(news, ["relayed", "withdrawn", "deleted"]);
            assert_eq!(world.delivery(id).await.state, DeliveryState::Withdrawn);
        } else {
            fetched_first += 1;
            assert!(given.iter().all(|answer| answer.status == 200 && answer.body == bytes), "{given:?}");
            assert_eq!((news.len(), count(&news, "fetched hanako-1"), count(&news, "fetched taro-2")), (3, 1, 1));
        }
    }
    assert_eq!(fetched_first + withdrawn_first, ROUNDS);
}

#[tokio::test(flavor = "multi_thread")]
async fn taken_back_or_deposited_and_never_both() {
    let world = World::start().await;
    for round in 0..ROUNDS {
        let (id, gateway, other) = (world.id(), world.gateway(), world.gateway());
        let size = if round % 2 == 0 { 700 } else { 1_050_000 };
        let deposit = tokio::spawn(async move { gateway.send(whole(id, &["hanako-1"], size)).await.unwrap() });
        if round % 3 == 0 {
            tokio::task::yield_now().await;
        }
        let withdraw = tokio::spawn(async move { other.send(taking_back(id, &["hanako-1"])).await.unwrap() });
        let (deposited, withdrawn) = (deposit.await.unwrap(), withdraw.await.unwrap());
        assert_eq!(withdrawn.status, 200, "nobody can have fetched it");
        assert!([201, 410].contains(&deposited.status.as_u16()), "{deposited:?}");
        let news = world.news(id).await;
        let expected: &[&str] =
            if deposited.status == 201 { &["relayed", "withdrawn", "deleted"] } else { &["withdrawn"] };
        assert_eq!(news, expected, "round {round}");
        assert!(world.inbox(&world.hanako).await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_user_has_fetched_it_or_was_dropped_before() {
    let world = World::start().await;
    for round in 0..4 {
        let user = format!("racer-{round}");
        let racer = world.relay.user(&world.union, &user).await;
        let ids = [world.deposit(&[&user, "hanako-1"], 700).await, world.deposit(&[&user], 700).await];
        let mut racing = JoinSet::new();
        for id in ids {
            let app = world.app(&racer);
            racing
                .spawn(async move { app.send(get(&inbox_content(id))).await.is_ok_and(|answer| answer.status == 200) });
        }
        let gateway = world.gateway();
        let path = format!("/union/v1/users/{user}/disable");
        let disable = json(Method::POST, &path, &DisableUser { at: world.relay.clock.now() });
        let disabled = tokio::spawn(async move { gateway.send(disable).await.unwrap() });
        racing.join_all().await;
        assert_eq!(disabled.await.unwrap().status, 200);
        for id in ids {
            let news = world.news(id).await;
            let dropped = format!("dropped {user}");
            assert_eq!(news.last(), Some(&dropped), "nothing of this user comes after it");
            assert!(news.len() == 2 || news[1] == format!("fetched {user}"), "{news:?}");
        }
        assert_eq!(
            world.withdraw(ids[0], &[]).await.status == 200,
            world.news(ids[0]).await[1] != format!("fetched {user}")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn its_time_is_over_once_however_many_ask() {
    let world = World::start_with(|config| config.deliveries.reminder_days = vec![]).await;
    let ids = [world.deposit(&["hanako-1"], 700).await, world.deposit(&["hanako-1"], 700).await];
    world.relay.clock.advance(SignedDuration::from_hours(24 * 14));
    let app = Arc::clone(&world.relay.running().app);
    let mut racing = JoinSet::new();
    for number in 0..6 {
        let (app, gateway, user) = (Arc::clone(&app), world.gateway(), world.app(&world.hanako));
        racing.spawn(async move {
            match number % 3 {
                0 => assert_eq!(end_deliveries(&app).await, Ok(())),
                1 => assert_eq!(gateway.send(taking_back(ids[0], &[])).await.unwrap().status, 200),
                _ => assert_eq!(user.send(get(&inbox_content(ids[1]))).await.unwrap().status, 410),
            }
        });
    }
    racing.join_all().await;
    for id in ids {
        assert_eq!(world.news(id).await, ["relayed", "expired"]);
    }
    assert_eq!(world.withdrawals(&world.hanako).await.len(), 1);
}
