//! Who has sent what is expected is what looking at every file says, whether a file or its expectation came first.

use std::collections::BTreeMap;

use jiff::civil::Date;
use kenpo_express::domain::calendar::OwnHolidays;
use kenpo_express::domain::expectation::{Due, Expectation};
use kenpo_express::domain::schedule::jst;
use kenpo_express::domain::user::{DisableReason, UserState};
use kenpo_express::store::gateway::expectations::{self, Counts, Kept, offices, past};
use kenpo_express::store::gateway::groups;
use kenpo_express::store::gateway::messages::{self, Message, State};
use kenpo_express::store::gateway::offices::{self as registered, Office};
use kenpo_express::store::gateway::users::{self, User};
use kenpo_express::store::sqlite::Connection;

use crate::search_support::{Dice, database, day, message};

const OFFICES: [&str; 6] = ["1001", "1002", "1003-A", "2001", "2002", "2003"];
const NAMES: [&str; 5] = ["算定基礎届.csv", "ｻﾝﾃｲ_令和8年.CSV", "賞与支払届.xlsx", "算定_賞与.csv", "届"];

/// Offices with a user each; the last three cannot send: one has nobody, one nobody who is enabled yet, one only somebody who has left.
async fn people(connection: &mut Connection) {
    let at = day(-1_000);
    for code in OFFICES {
        let office = Office { code: code.parse().unwrap(), name: "事業所".parse().unwrap(), created_at: at };
        registered::insert(connection, &office).await.unwrap();
    }
    let disabled = |reason| UserState::Disabled { reason, at };
    for (code, state) in [
        ("1001", UserState::Enabled),
        ("1002", disabled(DisableReason::Lost)),
        ("1003-A", UserState::Enabled),
        ("2002", UserState::Registered),
        ("2003", disabled(DisableReason::Left)),
    ] {
        let id = format!("user-{}", &code[..4]).parse().unwrap();
        let user = User { id, office: code.parse().unwrap(), state, lost_at: None, created_at: at };
        users::insert(connection, &user).await.unwrap();
        users::update(connection, &user).await.unwrap();
    }
}

/// Who has sent it on these days, by looking at each file: the first that was not returned.
fn counted(files: &[(Message, State)], kept: &Kept, from: Date, until: Date) -> BTreeMap<String, i64> {
    let mut found: BTreeMap<String, (Date, i64)> = BTreeMap::new();
    for (message, state) in files {
        let content = message.content.as_ref().unwrap();
        let (Some(office), Some(name)) = (&content.office, &content.file_name) else { continue };
        let on = jst(message.received_at).date();
        let counts = [State::Archived, State::Accepted].contains(state);
        if counts && (from..=until).contains(&on) && kept.expectation.is_met_by(name.as_str()) {
            let this = (on, message.number);
            found.entry(office.to_string()).and_modify(|first| *first = this.min(*first)).or_insert(this);
        }
    }
    found.into_iter().map(|(office, (_, number))| (office, number)).collect()
}

#[tokio::test]
async fn it_is_what_looking_at_every_file_says() {
    let (_folder, database) = database().await;
    let mut dice = Dice(7);
    let mut transaction = database.write().await.unwrap();
    people(&mut transaction).await;
    groups::add(&mut transaction, "大手", &["1001".parse().unwrap(), "2003".parse().unwrap()]).await.unwrap();
    let yearly = Due::yearly(10, 10).unwrap();
    let monthly = Due::monthly(31).unwrap();
    let wanted = [
        Expectation::new("一", "算定", None, yearly, None).unwrap(),
        Expectation::new("二", "サンテイ", Some("大手"), monthly, Some(5)).unwrap(),
        Expectation::new("三", "賞与", None, monthly, None).unwrap(),
    ];
    let mut all = Vec::new();
    // Expected before the files came …
    for expectation in &wanted {
        let number = expectations::insert(&mut transaction, expectation).await.unwrap();
        all.push(Kept { number, expectation: expectation.clone() });
    }
    let mut files = Vec::new();
    for number in 1..=600 {
        let office = (dice.below(20) > 0).then(|| dice.one(&OFFICES));
        let user = office.map_or("nobody", |_| "user-1001");
        let at = day(i64::try_from(dice.below(3)).unwrap() + number / 2);
        files.push((message(number, dice.one(&NAMES), office, user, at), State::Archived));
    }
    for group in files.chunks(70) {
        let rows: Vec<Message> = group.iter().map(|(message, _)| message.clone()).collect();
        messages::insert(&mut transaction, &rows).await.unwrap();
    }
    for (message, state) in &mut files {
        if message.state == State::Archived {
            *state = [State::Archived, State::Accepted, State::Returned][dice.below(3)];
            if *state != State::Archived {
                messages::change_state(&mut transaction, message.number, State::Archived, *state).await.unwrap();
            }
        } else {
            *state = State::Quarantined;
        }
    }
    // … and the same after them.
    let first = jst(day(-1)).date();
    for (place, expectation) in wanted.iter().enumerate() {
        let (part, due) = (expectation.part(), expectation.due());
        let name = format!("後{place}");
        let same = Expectation::new(&name, part, expectation.group(), due, Some(expectation.lead())).unwrap();
        let number = expectations::insert(&mut transaction, &same).await.unwrap();
        let kept = Kept { number, expectation: same };
        assert!(past::note(&mut transaction, &kept, first).await.unwrap());
        all.push(kept);
    }
    assert_eq!(expectations::list(&mut *transaction).await.unwrap(), all);
    let own = OwnHolidays::from([(jst(day(9)).date(), "休業".to_owned())]);
    let mut looked = 0;
    for kept in &all {
        for after in [0, 10, 40, 80, 200, 299] {
            let on = jst(day(after)).date();
            let period = kept.expectation.period(on, &own).unwrap();
            let before = kept.expectation.before(&period, &own).unwrap();
            let found = offices::standing(&mut transaction, kept, &period, Some(&before)).await.unwrap();
            let (now, earlier) =
                (counted(&files, kept, period.from, period.until), counted(&files, kept, before.from, before.until));
            let is_meant = |code: &&str| {
                let can_send = ["1001", "1002", "1003-A"].contains(code);
                let in_group = kept.expectation.group().is_none() || ["1001", "2003"].contains(code);
                in_group && (can_send || now.contains_key(*code))
            };
            let expected: Vec<_> = OFFICES
                .iter()
                .filter(|code| is_meant(code))
                .map(|code| ((*code).to_owned(), now.get(*code).copied(), earlier.get(*code).copied()))
                .collect();
            let rows = found.iter().map(|row| (row.code.to_string(), row.file, row.before)).collect::<Vec<_>>();
            assert_eq!(rows, expected, "{kept:?} {on}");
            looked += Counts::of(&found).sent;
        }
    }
    assert!(looked > 50, "{looked}");
    // Nobody is late for what was due before they were there.
    let kept = &all[0];
    let long_ago = kept.expectation.period(jst(day(-2_000)).date(), &own).unwrap();
    assert_eq!(offices::standing(&mut transaction, kept, &long_ago, None).await.unwrap(), []);
    expectations::remove(&mut transaction, kept.number).await.unwrap();
    assert!(expectations::remove(&mut transaction, kept.number).await.is_err());
    assert_eq!(expectations::list(&mut *transaction).await.unwrap(), all[1..]);
    let overview = expectations::overview(&mut transaction, jst(day(30)).date()).await.unwrap();
    assert_eq!(overview.len(), 5);
    assert!(overview.is_sorted_by_key(|one| one.period.due));
}
