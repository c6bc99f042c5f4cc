//! What is wrong with the home folder, its records and the files to send.

use std::io;

use super::{ASK, Words};
use crate::domain::file_name::RefusedFileName;
use crate::employer::home::HomeError;
use crate::employer::ledger::LedgerError;
use crate::employer::outgoing::RefusedFile;

pub(super) fn home_words(error: &HomeError) -> (Words, Words) {
    match error {
        HomeError::NotSetUp(_) => (
            ("このフォルダーは初期設定されていません。", "This folder has not been set up."),
            (
                "--home のフォルダーを確認するか、setup --kit kenpoexpress.zip で初期設定をしてください。",
                "Check the folder given with --home, or set it up: setup --kit kenpoexpress.zip.",
            ),
        ),
        HomeError::Unfinished(_) => (
            ("初期設定が終わっていません。", "The set-up is not finished."),
            ("setup をもう一度実行すると、続きから始まります。", "Run setup again: it goes on where it stopped."),
        ),
        HomeError::Settings(_) => (
            ("設定 employer.toml に誤りがあります。", "The settings in employer.toml are wrong."),
            ("上に示した項目を直してください。", "Correct the keys named above."),
        ),
        HomeError::File(..) => (
            ("フォルダーのファイルが読み書きできません。", "A file in the folder cannot be read or written."),
            (
                "フォルダーの権限とディスクの空きを確認してください（kx-employer doctor）。",
                "Check the folder's permissions and the room on the disk (kx-employer doctor).",
            ),
        ),
        HomeError::Damaged(_) => (("フォルダーのファイルが壊れています。", "A file in the folder is damaged."), ASK),
        HomeError::Exposed(_) => (
            (
                "鍵などのファイルがこのパソコンのほかの利用者に読まれる状態です。",
                "Other users of this PC could read a file with keys.",
            ),
            (
                "ファイルのアクセス権を自分だけ (0600) にし、健康保険組合に連絡してください。",
                "Make the file readable for yourself only (0600), and tell the union.",
            ),
        ),
    }
}

pub(super) fn ledger_words(error: &LedgerError) -> (Words, Words) {
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

pub(super) fn file_words(cause: &RefusedFile) -> (Words, Words) {
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
