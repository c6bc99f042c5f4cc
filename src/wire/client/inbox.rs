//! What an employer's app asks of the relay about what the union sends.

use std::time::Duration;

use reqwest::Method;

use super::content::Content;
use super::employer::EmployerClient;
use super::error::ClientError;
use super::union::{checked_page, checked_results};
use crate::domain::ids::MessageId;
use crate::wire::delivery::{
    ACKNOWLEDGEMENTS, INBOX, InboxParcel, NOTICES, NoticeChoice, WITHDRAWALS, Withdrawn, inbox_content,
};
use crate::wire::page::{Page, PageQuery};
use crate::wire::union::{Acknowledgement, AcknowledgementResults, Acknowledgements};

impl EmployerClient {
    /// What waits for this user, oldest first. With `wait` in the query the answer may take that long.
    pub async fn inbox(&self, query: PageQuery) -> Result<Page<InboxParcel>, ClientError> {
        let patience = Duration::from_secs(query.wait.unwrap_or(0).into());
        let page = self.0.json(self.0.request(Method::GET, INBOX).query(&query), patience).await?;
        checked_page(page, query, |parcel: &InboxParcel| parcel.cursor)
    }

    /// The bytes of a parcel of `size` bytes (from the list) from `offset` on. Errors as of
    /// [`UnionClient::content`](super::UnionClient::content).
    pub async fn inbox_content(&self, id: MessageId, size: u64, offset: u64) -> Result<Content, ClientError> {
        Content::fetch(&self.0, &inbox_content(id), size, offset).await
    }

    /// Tells what is durable here, with receipts. One result for each, in order.
    pub async fn acknowledge(&self, items: Vec<Acknowledgement>) -> Result<AcknowledgementResults, ClientError> {
        let body = Acknowledgements { items };
        let results = self.0.json(self.0.request(Method::POST, ACKNOWLEDGEMENTS).json(&body), Duration::ZERO).await?;
        checked_results(results, &body)
    }

    /// What the union took back from this user, oldest first.
    pub async fn withdrawals(&self, query: PageQuery) -> Result<Page<Withdrawn>, ClientError> {
        let page = self.0.json(self.0.request(Method::GET, WITHDRAWALS).query(&query), Duration::ZERO).await?;
        checked_page(page, query, |withdrawn: &Withdrawn| withdrawn.cursor)
    }

    /// Which mails this user wants.
    pub async fn notice_choice(&self) -> Result<NoticeChoice, ClientError> {
        self.0.json(self.0.request(Method::GET, NOTICES), Duration::ZERO).await
    }

    /// Chooses which mails this user wants.
    pub async fn choose_notices(&self, choice: NoticeChoice) -> Result<(), ClientError> {
        self.0.no_content(self.0.request(Method::PUT, NOTICES).json(&choice)).await
    }
}
