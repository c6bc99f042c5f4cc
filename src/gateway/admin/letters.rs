//! Letters that were cut off between their enrolment and their place, and letters for many.
//!
//! A letter is whole under a hidden name, which says its enrolment, before that is committed, and is brought to its place
//! after it. So whoever repeats the command after a crash finds it: nobody is left without a letter, and nobody has two.

use std::io;
use std::path::Path;

use futures_util::StreamExt;

use super::{Admin, AdminError};
use crate::domain::ids::{EnrolmentId, UserId};
use crate::store::gateway::enrolments;
use crate::stream::pending::Pending;

const HIDDEN: &str = ".letter";

/// Under which a letter waits in the folder of its place.
pub(super) fn hidden_name(enrolment: EnrolmentId) -> String {
    format!(".{enrolment}{HIDDEN}")
}

/// Brings a letter whose enrolment is in the database to its place.
pub(super) async fn publish(letter: Pending) -> Result<(), AdminError> {
    let published = tokio::task::spawn_blocking(move || letter.publish());
    published.await.map_err(io::Error::other)?.map_err(AdminError::LetterUnplaced)
}

impl Admin {
    /// Letters for many, into a folder, a file for each; as many side by side as there are processors. One that cannot be
    /// made stops none of the others.
    pub async fn write_letters(&self, ids: &[UserId], folder: &Path) -> Vec<(UserId, Result<(), AdminError>)> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let letters = ids.iter().map(|id| async move {
            let written = self.write_letter(id, false, &folder.join(format!("{id}.html"))).await;
            (id.clone(), written.map(|_| ()))
        });
        futures_util::stream::iter(letters).buffered(cores).collect().await
    }

    /// Whose letters were cut off in this folder and can come to their place now. What is left there of enrolments that were
    /// never committed, or have ended, is taken away: its passwords are nobody's.
    pub async fn left_letters(&self, folder: &Path) -> Result<Vec<UserId>, AdminError> {
        let database = &self.gateway.receiver.database;
        // Nobody is between writing a letter and its commit meanwhile.
        let mut transaction = database.write().await?;
        let mut users = Vec::new();
        for id in hidden_in(folder)? {
            match enrolments::find(&mut *transaction, id).await? {
                Some(enrolment) if enrolment.secrets.is_some() => users.push(enrolment.user),
                _ => {
                    if let Some(dead) = Pending::find(&folder.join("letter"), &hidden_name(id))? {
                        dead.discard();
                    }
                }
            }
        }
        Ok(users)
    }

    /// The letter of the enrolment that is open, where it was cut off on its way to this place.
    pub(super) async fn left_letter(&self, id: &UserId, output: &Path) -> Result<Option<Pending>, AdminError> {
        let open = enrolments::open(self.gateway.receiver.database.read(), id).await?;
        let Some(enrolment) = open else { return Ok(None) };
        Ok(Pending::find(output, &hidden_name(enrolment.id))?)
    }
}

/// The enrolments whose letters wait in a folder.
fn hidden_in(folder: &Path) -> io::Result<Vec<EnrolmentId>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        let id =
            name.to_str().and_then(|name| name.strip_prefix('.')?.strip_suffix(HIDDEN)?.parse::<EnrolmentId>().ok());
        found.extend(id);
    }
    found.sort_unstable();
    Ok(found)
}
