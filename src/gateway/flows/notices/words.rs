//! What the gateway mails to staff. No name of a file or a person stands in it, and no reason.

use crate::store::gateway::staff_notices::{Gathered, Kind};

const LINES: [(Kind, &str, &str); 5] = [
    (Kind::Arrival, "・新しく受信したファイル: {}件", "- New files: {}"),
    (Kind::Quarantine, "・検証に失敗し、隔離されたファイル: {}件", "- Files in quarantine: {}"),
    (Kind::Returned, "・事業所から差し戻されたファイル: {}件", "- Files that employers returned: {}"),
    (Kind::Uncollected, "・期限までに受信されなかったファイル: {}件", "- Files that nobody received in time: {}"),
    (Kind::Alarm, "・【重要】受領証が一致しない送信: {}件", "- ALARM: files whose receipts do not fit: {}"),
];

/// The subject: the gravest that the mail tells.
pub(super) fn subject(gathered: &Gathered) -> &'static str {
    let has = |kind: Kind| gathered.contains_key(kind.code());
    if has(Kind::Alarm) {
        "[Kenpo eXpress] 【重要】受領証の不一致について"
    } else if has(Kind::Quarantine) {
        "[Kenpo eXpress] ファイルの隔離のお知らせ"
    } else if has(Kind::Arrival) {
        "[Kenpo eXpress] ファイル受信のお知らせ"
    } else {
        "[Kenpo eXpress] 送信ファイルに関するお知らせ"
    }
}

/// What it says: Japanese first, English after it.
pub(super) fn text(gathered: &Gathered) -> String {
    let mut lines = Vec::new();
    let counted = |pick: fn(&(Kind, &'static str, &'static str)) -> &'static str| {
        LINES.iter().filter_map(move |line| {
            gathered.get(line.0.code()).map(|files| pick(line).replace("{}", &files.to_string()))
        })
    };
    lines.extend(counted(|line| line.1));
    lines.push(String::new());
    lines.push(
        "Kenpo eXpress の管理画面またはコマンド（kx-gateway received list、sent list）でご確認ください。".to_owned(),
    );
    lines.push("このメールには返信できません。".to_owned());
    lines.push("----".to_owned());
    lines.extend(counted(|line| line.2));
    lines.push(String::new());
    lines.push("Look at them with kx-gateway received list and kx-gateway sent list. Please do not reply.".to_owned());
    lines.push(String::new());
    lines.join("\r\n")
}
