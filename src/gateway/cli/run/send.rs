//! What `kx-gateway send`, `sent` and `group` do.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio_util::sync::CancellationToken;

use super::super::args::send::{Group, Send, Sent, Which};
use super::super::print::{self, jst, printable};
use super::{CommandError, show};
use crate::domain::ids::MessageId;
use crate::domain::sending::Sending;
use crate::gateway::admin::sent::Shown;
use crate::gateway::admin::{Admin, AdminError};
use crate::gateway::opened::Gateway;
use crate::gateway::view::sent::{DispatchView, SentReceiptView, SentView};
use crate::runtime::lifecycle::{Signal, Signals};
use crate::store::gateway::sent::Filter;

/// Between two looks how far the messages are.
const LOOK: Duration = Duration::from_millis(200);

pub(super) async fn send(gateway: &Gateway, admin: &Admin, args: Send) -> Result<(), CommandError> {
    let mut to = Vec::new();
    for word in &args.to {
        to.extend(admin.addressees(word).await?);
    }
    let (mut staged, mut refused) = (Vec::new(), 0);
    for file in &args.files {
        match admin.send(&to, args.comment.as_deref(), file, args.again).await {
            Ok(view) => staged.push(view),
            // One failure does not stop the rest.
            Err(error) => {
                refused += 1;
                eprintln!("{}: {}", file.display(), words(&error));
            }
        }
    }
    if !args.no_wait {
        wait(gateway, &mut staged).await?;
    }
    show(args.json.json, &staged, |views| views.iter().try_for_each(dispatch))?;
    let count = |state| staged.iter().map(|view| view.count(state)).sum::<u64>();
    let unsent = count(Sending::Stopped) + count(Sending::Failed);
    let waiting = count(Sending::Released) + count(Sending::Sealed);
    if refused == 0 && unsent == 0 && (waiting == 0 || args.no_wait) {
        return Ok(());
    }
    Err(CommandError::Failed(format!(
        "送信できなかったもの: {} 件、送信待ち: {waiting} 件 (自動的に再送されます) (not sent: {}; waiting, and sent by the service as \
         soon as it can: {waiting})",
        refused + unsent,
        refused + unsent
    )))
}

fn words(error: &AdminError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.ends_with(&words) {
            text = format!("{text}: {words}");
        }
        source = cause.source();
    }
    text
}

/// Sends what was staged, here or by watching the service do it, until the relay has it or says why not.
async fn wait(gateway: &Gateway, staged: &mut [DispatchView]) -> Result<(), CommandError> {
    // A first Ctrl-C leaves the rest to the service.
    let stop = CancellationToken::new();
    let (mut signals, soft) = (Signals::listen()?, stop.clone());
    let listener = tokio::spawn(async move {
        while signals.next().await == Signal::Reload {}
        soft.cancel();
    });
    let all: u64 = staged.iter().map(|view| view.messages.len() as u64).sum();
    let bar = bar(all);
    let sender = Arc::clone(&gateway.sender);
    let running = {
        let (sender, stop) = (Arc::clone(&sender), stop.clone());
        tokio::spawn(async move { sender.run(&stop).await })
    };
    loop {
        let ended = running.is_finished();
        let mut left = 0;
        for view in &*staged {
            left += sender.waiting(dispatch_id(view)?).await.map_err(AdminError::from)?;
        }
        bar.set_position(all - left);
        if left == 0 || ended {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    // The last news, so that the list shows receipts: but nobody waits for another process that works for others.
    if let Ok(Ok(Err(error))) = tokio::time::timeout(Duration::from_secs(2), running).await {
        eprintln!("{}", reason(error.code()));
    }
    stop.cancel();
    bar.finish_and_clear();
    listener.abort();
    for view in staged {
        *view = sender.dispatch(dispatch_id(view)?).await.map_err(AdminError::from)?;
    }
    Ok(())
}

fn dispatch_id(view: &DispatchView) -> Result<MessageId, CommandError> {
    view.id.parse().map_err(|_| CommandError::Failed("id".to_owned()))
}

fn reason(code: &str) -> String {
    format!("KXサーバーへの送信は途中で終わりました (sending ended early): {code}")
}

/// A bar on standard error; none when that is no terminal.
fn bar(length: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("送信中 / Sending [{bar:30}] {pos}/{len} {eta}");
    bar.set_style(style.expect("the template is a constant that is valid").progress_chars("=> "));
    bar
}

pub(super) async fn sent(admin: &Admin, command: Sent) -> Result<(), CommandError> {
    match command {
        Sent::List { state, office, alarm, limit, json } => {
            let state = match state.as_deref() {
                Some(text) => Some(text.parse::<Sending>().map_err(|_| unknown_state(text))?),
                None => None,
            };
            let filter = Filter { state, office, alarm, ..Filter::default() };
            let views = admin.sent(&filter, limit).await?;
            show(json.json, &views, |views| views.iter().try_for_each(message))
        }
        Sent::Show(Which { id, json }) => match admin.show_sent(id).await? {
            Shown::Message(view, receipts) => {
                let detail = Detail { message: *view, receipts };
                show(json.json, &detail, |detail| {
                    message(&detail.message)?;
                    detail.receipts.iter().try_for_each(receipt)
                })
            }
            Shown::Dispatch(view) => show(json.json, view.as_ref(), dispatch),
        },
        Sent::Recall(Which { id, json }) => match admin.recall(id).await? {
            Shown::Message(view, _) => show(json.json, view.as_ref(), message),
            Shown::Dispatch(view) => show(json.json, view.as_ref(), dispatch),
        },
        Sent::Approve { id, approver, json } => {
            let view = admin.approve_sent(id, &approver).await?;
            show(json.json, &view, dispatch)
        }
        Sent::Remind(Which { id, json }) => {
            let view = admin.remind(id).await?;
            show(json.json, &view, |_| print::line("リマインドを依頼しました (a reminder was asked for)"))
        }
    }
}

fn unknown_state(text: &str) -> CommandError {
    let known: Vec<&str> = Sending::ALL.iter().map(|state| state.code()).collect();
    CommandError::Failed(format!("状態ではありません: {text} (expected one of {})", known.join(", ")))
}

/// A message with its receipts.
#[derive(Debug, serde::Serialize)]
struct Detail {
    #[serde(flatten)]
    message: SentView,
    receipts: Vec<SentReceiptView>,
}

/// A message in one line, and a further one for each recipient and whatever is wrong.
fn message(view: &SentView) -> io::Result<()> {
    let at = jst(view.created_at);
    let (to, size) = (&view.to, view.size);
    print::line(format!(
        "{}  {at}  {}  {to}  {}  {size} bytes",
        view.id,
        state(view.state),
        printable(&view.file_name)
    ))?;
    for code in &view.reasons {
        print::line(format!("    理由 reason: {code}"))?;
    }
    for code in &view.warnings {
        print::line(format!("    警告: 受領通知が合いません (a receipt does not fit): {code}"))?;
    }
    if let Some(problem) = &view.problem {
        let next = view.next_try.map_or(String::new(), |at| format!("  次回 next {}", jst(at)));
        print::line(format!("    待機 waits: {problem}{next}"))?;
    }
    for one in &view.recipients {
        let time =
            |words: &str, at: Option<jiff::Timestamp>| at.map_or(String::new(), |at| format!("  {words} {}", jst(at)));
        print::line(format!(
            "    {}{}{}{}{}{}{}{}",
            one.user,
            time("到達 fetched", one.fetched_at),
            time("検証済 verified", one.verified_at),
            time("受付 accepted", one.accepted_at),
            time("差戻し returned", one.returned_at),
            time("期限切れ expired", one.expired_at),
            time("停止 dropped", one.dropped_at),
            one.code.as_ref().map_or(String::new(), |code| format!("  {code}")),
        ))?;
        if one.returned_at.is_some() {
            let reason = one.reason.as_deref().map_or("(開封できません / the words do not open)".to_owned(), printable);
            print::line(format!("        理由 reason: {reason}"))?;
        }
    }
    Ok(())
}

fn receipt(view: &SentReceiptView) -> io::Result<()> {
    let by = view.user.as_deref().unwrap_or("KXサーバー relay");
    let refused = view.refused.as_deref().map_or(String::new(), |code| format!("  不正 refused: {code}"));
    print::line(format!("    受領通知 receipt {}  {}  {by}{refused}", view.stage, jst(view.at)))
}

/// A dispatch in some lines: all of it when it is small, otherwise what is not as it should be.
fn dispatch(view: &DispatchView) -> io::Result<()> {
    let counts: Vec<String> = view.states.iter().map(|(code, count)| format!("{} {count}", state(code))).collect();
    print::line(format!("{}  {}  {}", view.id, printable(&view.file_name), counts.join("  ")))?;
    let small = view.messages.len() <= 10;
    for one in &view.messages {
        if small || !one.reasons.is_empty() || !one.warnings.is_empty() || one.problem.is_some() {
            let why: Vec<&str> =
                one.reasons.iter().chain(&one.warnings).chain(&one.problem).map(String::as_str).collect();
            print::line(format!("    {}  {}  {}  {}", one.id, one.to, state(one.state), why.join(" ")))?;
        }
    }
    if view.count(Sending::Held) > 0 {
        let id = &view.id;
        print::line(format!("    承認待ち (waits for approval): kx-gateway sent approve {id} --approver NAME"))?;
    }
    Ok(())
}

fn state(code: &str) -> &str {
    match code {
        "waits-for-approval" => "承認待ち waits-for-approval",
        "released" => "送信待ち released",
        "sealed" => "送信中 sealed",
        "deposited" => "預入れ deposited",
        "relayed" => "送信済 relayed",
        "fetched" => "到達 fetched",
        "verified" => "検証済 verified",
        "accepted" => "受付 accepted",
        "returned" => "差戻し returned",
        "recalling" => "取消中 recalling",
        "recalled" => "取消済 recalled",
        "expired" => "期限切れ expired",
        "stopped" => "停止 stopped",
        "failed" => "失敗 failed",
        other => other,
    }
}

pub(super) async fn group(admin: &Admin, command: Group) -> Result<(), CommandError> {
    let offices = |members: &Vec<crate::domain::ids::OfficeCode>| {
        members.iter().try_for_each(|office| print::line(office.as_str()))
    };
    match command {
        Group::Add { name, offices: members, all_offices, json } => {
            let members = if all_offices { admin.every_office().await? } else { members };
            show(json.json, &admin.add_to_group(&name, &members).await?, offices)
        }
        Group::List { name: Some(name), json } => show(json.json, &admin.group(&name).await?, offices),
        Group::List { name: None, json } => {
            let views: Vec<GroupView> =
                admin.groups().await?.into_iter().map(|(name, offices)| GroupView { name, offices }).collect();
            show(json.json, &views, |views| {
                views.iter().try_for_each(|view| print::line(format!("{}  {}", printable(&view.name), view.offices)))
            })
        }
        Group::Remove { name, offices: members, json } => {
            show(json.json, &admin.remove_from_group(&name, &members).await?, offices)
        }
    }
}

/// A group of offices.
#[derive(Debug, serde::Serialize)]
struct GroupView {
    name: String,
    /// How many.
    offices: i64,
}
