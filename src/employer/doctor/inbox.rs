//! What came from the union: is something in quarantine, or not where the person wants it.

use std::path::Path;

use super::{Finding, Health};
use crate::employer::inbox::{InboxState, Incoming, known};

/// What is here, as far as this PC knows by itself.
pub(super) fn examine(folder: &Path) -> Finding {
    const CHECK: &str = "inbox";
    let Ok(records) = known(folder) else {
        return Finding::good(CHECK, "受信の記録が読めません", "the record of what came cannot be read").todo(
            Health::Bad,
            "フォルダーを変更せずに、健康保険組合に連絡してください。",
            "Leave the folder as it is, and ask the union.",
        );
    };
    let count = |state| records.iter().filter(|record| record.state() == state).count();
    let (quarantined, unsaved) = (count(InboxState::Quarantined), count(InboxState::Verified));
    let untold = records.iter().filter(|record: &&Incoming| !record.is_acknowledged()).count();
    let all = records.len();
    let finding = Finding::good(
        CHECK,
        format!("組合からのファイル {all} 件（隔離 {quarantined}、未保存 {unsaved}、受領通知の未送信 {untold}）"),
        format!(
            "{all} files of the union: {quarantined} in quarantine, {unsaved} not saved yet, {untold} without a receipt"
        ),
    );
    if quarantined > 0 {
        finding.todo(
            Health::Warning,
            "inbox で隔離されたファイルの番号を確認し、健康保険組合に連絡してください。",
            "See the ids of what is in quarantine (kx-employer inbox), and tell the union.",
        )
    } else if unsaved + untold > 0 {
        finding.todo(
            Health::Warning,
            "receive --all を実行してください。続きから始まります。",
            "Run receive --all: it goes on where it stopped.",
        )
    } else {
        finding
    }
}
