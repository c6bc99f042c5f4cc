//! A new one, first step: whom to. The address has everybody who was chosen; nothing is remembered.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;

use super::super::App;
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::frame::{Frame, html};
use super::super::session::Visitor;
use super::super::words::sending::Sending as Words;
use super::frame;
use super::reach::{Named, named, words};
use crate::gateway::admin::sent::console::EVERYBODY;
use crate::store::gateway::directory::Search;
use crate::store::gateway::offices;

/// Offices, and users, that are shown to choose from.
const CHOICE: u32 = 20;
/// Words that are looked for at once.
const WORDS: usize = 5;

#[derive(Template)]
#[template(path = "console/sending/choose.html")]
struct Page {
    f: Frame,
    w: &'static Words,
    word: String,
    chosen: Vec<Named>,
    groups: Vec<Group>,
    is_everybody: bool,
    found: Vec<Named>,
    has_more: bool,
    problem: Option<&'static str>,
}

struct Group {
    word: String,
    name: String,
    offices: i64,
    is_chosen: bool,
}

/// GET `/sent/new`.
pub(in super::super) async fn page(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
) -> Result<Response, Fault> {
    let (query, w): (_, &'static Words) = (&asked.query, asked.lang.of_pages());
    let chosen = words(query);
    let admin = app.reading();
    let groups = admin.groups().await?.into_iter().map(|(name, offices)| {
        let word = format!("group:{name}");
        Group { is_chosen: chosen.contains(&word), word, name, offices }
    });
    let groups: Vec<Group> = groups.collect();
    let (mut found, has_more) = found(&app, query.get("q"), w).await?;
    found.retain(|one| !chosen.contains(&one.word));
    // These have a place of their own.
    let shown = |word: &String| word != EVERYBODY && groups.iter().all(|group| group.word != *word);
    let others: Vec<String> = chosen.iter().filter(|word| shown(word)).cloned().collect();
    let problem = match query.get("problem") {
        "nobody" => Some(w.nobody),
        "unknown" => Some(w.unknown),
        _ => None,
    };
    html(&Page {
        f: frame(&asked, &visitor),
        w,
        word: query.get("q").to_owned(),
        chosen: named(&app, &others, w).await?,
        is_everybody: chosen.iter().any(|word| word == EVERYBODY),
        groups,
        found,
        has_more,
        problem,
    })
}

/// Offices and users who are called so.
async fn found(app: &App, word: &str, w: &'static Words) -> Result<(Vec<Named>, bool), Fault> {
    let wanted: Vec<String> = word.split_whitespace().take(WORDS).map(str::to_owned).collect();
    if wanted.is_empty() {
        return Ok((Vec::new(), false));
    }
    let read = app.gateway.receiver.database.read();
    let offices = offices::search(read, &wanted, None, CHOICE + 1).await?;
    let users = app.reading().find_users(&Search { words: wanted, ..Search::default() }, CHOICE + 1).await?;
    let most = CHOICE as usize;
    let has_more = offices.len() > most || users.len() > most;
    let offices = offices.into_iter().take(most).map(|one| Named {
        word: format!("office:{}", one.office.code),
        label: format!("{}（{}） {}{}", one.office.name.as_str(), one.office.code, one.enabled, w.people_unit),
    });
    let users = users.into_iter().take(most).map(|user| Named {
        word: format!("user:{}", user.id),
        label: format!("{}（{}） {}", user.name.as_deref().unwrap_or(&user.id), user.id, user.office),
    });
    Ok((offices.chain(users).collect(), has_more))
}
