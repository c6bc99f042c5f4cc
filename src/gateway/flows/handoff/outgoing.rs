//! `out/OFFICE/`: a file that is there whole is sent once and then moved to `sent/` or, with the reason beside it, to `failed/`.
//!
//! It counts as whole when it looks the same at two looks. Its name, size, time and content make the key under which it is sent, so that
//! whoever is killed before it was moved sends it again under the same key, which is not sending it again.

use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::look::{self, Place, Stamp, Unfit, Whole};
use super::place::{move_to, name};
use super::words::Reason;
use super::{Handoff, code};
use crate::domain::clock::Random;
use crate::domain::file_name::FileName;
use crate::domain::ids::{MessageId, OfficeCode};
use crate::failpoint;
use crate::gateway::flows::send::{NewDispatch, Origin, SendError, To};
use crate::gateway::relay::Relay;
use crate::gateway::view::sent::DispatchView;
use crate::stream::unchanged::Unchanged;
use crate::stream::unpublished::Unpublished;

/// What we write beside a file is smaller.
const MOST_BESIDE: u64 = 1 << 20;

/// How a file ended.
enum End {
    /// It is on its way.
    Sent(Box<DispatchView>),
    /// It never will be; when it was taken in before that showed, as this dispatch.
    Failed(Reason, Option<MessageId>),
    /// It stays where it is, for the next look.
    Stays,
}

impl<R: Relay> Handoff<R> {
    /// Looks, and sends what has not changed since the last look.
    pub(super) async fn hand_out(&self, stop: &CancellationToken) -> Result<(), &'static str> {
        let out = self.folder.join("out");
        let looked = tokio::task::spawn_blocking(move || look::look(&out)).await.map_err(|_| "internal")?;
        let (now, trouble) = looked.map_err(|error| code(&error))?;
        let before = std::mem::replace(
            &mut *self.seen.lock().expect("nothing panics while it holds what was seen"),
            now.clone(),
        );
        let mut unchanged: Vec<_> = now.into_iter().filter(|(place, stamp)| before.get(place) == Some(stamp)).collect();
        unchanged.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut result = trouble.map_err(|error| code(&error));
        for (place, stamp) in unchanged {
            if stop.is_cancelled() {
                break;
            }
            // Sent whatever is wrong with those before it.
            let sent = self.hand_out_one(place, stamp).await;
            result = result.and(sent);
        }
        result
    }

    async fn hand_out_one(&self, place: Place, stamp: Stamp) -> Result<(), &'static str> {
        if !look::may_put_away(&self.folder, &place.0) {
            // Sending what cannot be moved away would mean reading it again at every look.
            return Err("handoff.permission");
        }
        let path = self.folder.join("out").join(&place.0).join(&place.1);
        let (at, of) = (path.clone(), place.clone());
        let opened = tokio::task::spawn_blocking(move || look::open(&at, &of, stamp)).await.map_err(|_| "internal")?;
        let end = match opened.map_err(|error| code(&error))? {
            Ok(whole) => self.send(&place, stamp, whole).await?,
            Err(Unfit::Changing) => End::Stays,
            Err(Unfit::Special) => End::Failed(Reason::of("file.special"), None),
            Err(Unfit::Unreadable) => End::Failed(Reason::of("file.unreadable"), None),
        };
        let dispatch = match &end {
            End::Sent(view) => view.id.parse().ok(),
            End::Failed(_, dispatch) => *dispatch,
            End::Stays => None,
        };
        failpoint!("handoff.staged");
        let (root, random) = (self.folder.clone(), Arc::clone(&self.sender.receiver.random));
        let id = MessageId::new(self.sender.receiver.clock.now(), random.as_ref());
        let moved = tokio::task::spawn_blocking(move || match end {
            End::Stays => Ok(()),
            End::Sent(view) => {
                let text = serde_json::to_string_pretty(&view).map_err(io::Error::other)?;
                let beside = Beside { ending: ".json", text: &text, is_same: &|there| is_about(there, &view.id) };
                put_away(&root.join("sent"), &path, &place, &[&view.id, &id.to_string()], &beside, random.as_ref())
            }
            End::Failed(reason, _) => {
                tracing::warn!(code = reason.code, "a file in the folder is not sent");
                let text = reason.text();
                let beside = Beside { ending: ".txt", text: &text, is_same: &|there| there == text.as_bytes() };
                put_away(&root.join("failed"), &path, &place, &[&id.to_string()], &beside, random.as_ref())
            }
        });
        moved.await.map_err(|_| "internal")?.map_err(|error| {
            let code = code(&error);
            tracing::warn!(code, error = &error as &dyn std::error::Error, "a file cannot be put away");
            code
        })?;
        match dispatch {
            Some(dispatch) => self.sender.put_away(dispatch).await.map_err(|error| error.code()),
            None => Ok(()),
        }
    }

    async fn send(&self, place: &Place, stamp: Stamp, whole: Whole) -> Result<End, &'static str> {
        let (office, name) = place;
        let Some(office) = office.to_str().and_then(|code| code.parse::<OfficeCode>().ok()) else {
            return Ok(End::Failed(Reason::of("office.unknown"), None));
        };
        let Some(file_name) = name.to_str().and_then(|name| FileName::normalize(name).ok()) else {
            return Ok(End::Failed(Reason::of("file-name.refused"), None));
        };
        let new = NewDispatch {
            to: vec![To::Office(office)],
            file_name,
            content_type: "application/octet-stream".to_owned(),
            comment: None,
            size: stamp.size,
            origin: Origin::Folder,
            key: Some(whole.key.to_string()),
            actor: "handoff".to_owned(),
        };
        let content = Unchanged::new(whole.file, whole.content);
        let changed = content.changed();
        match self.sender.stage(new, content).await {
            Ok(view) => Ok(ended(view)),
            Err(_) if changed.is_true() => Ok(End::Stays),
            // Somebody has written to it after all.
            Err(SendError::Size | SendError::KeyTaken) => Ok(End::Stays),
            Err(
                error @ (SendError::Disk(_)
                | SendError::Full
                | SendError::Internal
                | SendError::Relay(_)
                | SendError::Scanner(_)
                | SendError::Seal(_)
                | SendError::Store(_)),
            ) => {
                let detail = &error as &dyn std::error::Error;
                tracing::warn!(code = error.code(), error = detail, "a file in the folder waits");
                Err(error.code())
            }
            Err(error) => Ok(End::Failed((&error).into(), None)),
        }
    }
}

/// A dispatch that goes to nobody has failed.
fn ended(view: DispatchView) -> End {
    match view.messages.iter().find(|message| matches!(message.state, "stopped" | "failed")) {
        Some(ended) => {
            let reason = Reason::of(ended.reasons.first().map_or(ended.state, String::as_str));
            End::Failed(reason, view.id.parse().ok())
        }
        None => End::Sent(Box::new(view)),
    }
}

/// What is to stand beside a file that is put away.
struct Beside<'a> {
    ending: &'static str,
    text: &'a str,
    /// Whether what is there already is this one, by whoever was killed before the file was moved.
    is_same: &'a dyn Fn(&[u8]) -> bool,
}

/// Moves a file, after what is to stand beside it, to where neither is. Where there is something of that name, both carry an id. Blocks.
fn put_away(
    parent: &Path,
    path: &Path,
    (office, file): &Place,
    ids: &[&str],
    beside: &Beside<'_>,
    random: &dyn Random,
) -> io::Result<()> {
    let folder = look::folder_in(parent, office)?;
    let given = file.to_string_lossy();
    let prefixes = std::iter::once(String::new()).chain(ids.iter().map(|id| format!("{id}_")));
    for prefix in prefixes {
        let place: PathBuf = if prefix.is_empty() { folder.join(file) } else { folder.join(name(&prefix, &given, "")) };
        let explained = folder.join(name(&prefix, &given, beside.ending));
        let is_there = |path: &Path| std::fs::symlink_metadata(path).is_ok();
        if is_there(&place) || (is_there(&explained) && !is_ours(&explained, beside)) {
            continue;
        }
        if !is_there(&explained) {
            let output = Unpublished::create(&explained, random)?;
            let mut writer = output.file();
            writer.write_all(beside.text.as_bytes())?;
            output.file().set_permissions(PermissionsExt::from_mode(0o640))?;
            output.publish_at_first_free([explained])?;
        }
        failpoint!("handoff.explained");
        return move_to(path, &place);
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn is_ours(path: &Path, beside: &Beside<'_>) -> bool {
    let is_plain = std::fs::symlink_metadata(path).is_ok_and(|there| there.is_file() && there.len() < MOST_BESIDE);
    is_plain && std::fs::read(path).is_ok_and(|there| (beside.is_same)(&there))
}

/// Whether it is what was written beside a file of this dispatch.
fn is_about(there: &[u8], dispatch: &str) -> bool {
    serde_json::from_slice::<serde_json::Value>(there).is_ok_and(|there| there["id"] == dispatch)
}
