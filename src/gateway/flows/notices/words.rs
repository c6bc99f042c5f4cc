//! What the gateway mails to staff. No name of a file or a person stands in it, and no reason.

use crate::gateway::view::jst;
use crate::gateway::watch::rules::{Rule, Severity};
use crate::store::gateway::staff_notices::{Fired, Gathered, Kind};

const LINES: [(Kind, &str, &str); 6] = [
    (Kind::Arrival, "・新しく受信したファイル: {}件", "- New files: {}"),
    (Kind::Quarantine, "・検証に失敗し、隔離されたファイル: {}件", "- Files in quarantine: {}"),
    (Kind::Returned, "・事業所から差し戻されたファイル: {}件", "- Files that employers returned: {}"),
    (Kind::Uncollected, "・期限までに受信されなかったファイル: {}件", "- Files that nobody received in time: {}"),
    (Kind::Alarm, "・【重要】受領証が一致しない送信: {}件", "- ALARM: files whose receipts do not fit: {}"),
    (
        Kind::Relay,
        "・【重要】KXサーバーの記録が以前と異なります（バックアップからの復元、または異常）。KXサーバーの運用者にご確認ください。",
        "- ALARM: the KX server's records are not what they were (restored from a backup, or it lies). Ask its operator.",
    ),
];

/// The subject: the gravest that the mail tells.
pub(super) fn subject(gathered: &Gathered) -> &'static str {
    let has = |kind: Kind| gathered.files.contains_key(kind.code());
    if has(Kind::Alarm) {
        "[Kenpo eXpress] 【重要】受領証の不一致について"
    } else if has(Kind::Relay) {
        "[Kenpo eXpress] 【重要】KXサーバーの記録について"
    } else if gathered.fired.iter().any(is_critical) {
        "[Kenpo eXpress] 【重要】ゲートウェイの警報"
    } else if !gathered.fired.is_empty() {
        "[Kenpo eXpress] ゲートウェイの警報"
    } else if has(Kind::Quarantine) {
        "[Kenpo eXpress] ファイルの隔離のお知らせ"
    } else if has(Kind::Arrival) {
        "[Kenpo eXpress] ファイル受信のお知らせ"
    } else if gathered.files.is_empty() {
        "[Kenpo eXpress] ゲートウェイの警報の解消"
    } else {
        "[Kenpo eXpress] 送信ファイルに関するお知らせ"
    }
}

/// What it says: Japanese first, English after it.
pub(super) fn text(gathered: &Gathered) -> String {
    let mut lines = Vec::new();
    let counted = |pick: fn(&(Kind, &'static str, &'static str)) -> &'static str| {
        LINES.iter().filter_map(move |line| {
            gathered.files.get(line.0.code()).map(|files| pick(line).replace("{}", &files.to_string()))
        })
    };
    lines.extend(counted(|line| line.1));
    lines.extend(gathered.fired.iter().flat_map(fired));
    lines.extend(gathered.cleared.iter().map(|code| {
        let rule = Rule::of(code);
        let yet = rule.and_then(Rule::yet).map_or("", |yet| yet.0);
        format!("・解消しました ({code}): {}{yet}", rule.map_or("", |rule| rule.what))
    }));
    lines.push(String::new());
    lines.push(
        "Kenpo eXpress の職員用画面（受信、隔離、ダッシュボード）またはコマンド（kx-gateway received list、sent list、alerts）でご確認ください。"
            .to_owned(),
    );
    lines.push("このメールには返信できません。".to_owned());
    lines.push("----".to_owned());
    lines.extend(counted(|line| line.2));
    lines.extend(gathered.fired.iter().map(|alert| {
        let english = Rule::of(&alert.code).map_or("", |rule| rule.english);
        format!("- {}{}: {english} {}", mark(alert, "ALERT "), alert.code, alert.detail)
    }));
    lines.extend(gathered.cleared.iter().map(|code| {
        let yet = Rule::of(code).and_then(Rule::yet).map_or("", |yet| yet.1);
        format!("- Over: {code}  {yet}").trim_end().to_owned()
    }));
    lines.push(String::new());
    lines.push(
        "Look at them with kx-gateway received list, kx-gateway sent list and kx-gateway alerts. Please do not reply."
            .to_owned(),
    );
    lines.push(String::new());
    lines.join("\r\n")
}

/// What happened, what it means, what to do.
fn fired(alert: &Fired) -> Vec<String> {
    let detail = if alert.detail.is_empty() { String::new() } else { format!("（{}）", alert.detail) };
    let Some(rule) = Rule::of(&alert.code) else { return vec![format!("・{}{detail}", alert.code)] };
    vec![
        format!("・{}{}{detail}", mark(alert, "【重要】"), rule.what),
        format!("  意味: {}", rule.meaning),
        format!("  対処: {}", rule.remedy),
        format!("  {} から ({})", jst(alert.since), alert.code),
    ]
}

fn mark<'a>(alert: &Fired, critical: &'a str) -> &'a str {
    if is_critical(alert) { critical } else { "" }
}

fn is_critical(alert: &Fired) -> bool {
    Rule::of(&alert.code).is_some_and(|rule| rule.severity == Severity::Critical)
}
