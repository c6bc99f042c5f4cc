//! The flows of received files in a real browser: a morning by keyboard alone, many at once, a file in quarantine understood.

use std::fs;
use std::time::{Duration, Instant};

use kenpo_express::domain::staff::Role;
use kenpo_express::domain::user::DisableReason;
use kenpo_express::store::gateway::messages::State;

use crate::browser::Window;
use crate::browser::flows::took;
use crate::console_browser::{LARGE, SMALL, look, sign_in_as};
use crate::console_files::arrive;
use crate::console_support::ConsoleWorld;
use crate::preview_support::{document, shift_jis, workbook, written};

/// How long something may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_morning_is_looked_through_by_keyboard_alone() {
    let world = ConsoleWorld::start().await;
    let somebody = world.staff("suzuki", Role::Clerk).await;
    let mut sender = world.world.sender("yamada-1").await;
    let rows = r#"<row r="1"><c r="A1" t="s"><v>0</v></c></row>"#;
    let files = [
        ("資格取得届.csv", shift_jis("氏名,報酬月額\r\n見本　一郎,240000\r\n")),
        ("連絡事項.txt", "来月から担当者が変わります。\r\n".as_bytes().to_vec()),
        ("賞与支払届.xlsx", workbook(rows, &["見本　花子"])),
        ("診断書.pdf", document(2, &written("見本"), &[])),
    ];
    let mut ids = Vec::new();
    for (name, content) in &files {
        ids.push(arrive(&world, &mut sender, name, content).await);
    }
    // The newest one is shown first.
    ids.reverse();
    let window = Window::open(SMALL, false).await;
    sign_in_as(&world, &window, "suzuki", &somebody.secret).await;
    let began = Instant::now();
    let mut keys = 0;
    let mut press = async |key: &str| {
        window.press(key).await;
        keys += 1;
    };
    press("n").await;
    window.wait("[data-row]").await;
    press("Enter").await;
    window.arrive("/received/").await;
    press("p").await;
    for (id, said) in ids.iter().zip([None, Some("見本　花子"), Some("担当者が変わります"), Some("見本　一郎")])
    {
        window.arrive(&id.to_string()).await;
        window.wait("iframe.preview").await;
        window.driver.enter_frame(0).await.unwrap();
        match said {
            Some(said) => assert!(window.wait("main").await.text().await.unwrap().contains(said), "{said}"),
            None => assert!(window.wait("img").await.rect().await.unwrap().width > 100.0, "a page is painted"),
        }
        window.driver.enter_default_frame().await.unwrap();
        window.picture(&format!("preview-{id}")).await;
        press("a").await;
    }
    window.wait(".empty").await;
    took("four files are looked into and accepted", keys, "keys", began);
    assert_eq!(keys, 7);
    for id in ids {
        assert_eq!(world.world.find(id).await.unwrap().state, State::Accepted);
    }
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_are_saved_as_one_zip_and_accepted_with_a_few_clicks() {
    let world = ConsoleWorld::start().await;
    let somebody = world.staff("suzuki", Role::Clerk).await;
    let mut sender = world.world.sender("yamada-1").await;
    let mut ids = Vec::new();
    for number in 1..=12 {
        ids.push(arrive(&world, &mut sender, &format!("算定基礎届（{number}月分）.csv"), b"1,2\n").await);
    }
    let window = Window::open(LARGE, false).await;
    sign_in_as(&world, &window, "suzuki", &somebody.secret).await;
    let began = Instant::now();
    window.click("a[href='/received?state=archived']").await;
    window.click("[data-all]").await;
    window.picture("bulk").await;
    window.click("button[data-stays]").await;
    let file = loop {
        let saved = fs::read_dir(window.downloads()).unwrap().map(|one| one.unwrap().path());
        if let Some(file) = saved.into_iter().find(|path| path.extension().is_some_and(|end| end == "zip")) {
            break file;
        }
        assert!(began.elapsed() < PATIENCE, "nothing is saved");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let name = file.file_name().unwrap().to_str().unwrap().to_owned();
    assert!(name.starts_with("受信ファイル_"), "{name}");
    let mut archive = zip::ZipArchive::new(fs::File::open(&file).unwrap()).unwrap();
    assert_eq!(archive.len(), 13);
    assert!(archive.by_name("算定基礎届（7月分）.csv").is_ok());
    // The page is as it was: what is ticked is accepted with one more click.
    window.click("#list button:not([data-stays])").await;
    window.arrive("done=accepted-all").await;
    window.wait(".empty").await;
    took("twelve files are saved as one ZIP and accepted", 4, "clicks", began);
    for id in ids {
        assert_eq!(world.world.find(id).await.unwrap().state, State::Accepted);
    }
    window.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_quarantine_is_understood_and_let_out_by_two() {
    let world = ConsoleWorld::start().await;
    let suzuki = world.staff("suzuki", Role::Clerk).await;
    let sato = world.staff("sato", Role::Manager).await;
    let mut sender = world.world.sender("yamada-1").await;
    world.admin().disable_user(&"yamada-1".parse().unwrap(), DisableReason::Left, None).await.unwrap();
    let id = arrive(&world, &mut sender, "被扶養者異動届.csv", b"1,2\n").await;
    let window = Window::open(SMALL, false).await;
    sign_in_as(&world, &window, "suzuki", &suzuki.secret).await;
    window.click(".side a[href='/quarantine']").await;
    window.wait("[data-row]").await;
    look(&window, "quarantine").await;
    window.press("Enter").await;
    window.arrive(&id.to_string()).await;
    look(&window, "quarantine-why").await;
    let said = window.wait("main").await.text().await.unwrap();
    for part in ["signer.disabled", "次にすること", "差戻しする", "隔離を解除する（2人で）", "そのまま保管する"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    window.fill("#release", "本人に電話で確認しました").await;
    window.click("form[action$='/release'] button").await;
    window.arrive("done=asked").await;
    look(&window, "quarantine-asked").await;
    window.close().await;
    let window = Window::open(LARGE, true).await;
    sign_in_as(&world, &window, "sato", &sato.secret).await;
    window.go(&format!("https://{}/quarantine/{id}", world.address)).await;
    window.wait("form[action$='/agree']").await;
    look(&window, "quarantine-agree").await;
    window.click("form[action$='/agree'] button").await;
    window.arrive("/received/").await;
    assert_eq!(world.world.find(id).await.unwrap().state, State::Archived);
    window.close().await;
}
