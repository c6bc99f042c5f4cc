//! What the union took back: its signed statements say why numbers are missing, and chain over them.

use jiff::Timestamp;

use super::incoming::{Content, InboxState, Incoming};
use crate::domain::address::Address;
use crate::domain::ids::MessageId;
use crate::domain::sequence::Link;
use crate::employer::alarm::Alarm;
use crate::employer::app::App;
use crate::employer::error::EmployerError;
use crate::employer::union::Union;
use crate::message::keys::Certificate;
use crate::message::words;
use crate::pki;
use crate::wire::delivery::{Statement, Withdrawn};
use crate::wire::page::{Cursor, MAX_LIMIT, PageQuery};

impl App {
    /// Takes in the statements that are new. Answers those that are not the union's, or not about us.
    pub(super) async fn take_statements(&self, union: &Union) -> Result<Vec<(MessageId, Alarm)>, EmployerError> {
        let mut alarms = Vec::new();
        let before = self.tray.withdrawals();
        let after = before.map(Cursor::just_before);
        let mut query = PageQuery { after, limit: Some(MAX_LIMIT), ..PageQuery::default() };
        let (mut mark, mut seen) = (before, None);
        loop {
            let page = self.client.withdrawals(query).await?;
            // A list without the place up to which we have read is not the one that we have read: a relay that came back from a backup, or
            // has once said a place that it did not have. Its beginning is new then.
            if mark.take().is_some_and(|mark| page.items.first().map(|first| first.cursor) != Some(mark)) {
                query.after = None;
                continue;
            }
            // A place of which there is nothing on the page is not believed: what comes before it would never be heard of.
            let last = page.items.last().map(|withdrawn| withdrawn.cursor);
            for withdrawn in page.items {
                match self.believe(&withdrawn, union) {
                    Ok(statement) => self.keep_statement(withdrawn, statement).await?,
                    Err(alarm) => {
                        tracing::warn!(id = %withdrawn.id, code = alarm.code(), "trouble");
                        alarms.push((withdrawn.id, alarm));
                    }
                }
            }
            seen = last.or(seen);
            query.after = seen;
            if !page.more || last.is_none() {
                break;
            }
        }
        // What is not believed is looked at again next time.
        if let Some(seen) = seen.filter(|seen| alarms.is_empty() && Some(*seen) != before) {
            self.on_tray(move |tray| tray.set_withdrawals(seen)).await?;
        }
        Ok(alarms)
    }

    fn believe(&self, withdrawn: &Withdrawn, union: &Union) -> Result<Statement, Alarm> {
        let identity = self.home.identity();
        let read = |signer: &Certificate| words::verify::<Statement>(&withdrawn.statement.0, signer).ok();
        let at = union.signing.iter().find_map(read).ok_or(Alarm::Signature)?.at;
        let by_union = |signer: &Certificate| read(signer).filter(|_| pki::owner(signer) == Some(identity.to()));
        let statement = union.signer(at, by_union).ok_or(Alarm::Signature)?;
        let office = Address::Office(identity.who().union.clone(), identity.who().office.clone());
        let is_ours = [identity.from(), office].contains(&statement.to) && statement.message_id == withdrawn.id;
        if is_ours { Ok(statement) } else { Err(Alarm::Message) }
    }

    async fn keep_statement(&self, withdrawn: Withdrawn, statement: Statement) -> Result<(), EmployerError> {
        let now = self.clock.now();
        self.on_tray(move |tray| {
            let known = tray.records()?;
            let has_come = |one: &Incoming| one.id == statement.message_id && one.state() != InboxState::Quarantined;
            if known.iter().any(has_come) {
                return Ok(());
            }
            let copy = known.iter().filter(|one| one.id == statement.message_id).map(|one| one.copy + 1).max();
            let (sequence, previous) = (statement.sequence, statement.previous);
            let link = Link { sequence, previous, hash: statement.signature_hash };
            let to = statement.to.clone();
            tray.commit_statement(&to, link, |found| {
                let warnings = found.iter().flat_map(|(finding, _)| finding.warnings()).collect();
                Ok(Incoming { warnings, copy: copy.unwrap_or(0), ..record(withdrawn, statement, now) })
            })
        })
        .await
    }
}

fn record(withdrawn: Withdrawn, statement: Statement, now: Timestamp) -> Incoming {
    Incoming {
        content: Some(Content {
            from: Address::Union(statement.to.union().clone()),
            to: statement.to,
            sequence: statement.sequence,
            file_name: None,
            comment: None,
            size: 0,
            digest: String::new(),
            signature_hash: statement.signature_hash,
            signed_at: statement.at,
        }),
        withdrawn: Some(withdrawn.statement),
        ..Incoming::new(statement.message_id, statement.at, now)
    }
}
