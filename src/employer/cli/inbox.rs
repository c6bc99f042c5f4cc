//! `inbox`, `receive`, `return` and `notices`.

mod json;
mod table;
mod words;

use std::io::Write;
use std::path::{Path, PathBuf};

use super::app;
use super::arguments::Switch;
use super::ask::{Asker, say};
use super::failure::Failure;
use super::open::{unlock, within_session};
use super::words::{complain, offline};
use crate::domain::ids::MessageId;
use crate::employer::app::App;
use crate::employer::error::EmployerError;
use crate::employer::inbox::{Inbox, InboxState, Wanted};

/// What waits and what came; what was known before, when the relay cannot be reached at all.
pub(super) async fn list(home: PathBuf, json: bool, asker: &Asker) -> Result<bool, Failure> {
    let online = async { Ok::<_, Failure>(open(home.clone(), true, asker).await?.inbox().await?) };
    let inbox = match online.await {
        Err(Failure::Employer(EmployerError::Relay(error))) if error.is_temporary() => {
            let known = move || Inbox::known_before(&home, error.into());
            tokio::task::spawn_blocking(known).await.expect("reading the records does not panic")?
        }
        other => other?,
    };
    print(&inbox, json, "届いたファイルはありません / Nothing has come.");
    Ok(report(&inbox, false))
}

/// Receives one message, or all of them without an id.
pub(super) async fn receive(
    home: PathBuf,
    id: Option<MessageId>,
    out: &Path,
    json: bool,
    asker: &Asker,
) -> Result<bool, Failure> {
    let wanted = id.map_or(Wanted::All, Wanted::One);
    let inbox = open(home, false, asker).await?.receive(wanted, out).await?;
    print(&inbox, json, "受信するファイルはありません / Nothing waits.");
    Ok(report(&inbox, true))
}

/// Sends one message back.
pub(super) async fn give_back(
    home: PathBuf,
    id: MessageId,
    reason: &str,
    json: bool,
    asker: &Asker,
) -> Result<bool, Failure> {
    let inbox = open(home, false, asker).await?.return_message(id, reason).await?;
    print(&inbox, json, "");
    Ok(report(&inbox, true))
}

/// Shows which mails come, after changing what was said.
pub(super) async fn notices(
    home: PathBuf,
    (received, sent): (Option<Switch>, Option<Switch>),
    json: bool,
    asker: &Asker,
) -> Result<bool, Failure> {
    let is_on = |switch: Option<Switch>| switch.map(|switch| switch == Switch::On);
    let choice = open(home, true, asker).await?.notices(is_on(received), is_on(sent)).await?;
    let word = |on| if on { "on" } else { "off" };
    let text = if json {
        serde_json::to_string_pretty(&choice).expect("a choice is plain data") + "\n"
    } else {
        format!(
            "組合から届いたファイルのお知らせ / About files from the union (--received): {}\n\
             送信したファイルのお知らせ / About your own files (--sent): {}\n",
            word(choice.received),
            word(choice.sent),
        )
    };
    // Whoever closed our output does not want to read it.
    let _ = write!(std::io::stdout().lock(), "{text}");
    Ok(true)
}

async fn open(home: PathBuf, only_looks: bool, asker: &Asker) -> Result<App, Failure> {
    let user = within_session(unlock(home, asker).await?, asker).await?;
    Ok(app(user, only_looks).await?)
}

fn print(inbox: &Inbox, json: bool, nothing: &str) {
    let mut out = std::io::stdout().lock();
    let text = if json { json::array(inbox) + "\n" } else { table::table(inbox, nothing) };
    // Whoever closed our output does not want to read it.
    let _ = write!(out, "{text}");
}

/// Says what is wrong, and what to do. Whether nothing is; what is in quarantine counts where it came there just now.
fn report(inbox: &Inbox, just_now: bool) -> bool {
    let mut good = inbox.alarms.is_empty();
    for (id, alarm) in &inbox.alarms {
        words::statement(*id, *alarm);
    }
    for item in &inbox.items {
        if let (Some(trouble), Some(id)) = (&item.trouble, item.id()) {
            tracing::warn!(%id, code = trouble.code(), "trouble");
            words::trouble(id, trouble);
            good = false;
        }
        if let Some(record) = item.record.as_ref().filter(|record| record.state() == InboxState::Quarantined) {
            if just_now {
                words::quarantined(record);
            }
            good &= !just_now;
        }
    }
    for missing in &inbox.missing {
        words::missing(missing);
    }
    if let Some(error) = &inbox.offline {
        if just_now {
            say(
                "受領通知はまだ組合に届いていません。次回に送信されます。\nThe union does not have our receipts yet: they are sent next time.",
            );
        } else {
            offline();
        }
        complain(error);
        good = false;
    }
    good
}
