//! What staff do from the command line, and the sandbox and tests in their place. Each function is one transaction with
//! its audit entry.

pub mod export;
pub mod quarantine;
pub mod received;
pub mod users;

use std::io;

use jiff::Timestamp;

use crate::config::Faults;
use crate::domain::ids::{MessageId, OfficeCode};
use crate::domain::verdict::Reason;
use crate::message::error::OpenError;
use crate::pki::PkiError;
use crate::runtime::version::VERSION;
use crate::store::gateway::audit::Entry;
use crate::store::gateway::offices::{self, Office};
use crate::store::gateway::{acknowledgements, audit, counters, orders, runs, waiting};
use crate::store::sqlite::{Connection, StoreError};

use super::start::Gateway;
use super::view::StatusView;

/// Why something is not done.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The database; also "no such" and "exists already".
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Input: no such message.
    #[error("ファイルがありません: {0} (there is no such message)")]
    NoMessage(MessageId),
    /// Input: the message is in quarantine.
    #[error("隔離中のファイルは取り出せません: {0} (the message is in quarantine and cannot be taken out)")]
    Quarantined(MessageId),
    /// Input: the message is not in the state that this begins from.
    #[error("ファイルの状態は {state} です。この操作はできません (the message is {state}: this cannot be done)")]
    State {
        /// Its state.
        state: &'static str,
    },
    /// Input: the second person is missing or the first one again.
    #[error("承認者には、操作者とは別の人の名前を指定してください (--approver must name a second person)")]
    Approver,
    /// Input: a reason that nobody can set aside.
    #[error(
        "この理由で隔離されたファイルは解除できません: {code} {}。送信者に再送を依頼してください (quarantined for {code}: \
         {}; it can never be released, ask the sender to send it again)",
        .0.japanese(), .0.english(), code = .0.code()
    )]
    Unreleasable(Reason),
    /// Input: a certificate that is not fit for what it is to be registered for.
    #[error("電子証明書を登録できません: {0} (the certificate cannot be registered)")]
    Certificate(&'static str),
    /// Configuration: there is no CA key here.
    #[error("この組合の認証局の鍵が設定されていません (keys.ca_key is not set: certificates cannot be issued here)")]
    NoAuthority,
    /// Us or input: a certificate cannot be issued.
    #[error("電子証明書を発行できません (the certificate cannot be issued)")]
    Pki(#[from] PkiError),
    /// Input: enabling again after a loss is not this command's business.
    #[error(
        "紛失・盗難で無効にした利用者は再登録が必要です (a user disabled for loss or theft needs a new registration)"
    )]
    LostDevice,
    /// Environment or attack: what is in the archive does not open or verify any more.
    #[error("保管されたファイルの検証に失敗しました: {0} (the archived file does not verify any more: {0})")]
    Damaged(Reason),
    /// Us: a receipt cannot be signed.
    #[error("受領通知に署名できません (the receipt cannot be signed)")]
    Receipt,
    /// Environment: a file.
    #[error("ファイルを読み書きできません (a file cannot be read or written)")]
    File(#[from] io::Error),
    /// Configuration.
    #[error(transparent)]
    Settings(#[from] Faults),
}

impl From<OpenError> for AdminError {
    fn from(error: OpenError) -> Self {
        match (error.reason(), error) {
            (Some(reason), _) => Self::Damaged(reason),
            (None, OpenError::Input(error) | OpenError::Output(error)) => Self::File(error),
            (None, other) => Self::File(io::Error::other(other)),
        }
    }
}

/// Who acts, and with what.
#[derive(Debug, Clone)]
pub struct Admin {
    gateway: Gateway,
    actor: String,
    aliases: Vec<String>,
}

impl Admin {
    /// Acts as `actor` (an account name; it goes into the audit).
    pub fn new(gateway: &Gateway, actor: &str) -> Self {
        Self { gateway: gateway.clone(), actor: actor.to_owned(), aliases: Vec::new() }
    }

    /// Other names of the one who acts: none of them is a second person.
    #[must_use]
    pub fn known_as(mut self, aliases: Vec<String>) -> Self {
        self.aliases = aliases;
        self
    }

    fn is_actor(&self, name: &str) -> bool {
        self.aliases.iter().chain([&self.actor]).any(|own| own.eq_ignore_ascii_case(name))
    }

    fn now(&self) -> Timestamp {
        self.gateway.receiver.clock.now()
    }

    async fn log(
        &self,
        connection: &mut Connection,
        action: &'static str,
        subject: &str,
        before: &str,
        after: &str,
    ) -> Result<(), StoreError> {
        let entry = Entry {
            at: self.now(),
            actor: self.actor.clone(),
            action,
            subject: subject.to_owned(),
            before: before.to_owned(),
            after: after.to_owned(),
        };
        audit::insert(connection, &[entry]).await
    }

    /// Registers an office.
    pub async fn add_office(&self, code: &OfficeCode, name: &str) -> Result<Office, AdminError> {
        let database = &self.gateway.receiver.database;
        let office = Office { code: code.clone(), name: name.to_owned(), created_at: self.now() };
        let mut transaction = database.write().await?;
        offices::insert(&mut transaction, &office).await?;
        self.log(&mut transaction, "office.added", code.as_str(), "", "registered").await?;
        database.commit(transaction).await?;
        Ok(office)
    }

    /// The offices, by code.
    pub async fn offices(&self, limit: u32) -> Result<Vec<Office>, AdminError> {
        Ok(offices::list(self.gateway.receiver.database.read(), None, limit).await?)
    }

    /// How the gateway is.
    pub async fn status(&self) -> Result<StatusView, AdminError> {
        let receiver = &self.gateway.receiver;
        let read = receiver.database.read();
        let counters = counters::all(read).await?;
        let counter = |name: &str| counters.get(name).copied().unwrap_or(0);
        Ok(StatusView {
            union: receiver.keys.union.to_string(),
            version: VERSION,
            archived: counter(counters::ARCHIVED),
            quarantined: counter(counters::QUARANTINED),
            archived_bytes: counter(counters::ARCHIVED_BYTES),
            disk_free_bytes: receiver.disk.free()?,
            disk_reserve_bytes: self.gateway.settings.storage.reserve_bytes,
            unacknowledged: acknowledgements::count(read).await?,
            waiting: waiting::list(read, 1_000).await?.iter().map(Into::into).collect(),
            open_orders: orders::open(read, 1_000).await?.iter().map(Into::into).collect(),
            runs: runs::list(read, 10).await?.iter().map(Into::into).collect(),
        })
    }
}
