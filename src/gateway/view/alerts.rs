//! What is shown of alerts.

use jiff::Timestamp;
use serde::Serialize;

use crate::gateway::watch::rules::Rule;
use crate::store::gateway::alerts::Alert;

/// Something that is wrong with the gateway, and that staff were told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are named like what they show")]
pub struct AlertView {
    pub code: String,
    /// `warning` or `critical`.
    pub severity: &'static str,
    /// Codes and numbers that say which or how much.
    pub detail: String,
    pub since: Timestamp,
    pub fired_at: Option<Timestamp>,
    /// What happened.
    pub what: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What to do.
    pub remedy: &'static str,
    pub english: &'static str,
}

impl From<Alert> for AlertView {
    fn from(alert: Alert) -> Self {
        let Alert { code, detail, since, fired_at, .. } = alert;
        let rule = Rule::of(&code);
        let words = |pick: fn(&Rule) -> &'static str| rule.map_or("", pick);
        Self {
            severity: words(|rule| rule.severity.code()),
            what: words(|rule| rule.what),
            meaning: words(|rule| rule.meaning),
            remedy: words(|rule| rule.remedy),
            english: words(|rule| rule.english),
            code,
            detail,
            since,
            fired_at,
        }
    }
}
