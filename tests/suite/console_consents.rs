//! What takes two persons, at the console: asked for by one, listed for others, agreed to or refused by a second, never by the same.

use hyper::StatusCode;
use jiff::SignedDuration;
use kenpo_express::domain::ids::UserId;
use kenpo_express::domain::staff::Role;
use kenpo_express::domain::two_persons::Matter;
use kenpo_express::domain::user::{DisableReason, UserState};
use kenpo_express::gateway::admin::AdminError;
use kenpo_express::store::gateway::{audit, users};

use crate::console_support::{ConsoleWorld, leads, text};

async fn disabled(world: &ConsoleWorld, id: &str) -> UserId {
    world.world.sender(id).await;
    let id: UserId = id.parse().unwrap();
    world.admin().disable_user(&id, DisableReason::Lost, None).await.unwrap();
    id
}

async fn is_enabled(world: &ConsoleWorld, id: &UserId) -> bool {
    let user = users::find(world.gateway.receiver.database.read(), id).await.unwrap().unwrap();
    user.state == UserState::Enabled
}

/// As somebody of the staff does it who is signed in.
fn as_staff(world: &ConsoleWorld, name: &str) -> kenpo_express::gateway::admin::Admin {
    let admin = kenpo_express::gateway::admin::Admin::new(&world.gateway, &format!("staff:{name}"));
    admin.known_as(vec![name.to_owned()])
}

#[tokio::test]
async fn a_second_person_agrees_and_never_the_same() {
    let world = ConsoleWorld::start().await;
    let mut suzuki = world.staff("suzuki", Role::Manager).await.browser;
    let mut sato = world.staff("sato", Role::Manager).await.browser;
    let mut mori = world.staff("mori", Role::Clerk).await.browser;
    let id = disabled(&world, "yamada-1").await;
    let asks = as_staff(&world, "suzuki");
    let refused = asks.ask(Matter::EnableUser, id.as_str(), "戻った", Role::Clerk).await;
    assert!(matches!(refused, Err(AdminError::Duty)));
    let number = asks.ask(Matter::EnableUser, id.as_str(), "端末が<戻った>", Role::Manager).await.unwrap();
    let again = asks.ask(Matter::EnableUser, id.as_str(), "もう一度", Role::Manager).await;
    assert!(matches!(again, Err(AdminError::Exists("consent"))));
    let shown = text(&sato.get("/consents").await);
    assert!(shown.contains("端末が&#60;戻った&#62;") && shown.contains("/agree") && !shown.contains("/withdraw"));
    let own = text(&suzuki.get("/consents").await);
    assert!(!own.contains("/agree") && own.contains("/withdraw"), "{own}");
    assert!(!text(&mori.get("/consents").await).contains("/agree"));
    assert!(text(&mori.get("/").await).contains("href=\"/consents\""));
    let path = format!("/consents/{number}/agree");
    for (browser, status) in [(&mut suzuki, StatusCode::CONFLICT), (&mut mori, StatusCode::FORBIDDEN)] {
        browser.get("/consents").await;
        assert_eq!(browser.post(&path, &[]).await.status, status);
        assert!(!is_enabled(&world, &id).await);
    }
    assert_eq!(leads(&sato.post(&path, &[]).await), format!("/people/users/{id}?done=agreed"));
    assert!(is_enabled(&world, &id).await);
    sato.get("/consents").await;
    let again = sato.post(&path, &[]).await;
    assert_eq!(leads(&again), format!("/people/users/{id}?late=request-{number}"), "once");
    let entries = audit::of_subject(world.gateway.receiver.database.read(), id.as_str(), 2).await.unwrap();
    let newest: Vec<_> =
        entries.iter().map(|one| (one.actor.as_str(), one.action.as_str(), one.after.as_str())).collect();
    assert!(newest.contains(&("staff:sato", "user.enabled", "enabled asked-by:staff:suzuki")), "{newest:?}");
    assert!(entries.iter().all(|one| !one.after.contains("戻った")), "reasons are in a person's words");
}

#[tokio::test]
async fn what_is_refused_taken_back_or_too_old_is_not_done() {
    let world = ConsoleWorld::start().await;
    let mut suzuki = world.staff("suzuki", Role::Manager).await.browser;
    let mut sato = world.staff("sato", Role::Officer).await.browser;
    let id = disabled(&world, "yamada-1").await;
    let asks = as_staff(&world, "suzuki");
    let ask = async || asks.ask(Matter::EnableUser, id.as_str(), "戻った", Role::Manager).await.unwrap();
    let first = ask().await;
    sato.get("/consents").await;
    assert_eq!(sato.post(&format!("/consents/{first}/withdraw"), &[]).await.status, StatusCode::FORBIDDEN);
    sato.get("/consents").await;
    assert!(leads(&sato.post(&format!("/consents/{first}/refuse"), &[]).await).ends_with("done=refused"));
    let second = ask().await;
    suzuki.get("/consents").await;
    assert!(leads(&suzuki.post(&format!("/consents/{second}/withdraw"), &[]).await).ends_with("done=withdrawn"));
    let third = ask().await;
    world.world.clock.advance(SignedDuration::from_hours(24 * 7));
    let agrees = as_staff(&world, "sato");
    for number in [first, second, third] {
        let refused = agrees.agree(number, Role::Officer).await;
        assert!(matches!(refused, Err(AdminError::Settled)), "{number}: {refused:?}");
    }
    assert!(agrees.asked(10).await.unwrap().is_empty());
    // Whoever has asked is not of the staff any more.
    let last = ask().await;
    world.admin().disable_staff(&"suzuki".parse().unwrap()).await.unwrap();
    assert!(matches!(agrees.agree(last, Role::Officer).await, Err(AdminError::Settled)));
    assert!(!is_enabled(&world, &id).await);
    for reason in ["", " ", "二\n行", &"長".repeat(201)] {
        assert!(agrees.ask(Matter::EnableUser, id.as_str(), reason, Role::Officer).await.is_err(), "{reason:?}");
    }
    assert!(agrees.ask(Matter::EnableUser, "nobody", "x", Role::Officer).await.is_err());
    assert!(agrees.ask(Matter::Send, id.as_str(), "x", Role::Officer).await.is_err());
    // Whoever names a second person on the command line answers what was asked for, too.
    world.admin().enable_user(&id, "suzuki").await.unwrap();
    assert!(agrees.asked(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn one_who_has_made_the_other_is_no_second_person() {
    let world = ConsoleWorld::start().await;
    for name in ["suzuki", "sato", "mori"] {
        world.account(name, Role::Officer).await;
    }
    let (suzuki, sato) = (as_staff(&world, "suzuki"), as_staff(&world, "sato"));
    let id = disabled(&world, "yamada-1").await;
    let mori = as_staff(&world, "mori");
    let name = |name: &str| name.parse().unwrap();
    suzuki.add_staff(name("helper"), Role::Manager, None).await.unwrap();
    suzuki.set_staff_password(name("mori"), None).await.unwrap();
    let number = suzuki.ask(Matter::EnableUser, id.as_str(), "戻った", Role::Officer).await.unwrap();
    for other in [&as_staff(&world, "helper"), &mori] {
        let refused = other.agree(number, Role::Manager).await;
        assert!(matches!(refused, Err(AdminError::NotApart)), "{refused:?}");
    }
    assert!(!is_enabled(&world, &id).await);
    // Nor the other way round.
    suzuki.withdraw(number).await.unwrap();
    let number = mori.ask(Matter::EnableUser, id.as_str(), "戻った", Role::Officer).await.unwrap();
    assert!(matches!(suzuki.agree(number, Role::Officer).await, Err(AdminError::NotApart)));
    assert!(sato.agree(number, Role::Officer).await.is_ok());
    // In a week it is forgotten.
    world.admin().disable_user(&id, DisableReason::Left, None).await.unwrap();
    world.world.clock.advance(SignedDuration::from_hours(24 * 7 + 1));
    let number = suzuki.ask(Matter::EnableUser, id.as_str(), "戻った", Role::Officer).await.unwrap();
    assert!(mori.agree(number, Role::Officer).await.is_ok());
}

#[tokio::test]
async fn a_request_ends_when_the_user_is_shut_out_for_another_reason() {
    let world = ConsoleWorld::start().await;
    for name in ["suzuki", "sato"] {
        world.account(name, Role::Manager).await;
    }
    let (suzuki, sato) = (as_staff(&world, "suzuki"), as_staff(&world, "sato"));
    world.world.sender("yamada-1").await;
    let id: UserId = "yamada-1".parse().unwrap();
    world.admin().disable_user(&id, DisableReason::Left, None).await.unwrap();
    let number = suzuki.ask(Matter::EnableUser, id.as_str(), "復職した", Role::Manager).await.unwrap();
    let lost_at = Some(world.world.clock_now());
    world.admin().disable_user(&id, DisableReason::Stolen, lost_at).await.unwrap();
    assert!(sato.asked(10).await.unwrap().is_empty());
    assert!(matches!(sato.agree(number, Role::Manager).await, Err(AdminError::Settled)));
    assert!(!is_enabled(&world, &id).await);
    let again = suzuki.ask(Matter::EnableUser, id.as_str(), "見つかった", Role::Manager).await.unwrap();
    assert!(sato.agree(again, Role::Manager).await.is_ok());
}

#[tokio::test]
async fn what_is_asked_for_is_called_by_its_name() {
    let world = ConsoleWorld::start().await;
    for name in ["suzuki", "sato"] {
        world.account(name, Role::Manager).await;
    }
    let asks = as_staff(&world, "suzuki");
    let heading = "事業所記号,事業所名,利用者名,メールアドレス,端末名,利用者ID";
    let csv = format!("{heading}\n12-34,見本工業,<b>髙橋,s@example.jp,,sakiko-1\n");
    world.admin().import_users(csv.into_bytes(), false).await.unwrap();
    let sakiko: UserId = "sakiko-1".parse().unwrap();
    world.admin().disable_user(&sakiko, DisableReason::Lost, None).await.unwrap();
    let first = asks.ask(Matter::EnableUser, "sakiko-1", "戻った", Role::Manager).await.unwrap();
    let mut sender = world.world.sender("yamada-1").await;
    disabled(&world, "yamada-1").await;
    let file = world.receive(&mut sender, b"x").await.to_string();
    asks.ask(Matter::Release, &file, "本人に確認", Role::Manager).await.unwrap();
    let mut mori = world.staff("mori", Role::Clerk).await.browser;
    let user = "<a href=\"/people/users/sakiko-1\"><bdi>&#60;b&#62;髙橋</bdi> <small title=\"sakiko-1\">12-34 見本工業　sakiko-1</small></a>";
    let named = format!(
        "<a href=\"/received/{file}\"><bdi>算定基礎届.csv</bdi> <small title=\"{file}\">…{}</small></a>",
        &file[24..]
    );
    let open = text(&mori.get("/consents").await);
    assert!(open.contains(user) && open.contains(&named), "{open}");
    assert!(text(&mori.get("/people/users/sakiko-1").await).contains(user));
    assert!(text(&mori.get(&format!("/quarantine/{file}")).await).contains(&named));
    // Also among what was asked for before.
    as_staff(&world, "sato").refuse(first, Role::Manager).await.unwrap();
    let past = text(&mori.get("/consents").await);
    let past = &past[past.find("これまでの依頼").unwrap()..];
    assert!(past.contains(user), "{past}");
}
