//! Who guesses at the console's sign-in holds nobody up but themselves.

use std::net::IpAddr;

use hyper::StatusCode;
use kenpo_express::domain::staff::Role;

use crate::console_support::{ConsoleWorld, PASSWORD, Somebody, leads};

fn address(last: u8) -> IpAddr {
    IpAddr::from([127, 0, 0, last])
}

#[tokio::test]
async fn one_machine_keeps_nobody_out() {
    let world = ConsoleWorld::start().await;
    let Somebody { secret, browser: mut suzuki } = world.staff("suzuki", Role::Clerk).await;
    suzuki.get("/account").await;
    suzuki.post("/sign-out", &[]).await;
    let mut stranger = world.browser_at(address(2));
    let mut statuses = Vec::new();
    for _ in 0..40 {
        statuses.push(stranger.sign_in("suzuki", "a guess that is long").await.status);
    }
    assert_eq!(statuses.iter().filter(|status| **status == StatusCode::UNAUTHORIZED).count(), 5, "{statuses:?}");
    // For the account there is a wait now, and it is not for a browser that suzuki has signed in with before.
    assert_eq!(world.browser().sign_in("suzuki", PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(leads(&suzuki.sign_in("suzuki", PASSWORD).await), "/sign-in/code");
    // The stranger has used up what the address may try: nothing more counts against anybody.
    world.account("sato", Role::Officer).await;
    for _ in 0..10 {
        assert_eq!(stranger.sign_in("sato", "a guess that is long").await.status, StatusCode::TOO_MANY_REQUESTS);
    }
    assert_eq!(leads(&world.browser().sign_in("sato", PASSWORD).await), "/sign-in/factor");
    world.wait(30);
    assert_eq!(leads(&suzuki.code(&world.code(&secret)).await), "/");
    assert_eq!(leads(&world.browser().sign_in("suzuki", PASSWORD).await), "/sign-in/code", "15 seconds are over");
    // Whatever the keyboard was set to.
    assert_eq!(leads(&world.browser().sign_in(" Ｓato ", PASSWORD).await), "/sign-in/factor");
}

#[tokio::test]
async fn a_known_browser_opens_one_account_and_is_no_way_to_guess_either() {
    let world = ConsoleWorld::start().await;
    let mut suzuki = world.staff("suzuki", Role::Clerk).await.browser;
    world.account("sato", Role::Officer).await;
    let mut expected = vec![StatusCode::UNAUTHORIZED; 5];
    expected.push(StatusCode::TOO_MANY_REQUESTS);
    for name in ["suzuki", "sato"] {
        let mut statuses = Vec::new();
        for _ in 0..6 {
            statuses.push(suzuki.sign_in(name, "a guess that is long").await.status);
        }
        assert_eq!(statuses, expected, "{name}");
    }
    assert_eq!(
        leads(&world.browser().sign_in("suzuki", PASSWORD).await),
        "/sign-in/code",
        "from elsewhere nobody has tried"
    );
    assert_eq!(world.browser().sign_in("sato", PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn with_an_account_of_their_own_nobody_guesses_for_ever() {
    let world = ConsoleWorld::start().await;
    let Somebody { secret, browser: mut own } = world.staff("mori", Role::Reader).await;
    for number in 0..10 {
        world.account(&format!("clerk-{number}"), Role::Clerk).await;
    }
    let mut looked_at = 0;
    for round in 0..10 {
        for _ in 0..4 {
            let answer = own.sign_in(&format!("clerk-{round}"), "a guess that is long").await;
            looked_at += usize::from(answer.status == StatusCode::UNAUTHORIZED);
        }
        world.wait(30);
        if leads(&own.sign_in("mori", PASSWORD).await) == "/sign-in/code" {
            own.code(&world.code(&secret)).await;
        }
    }
    // Twenty, and those between which there was a wait.
    assert!((15..25).contains(&looked_at), "{looked_at}");
}
