//! One's own account at the console: another second factor in the place of the present one.

use hyper::StatusCode;
use kenpo_express::domain::staff::Role;
use kenpo_express::store::gateway::audit;

use crate::browser::Window;
use crate::console_browser::{SMALL, look, sign_in};
use crate::console_support::{Browser, ConsoleWorld, PASSWORD, Somebody, between, leads, text};

/// Whether somebody signs in with this code from a browser of their own.
async fn signs_in(world: &ConsoleWorld, code: &str) -> bool {
    let mut browser = world.browser();
    assert_eq!(leads(&browser.sign_in("suzuki", PASSWORD).await), "/sign-in/code");
    browser.code(code).await;
    browser.is_in().await
}

/// Shows password and code; the key that the new app is given.
async fn begin(browser: &mut Browser, code: &str) -> String {
    browser.get("/account/factor").await;
    let answer = browser.post("/account/factor", &[("now", PASSWORD), ("code", code)]).await;
    assert_eq!(leads(&answer), "/account/factor", "{}", text(&answer));
    between(&text(&browser.get("/account/factor").await), "id=\"key\">", "<").expect("a key to type")
}

#[tokio::test]
async fn another_phone_takes_the_place_of_the_first_when_it_has_shown_a_code() {
    let world = ConsoleWorld::start().await;
    world.account("suzuki", Role::Clerk).await;
    let mut browser = world.browser();
    browser.sign_in("suzuki", PASSWORD).await;
    let (secret, recovery) = browser.set_up(&world).await;
    world.wait(30);
    let mut elsewhere = world.browser();
    elsewhere.sign_in("suzuki", PASSWORD).await;
    elsewhere.code(&world.code(&secret)).await;
    assert!(elsewhere.is_in().await);
    world.wait(30);
    assert!(text(&browser.get("/account").await).contains("href=\"/account/factor\""));

    // Whoever finds the session open comes no further.
    let page = text(&browser.get("/account/factor").await);
    assert!(!page.contains("id=\"key\"") && page.contains("name=\"now\""), "{page}");
    let late = browser.post("/account/factor/new", &[("code", "000000")]).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    let code = world.code(&secret);
    for (password, code) in [("a wrong password", code.as_str()), (PASSWORD, "000000"), (PASSWORD, "")] {
        let refused = browser.post("/account/factor", &[("now", password), ("code", code)]).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
        let page = text(&refused);
        assert!(page.contains("認証アプリは変更していません") && !page.contains("id=\"key\""), "{page}");
    }

    // The present one counts until the new one has shown a code, however often that is looked at.
    let new = begin(&mut browser, &code).await;
    assert_eq!(between(&text(&browser.get("/account/factor").await), "id=\"key\">", "<").as_deref(), Some(&*new));
    let wrong = browser.post("/account/factor/new", &[("code", "000000")]).await;
    assert!(wrong.status == StatusCode::UNAUTHORIZED && text(&wrong).contains(&new));
    world.wait(30);
    assert!(!signs_in(&world, &world.code(&new)).await);
    assert!(signs_in(&world, &world.code(&secret)).await);

    let before = browser.cookies["__Host-kx-session"].clone();
    browser.get("/account/factor").await;
    let done = browser.post("/account/factor/new", &[("code", &world.code(&new))]).await;
    let page = text(&done);
    let codes: Vec<&str> = page.split("<li><code>").skip(1).map(|rest| &rest[..19]).collect();
    assert_eq!((done.status, codes.len(), done.header("cache-control")), (StatusCode::OK, 10, Some("no-store")));
    assert!(!recovery.iter().any(|old| codes.contains(&old.as_str())));
    assert!(page.contains("href=\"/account?done=factor\""), "{page}");
    assert_ne!(browser.cookies["__Host-kx-session"], before);
    let account = text(&browser.get("/account?done=factor").await);
    assert!(account.contains("認証アプリを変更しました") && account.contains("10 / 10"), "{account}");

    // Nothing of before opens anything.
    assert!(!elsewhere.is_in().await);
    world.wait(30);
    assert!(!signs_in(&world, &world.code(&secret)).await);
    assert!(signs_in(&world, &world.code(&new)).await);
    assert!(!signs_in(&world, &recovery[0]).await);
    assert!(signs_in(&world, codes[0]).await);

    let entries = audit::of_subject(world.gateway.receiver.database.read(), "staff:suzuki", 50).await.unwrap();
    let set: Vec<_> = entries.iter().filter(|entry| entry.action == "staff.factor-set").collect();
    assert_eq!(set.iter().map(|entry| entry.after.as_str()).collect::<Vec<_>>(), ["another", ""]);
    assert!(set.iter().all(|entry| entry.origin == "127.0.0.1" && entry.actor == "staff:suzuki"));
    let refused = entries.iter().filter(|entry| entry.action == "staff.sign-in-refused");
    assert!(refused.filter(|entry| entry.after == "factor").count() >= 2);
}

#[tokio::test]
async fn whoever_breaks_off_or_takes_too_long_keeps_the_second_factor() {
    let world = ConsoleWorld::start().await;
    world.account("suzuki", Role::Clerk).await;
    let mut browser = world.browser();
    browser.sign_in("suzuki", PASSWORD).await;
    let (secret, recovery) = browser.set_up(&world).await;
    // Without the phone, by a recovery code, which is used up by it.
    let new = begin(&mut browser, &recovery[0]).await;
    world.wait(10 * 60);
    let page = text(&browser.get("/account/factor").await);
    assert!(!page.contains("id=\"key\"") && page.contains("name=\"now\""), "{page}");
    let late = browser.post("/account/factor/new", &[("code", &world.code(&new))]).await;
    assert!(late.status == StatusCode::CONFLICT && text(&late).contains("10分"));
    assert!(!signs_in(&world, &world.code(&new)).await);
    assert!(signs_in(&world, &world.code(&secret)).await);
    assert!(!signs_in(&world, &recovery[0]).await);
    assert!(text(&browser.get("/account").await).contains("9 / 10"));
    // Begun again, it is another one. Whoever cancels leaves nothing behind for somebody who finds the session.
    assert_ne!(begin(&mut browser, &recovery[1]).await, new);
    assert_eq!(leads(&browser.post("/account/factor/cancel", &[]).await), "/account");
    assert!(!text(&browser.get("/account/factor").await).contains("id=\"key\""));
    begin(&mut browser, &recovery[2]).await;
    // An officer who takes the second factor away ends this, too.
    world.admin().reset_staff_factor(&"suzuki".parse().unwrap()).await.unwrap();
    assert!(leads(&browser.post("/account/factor/new", &[("code", "000000")]).await).starts_with("/sign-in"));
}

#[tokio::test]
async fn guessing_at_ones_own_password_takes_longer_and_longer_here_too() {
    let world = ConsoleWorld::start().await;
    let Somebody { mut browser, secret } = world.staff("suzuki", Role::Clerk).await;
    world.wait(30);
    browser.get("/account/factor").await;
    let mut statuses = Vec::new();
    for _ in 0..6 {
        let fields = [("now", "a guess that is long"), ("code", "000000")];
        statuses.push(browser.post("/account/factor", &fields).await.status);
    }
    assert_eq!(statuses.iter().filter(|status| **status == StatusCode::UNAUTHORIZED).count(), 5, "{statuses:?}");
    let right = [("now", PASSWORD), ("code", &world.code(&secret))];
    assert_eq!(browser.post("/account/factor", &right).await.status, StatusCode::TOO_MANY_REQUESTS);
    world.wait(15);
    let right = [("now", PASSWORD), ("code", &world.code(&secret))];
    assert_eq!(leads(&browser.post("/account/factor", &right).await), "/account/factor");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_password_once_more_and_another_phone_are_walked_by_clicks() {
    let world = ConsoleWorld::start().await;
    let somebody = world.staff("suzuki", Role::Officer).await;
    world.account("sato", Role::Clerk).await;
    let window = Window::open(SMALL, false).await;
    sign_in(&world, &window, &somebody.secret).await;
    window.go(&format!("https://{}/settings/staff/sato", world.address)).await;
    window.click("details summary").await;
    window.click("form[action$='/disable'] button").await;
    window.wait("#own-password").await;
    look(&window, "again").await;
    window.fill("#own-password", "a guess that is long").await;
    window.click("button.main").await;
    window.wait("[role=alert]").await;
    look(&window, "again-wrong").await;
    window.fill("#own-password", PASSWORD).await;
    window.click("button.main").await;
    window.arrive("done=account-disabled").await;
    // Another phone.
    window.click(".person").await;
    window.click("a[href='/account/factor']").await;
    window.arrive("/account/factor").await;
    look(&window, "own-factor").await;
    world.wait(30);
    window.fill("#now", PASSWORD).await;
    window.fill("#code", &world.code(&somebody.secret)).await;
    window.click("button.main").await;
    window.wait("#key").await;
    look(&window, "own-factor-new").await;
    let key = window.wait("#key").await.text().await.unwrap();
    window.fill("#code", &world.code(&key)).await;
    window.click("button.main").await;
    window.wait(".codes").await;
    window.click("a.main").await;
    window.arrive("/account?done=factor").await;
    window.close().await;
}
