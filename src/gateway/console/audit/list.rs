//! The list.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;

use super::super::App;
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::fields::Fields;
use super::super::frame::{Frame, html};
use super::super::lang::Lang;
use super::super::named::Named;
use super::super::session::Visitor;
use super::super::text;
use super::super::words::audit::Audit;
use super::kinds::{KINDS, called, name_of};
use super::{About, address, ids, named, office, search};
use crate::domain::staff::Duty;
use crate::store::gateway::audit::{self, Place, Recorded};
use crate::store::gateway::names::{self, Names};

/// Entries on a page.
const ROWS: u32 = 50;

#[derive(Template)]
#[template(path = "console/audit.html")]
struct Page {
    f: Frame,
    p: &'static Audit,
    query: Fields,
    is_possible: bool,
    kinds: Vec<Group>,
    rows: Vec<Entry>,
    export: String,
    newest: Option<String>,
    older: Option<String>,
}

/// A kind of action with its actions, to choose from.
struct Group {
    name: &'static str,
    choices: Vec<Choice>,
}

struct Choice {
    code: &'static str,
    name: String,
    is_chosen: bool,
}

struct Entry {
    at: String,
    who: String,
    origin: String,
    what: String,
    code: String,
    /// The subject as the audit has it.
    id: String,
    subject: Named,
    /// Where the subject is shown, to whom it may be shown.
    href: Option<String>,
    office: String,
    change: String,
}

/// GET `/audit`.
pub(in super::super) async fn page(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
) -> Result<Response, Fault> {
    let (query, lang) = (&asked.query, asked.lang);
    let search = search(query);
    let mut reader = app.gateway.receiver.database.reader().await?;
    let mut found = match &search {
        Some(search) => audit::search(&mut reader, search, ROWS + 1).await?,
        None => Vec::new(),
    };
    let is_more = found.len() > ROWS as usize;
    found.truncate(ROWS as usize);
    let names = names::find(&mut reader, &ids(&found)).await?;
    drop(reader);
    let last = found.last().filter(|_| is_more).map(|entry| Place::of(entry).to_string());
    let may_see = visitor.session.role.may(Duty::See);
    html(&Page {
        f: Frame::new(&asked, &visitor),
        p: lang.of_pages::<Audit>(),
        is_possible: search.is_some(),
        kinds: groups(query.get("what"), lang),
        rows: found.iter().map(|entry| row(entry, &names, may_see, lang)).collect(),
        export: address(query, "/audit/export", &[]),
        newest: (!query.get("after").is_empty()).then(|| address(query, "/audit", &[])),
        older: last.map(|last| address(query, "/audit", &[("after", &last)])),
        query: query.clone(),
    })
}

fn groups(chosen: &str, lang: Lang) -> Vec<Group> {
    let group = |kind: &super::kinds::Kind| {
        let name = kind.name(lang);
        let all = match lang {
            Lang::Japanese => format!("{name}（すべて）"),
            Lang::English => format!("{name}: all"),
        };
        let whole = Choice { code: kind.code, name: all, is_chosen: kind.code == chosen };
        let one = |action: &super::kinds::Action| Choice {
            code: action.0,
            name: name_of(action, lang).to_owned(),
            is_chosen: action.0 == chosen,
        };
        Group { name, choices: std::iter::once(whole).chain(kind.actions.iter().map(one)).collect() }
    };
    KINDS.iter().map(group).collect()
}

fn row(entry: &Recorded, names: &Names, may_see: bool, lang: Lang) -> Entry {
    // Accounts are called by their login names, also where two have done something together.
    let [before, after] = [&entry.before, &entry.after].map(|said| said.replace("staff:", ""));
    let change = match (before.as_str(), after.as_str()) {
        (before, after) if before == after => String::new(),
        ("", after) => after.to_owned(),
        (before, "") => format!("{before} → －"),
        (before, after) => format!("{before} → {after}"),
    };
    Entry {
        at: text::exact(entry.at),
        who: text::who(&entry.actor).to_owned(),
        origin: entry.origin.clone(),
        what: called(&entry.action, lang).map_or_else(|| entry.action.clone(), str::to_owned),
        code: entry.action.clone(),
        href: href(entry, names).filter(|_| may_see),
        office: office(entry, names).map(|code| Named::office(code, names).name).unwrap_or_default(),
        subject: named(entry, names, lang.words()),
        id: entry.subject.clone(),
        change,
    }
}

/// The page of what an entry is about, as far as there is one.
fn href(entry: &Recorded, names: &Names) -> Option<String> {
    let subject = &entry.subject;
    match About::of(entry) {
        About::File if names.files.get(subject)?.is_sent => Some(format!("/sent/{subject}")),
        About::File => Some(format!("/received/{subject}")),
        About::User => names.users.get(subject).map(|_| format!("/people/users/{subject}")),
        About::Office => names.offices.get(subject).map(|_| format!("/people/offices/{subject}")),
        About::Other => None,
    }
}
