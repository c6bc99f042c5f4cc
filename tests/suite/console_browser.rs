//! The console in a real browser: flows by clicks and keys, pictures of each page, no serious finding of axe-core.

use std::time::Instant;

use kenpo_express::domain::ids::MessageId;
use kenpo_express::domain::staff::Role;
use kenpo_express::store::gateway::messages::State;

use crate::browser::Window;
use crate::browser::flows::took;
use crate::console_support::{ConsoleWorld, PASSWORD, between};

pub(crate) const SMALL: (u32, u32) = (1024, 768);
pub(crate) const LARGE: (u32, u32) = (1920, 1080);

/// Has a look at a page: a picture, nothing that sticks out, nothing that a screen reader stumbles over.
pub(crate) async fn look(window: &Window, name: &str) {
    window.picture(name).await;
    assert!(!window.is_too_wide().await, "{name} is wider than the window");
    let faults = window.faults().await;
    assert!(faults.is_empty(), "{name}:\n{}", faults.join("\n"));
}

/// Signs in with an account that has its second factor set up.
pub(crate) async fn sign_in(world: &ConsoleWorld, window: &Window, secret: &str) {
    sign_in_as(world, window, "suzuki", secret).await;
}

pub(crate) async fn sign_in_as(world: &ConsoleWorld, window: &Window, name: &str, secret: &str) {
    world.wait(30);
    window.go(&format!("https://{}/", world.address)).await;
    window.fill("#name", name).await;
    window.fill("#password", PASSWORD).await;
    window.click("button.main").await;
    window.arrive("/sign-in/code").await;
    window.fill("#code", &world.code(secret)).await;
    window.click("button.main").await;
    window.wait(".tiles").await;
}

/// Files of a union's day, from three offices.
pub(crate) async fn a_day(world: &ConsoleWorld, files: usize) -> Vec<MessageId> {
    let names = [
        "算定基礎届.csv",
        "賞与支払届_令和8年夏季.csv",
        "被扶養者異動届と添付書類のとても長い名前のファイル（本社および全支店の分をまとめたもの）.xlsx",
    ];
    let mut ids = Vec::new();
    for user in ["yamada-1", "suzuki-2", "sato-3"] {
        let mut sender = world.world.sender(user).await;
        for number in 0..files.div_ceil(3) {
            let mut draft = world.world.draft(&sender);
            draft.file_name = names[number % names.len()].parse().unwrap();
            draft.comment = (number == 0).then(|| "差替え版です。よろしくお願いします。".to_owned());
            let sealed = world.world.seal(&mut sender, &draft, "事業所,氏名\n1,見本\n".as_bytes());
            world.world.relay.deposit(draft.id, &sender.id, &sealed, world.world.clock_now());
            ids.push(draft.id);
        }
    }
    world.world.pull().await;
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_sign_in_is_walked_with_pictures() {
    let world = ConsoleWorld::start().await;
    let made = world.admin().add_staff("suzuki".parse().unwrap(), Role::Clerk, None).await.unwrap();
    let initial = made.password.unwrap();
    let window = Window::open(SMALL, false).await;
    window.go(&format!("https://{}/received", world.address)).await;
    window.wait("#name").await;
    look(&window, "sign-in").await;
    window.fill("#name", "suzuki").await;
    window.fill("#password", "a wrong password").await;
    window.click("button.main").await;
    window.wait("[role=alert]").await;
    look(&window, "sign-in-refused").await;
    window.fill("#password", &initial).await;
    window.click("button.main").await;
    window.arrive("/sign-in/password").await;
    look(&window, "password").await;
    window.fill("#now", &initial).await;
    window.fill("#new", PASSWORD).await;
    window.fill("#again", PASSWORD).await;
    window.click("button.main").await;
    window.arrive("/sign-in/factor").await;
    look(&window, "factor").await;
    let page = window.driver.source().await.unwrap();
    let secret = between(&page, "id=\"key\">", "<").unwrap();
    window.fill("#code", &world.code(&secret)).await;
    window.click("button.main").await;
    window.wait(".codes").await;
    look(&window, "recovery").await;
    window.click("a.main").await;
    window.wait(".empty").await;
    assert!(window.address().await.ends_with("/received"));
    look(&window, "received-empty").await;
    window.go(&format!("https://{}/account", world.address)).await;
    window.wait(".facts").await;
    look(&window, "account").await;
    window.go(&format!("https://{}/nothing", world.address)).await;
    window.wait("[role=alert]").await;
    look(&window, "trouble").await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_files_are_accepted_in_a_row_by_keyboard_alone() {
    let world = ConsoleWorld::start().await;
    let somebody = world.staff("suzuki", Role::Clerk).await;
    let ids = a_day(&world, 51).await;
    let window = Window::open(SMALL, false).await;
    sign_in(&world, &window, &somebody.secret).await;
    // Morning: from the dashboard to the new ones.
    window.click("a[href='/received?state=archived']").await;
    window.wait("[data-row]").await;
    let began = Instant::now();
    let mut keys = 0;
    let mut press = async |key: &str| {
        window.press(key).await;
        keys += 1;
    };
    press("j").await;
    press("k").await;
    press("Enter").await;
    window.arrive("/received/").await;
    // Whoever keeps a finger on the key decides nothing by it.
    window.hold("a").await;
    for _ in 0..50 {
        let before = window.address().await;
        press("a").await;
        window.leave_from(&before).await;
        window.wait("[role=status]").await;
    }
    took("fifty files are accepted in a row", keys, "keys", began);
    let mut accepted = 0;
    for id in &ids {
        accepted += usize::from(world.world.find(*id).await.unwrap().state == State::Accepted);
    }
    assert_eq!((accepted, keys), (50, 53));
    // The last one goes back, with a reason.
    window.press("r").await;
    window.write("2枚目の保険者番号が違います").await;
    window.picture("return").await;
    window.click("details button").await;
    window.arrive("done=returned").await;
    window.wait(".empty").await;
    window.close().await;
}
