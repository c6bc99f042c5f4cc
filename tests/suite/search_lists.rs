//! Lists and searches answer what looking at every row answers; what is kept is what counting gives.

use jiff::Timestamp;
use kenpo_express::domain::folding::fold;
use kenpo_express::domain::ids::MessageId;
use kenpo_express::domain::schedule::jst;
use kenpo_express::domain::sending::Sending;
use kenpo_express::domain::staff::StaffName;
use kenpo_express::runtime::clock::SystemRandom;
use kenpo_express::store::gateway::dispatches::{self, Dispatch};
use kenpo_express::store::gateway::messages::{self, Message, State};
use kenpo_express::store::gateway::search::received::{self, Filter, Listed, Standing};
use kenpo_express::store::gateway::search::{Days, Way, sent};
use kenpo_express::store::gateway::sent::{self as rows, NewSent};
use kenpo_express::store::gateway::{days, reviews};
use kenpo_express::store::sqlite::Connection;

use crate::search_support::{Dice, database, day, message};

const OFFICES: [&str; 4] = ["1001", "1002", "1003-A", "2001"];
const USERS: [&str; 6] = ["hanako-1", "taro-1", "jiro-1", "saburo-1", "yuko-1", "keiko-1"];
const NAMES: [&str; 8] = [
    "算定基礎届_令和8年.csv",
    "賞与支払届.xlsx",
    "ｻﾝﾃｲｷｿﾄﾞｹ.CSV",
    "資格取得届（髙橋）.pdf",
    "被扶養者異動届.csv",
    "Monthly Report.TXT",
    "算定_賞与.csv",
    "届",
];
const PARTS: [&str; 12] = [
    "算定",
    "賞与",
    "さんてい",
    "サンテイ",
    "届",
    "髙橋",
    "REPORT",
    "report.t",
    ".csv",
    "無い",
    "8年",
    "基礎届_令和８年",
];

/// All pages of a list.
async fn all(connection: &mut Connection, filter: &Filter, page: usize) -> Vec<Listed> {
    let (mut found, mut filter) = (Vec::new(), filter.clone());
    loop {
        let page = received::list(connection, &filter, page).await.unwrap();
        found.extend(page.rows);
        match page.next {
            Some(next) => filter.before = Some(next),
            None => return found,
        }
    }
}

/// What became of a message.
#[derive(Clone, Copy)]
struct Fate {
    state: State,
    opened: bool,
    flagged: bool,
    /// When sato has read it.
    read_at: Option<Timestamp>,
}

/// What a filter lets through, by looking at each.
fn passes(filter: &Filter, message: &Message, Fate { state, opened, flagged, read_at }: Fate) -> bool {
    let content = message.content.as_ref().unwrap();
    let on = jst(message.received_at).date();
    let name = content.file_name.as_ref().map(|name| fold(name.as_str()));
    filter.state.map_or(state != State::Quarantined, |wanted| wanted == state)
        && filter.office.as_ref().is_none_or(|office| content.office.as_ref() == Some(office))
        && filter.user.as_ref().is_none_or(|user| content.user.as_ref() == Some(user))
        && filter.days.from.is_none_or(|from| on >= from)
        && filter.days.until.is_none_or(|until| on <= until)
        && filter.is_opened.is_none_or(|wanted| message.verdict.is_accepted() && wanted == opened)
        && filter.is_flagged.is_none_or(|wanted| wanted == flagged)
        && filter.unread_at.is_none_or(|then| read_at.is_none_or(|read| read >= then))
        && filter.name.as_ref().is_none_or(|part| name.is_some_and(|name| name.contains(&fold(part))))
}

#[tokio::test]
async fn every_filter_finds_what_looking_at_each_row_finds() {
    let (_folder, database) = database().await;
    let mut dice = Dice(7);
    let mut kept: Vec<Message> = (1..=1_500)
        .map(|number| {
            let office = (dice.below(10) > 0).then(|| *dice.one(&OFFICES.each_ref()));
            // A clock that is set back now and then.
            let at = day(number / 60 - i64::try_from(dice.below(20) / 19 * 3).unwrap());
            let (name, user) = (*dice.one(&NAMES.each_ref()), *dice.one(&USERS.each_ref()));
            message(number, name, office, user, at)
        })
        .collect();
    let mut transaction = database.write().await.unwrap();
    messages::insert(&mut transaction, &kept).await.unwrap();
    let new = |message: &Message| Fate { state: message.state, opened: false, flagged: false, read_at: None };
    let mut facts: Vec<Fate> = kept.iter().map(new).collect();
    let sato: StaffName = "sato".parse().unwrap();
    for (message, Fate { state, opened, flagged, read_at }) in kept.iter().zip(&mut facts) {
        let to = [State::Archived, State::Accepted, State::Returned][dice.below(3)];
        if *state == State::Archived && to != State::Archived {
            assert!(messages::change_state(&mut transaction, message.number, *state, to).await.unwrap());
            *state = to;
        }
        if *state != State::Quarantined && dice.below(3) > 0 {
            assert!(messages::set_opened(&mut transaction, message.number, day(99)).await.unwrap());
            *opened = true;
        }
        if dice.below(40) == 0 {
            assert!(reviews::set_flag(&mut transaction, message.number, Some(day(99))).await.unwrap());
            *flagged = true;
        }
        if dice.below(3) > 0 {
            let at = day(90 + i64::try_from(dice.below(4)).unwrap());
            assert!(reviews::set_read(&mut transaction, message.number, &sato, at).await.unwrap());
            *read_at = Some(at);
        }
    }
    database.commit(transaction).await.unwrap();
    let mut reader = database.reader().await.unwrap();

    for round in 0..400 {
        let mut maybe = |most: usize| dice.below(most) == 0;
        let (by_state, by_office, by_user, by_day) = (maybe(3), maybe(3), maybe(4), maybe(3));
        let (by_opened, by_flag, by_name, by_unread) = (maybe(3), maybe(6), !maybe(3), maybe(3));
        let on = |after: usize| Some(jst(day(i64::try_from(after).unwrap())).date());
        let filter = Filter {
            state: by_state.then(|| State::ALL[dice.below(4)]),
            office: by_office.then(|| dice.one(&OFFICES.each_ref()).parse().unwrap()),
            user: by_user.then(|| dice.one(&USERS.each_ref()).parse().unwrap()),
            days: if by_day { Days { from: on(dice.below(26)), until: on(dice.below(26)) } } else { Days::default() },
            is_opened: by_opened.then(|| dice.below(2) == 0),
            is_flagged: by_flag.then(|| dice.below(2) == 0),
            name: by_name.then(|| (*dice.one(&PARTS.each_ref())).to_owned()),
            reader: Some(sato.clone()),
            unread_at: by_unread.then(|| day(90 + i64::try_from(dice.below(5)).unwrap())),
            before: None,
        };
        let found: Vec<i64> =
            all(&mut reader, &filter, 1 + dice.below(60)).await.iter().map(|row| row.number).collect();
        let rows = kept.iter().zip(&facts).rev();
        let expected: Vec<i64> = rows
            .filter(|(message, fate)| passes(&filter, message, **fate))
            .map(|(message, _)| message.number)
            .collect();
        assert_eq!(found, expected, "round {round}: {filter:?}");
        // What is beside one of them, or beside one that is not among them.
        let from = i64::try_from(dice.below(1_502)).unwrap();
        let older = expected.iter().find(|number| **number < from).copied();
        let newer = expected.iter().rev().find(|number| **number > from).copied();
        for (way, expected) in [(Way::Older, older), (Way::Newer, newer)] {
            let found = received::beside(&mut reader, &filter, (way, from)).await.unwrap();
            assert_eq!(found.map(|row| row.number), expected, "round {round}: {way:?} than {from}: {filter:?}");
        }
    }

    let count = |state: State| facts.iter().filter(|fate| fate.state == state).count() as u64;
    let unopened = facts.iter().filter(|fate| fate.state != State::Quarantined && !fate.opened).count();
    let standing = Standing {
        archived: count(State::Archived),
        accepted: count(State::Accepted),
        returned: count(State::Returned),
        quarantined: count(State::Quarantined),
        unopened: unopened as u64,
        flagged: facts.iter().filter(|fate| fate.flagged).count() as u64,
    };
    assert_eq!(received::standing(&mut *reader).await.unwrap(), standing);
    kept.retain(|message| jst(message.received_at).date() == jst(day(5)).date());
    let (from, until) = (jst(day(5)).date(), jst(day(5)).date());
    let counted = days::received(&mut *reader, from, until).await.unwrap();
    let archived = kept.iter().filter(|message| message.verdict.is_accepted()).count() as u64;
    let quarantined = kept.len() as u64 - archived;
    let expected = days::Received { archived, quarantined, bytes: kept.len() as u64 * 1_000 };
    assert_eq!(counted.into_iter().collect::<Vec<_>>(), [(from, expected)]);
}

#[tokio::test]
async fn a_rare_find_among_many_ends_the_page_and_says_so() {
    let (_folder, database) = database().await;
    let rows: Vec<Message> = (1..=5_000)
        .map(|number| {
            let name = if number == 3 { "珍!.csv".to_owned() } else { format!("届{number}.csv") };
            message(number, &name, Some("1001"), "hanako-1", day(0))
        })
        .collect();
    let mut transaction = database.write().await.unwrap();
    messages::insert(&mut transaction, &rows).await.unwrap();
    database.commit(transaction).await.unwrap();
    let mut reader = database.reader().await.unwrap();
    // A single sign is in no index: every row is a candidate.
    let mut filter = Filter { name: Some("!".to_owned()), ..Filter::default() };
    let first = received::list(&mut reader, &filter, 50).await.unwrap();
    assert!(first.rows.is_empty() && first.is_cut && first.next.is_some_and(|next| next > 3));
    assert_eq!(all(&mut reader, &filter, 50).await.len(), 1);
    for part in ["珍", "珍!"] {
        filter.name = Some(part.to_owned());
        let found = received::list(&mut reader, &filter, 50).await.unwrap();
        assert_eq!((found.rows.len(), found.next, found.is_cut), (1, None, false), "{part} is found at once");
    }
    let page = received::list(&mut reader, &Filter::default(), 50).await.unwrap();
    assert_eq!((page.rows.len(), page.next, page.is_cut), (50, Some(4_951), false));
}

#[tokio::test]
async fn what_somebody_has_not_read_is_found_at_once_however_much_they_have() {
    let (_folder, database) = database().await;
    let rows: Vec<Message> =
        (1..=20_000).map(|number| message(number, "届.csv", Some("1001"), "hanako-1", day(0))).collect();
    let me: StaffName = "sato".parse().unwrap();
    let mut transaction = database.write().await.unwrap();
    messages::insert(&mut transaction, &rows).await.unwrap();
    for number in (1..=20_000).filter(|number| *number != 3) {
        reviews::set_read(&mut transaction, number, &me, day(1)).await.unwrap();
    }
    database.commit(transaction).await.unwrap();
    let mut reader = database.reader().await.unwrap();
    for state in [None, Some(State::Archived)] {
        let filter = Filter { state, reader: Some(me.clone()), unread_at: Some(Timestamp::MAX), ..Filter::default() };
        let page = received::list(&mut reader, &filter, 50).await.unwrap();
        let numbers: Vec<i64> = page.rows.iter().map(|row| row.number).collect();
        assert_eq!((numbers, page.next, page.is_cut), (vec![3], None, false));
        let next = received::beside(&mut reader, &filter, (Way::Older, 19_999)).await.unwrap();
        assert_eq!(next.map(|row| row.number), Some(3));
        let previous = received::beside(&mut reader, &filter, (Way::Newer, 1)).await.unwrap();
        assert_eq!(previous.map(|row| row.number), Some(3));
    }
}

#[tokio::test]
async fn who_has_read_what_is_known_for_each_account() {
    let (_folder, database) = database().await;
    let rows: Vec<Message> =
        (1..=3).map(|number| message(number, "届.csv", Some("1001"), "hanako-1", day(0))).collect();
    let mut transaction = database.write().await.unwrap();
    messages::insert(&mut transaction, &rows).await.unwrap();
    for _ in 0..2 {
        reviews::set_read(&mut transaction, 2, &"sato".parse().unwrap(), day(1)).await.unwrap();
    }
    database.commit(transaction).await.unwrap();
    let mut reader = database.reader().await.unwrap();
    for (account, read, unread) in [("sato", vec![2], vec![3, 1]), ("suzuki", vec![], vec![3, 2, 1])] {
        let mut filter = Filter { reader: Some(account.parse().unwrap()), ..Filter::default() };
        let found = all(&mut reader, &filter, 50).await;
        let numbers: Vec<i64> = found.iter().filter(|row| row.is_read_by_reader).map(|row| row.number).collect();
        assert_eq!(numbers, read, "{account}");
        filter.unread_at = Some(Timestamp::MAX);
        let numbers: Vec<i64> = all(&mut reader, &filter, 50).await.iter().map(|row| row.number).collect();
        assert_eq!(numbers, unread, "{account}");
    }
}

async fn dispatch(connection: &mut Connection, name: &str, offices: &[&str], at: Timestamp) {
    let dispatch = Dispatch {
        number: 0,
        id: MessageId::new(at, &SystemRandom),
        origin: "console".to_owned(),
        key: None,
        actor: "staff:sato".to_owned(),
        held: false,
        approval: None,
        file_name: name.parse().unwrap(),
        content_type: "application/pdf".to_owned(),
        comment: None,
        size: 7,
        copy: None,
        put_away: false,
        staged_at: at,
    };
    let number = dispatches::insert(connection, &dispatch).await.unwrap();
    let messages: Vec<NewSent> = offices
        .iter()
        .map(|office| NewSent {
            id: MessageId::new(at, &SystemRandom),
            addressee: format!("{office}@06123456.kx").parse().unwrap_or_else(|_| panic!("{office}")),
            office: None,
            state: Sending::Released,
            code: None,
        })
        .collect();
    rows::insert(connection, number, &messages, at).await.unwrap();
}

#[tokio::test]
async fn sent_files_are_found_by_name_day_and_addressee() {
    let (_folder, database) = database().await;
    let mut transaction = database.write().await.unwrap();
    dispatch(&mut transaction, "保険料納入告知額.pdf", &["hanako-1", "taro-1"], day(0)).await;
    dispatch(&mut transaction, "ホケンリョウのお知らせ.pdf", &["taro-1"], day(1)).await;
    dispatch(&mut transaction, "案内.pdf", &["jiro-1"], day(1)).await;
    database.commit(transaction).await.unwrap();
    let mut reader = database.reader().await.unwrap();
    let mut found = async |filter: sent::Filter| -> Vec<String> {
        let page = sent::list(&mut reader, &filter, 50).await.unwrap();
        assert!(page.next.is_none() && !page.is_cut);
        page.rows.iter().map(|row| format!("{} {}", row.addressee.split('@').next().unwrap(), row.file_name)).collect()
    };
    let name = |part: &str| sent::Filter { name: Some(part.to_owned()), ..sent::Filter::default() };
    assert_eq!(found(name("保険")).await, ["taro-1 保険料納入告知額.pdf", "hanako-1 保険料納入告知額.pdf"]);
    assert_eq!(found(name("ほけんりょう")).await, ["taro-1 ホケンリョウのお知らせ.pdf"]);
    assert_eq!(found(name(".PDF")).await.len(), 4);
    let taro = sent::Filter { user: "taro-1".parse().ok(), ..name("保険") };
    assert_eq!(found(taro).await, ["taro-1 保険料納入告知額.pdf"]);
    let second = Some(jst(day(1)).date());
    let on = sent::Filter { days: Days { from: second, until: second }, ..sent::Filter::default() };
    assert_eq!(found(on).await.len(), 2);
    let none = sent::Filter { has_alarm: true, ..sent::Filter::default() };
    assert!(found(none).await.is_empty());
    let sums = days::sent(&mut *reader, jst(day(0)).date(), jst(day(9)).date()).await.unwrap();
    assert_eq!(sums.into_values().collect::<Vec<_>>(), [2, 2]);
}
