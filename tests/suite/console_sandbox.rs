//! The console as somebody meets it who has just started the sandbox: the real program, a real browser, a union's week. And the pictures of the
//! README.

use std::fs;
use std::path::Path;

use kenpo_express::domain::clock::Clock;
use kenpo_express::runtime::clock::SystemClock;

use crate::browser::Window;
use crate::console_browser::{SMALL, look};
use crate::console_support::{between, code_at};
use crate::exchange_support::{Folder, json};

/// The README shows this page; its picture is made anew when that is asked for.
async fn in_readme(window: &Window, name: &str) {
    let (house, picture) = (Path::new(env!("CARGO_MANIFEST_DIR")), format!("docs/pictures/console-{name}.png"));
    let readme = fs::read_to_string(house.join("README.md")).unwrap();
    assert!(readme.contains(&picture), "the README does not show {picture}");
    if std::env::var("KX_PICTURES").is_ok_and(|said| said == "write") {
        window.picture_at(&house.join(&picture)).await;
    }
    assert!(house.join(&picture).exists(), "{picture}");
}

/// The pictures of the README are made anew by `KX_PICTURES=write`; in any case the pages that they show are there.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_starts_the_sandbox_finds_a_week_to_work_on() {
    let folder = Folder::new();
    let _sandbox = folder.stay_up();
    let said = fs::read_to_string(folder.path("sandbox.out")).unwrap();
    let port = between(&said, "    https://127.0.0.1:", "/\n").unwrap();
    let (address, password) = (
        format!("https://127.0.0.1:{port}"),
        fs::read_to_string(folder.path("sandbox/gateway/console-password.txt")).unwrap(),
    );
    let window = Window::open(SMALL, false).await;
    window.go(&format!("{address}/")).await;
    window.fill("#name", "suzuki").await;
    window.fill("#password", password.trim()).await;
    window.click("button.main").await;
    window.arrive("/sign-in/factor").await;
    let secret = between(&window.driver.source().await.unwrap(), "id=\"key\">", "<").unwrap();
    window.fill("#code", &code_at(&secret, SystemClock.now())).await;
    window.click("button.main").await;
    window.wait(".codes").await;
    window.click("a.main").await;
    window.wait(".tiles").await;
    for (name, path, there) in [
        ("dashboard", "/", ".tiles"),
        ("received", "/received?state=archived", "[data-row]"),
        ("sent", "/sent", "main table"),
        ("expected", "/expected", "main table"),
        ("audit", "/audit", "main table"),
        ("settings", "/settings/staff/tanaka", "main h1"),
    ] {
        window.go(&format!("{address}{path}")).await;
        window.wait(there).await;
        look(&window, &format!("sandbox-{name}")).await;
        in_readme(&window, name).await;
    }
    // Who sent what is said by name.
    window.go(&format!("{address}/received")).await;
    let page = window.driver.source().await.unwrap();
    assert!(page.contains("<bdi>架空　健太</bdi> <small>kenta-1</small>"), "{page}");
    // The morning's work: the first new one, looked into and accepted, leads to the next.
    window.go(&format!("{address}/received?state=archived")).await;
    window.click("[data-row] a").await;
    window.arrive("/received/").await;
    window.press("p").await;
    window.wait("iframe.preview").await;
    in_readme(&window, "one").await;
    let page = window.driver.source().await.unwrap();
    assert!(page.contains("試験　幸子（sachiko-1@06999999.kx）"), "{page}");
    let before = window.address().await;
    window.press("a").await;
    window.leave_from(&before).await;
    window.wait("[role=status]").await;
    let received = json(&folder.run("kx-gateway", &["received", "list", "--json", "--limit", "100"]));
    let id = before.split(['?', '#']).next().unwrap().rsplit('/').next().unwrap();
    let accepted = received.iter().find(|one| one["id"] == id).unwrap();
    assert_eq!(accepted["state"], "accepted");
    window.close().await;
}
