//! Every page of the route list in a real browser: small and large, light and dark, with pictures, and axe-core.

use std::fmt::Write as _;

use hyper::{Method, StatusCode};
use kenpo_express::domain::staff::Role;
use kenpo_express::domain::user::{DisableReason, UserState};
use kenpo_express::gateway::console::routes::{Access, routes};
use kenpo_express::gateway::flows::send::To;

use crate::browser::Window;
use crate::console_browser::{LARGE, SMALL, a_day, look, sign_in};
use crate::console_expected::{due_in, office};
use crate::console_support::{Browser, ConsoleWorld, Somebody};

/// A file in quarantine: its sender has left.
async fn quarantined(world: &ConsoleWorld) -> String {
    let mut stranger = world.world.sender("stranger").await;
    let id = world.world.send(&mut stranger, b"x");
    let left = UserState::Disabled { reason: DisableReason::Left, at: world.world.clock_now() };
    world.world.change_user("stranger", |user| user.state = left).await;
    world.world.pull().await;
    id.to_string()
}

/// What one office has sent and another one not, and is due soon; and what nobody has, and is overdue.
async fn expected(world: &ConsoleWorld) {
    office(world, "1235-B", "株式会社さくら製作所", "mori-4").await;
    for (name, part, days) in [("算定基礎届", "算定", 10), ("健診結果報告", "健診", -40)] {
        let expectation = due_in(world, name, part, days);
        assert!(world.admin().add_expectation(&expectation).await.unwrap().is_whole);
    }
    // The dashboard has them, too.
    world.wait(61);
    world.lookout.look().await.unwrap();
}

/// A file that was handed in.
async fn sent(world: &ConsoleWorld) -> String {
    let file = world.world.folder.path().join("決定通知書.pdf");
    std::fs::write(&file, b"content").unwrap();
    let to = [To::User("yamada-1".parse().unwrap())];
    world.admin().send(&to, None, &file, false).await.unwrap().id
}

/// Where the pages of the route list are, with a name for each, and some that look otherwise by what they are asked.
async fn pages(world: &ConsoleWorld, browser: &mut Browser) -> Vec<(String, String)> {
    let archived = a_day(world, 30).await[0].to_string();
    let quarantined = quarantined(world).await;
    let sent = sent(world).await;
    expected(world).await;
    let mut pages = Vec::new();
    // What never ends is followed by the page that has it.
    for route in routes().into_iter().filter(|route| route.method == Method::GET && !route.path.ends_with("/live")) {
        if !matches!(route.access, Access::Staff | Access::Duty(_)) {
            continue;
        }
        let id = match route.path.split("/{id}").next().unwrap() {
            "/received" => archived.as_str(),
            "/quarantine" => &quarantined,
            "/settings/staff" => "suzuki",
            "/people/users" => "yamada-1",
            "/people/offices" => "1234-A",
            "/sent" => &sent,
            "/expected" => "1",
            other if other == route.path => "",
            other => panic!("which {other}/{{id}} is to be looked at?"),
        };
        let mut address = route.path.replace("{id}", id);
        if address == "/sent/files" {
            address.push_str("?to=office%3A1234-A");
        }
        if address == "/received/decided" {
            write!(address, "?id={archived}&id={quarantined}").unwrap();
        }
        let answer = browser.get(&address).await;
        assert_eq!(answer.status, StatusCode::OK, "{address}");
        // What is hostile is shown in a frame without scripts, where nothing can be injected that looks at it.
        let is_sandboxed = answer.header("content-security-policy").is_some_and(|policy| policy.contains("sandbox"));
        if !is_sandboxed && answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html")) {
            let name = route.path.replace("/{id}", "-one").replace('/', "-");
            pages.push((name.trim_matches('-').to_owned(), address));
        }
    }
    for (name, address) in [
        ("received-quarantined", format!("/received/{quarantined}")),
        ("received-late", format!("/received/{archived}?late=decided")),
        ("expected-before", "/expected/1?on=2025-01-10".to_owned()),
        ("expected-overdue", "/expected/2".to_owned()),
        ("received-none", "/received?office=9999-Z".to_owned()),
        ("audit-access", "/audit?what=access&office=1234-A".to_owned()),
        ("audit-none", "/audit?who=nobody".to_owned()),
        ("trouble", "/nothing".to_owned()),
        ("english", "/?lang=en".to_owned()),
        ("english-audit", "/audit?lang=en".to_owned()),
        ("english-expected", "/expected?lang=en".to_owned()),
        ("english-settings", "/settings?lang=en".to_owned()),
    ] {
        pages.push((name.to_owned(), address));
    }
    pages
}

async fn walk(dark: bool) {
    let world = ConsoleWorld::start().await;
    let Somebody { mut browser, secret } = world.staff("suzuki", Role::Officer).await;
    let pages = pages(&world, &mut browser).await;
    for (size, name) in [(SMALL, "small"), (LARGE, "large")] {
        let window = Window::open(size, dark).await;
        sign_in(&world, &window, &secret).await;
        for (page, address) in &pages {
            window.go(&format!("https://{}{address}", world.address)).await;
            window.wait("body").await;
            let page = if page.is_empty() { "dashboard" } else { page };
            look(&window, &format!("{page}-{name}-{}", if dark { "dark" } else { "light" })).await;
        }
        let is_dark = window.run("return matchMedia('(prefers-color-scheme: dark)').matches").await;
        assert_eq!(is_dark.as_bool(), Some(dark));
        window.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_looked_at_in_the_light() {
    walk(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_looked_at_in_the_dark() {
    walk(true).await;
}
