//! A file goes from the employer through the relay into the union's archive, and back out of it; the union's staff accept it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::equal::are_equal;
use super::error::SandboxError;
use super::voice::Voice;
use super::world::World;
use crate::domain::ids::MessageId;
use crate::employer::app::App;
use crate::employer::{Event, Record, State, User, Watcher};
use crate::gateway::admin::received::Review;
use crate::gateway::admin::{Admin, AdminError};
use crate::gateway::view::MessageDetail;

/// How long arrival may take for a file of any size, and how many bytes more a second it may have.
const ARRIVAL: Duration = Duration::from_secs(90);
const BYTES_PER_SECOND: u64 = 4 << 20;

/// One file that went all the way.
#[derive(Debug)]
pub(super) struct Exchanged {
    detail: MessageDetail,
    record: Record,
    /// Whether the union gets out of its archive what the employer sent.
    equal: bool,
}

impl Exchanged {
    /// Archived, accepted and equal, and the employer has the proof: of staff's acceptance, too.
    pub(super) fn is_good(&self) -> bool {
        let message = &self.detail.message;
        message.archived_at.is_some()
            && message.verdict == "accepted"
            && self.equal
            && self.record.state() == State::Accepted
    }

    /// The message as the union has it, with what the sandbox found out beside.
    pub(super) fn json(&self) -> Value {
        let mut value = serde_json::to_value(&self.detail.message).expect("a message's view is plain data");
        value["equal"] = json!(self.equal);
        value["sender_state"] = json!(self.record.state());
        value
    }
}

/// Goes to work as the employer's app.
pub(super) async fn open(user: User, voice: Voice) -> Result<App, SandboxError> {
    let open = move || App::open(&user, Arc::new(Steps(voice)));
    Ok(tokio::task::spawn_blocking(open).await.expect("opening the home folder does not panic")?)
}

/// Sends the files as the employer, waits until the union has each, takes them out again, compares and accepts them.
pub(super) async fn exchange(
    world: &World,
    admin: &Admin,
    app: &App,
    files: &[PathBuf],
    voice: Voice,
) -> Result<Vec<Exchanged>, SandboxError> {
    voice.step("事業所が暗号化・署名して送信します", "The employer seals, signs and sends");
    let mut sent = app.send(files, None).await?;
    // What an earlier start had begun comes first.
    let sent = sent.split_off(sent.len() - files.len());

    voice.step("ゲートウェイが受信・検証・保管します", "The gateway fetches, verifies and archives");
    let mut arrived = Vec::new();
    for one in &sent {
        let detail = arrival(admin, one.record.id, one.record.sealed_size).await?;
        tell_arrival(&detail, voice);
        arrived.push(detail);
    }

    voice.step("保管庫から復号し、元のファイルと比べます", "Decrypted out of the archive and compared");
    let mut equal = Vec::new();
    for (detail, file) in arrived.iter().zip(files) {
        let same = detail.message.verdict == "accepted" && comes_back(admin, world, &sent, detail, file).await?;
        let result = if same { "一致 / equal" } else { "不一致 / DIFFERENT" };
        voice.fact("結果", "result", format!("{result}  {}", name(detail)));
        equal.push(same);
    }

    voice.step("組合の担当者が受け付けます", "The union's staff accept what came");
    for (detail, (one, same)) in arrived.iter_mut().zip(sent.iter().zip(&equal)) {
        if *same {
            admin.review(one.record.id, &Review::Accept).await?;
            *detail = admin.show(one.record.id).await?;
            voice.fact("受付", "accepted", name(detail));
        }
    }

    voice.step("事業所が受領通知を検証します", "The employer checks the signed receipts");
    let records = receipts(app, sent.iter().map(|one| one.record.clone()).collect()).await?;
    for record in &records {
        let stages: Vec<_> = record.receipts.iter().map(|kept| kept.receipt.stage.code()).collect();
        voice.fact("受領通知", "receipts", format!("{}  No. {}", stages.join(" → "), record.sequence));
    }
    let all = arrived.into_iter().zip(records).zip(equal);
    Ok(all.map(|((detail, record), equal)| Exchanged { detail, record, equal }).collect())
}

/// Waits until the union has judged a message.
pub(super) async fn arrival(admin: &Admin, id: MessageId, sealed_size: u64) -> Result<MessageDetail, SandboxError> {
    let look = async {
        loop {
            match admin.show(id).await {
                Err(AdminError::NoMessage(_)) => tokio::time::sleep(Duration::from_millis(50)).await,
                other => return other,
            }
        }
    };
    let patience = ARRIVAL + Duration::from_secs(sealed_size / BYTES_PER_SECOND);
    match tokio::time::timeout(patience, look).await {
        Ok(found) => Ok(found?),
        Err(_) => Err(SandboxError::NotArrived { id, cause: waits_for(admin, id).await }),
    }
}

/// Why the gateway has not taken it yet.
async fn waits_for(admin: &Admin, id: MessageId) -> Option<String> {
    let status = admin.status().await.ok()?;
    let waiting = status.waiting.into_iter().find(|waiting| waiting.id == id.to_string()).map(|waiting| waiting.cause);
    waiting.or_else(|| status.runs.into_iter().find_map(|run| run.result).filter(|result| result != "done"))
}

fn tell_arrival(detail: &MessageDetail, voice: Voice) {
    let message = &detail.message;
    voice.fact("ファイル", "file", name(detail));
    voice.fact("番号", "id", &message.id);
    let reasons = message.reasons.join(", ");
    voice.fact("判定", "verdict", format!("{} {reasons}", message.verdict).trim_end());
    if let Some(at) = message.archived_at {
        voice.fact("保管日時", "archived at", at);
    }
}

fn name(detail: &MessageDetail) -> &str {
    detail.message.file_name.as_deref().unwrap_or("?")
}

/// Exports through the gateway's own code and compares with the file that was sent. The plaintext does not stay.
async fn comes_back(
    admin: &Admin,
    world: &World,
    sent: &[crate::employer::sent::Sent],
    detail: &MessageDetail,
    file: &Path,
) -> Result<bool, SandboxError> {
    let Some(one) = sent.iter().find(|one| one.record.id.to_string() == detail.message.id) else { return Ok(false) };
    let output = world.dir.join(format!("{}.export", one.record.id));
    let wrong = |path: &Path, error| SandboxError::Folder(path.to_owned(), error);
    if output.exists() {
        std::fs::remove_file(&output).map_err(|error| wrong(&output, error))?;
    }
    admin.export(one.record.id, &output).await?;
    let (exported, original) = (output.clone(), file.to_owned());
    let compare = move || {
        let same = are_equal(&exported, &original);
        std::fs::remove_file(&exported)?;
        same
    };
    let same = tokio::task::spawn_blocking(compare).await.expect("comparing files does not panic");
    same.map_err(|error| wrong(&output, error))
}

/// Waits for the union's receipts; the relay has them when the gateway has acknowledged.
async fn receipts(app: &App, records: Vec<Record>) -> Result<Vec<Record>, SandboxError> {
    let wanted: Vec<_> = records.iter().map(|record| record.id).collect();
    let look = async {
        loop {
            let list = app.sent().await?;
            if let Some(error) = list.offline {
                return Err(SandboxError::from(error));
            }
            let found: Vec<_> =
                list.items.into_iter().map(|sent| sent.record).filter(|record| wanted.contains(&record.id)).collect();
            if found.iter().all(|record| record.state() >= State::Accepted) {
                return Ok(found);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    // Without them the messages are not good, which is said by the caller.
    tokio::time::timeout(Duration::from_secs(30), look).await.unwrap_or(Ok(records))
}

/// Tells what the employer's app does.
#[derive(Debug)]
struct Steps(Voice);

impl Watcher for Steps {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::Sealing { name, size } => self.0.fact("ファイル", "file", format!("{name} ({size} bytes)")),
            Event::Sealed(record) => self.0.fact(
                "封緘・署名",
                "sealed and signed",
                format!("No. {}, {} bytes, {}", record.sequence, record.sealed_size, record.id),
            ),
            Event::Relayed(record) => {
                let at = record.receipts.first().map(|kept| kept.receipt.at.to_string()).unwrap_or_default();
                self.0.fact("サーバー到達（署名付き通知）", "at the server, with its signed receipt", at);
            }
            _ => (),
        }
    }
}
