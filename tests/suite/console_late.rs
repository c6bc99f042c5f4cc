//! What comes late at the console: whoever was shut out while a form was on its way has done nothing by it.

use hyper::StatusCode;
use kenpo_express::domain::staff::Role;
use kenpo_express::store::gateway::messages::{self, State};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::console_support::{Browser, ConsoleWorld, PASSWORD, between, leads, text};

/// Sends a form whose content comes after `meanwhile`: when the server asks for it, it has looked at who sends. Answers the status and the page.
async fn late(browser: &mut Browser, path: &str, fields: &str, meanwhile: impl Future<Output = ()>) -> (u16, String) {
    let form = format!("csrf={}&{fields}", browser.csrf);
    let mut line = browser.raw().await;
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncookie: {}\r\nsec-fetch-site: same-origin\r\nexpect: 100-continue\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        browser.cookie(),
        form.len()
    );
    line.write_all(head.as_bytes()).await.unwrap();
    let mut asked = [0; 25];
    line.read_exact(&mut asked).await.unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    meanwhile.await;
    line.write_all(form.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // The end of TLS may be missing; the answer has a length.
    let _ = line.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    (answer[9..12].parse().unwrap(), answer)
}

#[tokio::test]
async fn whoever_is_shut_out_meanwhile_decides_nothing() {
    let world = ConsoleWorld::start().await;
    let mut sender = world.world.sender("yamada-1").await;
    let id = world.receive(&mut sender, b"x").await;
    let state = async || {
        let mut reader = world.gateway.receiver.database.reader().await.unwrap();
        messages::find(&mut reader, id).await.unwrap().unwrap().state
    };
    let path = format!("/received/{id}/accept");
    let admin = world.admin();
    let name = |name: &str| name.parse().unwrap();
    for (who, what) in [("mori", "disabled"), ("sato", "signed out"), ("kato", "another role")] {
        let mut browser = world.staff(who, Role::Clerk).await.browser;
        browser.get("/account").await;
        let answer = late(&mut browser, &path, "", async {
            match what {
                "disabled" => drop(admin.disable_staff(&name(who)).await.unwrap()),
                "signed out" => admin.end_staff_sessions(&name(who)).await.unwrap(),
                _ => drop(admin.set_staff_role(&name(who), Role::Auditor).await.unwrap()),
            }
        });
        let (status, page) = answer.await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{what}");
        assert!(page.contains("ログインの状態が変わったため"), "{what}");
        assert_eq!(state().await, State::Archived, "{what}");
    }
    let mut clerk = world.staff("suzuki", Role::Clerk).await.browser;
    clerk.get("/account").await;
    assert_eq!(late(&mut clerk, &path, "", async {}).await.0, StatusCode::SEE_OTHER);
    assert_eq!(state().await, State::Accepted);
}

#[tokio::test]
async fn a_sign_in_that_was_ended_meanwhile_is_not_gone_on_with() {
    let world = ConsoleWorld::start().await;
    let secret = world.staff("suzuki", Role::Clerk).await.secret;
    world.wait(30);
    let mut thief = world.browser();
    thief.sign_in("suzuki", PASSWORD).await;
    thief.get("/sign-in/code").await;
    let code = format!("code={}", world.code(&secret));
    let admin = world.admin();
    let ends = async { admin.end_staff_sessions(&"suzuki".parse().unwrap()).await.unwrap() };
    assert_eq!(late(&mut thief, "/sign-in/code", &code, ends).await.0, StatusCode::FORBIDDEN);
    assert!(!thief.is_in().await);
}

#[tokio::test]
async fn a_second_factor_that_is_set_up_is_not_replaced_by_whoever_was_slower() {
    let world = ConsoleWorld::start().await;
    world.account("suzuki", Role::Clerk).await;
    let (mut owner, mut other) = (world.browser(), world.browser());
    for browser in [&mut owner, &mut other] {
        assert_eq!(leads(&browser.sign_in("suzuki", PASSWORD).await), "/sign-in/factor");
    }
    let page = text(&other.get("/sign-in/factor").await);
    let theirs = between(&page, "id=\"key\">", "<").unwrap();
    let code = format!("code={}", world.code(&theirs));
    let mut secret = String::new();
    let sets_up = async { secret = owner.set_up(&world).await.0 };
    assert_eq!(late(&mut other, "/sign-in/factor", &code, sets_up).await.0, StatusCode::FORBIDDEN);
    assert!(!other.is_in().await && owner.is_in().await);
    world.wait(30);
    let mut again = world.browser();
    again.sign_in("suzuki", PASSWORD).await;
    assert_eq!(leads(&again.code(&world.code(&secret)).await), "/");
}
