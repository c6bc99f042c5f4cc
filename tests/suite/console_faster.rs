//! A colleague was faster: whoever comes second changes nothing, and reads on the page of the thing who has decided what, and when.

use hyper::StatusCode;
use kenpo_express::domain::ids::{MessageId, UserId};
use kenpo_express::domain::schedule::jst;
use kenpo_express::domain::sending::Sending;
use kenpo_express::domain::staff::Role;
use kenpo_express::domain::user::{DisableReason, UserState};
use kenpo_express::gateway::admin::received::Review;
use kenpo_express::store::gateway::messages::State;
use kenpo_express::store::gateway::users::{self, User};
use kenpo_express::store::gateway::{audit, reviews};

use crate::console_sending_support::Desk;
use crate::console_support::{Browser, ConsoleWorld, PASSWORD, Somebody, between, leads, text};
use crate::support::http::Answer;

/// The time now, as a page says it.
fn now(world: &ConsoleWorld) -> String {
    jst(world.world.clock_now()).strftime("%-m月%-d日 %H:%M").to_string()
}

/// The page that an answer leads to in the end.
async fn follow(browser: &mut Browser, answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", text(answer));
    let mut page = browser.get(leads(answer)).await;
    while page.status == StatusCode::SEE_OTHER {
        let there = leads(&page).to_owned();
        page = browser.get(&there).await;
    }
    assert_eq!(page.status, StatusCode::OK);
    text(&page)
}

/// What a page says to whoever was late.
fn said(page: &str) -> String {
    between(page, "id=\"late\"><p><b>", "<").unwrap_or_else(|| panic!("nobody was faster: {page}"))
}

/// How often one of these is in the audit of a thing.
async fn count(world: &ConsoleWorld, subject: &str, actions: &[&str]) -> usize {
    let entries = audit::of_subject(world.gateway.receiver.database.read(), subject, 100).await.unwrap();
    entries.iter().filter(|entry| actions.contains(&entry.action.as_str())).count()
}

async fn user(world: &ConsoleWorld, id: &UserId) -> User {
    users::find(world.gateway.receiver.database.read(), id).await.unwrap().unwrap()
}

async fn state_of(world: &ConsoleWorld, id: MessageId) -> State {
    world.world.find(id).await.unwrap().state
}

/// A file of a user who was disabled before it came.
async fn suspicious(world: &ConsoleWorld, user: &str) -> MessageId {
    let mut sender = world.world.sender(user).await;
    world.admin().disable_user(&user.parse().unwrap(), DisableReason::Left, None).await.unwrap();
    world.receive(&mut sender, b"x").await
}

#[tokio::test]
async fn a_file_that_was_reviewed_says_by_whom_and_stays_as_it_is() {
    let world = ConsoleWorld::start().await;
    let mut suzuki = world.staff("suzuki", Role::Clerk).await.browser;
    let mut sato = world.staff("sato", Role::Clerk).await.browser;
    let mut sender = world.world.sender("yamada-1").await;
    let id = world.receive(&mut sender, b"x").await;
    let page = format!("/received/{id}?state=archived");
    assert!(text(&sato.get(&page).await).contains(&format!("/received/{id}/return")));
    suzuki.get(&page).await;
    suzuki.post(&format!("/received/{id}/accept?state=archived"), &[]).await;
    let at = now(&world);
    world.wait(600);
    let answer = sato.post(&format!("/received/{id}/return?state=archived"), &[("reason", "誤り")]).await;
    assert_eq!(leads(&answer), format!("{page}&late=decided"));
    let shown = follow(&mut sato, &answer).await;
    assert_eq!(said(&shown), format!("suzuki が {at} に受け付けました。"));
    assert!(shown.contains("受付済") && shown.contains("あなたの操作は行われていません"), "{shown}");
    assert!(!shown.contains(&format!("/received/{id}/return")), "there is nothing left to decide");
    let english = text(&sato.get(&format!("{page}&late=decided&lang=en")).await);
    assert!(said(&english).starts_with("suzuki accepted it on "), "{english}");
    let message = world.world.find(id).await.unwrap();
    assert_eq!(message.state, State::Accepted);
    let read = world.gateway.receiver.database.read();
    assert_eq!(reviews::return_reason(read, message.number).await.unwrap(), None);
    assert_eq!(count(&world, &id.to_string(), &["message.accepted", "message.returned"]).await, 1);
    // With a file that nobody has decided about nobody was faster, whatever an address says.
    let open = world.receive(&mut sender, b"x").await;
    for late in ["decided", "request-1", "request-x", "%3Cb%3E"] {
        let shown = text(&sato.get(&format!("/received/{open}?late={late}&lang=ja")).await);
        assert!(shown.contains("新着") && !shown.contains("id=\"late\""), "{late}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_at_the_same_moment_one_decides() {
    let world = ConsoleWorld::start().await;
    let mut suzuki = world.staff("suzuki", Role::Clerk).await.browser;
    let mut sato = world.staff("sato", Role::Clerk).await.browser;
    let mut sender = world.world.sender("yamada-1").await;
    for browser in [&mut suzuki, &mut sato] {
        browser.get("/account").await;
    }
    for _ in 0..8 {
        let id = world.receive(&mut sender, b"x").await;
        let (accept, hand_back) = (format!("/received/{id}/accept"), format!("/received/{id}/return"));
        let (one, other) = tokio::join!(suzuki.post(&accept, &[]), sato.post(&hand_back, &[("reason", "誤り")]));
        let late = [&one, &other].map(|answer| leads(answer).contains("late=decided"));
        let (late_one, decided, state) = match late {
            [false, true] => (&mut sato, "suzuki が", State::Accepted),
            [true, false] => (&mut suzuki, "sato が", State::Returned),
            both => panic!("{both:?}"),
        };
        let second = if late[0] { &one } else { &other };
        assert!(said(&follow(late_one, second).await).starts_with(decided));
        assert_eq!(state_of(&world, id).await, state);
        assert_eq!(count(&world, &id.to_string(), &["message.accepted", "message.returned"]).await, 1);
    }
}

#[tokio::test]
async fn of_many_those_that_were_decided_are_listed_with_who_and_when() {
    let world = ConsoleWorld::start().await;
    let mut browser = world.staff("suzuki", Role::Clerk).await.browser;
    let mut sender = world.world.sender("yamada-1").await;
    let mut ids = Vec::new();
    for name in ["一.csv", "<b>二.csv", "三.csv"] {
        let mut draft = world.world.draft(&sender);
        draft.file_name = name.parse().unwrap();
        let sealed = world.world.seal(&mut sender, &draft, b"x");
        world.world.relay.deposit(draft.id, &sender.id, &sealed, world.world.clock_now());
        ids.push(draft.id);
    }
    world.world.pull().await;
    browser.get("/received").await;
    world.admin().review(ids[0], &Review::Accept).await.unwrap();
    let at = now(&world);
    world.admin().review(ids[1], &Review::Return { reason: "先に".to_owned() }).await.unwrap();
    let texts: Vec<String> = ids.iter().map(ToString::to_string).collect();
    let fields: Vec<_> = texts.iter().map(|id| ("id", id.as_str())).collect();
    let answer = browser.post("/received/accept?state=archived", &fields).await;
    let shown = follow(&mut browser, &answer).await;
    assert!(shown.contains(&format!("tanaka が {at} に受け付けました。")), "{shown}");
    assert!(shown.contains(&format!("tanaka が {at} に差し戻しました。")), "{shown}");
    assert!(shown.contains("一.csv") && shown.contains("&#60;b&#62;二.csv") && !shown.contains("三.csv"), "{shown}");
    assert!(shown.contains(&format!("href=\"/received/{}?state=archived\"", ids[0])), "{shown}");
    assert!(shown.contains("role=\"status\" data-done>受け付けました。"), "the third was accepted: {shown}");
    assert_eq!(state_of(&world, ids[2]).await, State::Accepted);
    // Once more: all are decided, and none by this form.
    browser.get("/received").await;
    let answer = browser.post("/received/accept", &fields).await;
    let shown = follow(&mut browser, &answer).await;
    assert!(shown.contains("suzuki が") && !shown.contains("role=\"status\" data-done>受け付けました。"), "{shown}");
}

#[tokio::test]
async fn what_was_decided_in_quarantine_is_not_asked_for_or_returned_again() {
    let world = ConsoleWorld::start().await;
    let mut suzuki = world.staff("suzuki", Role::Clerk).await.browser;
    let mut sato = world.staff("sato", Role::Clerk).await.browser;
    let id = suspicious(&world, "yamada-1").await;
    let page = format!("/quarantine/{id}");
    for browser in [&mut suzuki, &mut sato] {
        browser.get(&page).await;
    }
    // Both ask for its release: it is asked for once.
    let reason = [("reason", "本人に確認")];
    suzuki.post(&format!("{page}/release"), &reason).await;
    let at = now(&world);
    world.wait(60);
    let answer = sato.post(&format!("{page}/release"), &reason).await;
    let shown = follow(&mut sato, &answer).await;
    assert_eq!(said(&shown), format!("suzuki が {at} に承認を依頼しました。"));
    assert!(shown.contains("/agree\""), "and can be agreed to: {shown}");
    assert_eq!(count(&world, &id.to_string(), &["consent.asked"]).await, 1);
    // One returns it; the other neither returns it nor has it released.
    sato.post(&format!("{page}/return"), &[("reason", "送り直してください")]).await;
    let at = now(&world);
    for (path, fields) in [("return", [("reason", "別の理由")]), ("release", reason)] {
        suzuki.get("/account").await;
        let answer = suzuki.post(&format!("{page}/{path}"), &fields).await;
        assert_eq!(leads(&answer), format!("{page}?late=decided"), "{path}");
        let shown = follow(&mut suzuki, &answer).await;
        assert_eq!(said(&shown), format!("sato が {at} に差し戻しました。"));
        assert!(shown.contains("送り直してください") && !shown.contains("別の理由"), "{shown}");
    }
    assert!(world.admin().asked(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_request_is_answered_once_and_says_how_it_ended() {
    let world = ConsoleWorld::start().await;
    let mut suzuki = world.staff("suzuki", Role::Clerk).await.browser;
    let mut sato = world.staff("sato", Role::Clerk).await.browser;
    let Somebody { browser: mut mori, secret } = world.staff("mori", Role::Clerk).await;
    let id = suspicious(&world, "yamada-1").await;
    let page = format!("/quarantine/{id}");
    let ask = async |browser: &mut Browser| {
        browser.get(&page).await;
        let answer = browser.post(&format!("{page}/release"), &[("reason", "本人に確認")]).await;
        assert_eq!(leads(&answer), format!("{page}?done=asked"), "{}", text(&answer));
        between(&text(&browser.get(&page).await), "action=\"/consents/", "/").unwrap()
    };
    // Taken back, then refused, then agreed to: whoever comes with an answer to each of them changes nothing.
    let first = ask(&mut suzuki).await;
    for browser in [&mut sato, &mut mori] {
        browser.get(&page).await;
    }
    suzuki.post(&format!("/consents/{first}/withdraw"), &[]).await;
    let withdrawn = format!("suzuki が {} に依頼を取り下げました。", now(&world));
    let second = ask(&mut suzuki).await;
    world.wait(60);
    sato.post(&format!("/consents/{second}/refuse"), &[]).await;
    let refused = format!("sato が {} に依頼を承認しませんでした。", now(&world));
    let third = ask(&mut suzuki).await;
    world.wait(60);
    for (number, ended) in [(&first, &withdrawn), (&second, &refused)] {
        for what in ["agree", "refuse"] {
            let answer = mori.post(&format!("/consents/{number}/{what}"), &[]).await;
            assert_eq!(said(&follow(&mut mori, &answer).await), *ended, "{number} {what}");
        }
    }
    assert_eq!(state_of(&world, id).await, State::Quarantined);
    sato.post(&format!("/consents/{third}/agree"), &[]).await;
    let agreed = format!("sato が {} に依頼を承認しました。", now(&world));
    assert_eq!(state_of(&world, id).await, State::Archived);
    let answer = mori.post(&format!("/consents/{third}/refuse"), &[]).await;
    let shown = follow(&mut mori, &answer).await;
    assert_eq!(said(&shown), agreed);
    assert!(shown.contains("新着"), "the page shows it as it is now: {shown}");
    let answer = suzuki.post(&format!("/consents/{third}/withdraw"), &[]).await;
    assert_eq!(said(&follow(&mut suzuki, &answer).await), agreed);
    assert_eq!(count(&world, &id.to_string(), &["quarantine.released"]).await, 1);
    // A request belongs to the page of what it was about.
    let other = suspicious(&world, "sato-3").await;
    let shown = text(&mori.get(&format!("/quarantine/{other}?late=request-{third}")).await);
    assert!(!shown.contains("id=\"late\""), "{shown}");
    // One that nobody has answered in time.
    let page = format!("/quarantine/{other}");
    suzuki.get(&page).await;
    suzuki.post(&format!("{page}/release"), &[("reason", "本人に確認")]).await;
    let fourth = between(&text(&suzuki.get(&page).await), "action=\"/consents/", "/").unwrap();
    world.wait(7 * 86_400);
    let ended = now(&world);
    world.wait(3_600);
    mori = world.browser();
    mori.sign_in("mori", PASSWORD).await;
    mori.code(&world.code(&secret)).await;
    mori.get("/account").await;
    let answer = mori.post(&format!("/consents/{fourth}/agree"), &[]).await;
    assert_eq!(said(&follow(&mut mori, &answer).await), format!("この依頼は {ended} に期限が過ぎました。"));
    assert_eq!(state_of(&world, other).await, State::Quarantined);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_who_agree_at_the_same_moment_release_it_once() {
    let world = ConsoleWorld::start().await;
    let mut suzuki = world.staff("suzuki", Role::Clerk).await.browser;
    let mut sato = world.staff("sato", Role::Clerk).await.browser;
    let mut mori = world.staff("mori", Role::Clerk).await.browser;
    for user in ["yamada-1", "yamada-2", "yamada-3"] {
        let id = suspicious(&world, user).await;
        let page = format!("/quarantine/{id}");
        suzuki.get(&page).await;
        suzuki.post(&format!("{page}/release"), &[("reason", "本人に確認")]).await;
        let request = between(&text(&sato.get(&page).await), "action=\"/consents/", "/").unwrap();
        mori.get(&page).await;
        let path = format!("/consents/{request}/agree");
        let (one, other) = tokio::join!(sato.post(&path, &[]), mori.post(&path, &[]));
        let mut led = [leads(&one), leads(&other)];
        led.sort_unstable();
        assert_eq!(led, [format!("/received/{id}?done=agreed"), format!("/received/{id}?late=request-{request}")]);
        assert_eq!(state_of(&world, id).await, State::Archived);
        assert_eq!(count(&world, &id.to_string(), &["quarantine.released"]).await, 1);
    }
}

#[tokio::test]
async fn a_user_who_was_disabled_stays_so_for_the_reason_of_whoever_was_faster() {
    let world = ConsoleWorld::start().await;
    let mut suzuki = world.staff("suzuki", Role::Manager).await.browser;
    let mut sato = world.staff("sato", Role::Manager).await.browser;
    world.world.sender("yamada-1").await;
    let (id, page) = ("yamada-1".parse::<UserId>().unwrap(), "/people/users/yamada-1");
    let lost = format!("{page}/lost");
    for browser in [&mut suzuki, &mut sato] {
        browser.get(page).await;
    }
    let form = text(&sato.get(&lost).await);
    assert!(!form.contains("name=\"known\""), "{form}");
    suzuki.post(&format!("{page}/disable"), &[("reason", "other")]).await;
    let at = now(&world);
    let before = user(&world, &id).await;
    world.wait(120);
    let disabled = format!("suzuki が {at} に利用を停止しました。");
    let answer = sato.post(&format!("{page}/disable"), &[("reason", "left")]).await;
    assert_eq!(leads(&answer), format!("{page}?late=decided"));
    let shown = follow(&mut sato, &answer).await;
    assert!(said(&shown) == disabled && shown.contains("停止中"), "{shown}");
    // The form for a lost PC, opened while the user was enabled: nothing is lost of what was filled in, and nothing done.
    let today = jst(world.world.clock_now()).date().to_string();
    let fields = [("reason", "stolen"), ("day", today.as_str()), ("time", "00:00")];
    let answer = sato.post(&lost, &fields).await;
    let form = text(&answer);
    assert!(answer.status == StatusCode::CONFLICT && said(&form) == disabled, "{form}");
    assert!(form.contains("value=\"00:00\"") && form.contains("value=\"stolen\" checked"), "{form}");
    assert_eq!(user(&world, &id).await, before);
    assert_eq!(count(&world, id.as_str(), &["user.disabled"]).await, 1);
    // Known, the time of the loss is put right.
    let known = between(&form, "name=\"known\" value=\"", "\"").unwrap();
    let fields = [&fields[..], &[("known", known.as_str())]].concat();
    assert_eq!(leads(&sato.post(&lost, &fields).await), format!("{page}/incident"));
    assert!(user(&world, &id).await.lost_at.is_some());
    // Let in again: asked for once, and once it was done.
    let mut mori = world.staff("mori", Role::Manager).await.browser;
    for browser in [&mut suzuki, &mut sato, &mut mori] {
        browser.get(page).await;
    }
    let reason = [("reason", "見つかった")];
    suzuki.post(&format!("{page}/enable"), &reason).await;
    let asked = format!("suzuki が {} に承認を依頼しました。", now(&world));
    let answer = sato.post(&format!("{page}/enable"), &reason).await;
    let shown = follow(&mut sato, &answer).await;
    assert_eq!(said(&shown), asked);
    let request = between(&shown, "action=\"/consents/", "/").unwrap();
    sato.post(&format!("/consents/{request}/agree"), &[]).await;
    let at = now(&world);
    let answer = mori.post(&format!("/consents/{request}/agree"), &[]).await;
    assert_eq!(said(&follow(&mut mori, &answer).await), format!("sato が {at} に依頼を承認しました。"));
    let answer = mori.post(&format!("{page}/enable"), &reason).await;
    assert_eq!(said(&follow(&mut mori, &answer).await), format!("sato が {at} に有効に戻しました。"));
    assert_eq!(user(&world, &id).await.state, UserState::Enabled);
    assert_eq!(count(&world, id.as_str(), &["user.enabled"]).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dispatch_that_was_approved_or_taken_back_says_by_whom() {
    let desk = Desk::with(true, 1 << 30).await;
    let world = &desk.console;
    world.world.person("hanako-1", "10-1").await;
    let mut suzuki = world.staff("suzuki", Role::Clerk).await.browser;
    let mut sato = world.staff("sato", Role::Clerk).await.browser;
    let mut mori = world.staff("mori", Role::Clerk).await.browser;
    let to = "to=office%3A10-1";
    let state = async || desk.messages(&desk.dispatches().await[0]).await[0].state;
    // Approved: another one neither approves it again, nor takes it back by refusing.
    let sent = desk.send(&mut suzuki, to, &[("届.csv", b"content")]).await;
    let place = leads(&sent.answer).strip_suffix("?done=held").unwrap().to_owned();
    let shown = text(&mori.get(&place).await);
    let only = between(&shown, "name=\"only\" value=\"", "\"").expect("a refusal is for what waits");
    sato.get(&place).await;
    sato.post(&format!("{place}/approve"), &[]).await;
    let approved = format!("sato が {} に送信を承認しました。", now(world));
    world.wait(60);
    for (what, fields) in [("approve", &[][..]), ("recall", &[("only", only.as_str())])] {
        let answer = mori.post(&format!("{place}/{what}"), fields).await;
        assert_eq!(leads(&answer), format!("{place}?late=decided"), "{what}");
        assert_eq!(said(&follow(&mut mori, &answer).await), approved, "{what}");
        assert_eq!(state().await, Sending::Released, "{what}");
    }
    // Taken back: it is neither approved nor taken back again.
    let sent = desk.send(&mut suzuki, to, &[("二.csv", b"content")]).await;
    let place = leads(&sent.answer).strip_suffix("?done=held").unwrap().to_owned();
    for browser in [&mut sato, &mut mori] {
        browser.get(&place).await;
    }
    sato.post(&format!("{place}/recall"), &[("only", "held")]).await;
    let recalled = format!("sato が {} に送信を取り消しました。", now(world));
    world.wait(60);
    for (what, fields) in [("approve", &[][..]), ("recall", &[("only", "held")]), ("recall", &[])] {
        let answer = mori.post(&format!("{place}/{what}"), fields).await;
        assert_eq!(said(&follow(&mut mori, &answer).await), recalled, "{what}");
        assert_eq!(state().await, Sending::Recalled, "{what}");
    }
    // Sent, and being taken back: asked for again it is the doing of whoever asked first, also on the page of one message.
    let sent = desk.send(&mut suzuki, to, &[("三.csv", b"content")]).await;
    let place = leads(&sent.answer).strip_suffix("?done=held").unwrap().to_owned();
    sato.get(&place).await;
    sato.post(&format!("{place}/approve"), &[]).await;
    desk.push().await;
    assert_eq!(state().await, Sending::Relayed);
    let message = format!("/sent/{}", desk.messages(&desk.dispatches().await[0]).await[0].id);
    assert_eq!(leads(&sato.post(&format!("{place}/recall"), &[]).await), format!("{place}?done=recalled"));
    let recalled = format!("sato が {} に送信を取り消しました。", now(world));
    world.wait(60);
    for page in [&place, &message] {
        mori.get(page).await;
        let answer = mori.post(&format!("{page}/recall"), &[]).await;
        assert_eq!(said(&follow(&mut mori, &answer).await), recalled, "{page}");
    }
}
