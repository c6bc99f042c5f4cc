//! What `--json` prints: one shape for each thing.

pub mod alerts;
pub mod integration;
pub mod schedule;
pub mod sent;
pub mod users;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::Value;

use self::alerts::AlertView;
use self::users::OrderView;
use super::vpn::{Reason, State};
use crate::domain::verdict::Verdict;
use crate::runtime::task::Snapshot;
use crate::store::gateway::messages::Message;
use crate::store::gateway::runs::Run;
use crate::store::gateway::troubles::Trouble;
use crate::store::gateway::waiting::Waiting;

/// A moment as a Japanese office writes it, in JST.
pub fn jst(at: Timestamp) -> String {
    let zone = TimeZone::get("Asia/Tokyo").unwrap_or(TimeZone::UTC);
    at.to_zoned(zone).strftime("%Y年%m月%d日 %H:%M:%S").to_string()
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are the contract of 6-commands and named like what they show")]
pub struct MessageView {
    pub id: String,
    pub direction: &'static str,
    pub state: &'static str,
    pub verdict: &'static str,
    pub reasons: Vec<&'static str>,
    pub warnings: Vec<&'static str>,
    pub from: Option<String>,
    pub to: Option<String>,
    pub office: Option<String>,
    pub user: Option<String>,
    pub file_name: Option<String>,
    pub content_type: Option<String>,
    pub comment: Option<String>,
    pub size: Option<u64>,
    pub digest: Option<String>,
    pub sequence: Option<u64>,
    pub signed_at: Option<Timestamp>,
    pub received_at: Timestamp,
    pub archived_at: Option<Timestamp>,
    pub sealed_size: u64,
    pub tag: Option<String>,
    pub suspect_since: Option<Timestamp>,
    pub released_at: Option<Timestamp>,
}

impl From<&Message> for MessageView {
    fn from(message: &Message) -> Self {
        let content = message.content.as_ref();
        let (reasons, warnings) = match &message.verdict {
            Verdict::Accepted { warnings } => (Vec::new(), warnings),
            Verdict::Quarantined { reasons, warnings } => (reasons.iter().map(|r| r.code()).collect(), warnings),
        };
        Self {
            id: message.id.to_string(),
            direction: "received",
            state: message.state.code(),
            verdict: message.verdict.code(),
            reasons,
            warnings: warnings.iter().map(|w| w.code()).collect(),
            from: content.map(|c| c.sender.to_string()),
            to: content.map(|c| c.recipient.to_string()),
            office: content.and_then(|c| c.office.as_ref()).map(ToString::to_string),
            user: content.and_then(|c| c.user.as_ref()).map(ToString::to_string),
            file_name: content.and_then(|c| c.file_name.as_ref()).map(ToString::to_string),
            content_type: content.map(|c| c.content_type.clone()),
            comment: content.and_then(|c| c.comment.clone()),
            size: content.map(|c| c.size),
            digest: content.map(|c| hex::encode(&c.digest)),
            sequence: content.map(|c| c.sequence),
            signed_at: content.map(|c| c.signed_at),
            received_at: message.received_at,
            archived_at: message.archived_at,
            sealed_size: message.sealed_size,
            tag: message.tag.map(|tag| tag.to_string()),
            suspect_since: message.suspect_since,
            released_at: message.released_at,
        }
    }
}

/// A message with all that is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are named like what they show")]
pub struct MessageDetail {
    #[serde(flatten)]
    pub message: MessageView,
    pub deposited_at: Timestamp,
    /// The frozen facts behind the verdict.
    pub facts: Value,
    pub receipts: Vec<ReceiptView>,
}

/// A receipt of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are named like what they show")]
pub struct ReceiptView {
    pub stage: String,
    pub at: Timestamp,
    /// SHA-256 over the signed receipt.
    pub hash: String,
}

/// A parcel that waits at the relay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are named like what they show")]
pub struct WaitingView {
    pub id: String,
    pub cause: String,
    pub size: u64,
    pub first_seen: Timestamp,
    pub last_try: Timestamp,
    pub next_try: Timestamp,
    pub tries: u32,
}

impl From<&Waiting> for WaitingView {
    fn from(waiting: &Waiting) -> Self {
        Self {
            id: waiting.id.to_string(),
            cause: waiting.cause.clone(),
            size: waiting.size,
            first_seen: waiting.first_seen,
            last_try: waiting.last_try,
            next_try: waiting.next_try,
            tries: waiting.tries,
        }
    }
}

/// A run of the pull.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the fields are named like what they show")]
pub struct RunView {
    pub run: i64,
    /// `timer`, `catch-up`, `retry`, `arrival` (long poll), `signal`, `command` (by hand) or `again`.
    pub cause: String,
    /// Who asked for it.
    pub actor: Option<String>,
    pub planned_at: Option<Timestamp>,
    pub started_at: Timestamp,
    /// From the planned time to the start.
    pub lateness_seconds: Option<f64>,
    pub ended_at: Option<Timestamp>,
    /// From start to end.
    pub seconds: Option<f64>,
    pub result: Option<String>,
    #[serde(flatten)]
    pub tally: crate::store::gateway::runs::Tally,
}

impl From<&Run> for RunView {
    fn from(run: &Run) -> Self {
        Self {
            run: run.number,
            cause: run.cause.clone(),
            actor: run.actor.clone(),
            planned_at: run.planned_at,
            started_at: run.started_at,
            lateness_seconds: run.planned_at.map(|planned| run.started_at.duration_since(planned).as_secs_f64()),
            ended_at: run.ended_at,
            seconds: run.ended_at.map(|ended| ended.duration_since(run.started_at).as_secs_f64()),
            result: run.result.clone(),
            tally: run.tally,
        }
    }
}

/// How the gateway is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the fields are named like what they show")]
pub struct StatusView {
    pub union: String,
    pub version: &'static str,
    /// Messages that were archived, ever.
    pub archived: i64,
    /// Messages that were quarantined, ever.
    pub quarantined: i64,
    pub archived_bytes: i64,
    pub disk_free_bytes: u64,
    pub disk_reserve_bytes: u64,
    /// Durable here, not yet acknowledged at the relay.
    pub unacknowledged: u64,
    pub waiting: Vec<WaitingView>,
    pub open_orders: Vec<OrderView>,
    /// Users of whom another PC waits for approval.
    pub devices_waiting: Vec<String>,
    /// Enabled users whose certificates end within 60 days.
    pub certificates_ending: usize,
    /// Enabled users whose certificates have ended.
    pub certificates_ended: usize,
    /// What is wrong with the certificates and keys in the files, as the running gateway found it.
    pub keys_problem: Option<String>,
    /// The prescribed way to the relay, looked at now.
    pub vpn: VpnView,
    /// Events that programs are still to be told of.
    pub hooks_waiting: u64,
    /// Events of which a program was never told: `hook list`.
    pub hooks_given_up: u64,
    /// What is wrong with the gateway: `alerts`.
    pub alerts: Vec<AlertView>,
    /// What the running gateway cannot do at present.
    pub troubles: Vec<TroubleView>,
    /// When the pull runs next, if that is known.
    pub next_pull_at: Option<Timestamp>,
    /// What keeps the pull from running now.
    pub pull_obstacle: Option<schedule::ObstacleView>,
    /// The newest runs, the newest first.
    pub runs: Vec<RunView>,
    /// What the running gateway does by itself; none when it does not run, or says nothing at `metrics.listen`.
    pub tasks: Option<Vec<Snapshot>>,
}

/// The way to the relay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VpnView {
    /// `unguarded`, `open` or `shut`.
    pub state: &'static str,
    /// Why it is shut, if it is.
    pub code: Option<&'static str>,
}

impl From<State> for VpnView {
    fn from(state: State) -> Self {
        Self { state: state.code(), code: state.reason().map(Reason::code) }
    }
}

/// Something that the running gateway cannot do at present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are named like what they show")]
pub struct TroubleView {
    pub task: String,
    pub code: String,
    pub since: Timestamp,
}

impl From<Trouble> for TroubleView {
    fn from(trouble: Trouble) -> Self {
        Self { task: trouble.task, code: trouble.code, since: trouble.since }
    }
}
