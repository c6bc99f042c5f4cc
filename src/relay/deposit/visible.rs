//! The transaction in which a message becomes visible to those whom it is for.

use jiff::Timestamp;

use super::{Begun, refuse_ended};
use crate::domain::digest::Tag;
use crate::domain::ids::MessageId;
use crate::failpoint;
use crate::message::receipt::{Receipt, Stage};
use crate::relay::bytes::Key;
use crate::relay::config::days_after;
use crate::relay::state::State;
use crate::store::relay::deliveries::{self, NewDelivery};
use crate::store::relay::parcels::{self, NewParcel};
use crate::store::relay::uploads::{self, Depositor, Upload};
use crate::store::sqlite::{Connection, StoreError};
use crate::wire::problem::{Code, Problem};

impl State {
    pub(super) async fn make_visible(&self, upload: &Upload, tag: Option<Tag>, begun: Begun) -> Result<(), Problem> {
        // As exact as it is stored, so that the receipt says the same moment as every list.
        let now = Timestamp::from_microsecond(self.clock.now().as_microsecond()).unwrap_or_default();
        let relayed = self.sign_relayed(upload.id, tag, now).await?;
        failpoint!("deposit.signed");
        let mut transaction = self.database.write().await?;
        refuse_ended(&mut transaction, upload).await?;
        match begun {
            Begun::Before => drop(uploads::delete(&mut transaction, &upload.insurer, upload.id).await?),
            Begun::Now => self.admit(&mut transaction, upload).await?,
        }
        let inboxes = match &upload.by {
            Depositor::User(user) => {
                let parcel = NewParcel {
                    insurer: upload.insurer.clone(),
                    id: upload.id,
                    user: user.clone(),
                    size: upload.size,
                    tag,
                    deposited_at: now,
                    relayed,
                };
                parcels::insert(&mut transaction, &parcel).await?;
                Vec::new()
            }
            Depositor::Union => self.deliver(&mut transaction, upload, tag, relayed, now).await?,
        };
        self.database.commit(transaction).await?;
        failpoint!("deposit.committed");
        self.promised.forget(&Key { union: upload.insurer.clone(), id: upload.id });
        self.tell(upload, &inboxes);
        Ok(())
    }

    async fn deliver(
        &self,
        connection: &mut Connection,
        upload: &Upload,
        tag: Option<Tag>,
        relayed: Vec<u8>,
        now: Timestamp,
    ) -> Result<Vec<i64>, StoreError> {
        let settings = &self.config.deliveries;
        let delivery = NewDelivery {
            insurer: upload.insurer.clone(),
            id: upload.id,
            recipients: upload.recipients.clone(),
            size: upload.size,
            tag,
            deposited_at: now,
            expires_at: days_after(now, settings.expire_days),
            remind_at: settings.reminder_after(now, now),
            delete_at: days_after(now, settings.delete_days),
            relayed,
            place: upload.place.as_ref().map(|place| place.0.clone()),
        };
        deliveries::insert(connection, &delivery).await
    }

    /// Wakes those who wait for it, and counts it.
    fn tell(&self, upload: &Upload, inboxes: &[i64]) {
        let (union, message, size) = (&upload.insurer, upload.id, upload.size);
        match &upload.by {
            Depositor::User(user) => {
                self.arrivals.ring(union);
                tracing::info!(code = "parcel.deposited", %union, %user, %message, size, "parcel complete");
                self.metrics.deposited_total.inc();
                self.metrics.deposited_bytes_total.inc_by(size);
            }
            Depositor::Union => {
                self.events.ring(union);
                for user in inboxes {
                    self.inboxes.ring(user);
                }
                self.ring_outbox();
                let recipients = inboxes.len();
                tracing::info!(code = "delivery.deposited", %union, %message, size, recipients, "delivery complete");
                self.metrics.deliveries_deposited_total.inc();
                self.metrics.deliveries_deposited_bytes_total.inc_by(size);
            }
        }
    }

    async fn sign_relayed(&self, id: MessageId, tag: Option<Tag>, at: Timestamp) -> Result<Vec<u8>, Problem> {
        let receipt = Receipt {
            message_id: id,
            stage: Stage::Relayed,
            tag,
            digest: None,
            at,
            by: "relay".to_owned(),
            words: None,
            previous: None,
            contiguous: None,
        };
        let credential = self.receipts.load_full();
        let signed = tokio::task::spawn_blocking(move || receipt.sign(&credential, at)).await;
        Ok(signed.map_err(|_| Problem::new(Code::Internal))??.der().to_vec())
    }
}
