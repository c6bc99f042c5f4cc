//! What cannot be done with a message of the union.

use super::{ASK, Words};
use crate::employer::inbox::{InboxRefused, InboxState};

pub(super) fn inbox_words(refused: &InboxRefused) -> (Words, Words) {
    match refused {
        InboxRefused::Unknown(_) => (
            ("この番号のファイルはありません。", "There is no file with this id."),
            ("一覧（inbox）で番号を確認してください。", "See the ids in the list: kx-employer inbox."),
        ),
        InboxRefused::State { state, .. } => (state_words(*state), ASK),
        InboxRefused::NotKept(_) => (
            (
                "受信済みのファイルです。暗号化ファイルの保管期間が過ぎたため、もう一度は保存できません。",
                "It was received before, and the sealed file is not kept any more.",
            ),
            (
                "保存したファイルがなければ、健康保険組合にもう一度送ってもらってください。",
                "If you do not have the file, ask the union to send it again.",
            ),
        ),
        InboxRefused::NoFolder(_) => (
            ("保存先のフォルダーがありません。", "There is no such folder for the files."),
            ("フォルダーを作るか、--out を確認してください。", "Make the folder, or check --out."),
        ),
        InboxRefused::Reason => (
            (
                "差戻しの理由が空か、長すぎるか、改行が含まれています。",
                "The reason is empty, too long or has line breaks in it.",
            ),
            ("1,000 文字以内の 1 行にしてください。", "Make it one line of at most 1,000 characters."),
        ),
    }
}

fn state_words(state: InboxState) -> Words {
    match state {
        InboxState::Accepted => (
            "すでに受信（受領）したファイルのため、差し戻せません。",
            "It was received and accepted before, so it cannot be sent back.",
        ),
        InboxState::Returned => ("すでに差し戻したファイルです。", "It was sent back before."),
        InboxState::Quarantined => {
            ("検証に失敗し、隔離されたファイルです。", "It failed a check and is in quarantine.")
        }
        InboxState::Withdrawn => ("組合が取り消したファイルです。", "The union took it back."),
        InboxState::Waiting | InboxState::Verified => ("今はできません。", "That cannot be done now."),
    }
}
