//! Signing in at the console: both factors, sessions, throttling, forms that come from elsewhere.

use hyper::StatusCode;
use kenpo_express::domain::staff::Role;
use kenpo_express::store::gateway::audit;
use zeroize::Zeroizing;

use crate::console_support::{ConsoleWorld, PASSWORD, Somebody, between, leads, text};

const COOKIE: &str = "__Host-kx-session";

#[tokio::test]
async fn whoever_comes_first_chooses_a_password_and_sets_the_second_factor_up() {
    let world = ConsoleWorld::start().await;
    let made = world.admin().add_staff("suzuki".parse().unwrap(), Role::Clerk, None).await.unwrap();
    let initial = made.password.unwrap();
    let mut browser = world.browser();
    // A page that was asked for is where it ends.
    assert_eq!(leads(&browser.get("/received?state=archived").await), "/sign-in?next=%2Freceived%3Fstate%3Darchived");
    let next = ("next", "/received?state=archived");
    let answer = browser.post("/sign-in", &[("name", "suzuki"), ("password", &initial), next]).await;
    assert_eq!(leads(&answer), "/sign-in/password?next=%2Freceived%3Fstate%3Darchived");
    let cookie = answer.header("set-cookie").unwrap();
    for said in ["__Host-kx-session=", "; Path=/", "; Secure", "; HttpOnly", "; SameSite=Strict"] {
        assert!(cookie.contains(said), "{cookie}");
    }
    // Nothing else is shown before it is done, and no step is left out.
    for page in ["/", "/received", "/account", "/sign-in/factor", "/sign-in/code"] {
        assert!(leads(&browser.get(page).await).starts_with("/sign-in/password"), "{page}");
    }
    browser.get("/sign-in/password").await;
    let change = |now: &str, new: &str, again: &str| {
        [("now", now), ("new", new), ("again", again)].map(|(name, value)| (name, value.to_owned()))
    };
    for (fields, status) in [
        (change("wrong", "another long one", "another long one"), StatusCode::UNAUTHORIZED),
        (change(&initial, "short", "short"), StatusCode::UNPROCESSABLE_ENTITY),
        (change(&initial, "another long one", "another long two"), StatusCode::UNPROCESSABLE_ENTITY),
        (change(&initial, &initial, &initial), StatusCode::UNPROCESSABLE_ENTITY),
        (change(&initial, "another long one", "another long one"), StatusCode::SEE_OTHER),
    ] {
        let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
        assert_eq!(browser.post("/sign-in/password", &fields).await.status, status);
    }
    assert!(leads(&browser.get("/").await).starts_with("/sign-in/factor"));
    browser.set_up(&world).await;
    assert!(browser.is_in().await);
    let entries = audit::list(world.gateway.receiver.database.read(), None, 20).await.unwrap();
    let did: Vec<_> = entries.iter().rev().map(|entry| (entry.action.as_str(), entry.origin.as_str())).collect();
    assert_eq!(
        did,
        [
            ("staff.added", ""),
            ("staff.sign-in-refused", "127.0.0.1"),
            ("staff.password", "127.0.0.1"),
            ("staff.factor-set", "127.0.0.1"),
            ("staff.signed-in", "127.0.0.1"),
        ]
    );
}

#[tokio::test]
async fn a_code_is_accepted_once_and_a_recovery_code_too() {
    let world = ConsoleWorld::start().await;
    world.account("suzuki", Role::Clerk).await;
    let mut browser = world.browser();
    browser.sign_in("suzuki", PASSWORD).await;
    let (secret, recovery) = browser.set_up(&world).await;
    let mut other = world.browser();
    assert_eq!(leads(&other.sign_in("suzuki", PASSWORD).await), "/sign-in/code");
    // The code that the set-up was done with is used up.
    assert_eq!(other.code(&world.code(&secret)).await.status, StatusCode::UNAUTHORIZED);
    assert!(!other.is_in().await);
    world.wait(30);
    let code = world.code(&secret);
    assert_eq!(leads(&other.code(&code).await), "/");
    assert!(other.is_in().await);
    // Seen over the shoulder, it is worth nothing.
    let mut third = world.browser();
    third.sign_in("suzuki", PASSWORD).await;
    assert_eq!(third.code(&code).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(leads(&third.code(&recovery[3].to_uppercase()).await), "/");
    assert!(third.is_in().await);
    assert!(text(&third.get("/account").await).contains("9 / 10"));
    let mut fourth = world.browser();
    fourth.sign_in("suzuki", PASSWORD).await;
    assert_eq!(fourth.code(&recovery[3]).await.status, StatusCode::UNAUTHORIZED);
    assert!(!fourth.is_in().await);
}

#[tokio::test]
async fn a_token_from_before_the_sign_in_is_worth_nothing_after_it() {
    let world = ConsoleWorld::start().await;
    let Somebody { secret, browser: mut attacker } = world.staff("suzuki", Role::Clerk).await;
    // One that the attacker made up.
    let mut victim = world.browser();
    victim.cookies.insert(COOKIE.to_owned(), "chosen-by-somebody-else".to_owned());
    victim.sign_in("suzuki", PASSWORD).await;
    let first = victim.cookies[COOKIE].clone();
    assert_ne!(first, "chosen-by-somebody-else");
    world.wait(30);
    victim.code(&world.code(&secret)).await;
    let second = victim.cookies[COOKIE].clone();
    assert_ne!(first, second);
    for old in ["chosen-by-somebody-else", &first] {
        attacker.cookies.insert(COOKIE.to_owned(), old.to_owned());
        assert!(!attacker.is_in().await, "{old}");
    }
    assert!(victim.is_in().await);
    // One of the attacker's own that was planted: the sign-in ends it.
    attacker.sign_in("suzuki", PASSWORD).await;
    let planted = attacker.cookies[COOKIE].clone();
    victim.cookies.insert(COOKIE.to_owned(), planted);
    victim.sign_in("suzuki", PASSWORD).await;
    assert!(leads(&attacker.get("/sign-in/code").await).starts_with("/sign-in?"));
}

#[tokio::test]
async fn unknown_and_known_accounts_get_the_same_answer_and_guessing_takes_longer_and_longer() {
    let world = ConsoleWorld::start().await;
    world.account("suzuki", Role::Clerk).await;
    let mut seen = Vec::new();
    for name in ["suzuki", "nobody", "not a name"] {
        let mut statuses = Vec::new();
        let mut pages = Vec::new();
        for _ in 0..7 {
            let mut browser = world.browser();
            let answer = browser.sign_in(name, "a wrong password").await;
            assert!(answer.header("set-cookie").is_none());
            statuses.push(answer.status);
            pages.push(text(&answer).replace(name, "NAME"));
        }
        seen.push((statuses, pages));
    }
    let mut expected = vec![StatusCode::UNAUTHORIZED; 5];
    expected.extend([StatusCode::TOO_MANY_REQUESTS; 2]);
    assert_eq!(seen[0].0, expected);
    assert!(seen[0] == seen[1] && seen[1] == seen[2]);
    // Not even the right password, before the time is over.
    assert_eq!(world.browser().sign_in("suzuki", PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS);
    world.wait(15);
    assert_eq!(world.browser().sign_in("suzuki", PASSWORD).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn guessing_codes_takes_longer_and_longer_too() {
    let world = ConsoleWorld::start().await;
    let Somebody { secret, .. } = world.staff("suzuki", Role::Clerk).await;
    world.wait(30);
    let mut browser = world.browser();
    browser.sign_in("suzuki", PASSWORD).await;
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(browser.code("000000").await.status);
    }
    assert_eq!(statuses.iter().filter(|status| **status == StatusCode::UNAUTHORIZED).count(), 4, "{statuses:?}");
    assert_eq!(browser.code(&world.code(&secret)).await.status, StatusCode::TOO_MANY_REQUESTS);
    // A new sign-in does not begin the count anew.
    assert_eq!(world.browser().sign_in("suzuki", PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_form_from_elsewhere_changes_nothing() {
    let world = ConsoleWorld::start().await;
    let Somebody { mut browser, .. } = world.staff("suzuki", Role::Clerk).await;
    let mut tanaka = world.staff("tanaka", Role::Clerk).await.browser;
    tanaka.get("/account").await;
    browser.get("/account").await;
    let own = browser.csrf.clone();
    for (site, csrf) in [
        ("cross-site", own.as_str()),
        ("same-site", &own),
        ("none", &own),
        ("same-origin", ""),
        ("same-origin", "0000"),
        ("same-origin", &tanaka.csrf),
    ] {
        (browser.site, browser.csrf) = (site, csrf.to_owned());
        let answer = browser.post("/account/sessions/end-others", &[]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{site} {csrf}");
        assert!(text(&answer).contains("何も変更されていません"));
    }
    // Also where nobody is signed in: another site must not sign a browser in.
    let mut outside = world.browser();
    outside.site = "cross-site";
    assert_eq!(outside.sign_in("suzuki", PASSWORD).await.status, StatusCode::FORBIDDEN);
    (browser.site, browser.csrf) = ("same-origin", own);
    assert_eq!(browser.post("/account/sessions/end-others", &[]).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn another_site_has_nobody_look_at_a_file() {
    let world = ConsoleWorld::start().await;
    let Somebody { mut browser, .. } = world.staff("suzuki", Role::Clerk).await;
    let id = world.receive(&mut world.world.sender("yamada-1").await, b"x").await;
    // A link from there comes without the cookie, and what the page then asks for has it.
    let cookies = std::mem::take(&mut browser.cookies);
    browser.site = "cross-site";
    let own = format!("/received/{id}");
    for (path, leads) in [
        (own.clone(), "content=\"0\"".to_owned()),
        (format!("{own}/file"), format!("content=\"0; url={own}\"")),
        (format!("{own}/preview"), format!("content=\"0; url={own}\"")),
    ] {
        let answer = browser.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(text(&answer).contains(&leads), "{path}: {}", text(&answer));
    }
    (browser.site, browser.cookies) = ("same-origin", cookies);
    assert!(browser.is_in().await);
}

#[tokio::test]
async fn sessions_end_by_themselves_and_by_hand() {
    let world = ConsoleWorld::start().await;
    let Somebody { mut browser, secret } = world.staff("suzuki", Role::Clerk).await;
    // Nobody used it for half an hour.
    world.wait(29 * 60);
    assert!(browser.is_in().await);
    world.wait(29 * 60);
    assert!(browser.is_in().await);
    world.wait(31 * 60);
    assert!(!browser.is_in().await);
    // However busy, not longer than ten hours.
    let sign_in = async || {
        world.wait(30);
        let mut browser = world.browser();
        browser.sign_in("suzuki", PASSWORD).await;
        assert_eq!(leads(&browser.code(&world.code(&secret)).await), "/");
        browser
    };
    let mut busy = sign_in().await;
    for _ in 0..30 {
        assert!(busy.is_in().await);
        world.wait(20 * 60);
    }
    assert!(!busy.is_in().await);
    // Listed, and ended from another one.
    let (mut here, mut there) = (sign_in().await, sign_in().await);
    let page = text(&here.get("/account").await);
    let end = between(&page, "action=\"/account/sessions/", "/end\"").unwrap();
    assert_eq!(leads(&here.post(&format!("/account/sessions/{end}/end"), &[]).await), "/account?done=session");
    assert!(!there.is_in().await && here.is_in().await);
    assert_eq!(here.post("/account/sessions/99999/end", &[]).await.status, StatusCode::NOT_FOUND);
    // Nobody ends somebody else's.
    let mut tanaka = world.staff("tanaka", Role::Officer).await.browser;
    tanaka.get("/account").await;
    let own = world.gateway.receiver.database.read();
    let name = "suzuki".parse().unwrap();
    let all = kenpo_express::store::gateway::staff_sessions::of_staff(own, &name).await.unwrap();
    let number = all[0].number;
    let answer = tanaka.post(&format!("/account/sessions/{number}/end"), &[]).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(here.is_in().await);
    // Signing out, a new password, a shut account.
    here.get("/account").await;
    let mut copy = here.clone();
    here.post("/sign-out", &[]).await;
    assert!(!copy.is_in().await);
    let mut again = sign_in().await;
    let password = Some(Zeroizing::new(PASSWORD.to_owned()));
    world.admin().set_staff_password(name.clone(), password).await.unwrap();
    assert!(!again.is_in().await);
    let mut last = sign_in().await;
    world.admin().disable_staff(&name).await.unwrap();
    assert!(!last.is_in().await);
    assert_eq!(world.browser().sign_in("suzuki", PASSWORD).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn whoever_has_lost_the_phone_sets_the_second_factor_up_anew() {
    let world = ConsoleWorld::start().await;
    let Somebody { mut browser, secret } = world.staff("suzuki", Role::Clerk).await;
    world.admin().reset_staff_factor(&"suzuki".parse().unwrap()).await.unwrap();
    assert!(!browser.is_in().await);
    world.wait(30);
    let mut anew = world.browser();
    assert_eq!(leads(&anew.sign_in("suzuki", PASSWORD).await), "/sign-in/factor");
    let (other, _) = anew.set_up(&world).await;
    assert!(other != secret && anew.is_in().await);
}
