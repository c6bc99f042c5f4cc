//! The pull by its timer and when something arrives, one way for both.

use std::sync::Arc;
use std::time::Duration;

use crate::gateway::flows::receive::{Cause, Receiver};
use crate::gateway::relay::Relay;
use crate::runtime::task::{self, Pace, Task, Tasks};

/// Starts it.
pub fn start<R: Relay>(receiver: &Arc<Receiver<R>>, period: Duration, tasks: &Tasks) -> Task {
    let shutdown = tasks.shutdown();
    let (receiver, soft) = (Arc::clone(receiver), shutdown.soft().clone());
    let (parked, stopping) = (Arc::clone(&receiver), soft.clone());
    shutdown.spawn(async move {
        stopping.cancelled().await;
        parked.beside.idle().await;
    });
    tasks.start("pull", Pace::Every(period), move |cause| {
        let (receiver, soft) = (Arc::clone(&receiver), soft.clone());
        async move {
            let cause = match cause {
                task::Cause::Timer => Cause::Timer,
                task::Cause::Signal => Cause::Arrival,
            };
            match receiver.run(cause, &soft).await {
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
