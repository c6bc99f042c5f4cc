//! What a gateway asks of the relay about what the union sends.

use std::time::Duration;

use reqwest::Method;

use super::content::Content;
use super::error::{ClientError, Fault};
use super::tus_upload::{Effort, Progress, Source, Upload};
use super::union::{UnionClient, checked_page};
use crate::domain::clock::Random;
use crate::domain::ids::MessageId;
use crate::wire::delivery::{
    DELIVERIES, Delivery, DeliveryEvent, EVENTS, UPLOADS, Withdrawal, WithdrawalAnswer, delivery, delivery_content,
    reminder, upload, withdrawal,
};
use crate::wire::page::{Page, PageQuery};
use crate::wire::tus::{Metadata, TUS_RESUMABLE, VERSION};
use crate::wire::union::Confirmation;

impl UnionClient {
    /// Deposits a sealed message for these users, or what the relay does not have of it yet. Calling it again is safe: the
    /// message id names the upload.
    ///
    /// A broken line is tried again within `effort`, from the offset that the relay has.
    pub async fn deposit<S: Source>(
        &self,
        metadata: Metadata,
        source: &S,
        progress: &Progress,
        effort: Effort,
        random: &dyn Random,
    ) -> Result<(), ClientError> {
        Upload::new(&self.0, UPLOADS, metadata, source, progress).run(effort, random).await
    }

    /// Gives an upload up that is not complete.
    pub async fn give_up_deposit(&self, id: MessageId) -> Result<(), ClientError> {
        let request = self.0.request(Method::DELETE, &upload(id)).header(TUS_RESUMABLE, VERSION);
        self.0.no_content(request).await
    }

    /// What the union has sent, in the order in which it became visible.
    pub async fn deliveries(&self, query: PageQuery) -> Result<Page<Delivery>, ClientError> {
        let page = self.0.json(self.0.request(Method::GET, DELIVERIES).query(&query), Duration::ZERO).await?;
        checked_page(page, query, |delivery: &Delivery| delivery.cursor)
    }

    /// One delivery.
    pub async fn delivery(&self, id: MessageId) -> Result<Delivery, ClientError> {
        let found: Delivery = self.0.json(self.0.request(Method::GET, &delivery(id)), Duration::ZERO).await?;
        if found.id == id { Ok(found) } else { Err(Fault::Other.into()) }
    }

    /// The sealed bytes of what we have sent, of `size` bytes, from `offset` on. Errors as of [`UnionClient::content`].
    pub async fn delivery_content(&self, id: MessageId, size: u64, offset: u64) -> Result<Content, ClientError> {
        Content::fetch(&self.0, &delivery_content(id), size, offset).await
    }

    /// Takes a message back that nobody has fetched, or says that it will never come.
    pub async fn withdraw(&self, id: MessageId, order: &Withdrawal) -> Result<WithdrawalAnswer, ClientError> {
        self.0.json(self.0.request(Method::PUT, &withdrawal(id)).json(order), Duration::ZERO).await
    }

    /// Has those reminded who have not fetched it.
    pub async fn remind(&self, id: MessageId) -> Result<Confirmation, ClientError> {
        self.0.json(self.0.request(Method::POST, &reminder(id)), Duration::ZERO).await
    }

    /// What became of what we have sent. With `wait` in the query the answer may take that long.
    pub async fn delivery_events(&self, query: PageQuery) -> Result<Page<DeliveryEvent>, ClientError> {
        let patience = Duration::from_secs(query.wait.unwrap_or(0).into());
        let page = self.0.json(self.0.request(Method::GET, EVENTS).query(&query), patience).await?;
        checked_page(page, query, |event: &DeliveryEvent| event.cursor)
    }
}
