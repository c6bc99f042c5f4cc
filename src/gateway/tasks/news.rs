//! What became of what was sent: heard within a second, by a request that the relay answers when there is something.

use std::sync::Arc;

use super::{ARRIVALS_WAIT, line};
use crate::gateway::flows::send::{SendRunError, Sender};
use crate::gateway::relay::Relay;
use crate::runtime::task::{Pace, RunResult, Task, Tasks};

/// Starts it. `push` tells the relay what follows from it.
pub fn start<R: Relay>(sender: &Arc<Sender<R>>, push: &Task, tasks: &Tasks) -> Task {
    let pause = line::pause(&sender.receiver, || false);
    let (sender, push) = (Arc::clone(sender), push.clone());
    tasks.start("news", Pace::Following(pause), move |_| {
        let (sender, push) = (Arc::clone(&sender), push.clone());
        async move { ask(&sender, &push).await }
    })
}

async fn ask<R: Relay>(sender: &Arc<Sender<R>>, push: &Task) -> RunResult {
    line::allows(&sender.receiver)?;
    match sender.hear(Some(ARRIVALS_WAIT)).await {
        Ok(heard) => {
            if heard > 0 {
                push.activate();
            }
            Ok(())
        }
        Err(error) => {
            if matches!(error, SendRunError::Forgotten) {
                push.activate();
            }
            tracing::debug!(
                code = error.code(),
                error = &error as &dyn std::error::Error,
                "what became of what was sent cannot be heard"
            );
            Err(error.code())
        }
    }
}
