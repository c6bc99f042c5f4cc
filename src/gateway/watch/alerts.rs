//! From what the rules find to what is told: pending, firing, over. Each step is one transaction with its event, from which the mails
//! to staff are made: nothing is lost and nothing told twice, whenever the process is killed.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use super::picture::Picture;
use super::rules::{Finding, RULES, Rule, Thresholds};
use crate::failpoint;
use crate::store::gateway::alerts::{self, Alert};
use crate::store::gateway::events::{self, Kind, NewEvent};
use crate::store::sqlite::{Connection, Database, StoreError};

/// For how long all must be well until an alert is over.
const CALM: SignedDuration = SignedDuration::from_mins(2);

/// What becomes of an alert.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// It is as it was.
    Stay,
    /// It stands otherwise; nobody is told.
    Put(Alert),
    /// It was not told, and passes.
    Drop,
    /// It is told.
    Fire(Alert),
    /// It is over, and that is told.
    Clear,
}

/// Holds every rule against the picture, and writes down what has changed.
pub(super) async fn evaluate(
    database: &Database,
    picture: &Picture,
    thresholds: &Thresholds,
) -> Result<(), StoreError> {
    let before: HashMap<String, Alert> =
        alerts::all(database.read()).await?.into_iter().map(|alert| (alert.code.clone(), alert)).collect();
    let mut steps: Vec<(&str, Step)> = RULES
        .iter()
        .map(|rule| (rule.code, step(rule, before.get(rule.code), rule.find(picture, thresholds), picture.at)))
        .filter(|(_, step)| *step != Step::Stay)
        .collect();
    // Of a rule that this version does not have any more.
    let gone = before.values().filter(|alert| Rule::of(&alert.code).is_none());
    steps.extend(
        gone.map(|alert| (alert.code.as_str(), if alert.fired_at.is_some() { Step::Clear } else { Step::Drop })),
    );
    if steps.is_empty() {
        return Ok(());
    }
    let mut transaction = database.write().await?;
    for (code, step) in steps {
        take(&mut transaction, code, step, picture.at).await?;
    }
    failpoint!("alerts.evaluating");
    database.commit(transaction).await?;
    failpoint!("alerts.evaluated");
    Ok(())
}

async fn take(connection: &mut Connection, code: &str, step: Step, now: Timestamp) -> Result<(), StoreError> {
    let kind = match step {
        Step::Stay => return Ok(()),
        Step::Put(alert) => return alerts::put(connection, &alert).await,
        Step::Drop => return alerts::remove(connection, code).await,
        Step::Fire(alert) => {
            tracing::warn!(code = "alert.fired", alert = code, detail = alert.detail, "staff are alerted");
            alerts::put(connection, &alert).await?;
            Kind::AlertFired
        }
        Step::Clear => {
            tracing::info!(code = "alert.cleared", alert = code, "it is over");
            alerts::remove(connection, code).await?;
            Kind::AlertCleared
        }
    };
    let event = NewEvent { at: now, kind, subject: code.to_owned(), office: None, user: None };
    events::insert(connection, &[event]).await
}

fn step(rule: &Rule, before: Option<&Alert>, finding: Finding, now: Timestamp) -> Step {
    match (finding, before) {
        (Finding::Unknown, _) | (Finding::Fine, None) => Step::Stay,
        (Finding::Fine, Some(alert)) if alert.fired_at.is_none() => Step::Drop,
        (Finding::Fine, Some(alert)) => match alert.calm_at {
            // By a clock that was set back, what was noted lies ahead.
            Some(since) if since <= now && now.duration_since(since) >= CALM => Step::Clear,
            Some(since) if since <= now => Step::Stay,
            _ => Step::Put(Alert { calm_at: Some(now), ..alert.clone() }),
        },
        (Finding::Wrong(detail), before) => {
            let since = before.map_or(now, |alert| alert.since.min(now));
            let told = before.and_then(|alert| alert.fired_at);
            let alert = Alert { code: rule.code.to_owned(), detail, since, fired_at: told, calm_at: None };
            if told.is_none() && now.duration_since(since) >= rule.after {
                Step::Fire(Alert { fired_at: Some(now), ..alert })
            } else if before == Some(&alert) {
                Step::Stay
            } else {
                Step::Put(alert)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(detail: &str) -> Finding {
        Finding::Wrong(detail.to_owned())
    }

    #[test]
    fn what_passes_by_itself_is_not_told_and_what_flutters_is_told_once() {
        let rule = Rule::of("relay.silent").unwrap();
        let now = |minutes| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes);
        let Step::Put(pending) = step(rule, None, wrong("a"), now(0)) else { panic!("pending") };
        assert_eq!(step(rule, Some(&pending), wrong("a"), now(4)), Step::Stay);
        assert_eq!(step(rule, Some(&pending), Finding::Unknown, now(9)), Step::Stay);
        assert_eq!(step(rule, Some(&pending), Finding::Fine, now(4)), Step::Drop);
        let Step::Fire(fired) = step(rule, Some(&pending), wrong("b"), now(5)) else { panic!("fires") };
        assert_eq!((fired.since, fired.fired_at, fired.detail.as_str()), (now(0), Some(now(5)), "b"));
        assert_eq!(step(rule, Some(&fired), wrong("b"), now(6)), Step::Stay);
        let Step::Put(calm) = step(rule, Some(&fired), Finding::Fine, now(6)) else { panic!("calm") };
        assert_eq!(step(rule, Some(&calm), Finding::Fine, now(7)), Step::Stay);
        assert_eq!(step(rule, Some(&calm), wrong("b"), now(7)), Step::Put(fired));
        assert_eq!(step(rule, Some(&calm), Finding::Fine, now(8)), Step::Clear);
        // The clock was set back by an hour: the calm begins anew.
        let Step::Put(calm) = step(rule, Some(&calm), Finding::Fine, now(-54)) else { panic!("calm") };
        assert_eq!(step(rule, Some(&calm), Finding::Fine, now(-52)), Step::Clear);
    }
}
