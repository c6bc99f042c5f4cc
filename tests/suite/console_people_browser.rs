//! 事業所・利用者 in a real browser: the flows with their clicks and seconds, and pictures of the pages.

use std::fmt::Write as _;
use std::time::Instant;

use hayro::hayro_syntax::Pdf;
use hayro::hayro_syntax::page::Page;
use kenpo_express::domain::ids::UserId;
use kenpo_express::domain::schedule::jst;
use kenpo_express::domain::staff::Role;
use kenpo_express::domain::user::DisableReason;
use kenpo_express::gateway::flows::enrol::letter::Passwords;
use kenpo_express::gateway::flows::orders;
use thirtyfour::prelude::ElementQueryable;

use crate::browser::Window;
use crate::browser::flows::took;
use crate::console_browser::{LARGE, SMALL, look, sign_in};
use crate::console_support::ConsoleWorld;
use crate::enrol_gateway_support::{Invited, MAIL, NAME, OFFICE, Pc};
use crate::gateway_relay::Told;

/// Sets a field of the kind that has its own keys for each language.
async fn set(window: &Window, id: &str, value: &str) {
    window.run(&format!("document.getElementById('{id}').value = '{value}'; return 0")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_pc_is_shut_out_in_three_steps_from_the_dashboard() {
    let world = ConsoleWorld::start().await;
    let somebody = world.staff("suzuki", Role::Manager).await;
    let mut sender = world.world.sender("yamada-1").await;
    for user in ["yamada-2", "yamada-3", "sato-1"] {
        world.world.sender(user).await;
    }
    world.receive(&mut sender, b"before").await;
    let lost_at = jst(world.world.clock_now());
    world.wait(120);
    world.receive(&mut sender, b"after").await;
    let window = Window::open(SMALL, false).await;
    sign_in(&world, &window, &somebody.secret).await;
    let (began, mut clicks) = (Instant::now(), 0);
    let mut click = async |selector: &str| {
        window.click(selector).await;
        clicks += 1;
    };
    // 1: whose it is.
    click("a[href='/people/lost']").await;
    window.fill("#q", "yamada-1\u{e007}").await;
    window.wait(".choose").await;
    look(&window, "lost-who").await;
    click(".choose a").await;
    // 2: since when.
    window.arrive("/lost").await;
    window.wait("#day").await;
    set(&window, "day", &lost_at.date().to_string()).await;
    set(&window, "time", &lost_at.time().strftime("%H:%M").to_string()).await;
    look(&window, "lost-when").await;
    click("button.main.bad").await;
    // 3: the page follows by itself what the relay says.
    window.arrive("/incident").await;
    look(&window, "incident-requested").await;
    let id: UserId = "yamada-1".parse().unwrap();
    orders::send_about(&world.world.receiver, &id).await.unwrap();
    window.wait("#confirmed").await;
    took("a stolen PC is shut out", clicks, "clicks", began);
    assert_eq!(clicks, 3);
    look(&window, "incident-confirmed").await;
    assert!(window.driver.source().await.unwrap().contains("疑いあり"));
    window.click("a[href$='/incident/report']").await;
    window.wait(".sheet").await;
    look(&window, "incident-report").await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clerk_whom_somebody_calls_is_told_what_to_do() {
    let world = ConsoleWorld::start().await;
    let somebody = world.staff("suzuki", Role::Clerk).await;
    world.staff("tanaka", Role::Manager).await;
    world.world.sender("yamada-1").await;
    let window = Window::open(SMALL, false).await;
    sign_in(&world, &window, &somebody.secret).await;
    window.click("a[href='/people/lost']").await;
    window.wait("#helpers").await;
    window.fill("#q", "ＹＡＭＡＤＡ\u{e007}").await;
    window.wait(".choose").await;
    look(&window, "lost-clerk").await;
    window.click(".choose a").await;
    window.arrive("/people/users/yamada-1").await;
    look(&window, "user-clerk").await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_employer_is_registered_and_the_enrolment_comes_in_by_itself() {
    let world = ConsoleWorld::start().await;
    orders::announce(&world.world.receiver).await.unwrap();
    let somebody = world.staff("suzuki", Role::Manager).await;
    let window = Window::open(SMALL, false).await;
    sign_in(&world, &window, &somebody.secret).await;
    let (began, mut clicks) = (Instant::now(), 0);
    let mut click = async |selector: &str| {
        window.click(selector).await;
        clicks += 1;
    };
    click("nav a[href='/people']").await;
    click("a[href='/people/new']").await;
    for (field, value) in [("#office", "12-34"), ("#office_name", OFFICE), ("#name", NAME), ("#mail", MAIL)] {
        window.fill(field, value).await;
    }
    look(&window, "people-new").await;
    click("form.card button.main").await;
    window.arrive("done=registered").await;
    look(&window, "people-registered").await;
    let address = window.address().await;
    let id: UserId = address.split('?').next().unwrap().rsplit('/').next().unwrap().parse().unwrap();
    click("form[action$='/letter'] button").await;
    window.wait(".letter").await;
    look(&window, "people-letter").await;
    // On paper it is one page of A4, and nothing of the console is on it.
    let paper = Pdf::new(window.print("people-letter").await).unwrap();
    let sizes: Vec<(f32, f32)> = paper.pages().iter().map(Page::render_dimensions).collect();
    assert!(matches!(sizes[..], [(594.0..596.0, 841.0..843.0)]), "{sizes:?}");
    let mut shown = Vec::new();
    for cell in window.driver.query(thirtyfour::By::Css(".password")).all_from_selector().await.unwrap() {
        shown.push(cell.text().await.unwrap());
    }
    click(".noprint a").await;
    window.wait(".way").await;
    assert!(window.driver.source().await.unwrap().contains("初期設定待ち"));
    // Somebody at the office sets the PC up; nobody here does anything.
    let [download, login] = &shown[..] else { panic!("{shown:?}") };
    let passwords = Passwords { download: download.clone().into(), login: login.clone().into() };
    // After a try that reached no relay.
    world.wait(301);
    orders::send_due(&world.world.receiver).await.unwrap();
    let order = world.world.relay.told().into_iter().find_map(|told| match told {
        Told::Enrol(of, order) if of == id => Some(order),
        _ => None,
    });
    let invited = Invited::new(order.unwrap(), passwords);
    invited.ask(&world.world, &Pc::new()).await;
    window.wait("h1 .tag.good").await;
    took("a new employer is registered and enrolled", clicks, "clicks", began);
    assert_eq!(clicks, 5);
    look(&window, "people-enrolled").await;
    // Another PC with the same letter waits for staff.
    world.wait(60);
    let first = invited.first(&world.world, &Pc::new());
    world.world.relay.request(first.id, &id, &invited.seal(&world.world, &first));
    kenpo_express::gateway::flows::enrol::take(&world.world.receiver, kenpo_express::wire::page::PageQuery::default())
        .await
        .unwrap();
    window.wait("#pc").await;
    look(&window, "people-waiting").await;
    window.fill("#pc", &first.pc.mark().to_string()).await;
    window.click("button[value=approve]").await;
    window.arrive("done=device").await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_checked_and_imported_by_clicks() {
    let world = ConsoleWorld::start().await;
    let somebody = world.staff("suzuki", Role::Manager).await;
    let window = Window::open(SMALL, false).await;
    sign_in(&world, &window, &somebody.secret).await;
    window.go(&format!("https://{}/people/import", world.address)).await;
    let heading = "事業所記号,事業所名,利用者名,メールアドレス,端末名\n";
    for (rows, seen) in [
        ("1-1,商店,山田,x,\n2 2,商店,佐藤,c@example.jp,\n", "[role=alert]"),
        ("1-1,商店,山田,a@example.jp,\n", "#would"),
    ] {
        let file = world.world.folder.path().join("users.csv");
        std::fs::write(&file, format!("{heading}{rows}")).unwrap();
        window.run("document.getElementById('file').value = ''; return 0").await;
        window.fill("#file", file.to_str().unwrap()).await;
        assert_eq!(window.run("return document.querySelector('[data-after-check]').disabled").await, true);
        window.click("button[value=check]").await;
        window.wait(seen).await;
        look(&window, &format!("people-import-{}", seen.trim_matches(|letter: char| !letter.is_alphabetic()))).await;
    }
    window.click("button[value=import]").await;
    window.wait("#did").await;
    // One that is far too large is refused in words, and not by a line that breaks.
    let file = world.world.folder.path().join("large.csv");
    std::fs::write(&file, vec![b'x'; 40 << 20]).unwrap();
    window.run("document.getElementById('file').value = ''; return 0").await;
    window.fill("#file", file.to_str().unwrap()).await;
    window.click("button[value=check]").await;
    let refused = window.wait("[data-result] [role=alert]").await.text().await.unwrap();
    assert!(refused.contains("4MB") && refused.contains("複数のファイルに分け"), "{refused}");
    window.go(&format!("https://{}/people", world.address)).await;
    window.wait("[data-row]").await;
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_people_are_looked_at_small_and_large_light_and_dark() {
    let world = ConsoleWorld::start().await;
    let somebody = world.staff("suzuki", Role::Officer).await;
    let mut sender = world.world.sender("sakura-1").await;
    world.receive(&mut sender, b"x").await;
    world.world.sender("lost-1").await;
    world.admin().disable_user(&"lost-1".parse().unwrap(), DisableReason::Left, None).await.unwrap();
    let mut file = "事業所記号,事業所名,利用者名,メールアドレス,端末名\n".to_owned();
    for (number, name) in ["山田 太郎", "鈴木 花子", "髙橋 﨑子", "長宗我部 とても長い名前の職員"].iter().enumerate()
    {
        let office = format!("株式会社とても長い名前の見本工業ホールディングス第{number}事業本部");
        let mail = format!("staff{number}@long-mail-domain.example.co.jp");
        writeln!(file, "2{number}-1,{office},{name},{mail},総務課ノートPC").unwrap();
    }
    world.admin().import_users(file.into_bytes(), false).await.unwrap();
    for (size, dark, name) in [(SMALL, false, "small-light"), (LARGE, true, "large-dark")] {
        let window = Window::open(size, dark).await;
        sign_in(&world, &window, &somebody.secret).await;
        for (page, path) in [
            ("people", "/people"),
            ("people-none", "/people?q=zzz"),
            ("offices", "/people/offices"),
            ("office", "/people/offices/20-1"),
            ("user", "/people/users/sakura-1"),
            ("user-disabled", "/people/users/lost-1"),
            ("rollover", "/people/rollover?days=1200"),
            ("consents", "/consents"),
        ] {
            window.go(&format!("https://{}{path}", world.address)).await;
            window.wait("main h1").await;
            look(&window, &format!("{page}-{name}")).await;
        }
        window.close().await;
    }
}
