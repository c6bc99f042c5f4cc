//! Whether the gateway can do its work now, and if not, why.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::lookout::Lookout;
use super::picture::Own;
use super::rules::Rule;
use crate::gateway::flows::receive::Receiver;
use crate::http::Unready;
use crate::store::gateway::registry_version;

/// A relay that is away for less comes back by itself.
const SILENT: SignedDuration = SignedDuration::from_mins(10);
/// A database that takes longer does not work.
const DATABASE: Duration = Duration::from_secs(2);

impl<R> Lookout<R> {
    /// Every reason why the gateway cannot do its work now.
    pub async fn obstacles(&self, is_stopping: bool) -> Vec<Unready> {
        reasons(self, is_stopping).await
    }
}

async fn reasons<R>(lookout: &Lookout<R>, is_stopping: bool) -> Vec<Unready> {
    let receiver = lookout.receiver();
    let now = receiver.clock.now();
    let mut reasons = Vec::new();
    if is_stopping {
        reasons.push(Unready::new("server.stopping", "停止処理中です。", "The gateway is stopping."));
    }
    if !database_answers(receiver).await {
        let words = ("データベースを読めません。", "The database cannot be read.");
        reasons.push(Unready::new("database", words.0, words.1));
    } else if lookout.is_mute() {
        let words = ("データベースに書き込めません。", "The database cannot be written.");
        reasons.push(Unready::new("database", words.0, words.1));
    }
    if receiver.disk.free().is_ok_and(|free| free <= receiver.disk.reserve()) {
        reasons.extend(by_rule("disk.reserve"));
    }
    if let Some(Err(code)) = lookout.vpn() {
        reasons.push(by_rule(code).unwrap_or(Unready::new(code, "VPNを使えません。", "The VPN is shut.")));
    } else if receiver.breaker.silent_since().is_some_and(|since| now.duration_since(since) >= SILENT) {
        // While the way is shut nobody asks it.
        reasons.extend(by_rule("relay.silent"));
    }
    if lookout.picture().and_then(|picture| picture.outlook).is_some_and(|outlook| !outlook.begins) {
        reasons.extend(by_rule("schedule.idle"));
    }
    if receiver.scanner.as_ref().is_some_and(|scanner| scanner.is_away()) {
        reasons.extend(by_rule("scanner.away"));
    }
    reasons.extend(keys(lookout, now));
    reasons
}

async fn database_answers<R>(receiver: &Receiver<R>) -> bool {
    let asked = tokio::time::timeout(DATABASE, registry_version(receiver.database.read())).await;
    matches!(asked, Ok(Ok(_)))
}

fn keys<R>(lookout: &Lookout<R>, now: Timestamp) -> Vec<Unready> {
    let mut reasons = Vec::new();
    if lookout.receiver().keys.current().check(now).is_err() {
        let words = ("組合の証明書または鍵が有効ではありません。", "The union has no valid certificates for its work.");
        reasons.push(Unready::new("keys.unfit", words.0, words.1));
    }
    if lookout.picture().is_some_and(|picture| picture.lists.own == Some(Own::Missing)) {
        let words = ("組合の認証局の失効リストがありません。", "There is no revocation list of the union's CA.");
        reasons.push(Unready::new("revocation.missing", words.0, words.1));
    }
    reasons
}

/// In the words of the rule that tells staff of it.
fn by_rule(code: &str) -> Option<Unready> {
    Rule::of(code).map(|rule| Unready::new(rule.code, rule.what, rule.english))
}
