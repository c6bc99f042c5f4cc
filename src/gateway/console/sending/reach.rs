//! Whom an address names, as staff read it: the words of the command line, `all`, and codes that were pasted.

use std::collections::{BTreeSet, HashMap};

use super::super::App;
use super::super::fault::Fault;
use super::super::fields::Fields;
use super::super::words::sending::Sending as Words;
use super::{office_label, office_names};
use crate::domain::ids::UserId;
use crate::gateway::admin::sent::console::EVERYBODY;
use crate::store::gateway::users;

/// A word for somebody, and what staff call them.
pub(super) struct Named {
    pub(super) word: String,
    pub(super) label: String,
}

/// The words of an address, each once.
pub(super) fn words(query: &Fields) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let pasted = query.get("codes");
    let codes = pasted.split(|letter: char| letter.is_whitespace() || matches!(letter, ',' | '、' | ';'));
    let codes = codes.filter(|code| !code.is_empty()).map(|code| format!("office:{code}"));
    let ticked = query.all("to").filter(|word| !word.is_empty()).map(str::to_owned);
    ticked.chain(codes).filter(|word| seen.insert(word.clone())).collect()
}

/// An address that names them.
pub(super) fn address(path: &str, words: &[String], more: &[(&str, &str)]) -> String {
    let to = words.iter().map(|word| ("to", word.as_str()));
    Fields::default().address(path, &[], &to.chain(more.iter().copied()).collect::<Vec<_>>())
}

/// What staff call them.
pub(super) async fn named(app: &App, words: &[String], w: &'static Words) -> Result<Vec<Named>, Fault> {
    let codes: Vec<String> = words.iter().filter_map(|word| word.strip_prefix("office:")).map(str::to_owned).collect();
    let names: HashMap<String, String> = office_names(app, codes.iter().map(Some)).await?;
    let mut all = Vec::with_capacity(words.len());
    for word in words {
        let label = match word.split_once(':') {
            Some(("office", code)) => office_label(code, &names),
            Some(("group", name)) => format!("{name}（{}）", w.groups),
            Some(("user", id)) => person(app, id).await?,
            _ if word == EVERYBODY => w.every_office.to_owned(),
            _ => word.clone(),
        };
        all.push(Named { word: word.clone(), label });
    }
    Ok(all)
}

/// The name of a user, with the id.
pub(super) async fn person(app: &App, id: &str) -> Result<String, Fault> {
    let Ok(user) = id.parse::<UserId>() else { return Ok(id.to_owned()) };
    let contact = users::contact(app.gateway.receiver.database.read(), &user).await?;
    Ok(contact.map_or_else(|| id.to_owned(), |contact| format!("{}（{id}）", contact.name.as_str())))
}
