//! Output: one JSON value for programs, lines for people.

pub(super) mod schedule;

use std::io::{self, Write};

use serde::Serialize;

use crate::domain::verdict::{Reason, Warning};
use crate::gateway::admin::keys::{OwnCertificate, Revoked};
use crate::gateway::admin::staff::{MadeAccount, StaffView};
use crate::gateway::view::alerts::AlertView;
use crate::gateway::view::integration::{LetterView, TokenView};
pub(super) use crate::gateway::view::jst;
use crate::gateway::view::users::UserView;
use crate::gateway::view::{MessageView, StatusView};
use crate::runtime::task::Snapshot;

/// One JSON value on standard output and nothing else.
pub(super) fn json(value: &impl Serialize) -> io::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, value)?;
    writeln!(out)
}

/// A line for people.
pub(super) fn line(text: impl AsRef<str>) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{}", text.as_ref())
}

/// A message in one line, and a further one for each thing that is to be known of it.
pub(super) fn message(view: &MessageView) -> io::Result<()> {
    let name = view.file_name.as_deref().unwrap_or("-");
    let from = view.from.as_deref().unwrap_or("-");
    let size = view.size.unwrap_or(view.sealed_size);
    line(format!(
        "{}  {}  {}  {from}  {}  {size} bytes",
        view.id,
        jst(view.received_at),
        state(view.state),
        printable(name)
    ))?;
    for code in &view.reasons {
        if let Ok(reason) = code.parse::<Reason>() {
            line(format!("    {code}: {} ({})", reason.japanese(), reason.english()))?;
        }
    }
    for code in &view.warnings {
        if let Ok(warning) = code.parse::<Warning>() {
            line(format!("    注意 {code}: {} ({})", warning.japanese(), warning.english()))?;
        }
    }
    if let Some(at) = view.released_at {
        line(format!("    注意: 隔離を解除したファイルです (released from quarantine) {}", jst(at)))?;
    }
    if let Some(since) = view.suspect_since {
        line(format!(
            "    注意: 端末の紛失・盗難 ({}) 後に届いたファイルです (received after the loss of the PC)",
            jst(since)
        ))?;
    }
    Ok(())
}

/// A user in one line.
pub(super) fn user(view: &UserView) -> io::Result<()> {
    let state = match (view.state, view.enrolment.as_ref().map(|enrolment| enrolment.state)) {
        ("registered", _) => "登録のみ registered".to_owned(),
        ("disabled", _) => format!("無効 disabled ({})", view.disabled_reason.unwrap_or("-")),
        (_, Some("letter")) => "有効・セットアップ待ち enabled, letter made".to_owned(),
        (_, Some("waits-for-approval")) => "有効・別端末が承認待ち enabled, another PC waits".to_owned(),
        (_, Some("locked")) => "有効・登録情報の入力誤りでロック enabled, enrolment locked".to_owned(),
        _ => "有効 enabled".to_owned(),
    };
    let order = view.order.as_ref().map_or(String::new(), |order| match order.confirmed_at {
        Some(at) => format!("  KXサーバー確認済 confirmed {}", jst(at)),
        None => format!("  KXサーバー依頼中 requested {}", jst(order.requested_at)),
    });
    let name = printable(view.name.as_deref().unwrap_or("-"));
    let mail = view.mail_failed_at.map_or(String::new(), |at| format!("  メール不達 mail fails {}", jst(at)));
    line(format!("{}  {}  {name}  {state}{order}{mail}", view.id, view.office))
}

/// A certificate of the union itself in one line.
pub(super) fn own_certificate(own: &OwnCertificate) -> io::Result<()> {
    let state = match own.revoked_at {
        Some(at) => format!("失効 revoked {}", jst(at)),
        None if own.in_use => "使用中 in use".to_owned(),
        None => "旧 old".to_owned(),
    };
    line(format!("{:<10}  {}  期限 ends {}  {state}", own.purpose, own.fingerprint, jst(own.not_after)))
}

/// What revoking a certificate of the union came to.
pub(super) fn revoked(revoked: &Revoked) -> io::Result<()> {
    line(format!("失効させました (revoked): {}", revoked.fingerprint))?;
    line(
        "常駐中のゲートウェイがKXサーバーに通知します (the running gateway tells the KX server within seconds; see status)",
    )?;
    if revoked.in_use {
        line("後継の証明書が入るまで、事業所は送信できません (employers cannot send until its successor is there)")?;
    }
    Ok(())
}

/// The status in some lines.
pub(super) fn status(view: &StatusView) -> io::Result<()> {
    line(format!("保険者番号 union: {}", view.union))?;
    line(format!("保管 archived: {}  隔離 quarantined: {}", view.archived, view.quarantined))?;
    let free = view.disk_free_bytes / 1_048_576;
    line(format!("ディスク空き disk free: {free} MiB (予約 reserve {} MiB)", view.disk_reserve_bytes / 1_048_576))?;
    line(format!("受領通知の未送信 unacknowledged: {}", view.unacknowledged))?;
    line(format!("KXサーバーへの未確認の依頼 open orders: {}", view.open_orders.len()))?;
    if !view.devices_waiting.is_empty() {
        let users = view.devices_waiting.join(" ");
        line(format!("端末入替えの承認待ち PCs that wait for approval: {users} (user approve-device)"))?;
    }
    line(format!(
        "電子証明書 certificates: 60日以内に期限 end within 60 days {}  期限切れ ended {}",
        view.certificates_ending, view.certificates_ended
    ))?;
    if let Some(problem) = &view.keys_problem {
        line(format!("組合の証明書・鍵の問題 certificates and keys of the union: {}", printable(problem)))?;
    }
    line(format!("VPN: {}  {}", view.vpn.state, view.vpn.code.unwrap_or_default()))?;
    if view.hooks_waiting + view.hooks_given_up > 0 {
        line(format!(
            "外部への通知 hooks: 未通知 waiting {}  断念 given up {} (hook list)",
            view.hooks_waiting, view.hooks_given_up
        ))?;
    }
    if !view.alerts.is_empty() {
        line(format!("警報 alerts: {} (kx-gateway alerts)", view.alerts.len()))?;
    }
    for trouble in &view.troubles {
        line(format!("障害 trouble: {}  {}  {} から since", trouble.task, trouble.code, jst(trouble.since)))?;
    }
    line(format!("待機中 waiting: {}", view.waiting.len()))?;
    for waiting in &view.waiting {
        let next = jst(waiting.next_try);
        line(format!("    {}  {}  {} bytes  次回 next {next}", waiting.id, waiting.cause, waiting.size))?;
    }
    if let Some(obstacle) = &view.pull_obstacle {
        line(format!("自動受信は休止中です the pull rests: {}", schedule::words(obstacle)))?;
    }
    if let Some(at) = view.next_pull_at {
        line(format!("次の受信 next pull: {}", jst(at)))?;
    }
    if let Some(run) = view.runs.first() {
        let result = run.result.as_deref().unwrap_or("実行中 running");
        line(format!("最後の受信 last pull: {}  {result}", jst(run.started_at)))?;
    }
    match &view.tasks {
        None => line("常駐のゲートウェイは応答しません (no gateway runs, or metrics.listen is empty)"),
        Some(tasks) => tasks.iter().filter(|task| task.last_result.as_deref() != Some("done")).try_for_each(task),
    }
}

/// A task of the running gateway in one line.
fn task(task: &Snapshot) -> io::Result<()> {
    let since = match (task.running_since, task.last_ended_at) {
        (Some(at), _) => format!("実行中 running since {}", jst(at)),
        (None, Some(at)) => format!("終了 ended {}", jst(at)),
        (None, None) => "未実行 not run yet".to_owned(),
    };
    let result = task.last_result.as_deref().unwrap_or("-");
    let next = task.next_at.map_or(String::new(), |at| format!("  次回 next {}", jst(at)));
    line(format!("処理 task: {:<12}  {since}  {result}{next}", task.name))
}

fn state(code: &str) -> &str {
    match code {
        "archived" => "未確認 archived",
        "accepted" => "受付済 accepted",
        "returned" => "差戻し returned",
        "quarantined" => "隔離 quarantined",
        other => other,
    }
}

/// File names are checked before they are stored; this keeps a terminal safe should one ever not be.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect()
}

/// What is wrong, what it means and what to do.
pub(super) fn alerts(views: &[AlertView]) -> io::Result<()> {
    if views.is_empty() {
        return line("警報はありません (no alerts)");
    }
    for view in views {
        line(format!("{}  {}  {} から since  {}", view.severity, view.code, jst(view.since), view.detail))?;
        line(format!("    {} {}", view.what, view.english))?;
        line(format!("    意味: {}", view.meaning))?;
        line(format!("    対処: {}", view.remedy))?;
    }
    Ok(())
}

/// A token in one line.
pub(super) fn token(view: &TokenView) -> io::Result<()> {
    let state = match (view.revoked_at, view.expires_at) {
        (Some(at), _) => format!("失効 revoked {}", jst(at)),
        (None, Some(at)) => format!("期限 ends {}", jst(at)),
        (None, None) => "無期限 without end".to_owned(),
    };
    let used =
        view.last_used_at.map_or("未使用 never used".to_owned(), |at| format!("最終使用 last used {}", jst(at)));
    line(format!("{}  {}  {state}  {used}", view.name, view.scopes.join(" ")))
}

/// An account of the staff in one line.
pub(super) fn account(view: &StaffView) -> io::Result<()> {
    let state = match (view.disabled_at, view.must_change) {
        (Some(at), _) => format!("無効 disabled {}", jst(at)),
        (None, true) => "有効・パスワード変更待ち enabled, password to be changed".to_owned(),
        (None, false) => "有効 enabled".to_owned(),
    };
    line(format!("{}  {} {}  {state}", view.name, view.role_name, view.role))
}

/// An account, and the password that was made for it.
pub(super) fn made_account(made: &MadeAccount) -> io::Result<()> {
    account(&made.view)?;
    if let Some(password) = &made.password {
        eprintln!("このパスワードは二度と表示されません (this password is not shown again):");
        line(password)?;
    }
    Ok(())
}

/// An event that a program is still to be told of, in one line.
pub(super) fn letter(view: &LetterView) -> io::Result<()> {
    let next = view.next_try.map_or("断念 given up".to_owned(), |at| format!("次回 next {}", jst(at)));
    let problem = view.problem.as_deref().unwrap_or("-");
    line(format!(
        "{}  {}  {}  {}  {} 回 tries  {problem}  {next}",
        view.event, view.kind, view.subject, view.way, view.tries
    ))
}
