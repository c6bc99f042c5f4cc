//! One period of one expectation: the offices that have not sent it, and those that have.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;

use super::super::App;
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::fields::Fields;
use super::super::frame::{Frame, html};
use super::super::id::Id;
use super::super::session::Visitor;
use super::super::text;
use super::{Tag, Words, frame, rule, whose};
use crate::domain::expectation::Period;
use crate::domain::schedule::jst;
use crate::domain::staff::Duty;
use crate::store::gateway::expectations::Counts;
use crate::store::gateway::expectations::offices::{self, File, Standing};

/// Offices of a list on a page; as many as an address carries for 送信.
const ROWS: usize = 100;

#[derive(Template)]
#[template(path = "console/expected/one.html")]
struct Page {
    f: Frame,
    w: &'static Words,
    number: i64,
    name: String,
    tag: Tag,
    facts: Vec<(&'static str, String)>,
    /// The periods before and after, and the present one.
    before: Option<String>,
    after: Option<String>,
    present: Option<String>,
    counts: Counts,
    missing: Part<Missing>,
    sent: Part<Sent>,
    /// To send something to those who are listed.
    send: Option<String>,
    export: String,
    can_manage: bool,
}

/// Some offices of a list.
struct Part<T> {
    rows: Vec<T>,
    first: Option<String>,
    more: Option<String>,
}

/// An office that has not sent it.
struct Missing {
    code: String,
    name: String,
    /// When it did in the period before.
    before: Option<String>,
    files: String,
}

/// An office that has.
struct Sent {
    code: String,
    name: String,
    at: String,
    at_full: String,
    is_late: bool,
    href: String,
    file: String,
}

/// GET `/expected/{id}`: in the period that `on` is in, or else in the present one.
pub(in super::super) async fn page(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Id(number): Id<i64>,
) -> Result<Response, Fault> {
    let (query, lang, w): (_, _, &'static Words) = (&asked.query, asked.lang, asked.lang.of_pages());
    let now = app.gateway.receiver.clock.now();
    let today = jst(now).date();
    let on = query.parsed("on").map_err(|_| Fault::input())?;
    let looked = app.reading().expectation(number, on).await?;
    let (expectation, period) = (&looked.kept.expectation, &looked.period);
    let of_list = |has_sent: bool, name: &str| {
        let all = looked.offices.iter().filter(|office| office.file.is_some() == has_sent);
        part(all, query, number, name)
    };
    let (missing, sent) = (of_list(false, "after"), of_list(true, "after_sent"));
    let numbers = missing.rows.iter().filter_map(|office| office.before);
    let numbers: Vec<i64> = numbers.chain(sent.rows.iter().filter_map(|office| office.file)).collect();
    let mut reader = app.gateway.receiver.database.reader().await?;
    let files = offices::files(&mut reader, &numbers).await?;
    drop(reader);
    let counts = Counts::of(&looked.offices);
    let date = |day| text::date(day, today, lang);
    let at = |period: &Period| here(number, &[("on", &period.due.to_string())]);
    let is_past = period.until < today;
    let can_send = visitor.session.role.may(Duty::Review) && !missing.rows.is_empty();
    html(&Page {
        f: frame(&asked, &visitor),
        w,
        number,
        name: expectation.name().to_owned(),
        tag: Tag::of(period, counts, today, lang),
        facts: vec![
            (w.due, format!("{}（{}）", date(period.due), rule(expectation.due(), lang))),
            (w.counted, format!("{} ～ {}", date(period.from), date(period.until))),
            (w.part, expectation.part().to_owned()),
            (w.whose, whose(expectation, w)),
        ],
        before: looked.before.as_ref().map(at),
        after: looked.after.as_ref().filter(|after| after.until < today).map(at),
        present: is_past.then(|| here(number, &[])),
        send: can_send.then(|| send(&missing.rows)),
        missing: missing.of(|office| missing_row(office, &files, expectation.part(), now, &asked)),
        sent: sent.of(|office| sent_row(office, &files, period, now, &asked)),
        counts,
        export: format!("/expected/{number}/missing?on={}", period.due),
        can_manage: visitor.session.role.may(Duty::Manage),
    })
}

impl<T> Part<T> {
    fn of<U>(self, row: impl Fn(T) -> U) -> Part<U> {
        let Self { rows, first, more } = self;
        Part { rows: rows.into_iter().map(row).collect(), first, more }
    }
}

/// The offices of a list behind the one that the address names.
fn part<'a>(all: impl Iterator<Item = &'a Standing>, query: &Fields, number: i64, name: &str) -> Part<&'a Standing> {
    let after = query.get(name);
    let mut rows: Vec<_> = all.filter(|office| office.code.as_str() > after).take(ROWS + 1).collect();
    let has_more = rows.len() > ROWS;
    rows.truncate(ROWS);
    let address = |more: &[(&str, &str)]| query.address(&format!("/expected/{number}"), &[name, "done"], more);
    Part {
        first: (!after.is_empty()).then(|| address(&[])),
        more: rows.last().filter(|_| has_more).map(|last| address(&[(name, last.code.as_str())])),
        rows,
    }
}

fn here(number: i64, more: &[(&str, &str)]) -> String {
    Fields::default().address(&format!("/expected/{number}"), &[], more)
}

/// 送信 with these offices chosen.
fn send(offices: &[&Standing]) -> String {
    let words: Vec<String> = offices.iter().map(|office| format!("office:{}", office.code)).collect();
    let to: Vec<(&str, &str)> = words.iter().map(|word| ("to", word.as_str())).collect();
    Fields::default().address("/sent/files", &[], &to)
}

fn missing_row(office: &Standing, files: &HashMap<i64, File>, part: &str, now: Timestamp, asked: &Asked) -> Missing {
    let code = office.code.to_string();
    let before = office.before.and_then(|number| files.get(&number));
    Missing {
        name: office.name.as_str().to_owned(),
        before: before.map(|file| text::short(file.at, now, asked.lang)),
        files: Fields::default().address("/received", &[], &[("office", &code), ("name", part)]),
        code,
    }
}

fn sent_row(office: &Standing, files: &HashMap<i64, File>, period: &Period, now: Timestamp, asked: &Asked) -> Sent {
    let file = office.file.and_then(|number| files.get(&number));
    Sent {
        code: office.code.to_string(),
        name: office.name.as_str().to_owned(),
        at: file.map(|file| text::short(file.at, now, asked.lang)).unwrap_or_default(),
        at_full: file.map(|file| text::full(file.at, asked.lang)).unwrap_or_default(),
        is_late: file.is_some_and(|file| jst(file.at).date() > period.due),
        href: file.map(|file| format!("/received/{}", file.id)).unwrap_or_default(),
        file: file.map(|file| file.name.clone()).unwrap_or_default(),
    }
}
