//! Gaps show: what a message's number and chain link say, against what is known of its stream.
//!
//! Each sender numbers its messages to one addressee 1, 2, 3 … and writes into each the hash of the signature before
//! it. Only messages whose signature was verified are shown to [`StreamMark::observe`], be they accepted or in
//! quarantine for another cause: a message that is not the sender's must not move the mark.
//!
//! Messages may arrive in any order and over several pulls. Known are then some unbroken runs with gaps between them;
//! of each run only its ends are kept, since the links inside were checked when it grew.

use serde::{Deserialize, Serialize};

use super::digest::Sha256;
use super::verdict::Warning;

/// Runs beyond the first gap that are kept apart. Past that the oldest gap is given up, with a warning.
pub const MAX_RUNS: usize = 64;

/// What a verified message says of its place in its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// `KX-Sequence`, from 1.
    pub sequence: u64,
    /// `KX-Previous`.
    pub previous: Sha256,
    /// Hash of its own signature: what the next message has as `previous`.
    pub hash: Sha256,
}

/// Numbers from `first` to `last`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// The lowest.
    pub first: u64,
    /// The highest.
    pub last: u64,
}

/// What a message means for its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Order {
    /// It continues what is known.
    Next,
    /// It lies beyond numbers that have not come.
    Gap {
        /// Those that are missing since now.
        missing: Range,
    },
    /// It fills, or shortens, a gap that was known.
    Late,
    /// It is here already.
    Repeat,
    /// It contradicts what is known: another message has the newest number, or `previous` is not the hash of the
    /// message before it (or its own hash not the `previous` of the one behind it).
    Fork,
    /// Another message has the number, and the stream had gone beyond it: the sender began again from an older state
    /// (a backup, a new PC, a copy of the PC).
    RolledBack {
        /// The highest number that was known.
        from: u64,
    },
}

/// What was found when a message was put in its stream. Kept with the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What the message means.
    pub order: Order,
    /// A gap that was given up because too many are open: its messages cannot be checked against the chain any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_up: Option<Range>,
}

impl Finding {
    /// What staff should know.
    pub fn warnings(&self) -> impl Iterator<Item = Warning> {
        let order = match self.order {
            Order::Next | Order::Late | Order::Repeat => None,
            Order::Gap { .. } => Some(Warning::SequenceGap),
            Order::Fork | Order::RolledBack { .. } => Some(Warning::SequenceFork),
        };
        order.into_iter().chain(self.given_up.map(|_| Warning::SequenceGap))
    }
}

/// An unbroken run of messages beyond the first gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    first: u64,
    last: u64,
    /// What the first of them says its predecessor's hash is.
    previous: Sha256,
    /// Hash of the last of them.
    head: Sha256,
}

/// What is known of one stream (one sender to one addressee). The store keeps it as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamMark {
    /// All up to this number are here (or were given up): what receipts say.
    contiguous: u64,
    /// Hash of the message with that number.
    head: Sha256,
    /// Highest number of all gaps that were given up, 0 if none was.
    #[serde(default)]
    given_up: u64,
    /// Rising, never touching each other or the contiguous part.
    #[serde(default)]
    runs: Vec<Run>,
}

impl Default for StreamMark {
    /// A stream of which nothing has come.
    fn default() -> Self {
        Self { contiguous: 0, head: Sha256::ZERO, given_up: 0, runs: Vec::new() }
    }
}

impl StreamMark {
    /// A stream that is known from this message on: nothing before it is missed, and what still comes of that is late.
    pub fn starting_at(link: &Link) -> Self {
        let given_up = link.sequence.saturating_sub(1);
        Self { contiguous: link.sequence, head: link.hash, given_up, runs: Vec::new() }
    }

    /// The highest number up to which nothing is missing.
    pub fn contiguous(&self) -> u64 {
        self.contiguous
    }

    /// Hash of the message with the number [`Self::contiguous`]; zero for an empty stream.
    pub fn head(&self) -> Sha256 {
        self.head
    }

    /// The highest number that has come.
    pub fn highest(&self) -> u64 {
        self.runs.last().map_or(self.contiguous, |run| run.last)
    }

    /// The highest number that has come, and that message's hash; 0 and zero for an empty stream.
    pub fn newest(&self) -> (u64, Sha256) {
        self.runs.last().map_or((self.contiguous, self.head), |run| (run.last, run.head))
    }

    /// The numbers that have not come, though higher ones have.
    pub fn missing(&self) -> Vec<Range> {
        let ends = std::iter::once(self.contiguous).chain(self.runs.iter().map(|run| run.last));
        ends.zip(&self.runs).map(|(end, run)| Range { first: end + 1, last: run.first - 1 }).collect()
    }

    /// Whether the number has come, so that a message with it is either a repeat or a contradiction.
    pub fn covers(&self, sequence: u64) -> bool {
        sequence <= self.contiguous || self.runs.iter().any(|run| (run.first..=run.last).contains(&sequence))
    }

    /// Puts a verified message in its place. `seen` says whether this very message (by its signature's hash) was
    /// observed before, as the store knows; it only matters where [`Self::covers`] is true.
    ///
    /// After a contradiction the mark follows the newer message, so that a sender that began again raises one alarm
    /// and not one for each message from then on. A message that only contradicts its neighbours inside a gap does not
    /// move the mark.
    pub fn observe(&mut self, link: &Link, seen: bool) -> Finding {
        // The reader of messages lets no 0 through; should one come, it must not begin the stream anew.
        if link.sequence == 0 {
            return Finding { order: Order::Fork, given_up: None };
        }
        let order = if self.covers(link.sequence) { self.known_number(link, seen) } else { self.new_number(link) };
        Finding { order, given_up: self.bound() }
    }

    fn known_number(&mut self, link: &Link, seen: bool) -> Order {
        let highest = self.highest();
        if seen || (link.sequence == self.contiguous && link.hash == self.head) {
            return Order::Repeat;
        }
        if (1..=self.given_up).contains(&link.sequence) {
            return Order::Late;
        }
        self.cut_to(link);
        if link.sequence == highest { Order::Fork } else { Order::RolledBack { from: highest } }
    }

    fn new_number(&mut self, link: &Link) -> Order {
        let index = self.runs.partition_point(|run| run.last < link.sequence);
        let before = match index.checked_sub(1) {
            Some(before) => (self.runs[before].last, self.runs[before].head),
            None => (self.contiguous, self.head),
        };
        let touches_before = before.0.checked_add(1) == Some(link.sequence);
        let is_newest = index == self.runs.len();
        // Only the first message of all has no predecessor.
        let fits_before = if touches_before { link.previous == before.1 } else { link.previous != Sha256::ZERO };
        let after = self.runs.get(index).filter(|run| link.sequence.checked_add(1) == Some(run.first));
        let fits_after = after.is_none_or(|run| run.previous == link.hash);
        let fits = fits_before && fits_after;
        if !(is_newest || fits) {
            return Order::Fork;
        }
        let touches_after = after.is_some();
        self.insert(index, link, touches_before, touches_after);
        match (fits_before, is_newest, touches_before) {
            (false, ..) => Order::Fork,
            (true, false, _) => Order::Late,
            (true, true, true) => Order::Next,
            (true, true, false) => Order::Gap { missing: Range { first: before.0 + 1, last: link.sequence - 1 } },
        }
    }

    /// Puts a new number into the run before it, the run behind it, both (which makes them one) or one of its own.
    fn insert(&mut self, index: usize, link: &Link, touches_before: bool, touches_after: bool) {
        let (last, head) = if touches_after {
            let run = self.runs.remove(index);
            (run.last, run.head)
        } else {
            (link.sequence, link.hash)
        };
        if !touches_before {
            self.runs.insert(index, Run { first: link.sequence, last, previous: link.previous, head });
        } else if let Some(before) = index.checked_sub(1) {
            self.runs[before].last = last;
            self.runs[before].head = head;
        } else {
            self.contiguous = last;
            self.head = head;
        }
    }

    /// Forgets everything from the link's number on and goes on from the link. Gaps below it stay open.
    fn cut_to(&mut self, link: &Link) {
        if link.sequence <= self.contiguous {
            self.contiguous = link.sequence;
            self.head = link.hash;
            self.given_up = self.given_up.min(link.sequence);
            self.runs.clear();
            return;
        }
        self.runs.retain(|run| run.first <= link.sequence);
        if let Some(run) = self.runs.last_mut() {
            run.last = link.sequence;
            run.head = link.hash;
            if run.first == link.sequence {
                run.previous = link.previous;
            }
        }
    }

    fn bound(&mut self) -> Option<Range> {
        if self.runs.len() <= MAX_RUNS {
            return None;
        }
        let run = self.runs.remove(0);
        let missing = Range { first: self.contiguous + 1, last: run.first - 1 };
        self.contiguous = run.last;
        self.head = run.head;
        self.given_up = missing.last;
        Some(missing)
    }
}

#[cfg(test)]
mod tests;
