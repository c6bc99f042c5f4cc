//! 監査: who did what, when, from where. Searched by an address that says it all, and saved as a file.

pub(super) mod export;
pub(super) mod kinds;
pub(super) mod list;

use super::fields::Fields;
use super::named::Named;
use super::text;
use super::words::Words;
use crate::domain::ids::MessageId;
use crate::store::gateway::audit::{Recorded, Search};
use crate::store::gateway::names::{Ids, Names};

/// What an address says of the search.
const SEARCH: [&str; 6] = ["what", "who", "office", "from", "until", "subject"];

/// What is asked for. None when something in it cannot be.
fn search(query: &Fields) -> Option<Search> {
    let given = |name| Some(query.get(name)).filter(|value| !value.is_empty());
    Some(Search {
        actor: given("who").map(actor),
        actions: kinds::asked(query.get("what"))?,
        subject: given("subject").map(str::to_owned),
        office: given("office").map(str::parse).transpose().ok()?,
        from: given("from").map(text::day).transpose().ok()?,
        // The whole of the last day.
        until: given("until").map(text::end_of_day).transpose().ok()?,
        after: given("after").map(str::parse).transpose().ok()?,
        up_to: None,
    })
}

/// The audit calls staff `staff:NAME`; programs, the system and whoever is at the command line are called otherwise.
fn actor(typed: &str) -> String {
    let is_staff = typed.parse::<crate::domain::staff::StaffName>().is_ok() && typed != "gateway";
    if is_staff { format!("staff:{typed}") } else { typed.to_owned() }
}

/// What an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    File,
    User,
    Office,
    /// An account, or something that has no other name.
    Other,
}

impl About {
    fn of(entry: &Recorded) -> Self {
        let room = entry.action.split('.').next().unwrap_or_default();
        match room {
            _ if entry.subject.parse::<MessageId>().is_ok() => Self::File,
            "user" | "consent" | "request" | "order" => Self::User,
            "office" => Self::Office,
            _ => Self::Other,
        }
    }
}

/// What these entries are about, for their names to be looked up.
fn ids(entries: &[Recorded]) -> Ids<'_> {
    let mut ids = Ids::default();
    for entry in entries {
        match About::of(entry) {
            About::File => ids.files.insert(&entry.subject),
            About::User => ids.users.insert(&entry.subject),
            About::Office => ids.offices.insert(&entry.subject),
            About::Other => false,
        };
    }
    ids
}

/// What an entry is about, by its name.
fn named(entry: &Recorded, names: &Names, w: &Words) -> Named {
    let subject = entry.subject.as_str();
    match About::of(entry) {
        About::File => Named::file(subject, names, w),
        About::User => Named::user(subject, names),
        About::Office => Named::office(subject, names),
        About::Other => Named::alone(text::who(subject)),
    }
}

/// The code of the office that the file or user of an entry belongs to.
fn office<'a>(entry: &Recorded, names: &'a Names) -> Option<&'a str> {
    match About::of(entry) {
        About::File => names.files.get(&entry.subject)?.office.as_deref(),
        About::User => names.users.get(&entry.subject).map(|user| user.office.as_str()),
        About::Office | About::Other => None,
    }
}

/// The search of an address, without its place in the list.
fn address(query: &Fields, path: &str, more: &[(&str, &str)]) -> String {
    let said = SEARCH.into_iter().map(|name| (name, query.get(name))).filter(|(_, value)| !value.is_empty());
    let all: Vec<(&str, &str)> = said.chain(more.iter().copied()).collect();
    Fields::default().address(path, &[], &all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_what_its_address_says() {
        let ask = |query: &str| search(&Fields::parse(query.as_bytes()));
        let found = ask("what=access&who=suzuki&office=1234-A&from=2026-10-01&until=2026-10-31").unwrap();
        assert_eq!(found.actor.as_deref(), Some("staff:suzuki"));
        assert_eq!(found.from, "2026-09-30T15:00:00Z".parse().ok());
        assert_eq!(found.until, "2026-10-31T15:00:00Z".parse().ok());
        assert_eq!(ask("who=token%3Acore").unwrap().actor.as_deref(), Some("token:core"));
        for wrong in ["from=2026-13-01", "office=%3Cscript%3E", "after=1", "what=nothing", "until=31.10.2026"] {
            assert!(ask(wrong).is_none(), "{wrong}");
        }
    }
}
