//! CSV files of offices and users; lists and look-up among many.

use std::time::{Duration, Instant};

use encoding_rs::SHIFT_JIS;
use kenpo_express::gateway::admin::import::Imported;
use kenpo_express::gateway::admin::{Admin, AdminError};
use kenpo_express::store::gateway::directory::{self, Filter};

use crate::enrol_gateway_support::world;
use crate::gateway_support::GatewayWorld;

const HEADING: &str = "事業所記号,事業所名,利用者名,メールアドレス,端末名\r\n";

async fn users(admin: &Admin) -> Vec<String> {
    let views = admin.users(&Filter::default(), 1_000).await.unwrap();
    let mut rows: Vec<String> = views
        .iter()
        .map(|one| format!("{}/{}/{}", one.office, one.name.as_deref().unwrap(), one.mail.as_deref().unwrap()))
        .collect();
    rows.sort();
    rows
}

async fn refused(admin: &Admin, file: &[u8]) -> Vec<u64> {
    match admin.import_users(file.to_vec(), false).await {
        Err(AdminError::Import(refused)) => refused.lines.into_iter().map(|bad| bad.line).collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_taken_as_spreadsheets_write_it() {
    let text = format!(
        "{HEADING}77-1,\"髙﨑,商店\",髙橋﨑子,a@example.jp,経理PC\r\n77-1,\"髙﨑,商店\",鈴木,b@example.jp,\r\n"
    );
    let expected = ["77-1/鈴木/b@example.jp", "77-1/髙橋﨑子/a@example.jp"];
    let (shift_jis, _, lost) = SHIFT_JIS.encode(&text);
    assert!(!lost);
    let marked = [b"\xEF\xBB\xBF", text.as_bytes()].concat();
    for (file, encoding) in
        [(text.as_bytes(), "UTF-8"), (marked.as_slice(), "UTF-8"), (shift_jis.as_ref(), "Shift_JIS")]
    {
        let (_world, admin) = world().await;
        let dry = admin.import_users(file.to_vec(), true).await.unwrap();
        assert_eq!(dry, Imported { offices: 1, users: 2, encoding, dry_run: true });
        assert_eq!(users(&admin).await, Vec::<String>::new());
        admin.import_users(file.to_vec(), false).await.unwrap();
        assert_eq!(users(&admin).await, expected);
        assert_eq!(refused(&admin, file).await, [2, 3], "twice would be two of each");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_bad_line_is_named_and_nothing_is_taken() {
    let (_world, admin) = world().await;
    let long = "あ".repeat(200);
    let rows = [
        "77-1,商店,良い人,good@example.jp,PC,good-1",
        "77 1,商店,名前,a@example.jp,PC,",
        "77-1,別の商店,名前,a@example.jp,PC,",
        "77-1,商店,,a@example.jp,PC,",
        "77-1,商店,名前,a@example,PC,",
        "77-1,商店,\"名\r\nBcc: x@example.jp\",a@example.jp,PC,",
        &format!("77-1,商店,{long},a@example.jp,PC,"),
        "77-1,商店,名前,c@example.jp,PC,good-1",
        "77-1,商店,名前,d@example.jp,PC,Upper",
        "77-1,商店,同じ人,e@example.jp,PC,",
        "77-1,商店,同じ人,E@example.jp,PC,",
        "12-34,他の名前,名前,f@example.jp,PC,",
    ];
    let file = format!("{},利用者ID\r\n{}\r\n", HEADING.trim_end(), rows.join("\r\n"));
    // The seventh row has a line break in it.
    assert_eq!(refused(&admin, file.as_bytes()).await, [3, 4, 5, 6, 7, 9, 10, 11, 13, 14]);
    assert_eq!(users(&admin).await, Vec::<String>::new());
    let error = admin.import_users(file.into_bytes(), false).await.unwrap_err().to_string();
    assert!(error.contains("3行目") && error.contains("事業所記号") && !error.contains("良い人"), "{error}");

    let broken = [HEADING.as_bytes(), b"77-1,\x83\x65\x83X\x83g\xFF\xFF,x,x@example.jp,\r\n"].concat();
    let with_utf8_mark = [b"\xEF\xBB\xBF".as_slice(), &broken].concat();
    assert_eq!(refused(&admin, &with_utf8_mark).await, [2]);
    for file in [&b""[..], b"\xFF\xFE\x00", b"a,b\r\n1,2\r\n", HEADING.as_bytes(), b"77-1,a,b,c@example.jp,d\r\n"] {
        assert_eq!(refused(&admin, file).await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn offices_come_by_file_too() {
    let (_world, admin) = world().await;
    let file = "事業所名,事業所記号\r\n一番,1\r\n二番,2\r\n".as_bytes().to_vec();
    assert_eq!(admin.import_offices(file.clone(), false).await.unwrap().offices, 2);
    let codes: Vec<String> = admin.offices(None, 10).await.unwrap().iter().map(|one| one.code.to_string()).collect();
    assert_eq!(codes, ["1", "12-34", "2"]);
    assert!(admin.import_offices(file, false).await.is_err());
}

/// Many users in a few offices.
fn many(count: usize) -> Vec<u8> {
    let row = |i: usize| format!("{:04},事業所{:04},利用者{i},user{i}@example.jp,PC{i}\r\n", i / 25, i / 25);
    format!("{HEADING}{}", (0..count).map(row).collect::<String>()).into_bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_users_come_in_less_than_ten_seconds_and_are_found_by_indexes() {
    let (world, admin) = world().await;
    let file = many(10_000);
    let began = Instant::now();
    let done = admin.import_users(file, false).await.unwrap();
    let took = began.elapsed();
    assert_eq!((done.offices, done.users), (400, 10_000));
    assert!(took < Duration::from_secs(10), "{took:?}");
    let found =
        admin.users(&Filter { mail: Some("USER7777@example.jp".parse().unwrap()), ..Filter::default() }, 10).await;
    assert_eq!(found.unwrap()[0].name.as_deref(), Some("利用者7777"));
    let (mut after, mut seen) = (None, 0);
    loop {
        let page = admin.users(&Filter { after, ..Filter::default() }, 1_000).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id.parse().unwrap());
        seen += page.len();
    }
    assert_eq!(seen, 10_000);
    plans(&world).await;
}

/// No look-up goes through a whole table or sorts: that is what keeps it flat.
async fn plans(world: &GatewayWorld) {
    let filters = [
        Filter { after: Some("m".parse().unwrap()), ..Filter::default() },
        Filter { user: Some("m".parse().unwrap()), ..Filter::default() },
        Filter { office: Some("0001".parse().unwrap()), ..Filter::default() },
        Filter { mail: Some("a@example.jp".parse().unwrap()), ..Filter::default() },
        Filter { state: Some("registered"), ..Filter::default() },
    ];
    for filter in filters {
        let plan = directory::plan(world.receiver.database.read(), &filter).await.unwrap();
        let slow = plan.iter().any(|step| step.contains("SCAN") || step.contains("TEMP B-TREE"));
        assert!(!slow, "{filter:?}: {plan:#?}");
    }
}
