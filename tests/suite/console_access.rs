//! Each role at each route of the console, and what every answer says to browsers.

use std::collections::{BTreeMap, BTreeSet};

use hyper::{Method, StatusCode};
use kenpo_express::domain::staff::Role;
use kenpo_express::gateway::console::routes::{Access, routes};
use kenpo_express::gateway::watch::rules::RULES;

use crate::console_support::{Browser, ConsoleWorld, PASSWORD, between, leads, text};

/// Who may ask for what, as the union's rules have it. A route that is not here fails the test.
const ALLOWED: &[(&str, &str, &[Role])] = &[
    ("GET", "/account", &Role::ALL),
    ("POST", "/account/password", &Role::ALL),
    ("GET", "/account/factor", &Role::ALL),
    ("POST", "/account/factor", &Role::ALL),
    ("POST", "/account/factor/new", &Role::ALL),
    ("POST", "/account/factor/cancel", &Role::ALL),
    ("POST", "/account/sessions/{id}/end", &Role::ALL),
    ("POST", "/account/sessions/end-others", &Role::ALL),
    ("GET", "/", SEEING),
    ("GET", "/live", SEEING),
    ("GET", "/consents", SEEING),
    ("POST", "/consents/{id}/agree", REVIEWING),
    ("POST", "/consents/{id}/refuse", REVIEWING),
    ("POST", "/consents/{id}/withdraw", REVIEWING),
    ("GET", "/people", SEEING),
    ("GET", "/people/new", MANAGING),
    ("POST", "/people/new", MANAGING),
    ("GET", "/people/import", MANAGING),
    ("POST", "/people/import", MANAGING),
    ("GET", "/people/rollover", SEEING),
    ("GET", "/people/offices", SEEING),
    ("GET", "/people/offices/{id}", SEEING),
    ("GET", "/people/new-office", MANAGING),
    ("POST", "/people/new-office", MANAGING),
    ("GET", "/people/users/{id}", SEEING),
    ("GET", "/people/users/{id}/live", SEEING),
    ("POST", "/people/users/{id}/letter", MANAGING),
    ("POST", "/people/users/{id}/link", MANAGING),
    ("POST", "/people/users/{id}/pin", MANAGING),
    ("POST", "/people/users/{id}/device", MANAGING),
    ("POST", "/people/users/{id}/disable", MANAGING),
    ("POST", "/people/users/{id}/enable", MANAGING),
    ("GET", "/people/lost", REVIEWING),
    ("GET", "/people/users/{id}/lost", MANAGING),
    ("POST", "/people/users/{id}/lost", MANAGING),
    ("GET", "/people/users/{id}/incident", SEEING),
    ("GET", "/people/users/{id}/incident/live", SEEING),
    ("GET", "/people/users/{id}/incident/report", SEEING),
    ("GET", "/expected", SEEING),
    ("POST", "/expected", MANAGING),
    ("GET", "/expected/{id}", SEEING),
    ("GET", "/expected/{id}/missing", SEEING),
    ("POST", "/expected/{id}/remove", MANAGING),
    ("GET", "/schedule", SEEING),
    ("GET", "/schedule/live", SEEING),
    ("GET", "/schedule/change", MANAGING),
    ("POST", "/schedule/change", MANAGING),
    ("POST", "/schedule/default", MANAGING),
    ("POST", "/schedule/run", MANAGING),
    ("POST", "/schedule/pause", MANAGING),
    ("POST", "/schedule/resume", MANAGING),
    ("POST", "/schedule/holidays", MANAGING),
    ("POST", "/schedule/holidays/{id}/remove", MANAGING),
    ("POST", "/schedule/blackouts", MANAGING),
    ("POST", "/schedule/blackouts/{id}/remove", MANAGING),
    ("GET", "/received", SEEING),
    ("GET", "/received/{id}", SEEING),
    ("POST", "/received/accept", REVIEWING),
    ("GET", "/received/decided", REVIEWING),
    ("POST", "/received/{id}/accept", REVIEWING),
    ("POST", "/received/{id}/return", REVIEWING),
    ("POST", "/received/{id}/flag", REVIEWING),
    ("POST", "/received/{id}/comment", REVIEWING),
    ("GET", "/received/{id}/preview", SEEING),
    ("GET", "/received/{id}/file", REVIEWING),
    ("POST", "/received/bundle", REVIEWING),
    ("GET", "/quarantine", SEEING),
    ("GET", "/quarantine/{id}", SEEING),
    ("POST", "/quarantine/{id}/return", REVIEWING),
    ("GET", "/sent", SEEING),
    ("GET", "/sent/new", REVIEWING),
    ("GET", "/sent/files", REVIEWING),
    ("POST", "/sent/files", REVIEWING),
    ("GET", "/sent/groups", SEEING),
    ("POST", "/sent/groups", REVIEWING),
    ("POST", "/sent/groups/remove", REVIEWING),
    ("GET", "/sent/{id}", SEEING),
    ("GET", "/sent/{id}/live", SEEING),
    ("POST", "/sent/{id}/approve", REVIEWING),
    ("POST", "/sent/{id}/recall", REVIEWING),
    ("POST", "/sent/{id}/remind", REVIEWING),
    ("GET", "/audit", AUDITING),
    ("POST", "/audit/export", AUDITING),
    ("GET", "/settings", GOVERNING),
    ("POST", "/settings/staff", GOVERNING),
    ("GET", "/settings/staff/{id}", GOVERNING),
    ("POST", "/settings/staff/{id}/role", GOVERNING),
    ("POST", "/settings/staff/{id}/password", GOVERNING),
    ("POST", "/settings/staff/{id}/factor", GOVERNING),
    ("POST", "/settings/staff/{id}/sessions", GOVERNING),
    ("POST", "/settings/staff/{id}/disable", GOVERNING),
    ("POST", "/settings/staff/{id}/enable", GOVERNING),
    ("GET", "/settings/tokens", GOVERNING),
    ("POST", "/settings/tokens", GOVERNING),
    ("POST", "/settings/tokens/{id}/revoke", GOVERNING),
    ("GET", "/settings/configuration", GOVERNING),
    ("POST", "/quarantine/{id}/release", REVIEWING),
];
const AUDITING: &[Role] = &[Role::Auditor, Role::Officer];
const GOVERNING: &[Role] = &[Role::Officer];
const SEEING: &[Role] = &[Role::Reader, Role::Clerk, Role::Manager, Role::Officer];
const REVIEWING: &[Role] = &[Role::Clerk, Role::Manager, Role::Officer];
const MANAGING: &[Role] = &[Role::Manager, Role::Officer];
/// Where nobody has to be signed in, or not wholly.
const OUTSIDE: &[&str] = &["/sign-in", "/sign-in/code", "/sign-in/password", "/sign-in/factor", "/sign-out"];

#[tokio::test]
async fn each_role_gets_what_it_is_for_and_nothing_else() {
    let world = ConsoleWorld::start().await;
    let mut staff = BTreeMap::new();
    for role in Role::ALL {
        staff.insert(role, world.staff(role.code(), role).await.browser);
    }
    let id = "0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f6";
    for route in routes() {
        if OUTSIDE.contains(&route.path) {
            assert!(matches!(route.access, Access::Open | Access::Step(_)), "{}", route.path);
            continue;
        }
        let key = (route.method.as_str(), route.path);
        let allowed = ALLOWED.iter().find(|(method, path, _)| (*method, *path) == key);
        let allowed: BTreeSet<Role> =
            allowed.unwrap_or_else(|| panic!("{key:?} is not in the table")).2.iter().copied().collect();
        let path = route.path.replace("{id}", id);
        for (role, browser) in &mut staff {
            if route.path.ends_with("/live") && allowed.contains(role) {
                // It would never end; the page that has it is looked at by a real browser.
                continue;
            }
            browser.get("/account").await;
            let answer = match route.method {
                Method::POST => browser.post(&path, &[("own-password", PASSWORD)]).await,
                _ => browser.get(&path).await,
            };
            let is_refused = answer.status == StatusCode::FORBIDDEN;
            assert_eq!(is_refused, !allowed.contains(role), "{role:?} {key:?}: {}", answer.status);
            assert!(answer.status != StatusCode::INTERNAL_SERVER_ERROR, "{key:?}");
            if is_refused {
                let (page, begins) = (text(&answer), if *role == Role::Auditor { "/audit" } else { "/" });
                assert!(page.contains("あなたの役割では"), "{key:?}");
                assert!(page.contains(&format!("<p><a href=\"{begins}\">")), "{role:?} is led on: {page}");
            }
            // Some of these end the session on purpose.
            assert!(leads(&browser.get("/account").await).is_empty(), "{role:?} was signed out by {key:?}");
        }
        let mut nobody = world.browser();
        let answer = match route.method {
            Method::POST => nobody.post(&path, &[]).await,
            _ => nobody.get(&path).await,
        };
        assert!(leads(&answer).starts_with("/sign-in"), "{key:?}: {}", answer.status);
    }
}

/// Asserts that this is a page of an error within the frame, in Japanese, with a way on.
async fn is_framed(browser: &mut Browser, path: &str, status: StatusCode, said: &str) {
    let answer = browser.get(path).await;
    assert_eq!(answer.status, status, "{path}");
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
    let page = text(&answer);
    for part in
        [said, "role=\"alert\"", "<nav class=\"side\"", "action=\"/sign-out\"", ">English</a>", "最初のページへ"]
    {
        assert!(page.contains(part), "{path}: {part}: {page}");
    }
}

#[tokio::test]
async fn whoever_is_lost_stays_within_the_frame() {
    let world = ConsoleWorld::start().await;
    let mut officer = world.staff("suzuki", Role::Officer).await.browser;
    let missing = "ページが見つかりません";
    for path in ["/nothing", "/received/a/b", "/people/", "/assets/none.css", "/%ff", "/nothing?lang=ja"] {
        is_framed(&mut officer, path, StatusCode::NOT_FOUND, missing).await;
    }
    let mut looked_at = 0;
    for route in routes() {
        let is_page = route.method == Method::GET && route.path.contains("{id}");
        // In a frame of its own.
        if !is_page || route.path.ends_with("/preview") {
            continue;
        }
        for unknown in ["0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f6", "nobody-1", "9999-Z", "%E7%84%A1", "a%20b"] {
            let path = route.path.replace("{id}", unknown);
            is_framed(&mut officer, &path, StatusCode::NOT_FOUND, missing).await;
            looked_at += 1;
        }
    }
    assert!(looked_at > 50, "{looked_at}");
    // An address that only takes forms, and one that somebody else's role is for.
    is_framed(&mut officer, "/received/accept", StatusCode::METHOD_NOT_ALLOWED, "受け付けられません").await;
    let mut auditor = world.staff("mori", Role::Auditor).await.browser;
    is_framed(&mut auditor, "/received", StatusCode::FORBIDDEN, "あなたの役割では").await;
    is_framed(&mut auditor, "/nothing", StatusCode::NOT_FOUND, missing).await;
    assert!(text(&auditor.get("/nothing?lang=en").await).contains("There is no such page."));
    // A form that is too old is refused within it, too.
    officer.csrf = "0000".to_owned();
    let refused = officer.post("/account/sessions/end-others", &[]).await;
    assert!(refused.status == StatusCode::FORBIDDEN && text(&refused).contains("<nav class=\"side\""));

    // Before the sign-in: nothing of the frame, and the way in.
    let mut nobody = world.browser();
    for path in ["/nothing", "/assets/none.css"] {
        let answer = nobody.get(path).await;
        let page = text(&answer);
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        assert!(page.contains(missing) && page.contains("href=\"/sign-in\""), "{page}");
        assert!(!page.contains("<nav") && !page.contains("/sign-out"), "{page}");
    }
    // A link in somebody's mail comes without the cookie: what the page then asks for has it.
    nobody.site = "cross-site";
    assert!(text(&nobody.get("/nothing").await).contains("http-equiv=\"refresh\""));
}

#[tokio::test]
async fn whoever_signs_in_anew_after_a_form_is_back_at_its_page() {
    let world = ConsoleWorld::start().await;
    let mut nobody = world.browser();
    let id = "0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f6";
    for (form, page) in [
        (format!("/received/{id}/return?state=archived"), format!("%2Freceived%2F{id}%3Fstate%3Darchived")),
        ("/received/accept?state=archived".to_owned(), "%2Freceived%3Fstate%3Darchived".to_owned()),
        ("/settings/tokens/kikan/revoke".to_owned(), "%2Fsettings%2Ftokens".to_owned()),
        ("/schedule/holidays/1/remove".to_owned(), "%2Fschedule".to_owned()),
        ("/sent/files?to=all".to_owned(), "%2Fsent%2Ffiles%3Fto%3Dall".to_owned()),
    ] {
        assert_eq!(leads(&nobody.post(&form, &[]).await), format!("/sign-in?next={page}"), "{form}");
    }
}

#[tokio::test]
async fn every_answer_says_what_browsers_must_keep_to() {
    let world = ConsoleWorld::start().await;
    let mut browser = world.staff("suzuki", Role::Officer).await.browser;
    let page = text(&browser.get("/").await);
    let assets: Vec<&str> = page.split('"').filter(|part| part.starts_with("/assets/")).collect();
    assert_eq!(assets.len(), 3, "{assets:?}");
    let mut first_view = page.len();
    for path in ["/", "/account", "/received", "/sign-in", "/nothing", "/received/none"].iter().chain(&assets) {
        let answer = browser.get(path).await;
        let policy = answer.header("content-security-policy").unwrap();
        for said in [
            "default-src 'none'",
            "script-src 'self'",
            "frame-ancestors 'none'",
            "form-action 'self'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(said), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
        let kept = answer.header("cache-control").unwrap();
        assert_eq!(
            kept,
            if assets.contains(path) { "public, max-age=31536000, immutable" } else { "no-store" },
            "{path}"
        );
        if assets.contains(path) {
            first_view += answer.body.len();
        } else {
            let page = text(&answer);
            assert!(!page.contains("<script>") && !page.contains(" style=") && !page.contains(" onclick="), "{path}");
            assert!(!page.contains("http://") || page.contains("http://www.w3.org"), "{path}");
        }
    }
    assert!(first_view < 100_000, "{first_view}");
    assert_eq!(browser.get("/nothing").await.status, StatusCode::NOT_FOUND);
    assert_eq!(browser.get("/assets/style.css").await.status, StatusCode::NOT_FOUND);
    // English by a switch that stays.
    assert!(text(&browser.get("/account?lang=en").await).contains("Where you are signed in"));
    assert!(text(&browser.get("/account").await).contains("<html lang=\"en\">"));
}

#[tokio::test]
async fn alerts_name_the_page_beside_the_command() {
    let world = ConsoleWorld::start().await;
    let mut browser = world.staff("suzuki", Role::Officer).await.browser;
    let page = text(&browser.get("/").await);
    let places = between(&page, "<nav", "</nav>").unwrap();
    for (command, place) in [
        ("received", "受信"),
        ("quarantine", "隔離"),
        ("sent", "送信"),
        ("user", "事業所・利用者"),
        ("schedule", "スケジュール"),
        ("keys", "設定"),
    ] {
        assert!(places.contains(&format!(">{place}<")), "{place} is in the navigation: {places}");
        let told: Vec<_> =
            RULES.iter().filter(|rule| rule.remedy.contains(&format!("kx-gateway {command} "))).collect();
        assert!(!told.is_empty(), "{command}");
        for rule in told {
            assert!(rule.remedy.contains(&format!("「{place}」")), "{}: {}", rule.code, rule.remedy);
        }
    }
}
