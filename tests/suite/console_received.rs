//! 受信 at the console, without a browser: the list, one file, what staff do with it.

use hyper::StatusCode;
use kenpo_express::domain::ids::MessageId;
use kenpo_express::domain::staff::Role;
use kenpo_express::gateway::admin::received::Review;
use kenpo_express::store::gateway::messages::State;
use kenpo_express::store::gateway::{audit, reviews};

use crate::console_support::{Browser, ConsoleWorld, between, leads, text};

async fn state_of(world: &ConsoleWorld, id: MessageId) -> State {
    world.world.find(id).await.unwrap().state
}

#[tokio::test]
async fn the_list_is_what_its_address_says_and_pages_without_gaps() {
    let world = ConsoleWorld::start().await;
    let mut browser = world.staff("suzuki", Role::Clerk).await.browser;
    assert!(text(&browser.get("/received").await).contains("該当するファイルはありません"));
    let mut sender = world.world.sender("yamada-1").await;
    let ids: Vec<MessageId> = (0..120).map(|_| world.world.send(&mut sender, b"x")).collect();
    world.world.pull().await;
    for id in &ids[..20] {
        world.admin().review(*id, &Review::Accept).await.unwrap();
    }
    let mut seen = Vec::new();
    let mut address = "/received?state=archived&office=1234-A".to_owned();
    loop {
        let page = text(&browser.get(&address).await);
        seen.extend(page.split("name=\"id\" value=\"").skip(1).map(|rest| rest[..36].to_owned()));
        let Some(older) = between(&page, "class=\"button\" href=\"", "\"") else { break };
        address = older.replace("&#38;", "&").replace("&amp;", "&");
        assert!(address.contains("state=archived") && address.contains("office=1234-A"), "{address}");
    }
    let mut expected: Vec<String> = ids[20..].iter().map(ToString::to_string).collect();
    seen.sort();
    expected.sort();
    assert_eq!(seen, expected);
    for empty in ["/received?office=9999-Z", "/received?office=%3Cscript%3E", "/received?state=quarantined"] {
        let page = text(&browser.get(empty).await);
        assert!(page.contains("該当するファイルはありません") && !page.contains("<script>"), "{empty}");
    }
}

#[tokio::test]
async fn accepting_opens_the_next_one_and_a_return_says_why() {
    let world = ConsoleWorld::start().await;
    let mut browser = world.staff("suzuki", Role::Clerk).await.browser;
    let mut sender = world.world.sender("yamada-1").await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(world.receive(&mut sender, b"x").await);
    }
    let page = |id: &MessageId| format!("/received/{id}?state=archived");
    assert_eq!(browser.get(&page(&ids[2])).await.status, StatusCode::OK);
    let answer = browser.post(&format!("/received/{}/accept?state=archived", ids[2]), &[]).await;
    assert_eq!(leads(&answer), format!("{}&done=accepted", page(&ids[1])));
    assert_eq!(state_of(&world, ids[2]).await, State::Accepted);
    // Twice changes nothing, and leads to the file as it is.
    let again = browser.post(&format!("/received/{}/return", ids[2]), &[("reason", "誤り")]).await;
    assert_eq!(leads(&again), format!("/received/{}?late=decided", ids[2]));
    assert_eq!(state_of(&world, ids[2]).await, State::Accepted);
    let hand_back = format!("/received/{}/return?state=archived", ids[1]);
    for reason in ["", "   ", &"長".repeat(2_000)] {
        let refused = browser.post(&hand_back, &[("reason", reason)]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(state_of(&world, ids[1]).await, State::Archived);
    let answer = browser.post(&hand_back, &[("reason", "記号が<違います>")]).await;
    assert_eq!(leads(&answer), format!("{}&done=returned", page(&ids[0])));
    let shown = text(&browser.get(&page(&ids[1])).await);
    assert!(shown.contains("記号が&#60;違います&#62;") && shown.contains("差戻し済"), "{shown}");
    // The last one: back to the list.
    let answer = browser.post(&format!("/received/{}/accept?state=archived", ids[0]), &[]).await;
    assert_eq!(leads(&answer), "/received?state=archived&done=accepted");
    let newest = audit::of_subject(world.gateway.receiver.database.read(), &ids[0].to_string(), 1).await.unwrap();
    let newest = &newest[0];
    assert_eq!(
        (newest.actor.as_str(), newest.action.as_str(), newest.origin.as_str()),
        ("staff:suzuki", "message.accepted", "127.0.0.1")
    );
}

/// Where the link with this relation leads to: on a file's page, the one before it or after it.
fn related(page: &str, relation: &str) -> Option<String> {
    let link = page.split("<a href=\"").find(|link| link[..link.find('>').unwrap()].contains(relation))?;
    Some(link[..link.find('"').unwrap()].replace("&#38;", "&"))
}

/// The files of a page of the list: where each leads to.
fn files(page: &str) -> Vec<String> {
    let rows = page.split("<tr data-row").skip(1);
    rows.map(|row| between(row, "<a href=\"", "\"").unwrap().replace("&#38;", "&")).collect()
}

fn id_of(address: &str) -> String {
    address["/received/".len()..][..36].to_owned()
}

/// All files of a list, page by page.
async fn all(browser: &mut Browser, list: &str) -> Vec<String> {
    let (mut found, mut address) = (Vec::new(), list.to_owned());
    loop {
        let page = text(&browser.get(&address).await);
        found.extend(files(&page).iter().map(|address| id_of(address)));
        let Some(older) = between(&page, "class=\"button\" href=\"", "\"") else { return found };
        address = older.replace("&#38;", "&");
    }
}

async fn sixty(world: &ConsoleWorld) {
    let mut sender = world.world.sender("yamada-1").await;
    for _ in 0..60 {
        world.world.send(&mut sender, b"x");
    }
    world.world.pull().await;
}

#[tokio::test]
async fn what_is_not_read_is_gone_through_in_order_and_back() {
    let world = ConsoleWorld::start().await;
    let mut browser = world.staff("suzuki", Role::Reader).await.browser;
    sixty(&world).await;
    let mut expected = all(&mut browser, "/received").await;
    assert_eq!(expected.len(), 60);
    // Two that were read before.
    for place in [40, 5] {
        browser.get(&format!("/received/{}", expected.remove(place))).await;
    }
    world.wait(60);
    assert_eq!(all(&mut browser, "/received?unread=1").await, expected);
    let mut address = files(&text(&browser.get("/received?unread=1").await)).remove(0);
    let mut seen = Vec::new();
    let last = loop {
        seen.push(id_of(&address));
        let page = text(&browser.get(&address).await);
        world.wait(1);
        match related(&page, "rel=\"next\"") {
            Some(next) => address = next,
            None => break page,
        }
    };
    assert_eq!(seen, expected, "from the first to the last, without one left out and none twice");
    // What was read has left the list, and is where it was for whoever goes back.
    assert!(all(&mut browser, "/received?unread=1").await.is_empty());
    let mut back = vec![seen.pop().unwrap()];
    let mut page = last;
    while let Some(previous) = related(&page, "rel=\"prev\"") {
        back.push(id_of(&previous));
        page = text(&browser.get(&previous).await);
    }
    back.reverse();
    assert_eq!(back, expected);
    // And on again.
    let second = related(&page, "rel=\"next\"").unwrap();
    assert_eq!(id_of(&second), expected[1]);
}

#[tokio::test]
async fn deciding_goes_on_through_what_is_not_read_and_its_pages() {
    let world = ConsoleWorld::start().await;
    let mut browser = world.staff("suzuki", Role::Clerk).await.browser;
    sixty(&world).await;
    let list = "/received?state=archived&unread=1";
    let expected = all(&mut browser, list).await;
    let first = text(&browser.get(list).await);
    let second = between(&first, "class=\"button\" href=\"", "\"").unwrap().replace("&#38;", "&");
    // Three are decided from the first page on: each leads to the one after it.
    let mut address = files(&first).remove(0);
    for file in &expected[..3] {
        assert_eq!(id_of(&address), *file);
        browser.get(&address).await;
        world.wait(1);
        let (path, query) = address.split_once('?').unwrap();
        address = leads(&browser.post(&format!("{path}/accept?{query}"), &[]).await).to_owned();
    }
    assert_eq!(id_of(&address), expected[3]);
    // The second page is what it was, though the first one is shorter now; one is looked at from there.
    let page = text(&browser.get(&second).await);
    let shown: Vec<String> = files(&page).iter().map(|address| id_of(address)).collect();
    assert_eq!(shown, expected[50..]);
    let file = text(&browser.get(&files(&page)[2]).await);
    let back =
        between(&file, "<a href=\"", "\" data-key=\"u\"").unwrap().rsplit("<a href=\"").next().unwrap().to_owned();
    assert_eq!(back.replace("&#38;", "&"), second, "and leads back to it");
    let shown: Vec<String> = files(&text(&browser.get(&second).await)).iter().map(|address| id_of(address)).collect();
    let mut left = expected[50..].to_vec();
    left.remove(2);
    assert_eq!(shown, left);
    assert_eq!(all(&mut browser, list).await.len(), 56);
    // From the end it goes on with the newest that is left, and ends when nothing is.
    let path = format!("/received/{}", expected[59]);
    assert_eq!(shown.last(), Some(&expected[59]));
    browser.get(&format!("{path}?state=archived&unread=1")).await;
    let answer = browser.post(&format!("{path}/accept?state=archived&unread=1"), &[]).await;
    assert_eq!(id_of(leads(&answer)), expected[3]);
}

#[tokio::test]
async fn many_are_accepted_at_once_and_what_somebody_else_did_stays() {
    let world = ConsoleWorld::start().await;
    let mut browser = world.staff("suzuki", Role::Clerk).await.browser;
    let mut sender = world.world.sender("yamada-1").await;
    let ids: Vec<String> = (0..5).map(|_| world.world.send(&mut sender, b"x").to_string()).collect();
    world.world.pull().await;
    browser.get("/received").await;
    let reason = "先に".to_owned();
    world.admin().review(ids[0].parse().unwrap(), &Review::Return { reason }).await.unwrap();
    let fields: Vec<_> = ids[..3].iter().map(|id| ("id", id.as_str())).collect();
    let answer = browser.post("/received/accept?state=archived", &fields).await;
    assert_eq!(leads(&answer), format!("/received/decided?state=archived&id={}&done=accepted-some", ids[0]));
    let mut states = Vec::new();
    for id in &ids {
        states.push(state_of(&world, id.parse().unwrap()).await);
    }
    assert_eq!(states, [State::Returned, State::Accepted, State::Accepted, State::Archived, State::Archived]);
    for wrong in [&[][..], &[("id", "x")]] {
        assert_eq!(browser.post("/received/accept", wrong).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
}

#[tokio::test]
async fn who_has_read_what_flags_and_comments_are_for_staff_and_harmless() {
    let world = ConsoleWorld::start().await;
    let mut suzuki = world.staff("suzuki", Role::Clerk).await.browser;
    let mut tanaka = world.staff("tanaka", Role::Reader).await.browser;
    let mut sender = world.world.sender("yamada-1").await;
    let mut draft = world.world.draft(&sender);
    draft.file_name = "=cmd'\"><script>alert(1) 算定.csv".parse().unwrap();
    draft.comment = Some("<script>alert(1)</script>\"'&".to_owned());
    let sealed = world.world.seal(&mut sender, &draft, b"x");
    world.world.relay.deposit(draft.id, &sender.id, &sealed, world.world.clock_now());
    world.world.pull().await;
    let path = format!("/received/{}", draft.id);
    assert!(text(&suzuki.get("/received").await).contains("aria-label=\"未読\""));
    let shown = text(&suzuki.get(&path).await);
    assert!(shown.contains("&#60;script&#62;alert(1)&#60;/script&#62;") && !shown.contains("<script>alert"), "{shown}");
    assert!(shown.contains("=cmd&#39;&#34;&#62;&#60;script&#62;alert(1) 算定.csv"), "{shown}");
    assert!(!text(&suzuki.get("/received").await).contains("aria-label=\"未読\""));
    assert!(text(&tanaka.get("/received").await).contains("ほかの職員が閲覧済"));
    suzuki.get(&path).await;
    for _ in 0..2 {
        assert_eq!(leads(&suzuki.post(&format!("{path}/flag"), &[("on", "1")]).await), path);
    }
    let comment = [("text", "電話で確認済\r\n<img src=x onerror=alert(1)>")];
    assert_eq!(leads(&suzuki.post(&format!("{path}/comment"), &comment).await), format!("{path}?done=commented"));
    for text in ["", &"長".repeat(reviews::LONGEST + 1)] {
        let refused = suzuki.post(&format!("{path}/comment"), &[("text", text)]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let shown = text(&tanaka.get(&path).await);
    assert!(shown.contains("&#60;img src=x onerror=alert(1)&#62;") && !shown.contains("<img"), "{shown}");
    assert!(shown.contains("注目") && shown.contains("suzuki（") && shown.contains("tanaka（"));
    // A reader sees no button.
    assert!(!shown.contains("/accept") && !shown.contains("<textarea"));
    let entries = audit::of_subject(world.gateway.receiver.database.read(), &draft.id.to_string(), 50).await.unwrap();
    let count = |action: &str| entries.iter().filter(|entry| entry.action == action).count();
    assert_eq!((count("message.read"), count("message.flagged"), count("message.commented")), (2, 1, 1));
    assert!(entries.iter().all(|entry| !format!("{entry:?}").contains("電話")));
}
