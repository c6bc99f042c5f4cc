//! 事業所・利用者: who is registered, how far each has come, and what staff do for them. A lost PC is one guided action.

pub(super) mod act;
pub(super) mod import;
pub(super) mod incident;
pub(super) mod list;
pub(super) mod lost;
pub(super) mod offices;
pub(super) mod one;
pub(super) mod register;
pub(super) mod rollover;
mod words;

use super::App;
use super::asked::Asked;
use super::frame::Frame;
use super::lang::Lang;
use super::session::Visitor;
use crate::domain::ids::UserId;
use crate::gateway::admin::Admin;
use crate::gateway::view::users::UserView;
use words::{ENGLISH, JAPANESE, Words};

/// Rows on a page.
const ROWS: u32 = 50;
/// Words that are looked for at once.
const WORDS: usize = 5;

/// The words of these pages.
const fn words(lang: Lang) -> &'static Words {
    match lang {
        Lang::Japanese => &JAPANESE,
        Lang::English => &ENGLISH,
    }
}

/// The frame of these pages.
fn frame(asked: &Asked, visitor: &Visitor) -> Frame {
    let frame = Frame::new(asked, visitor);
    let done = words(asked.lang).done(asked.query.get("done")).or(frame.done);
    Frame { done, ..frame }
}

/// What somebody looks for, in words.
fn looked_for(text: &str) -> Vec<String> {
    text.split_whitespace().take(WORDS).map(str::to_owned).collect()
}

/// A user as lists and heads show them.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) id: String,
    pub(super) href: String,
    pub(super) name: String,
    pub(super) mail: String,
    pub(super) device: String,
    pub(super) office: String,
    pub(super) stage: Stage,
    pub(super) stage_name: &'static str,
}

/// How far somebody has come, as staff see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Registered,
    Letter,
    Locked,
    Waiting,
    Enrolled,
    /// Enabled, and without a letter: after a reset, or with certificates of another authority.
    Enabled,
    Disabled,
}

impl Stage {
    pub(super) fn of(user: &UserView) -> Self {
        match (user.state, user.enrolment.as_ref().map(|enrolment| enrolment.state)) {
            ("disabled", _) => Self::Disabled,
            ("registered", _) => Self::Registered,
            (_, Some("letter")) => Self::Letter,
            (_, Some("locked")) => Self::Locked,
            (_, Some("waits-for-approval")) => Self::Waiting,
            (_, Some(_)) => Self::Enrolled,
            (_, None) => Self::Enabled,
        }
    }

    /// The colour of its tag.
    pub(super) const fn tone(self) -> &'static str {
        match self {
            Self::Registered | Self::Letter => "key",
            Self::Enrolled | Self::Enabled => "good",
            Self::Waiting => "warn",
            Self::Locked | Self::Disabled => "bad",
        }
    }

    const fn name(self, w: &'static Words) -> &'static str {
        match self {
            Self::Registered => w.stage_registered,
            Self::Letter => w.stage_letter,
            Self::Locked => w.stage_locked,
            Self::Waiting => w.stage_waiting,
            Self::Enrolled => w.stage_enrolled,
            Self::Enabled => w.stage_enabled,
            Self::Disabled => w.stage_disabled,
        }
    }
}

impl Person {
    fn of(user: &UserView, w: &'static Words) -> Self {
        let stage = Stage::of(user);
        Self {
            id: user.id.clone(),
            href: href(&user.id),
            name: user.name.clone().unwrap_or_else(|| user.id.clone()),
            mail: user.mail.clone().unwrap_or_default(),
            device: user.device.clone().unwrap_or_default(),
            office: user.office.clone(),
            stage,
            stage_name: stage.name(w),
        }
    }
}

fn href(id: &str) -> String {
    format!("/people/users/{id}")
}

/// Has the relay told of a change at once; whoever has changed it does not wait for that. What cannot be told now stays in line.
fn tell(app: &App, admin: Admin, id: UserId) {
    app.shutdown.spawn(async move {
        if let Err(code) = admin.tell_relay(&id).await {
            tracing::info!(code, "the relay was not told at once");
        }
    });
}
