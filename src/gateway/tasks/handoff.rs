//! The folders for the union's core system, looked at by a timer.

use std::sync::Arc;
use std::time::Duration;

use super::trouble::Trouble;
use crate::gateway::flows::handoff::Handoff;
use crate::gateway::flows::receive::Receiver;
use crate::gateway::relay::Relay;
use crate::runtime::lifecycle::Shutdown;
use crate::runtime::task::Task;

/// Starts it.
pub fn start<R: Relay>(
    handoff: Handoff<R>,
    receiver: &Arc<Receiver<R>>,
    period: Duration,
    shutdown: &Shutdown,
) -> Task {
    let (handoff, soft) = (Arc::new(handoff), shutdown.soft().clone());
    let trouble = Trouble::of("handoff", receiver);
    Task::start("handoff", period, Arc::clone(&receiver.clock), shutdown, move |_| {
        let (handoff, soft, trouble) = (Arc::clone(&handoff), soft.clone(), Arc::clone(&trouble));
        async move { trouble.note(handoff.run(&soft).await).await }
    })
}
