//! Received files: listed, shown, reviewed.

use super::{Admin, AdminError};
use crate::domain::digest::Sha256;
use crate::domain::ids::MessageId;
use crate::gateway::view::{MessageDetail, MessageView, ReceiptView};
use crate::message::keys::Certificate;
use crate::message::receipt::{MAX_REASON, Receipt, Return, SignedReceipt, Stage};
use crate::message::words;
use crate::store::gateway::certificates::{self, Purpose, Registered};
use crate::store::gateway::events::Kind;
use crate::store::gateway::messages::{self, Filter, Message, State};
use crate::store::gateway::receipts::{self, StoredReceipt};
use crate::store::gateway::{acknowledgements, evidence};
use crate::store::sqlite::{Connection, StoreError};

/// What staff decide about a received file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Review {
    /// 受付.
    Accept,
    /// 差戻し, with words for the sender: they go with the receipt, sealed for the sender alone.
    Return {
        /// Why.
        reason: String,
    },
}

impl Admin {
    /// Messages, newest first.
    pub async fn received(&self, filter: &Filter, limit: u32) -> Result<Vec<MessageView>, AdminError> {
        let found = messages::list(self.gateway.receiver.database.read(), filter, limit).await?;
        Ok(found.iter().map(Into::into).collect())
    }

    /// One message with evidence and receipts.
    pub async fn show(&self, id: MessageId) -> Result<MessageDetail, AdminError> {
        let message = self.find(id).await?;
        let read = self.gateway.receiver.database.read();
        let evidence = evidence::find(read, message.number).await?;
        let facts = evidence.map_or(Ok(serde_json::Value::Null), |evidence| serde_json::from_str(&evidence.facts));
        let receipts = receipts::of_message(read, message.number).await?.into_iter().map(|stored| ReceiptView {
            hash: SignedReceipt::from_der(stored.der).hash().to_string(),
            stage: stored.stage,
            at: stored.at,
        });
        Ok(MessageDetail {
            message: (&message).into(),
            deposited_at: message.deposited_at,
            facts: facts.map_err(|_| StoreError::Corrupt("facts"))?,
            receipts: receipts.collect(),
        })
    }

    /// 受付 or 差戻し: state, receipt, audit and the way to the sender, in one transaction.
    pub async fn review(&self, id: MessageId, review: &Review) -> Result<MessageView, AdminError> {
        let message = self.find(id).await?;
        let (to, stage) = match review {
            Review::Accept => (State::Accepted, Stage::Accepted),
            Review::Return { .. } => (State::Returned, Stage::Returned),
        };
        let words = match review {
            Review::Accept => None,
            Review::Return { reason } => self.words(&message, reason).await?,
        };
        let database = &self.gateway.receiver.database;
        let mut transaction = database.write().await?;
        if !messages::change_state(&mut transaction, message.number, State::Archived, to).await? {
            let now = messages::find(&mut transaction, id).await?.map_or(message.state, |found| found.state);
            return Err(AdminError::State { state: now.code() });
        }
        if let Review::Return { reason } = review {
            messages::set_return_reason(&mut transaction, message.number, reason).await?;
        }
        let receipt = self.receipt(&mut transaction, &message, stage, words).await?;
        receipts::insert(&mut transaction, std::slice::from_ref(&receipt)).await?;
        acknowledgements::insert(&mut transaction, &[(message.id, Some(receipt.number))], self.now()).await?;
        let (action, kind) = match review {
            Review::Accept => ("message.accepted", Kind::ReceivedAccepted),
            Review::Return { .. } => ("message.returned", Kind::ReceivedReturned),
        };
        self.tell(&mut transaction, kind, &message).await?;
        self.log(&mut transaction, action, &id.to_string(), State::Archived.code(), to.code()).await?;
        database.commit(transaction).await?;
        Ok((&self.find(id).await?).into())
    }

    /// The reason of a return, sealed for every encryption certificate of the sender that counts. Nothing when there is nobody
    /// whom it could be sealed for.
    pub(super) async fn words(&self, message: &Message, reason: &str) -> Result<Option<Vec<u8>>, AdminError> {
        if reason.chars().count() > MAX_REASON {
            return Err(AdminError::Reason);
        }
        let Some(user) = message.content.as_ref().and_then(|content| content.user.as_ref()) else { return Ok(None) };
        let now = self.now();
        let registered = certificates::of_user(self.read(), user).await?;
        let counts =
            |one: &Registered| one.purpose == Purpose::Encryption && one.revoked_at.is_none() && one.not_after > now;
        let ders: Vec<Vec<u8>> = registered.into_iter().filter(counts).map(|one| one.der).collect();
        if ders.is_empty() {
            return Ok(None);
        }
        let said = Return { message_id: message.id, reason: reason.to_owned() };
        let random = self.gateway.receiver.random.clone();
        let task = tokio::task::spawn_blocking(move || -> Result<Vec<u8>, AdminError> {
            let read = |der: &Vec<u8>| Certificate::from_der(der).map_err(|_| StoreError::Corrupt("certificate"));
            let recipients = ders.iter().map(read).collect::<Result<Vec<_>, _>>()?;
            words::seal(&said, &recipients, random.as_ref()).map_err(|_| AdminError::Receipt)
        });
        task.await.map_err(|_| AdminError::Receipt)?.map(Some)
    }

    pub(super) async fn find(&self, id: MessageId) -> Result<Message, AdminError> {
        let mut reader = self.gateway.receiver.database.reader().await?;
        messages::find(&mut reader, id).await?.ok_or(AdminError::NoMessage(id))
    }

    /// The next receipt in the chain of this message.
    pub(super) async fn receipt(
        &self,
        connection: &mut Connection,
        message: &Message,
        stage: Stage,
        words: Option<Vec<u8>>,
    ) -> Result<StoredReceipt, AdminError> {
        let keys = self.gateway.receiver.keys.current();
        let chain = receipts::of_message(&mut *connection, message.number).await?;
        let previous: Option<Sha256> = chain.last().map(|last| SignedReceipt::from_der(last.der.clone()).hash());
        // What never passed the checks was not read: its sender's digest is not ours to confirm.
        let read = message.content.as_ref().filter(|_| stage != Stage::Returned || message.verdict.is_accepted());
        let receipt = Receipt {
            message_id: message.id,
            stage,
            tag: message.tag,
            digest: read.map(|content| hex::encode(&content.digest)),
            at: self.now(),
            by: keys.address().to_string(),
            words,
            previous,
            contiguous: None,
        };
        let signed = receipt.sign(keys.signer(), self.now()).map_err(|_| AdminError::Receipt)?;
        Ok(StoredReceipt {
            number: receipts::next_number(connection).await?,
            message: message.number,
            stage: stage.code().to_owned(),
            at: self.now(),
            der: signed.der().to_vec(),
        })
    }
}
