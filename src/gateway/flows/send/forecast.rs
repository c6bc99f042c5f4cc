//! What would become of a file if it were sent now: for whoever is about to send it.

use std::collections::HashSet;

use super::recipients::Unfit;
use super::stage::AT_ONCE;
use super::{SendError, Sender, To};
use crate::domain::address::Address;
use crate::domain::ids::{OfficeCode, UserId};
use crate::domain::user::UserState;
use crate::gateway::relay::Relay;
use crate::store::gateway::users;

/// Who would get it, and who would not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forecast {
    /// Offices that would get it.
    pub offices: usize,
    /// Users to whom it would go alone.
    pub users: usize,
    /// People who could open it.
    pub people: usize,
    /// Who would get nothing, each with why.
    pub left_out: Vec<LeftOut>,
}

/// Somebody who would get nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The office that was meant, or that of the user.
    pub office: Option<OfficeCode>,
    /// The user; none when it is a whole office.
    pub user: Option<UserId>,
    /// Why.
    pub why: Unfit,
}

impl<R: Relay> Sender<R> {
    /// What would become of a file for these, by the registry as it is now.
    ///
    /// # Errors
    /// [`SendError::UnknownUser`] or [`SendError::UnknownOffice`] when nobody is called so.
    pub async fn forecast(&self, to: &[To]) -> Result<Forecast, SendError> {
        let mut seen = HashSet::new();
        let to: Vec<&To> = to.iter().filter(|one| seen.insert(*one)).collect();
        let mut forecast = Forecast::default();
        for group in to.chunks(AT_ONCE) {
            let addressees: Vec<Address> = group.iter().map(|one| self.address_of(one)).collect();
            let known = self.known(&addressees).await?;
            for (one, addressee) in group.iter().zip(addressees) {
                let office = known.office_of(&addressee);
                match self.choose(&addressee, &known).await? {
                    Err(Unfit::UserUnknown | Unfit::OfficeUnknown) => return Err(super::stage::unknown(one)),
                    // It waits until that has passed by itself.
                    Err(why) if why.is_temporary() => forecast.count(one, 0),
                    Err(why) => {
                        let user = match one {
                            To::User(user) => Some(user.clone()),
                            To::Office(_) => None,
                        };
                        forecast.left_out.push(LeftOut { office, user, why });
                    }
                    Ok(recipients) => {
                        forecast.count(one, recipients.all.len());
                        let left_out = recipients.left_out.into_iter();
                        forecast.left_out.extend(left_out.map(|(user, why)| LeftOut {
                            office: office.clone(),
                            user: Some(user),
                            why,
                        }));
                    }
                }
            }
            forecast.left_out.extend(self.shut_out(group).await?);
        }
        Ok(forecast)
    }

    /// Users of these offices who are not enabled: an office's message is never for them.
    async fn shut_out(&self, to: &[&To]) -> Result<Vec<LeftOut>, SendError> {
        let office = |one: &&To| match one {
            To::Office(office) => Some(office.clone()),
            To::User(_) => None,
        };
        let offices: Vec<OfficeCode> = to.iter().filter_map(office).collect();
        let mut reader = self.receiver.database.reader().await?;
        let others = users::shut_out_of_offices(&mut reader, &offices).await?;
        let left_out = |user: users::User| LeftOut {
            why: if matches!(user.state, UserState::Disabled { .. }) {
                Unfit::UserDisabled
            } else {
                Unfit::CertificateMissing
            },
            office: Some(user.office),
            user: Some(user.id),
        };
        Ok(others.into_iter().map(left_out).collect())
    }
}

impl Forecast {
    fn count(&mut self, to: &To, people: usize) {
        match to {
            To::Office(_) => self.offices += 1,
            To::User(_) => self.users += 1,
        }
        self.people += people;
    }
}
