//! 送信 in a real browser: one document to 300 offices with its progress, who has not fetched it, and all of them reminded.

use std::time::Instant;

use kenpo_express::domain::staff::Role;
use kenpo_express::domain::user::DisableReason;
use kenpo_express::store::gateway::offices::{self, Office};

use crate::browser::Window;
use crate::browser::flows::took;
use crate::console_browser::{LARGE, SMALL, look, sign_in};
use crate::console_sending_support::Desk;

const OFFICES: usize = 300;

#[tokio::test(flavor = "multi_thread")]
async fn one_document_goes_to_300_offices_and_who_has_not_fetched_it_is_reminded() {
    let desk = Desk::start().await;
    let world = &desk.console.world;
    let mut people = Vec::new();
    for number in 1..=OFFICES {
        people.push(world.person(&format!("user-{number}"), &format!("{number}-1")).await);
    }
    world.person("left-1", "1-1").await;
    desk.console.admin().disable_user(&"left-1".parse().unwrap(), DisableReason::Left, None).await.unwrap();
    let somebody = desk.console.staff("suzuki", Role::Clerk).await;
    let file = world.folder.path().join("保険料率改定のお知らせ.pdf");
    std::fs::write(&file, vec![7; 200_000]).unwrap();
    let window = Window::open(SMALL, false).await;
    sign_in(&desk.console, &window, &somebody.secret).await;
    let (began, mut clicks) = (Instant::now(), 0);
    let mut click = async |selector: &str| {
        window.click(selector).await;
        clicks += 1;
    };
    click(".side a[href='/sent']").await;
    look(&window, "sent-empty").await;
    click("a.main[href='/sent/new']").await;
    look(&window, "sent-choose").await;
    click("input[value=all]").await;
    click("button.main").await;
    window.arrive("/sent/files").await;
    window.wait("#left-out").await;
    assert!(window.wait("#what + dl").await.text().await.unwrap().contains("300 事業所"));
    window.fill("#file", file.to_str().unwrap()).await;
    window.wait("[data-files] progress").await;
    look(&window, "sent-files").await;
    click("#send button.main").await;
    window.arrive("done=sent").await;
    look(&window, "sent-begins").await;
    // The page follows by itself.
    desk.push().await;
    let dispatch = desk.dispatches().await.remove(0);
    let messages = desk.messages(&dispatch).await;
    assert_eq!(messages.len(), OFFICES);
    for message in &messages[..OFFICES - 12] {
        let office = message.office.as_ref().unwrap().to_string();
        let number: usize = office.split('-').next().unwrap().parse().unwrap();
        world.relay.1.fetch(message.id, &people[number - 1].id);
    }
    world.verify(&people[0], messages[0].id);
    desk.push().await;
    loop {
        let shown = window.run("return document.querySelector('.steps-of').textContent").await;
        if shown.as_str().unwrap().contains("288 / 300") {
            break;
        }
        assert!(began.elapsed().as_secs() < 120, "the page does not follow: {shown}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    look(&window, "sent-progress").await;
    click("#not-collected").await;
    window.arrive("state=relayed").await;
    look(&window, "sent-not-collected").await;
    let rows = window.run("return document.querySelectorAll('main tbody tr').length").await;
    assert_eq!(rows.as_u64(), Some(12));
    click("#remind button").await;
    window.arrive("done=reminded").await;
    took("a document goes to 300 offices, and 12 are reminded", clicks, "clicks", began);
    assert_eq!((clicks, world.relay.1.reminded().len()), (7, 12));
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_dropped_onto_the_page_and_sent_once_however_often_the_line_breaks() {
    let desk = Desk::start().await;
    desk.console.world.person("yamada-1", "1-1").await;
    let somebody = desk.console.staff("suzuki", Role::Clerk).await;
    let window = Window::open(SMALL, false).await;
    sign_in(&desk.console, &window, &somebody.secret).await;
    window.go(&format!("https://{}/sent/files?to=office%3A1-1", desk.console.address)).await;
    window.wait("#send").await;
    // Over the page: it says that it takes them.
    let drag = |kind: &str| {
        format!(
            "const data = new DataTransfer();
             for (const name of ['決定通知書.pdf', '納入告知書.csv']) {{ data.items.add(new File([name.repeat(1000)], name)); }}
             document.getElementById('send').dispatchEvent(
                 new DragEvent('{kind}', {{ dataTransfer: data, bubbles: true, cancelable: true }}));
             return 0"
        )
    };
    window.run(&drag("dragover")).await;
    window.wait("#send.over").await;
    window.run(&drag("drop")).await;
    window.until("!document.querySelector('#send.over')").await;
    let rows = "[...document.querySelectorAll('[data-files] li')].map((row) => row.textContent)";
    let listed = window.run(&format!("return {rows}")).await;
    assert_eq!(listed, serde_json::json!(["決定通知書.pdf", "納入告知書.csv"]));
    look(&window, "sent-dropped").await;
    // The line is cut: each says so, and what to do.
    window.set_line(false).await;
    window.click("#send button.main").await;
    window.until(&format!("{rows}.every((row) => row.includes('もう一度'))")).await;
    look(&window, "sent-broken").await;
    assert!(desk.dispatches().await.is_empty());
    // It breaks again after the first one. (No page may reach another host, so that this one never gets through.)
    window.set_line(true).await;
    window
        .run(
            "window.lines = 0;
        window.open_line = XMLHttpRequest.prototype.open;
        XMLHttpRequest.prototype.open = function (method, address) {
            window.lines += 1;
            return window.open_line.call(this, method, window.lines === 2 ? 'https://127.0.0.1:1/' : address);
        };
        return 0",
        )
        .await;
    window.click("#send button.main").await;
    window.until(&format!("{rows}[0].includes('受け付けました') && {rows}[1].includes('もう一度')")).await;
    assert_eq!(desk.dispatches().await.len(), 1);
    window.click("#send button.main").await;
    window.arrive("/sent?done=sent").await;
    let mut names: Vec<String> = desk.dispatches().await.into_iter().map(|one| one.file_name.to_string()).collect();
    names.sort();
    assert_eq!(names, ["決定通知書.pdf", "納入告知書.csv"]);
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_sending_are_looked_at_small_and_large_light_and_dark() {
    let desk = Desk::with(true, 1 << 30).await;
    let world = &desk.console.world;
    let long = "株式会社とても長い名前の見本工業ホールディングス第一事業本部および全支店";
    let database = &world.receiver.database;
    for number in 1..=4 {
        let code = format!("{number}0-1").parse().unwrap();
        let mut transaction = database.write().await.unwrap();
        let office = Office { code, name: long.parse().unwrap(), created_at: world.clock_now() };
        offices::insert(&mut transaction, &office).await.unwrap();
        database.commit(transaction).await.unwrap();
        world.person(&format!("user-{number}"), &format!("{number}0-1")).await;
    }
    world.office("90-1").await;
    let somebody = desk.console.staff("suzuki", Role::Officer).await;
    let mut browser = desk.console.staff("sato", Role::Clerk).await.browser;
    let name = "健康保険料率および介護保険料率の改定にともなう標準報酬月額保険料額表のとても長い名前のお知らせ（本社および全支店向け）.pdf";
    for (to, name) in
        [("to=all", name), ("to=office%3A10-1", "督促状.pdf"), ("to=user%3Auser-2&to=office%3A90-1", "届.csv")]
    {
        desk.send(&mut browser, to, &[(name, b"content")]).await;
    }
    let mut dispatches = desk.dispatches().await;
    let held = dispatches.remove(0).id;
    for dispatch in &dispatches {
        desk.console.admin().approve_sent(dispatch.id, "mori").await.unwrap();
    }
    desk.push().await;
    let first = dispatches.pop().unwrap();
    let messages = desk.messages(&first).await;
    world.relay.1.fetch(messages[0].id, &"user-1".parse().unwrap());
    desk.push().await;
    desk.console
        .admin()
        .add_to_group("東京支部の事業所", &["10-1".parse().unwrap(), "20-1".parse().unwrap()])
        .await
        .unwrap();
    for (size, dark, suffix) in
        [(SMALL, false, "small-light"), (LARGE, true, "large-dark"), (SMALL, true, "small-dark")]
    {
        let window = Window::open(size, dark).await;
        sign_in(&desk.console, &window, &somebody.secret).await;
        for (page, path) in [
            ("list", "/sent".to_owned()),
            ("addressees", "/sent?by=addressee".to_owned()),
            ("one", format!("/sent/{}", first.id)),
            ("held", format!("/sent/{held}")),
            ("message", format!("/sent/{}", messages[0].id)),
            ("new", "/sent/new?to=office%3A10-1&q=user".to_owned()),
            ("new-files", "/sent/files?to=all&to=user%3Auser-2".to_owned()),
            (
                "sent-groups",
                "/sent/groups?name=%E6%9D%B1%E4%BA%AC%E6%94%AF%E9%83%A8%E3%81%AE%E4%BA%8B%E6%A5%AD%E6%89%80".to_owned(),
            ),
            ("consents", "/consents".to_owned()),
        ] {
            window.go(&format!("https://{}{path}", desk.console.address)).await;
            window.wait("main h1").await;
            look(&window, &format!("sending-{page}-{suffix}")).await;
        }
        window.close().await;
    }
}
