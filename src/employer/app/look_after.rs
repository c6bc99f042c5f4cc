//! Looking after what was sent: what the relay says of it, and whether to believe that.

use std::collections::HashMap;

use super::{App, Union};
use crate::domain::ids::MessageId;
use crate::employer::alarm::Alarm;
use crate::employer::error::EmployerError;
use crate::employer::ledger::Ledger;
use crate::employer::receipts::{Signers, check};
use crate::employer::record::{Record, ReturnWords, State};
use crate::employer::sent::{Sent, SentList, Trouble};
use crate::message::receipt::Stage;
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
                let before = record.clone();
                if receipts.len() > record.receipts.len() {
                    record.receipts = receipts;
                    record.uploaded_at = record.uploaded_at.or(Some(parcel.deposited_at));
                }
                self.read_words(&mut record);
                if record != before {
                    self.keep(record.clone()).await?;
                }
                Ok(Sent { record, fetched, trouble: None })
            }
        }
    }

    /// What the union said when it returned a file. Words that do not open now may do so with a key that comes later.
    fn read_words(&self, record: &mut Record) {
        if matches!(record.returned, Some(ReturnWords::Told { .. })) {
            return;
        }
        let sealed = record.receipt(Stage::Returned).and_then(|receipt| receipt.words.as_deref());
        record.returned = sealed.map(|sealed| ReturnWords::open(sealed, record.id, &self.encryption));
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
