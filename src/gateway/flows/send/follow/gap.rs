//! Numbers that a recipient's app should know of and does not.

use jiff::{SignedDuration, Timestamp};

use super::super::Sender;
use super::super::check::Doubt;
use super::page::Subject;
use crate::domain::ids::UserId;
use crate::gateway::relay::Relay;
use crate::store::gateway::sent;
use crate::store::gateway::sent_recipients::{self, Recipient};
use crate::store::sqlite::{Connection, StoreError};

/// An app that asks the relay at all has heard by then what the relay was told.
const LONG: SignedDuration = SignedDuration::from_hours(1);

impl<R: Relay> Sender<R> {
    /// Up to where a recipient's app knows of every number. Whoever was told why the next one is missing would know of that one too: what we said
    /// does not get there.
    pub(super) async fn look_for_gap(
        &self,
        connection: &mut Connection,
        subject: &Subject,
        user: &UserId,
        contiguous: Option<u64>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let number = subject.message.link.map_or(0, |link| link.sequence);
        let Some(missing) = contiguous.filter(|known| *known < number).map(|known| known + 1) else { return Ok(()) };
        let found = sent::at_place(&mut *connection, &subject.message.addressee, missing).await?;
        let Some(id) = found.filter(|id| *id != subject.message.id) else { return Ok(()) };
        let Some(gap) = sent::find(&mut *connection, id).await? else { return Ok(()) };
        let was_told = gap.told_at.is_some_and(|told| at.duration_since(told) > LONG);
        let recipients = sent_recipients::of_message(&mut *connection, gap.number).await?;
        let is_meant = |one: &Recipient| one.user == *user && one.fetched_at.is_none() && one.dropped_at.is_none();
        if was_told && recipients.iter().any(is_meant) && sent::alarm(connection, gap.number, Doubt::Gap.code()).await?
        {
            self.alarm(connection, &gap, Some(user.clone()), Doubt::Gap).await?;
        }
        Ok(())
    }
}
