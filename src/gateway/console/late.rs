//! Somebody else was faster. Whoever comes second has changed nothing, and is led to the thing as it is now, where it says who has
//! decided what, and when.

use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;

use super::App;
use super::asked::Asked;
use super::fault::Fault;
use super::lang::Lang;
use super::text;
use super::words::late::Late as Words;
use crate::domain::ids::{MessageId, UserId};
use crate::domain::two_persons::Matter;
use crate::gateway::admin::AdminError;
use crate::gateway::flows::send::SendError;
use crate::store::gateway::audit::{self, Recorded};
use crate::store::gateway::consents::{self, Consent, Outcome};
use crate::store::gateway::{dispatches, sent};
use crate::store::sqlite::StoreError;

/// What an address says to whoever was late: the newest decision is meant.
const DECIDED: &str = "decided";
/// Or this request, by its number.
const REQUEST: &str = "request-";

/// What somebody decides about a received file, in the list or in quarantine.
pub(super) const OF_FILES: &[&str] =
    &["message.accepted", "message.returned", "quarantine.returned", "quarantine.released"];
/// About a user.
const OF_USERS: &[&str] = &["user.disabled", "user.enabled"];
/// About what is sent: what has no number in the stream yet ends at once, and the relay is asked to give the rest back.
const OF_SENT: &[&str] = &["sent.approved", "sent.recall", "sent.recalled"];

/// What is decided about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Thing<'a> {
    /// A file that came.
    Received(MessageId),
    User(&'a UserId),
    /// A dispatch with all of its messages, or one message.
    Sent(MessageId),
}

/// What a page says to whoever was late.
#[derive(Debug)]
pub(super) struct Late {
    pub(super) said: String,
    pub(super) meaning: &'static str,
}

impl Thing<'_> {
    fn id(self) -> String {
        match self {
            Self::Received(id) | Self::Sent(id) => id.to_string(),
            Self::User(id) => id.to_string(),
        }
    }

    const fn matter(self) -> Matter {
        match self {
            Self::Received(_) => Matter::Release,
            Self::User(_) => Matter::EnableUser,
            Self::Sent(_) => Matter::Send,
        }
    }

    /// The newest decision about it.
    pub(super) async fn decided(self, app: &App) -> Result<Option<Recorded>, StoreError> {
        let read = app.gateway.receiver.database.read();
        let (mut subjects, actions) = (
            vec![self.id()],
            match self {
                Self::Received(_) => OF_FILES,
                Self::User(_) => OF_USERS,
                Self::Sent(_) => OF_SENT,
            },
        );
        if let Self::Sent(id) = self
            && let Some(dispatch) = dispatches::find(read, id).await?
        {
            let messages = sent::of_dispatch(read, dispatch.number).await?;
            subjects.extend(messages.iter().map(|message| message.id.to_string()));
        }
        // What was decided of a dispatch was decided of each of its messages.
        if let Self::Sent(id) = self
            && let Some(message) = sent::find(read, id).await?
        {
            subjects.push(dispatches::get(read, message.dispatch).await?.id.to_string());
        }
        let found = audit::newest_of(read, &subjects, actions).await?;
        Ok(found.into_values().max_by_key(|entry| entry.number))
    }

    /// What has been decided about it, for a page that says so.
    pub(super) async fn late(self, app: &App, lang: Lang) -> Result<Option<Late>, Fault> {
        let now = app.gateway.receiver.clock.now();
        let said = self.decided(app).await?.and_then(|entry| said(&entry, now, lang));
        Ok(said.map(|said| Late::new(said, lang)))
    }

    /// What its page says, if whoever asks for it was led there because they were late.
    pub(super) async fn late_as_asked(self, app: &App, asked: &Asked) -> Result<Option<Late>, Fault> {
        let (said, lang, receiver) = (asked.query.get("late"), asked.lang, &app.gateway.receiver);
        if said == DECIDED {
            return self.late(app, lang).await;
        }
        let Some(number) = said.strip_prefix(REQUEST).and_then(|number| number.parse().ok()) else { return Ok(None) };
        let found = consents::find(receiver.database.read(), number).await?;
        let found = found.filter(|consent| consent.matter == self.matter() && consent.subject == self.id());
        Ok(found.map(|consent| Late::new(of_request(&consent, receiver.clock.now(), lang), lang)))
    }
}

impl Late {
    fn new(said: String, lang: Lang) -> Self {
        Self { said, meaning: lang.of_pages::<Words>().meaning }
    }
}

/// What became of whoever wanted to do something about a thing and could not: led to its page if somebody else was faster, or told why it is
/// refused. `address` makes an address of that page with a name and a value more.
pub(super) async fn lead(
    app: &App,
    error: AdminError,
    thing: Thing<'_>,
    address: impl FnOnce((&str, &str)) -> String,
) -> Result<Response, Fault> {
    let said = match &error {
        AdminError::State { .. } | AdminError::Send(SendError::State(_)) => {
            thing.decided(app).await?.map(|_| DECIDED.to_owned())
        }
        AdminError::Exists("consent") => {
            let open = app.reading().asked_about(thing.matter(), &thing.id()).await?;
            open.map(|open| format!("{REQUEST}{}", open.number))
        }
        _ => None,
    };
    said.map_or_else(|| Err(error.into()), |said| Ok(to(&address(("late", &said)))))
}

/// The same for a change that was taken without a word, though somebody else had made it before.
pub(super) fn lead_on(address: impl FnOnce((&str, &str)) -> String) -> Response {
    to(&address(("late", DECIDED)))
}

/// The same for the answer to a request: led to what it is about if it has ended meanwhile.
pub(super) async fn lead_answer(
    app: &App,
    error: AdminError,
    number: i64,
    address: impl FnOnce(&Consent, (&str, &str)) -> String,
) -> Result<Response, Fault> {
    if matches!(error, AdminError::Settled | AdminError::State { .. }) {
        let receiver = &app.gateway.receiver;
        let found = consents::find(receiver.database.read(), number).await?;
        if let Some(ended) = found.filter(|consent| has_ended(consent, receiver.clock.now())) {
            return Ok(to(&address(&ended, ("late", &format!("{REQUEST}{number}")))));
        }
    }
    Err(error.into())
}

fn to(address: &str) -> Response {
    Redirect::to(address).into_response()
}

fn has_ended(consent: &Consent, now: Timestamp) -> bool {
    consent.settled.is_some() || consent.ends_at.is_some_and(|ends_at| ends_at <= now)
}

/// Who has decided what, and when.
pub(super) fn said(entry: &Recorded, now: Timestamp, lang: Lang) -> Option<String> {
    let w = lang.of_pages::<Words>();
    let did = match entry.action.as_str() {
        "message.accepted" => w.accepted,
        "message.returned" | "quarantine.returned" => w.returned,
        "quarantine.released" => w.released,
        "user.disabled" => w.disabled,
        "user.enabled" => w.enabled,
        "sent.approved" => w.approved,
        "sent.recall" | "sent.recalled" => w.recalled,
        _ => return None,
    };
    Some(sentence(&entry.actor, did, entry.at, now, lang))
}

/// What became of a request, or who has made it when it is open.
fn of_request(consent: &Consent, now: Timestamp, lang: Lang) -> String {
    let w = lang.of_pages::<Words>();
    let over = |at: Timestamp| {
        let at = text::dated(at, now, lang);
        match lang {
            Lang::Japanese => format!("この依頼は {at} に期限が過ぎました。"),
            Lang::English => format!("The time of this request was over on {at}."),
        }
    };
    match (&consent.settled, consent.ends_at) {
        (Some(settled), ends_at) => {
            let did = match settled.outcome {
                Outcome::Agreed => w.agreed,
                Outcome::Refused => w.refused,
                Outcome::Withdrawn => w.withdrawn,
                Outcome::Expired => return over(ends_at.unwrap_or(settled.at)),
            };
            sentence(&settled.by, did, settled.at, now, lang)
        }
        (None, Some(ends_at)) if ends_at <= now => over(ends_at),
        (None, _) => sentence(&consent.asked_by, w.asked, consent.asked_at, now, lang),
    }
}

fn sentence(actor: &str, did: &str, at: Timestamp, now: Timestamp, lang: Lang) -> String {
    let (who, at) = (text::who(actor), text::dated(at, now, lang));
    match lang {
        Lang::Japanese => format!("{who} が {at} に{did}。"),
        Lang::English => format!("{who} {did} on {at}."),
    }
}
