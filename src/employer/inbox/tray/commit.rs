//! Messages put into their streams, as many as come together by one commitment.

use std::collections::BTreeSet;
use std::sync::MutexGuard;

use super::{Arrivals, Tray};
use crate::domain::address::Address;
use crate::domain::sequence::{Finding, Link, Range, StreamMark};
use crate::domain::verdict::Warning;
use crate::employer::inbox::incoming::Incoming;
use crate::employer::ledger::LedgerError;
use crate::wire::page::Cursor;

/// Numbers that have not come though higher ones have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Whom the messages are for.
    pub to: Address,
    /// Which.
    pub numbers: Range,
}

/// Messages that are about to count, all of them or none. Nothing of it is kept until [`Self::keep`].
#[derive(Debug)]
pub(in crate::employer::inbox) struct Commit<'t> {
    tray: &'t Tray,
    arrivals: MutexGuard<'t, Arrivals>,
    next: Arrivals,
}

impl Tray {
    /// Begins a commitment.
    pub(in crate::employer::inbox) fn commit(&self) -> Result<Commit<'_>, LedgerError> {
        let arrivals = self.lock();
        // The next commitment is the end of the only other copy of these records.
        self.write_what_is_committed(&arrivals)?;
        let next = Arrivals { newest: Vec::new(), ..arrivals.clone() };
        Ok(Commit { tray: self, arrivals, next })
    }

    /// Keeps what the union says of a number that nobody gets, and puts it into its stream: once that has begun, since an old statement
    /// says nothing of what came to this PC.
    pub(in crate::employer::inbox) fn commit_statement(
        &self,
        to: &Address,
        link: Link,
        finish: impl FnOnce(Option<(Finding, &StreamMark)>) -> Result<Incoming, LedgerError>,
    ) -> Result<(), LedgerError> {
        let mut commit = self.commit()?;
        let has_begun = commit.next.streams.contains_key(to);
        if !has_begun {
            let waiting = commit.next.unbegun.entry(to.clone()).or_default();
            if !waiting.contains(&link) {
                waiting.push(link);
                waiting.sort_by_key(|link| link.sequence);
            }
        }
        commit.add(has_begun.then_some((to, link)), finish)?;
        commit.keep().map(drop)
    }

    /// The numbers that have not come.
    pub(in crate::employer::inbox) fn missing(&self) -> Vec<Missing> {
        let arrivals = self.lock();
        let of = |(to, mark): (&Address, &StreamMark)| {
            mark.missing().into_iter().map(|numbers| Missing { to: to.clone(), numbers }).collect::<Vec<_>>()
        };
        arrivals.streams.iter().flat_map(of).collect()
    }

    /// How far the list of what was taken back has been read.
    pub(in crate::employer::inbox) fn withdrawals(&self) -> Option<Cursor> {
        self.lock().withdrawals
    }

    /// Keeps that place.
    pub(in crate::employer::inbox) fn set_withdrawals(&self, cursor: Cursor) -> Result<(), LedgerError> {
        let mut arrivals = self.lock();
        let next = Arrivals { withdrawals: Some(cursor), ..arrivals.clone() };
        self.write_arrivals(&next)?;
        *arrivals = next;
        Ok(())
    }
}

impl Commit<'_> {
    /// Puts a message into its stream, and lets `finish` make the record whole with what was found there.
    pub(in crate::employer::inbox) fn add<E: From<LedgerError>>(
        &mut self,
        place: Option<(&Address, Link)>,
        finish: impl FnOnce(Option<(Finding, &StreamMark)>) -> Result<Incoming, E>,
    ) -> Result<(), E> {
        let incoming = match place {
            None => finish(None)?,
            Some((to, link)) => {
                let taken_back = self.next.unbegun.remove(to).unwrap_or_default();
                let mark = self.next.streams.entry(to.clone()).or_insert_with(|| begin(&link));
                let seen = mark.covers(link.sequence) && has_come(&link, &self.next.newest, self.tray)?;
                let finding = mark.observe(&link, seen);
                let warnings = explain(mark, &taken_back);
                let mut incoming = finish(Some((finding, mark)))?;
                incoming.warnings.extend(warnings);
                incoming
            }
        };
        self.next.newest.push(incoming);
        Ok(())
    }

    /// Keeps all of it. Once this answers `Ok`, the messages are here.
    pub(in crate::employer::inbox) fn keep(mut self) -> Result<Vec<Incoming>, LedgerError> {
        self.tray.write_arrivals(&self.next)?;
        crate::failpoint!("inbox.committed");
        let records = self.next.newest.clone();
        *self.arrivals = self.next;
        // They count now, whatever the disk does. What cannot be written is written before the next commitment, or at the next start.
        if self.tray.write_records(&records).is_err() {
            tracing::warn!(code = "inbox.record", messages = records.len(), "trouble");
        }
        crate::failpoint!("inbox.recorded");
        Ok(records)
    }
}

/// Whether this very message is in a record, or among those that come with it.
fn has_come(link: &Link, with_it: &[Incoming], tray: &Tray) -> Result<bool, LedgerError> {
    let is_it = |record: &Incoming| {
        let content = record.content.as_ref();
        content.is_some_and(|content| (content.sequence, content.signature_hash) == (link.sequence, link.hash))
    };
    Ok(with_it.iter().any(is_it) || tray.records()?.iter().any(is_it))
}

/// A stream begins where we meet it: what an earlier PC or user of the office has had is not missed here.
fn begin(link: &Link) -> StreamMark {
    if link.sequence == 1 { StreamMark::default() } else { StreamMark::starting_at(link) }
}

/// Puts what was taken back before a stream began here into it, as far as it lies behind its beginning. Gaps before it show by themselves.
fn explain(mark: &mut StreamMark, taken_back: &[Link]) -> BTreeSet<Warning> {
    let mut warnings = BTreeSet::new();
    for link in taken_back {
        if !mark.covers(link.sequence) {
            warnings.extend(mark.observe(link, false).warnings());
        }
    }
    warnings.remove(&Warning::SequenceGap);
    warnings
}
