//! 隔離 at the console: why, expected against found, what to do; one person returns, two release.

use hyper::StatusCode;
use kenpo_express::domain::ids::MessageId;
use kenpo_express::domain::staff::Role;
use kenpo_express::domain::two_persons::Matter;
use kenpo_express::domain::user::DisableReason;
use kenpo_express::gateway::admin::Admin;
use kenpo_express::store::gateway::audit;
use kenpo_express::store::gateway::messages::State;

use crate::console_support::{ConsoleWorld, between, leads, text};

/// A file of a user who was disabled before it came.
async fn suspicious(world: &ConsoleWorld, user: &str) -> MessageId {
    let mut sender = world.world.sender(user).await;
    world.admin().disable_user(&user.parse().unwrap(), DisableReason::Left, None).await.unwrap();
    world.receive(&mut sender, b"x").await
}

async fn state_of(world: &ConsoleWorld, id: MessageId) -> State {
    world.world.find(id).await.unwrap().state
}

#[tokio::test]
async fn why_it_is_there_what_was_found_and_what_to_do_is_on_its_page() {
    let world = ConsoleWorld::start().await;
    let mut browser = world.staff("suzuki", Role::Clerk).await.browser;
    assert!(text(&browser.get("/quarantine").await).contains("隔離されているファイルはありません"));
    let disabled = suspicious(&world, "yamada-1").await;
    // Somebody else's name on it: what should be there and what is stand side by side.
    let mut sender = world.world.sender("sato-3").await;
    let mut draft = world.world.draft(&sender);
    draft.from = "tanaka-9@06123456.kx".parse().unwrap();
    draft.file_name = "<b>届.csv".parse().unwrap();
    let sealed = world.world.seal(&mut sender, &draft, b"x");
    world.world.relay.deposit(draft.id, &sender.id, &sealed, world.world.clock_now());
    world.world.pull().await;
    let list = text(&browser.get("/quarantine").await);
    for id in [disabled, draft.id] {
        assert!(list.contains(&format!("href=\"/quarantine/{id}\"")), "{list}");
    }
    assert!(list.contains("&#60;b&#62;届.csv") && !list.contains("<b>届"), "{list}");
    assert!(text(&browser.get("/").await).contains("href=\"/quarantine\""));
    let page = text(&browser.get(&format!("/quarantine/{}", draft.id)).await);
    assert!(page.contains("binding.sender"), "{page}");
    assert!(between(&page, "本来の値</dt><dd><bdi>", "<").unwrap().contains("sato-3@06123456.kx"), "{page}");
    assert!(between(&page, "実際の値</dt><dd><bdi>", "<").unwrap().contains("tanaka-9@06123456.kx"), "{page}");
    assert!(page.contains("登録済みの電話番号で事業所に送信の有無を確認"), "{page}");
    assert!(page.contains("この理由で隔離されたファイルは解除できません"), "nobody can release a forgery");
    assert!(!page.contains("/preview") && !page.contains("/file\""), "there is no way to open it");
    let page = text(&browser.get(&format!("/quarantine/{disabled}?lang=en")).await);
    assert!(page.contains("signer.disabled") && page.contains("Ask for its release"), "{page}");
    // What should be there and what was is in the language of the page.
    let mut sender = world.world.sender("mori-4").await;
    let stolen_at = world.world.clock_now();
    world.admin().disable_user(&"mori-4".parse().unwrap(), DisableReason::Stolen, Some(stolen_at)).await.unwrap();
    let suspect = world.receive(&mut sender, b"x").await;
    let page = text(&browser.get(&format!("/quarantine/{suspect}?lang=en")).await);
    let compared = between(&page, "Expected</dt><dd><bdi>", "</dl>").unwrap();
    assert!(compared.starts_with("received before ") && compared.contains("<bdi>received "), "{compared}");
    assert!(compared.is_ascii(), "{compared}");
    let page = text(&browser.get(&format!("/quarantine/{suspect}?lang=ja")).await);
    assert!(between(&page, "本来の値</dt><dd><bdi>", "<").unwrap().contains("より前の受信"), "{page}");
    // Asked for all the same, it is refused in words.
    let answer = browser.post(&format!("/quarantine/{}/release", draft.id), &[("reason", "本人に確認")]).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    let mut reader = world.staff("mori", Role::Reader).await.browser;
    let page = text(&reader.get(&format!("/quarantine/{disabled}")).await);
    assert!(page.contains("signer.disabled") && !page.contains("<textarea"), "{page}");
}

#[tokio::test]
async fn one_person_returns_it_with_a_reason() {
    let world = ConsoleWorld::start().await;
    let mut browser = world.staff("suzuki", Role::Clerk).await.browser;
    let id = suspicious(&world, "yamada-1").await;
    browser.get(&format!("/quarantine/{id}")).await;
    for reason in ["", " ", &"長".repeat(2_000)] {
        let refused = browser.post(&format!("/quarantine/{id}/return"), &[("reason", reason)]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(state_of(&world, id).await, State::Quarantined);
    let answer = browser.post(&format!("/quarantine/{id}/return"), &[("reason", "無効の利用者です<b>")]).await;
    assert_eq!(leads(&answer), "/quarantine?done=returned");
    assert_eq!(state_of(&world, id).await, State::Returned);
    let page = text(&browser.get(&format!("/quarantine/{id}")).await);
    assert!(page.contains("無効の利用者です&#60;b&#62;") && page.contains("処理済みです"), "{page}");
    assert!(!page.contains(&format!("/quarantine/{id}/return")), "once is enough");
    let answer = browser.post(&format!("/quarantine/{id}/return"), &[("reason", "もう一度")]).await;
    assert_eq!(leads(&answer), format!("/quarantine/{id}?late=decided"));
}

#[tokio::test]
async fn two_persons_release_it_and_never_one() {
    let world = ConsoleWorld::start().await;
    let mut suzuki = world.staff("suzuki", Role::Clerk).await.browser;
    let mut sato = world.staff("sato", Role::Clerk).await.browser;
    let id = suspicious(&world, "yamada-1").await;
    let page = format!("/quarantine/{id}");
    suzuki.get(&page).await;
    let answer = suzuki.post(&format!("{page}/release"), &[("reason", "本人に電話で確認しました")]).await;
    assert_eq!(leads(&answer), format!("{page}?done=asked"));
    assert_eq!(state_of(&world, id).await, State::Quarantined, "one person is not enough");
    let own = text(&suzuki.get(&page).await);
    let answer_to = between(&own, "action=\"/consents/", "/").expect("the request is on the page");
    assert!(own.contains("/withdraw\"") && !own.contains("/agree\""), "{own}");
    let refused = suzuki.post(&format!("/consents/{answer_to}/agree"), &[]).await;
    assert_eq!((refused.status, state_of(&world, id).await), (StatusCode::CONFLICT, State::Quarantined));
    let shown = text(&sato.get(&page).await);
    assert!(shown.contains("本人に電話で確認しました") && shown.contains("suzuki"), "{shown}");
    let agreed = sato.post(&format!("/consents/{answer_to}/agree"), &[]).await;
    assert_eq!(agreed.status, StatusCode::SEE_OTHER, "{}", text(&agreed));
    assert_eq!(state_of(&world, id).await, State::Archived);
    let there = leads(&agreed).to_owned();
    assert!(there.starts_with(&format!("/received/{id}")), "{there}");
    let page = text(&sato.get(&there).await);
    assert!(page.contains("新着") && page.contains("隔離の解除"), "{page}");
    assert!(leads(&sato.get(&format!("/quarantine/{id}")).await).starts_with(&format!("/received/{id}")));
    let entries = audit::of_subject(world.gateway.receiver.database.read(), &id.to_string(), 20).await.unwrap();
    let released = entries.iter().find(|one| one.action == "quarantine.released").unwrap();
    assert!(released.actor == "staff:sato" && released.after.contains("asked-by:staff:suzuki"), "{released:?}");
}

#[tokio::test]
async fn what_is_returned_meanwhile_is_not_asked_for_any_more() {
    let world = ConsoleWorld::start().await;
    let mut sato = world.staff("sato", Role::Clerk).await.browser;
    let id = suspicious(&world, "stranger").await;
    let asks = Admin::new(&world.gateway, "staff:suzuki").known_as(vec!["suzuki".to_owned()]);
    asks.ask(Matter::Release, &id.to_string(), "確認済み", Role::Clerk).await.unwrap();
    assert!(text(&sato.get("/consents").await).contains("/agree"));
    world.admin().return_quarantined(id, "送り直してください").await.unwrap();
    assert!(asks.asked(10).await.unwrap().is_empty());
    assert!(!text(&sato.get("/consents").await).contains("/agree"));
}
