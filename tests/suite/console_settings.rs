//! 設定 at the console: accounts, tokens, and what is configured.

use std::collections::BTreeSet;

use hyper::{Method, StatusCode};
use kenpo_express::domain::staff::Role;
use kenpo_express::gateway::admin::AdminError;
use kenpo_express::gateway::console::routes::{Route, routes};
use kenpo_express::secret::Token;
use kenpo_express::store::gateway::audit;
use kenpo_express::store::gateway::staff_sessions::{self, NewSession};
use kenpo_express::store::gateway::tokens::Scope;

use crate::console_support::{Browser, ConsoleWorld, PASSWORD, Somebody, between, leads, text};

/// An officer who has typed the password once more just now.
async fn officer(world: &ConsoleWorld) -> Browser {
    let mut officer = world.staff("tanaka", Role::Officer).await.browser;
    officer.get("/settings").await;
    let answer = officer.post("/settings/staff/nobody/disable", &[("own-password", PASSWORD)]).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    officer
}

#[tokio::test]
async fn accounts_and_tokens_are_changed_with_the_own_password_typed_once_more() {
    let world = ConsoleWorld::start().await;
    let Somebody { browser: mut officer, secret } = world.staff("tanaka", Role::Officer).await;
    let mut clerk = world.staff("suzuki", Role::Clerk).await.browser;
    world.admin().add_token("kikan", BTreeSet::from([Scope::SentRead]), None).await.unwrap();
    let standing = async || {
        let staff = world.admin().staff().await.unwrap();
        let tokens = world.admin().tokens().await.unwrap();
        serde_json::json!([staff, tokens])
    };
    let before = standing().await;
    let is_guarded = |route: &Route| {
        route.method == Method::POST && route.path.starts_with("/settings") && !route.path.ends_with("/sessions")
    };
    let guarded: Vec<String> = routes()
        .into_iter()
        .filter(is_guarded)
        .map(|route| {
            let id = if route.path.contains("/tokens/") { "kikan" } else { "suzuki" };
            route.path.replace("{id}", id)
        })
        .collect();
    assert_eq!(guarded.len(), 8, "{guarded:?}");
    officer.get("/settings").await;
    let fields = [("name", "sato"), ("role", "auditor"), ("scope", "sent:read"), ("note", "\"<b>")];
    for path in &guarded {
        // What was filled in waits in the page.
        let answer = officer.post(path, &fields).await;
        let page = text(&answer);
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        for part in [
            "パスワードの再入力".to_owned(),
            format!("action=\"{path}\""),
            "name=\"role\" value=\"auditor\"".to_owned(),
            "name=\"note\" value=\"&#34;&#60;b&#62;\"".to_owned(),
        ] {
            assert!(page.contains(&part), "{path}: {part}: {page}");
        }
        // Neither does the way that a script takes lead past it.
        let csrf = officer.csrf.clone();
        assert_eq!(officer.upload(path, Vec::new(), &csrf).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(standing().await, before);

    // A wrong one changes nothing and is counted, as at the sign-in.
    let disable = "/settings/staff/suzuki/disable";
    for _ in 0..5 {
        let wrong = officer.post(disable, &[("own-password", "a guess that is long"), ("role", "auditor")]).await;
        let page = text(&wrong);
        assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
        assert!(page.contains("何も変更されていません") && page.contains("value=\"auditor\""), "{page}");
        assert!(!page.contains("a guess that is long"), "{page}");
    }
    let right = [("own-password", PASSWORD)];
    assert_eq!(officer.post(disable, &right).await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(standing().await, before);
    assert!(clerk.is_in().await);
    let entries = audit::of_subject(world.gateway.receiver.database.read(), "staff:tanaka", 50).await.unwrap();
    assert_eq!(entries.iter().filter(|entry| entry.action == "staff.sign-in-refused").count(), 5);
    world.wait(15);
    assert_eq!(leads(&officer.post(disable, &right).await), "/settings/staff/suzuki?done=account-disabled");
    // The password alone replaces nobody's own second factor.
    assert_eq!(leads(&officer.post("/settings/staff/tanaka/factor", &right).await), "/account/factor");
    assert!(officer.is_in().await);
    assert!(!clerk.is_in().await);

    // For five minutes it is not asked again, in this session.
    world.wait(4 * 60 + 59);
    let role = officer.post("/settings/staff/suzuki/role", &[("role", "reader")]).await;
    assert_eq!(leads(&role), "/settings/staff/suzuki?done=account");
    let mut elsewhere = world.browser();
    elsewhere.sign_in("tanaka", PASSWORD).await;
    elsewhere.code(&world.code(&secret)).await;
    elsewhere.get("/settings").await;
    let asked = elsewhere.post("/settings/staff/suzuki/role", &[("role", "clerk")]).await;
    assert!(text(&asked).contains("パスワードの再入力"));
    world.wait(1);
    let asked = officer.post("/settings/staff/suzuki/role", &[("role", "clerk")]).await;
    assert!(text(&asked).contains("パスワードの再入力"));
    // The right one has not made up for the wrong ones of before.
    for status in [StatusCode::UNAUTHORIZED, StatusCode::TOO_MANY_REQUESTS] {
        assert_eq!(officer.post(disable, &[("own-password", "a guess that is long")]).await.status, status);
    }
    // Signing others out only takes something away from whoever has it: that never waits.
    let ended = officer.post("/settings/staff/tanaka/sessions", &[]).await;
    assert_eq!(leads(&ended), "/settings/staff/tanaka?done=session");
}

#[tokio::test]
async fn an_officer_looks_after_accounts() {
    let world = ConsoleWorld::start().await;
    let mut officer = officer(&world).await;
    assert!(text(&officer.get("/settings").await).contains("/settings/staff/tanaka"));
    for (name, role) in [("Suzuki", "clerk"), ("suzuki", "root"), ("", "clerk")] {
        let refused = officer.post("/settings/staff", &[("name", name), ("role", role)]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{name} {role}");
    }
    officer.get("/settings").await;
    let made = officer.post("/settings/staff", &[("name", "suzuki"), ("role", "clerk")]).await;
    let password = between(&text(&made), "id=\"secret\">", "<").unwrap();
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let again = officer.post("/settings/staff", &[("name", "suzuki"), ("role", "clerk")]).await;
    assert!(again.status == StatusCode::CONFLICT && text(&again).contains("登録済み"));

    // Whoever has the password comes as far as choosing another one.
    let mut clerk = world.browser();
    assert_eq!(leads(&clerk.sign_in("suzuki", &password).await), "/sign-in/password");
    clerk.get("/sign-in/password").await;
    clerk.post("/sign-in/password", &[("now", &password), ("new", PASSWORD), ("again", PASSWORD)]).await;
    clerk.set_up(&world).await;
    assert!(clerk.is_in().await);
    let page = text(&officer.get("/settings/staff/suzuki").await);
    assert!(page.contains("設定済") && page.contains("Suite/1.0"), "{page}");

    // Another role counts at once.
    let answer = officer.post("/settings/staff/suzuki/role", &[("role", "auditor")]).await;
    assert_eq!(leads(&answer), "/settings/staff/suzuki?done=account");
    assert!(!clerk.is_in().await);
    assert_eq!(clerk.get("/audit").await.status, StatusCode::OK);

    // Lost phone: signed out everywhere, and the next sign-in sets the second factor up.
    officer.post("/settings/staff/suzuki/factor", &[]).await;
    assert!(leads(&clerk.get("/audit").await).starts_with("/sign-in"));
    let mut clerk = world.browser();
    clerk.sign_in("suzuki", PASSWORD).await;
    assert!(leads(&clerk.get("/audit").await).starts_with("/sign-in/factor"));

    let made = text(&officer.post("/settings/staff/suzuki/password", &[]).await);
    let password = between(&made, "id=\"secret\">", "<").unwrap();
    assert!(leads(&clerk.get("/audit").await).starts_with("/sign-in"), "the session has ended");
    assert_eq!(world.browser().sign_in("suzuki", PASSWORD).await.status, StatusCode::UNAUTHORIZED);
    let mut clerk = world.browser();
    assert_eq!(leads(&clerk.sign_in("suzuki", &password).await), "/sign-in/password");
    officer.post("/settings/staff/suzuki/sessions", &[]).await;
    assert_eq!(leads(&clerk.get("/sign-in/password").await).split('?').next(), Some("/sign-in"));

    officer.post("/settings/staff/suzuki/disable", &[]).await;
    assert_eq!(world.browser().sign_in("suzuki", &password).await.status, StatusCode::UNAUTHORIZED);
    assert!(text(&officer.get("/settings/staff/suzuki").await).contains("無効"));

    // Somebody must be left who can do all this.
    for (path, fields) in [("disable", &[][..]), ("role", &[("role", "clerk")][..])] {
        let refused = officer.post(&format!("/settings/staff/tanaka/{path}"), fields).await;
        assert!(refused.status == StatusCode::CONFLICT && text(&refused).contains("最後の責任者"), "{path}");
    }
    assert!(officer.is_in().await);

    let read = world.gateway.receiver.database.read();
    let entries = audit::of_subject(read, "staff:suzuki", 50).await.unwrap();
    let by_officer: Vec<_> = entries.iter().filter(|entry| entry.actor == "staff:tanaka").rev().collect();
    assert!(by_officer.iter().all(|entry| entry.origin == "127.0.0.1"), "{by_officer:?}");
    let actions: Vec<&str> = by_officer.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(
        actions,
        ["staff.added", "staff.role", "staff.factor-reset", "staff.password", "staff.session-ended", "staff.disabled"]
    );
    assert_eq!((by_officer[1].before.as_str(), by_officer[1].after.as_str()), ("clerk", "auditor"));
}

#[tokio::test]
async fn an_officer_who_has_never_signed_in_does_not_count_as_another_one() {
    let world = ConsoleWorld::start().await;
    let mut officer = officer(&world).await;
    let refused = async |officer: &mut Browser, name: &str| {
        let mut all = Vec::new();
        for (path, fields) in [("disable", &[][..]), ("role", &[("role", "clerk")][..])] {
            officer.get(&format!("/settings/staff/{name}")).await;
            let fields = [fields, &[("own-password", PASSWORD)]].concat();
            let answer = officer.post(&format!("/settings/staff/{name}/{path}"), &fields).await;
            let shown = text(&answer);
            assert!(answer.status == StatusCode::SEE_OTHER || shown.contains("ログインできる最後の責任者"), "{shown}");
            all.push(answer.status == StatusCode::CONFLICT);
        }
        all
    };
    // With a password that somebody else has seen; then with one of their own, and no second factor yet.
    officer.get("/settings").await;
    let made = text(&officer.post("/settings/staff", &[("name", "suzuki"), ("role", "officer")]).await);
    let password = between(&made, "id=\"secret\">", "<").unwrap();
    world.account("sato", Role::Officer).await;
    assert_eq!(refused(&mut officer, "tanaka").await, [true, true]);
    let mut suzuki = world.browser();
    suzuki.sign_in("suzuki", &password).await;
    suzuki.get("/sign-in/password").await;
    suzuki.post("/sign-in/password", &[("now", &password), ("new", PASSWORD), ("again", PASSWORD)]).await;
    assert_eq!(refused(&mut officer, "tanaka").await, [true, true]);
    // Whoever has never signed in is in nobody's way.
    assert_eq!(refused(&mut officer, "sato").await, [false, false]);
    // Signed in, there is another one. Who then lost the phone is none, until it is set up again.
    suzuki.set_up(&world).await;
    officer.get("/settings/staff/suzuki").await;
    officer.post("/settings/staff/suzuki/factor", &[]).await;
    assert_eq!(refused(&mut officer, "tanaka").await, [true, true]);
    suzuki = world.browser();
    suzuki.sign_in("suzuki", PASSWORD).await;
    suzuki.set_up(&world).await;
    let admin = world.admin();
    let tanaka = "tanaka".parse().unwrap();
    admin.set_staff_role(&tanaka, Role::Clerk).await.unwrap();
    assert!(!officer.is_in().await || officer.get("/settings").await.status == StatusCode::FORBIDDEN);
    admin.disable_staff(&tanaka).await.unwrap();
    assert_eq!(refused(&mut suzuki, "suzuki").await, [true, true]);
    // Where nobody has signed in yet, the only officer stays.
    let fresh = ConsoleWorld::start().await;
    fresh.account("sato", Role::Officer).await;
    let sato = "sato".parse().unwrap();
    assert!(matches!(fresh.admin().disable_staff(&sato).await, Err(AdminError::LastOfficer)));
    fresh.account("mori", Role::Officer).await;
    fresh.admin().disable_staff(&sato).await.unwrap();
}

#[tokio::test]
async fn an_account_that_was_shut_is_opened_as_if_it_were_new() {
    let world = ConsoleWorld::start().await;
    let mut officer = officer(&world).await;
    let mut clerk = world.staff("suzuki", Role::Clerk).await.browser;
    let database = &world.gateway.receiver.database;
    let before = staff_sessions::of_staff(database.read(), &"suzuki".parse().unwrap()).await.unwrap().remove(0);
    officer.get("/settings/staff/suzuki").await;
    let refused = officer.post("/settings/staff/suzuki/enable", &[]).await;
    assert!(refused.status == StatusCode::CONFLICT && text(&refused).contains("有効です"), "it is not shut");
    officer.post("/settings/staff/suzuki/disable", &[]).await;
    // A sign-in that was under way leaves a session behind.
    let mut transaction = database.write().await.unwrap();
    let left = NewSession {
        hash: Token::hash_of(&clerk.cookies["__Host-kx-session"]),
        staff: &before.staff,
        is_whole: true,
        origin: &before.origin,
        agent: &before.agent,
        at: before.seen_at,
    };
    staff_sessions::insert(&mut transaction, &left).await.unwrap();
    database.commit(transaction).await.unwrap();

    // It is shut, has another role when it is opened, and is offered that.
    let page = text(&officer.get("/settings/staff/suzuki").await);
    assert!(
        page.contains("/settings/staff/suzuki/enable") && !page.contains("/settings/staff/suzuki/disable"),
        "{page}"
    );
    officer.post("/settings/staff/suzuki/role", &[("role", "auditor")]).await;
    assert_eq!(officer.post("/settings/staff/suzuki/password", &[]).await.status, StatusCode::CONFLICT);
    officer.get("/settings/staff/suzuki").await;
    let made = officer.post("/settings/staff/suzuki/enable", &[]).await;
    let password = between(&text(&made), "id=\"secret\">", "<").unwrap();
    assert_eq!(made.header("cache-control"), Some("no-store"));

    // Nothing from before opens anything.
    assert!(leads(&clerk.get("/audit").await).starts_with("/sign-in"), "the session of before counts again");
    assert_eq!(world.browser().sign_in("suzuki", PASSWORD).await.status, StatusCode::UNAUTHORIZED);
    let mut auditor = world.browser();
    assert_eq!(leads(&auditor.sign_in("suzuki", &password).await), "/sign-in/password");
    auditor.get("/sign-in/password").await;
    auditor.post("/sign-in/password", &[("now", &password), ("new", PASSWORD), ("again", PASSWORD)]).await;
    assert!(leads(&auditor.get("/audit").await).starts_with("/sign-in/factor"), "the second factor of before counts");
    auditor.set_up(&world).await;
    assert_eq!(auditor.get("/audit").await.status, StatusCode::OK);
    assert!(!auditor.is_in().await);

    let entries = audit::of_subject(database.read(), "staff:suzuki", 50).await.unwrap();
    let opened = entries.iter().find(|entry| entry.action == "staff.enabled").unwrap();
    assert_eq!((opened.actor.as_str(), opened.origin.as_str()), ("staff:tanaka", "127.0.0.1"));
}

#[tokio::test]
async fn what_somebody_looks_at_ends_when_the_role_is_another_one() {
    let world = ConsoleWorld::start().await;
    let mut officer = officer(&world).await;
    let manager = world.staff("suzuki", Role::Manager).await.browser;
    let mut live = manager.follow("/live").await;
    live.until("event: change").await;
    officer.get("/settings/staff/suzuki").await;
    officer.post("/settings/staff/suzuki/role", &[("role", "auditor")]).await;
    live.until("event: over").await;
}

#[tokio::test]
async fn tokens_are_made_shown_once_and_ended() {
    let world = ConsoleWorld::start().await;
    let mut officer = officer(&world).await;
    assert!(text(&officer.get("/settings/tokens").await).contains("トークンはありません"));
    for (fields, status) in [
        (&[("name", "kikan")][..], StatusCode::UNPROCESSABLE_ENTITY),
        (&[("name", "kikan"), ("scope", "everything")][..], StatusCode::UNPROCESSABLE_ENTITY),
        (&[("name", "基幹"), ("scope", "sent:read")][..], StatusCode::CONFLICT),
        (&[("name", "kikan"), ("scope", "sent:read"), ("expires", "2020-01-01")][..], StatusCode::CONFLICT),
        (&[("name", "kikan"), ("scope", "sent:read"), ("expires", "soon")][..], StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        assert_eq!(officer.post("/settings/tokens", fields).await.status, status, "{fields:?}");
    }
    officer.get("/settings/tokens").await;
    let fields = [("name", "kikan"), ("scope", "received:read"), ("scope", "received:content")];
    let made = text(&officer.post("/settings/tokens", &fields).await);
    let token = between(&made, "id=\"secret\">", "<").unwrap();
    let listed = text(&officer.get("/settings/tokens").await);
    assert!(token.len() > 20 && !listed.contains(&token));
    assert!(listed.contains("受信一覧の参照<br>受信ファイルの取得"), "{listed}");
    assert_eq!(leads(&officer.post("/settings/tokens/kikan/revoke", &[]).await), "/settings/tokens?done=token");
    assert!(text(&officer.get("/settings/tokens").await).contains("失効済"));
    assert_eq!(officer.post("/settings/tokens/none/revoke", &[]).await.status, StatusCode::NOT_FOUND);
    let tokens = world.admin().tokens().await.unwrap();
    assert!(tokens.len() == 1 && tokens[0].revoked_at.is_some());
}

#[tokio::test]
async fn what_is_configured_is_shown_without_secrets() {
    let world = ConsoleWorld::start().await;
    let mut officer = world.staff("tanaka", Role::Officer).await.browser;
    let page = text(&officer.get("/settings/configuration").await);
    let own = world.admin().own_certificates().await.unwrap();
    assert!(own.iter().all(|one| page.contains(&one.fingerprint)));
    let ca = world.world.union.authority.certificate();
    let row = page.split("<tr>").find(|row| row.contains(&ca.fingerprint().to_string())).expect("the CA has a row");
    assert!(row.contains("認証局") && row.contains(&ca.common_name().unwrap()), "{row}");
    assert!(page.contains("storage.keep_records_days") && page.contains("send.approval"));
    assert!(!page.contains(".key<") && !page.contains("PRIVATE"), "{page}");
    assert!(text(&officer.get("/settings/configuration?lang=en").await).contains("for ever"));
}
