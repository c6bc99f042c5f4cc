//! 受信: what came from employers. A list that an address says all of, one file with its preview, and what staff do with it.

pub(super) mod about;
pub(super) mod decide;
pub(super) mod decided;
pub(super) mod list;
pub(super) mod one;
pub(super) mod show;
pub(super) mod take;

use jiff::Timestamp;
use jiff::civil::Date;

use super::fields::Fields;
use crate::domain::ids::MessageId;
use crate::domain::staff::StaffName;
use crate::store::gateway::messages::{Message, State};
use crate::store::gateway::search::received::{self, Filter, Listed};
use crate::store::gateway::search::{Days, Way};
use crate::store::sqlite::{Connection, StoreError};

/// What an address says of the list, so that each page about a file knows which list it was opened from; and whether files are previewed.
const LIST: [&str; 11] =
    ["name", "state", "office", "user", "from", "until", "unread", "flagged", BEFORE, SINCE, PREVIEW];
/// Where a page of the list begins.
const BEFORE: &str = "before";
/// When the list was looked at that a file was opened from, in seconds: what is read from then on stays beside what is not.
const SINCE: &str = "since";
/// Says that files are previewed as soon as they are opened.
const PREVIEW: &str = "preview";

/// An address about a file, or the list, with what it says of the list.
pub(super) fn within_list(query: &Fields, path: &str, more: &[(&str, &str)]) -> String {
    within_but(query, path, &[], more)
}

/// The same without some of what it says.
fn within_but(query: &Fields, path: &str, but: &[&str], more: &[(&str, &str)]) -> String {
    let said = LIST.into_iter().filter(|name| !but.contains(name)).map(|name| (name, query.get(name)));
    let all: Vec<(&str, &str)> = said.chain(more.iter().copied()).filter(|(_, value)| !value.is_empty()).collect();
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
        unread_at: is_on(query, "unread").then_some(Timestamp::MAX),
        before: query.parsed(BEFORE).ok()?,
    })
}

/// The files on both sides of this one in the list that it was opened from, as that was then.
async fn beside(
    connection: &mut Connection,
    query: &Fields,
    me: &StaffName,
    number: i64,
) -> Result<[Option<Listed>; 2], StoreError> {
    let Some(mut filter) = filter(query, me) else { return Ok([None, None]) };
    let since = query.parsed(SINCE).ok().flatten().and_then(|seconds| Timestamp::from_second(seconds).ok());
    filter.unread_at = filter.unread_at.map(|now| since.unwrap_or(now));
    let newer = received::beside(&mut *connection, &filter, (Way::Newer, number)).await?;
    Ok([newer, received::beside(connection, &filter, (Way::Older, number)).await?])
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
    for beyond in [after, i64::MAX] {
        let next = received::beside(&mut *connection, &filter, (Way::Older, beyond)).await?;
        if let Some(next) = next.filter(|next| next.number != after) {
            return Ok(Some(next.id));
        }
    }
    Ok(None)
}

/// What a file is called. One whose name was refused has none, and says where it came from by its id.
pub(super) fn name(message: &Message) -> Option<String> {
    Some(message.content.as_ref()?.file_name.as_ref()?.to_string())
}
