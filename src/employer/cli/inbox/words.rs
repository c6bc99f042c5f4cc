//! What is wrong with a message of the union, and what to do: Japanese first, English beside.

use super::super::words::relay::relay_words;
use super::super::words::{ASK, Words, alarm_words};
use crate::domain::ids::MessageId;
use crate::domain::verdict::{Reason, Warning};
use crate::employer::alarm::Alarm;
use crate::employer::inbox::{InboxTrouble, Incoming, Missing};
use crate::employer::ledger::LedgerError;

const TELL: Words = ("表示された番号を健康保険組合に連絡してください。", "Tell the union the id shown.");

const AGAIN: Words = (
    "ファイルは隔離され、保存されていません。表示された番号を健康保険組合に連絡し、もう一度送ってもらってください。",
    "The file is in quarantine and was not saved. Tell the union the id shown, and ask it to send the file again.",
);

/// Says that a message was put into quarantine, and why.
pub(super) fn quarantined(record: &Incoming) {
    eprintln!("隔離 / Quarantine: {}", record.id);
    for one in &record.reasons {
        let (japanese, english) = reason(*one);
        eprintln!("  {japanese} / {english} ({})", one.code());
    }
    eprintln!("→ {}\n→ {}", AGAIN.0, AGAIN.1);
}

/// Says what is wrong with one message.
pub(super) fn trouble(id: MessageId, trouble: &InboxTrouble) {
    let (happened, next) = trouble_words(trouble);
    say(trouble.code(), &id.to_string(), happened, next);
}

/// Says that a statement of the union is none.
pub(super) fn statement(id: MessageId, alarm: Alarm) {
    let happened = (
        "組合のものと確認できない取消の通知がありました。無視しました。",
        "A notice that a file was taken back is not the union's. It was not taken.",
    );
    say(alarm.code(), &id.to_string(), happened, TELL);
}

/// Says which numbers are missing.
pub(super) fn missing(missing: &Missing) {
    let numbers = format!("{}-{} ({})", missing.numbers.first, missing.numbers.last, missing.to);
    let happened = (
        "組合が送信した番号のうち、届いていないものがあります。",
        "Files that the union has numbered have not come here.",
    );
    let next = (
        "ほかのパソコンで受信していなければ、健康保険組合に連絡してください。",
        "Unless another PC has received them, ask the union.",
    );
    say(Warning::SequenceGap.code(), &numbers, happened, next);
}

fn say(code: &str, what: &str, happened: Words, next: Words) {
    eprintln!("警告: {}\nAlarm: {}\n  {code} {what}", happened.0, happened.1);
    eprintln!("→ {}\n→ {}", next.0, next.1);
}

fn trouble_words(trouble: &InboxTrouble) -> (Words, Words) {
    match trouble {
        InboxTrouble::Alarm(Alarm::Tag | Alarm::Digest) => (
            (
                "サーバーの通知が、受信したファイルと一致しません。ファイル自体は検証済みです。",
                "What the server says does not fit the file that came. The file itself was verified.",
            ),
            TELL,
        ),
        InboxTrouble::Alarm(alarm) => (alarm_words(*alarm).0, TELL),
        InboxTrouble::TakenBack => (
            (
                "組合が取り消したファイルをサーバーが渡そうとしました。受信していません。",
                "The server hands out a file that the union took back. It was not received.",
            ),
            TELL,
        ),
        InboxTrouble::Fetch(cause) => relay_words(cause),
        InboxTrouble::Disk(LedgerError::Full { .. }) => FULL,
        InboxTrouble::Disk(LedgerError::Disk { cause, .. }) if cause.kind() == std::io::ErrorKind::StorageFull => FULL,
        InboxTrouble::Folder(error) if error.kind() == std::io::ErrorKind::StorageFull => FULL,
        InboxTrouble::Disk(_) => (
            ("フォルダーに書き込めません。", "The home folder could not be written to."),
            (
                "ディスクの空きと書き込み権限を確認して、もう一度実行してください。続きから受信します。",
                "Check room and permissions and try again: it goes on where it stopped.",
            ),
        ),
        InboxTrouble::Folder(_) => (
            ("保存先のフォルダーに書き込めません。", "The folder for the file cannot be written to."),
            (
                "保存先の権限を確認するか、別のフォルダーを --out に指定して、もう一度実行してください。",
                "Check its permissions, or choose another with --out, and try again.",
            ),
        ),
        InboxTrouble::Damaged => (
            (
                "このパソコンに保管した暗号化ファイルが開けません。",
                "The sealed file that is kept on this PC does not open any more.",
            ),
            AGAIN_FROM_UNION,
        ),
        InboxTrouble::ReceiptRefused => {
            (("サーバーが受領通知を受け付けませんでした。", "The server does not take our receipt."), ASK)
        }
        InboxTrouble::ReceiptUnknown => (
            (
                "受領通知の送信先のファイルがサーバーにありません。組合には受領が伝わっていません。",
                "The server does not know the file any more: the union has not got our receipt.",
            ),
            TELL,
        ),
    }
}

const FULL: (Words, Words) = (
    ("ディスクの空きが足りません。", "The disk has no room."),
    (
        "不要なファイルを消してから、もう一度実行してください。続きから受信します。",
        "Make room and try again: it goes on where it stopped.",
    ),
);

const AGAIN_FROM_UNION: Words =
    ("健康保険組合に連絡し、もう一度送ってもらってください。", "Ask the union to send it again.");

/// Why a message is in quarantine, in the receiver's words.
pub(super) fn reason(reason: Reason) -> Words {
    match reason {
        Reason::EnvelopeNotForUs => (
            "このパソコンの証明書宛てに暗号化されていません（以前の証明書宛ての可能性があります）",
            "not encrypted for a certificate of this PC; perhaps for one that was replaced",
        ),
        Reason::SignerUnknown => ("署名者が健康保険組合ではありません", "the signer is not the union"),
        Reason::CertificateNotRegistered => {
            ("署名用ではない証明書で署名されています", "signed with a certificate that is not for signing")
        }
        Reason::CertificateUntrusted => {
            ("署名した証明書が組合の認証局のものではありません", "the signer's certificate is not of the union's CA")
        }
        Reason::BindingSender => ("差出人が健康保険組合ではありません", "the sender named is not the union"),
        Reason::BindingRecipient => {
            ("宛先がこの利用者でも、この事業所でもありません", "addressed neither to this user nor to this office")
        }
        Reason::ReplayDuplicate => {
            ("同じ番号の別のファイルをすでに受信しています", "another file with this id has been received already")
        }
        other => (other.japanese(), other.english()),
    }
}

/// What the person should know of a message that is good all the same.
pub(super) fn warning(warning: Warning) -> Words {
    match warning {
        Warning::SequenceFork => (
            "組合の送信の連鎖が一致しません。組合に確認してください",
            "the union's chain does not continue the one known here: ask the union",
        ),
        other => (other.japanese(), other.english()),
    }
}
