//! 受信: what came from employers. A list that an address says all of, one file with its preview, and what staff do with it.

pub(super) mod about;
pub(super) mod decide;
pub(super) mod decided;
pub(super) mod list;
pub(super) mod one;
pub(super) mod show;
pub(super) mod take;

use jiff::civil::Date;

use super::fields::Fields;
use crate::domain::ids::MessageId;
use crate::domain::staff::StaffName;
use crate::store::gateway::messages::{Message, State};
use crate::store::gateway::search::Days;
use crate::store::gateway::search::received::{self, Filter};
use crate::store::sqlite::{Connection, StoreError};

/// What an address says of the list, so that each page about a file knows which list it was opened from; and whether files are previewed.
const LIST: [&str; 9] = ["name", "state", "office", "user", "from", "until", "unread", "flagged", PREVIEW];
/// Says that files are previewed as soon as they are opened.
const PREVIEW: &str = "preview";

/// An address about a file, or the list, with what it says of the list.
pub(super) fn within_list(query: &Fields, path: &str, more: &[(&str, &str)]) -> String {
    within_but(query, path, "", more)
}

/// The same without one thing that it says.
fn within_but(query: &Fields, path: &str, but: &str, more: &[(&str, &str)]) -> String {
    let said = LIST.into_iter().filter(|name| *name != but).map(|name| (name, query.get(name)));
    let said = said.filter(|(_, value)| !value.is_empty());
    let all: Vec<(&str, &str)> = said.chain(more.iter().copied()).collect();
    Fields::default().address(path, &[], &all)
}

/// Which files an address asks for. None if it asks for something that cannot be, as an office with such a code.
fn filter(query: &Fields, me: &StaffName) -> Option<Filter> {
    let from: Option<Date> = query.parsed("from").ok()?;
    let until: Option<Date> = query.parsed("until").ok()?;
    Some(Filter {
        state: query.parsed("state").ok()?,
        office: query.parsed("office").ok()?,
        user: query.parsed("user").ok()?,
        days: Days { from, until },
        is_opened: None,
        is_flagged: is_on(query, "flagged").then_some(true),
        name: query.part_of_name().ok()?,
        reader: Some(me.clone()),
        is_unread_by_reader: is_on(query, "unread"),
        before: query.parsed("before").ok()?,
    })
}

fn is_on(query: &Fields, name: &str) -> bool {
    query.get(name) == "1"
}

/// The next file to review after this one, in the list that the address says; or else the newest of that list.
async fn next_new(
    connection: &mut Connection,
    query: &Fields,
    me: &StaffName,
    after: i64,
) -> Result<Option<MessageId>, StoreError> {
    let Some(mut filter) = filter(query, me) else { return Ok(None) };
    filter.state = Some(State::Archived);
    for before in [Some(after), None] {
        filter.before = before;
        let page = received::list(&mut *connection, &filter, 2).await?;
        if let Some(next) = page.rows.iter().find(|row| row.number != after) {
            return Ok(Some(next.id));
        }
    }
    Ok(None)
}

/// What a file is called. One whose name was refused has none, and says where it came from by its id.
pub(super) fn name(message: &Message) -> Option<String> {
    Some(message.content.as_ref()?.file_name.as_ref()?.to_string())
}
