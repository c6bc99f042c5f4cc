//! The push: when something is staged, by its timer, and when what was put off is due.

use std::sync::Arc;

use super::PUSH_PERIOD;
use crate::gateway::flows::send::{SendRunError, Sender};
use crate::gateway::relay::Relay;
use crate::runtime::task::{Pace, Task, Tasks};

/// Starts it.
pub fn start<R: Relay>(sender: &Arc<Sender<R>>, tasks: &Tasks) -> Task {
    let shutdown = tasks.shutdown();
    let (sender, soft, wake) = (Arc::clone(sender), shutdown.soft().clone(), Arc::clone(&sender.wake));
    let task = tasks.start("push", Pace::Every(PUSH_PERIOD), {
        let soft = soft.clone();
        move |_| {
            let (sender, soft) = (Arc::clone(&sender), soft.clone());
            async move {
                if !sender.has_work().await.map_err(|_| "database")? {
                    return Ok(());
                }
                let result = sender.run(&soft).await;
                let code = result.as_ref().map_or_else(SendRunError::code, |_| "done");
                sender.receiver.metrics.push_runs_total.with_label_values(&[code]).inc();
                result.map(|_| ()).map_err(|error| error.code())
            }
        }
    });
    let woken = task.clone();
    shutdown.spawn(async move {
        loop {
            tokio::select! {
                () = soft.cancelled() => return,
                () = wake.notified() => woken.activate(),
            }
        }
    });
    task
}
