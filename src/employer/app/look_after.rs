//! Looking after what was sent: what the relay says of it, and whether to believe that.

use std::collections::HashMap;

use super::{App, Union};
use crate::domain::ids::MessageId;
use crate::employer::error::EmployerError;
use crate::employer::ledger::Ledger;
use crate::employer::receipts::{Alarm, Signers, check};
use crate::employer::record::{Record, State};
use crate::employer::sent::{Sent, SentList, Trouble};
use crate::wire::employer::{SentParcel, SentState};
use crate::wire::problem::Code;

impl App {
    /// Asks the relay about everything that was sent, checks the receipts and keeps what is proven.
    pub async fn sent(&self) -> Result<SentList, EmployerError> {
        let records = self.on_disk(Ledger::records).await?;
        let (union, mut parcels) = match self.ask().await {
            Ok(answers) => answers,
            Err(error) => {
                return Ok(SentList::from_before(records, error));
            }
        };
        let mut items = Vec::new();
        for record in records {
            let parcel = parcels.remove(&record.id);
            items.push(self.take_receipts(record, parcel.as_ref(), &union).await?);
        }
        // What was there before this folder began is of the PC before.
        let seen = self.on_disk(Ledger::seen).await?;
        let later = parcels.into_values().filter(|parcel| Some(parcel.cursor) > seen);
        let mut unknown: Vec<_> = later.map(|parcel| parcel.id).collect();
        unknown.sort();
        Ok(SentList { items, unknown, offline: None })
    }

    async fn ask(&self) -> Result<(Union, HashMap<MessageId, SentParcel>), EmployerError> {
        Ok((self.union().await?, self.parcels().await?))
    }

    /// Asks about one message.
    pub(super) async fn refresh(&self, record: Record, union: &Union) -> Result<Sent, EmployerError> {
        let parcel = match self.client.sent_one(record.id).await {
            Ok(parcel) => Some(parcel),
            Err(error) if error.code() == Some(Code::ParcelUnknown) => None,
            Err(error) => return Err(error.into()),
        };
        self.take_receipts(record, parcel.as_ref(), union).await
    }

    pub(super) async fn take_receipts(
        &self,
        mut record: Record,
        parcel: Option<&SentParcel>,
        union: &Union,
    ) -> Result<Sent, EmployerError> {
        let Some(parcel) = parcel else {
            return self.not_at_the_relay(record).await;
        };
        let signers = Signers { relay: self.home.identity().relay_receipts(), union };
        let fetched = parcel.state == SentState::Acknowledged;
        match check(&record, &parcel.receipts, &signers) {
            Err(alarm) => Ok(Sent { record, fetched, trouble: Some(Trouble::Alarm(alarm)) }),
            Ok(receipts) => {
                if receipts.len() > record.receipts.len() {
                    record.receipts = receipts;
                    record.uploaded_at = record.uploaded_at.or(Some(parcel.deposited_at));
                    self.keep(record.clone()).await?;
                }
                Ok(Sent { record, fetched, trouble: None })
            }
        }
    }

    async fn not_at_the_relay(&self, record: Record) -> Result<Sent, EmployerError> {
        let alarm = match record.state() {
            State::Sealed => {
                let id = record.id;
                let there = self.on_disk(move |ledger| ledger.has_sealed(id)).await?;
                (!there).then_some(Alarm::Gone)
            }
            // The relay forgets what is settled, some day; it must not forget what is not.
            _ if !record.is_settled() => Some(Alarm::Lost),
            _ => None,
        };
        Ok(Sent { record, fetched: false, trouble: alarm.map(Trouble::Alarm) })
    }
}
