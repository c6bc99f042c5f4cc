//! What takes two persons, as [`domain::two_persons`](crate::domain::two_persons) lists it: somebody asks, somebody else agrees or
//! refuses. On the command line one person names the other; at the console each is signed in.

use std::fmt;

use super::{Admin, AdminError};
use crate::domain::ids::{MessageId, UserId};
use crate::domain::staff::{Role, StaffName};
use crate::domain::two_persons::{APART, Matter, Rule};
use crate::domain::user::UserState;
use crate::store::gateway::audit;
use crate::store::gateway::consents::{self, Consent, NewConsent, Outcome};
use crate::store::gateway::{staff, users};
use crate::store::sqlite::{Connection, StoreError};

/// Letters of the longest reason.
pub const LONGEST_REASON: usize = 200;

/// What gives one person the account of another, as the audit calls it.
const MADE: [&str; 5] = ["staff.added", "staff.enabled", "staff.password", "staff.factor-reset", "staff.role"];

/// That two persons want it. Made by [`Admin::with_approver`] and [`Admin::agree`] alone.
#[derive(Debug)]
pub(super) struct Agreed {
    other: Other,
}

/// The one beside whoever acts.
#[derive(Debug)]
enum Other {
    /// Agrees, says the one who acts.
    Approver(String),
    /// Has asked before.
    Asker(Consent),
}

impl fmt::Display for Agreed {
    /// As the audit has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.other {
            Other::Approver(name) => write!(f, "approver:{name}"),
            Other::Asker(consent) => write!(f, "asked-by:{}", consent.asked_by),
        }
    }
}

impl Agreed {
    /// Ends what was asked for, in the transaction in which it is done: it is agreed to once.
    pub(super) async fn settle(
        &self,
        transaction: &mut Connection,
        matter: Matter,
        subject: &str,
        admin: &Admin,
    ) -> Result<(), AdminError> {
        let now = admin.now();
        let number = match &self.other {
            Other::Asker(consent) => consent.number,
            Other::Approver(_) => match consents::open_about(&mut *transaction, matter, subject, now).await? {
                Some(open) => open.number,
                None => return Ok(()),
            },
        };
        if !consents::settle(transaction, number, Outcome::Agreed, &admin.actor, now).await? {
            return Err(AdminError::Settled);
        }
        Ok(())
    }
}

impl Admin {
    /// A second person's name, or a refusal: who acts cannot approve.
    pub(super) fn second_person<'a>(&self, name: &'a str) -> Result<&'a str, AdminError> {
        let name = name.trim();
        let plain = !name.is_empty() && name.len() <= 64 && !name.contains(char::is_control);
        if plain && !self.is_actor(name) { Ok(name) } else { Err(AdminError::Approver) }
    }

    /// With a second person whom the one who acts names.
    pub(super) fn with_approver(&self, name: &str) -> Result<Agreed, AdminError> {
        Ok(Agreed { other: Other::Approver(self.second_person(name)?.to_owned()) })
    }

    /// Asks for something that takes two persons. What could not be done anyway is refused at once.
    pub async fn ask(&self, matter: Matter, subject: &str, reason: &str, role: Role) -> Result<i64, AdminError> {
        let entry = allowed(matter, |entry| role.may(entry.asks))?;
        let reason = reason.trim();
        let fits = (1..=LONGEST_REASON).contains(&reason.chars().count()) && !reason.contains(char::is_control);
        if !fits {
            return Err(AdminError::Reason);
        }
        let (database, now) = (&self.gateway.receiver.database, self.now());
        let ends_at = entry.lasts.map(|lasts| now.saturating_add(lasts).unwrap_or(now));
        let new = NewConsent { matter, subject, reason, asked_by: &self.actor, asked_at: now, ends_at };
        // From here on nobody else decides about it.
        let mut transaction = database.write().await?;
        self.can_be_done(matter, subject).await?;
        consents::expire(&mut transaction, matter, subject, now).await?;
        let number = consents::insert(&mut transaction, new).await?;
        self.log(&mut transaction, "consent.asked", subject, "", &format!("{} {number}", entry.code)).await?;
        database.commit(transaction).await?;
        Ok(number)
    }

    /// Agrees to what somebody else has asked for, and does it.
    pub async fn agree(&self, number: i64, role: Role) -> Result<Consent, AdminError> {
        let consent = self.to_answer(number, role).await?;
        self.is_still_staff(&consent).await?;
        let agreed = Agreed { other: Other::Asker(consent.clone()) };
        match consent.matter {
            Matter::EnableUser => drop(self.enable_with(&user(&consent.subject)?, &agreed).await?),
            Matter::Release => drop(self.release_with(message(&consent.subject)?, &agreed).await?),
            Matter::Send => return Err(AdminError::Settled),
        }
        Ok(consent)
    }

    /// Refuses what somebody else has asked for.
    pub async fn refuse(&self, number: i64, role: Role) -> Result<Consent, AdminError> {
        let consent = self.to_answer(number, role).await?;
        self.end(consent, Outcome::Refused, "consent.refused").await
    }

    /// Takes back what the one who acts has asked for.
    pub async fn withdraw(&self, number: i64) -> Result<Consent, AdminError> {
        let consent = self.open_consent(number).await?;
        if !self.is_actor(&consent.asked_by) {
            return Err(AdminError::Duty);
        }
        self.end(consent, Outcome::Withdrawn, "consent.withdrawn").await
    }

    /// What can be agreed to now about this.
    pub async fn asked_about(&self, matter: Matter, subject: &str) -> Result<Option<Consent>, AdminError> {
        Ok(consents::open_about(self.read(), matter, subject, self.now()).await?)
    }

    /// What can be agreed to now, the oldest first.
    pub async fn asked(&self, limit: u32) -> Result<Vec<Consent>, AdminError> {
        Ok(consents::open(self.read(), self.now(), limit).await?)
    }

    /// What was ever asked for, the newest first.
    pub async fn asked_ever(&self, limit: u32) -> Result<Vec<Consent>, AdminError> {
        Ok(consents::newest(self.read(), limit).await?)
    }

    /// Whether this is one of the names of whoever acts.
    pub fn is_own(&self, consent: &Consent) -> bool {
        self.is_actor(&consent.asked_by)
    }

    async fn end(&self, consent: Consent, outcome: Outcome, action: &'static str) -> Result<Consent, AdminError> {
        let database = &self.gateway.receiver.database;
        let mut transaction = database.write().await?;
        if !consents::settle(&mut transaction, consent.number, outcome, &self.actor, self.now()).await? {
            return Err(AdminError::Settled);
        }
        let before = format!("{} {}", consent.matter.code(), consent.number);
        self.log(&mut transaction, action, &consent.subject, &before, outcome.code()).await?;
        database.commit(transaction).await?;
        Ok(consent)
    }

    async fn open_consent(&self, number: i64) -> Result<Consent, AdminError> {
        let consent = consents::find(self.read(), number).await?.ok_or(StoreError::Missing("consent"))?;
        let is_open = consent.settled.is_none() && consent.ends_at.is_none_or(|ends_at| self.now() < ends_at);
        if is_open { Ok(consent) } else { Err(AdminError::Settled) }
    }

    /// Something open that whoever acts may answer.
    async fn to_answer(&self, number: i64, role: Role) -> Result<Consent, AdminError> {
        let consent = self.open_consent(number).await?;
        allowed(consent.matter, |entry| role.may(entry.agrees))?;
        if self.is_actor(&consent.asked_by) {
            return Err(AdminError::SamePerson);
        }
        self.is_apart_from(&consent.asked_by).await?;
        Ok(consent)
    }

    /// Two accounts may be one person's: who has just made the other, or can sign in as the other, is refused.
    pub(super) async fn is_apart_from(&self, other: &str) -> Result<(), AdminError> {
        let now = self.now();
        let since = now.checked_sub(APART).unwrap_or(now);
        for pair in [(other, self.actor.as_str()), (self.actor.as_str(), other)] {
            if pair.0 != pair.1 && audit::has_done(self.read(), pair, &MADE, since).await? {
                return Err(AdminError::NotApart);
            }
        }
        Ok(())
    }

    /// Refuses what was asked for before whoever acts has decided otherwise: has shut the user out, perhaps for a graver reason, or has returned
    /// the file.
    pub(super) async fn overtake(
        &self,
        transaction: &mut Connection,
        matter: Matter,
        subject: &str,
    ) -> Result<(), AdminError> {
        let now = self.now();
        if let Some(open) = consents::open_about(&mut *transaction, matter, subject, now).await? {
            consents::settle(&mut *transaction, open.number, Outcome::Refused, &self.actor, now).await?;
            let before = format!("{} {}", matter.code(), open.number);
            self.log(transaction, "consent.refused", subject, &before, Outcome::Refused.code()).await?;
        }
        Ok(())
    }

    /// Whoever has asked may have been shut out since, or have another role.
    async fn is_still_staff(&self, consent: &Consent) -> Result<(), AdminError> {
        let name: Option<StaffName> = consent.asked_by.strip_prefix("staff:").and_then(|name| name.parse().ok());
        let accounts = staff::list(self.read()).await?;
        let account = accounts.iter().find(|account| Some(&account.name) == name.as_ref());
        let may = account.is_some_and(|one| one.disabled_at.is_none() && one.role.may(consent.matter.rule().asks));
        if may { Ok(()) } else { Err(AdminError::Settled) }
    }

    async fn can_be_done(&self, matter: Matter, subject: &str) -> Result<(), AdminError> {
        match matter {
            Matter::EnableUser => {
                let found = users::find(self.read(), &user(subject)?).await?.ok_or(StoreError::Missing("user"))?;
                match found.state {
                    UserState::Disabled { .. } => Ok(()),
                    state => Err(AdminError::State { state: state.code() }),
                }
            }
            Matter::Release => self.releasable(message(subject)?).await.map(drop),
            // Whoever hands a file in asks by that; what is held says so itself.
            Matter::Send => Err(AdminError::Settled),
        }
    }
}

fn allowed(matter: Matter, may: impl Fn(&Rule) -> bool) -> Result<&'static Rule, AdminError> {
    let entry = matter.rule();
    if may(entry) { Ok(entry) } else { Err(AdminError::Duty) }
}

fn user(subject: &str) -> Result<UserId, AdminError> {
    subject.parse().map_err(|_| AdminError::Missing("user"))
}

fn message(subject: &str) -> Result<MessageId, AdminError> {
    subject.parse().map_err(|_| AdminError::Missing("message"))
}
