//! Files to employers: taken in from the command line, shown, approved, taken back; and the groups of offices.

pub mod console;

use std::fs::File;
use std::path::Path;

use super::{Admin, AdminError};
use crate::domain::clock::Random;
use crate::domain::digest::Sha256;
use crate::domain::file_name::FileName;
use crate::domain::ids::{MessageId, OfficeCode, UserId};
use crate::domain::staff::Role;
use crate::domain::two_persons::Matter;
use crate::gateway::flows::send::{NewDispatch, Origin, SendError, To};
use crate::gateway::view::sent::{DispatchView, SentReceiptView, SentView};
use crate::message::checksum::{Algorithm, Checksum};
use crate::store::gateway::sent::Filter;
use crate::store::gateway::{dispatches, groups, offices, users};
use crate::store::sqlite::StoreError;
use crate::stream::unchanged::Unchanged;

/// The longest name of a group, in characters.
const MAX_NAME: usize = 64;

/// A message of ours, or a dispatch with its messages.
#[derive(Debug, Clone)]
pub enum Shown {
    /// One message.
    Message(Box<SentView>, Vec<SentReceiptView>),
    /// One file to many.
    Dispatch(Box<DispatchView>),
}

impl Admin {
    /// Whom a word on the command line means: `user:ID`, `office:CODE`, `group:NAME`, or an id that means one of them only.
    pub async fn addressees(&self, word: &str) -> Result<Vec<To>, AdminError> {
        let unknown = || AdminError::Addressee(word.to_owned());
        match word.split_once(':') {
            Some(("user", id)) => return Ok(vec![To::User(id.parse().map_err(|_| unknown())?)]),
            Some(("office", code)) => return Ok(vec![To::Office(code.parse().map_err(|_| unknown())?)]),
            Some(("group", name)) => {
                let members = groups::offices(self.read(), name).await?;
                return if members.is_empty() {
                    Err(unknown())
                } else {
                    Ok(members.into_iter().map(To::Office).collect())
                };
            }
            _ => {}
        }
        let user = match word.parse::<UserId>() {
            Ok(id) => users::find(self.read(), &id).await?.map(|user| To::User(user.id)),
            Err(_) => None,
        };
        let office = match word.parse::<OfficeCode>() {
            Ok(code) => offices::find(self.read(), &code).await?.map(|office| To::Office(office.code)),
            Err(_) => None,
        };
        let group = groups::offices(self.read(), word).await?.into_iter().map(To::Office).collect::<Vec<_>>();
        let meant = [user.into_iter().collect(), office.into_iter().collect(), group];
        let mut meant = meant.into_iter().filter(|meant: &Vec<To>| !meant.is_empty());
        match (meant.next(), meant.next()) {
            (Some(one), None) => Ok(one),
            (Some(_), Some(_)) => Err(AdminError::AmbiguousAddressee(word.to_owned())),
            (None, _) => Err(unknown()),
        }
    }

    /// Takes a file in for these addressees. The same file with the same name and comment to the same addressees is the same
    /// dispatch, unless it is to go `again`.
    pub async fn send(
        &self,
        to: &[To],
        comment: Option<&str>,
        path: &Path,
        again: bool,
    ) -> Result<DispatchView, AdminError> {
        let name = path.file_name().and_then(|name| name.to_str()).ok_or(AdminError::NotAFile)?;
        let file_name = FileName::normalize(name)?;
        // Opening a pipe would wait for its other end.
        if !std::fs::metadata(path)?.is_file() {
            return Err(AdminError::NotAFile);
        }
        let file = File::open(path)?;
        let mut new = NewDispatch {
            to: to.to_vec(),
            file_name,
            // Receivers do not trust a declared type, so none is guessed.
            content_type: "application/octet-stream".to_owned(),
            comment: comment.map(str::to_owned),
            size: file.metadata()?.len(),
            origin: Origin::Command,
            key: None,
            actor: self.actor.clone(),
        };
        let random = self.gateway.receiver.random.clone();
        let hashed = file.try_clone()?;
        let task = tokio::task::spawn_blocking(move || -> std::io::Result<(NewDispatch, Sha256)> {
            let (key, content) = key(&new, hashed)?;
            new.key = Some(if again { random_key(random.as_ref()) } else { key });
            Ok((new, content))
        });
        let (new, hash) = task.await.map_err(std::io::Error::other)??;
        // The copy shares the place with what was hashed. What is sent must be what the key stands for.
        let content = Unchanged::new(File::open(path)?, hash);
        let changed = content.changed();
        let staged = self.gateway.sender.stage(new, content).await;
        staged.map_err(|error| if changed.is_true() { AdminError::Changed } else { error.into() })
    }

    /// Messages to employers, newest first.
    pub async fn sent(&self, filter: &Filter, limit: u32) -> Result<Vec<SentView>, AdminError> {
        Ok(self.gateway.sender.list(filter, limit).await?)
    }

    /// A message with its receipts, or a dispatch.
    pub async fn show_sent(&self, id: MessageId) -> Result<Shown, AdminError> {
        let sender = &self.gateway.sender;
        match sender.find(id).await {
            Ok(view) => Ok(Shown::Message(Box::new(view), sender.receipts(id).await?)),
            Err(SendError::NoMessage(_)) => Ok(Shown::Dispatch(Box::new(sender.dispatch(id).await?))),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes a message back, or whatever can be of a dispatch.
    pub async fn recall(&self, id: MessageId) -> Result<Shown, AdminError> {
        let sender = &self.gateway.sender;
        match sender.recall(id, self.by()).await {
            Ok(view) => Ok(Shown::Message(Box::new(view), Vec::new())),
            Err(SendError::NoMessage(_)) => {
                let view = sender.recall_dispatch(id, self.by()).await?;
                Ok(Shown::Dispatch(Box::new(view)))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Does not agree to a dispatch that somebody else has handed in: it is taken back, as long as nobody has approved it.
    pub async fn refuse_to_send(&self, id: MessageId) -> Result<DispatchView, AdminError> {
        Ok(self.gateway.sender.disagree(id, self.by()).await?)
    }

    /// Approves a dispatch, in the name of a second person.
    pub async fn approve_sent(&self, id: MessageId, approver: &str) -> Result<DispatchView, AdminError> {
        let approver = self.second_person(approver)?;
        Ok(self.gateway.sender.approve(id, approver).await?)
    }

    /// Approves a dispatch that somebody else has handed in.
    pub async fn agree_to_send(&self, id: MessageId, role: Role) -> Result<DispatchView, AdminError> {
        if !role.may(Matter::Send.rule().agrees) {
            return Err(AdminError::Duty);
        }
        let found = dispatches::find(self.read(), id).await?.ok_or(AdminError::NoMessage(id))?;
        if self.is_actor(&found.actor) {
            return Err(AdminError::SamePerson);
        }
        self.is_apart_from(&found.actor).await?;
        Ok(self.gateway.sender.approve(id, self.by()).await?)
    }

    /// Has those reminded who have not fetched a message.
    pub async fn remind(&self, id: MessageId) -> Result<SentView, AdminError> {
        Ok(self.gateway.sender.remind(id, self.by()).await?)
    }

    /// Adds offices to a group; all that are registered if none are named.
    pub async fn add_to_group(&self, name: &str, members: &[OfficeCode]) -> Result<Vec<OfficeCode>, AdminError> {
        let plain =
            (1..=MAX_NAME).contains(&name.chars().count()) && !name.contains(|c: char| c.is_control() || c == ':');
        if !plain {
            return Err(AdminError::GroupName);
        }
        let database = &self.gateway.receiver.database;
        let mut transaction = database.write().await?;
        let known = offices::find_all(&mut transaction, members).await?;
        if known.len() < members.len() {
            return Err(StoreError::Missing("office").into());
        }
        groups::add(&mut transaction, name, members).await?;
        self.log(&mut transaction, "group.changed", name, "", &format!("added:{}", members.len())).await?;
        database.commit(transaction).await?;
        self.group(name).await
    }

    /// Every office that is registered now.
    pub async fn every_office(&self) -> Result<Vec<OfficeCode>, AdminError> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = offices::list(self.read(), after.as_ref(), 1_000).await?;
            let Some(last) = page.last() else { return Ok(all) };
            after = Some(last.code.clone());
            all.extend(page.into_iter().map(|office| office.code));
        }
    }

    /// Takes offices out of a group; all of them if none are named.
    pub async fn remove_from_group(&self, name: &str, members: &[OfficeCode]) -> Result<Vec<OfficeCode>, AdminError> {
        let database = &self.gateway.receiver.database;
        let mut transaction = database.write().await?;
        let removed = match members {
            [] => groups::remove_all(&mut transaction, name).await?,
            _ => groups::remove(&mut transaction, name, members).await?,
        };
        if removed == 0 {
            return Err(StoreError::Missing("group").into());
        }
        self.log(&mut transaction, "group.changed", name, "", &format!("removed:{removed}")).await?;
        database.commit(transaction).await?;
        self.group(name).await
    }

    /// The offices of a group, by code.
    pub async fn group(&self, name: &str) -> Result<Vec<OfficeCode>, AdminError> {
        Ok(groups::offices(self.read(), name).await?)
    }

    /// Every group by name, with how many offices it has.
    pub async fn groups(&self) -> Result<Vec<(String, i64)>, AdminError> {
        Ok(groups::list(self.read()).await?)
    }
}

/// What makes a dispatch of the command line the same one when it comes again, and SHA-256 over the file. Blocks.
fn key(new: &NewDispatch, mut content: File) -> std::io::Result<(String, Sha256)> {
    use std::io::Read;
    let mut to: Vec<String> = new.to.iter().map(|to| format!("{to:?}")).collect();
    to.sort_unstable();
    to.dedup();
    let (mut checksum, mut buffer) = (Checksum::new(Algorithm::Sha256), vec![0; 256 << 10]);
    let mut file = Checksum::new(Algorithm::Sha256);
    for part in [new.file_name.as_str(), new.comment.as_deref().unwrap_or(""), &to.join(" ")] {
        checksum.update(&(part.len() as u64).to_be_bytes());
        checksum.update(part.as_bytes());
    }
    loop {
        let count = content.read(&mut buffer)?;
        if count == 0 {
            let file = file.finish().as_slice().try_into().expect("SHA-256 has 32 bytes");
            return Ok((hex::encode(checksum.finish()), file));
        }
        checksum.update(&buffer[..count]);
        file.update(&buffer[..count]);
    }
}

fn random_key(random: &dyn Random) -> String {
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    hex::encode(bytes)
}
