//! Programs outside are told of events: a command is run, an address is posted to. Ids and codes only.
//!
//! Each event becomes a letter for each way, in the transaction that moves our place in the log; a letter goes once it was told. So
//! each is told at least once: whoever is killed after telling tells it again, with the same id.

mod command;
mod run;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use zeroize::Zeroizing;

use super::receive::Receiver;
use crate::gateway::config::HookSettings;
use crate::gateway::patience::Backoff;
use crate::message::keys::{Certificate, KeyError};
use crate::secret::mac::hmac_sha256;
use crate::store::gateway::events::Event;
use crate::wire::client::{WebHook, WebHookError};

/// The shortest key that posts are signed with, in characters.
const SHORTEST_KEY: usize = 32;
/// Names the event, so that whoever is told twice knows.
const EVENT_ID: &str = "kx-event-id";
/// The time and the code: `t=SECONDS,v1=HEX` over the seconds, a full stop and the body.
const SIGNATURE: &str = "kx-signature";

/// Whom to tell.
#[derive(Debug)]
pub struct Hooks<R> {
    receiver: Arc<Receiver<R>>,
    settings: HookSettings,
    post: Option<Post>,
    backoff: Backoff,
}

/// The address that is posted to, and the key.
struct Post {
    hook: WebHook,
    key: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for Post {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Post(..)")
    }
}

/// Why nobody can be told. For whoever runs the gateway to put right.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// A file.
    #[error("hooks: {} cannot be read", .0.display())]
    File(PathBuf, #[source] io::Error),
    /// Who vouches for the address.
    #[error("hooks.ca: cannot be used")]
    Authority(#[from] KeyError),
    /// The key.
    #[error("hooks.secret: the file must hold at least {SHORTEST_KEY} characters")]
    Key,
    /// The address, or who vouches for it.
    #[error("hooks.url: {0}")]
    Address(#[from] WebHookError),
}

/// What a program is told.
#[derive(Debug, Serialize)]
struct Told<'a> {
    id: String,
    union: &'a str,
    kind: &'static str,
    at: Timestamp,
    subject: &'a str,
    office: Option<&'a str>,
    user: Option<&'a str>,
}

/// What is wrong with the files that the settings name.
pub fn check(settings: &HookSettings) -> Result<(), HookError> {
    settings.url().map_or(Ok(()), |url| Post::open(url, settings).map(drop))
}

impl<R> Hooks<R> {
    /// Reads what the settings name.
    pub fn open(receiver: &Arc<Receiver<R>>, settings: &HookSettings) -> Result<Self, HookError> {
        let seconds = |seconds: u64| SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
        let post = match settings.url() {
            Some(url) => Some(Post::open(url, settings)?),
            None => None,
        };
        let backoff =
            Backoff { first: seconds(settings.retry_first_seconds), longest: seconds(settings.retry_longest_seconds) };
        Ok(Self { receiver: Arc::clone(receiver), settings: settings.clone(), post, backoff })
    }

    fn text(&self, event: &Event) -> String {
        let union = self.receiver.keys.union().as_str();
        let told = Told {
            id: event.number.to_string(),
            union,
            kind: event.kind.code(),
            at: event.at,
            subject: &event.subject,
            office: event.office.as_ref().map(crate::domain::ids::OfficeCode::as_str),
            user: event.user.as_ref().map(crate::domain::ids::UserId::as_str),
        };
        serde_json::to_string(&told).expect("an event is plain data")
    }
}

impl Post {
    fn open(url: &str, settings: &HookSettings) -> Result<Self, HookError> {
        let read =
            |path: &std::path::Path| std::fs::read(path).map_err(|error| HookError::File(path.to_owned(), error));
        let key = Zeroizing::new(read(settings.secret().ok_or(HookError::Key)?)?);
        let key = Zeroizing::new(key.trim_ascii().to_vec());
        if key.len() < SHORTEST_KEY {
            return Err(HookError::Key);
        }
        let roots = Certificate::all_from_pem(&read(&settings.ca)?)?;
        Ok(Self { hook: WebHook::new(url, &roots, settings.timeout())?, key })
    }

    /// What goes into the header: whoever has the key can tell that we said this, and when.
    fn signature(&self, at: Timestamp, body: &str) -> String {
        let seconds = at.as_second().to_string();
        let code = hmac_sha256(&self.key, &[seconds.as_bytes(), b".", body.as_bytes()]);
        format!("t={seconds},v1={}", hex::encode(code))
    }
}
