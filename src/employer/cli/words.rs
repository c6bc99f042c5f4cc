//! What happened, what it means, what to do: Japanese first, English beside.

mod enrol;
mod folder;
mod inbox;
pub(super) mod relay;

use std::error::Error;

use self::enrol::{kit_words, password_words, pin_words, setup_words};
use self::folder::{file_words, home_words, ledger_words};
use self::inbox::inbox_words;
use self::relay::relay_words;
use crate::domain::ids::MessageId;
use crate::employer::alarm::Alarm;
use crate::employer::error::EmployerError;
use crate::employer::record::Record;
use crate::employer::sent::Trouble;
use crate::wire::problem::Code;

/// A sentence in both languages.
pub(super) type Words = (&'static str, &'static str);

pub(super) const ASK: Words = ("健康保険組合に連絡してください。", "Ask the union.");

/// Says why a command failed, on standard error.
pub fn complain(error: &EmployerError) {
    eprint!("{}", complaint(error));
}

/// Why a command failed: what happened, the causes, what to do.
pub fn complaint(error: &EmployerError) -> String {
    let (happened, next) = explain(error);
    let (what, what_en, causes) = (happened.0, happened.1, causes(error));
    format!("エラー: {what}\nError: {what_en}\n  {causes}\n→ {}\n→ {}\n", next.0, next.1)
}

/// What to say of a wrong PIN before asking again.
pub(super) fn wrong_pin(tries_left: u32) -> String {
    format!("PIN コードが違います。残り {tries_left} 回 / The PIN is wrong; {tries_left} tries are left.")
}

/// Says what is wrong with one message.
pub(super) fn trouble(record: &Record, trouble: &Trouble) {
    let (happened, next) = match trouble {
        Trouble::Alarm(alarm) => alarm_words(*alarm),
        Trouble::NotTaken(cause) => relay_words(cause),
    };
    eprintln!("警告 (番号 {}): {}\nAlarm (No. {}): {}", record.sequence, happened.0, record.sequence, happened.1);
    eprintln!("  {} {}", trouble.code(), record.id);
    eprintln!("→ {}\n→ {}", next.0, next.1);
}

/// Says that the relay has messages that this folder knows nothing of.
pub(super) fn unknown_here(ids: &[MessageId]) {
    let (happened, next) = alarm_words(Alarm::UnknownHere);
    eprintln!("警告: {}\nAlarm: {}", happened.0, happened.1);
    for id in ids {
        eprintln!("  {} {id}", Alarm::UnknownHere.code());
    }
    eprintln!("→ {}\n→ {}", next.0, next.1);
}

/// Says that the list is not fresh.
pub(super) fn offline() {
    eprintln!("サーバーに確認できなかったため、前回までの状況を表示しています。");
    eprintln!("The server could not be asked: the list shows what was known before.");
}

impl Trouble {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Alarm(alarm) => alarm.code(),
            Self::NotTaken(cause) => cause.code().map_or("relay.protocol", Code::as_str),
        }
    }
}

/// The whole chain of causes, for whoever has to find out.
fn causes(error: &EmployerError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        next = cause.source();
    }
    text
}

fn explain(error: &EmployerError) -> (Words, Words) {
    match error {
        EmployerError::Home(error) => home_words(error),
        EmployerError::Connection(_) => (
            (
                "接続の準備ができません。証明書が正しくありません。",
                "The connection cannot be set up: a certificate is wrong.",
            ),
            ("健康保険組合に連絡してください。", "Ask the union."),
        ),
        EmployerError::Kit(error) => kit_words(error),
        EmployerError::Pin(refused) => pin_words(refused),
        EmployerError::Password(weak) => password_words(*weak),
        EmployerError::Setup(refused) => setup_words(refused),
        EmployerError::Answer => (
            (
                "組合からの応答が確認できません。途中で書き換えられた可能性があります。証明書は使用していません。",
                "The answer is not the union's: it may have been altered on the way. Nothing of it was used.",
            ),
            ASK,
        ),
        EmployerError::Pki(_) | EmployerError::Words(_) => (
            ("鍵または証明書の申請を作成できません。", "A key or a request for a certificate could not be made."),
            (
                "もう一度実行してください。続く場合は健康保険組合に連絡してください。",
                "Try again; if it stays, ask the union.",
            ),
        ),
        EmployerError::Ledger(error) => ledger_words(error),
        EmployerError::File { cause, .. } => file_words(cause),
        EmployerError::Comment(_) => (
            (
                "コメントが長すぎるか、改行が含まれています。何も送信していません。",
                "The comment is too long or has line breaks in it. Nothing was sent.",
            ),
            ("500 文字以内の 1 行にしてください。", "Make it one line of at most 500 characters."),
        ),
        EmployerError::Inbox(refused) => inbox_words(refused),
        EmployerError::Relay(cause) | EmployerError::Upload { cause, .. } => relay_words(cause),
        EmployerError::Identity => (
            (
                "サーバーの登録内容が、このフォルダーの利用者と一致しません。何も送信していません。",
                "The server knows this user as somebody else. Nothing was sent.",
            ),
            ASK,
        ),
        EmployerError::OldCopy(_) => (
            (
                "サーバーに、このフォルダーの記録にない送信があります。古いコピーから戻したか、他人が送信した可能性があります。何も送信していません。",
                "The server has files that this folder did not send: it was restored from an old copy, or somebody else sends as you. Nothing was sent.",
            ),
            (
                "最新のフォルダーに戻してください。なければ、健康保険組合に連絡してください。",
                "Put the newest copy of the folder back. If there is none, ask the union.",
            ),
        ),
        EmployerError::Clock { .. } => (
            (
                "パソコンの時計が、サーバーの時計と大きくずれています。何も送信していません。",
                "The clock of this PC differs too much from the server's. Nothing was sent.",
            ),
            (
                "パソコンの日時を合わせて（時刻の自動設定を有効に）、もう一度実行してください。続きから始まります。",
                "Set the clock of this PC, best by automatic time, and try again: it goes on where it stopped.",
            ),
        ),
        EmployerError::UnionCertificate => (
            (
                "組合の有効な証明書が確認できません。安全のため、何も送信していません。",
                "No certificate of the union could be trusted. To be safe, nothing was sent.",
            ),
            (
                "パソコンの日時を確認し（kx-employer doctor）、健康保険組合に連絡してください。",
                "Check the clock of this PC (kx-employer doctor), and ask the union.",
            ),
        ),
        EmployerError::NoRevocationList => (
            (
                "組合の証明書が失効していないことを確認できません（失効リストがないか、期限切れです）。安全のため、何も送信していません。",
                "Nobody says that the union's certificates still count: the revocation list is missing or overdue. To be safe, \
                 nothing was sent.",
            ),
            (
                "パソコンの日時を確認し（kx-employer doctor）、後でもう一度実行してください。続くときは、健康保険組合に連絡してください。",
                "Check the clock of this PC (kx-employer doctor) and try again later. If it goes on, ask the union.",
            ),
        ),
    }
}

pub(super) fn alarm_words(alarm: Alarm) -> (Words, Words) {
    let tell = (
        "送信済みとみなさず、表示された番号を健康保険組合に連絡してください。",
        "Do not take it as sent: tell the union the id shown.",
    );
    let happened = match alarm {
        Alarm::Missing => ("サーバーの受領通知がありません。", "The server gave no receipt."),
        Alarm::Signature => ("受領通知の署名が正しくありません。", "A receipt's signature is not right."),
        Alarm::Message => ("別のファイルの受領通知です。", "A receipt is for another message."),
        Alarm::Tag | Alarm::Digest => {
            ("受領通知の内容が、送信したファイルと一致しません。", "A receipt is for other bytes than were sent.")
        }
        Alarm::Order | Alarm::Chain => ("受領通知のつながりが正しくありません。", "The chain of receipts is broken."),
        Alarm::Withdrawn => ("前にあった受領通知がなくなりました。", "A receipt that was there before is gone."),
        Alarm::Gone => (
            "送信前の暗号化ファイルが outbox フォルダーから消えています。",
            "The sealed file is gone from the outbox folder before it was sent.",
        ),
        Alarm::Lost => ("受領されたファイルがサーバーにありません。", "The server lost a file that it had taken."),
        Alarm::UnknownHere => (
            "このフォルダーに記録のないファイルが送信されています。古いコピーから戻したか、他人が送信した可能性があります。",
            "The server has files that this folder did not send: it was restored from an old copy, or somebody else sends as you.",
        ),
    };
    (happened, tell)
}
