//! 監査 at the console: who looked at what is found by an address, and saved as a file.

use hyper::StatusCode;
use jiff::tz::TimeZone;
use kenpo_express::domain::staff::Role;
use kenpo_express::store::gateway::audit::{self, Search};

use crate::console_support::{ConsoleWorld, between, text};

const ROW: &str = "<tr><td class=\"time\">";

/// The day in Japan, as a field for dates has it.
fn today(world: &ConsoleWorld) -> String {
    world.world.clock_now().to_zoned(TimeZone::get("Asia/Tokyo").unwrap()).date().to_string()
}

#[tokio::test]
async fn who_looked_at_the_files_of_an_office_in_a_time_is_found_and_saved() {
    let world = ConsoleWorld::start().await;
    let mut sender = world.world.sender("yamada-1").await;
    let id = world.receive(&mut sender, b"x").await;
    let page = format!("/received/{id}");
    let october = today(&world);
    world.staff("suzuki", Role::Clerk).await.browser.get(&page).await;
    world.wait(40 * 86_400);
    world.staff("sato", Role::Clerk).await.browser.get(&page).await;
    let mut auditor = world.staff("kansa", Role::Auditor).await.browser;

    let asked = format!("/audit?what=access&office=1234-A&from={october}&until={october}");
    let found = text(&auditor.get(&asked).await);
    assert_eq!(found.matches(ROW).count(), 1, "{found}");
    assert!(found.contains("<td>suzuki</td>") && !found.contains("<td>sato</td>"));
    assert!(found.contains(&id.to_string()) && found.contains("1234-A") && found.contains("127.0.0.1"));
    // An auditor sees no files.
    assert!(!found.contains(&format!("href=\"{page}\"")));
    let mut officer = world.staff("tanaka", Role::Officer).await.browser;
    assert!(text(&officer.get(&asked).await).contains(&format!("href=\"{page}\"")));

    for (query, rows) in [
        ("what=access&office=1234-A", 2),
        ("what=access&office=1234-A&who=sato", 1),
        ("what=message.read", 2),
        (&format!("what=access&subject={id}"), 2),
        ("what=message.accepted", 0),
        ("office=9999-Z", 0),
        ("who=nobody", 0),
        ("who=%27%20OR%201%3D1", 0),
    ] {
        let found = text(&auditor.get(&format!("/audit?{query}")).await);
        assert_eq!(found.matches(ROW).count(), rows, "{query}");
        assert_eq!(found.contains("該当する記録はありません"), rows == 0, "{query}");
    }
    for wrong in ["from=31.10.2026", "office=%3Cscript%3E", "what=nothing", "after=x"] {
        let found = text(&auditor.get(&format!("/audit?{wrong}")).await);
        assert!(found.contains("条件の書き方に誤りがあります") && !found.contains("<script>"), "{wrong}");
    }

    auditor.get("/audit").await;
    let saved = auditor.post("/audit/export?what=access&office=1234-A", &[]).await;
    assert_eq!(saved.status, StatusCode::OK);
    assert!(saved.header("content-disposition").unwrap().starts_with("attachment; filename=\"audit-"));
    let saved = text(&saved);
    let lines: Vec<&str> = saved.split_terminator("\r\n").collect();
    assert!(lines[0].starts_with("\u{FEFF}\"番号\",\"日時\""), "{saved}");
    assert_eq!(lines.len(), 3, "{saved}");
    assert!(lines[1].contains("\"sato\"") && lines[2].contains("\"suzuki\"") && lines[2].contains("\"message.read\""));
    let found = text(&auditor.get("/audit?what=audit.exported").await);
    assert!(found.contains("<td>kansa</td>") && found.matches(ROW).count() == 1, "{found}");
    assert_eq!(auditor.post("/audit/export?what=nothing", &[]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn its_pages_and_its_file_have_every_entry_once() {
    let world = ConsoleWorld::start().await;
    let mut sender = world.world.sender("yamada-1").await;
    let id = world.receive(&mut sender, b"x").await;
    for number in 0..560 {
        world.admin().flag(id, number % 2 == 0).await.unwrap();
    }
    let mut auditor = world.staff("kansa", Role::Auditor).await.browser;
    let database = world.gateway.receiver.database.read();
    let all = audit::list(database, None, 10_000).await.unwrap().len();
    let (mut rows, mut address) = (0, "/audit".to_owned());
    loop {
        let page = text(&auditor.get(&address).await);
        rows += page.matches(ROW).count();
        let Some(older) = between(&page, "class=\"button\" href=\"", "\"") else { break };
        address = older.replace("&#38;", "&");
    }
    assert_eq!(rows, all);
    let flags = text(&auditor.get("/audit?what=message.flagged&who=tanaka").await);
    assert_eq!(flags.matches(ROW).count(), 0, "tanaka was at the command line, and no account of the console");
    // The export itself comes after what it holds.
    let saved = text(&auditor.post("/audit/export", &[]).await);
    let codes = saved.matches("\"message.flagged\"").count();
    assert_eq!((codes, saved.split_terminator("\r\n").count()), (560, all + 1));
}

#[tokio::test]
async fn every_search_goes_along_an_index() {
    let world = ConsoleWorld::start().await;
    let mut reader = world.gateway.receiver.database.reader().await.unwrap();
    let now = world.world.clock_now();
    let (what, who) =
        (vec!["message.read".to_owned(), "message.previewed".to_owned()], Some("staff:suzuki".to_owned()));
    let time = Search { from: Some(now), until: Some(now), up_to: Some(7), ..Search::default() };
    let searches = [
        Search::default(),
        time.clone(),
        Search { actions: what.clone(), ..time.clone() },
        Search { actor: who.clone(), ..time.clone() },
        Search { actor: who, actions: what.clone(), ..Search::default() },
        Search { office: "1234-A".parse().ok(), actions: what.clone(), ..time.clone() },
        Search { subject: Some("x".to_owned()), actions: what, ..time },
    ];
    for search in searches {
        for line in audit::plan(&mut reader, &search).await.unwrap() {
            assert!(!line.starts_with("SCAN"), "{search:?}: {line}");
            let is_little = search.office.is_some() || search.subject.is_some();
            assert!(is_little || !line.contains("TEMP B-TREE"), "{search:?}: {line}");
        }
    }
}
