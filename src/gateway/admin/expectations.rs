//! What employers are expected to send again and again (提出予定): added, taken away, and who has sent it.

use jiff::civil::Date;

use super::error::MAX_EXPECTATIONS;
use super::{Admin, AdminError};
use crate::domain::expectation::{Due, Expectation, Period};
use crate::domain::schedule::jst;
use crate::store::gateway::expectations::offices::{self, Standing};
use crate::store::gateway::expectations::{self, Kept, Overview, past};
use crate::store::gateway::{groups, schedule};
use crate::store::sqlite::StoreError;

/// An expectation that was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Added {
    /// Its number.
    pub number: i64,
    /// Whether all that came in its present period and the one before counts; else only the newest files do.
    pub is_whole: bool,
}

/// One period of an expectation.
#[derive(Debug, Clone)]
pub struct Looked {
    /// The expectation.
    pub kept: Kept,
    /// The period.
    pub period: Period,
    /// The one before it.
    pub before: Option<Period>,
    /// The one after it, if it has begun.
    pub after: Option<Period>,
    /// The offices that it is expected from, by code.
    pub offices: Vec<Standing>,
}

impl Admin {
    /// Expects something from now on. What came in its present period and the one before counts.
    pub async fn add_expectation(&self, expectation: &Expectation) -> Result<Added, AdminError> {
        let database = &self.gateway.receiver.database;
        let mut transaction = database.write().await?;
        if expectations::list(&mut *transaction).await?.len() >= MAX_EXPECTATIONS {
            return Err(AdminError::TooManyExpectations);
        }
        if let Some(group) = expectation.group()
            && groups::offices(&mut *transaction, group).await?.is_empty()
        {
            return Err(StoreError::Missing("group").into());
        }
        let number = expectations::insert(&mut transaction, expectation).await?;
        let kept = Kept { number, expectation: expectation.clone() };
        let own = schedule::holidays(&mut *transaction).await?;
        let period = expectation.period(self.today(), &own);
        let before = period.and_then(|period| expectation.before(&period, &own));
        let is_whole = match before.or(period) {
            Some(first) => past::note(&mut transaction, &kept, first.from).await?,
            None => true,
        };
        self.log(&mut transaction, "expectation.added", &number.to_string(), "", &said(expectation)).await?;
        database.commit(transaction).await?;
        Ok(Added { number, is_whole })
    }

    /// Expects something no more. The files that came stay as they are.
    pub async fn remove_expectation(&self, number: i64) -> Result<(), AdminError> {
        let database = &self.gateway.receiver.database;
        let mut transaction = database.write().await?;
        let kept = expectations::find(&mut *transaction, number).await?;
        let kept = kept.ok_or(StoreError::Missing("expectation"))?;
        expectations::remove(&mut transaction, number).await?;
        self.log(&mut transaction, "expectation.removed", &number.to_string(), &said(&kept.expectation), "").await?;
        Ok(database.commit(transaction).await?)
    }

    /// How far each of them has come today, what is due first before the others.
    pub async fn expectations(&self) -> Result<Vec<Overview>, AdminError> {
        let mut reader = self.gateway.receiver.database.reader().await?;
        Ok(expectations::overview(&mut reader, self.today()).await?)
    }

    /// One of them in the period that this day is in; in the present one when none is said.
    pub async fn expectation(&self, number: i64, on: Option<Date>) -> Result<Looked, AdminError> {
        let mut reader = self.gateway.receiver.database.reader().await?;
        let kept = expectations::find(&mut *reader, number).await?.ok_or(StoreError::Missing("expectation"))?;
        let (own, today) = (schedule::holidays(&mut *reader).await?, self.today());
        let has_begun = |period: &Period| period.from <= today;
        let period = kept.expectation.period(on.unwrap_or(today), &own).filter(has_begun);
        let period = period.ok_or(StoreError::Missing("period"))?;
        let before = kept.expectation.before(&period, &own);
        let after = kept.expectation.after(&period, &own).filter(has_begun);
        let offices = offices::standing(&mut reader, &kept, &period, before.as_ref()).await?;
        Ok(Looked { kept, period, before, after, offices })
    }

    fn today(&self) -> Date {
        jst(self.now()).date()
    }
}

/// An expectation as the audit has it.
fn said(expectation: &Expectation) -> String {
    let due = match expectation.due() {
        Due::Monthly { day } => format!("monthly on {day}"),
        Due::Yearly { month, day } => format!("yearly on {month}/{day}"),
    };
    let group = expectation.group().map_or_else(String::new, |group| format!(" of {group}"));
    let (name, part, lead) = (expectation.name(), expectation.part(), expectation.lead());
    format!("{name}: {part}{group} {due} from {lead} days before")
}
