//! What is filled in to expect something.

use super::super::fields::Fields;
use super::Words;
use crate::domain::expectation::{Due, Expectation, InvalidExpectation};

/// The fields, as they were filled in.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) part: String,
    /// Empty: everybody.
    pub(super) group: String,
    pub(super) is_monthly: bool,
    pub(super) month: String,
    pub(super) day: String,
    /// Empty: the usual one.
    pub(super) lead: String,
    /// Which field is wrong, and why.
    problem: Option<(&'static str, &'static str)>,
}

impl Draft {
    pub(super) fn read(form: &Fields) -> Self {
        let text = |name| form.get(name).to_owned();
        Self {
            name: text("name"),
            part: text("part"),
            group: text("group"),
            is_monthly: form.get("every") == "month",
            month: text("month"),
            day: text("day"),
            lead: text("lead"),
            problem: None,
        }
    }

    /// What it comes to.
    pub(super) fn expectation(&self) -> Result<Expectation, InvalidExpectation> {
        let number = |text: &str| text.parse::<i8>().map_err(|_| InvalidExpectation::Day);
        let due = if self.is_monthly {
            Due::monthly(number(&self.day)?)
        } else {
            Due::yearly(number(&self.month)?, number(&self.day)?)
        };
        let lead = Some(self.lead.as_str()).filter(|lead| !lead.is_empty());
        let lead = lead.map(str::parse::<i16>).transpose().map_err(|_| InvalidExpectation::Lead)?;
        let group = Some(self.group.as_str()).filter(|group| !group.is_empty());
        Expectation::new(&self.name, &self.part, group, due?, lead)
    }

    /// Says at its field what is wrong.
    pub(super) fn is_refused(&mut self, problem: InvalidExpectation, w: &'static Words) {
        self.problem = Some(match problem {
            InvalidExpectation::Name => ("name", w.name_bad),
            InvalidExpectation::Part => ("part", w.part_bad),
            InvalidExpectation::Day => ("day", w.day_bad),
            InvalidExpectation::Lead => ("lead", w.lead_bad),
        });
    }

    /// Says that there is one of this name already.
    pub(super) fn is_known(&mut self, w: &'static Words) {
        self.problem = Some(("name", w.name_known));
    }

    /// What is wrong with this field; empty when nothing is.
    pub(super) fn problem(&self, field: &str) -> &'static str {
        self.problem.filter(|(name, _)| *name == field).map_or("", |(_, problem)| problem)
    }
}
