//! The union answers: a file goes from the gateway through the relay to the employer, and its receipts come back.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::equal::are_equal;
use super::error::SandboxError;
use super::parties::{user, write};
use super::sample;
use super::voice::Voice;
use super::world::World;
use crate::domain::ids::MessageId;
use crate::employer::app::App;
use crate::employer::inbox::{InboxState, Wanted};
use crate::gateway::admin::Admin;
use crate::gateway::admin::sent::Shown;
use crate::gateway::flows::send::To;
use crate::gateway::view::sent::SentView;
use crate::message::receipt::Stage;
use crate::stream::spool::make_folder;

/// How long the file, and its receipts, may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A file that came from the union.
#[derive(Debug)]
pub(super) struct Answered {
    view: SentView,
    receiver_state: InboxState,
    stages: Vec<Stage>,
    /// Whether the employer has what the union sent.
    equal: bool,
}

impl Answered {
    /// The employer has it, equal, and the union has the proof.
    pub(super) fn is_good(&self) -> bool {
        self.equal && self.view.state == "accepted" && self.receiver_state == InboxState::Accepted
    }

    /// The message as the union has it, with what the sandbox found out beside.
    pub(super) fn json(&self) -> Value {
        let mut value = serde_json::to_value(&self.view).expect("a message's view is plain data");
        value["equal"] = json!(self.equal);
        value["receiver_state"] = json!(self.receiver_state);
        value["receipts"] = self.stages.iter().map(|stage| json!(stage.code())).collect();
        value
    }
}

/// Sends a sample as the union, receives it as the employer, and waits until the union has the receipts.
pub(super) async fn answer(world: &World, admin: &Admin, app: &App, voice: Voice) -> Result<Answered, SandboxError> {
    voice.step("組合が事業所へファイルを送信します", "The union seals, signs and sends a file to the employer");
    let file = world.dir.join("sample").join(sample::ANSWER_NAME);
    if !file.exists() {
        write(&file, sample::ANSWER)?;
    }
    let dispatch = admin.send(&[To::User(user())], Some("見本です"), &file, true).await?;
    let id: MessageId = dispatch.messages.first().and_then(|one| one.id.parse().ok()).ok_or(SandboxError::NoAnswer)?;
    voice.fact("ファイル", "file", format!("{} ({} bytes)", dispatch.file_name, dispatch.size));
    voice.fact("番号", "id", id);
    arrival(app, id).await?;
    voice.fact("サーバー到達", "at the server", "受信待ち / waiting for the employer");

    voice.step("事業所が受信・検証して保存します", "The employer fetches, verifies and saves it");
    let folder = world.received();
    make_folder(&folder).map_err(|error| SandboxError::Folder(folder.clone(), error))?;
    let inbox = app.receive(Wanted::One(id), &folder).await?;
    let record = inbox.items.into_iter().find_map(|item| item.record.filter(|record| record.id == id));
    let record = record.ok_or(SandboxError::NotArrived { id, cause: None })?;
    let equal = match record.saved_as.clone() {
        Some(saved) => compare(saved, file).await?,
        None => false,
    };
    if let Some(path) = &record.saved_as {
        voice.fact("保存先", "saved as", path.display());
    }
    voice.fact("結果", "result", if equal { "一致 / equal" } else { "不一致 / DIFFERENT" });

    voice.step("組合が受領通知を検証します", "The union checks the employer's signed receipts");
    let view = receipts(admin, id).await?;
    let stages: Vec<Stage> = record.receipts.iter().map(|own| own.receipt.stage).collect();
    let told: Vec<_> = std::iter::once(Stage::Relayed).chain(stages.clone()).map(Stage::code).collect();
    voice.fact("受領通知", "receipts", told.join(" → "));
    voice.fact("組合での状態", "as the union has it", view.state);
    Ok(Answered { view, receiver_state: record.state(), stages, equal })
}

/// Waits until it is in the user's inbox.
async fn arrival(app: &App, id: MessageId) -> Result<(), SandboxError> {
    let look = async {
        loop {
            let inbox = app.inbox().await?;
            if let Some(error) = inbox.offline {
                return Err(error.into());
            }
            if inbox.items.iter().any(|item| item.id() == Some(id)) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, look).await.unwrap_or(Err(SandboxError::NotArrived { id, cause: None }))
}

/// Waits until the union has heard that the person has the file. Without that the answer is not good, which the caller says.
async fn receipts(admin: &Admin, id: MessageId) -> Result<SentView, SandboxError> {
    let show = async || match admin.show_sent(id).await? {
        Shown::Message(view, _) => Ok(*view),
        Shown::Dispatch(_) => Err(SandboxError::NoAnswer),
    };
    let look = async {
        loop {
            let view = show().await?;
            if view.state == "accepted" {
                return Ok(view);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    match tokio::time::timeout(PATIENCE, look).await {
        Ok(view) => view,
        Err(_) => show().await,
    }
}

async fn compare(saved: PathBuf, sent: PathBuf) -> Result<bool, SandboxError> {
    let at = saved.clone();
    let same = tokio::task::spawn_blocking(move || are_equal(&saved, &sent)).await;
    same.expect("comparing files does not panic").map_err(|error| SandboxError::Folder(at, error))
}
