//! Pages of lists.

use serde::{Deserialize, Serialize};

/// Where the next page starts: opaque to the client, who only hands it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub i64);

impl Cursor {
    /// The last place before this one: asked for what comes after it, a list that has this place begins with it.
    #[must_use]
    pub const fn just_before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

/// The query of every list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PageQuery {
    /// Only what comes after this place; from the start without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Cursor>,
    /// At most this many; 1 to [`MAX_LIMIT`], [`DEFAULT_LIMIT`] without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Seconds to wait for something to arrive when there is nothing to list; at most [`MAX_WAIT_SECONDS`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait: Option<u32>,
}

/// The largest page.
pub const MAX_LIMIT: u32 = 1_000;

/// The size of a page when nobody asked for another.
pub const DEFAULT_LIMIT: u32 = 100;

/// The longest long poll, in seconds.
pub const MAX_WAIT_SECONDS: u32 = 60;

/// One page, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// The cursor of the last item: the next page is after it. Absent when the page is empty.
    pub next: Option<Cursor>,
    /// Whether something followed when the page was made.
    pub more: bool,
}

/// The query of what can be waited for and is no list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WaitQuery {
    /// Seconds to wait for something to happen; at most [`MAX_WAIT_SECONDS`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait: Option<u32>,
}
