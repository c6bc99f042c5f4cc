//! 受信: what came from employers. A list that an address says all of, one file, and what staff do with it.

pub(super) mod decide;
pub(super) mod list;
pub(super) mod one;

use super::fields::Fields;
use crate::domain::ids::OfficeCode;
use crate::store::gateway::messages::{Message, State};

/// What an address says of the list, so that each page about a file knows which list it was opened from.
const LIST: [&str; 2] = ["state", "office"];

/// An address about a file, or the list, with what it says of the list.
fn within_list(query: &Fields, path: &str, more: &[(&str, &str)]) -> String {
    let said = LIST.into_iter().map(|name| (name, query.get(name))).filter(|(_, value)| !value.is_empty());
    let all: Vec<(&str, &str)> = said.chain(more.iter().copied()).collect();
    Fields::default().address(path, &[], &all)
}

fn state(query: &Fields) -> Option<State> {
    query.get("state").parse().ok()
}

fn office(query: &Fields) -> Option<OfficeCode> {
    query.get("office").parse().ok()
}

/// What a file is called. One whose name was refused has none, and says where it came from by its id.
fn name(message: &Message) -> Option<String> {
    Some(message.content.as_ref()?.file_name.as_ref()?.to_string())
}
