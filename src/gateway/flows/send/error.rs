//! Why something is not sent.

use std::io;

use crate::domain::ids::{MessageId, OfficeCode, UserId};
use crate::domain::sending::{NotFromHere, Sending};
use crate::domain::verdict::Reason;
use crate::gateway::relay;
use crate::gateway::scan::Unscanned;
use crate::message::error::SealError;
use crate::store::sqlite::StoreError;
use crate::wire::client::ClientError;

use super::{MAX_ADDRESSEES, MAX_COMMENT, MAX_KEY};

/// Why something is not sent, or not done to what is sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Input: nobody is named.
    #[error("宛先がありません (nobody is named to send to)")]
    NoAddressee,
    /// Input: too many are named.
    #[error("宛先が多すぎます。一度に{MAX_ADDRESSEES}件までです (more than {MAX_ADDRESSEES} addressees)")]
    TooManyAddressees,
    /// Input: no such user.
    #[error("利用者がいません: {0} (there is no such user)")]
    UnknownUser(UserId),
    /// Input: no such office.
    #[error("事業所がありません: {0} (there is no such office)")]
    UnknownOffice(OfficeCode),
    /// Input: a comment that cannot stand in a message.
    #[error(
        "コメントは{MAX_COMMENT}文字以内の一行にしてください (the comment must be one line of at most {MAX_COMMENT} characters)"
    )]
    Comment,
    /// Input: a media type that is none.
    #[error("Content-Typeが正しくありません (the content type cannot stand in a message)")]
    ContentType,
    /// Input: an idempotency key that is too long, empty or not plain.
    #[error(
        "キーは{MAX_KEY}文字以内の英数記号にしてください (the key must be 1 to {MAX_KEY} visible ASCII characters)"
    )]
    Key,
    /// Input: the key came before with another file or other addressees.
    #[error(
        "このキーは別のファイルまたは別の宛先に使われています (the key was used for another file or other addressees)"
    )]
    KeyTaken,
    /// Input: larger than can be sent.
    #[error(
        "ファイルが大きすぎます: {size} バイト。上限は {largest} バイトです (the file has {size} bytes; at most {largest} can be sent)"
    )]
    TooLarge {
        /// Its size.
        size: u64,
        /// The largest that goes.
        largest: u64,
    },
    /// Input: other bytes than were announced.
    #[error("ファイルの長さが途中で変わりました (the content is not as long as was announced)")]
    Size,
    /// Environment: no room in the outbox.
    #[error(
        "ディスクの空きが足りません。空きを増やしてからもう一度実行してください (the disk has no room: make some and try again)"
    )]
    Full,
    /// Input: no such message or dispatch.
    #[error("送信ファイルがありません: {0} (there is no such sent file)")]
    NoMessage(MessageId),
    /// Input: too late to take it back.
    #[error(
        "すでに相手が受信しているため、取り消せません: {0} (somebody has fetched it already: it cannot be taken back)"
    )]
    Collected(MessageId),
    /// Input: it does not stand where this begins.
    #[error("送信ファイルの状態は {state} です。この操作はできません (the file is {state}: this cannot be done)", state = .0.code())]
    State(Sending),
    /// Input: who approves has to be another person.
    #[error("承認者には、送信者とは別の人の名前を指定してください (the approver must be a second person)")]
    Approver,
    /// Environment: the relay.
    #[error("KXサーバーに接続できません (the KX server does not work with us)")]
    Relay(#[from] ClientError),
    /// Environment: the database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Environment: a file.
    #[error("ファイルを読み書きできません (a file cannot be read or written)")]
    Disk(#[from] io::Error),
    /// Us, configuration or environment: it cannot be sealed.
    #[error("暗号化できません (the file cannot be sealed)")]
    Seal(#[from] SealError),
    /// Input: the malware scanner found something, or cannot look into it.
    #[error("{}ため、送信できません ({}: it is not sent)", .0.japanese(), .0.english())]
    Malware(Reason),
    /// Environment: the malware scanner.
    #[error("マルウェア検査ができません。しばらくしてからもう一度実行してください ({0}: try again later)")]
    Scanner(#[from] Unscanned),
    /// Us: a task has failed.
    #[error("内部エラーです (an internal failure)")]
    Internal,
}

impl SendError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoAddressee => "addressee.missing",
            Self::TooManyAddressees => "addressee.too-many",
            Self::UnknownUser(_) => "user.unknown",
            Self::UnknownOffice(_) => "office.unknown",
            Self::Comment => "comment.refused",
            Self::ContentType => "content-type.refused",
            Self::Key => "key.refused",
            Self::KeyTaken => "key.taken",
            Self::TooLarge { .. } => "size.refused",
            Self::Size => "size.mismatch",
            Self::Full => "disk.low",
            Self::NoMessage(_) => "message.unknown",
            Self::Collected(_) => "message.collected",
            Self::State(_) => "message.state",
            Self::Approver => "approver.refused",
            Self::Relay(error) => relay::code(error),
            Self::Store(_) => "database",
            Self::Disk(_) => "disk.error",
            Self::Seal(_) => "seal",
            Self::Malware(reason) => reason.code(),
            Self::Scanner(unscanned) => unscanned.code(),
            Self::Internal => "internal",
        }
    }

    pub(super) fn not_from_here(id: MessageId) -> impl Fn(NotFromHere) -> Self {
        move |cause| match cause {
            NotFromHere::Collected => Self::Collected(id),
            NotFromHere::State(state) => Self::State(state),
        }
    }
}
