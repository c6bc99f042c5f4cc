//! What happened, what it means, what to do: Japanese first, English beside.

use std::error::Error;
use std::io;

use crate::domain::file_name::RefusedFileName;
use crate::domain::ids::MessageId;
use crate::employer::error::EmployerError;
use crate::employer::home::HomeError;
use crate::employer::ledger::LedgerError;
use crate::employer::outgoing::RefusedFile;
use crate::employer::receipts::Alarm;
use crate::employer::record::Record;
use crate::employer::sent::Trouble;
use crate::wire::client::ClientError;
use crate::wire::problem::Code;

/// A sentence in both languages.
type Words = (&'static str, &'static str);

/// Says why a command failed, on standard error.
pub fn complain(error: &EmployerError) {
    let (happened, next) = explain(error);
    eprintln!("エラー: {}\nError: {}", happened.0, happened.1);
    eprintln!("  {}", causes(error));
    eprintln!("→ {}\n→ {}", next.0, next.1);
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
        EmployerError::Ledger(error) => ledger_words(error),
        EmployerError::File { cause, .. } => file_words(cause),
        EmployerError::Comment(_) => (
            (
                "コメントが長すぎるか、改行が含まれています。何も送信していません。",
                "The comment is too long or has line breaks in it. Nothing was sent.",
            ),
            ("500 文字以内の 1 行にしてください。", "Make it one line of at most 500 characters."),
        ),
        EmployerError::Relay(cause) | EmployerError::Upload { cause, .. } => relay_words(cause),
        EmployerError::Identity => (
            (
                "サーバーの登録内容が、このフォルダーの利用者と一致しません。何も送信していません。",
                "The server knows this user as somebody else. Nothing was sent.",
            ),
            ("employer.toml を確認し、健康保険組合に連絡してください。", "Check employer.toml and ask the union."),
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
        EmployerError::UnionCertificate => (
            (
                "組合の有効な証明書が確認できません。安全のため、何も送信していません。",
                "No certificate of the union could be trusted. To be safe, nothing was sent.",
            ),
            (
                "パソコンの日時を確認し、健康保険組合に連絡してください。",
                "Check the clock of this PC, and ask the union.",
            ),
        ),
    }
}

fn home_words(error: &HomeError) -> (Words, Words) {
    let ask = ("健康保険組合に連絡してください。", "Ask the union.");
    match error {
        HomeError::NotSetUp(_) => (
            ("このフォルダーは初期設定されていません。", "This folder has not been set up."),
            ("--home のフォルダーを確認してください。", "Check the folder given with --home."),
        ),
        HomeError::Settings(_) => (
            ("設定 employer.toml に誤りがあります。", "The settings in employer.toml are wrong."),
            ("上に示した項目を直してください。", "Correct the keys named above."),
        ),
        HomeError::File(..) | HomeError::Key(..) => {
            (("設定または証明書のファイルが読めません。", "A file with settings or certificates cannot be read."), ask)
        }
        HomeError::Owner(_) => (("証明書が別の利用者のものです。", "The certificate belongs to another user."), ask),
        HomeError::Exposed(_) => (
            (
                "秘密鍵がこのパソコンのほかの利用者に読まれる状態です。",
                "Other users of this PC could read the private key.",
            ),
            (
                "ファイルのアクセス権を自分だけ (0600) にし、健康保険組合に連絡してください。",
                "Make the file readable for yourself only (0600), and tell the union.",
            ),
        ),
    }
}

fn ledger_words(error: &LedgerError) -> (Words, Words) {
    match error {
        LedgerError::Busy => (
            ("別の kx-employer がこのフォルダーで動いています。", "Another kx-employer is working in this folder."),
            ("終わるまで待ってから、もう一度実行してください。", "Wait until it is done, then try again."),
        ),
        LedgerError::Full { .. } => (
            ("ディスクの空きが足りません。何も送信していません。", "The disk has no room. Nothing was sent."),
            ("不要なファイルを消してから、もう一度実行してください。", "Make room and try again."),
        ),
        LedgerError::Changed => (
            ("ファイルが書き込み中のため、送信しませんでした。", "The file was being written to, so it was not sent."),
            ("ファイルを閉じてから、もう一度実行してください。", "Close the file and try again."),
        ),
        LedgerError::OlderRecipient => (
            (
                "組合の証明書が、前回より古いものに戻っています。安全のため、何も送信していません。",
                "The union's certificate is older than the one used before. To be safe, nothing was sent.",
            ),
            ("健康保険組合に連絡してください。", "Ask the union."),
        ),
        LedgerError::Damaged(_) | LedgerError::Stranger => (
            (
                "送信の記録が壊れているか、別の利用者のものです。",
                "The record of what was sent is damaged or another user's.",
            ),
            (
                "フォルダーを変更せずに、健康保険組合に連絡してください。",
                "Leave the folder as it is and ask the union.",
            ),
        ),
        LedgerError::Disk { .. } | LedgerError::Seal(_) | LedgerError::Unsure => (
            ("フォルダーに書き込めません。", "The folder could not be written to."),
            (
                "ディスクの空きと書き込み権限を確認して、もう一度実行してください。途中のファイルは続きから送信されます。",
                "Check room and permissions and try again: what was begun goes on where it stopped.",
            ),
        ),
    }
}

fn file_words(cause: &RefusedFile) -> (Words, Words) {
    match cause {
        RefusedFile::Unreadable(error) if error.kind() == io::ErrorKind::NotFound => (
            ("ファイルが見つかりません。何も送信していません。", "There is no such file. Nothing was sent."),
            ("ファイル名を確認してください。", "Check the name."),
        ),
        RefusedFile::Unreadable(_) => (
            ("ファイルが開けません。何も送信していません。", "The file cannot be opened. Nothing was sent."),
            ("アクセス権を確認してください。", "Check its permissions."),
        ),
        RefusedFile::NotAFile => (
            ("ファイルではありません。何も送信していません。", "It is not a file. Nothing was sent."),
            ("フォルダーは ZIP などにまとめてください。", "Put a folder into a ZIP file first."),
        ),
        RefusedFile::Name(why) => (name_words(*why), RENAME),
        RefusedFile::NameNotText => (
            (
                "ファイル名が文字として読めません。何も送信していません。",
                "The file name is not readable text. Nothing was sent.",
            ),
            RENAME,
        ),
        RefusedFile::TooLarge { .. } => (
            ("ファイルが大きすぎます。何も送信していません。", "The file is too large. Nothing was sent."),
            ("分割して送信してください。", "Split it."),
        ),
    }
}

const RENAME: Words = ("ファイル名を変えて、もう一度実行してください。", "Rename the file and try again.");

fn name_words(why: RefusedFileName) -> Words {
    match why {
        RefusedFileName::Empty | RefusedFileName::Folder => {
            ("ファイル名がありません。何も送信していません。", "There is no file name. Nothing was sent.")
        }
        RefusedFileName::TooLong => {
            ("ファイル名が長すぎます。何も送信していません。", "The file name is too long. Nothing was sent.")
        }
        RefusedFileName::ForbiddenCharacter | RefusedFileName::Bidirectional | RefusedFileName::NotNormalized => (
            "ファイル名に使えない文字があります。何も送信していません。",
            "The file name has a character in it that is not allowed. Nothing was sent.",
        ),
        RefusedFileName::Trailing => (
            "ファイル名の末尾がピリオドまたは空白です。何も送信していません。",
            "The file name ends in a dot or a space. Nothing was sent.",
        ),
        RefusedFileName::Device => (
            "Windows で使えないファイル名です。何も送信していません。",
            "Windows cannot have a file of this name. Nothing was sent.",
        ),
    }
}

fn relay_words(cause: &ClientError) -> (Words, Words) {
    let kept = (
        "時間をおいてもう一度実行してください。途中のファイルは続きから送信されます。",
        "Try again later: what was begun goes on where it stopped.",
    );
    let ask = ("健康保険組合に連絡してください。", "Ask the union.");
    match cause {
        ClientError::Unreachable(_) => (("サーバーに接続できません。", "The server cannot be reached."), kept),
        ClientError::TimedOut => (("サーバーから応答がありません。", "The server does not answer."), kept),
        ClientError::Untrusted(_) => (
            (
                "安全な接続ができません。証明書が確認できないか、失効しています。",
                "No secure connection: a certificate is not trusted, has expired or was revoked.",
            ),
            (
                "パソコンの日時を確認し、健康保険組合に連絡してください。",
                "Check the clock of this PC, and ask the union.",
            ),
        ),
        ClientError::Protocol(_) => {
            (("サーバーの応答が正しくありません。", "The server's answer makes no sense."), ask)
        }
        ClientError::Local(_) => (
            ("送信するファイルが読めません。", "The sealed file cannot be read."),
            ("ディスクを確認して、もう一度実行してください。", "Check the disk and try again."),
        ),
        ClientError::Refused(problem) => match problem.code {
            Code::UserDisabled => (("この利用者は無効にされています。", "This user is disabled."), ask),
            Code::CallerUnknown => (("この利用者は登録されていません。", "This user is not registered."), ask),
            Code::ParcelTooLarge => {
                (("サーバーの上限を超える大きさです。", "It is larger than the server takes."), ask)
            }
            Code::QuotaExceeded => (
                ("サーバーに預けられる量を超えています。", "More is waiting at the server than it keeps for you."),
                ("組合が受信した後に、もう一度実行してください。", "Try again when the union has fetched what waits."),
            ),
            _ if cause.is_temporary() => {
                (("サーバーが混み合っています。", "The server cannot do this at present."), kept)
            }
            _ => (("サーバーが受け付けませんでした。", "The server refused."), ask),
        },
    }
}

fn alarm_words(alarm: Alarm) -> (Words, Words) {
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
