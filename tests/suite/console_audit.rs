//! 監査 at the console: who looked at what is found by an address, and saved as a file.

use hyper::StatusCode;
use jiff::tz::TimeZone;
use kenpo_express::domain::staff::Role;
use kenpo_express::domain::user::DisableReason;
use kenpo_express::store::gateway::audit::{self, Entry, Search};

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
async fn what_an_entry_is_about_is_called_by_its_name_and_its_id_stays_there() {
    let world = ConsoleWorld::start().await;
    let csv = "事業所記号,事業所名,利用者名,メールアドレス,端末名,利用者ID\n12-34,見本<b>工業,髙橋　﨑子,s@example.jp,,sakiko-1\n";
    world.admin().import_users(csv.as_bytes().to_vec(), false).await.unwrap();
    let mut sender = world.world.sender("yamada-1").await;
    let mut draft = world.world.draft(&sender);
    draft.file_name = "賞与<i>届.csv".parse().unwrap();
    let sealed = world.world.seal(&mut sender, &draft, b"x");
    world.world.relay.deposit(draft.id, &sender.id, &sealed, world.world.clock_now());
    world.world.pull().await;
    // What is in quarantine claims a name, and belongs to nobody.
    let mut stranger = world.world.sender("stranger").await;
    world.admin().disable_user(&"stranger".parse().unwrap(), DisableReason::Left, None).await.unwrap();
    let claimed = world.receive(&mut stranger, b"x").await;
    let database = &world.gateway.receiver.database;
    let mut transaction = database.write().await.unwrap();
    let gone = |action, subject: &str| Entry {
        at: world.world.clock_now(),
        actor: "gateway".to_owned(),
        action,
        subject: subject.to_owned(),
        before: String::new(),
        after: "archived asked-by:staff:suzuki".to_owned(),
    };
    let lost = "0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f6";
    let entries = [gone("user.added", "nobody-9"), gone("message.read", lost), gone("office.added", "99-9")];
    audit::insert(&mut transaction, &entries).await.unwrap();
    database.commit(transaction).await.unwrap();
    let mut officer = world.staff("tanaka", Role::Officer).await.browser;
    let row = |page: &str, id: &str| {
        let row =
            page.split(ROW).find(|row| row.contains(&format!("title=\"{id}\""))).unwrap_or_else(|| panic!("{page}"));
        row.to_owned()
    };
    let users = text(&officer.get("/audit?what=people").await);
    let sakiko = row(&users, "sakiko-1");
    assert!(sakiko.contains("<a href=\"/people/users/sakiko-1\"><bdi>髙橋　﨑子</bdi>"), "{sakiko}");
    assert!(sakiko.contains("12-34 見本&#60;b&#62;工業　sakiko-1</small>"), "{sakiko}");
    let office = row(&users, "12-34");
    assert!(office.contains("<a href=\"/people/offices/12-34\"><bdi>12-34 見本&#60;b&#62;工業</bdi>"), "{office}");
    for (id, shown) in [("nobody-9", "<bdi>nobody-9</bdi>"), ("99-9", "<bdi>99-9</bdi>")] {
        let gone = row(&users, id);
        assert!(gone.contains(shown) && !gone.contains("<a href"), "{gone}");
        assert!(gone.contains("asked-by:suzuki"), "accounts stand by their login names: {gone}");
    }
    let files = text(&officer.get("/audit?what=system").await);
    let file = row(&files, &draft.id.to_string());
    assert!(file.contains(&format!("<a href=\"/received/{}\"><bdi>賞与&#60;i&#62;届.csv</bdi>", draft.id)), "{file}");
    assert!(file.contains("<td>1234-A 事業所</td>"), "{file}");
    assert!(row(&files, &claimed.to_string()).contains("<bdi>算定基礎届.csv</bdi>"), "{files}");
    let read = text(&officer.get("/audit?what=message.read").await);
    assert!(row(&read, lost).contains(&format!("<bdi>{lost}</bdi>")), "{read}");
    let accounts = text(&officer.get("/audit?what=staff.added").await);
    assert!(row(&accounts, "staff:tanaka").contains("<bdi>tanaka</bdi>"), "{accounts}");
    // The same in the file: ids where they were, names behind.
    officer.get("/audit").await;
    let saved = text(&officer.post("/audit/export", &[]).await);
    let lines: Vec<&str> = saved.split_terminator("\r\n").collect();
    assert!(lines[0].ends_with("\"変更後\",\"対象の名称\",\"事業所名\""), "{}", lines[0]);
    for (id, end) in [
        ("\"sakiko-1\",\"12-34\"", ",\"髙橋　﨑子\",\"見本<b>工業\""),
        (&format!("\"{}\",\"1234-A\"", draft.id), ",\"賞与<i>届.csv\",\"事業所\""),
        ("\"nobody-9\",\"\"", ",\"nobody-9\",\"\""),
    ] {
        assert!(lines.iter().any(|line| line.contains(id) && line.ends_with(end)), "{id}: {saved}");
    }
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
