//! What somebody types at the console, in a real browser: the page around it waits, and words outlive the session.

use jiff::SignedDuration;
use kenpo_express::domain::ids::MessageId;
use kenpo_express::domain::staff::Role;
use kenpo_express::domain::user::DisableReason;
use kenpo_express::gateway::flows::orders;
use kenpo_express::store::gateway::messages::State;
use kenpo_express::store::gateway::reviews;
use serde_json::json;

use crate::browser::Window;
use crate::console_browser::{SMALL, look, sign_in_as};
use crate::console_support::{ConsoleWorld, PASSWORD, Somebody};

const WORDS: &str = "2枚目の保険者番号が違います。正しい番号で作り直して、もう一度お送りください。";

/// The script of a page has done what it does at first.
const READY: &str = "html[data-ready]";

/// Nobody touches anything for longer than a session lasts.
fn idle(world: &ConsoleWorld) {
    world.world.clock.advance(SignedDuration::from_mins(31));
}

/// Signs in where the sign-in is shown.
async fn sign_in_here(world: &ConsoleWorld, window: &Window, name: &str, secret: &str) {
    window.arrive("/sign-in").await;
    window.fill("#name", name).await;
    window.fill("#password", PASSWORD).await;
    window.click("button.main").await;
    window.arrive("/sign-in/code").await;
    world.wait(30);
    window.fill("#code", &world.code(secret)).await;
    window.click("button.main").await;
}

/// What the tab has of somebody's words.
async fn kept(window: &Window) -> String {
    window.run("return JSON.stringify({ ...sessionStorage })").await.as_str().unwrap().to_owned()
}

async fn open(world: &ConsoleWorld, window: &Window, id: MessageId) {
    window.go(&format!("https://{}/received/{id}?state=archived", world.address)).await;
    window.wait(READY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_waits_for_whoever_types_in_it_says_so_and_catches_up() {
    let world = ConsoleWorld::start().await;
    let Somebody { secret, .. } = world.staff("suzuki", Role::Manager).await;
    world.world.sender("yamada-1").await;
    let id = "yamada-1".parse().unwrap();
    world.admin().disable_user(&id, DisableReason::Left, None).await.unwrap();
    let window = Window::open(SMALL, false).await;
    sign_in_as(&world, &window, "suzuki", &secret).await;
    // What the page is told is heard here, too.
    let listens = "const add = EventSource.prototype.addEventListener;
        EventSource.prototype.addEventListener = function (kind, act) {
            return add.call(this, kind, (event) => { window.told = event.data; act(event); });
        };";
    let cdp = window.driver.cdp();
    cdp.send_raw("Page.addScriptToEvaluateOnNewDocument", json!({ "source": listens })).await.unwrap();
    window.go(&format!("https://{}/people/users/yamada-1", world.address)).await;
    let says = |words: &str| format!("document.querySelector('[data-live-state]').textContent.includes('{words}')");
    window.until(&says("自動更新中")).await;
    let top = "return document.querySelector('[data-live]').getBoundingClientRect().top + scrollY";
    let before = window.run(top).await;
    window.click("details:has(#why) summary").await;
    window.fill("#why", "本人から電話がありました").await;
    window.until(&says("入力中のため更新を止めています")).await;
    assert_eq!(window.run(top).await, before, "nothing moves under the mouse");
    look(&window, "live-held").await;
    // Meanwhile the KX server confirms. The page is told, and stays as it is under the fingers.
    let waits = "document.querySelector('[data-live] .line').textContent.includes('確認待ち')";
    assert_eq!(window.run(&format!("return {waits}")).await, true);
    orders::send_about(&world.world.receiver, &id).await.unwrap();
    window.until("window.told && !window.told.includes('確認待ち')").await;
    assert_eq!(window.run(&format!("return {waits}")).await, true, "the page has changed under the fingers");
    window.click("h1").await;
    window.until(&format!("!{waits}")).await;
    window.until(&says("自動更新中")).await;
    let typed = window.run("return document.getElementById('why').value").await;
    assert_eq!(typed, "本人から電話がありました", "and what was typed is still there");
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reason_outlives_the_session_that_it_was_typed_in() {
    let world = ConsoleWorld::start().await;
    let Somebody { secret, .. } = world.staff("suzuki", Role::Clerk).await;
    let id = world.receive(&mut world.world.sender("yamada-1").await, b"x").await;
    let window = Window::open(SMALL, false).await;
    sign_in_as(&world, &window, "suzuki", &secret).await;
    open(&world, &window, id).await;
    window.press("r").await;
    window.write(WORDS).await;
    idle(&world);
    window.click("details button").await;
    sign_in_here(&world, &window, "suzuki", &secret).await;
    // Back at the file, open where it was typed, and said to be from before.
    window.arrive(&format!("/received/{id}?state=archived")).await;
    window.until("document.querySelector('details[open] #reason')").await;
    assert_eq!(window.run("return document.getElementById('reason').value").await, WORDS);
    assert!(window.wait("#reason + [role=status]").await.text().await.unwrap().contains("戻しました"));
    look(&window, "brought-back").await;
    assert_eq!(world.world.find(id).await.unwrap().state, State::Archived);
    let all = kept(&window).await;
    assert!(all.contains("保険者番号") && !all.contains(PASSWORD), "{all}");
    window.click("details button").await;
    window.arrive("done=returned").await;
    window.wait(READY).await;
    let mut reader = world.gateway.receiver.database.reader().await.unwrap();
    let message = world.world.find(id).await.unwrap();
    assert_eq!(message.state, State::Returned);
    let reason = reviews::return_reason(&mut *reader, message.number).await.unwrap();
    assert_eq!(reason.as_deref(), Some(WORDS));
    drop(reader);
    // It was sent: nothing of it is left.
    assert!(!kept(&window).await.contains("保険者番号"));
    // A comment that could not be taken comes back, too, and one that was taken does not.
    open(&world, &window, id).await;
    window.fill("#text", "電話で確認中").await;
    window.go(&format!("https://{}/received", world.address)).await;
    open(&world, &window, id).await;
    assert_eq!(window.run("return document.getElementById('text').value").await, "電話で確認中");
    window.click("form[action*='/comment'] button").await;
    window.arrive("done=commented").await;
    window.wait(READY).await;
    assert_eq!(window.run("return document.getElementById('text').value").await, "");
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn words_are_nobody_elses() {
    let world = ConsoleWorld::start().await;
    let suzuki = world.staff("suzuki", Role::Clerk).await;
    let sato = world.staff("sato", Role::Clerk).await;
    let id = world.receive(&mut world.world.sender("yamada-1").await, b"x").await;
    let window = Window::open(SMALL, false).await;
    sign_in_as(&world, &window, "suzuki", &suzuki.secret).await;
    // The session ends, and somebody else signs in with the same browser.
    open(&world, &window, id).await;
    window.fill("#text", "秘密のメモ").await;
    assert!(kept(&window).await.contains("秘密のメモ"));
    idle(&world);
    window.click("form[action*='/flag'] button").await;
    sign_in_here(&world, &window, "sato", &sato.secret).await;
    window.arrive(&format!("/received/{id}")).await;
    window.wait(READY).await;
    assert_eq!(window.run("return document.getElementById('text').value").await, "");
    assert!(!kept(&window).await.contains("秘密のメモ"));
    // Whoever signs out leaves nothing behind.
    window.fill("#text", "もう一つのメモ").await;
    assert!(kept(&window).await.contains("もう一つのメモ"));
    window.click("form[action='/sign-out'] button").await;
    window.wait("#name").await;
    assert!(!kept(&window).await.contains("もう一つのメモ"));
    window.close().await;
}
