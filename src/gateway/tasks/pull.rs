//! The pull: by the schedule, when something arrives, when somebody asks; one way for all of them.

use std::sync::Arc;

use crate::gateway::flows::receive::Receiver;
use crate::gateway::keeper::Keeper;
use crate::gateway::relay::Relay;
use crate::runtime::task::{Pace, Task, Tasks};

/// Starts it.
pub fn start<R: Relay>(receiver: &Arc<Receiver<R>>, keeper: &Arc<Keeper<R>>, tasks: &Tasks) -> Task {
    let shutdown = tasks.shutdown();
    let (receiver, keeper, soft) = (Arc::clone(receiver), Arc::clone(keeper), shutdown.soft().clone());
    let (parked, stopping) = (Arc::clone(&receiver), soft.clone());
    shutdown.spawn(async move {
        stopping.cancelled().await;
        parked.beside.idle().await;
    });
    tasks.start("pull", Pace::WhenAsked, move |_| {
        let (receiver, keeper, soft) = (Arc::clone(&receiver), Arc::clone(&keeper), soft.clone());
        async move {
            // Nobody but the schedule says whether it may run now.
            let Some(order) = keeper.take() else { return Ok(()) };
            let report = receiver.run(order, &soft).await;
            keeper.ended(&report);
            match report {
                Ok(report) if report.is_done() || report.result == "stopped" => Ok(()),
                Ok(report) => Err(report.result),
                Err(error) => {
                    let detail = &error as &dyn std::error::Error;
                    tracing::error!(code = "database", error = detail, "the pull cannot be written down");
                    Err("database")
                }
            }
        }
    })
}
