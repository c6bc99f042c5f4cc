//! Begins the pulls that are planned.

use std::sync::Arc;

use super::SCHEDULE_PERIOD;
use crate::gateway::keeper::Keeper;
use crate::gateway::relay::Relay;
use crate::runtime::task::{Pace, Task, Tasks};

/// Starts it. It looks every second: a clock that is set, a schedule that is changed by another process are noticed by that.
pub fn start<R: Relay>(keeper: &Arc<Keeper<R>>, pull: &Task, tasks: &Tasks) -> Task {
    let (keeper, pull) = (Arc::clone(keeper), pull.clone());
    tasks.start("schedule", Pace::Every(SCHEDULE_PERIOD), move |_| {
        let (keeper, pull) = (Arc::clone(&keeper), pull.clone());
        async move {
            let look = keeper.look().await.map_err(|error| {
                let detail = &error as &dyn std::error::Error;
                tracing::error!(code = "database", error = detail, "the schedule cannot be read or followed");
                "database"
            })?;
            pull.expect_at(look.next);
            if look.ordered {
                pull.activate();
            }
            Ok(())
        }
    })
}
