//! The folders for the union's core system, looked at by a timer.

use std::sync::Arc;
use std::time::Duration;

use super::trouble::Trouble;
use crate::gateway::flows::handoff::Handoff;
use crate::gateway::flows::receive::Receiver;
use crate::gateway::relay::Relay;
use crate::runtime::task::{Pace, Task, Tasks};

/// Starts it.
pub fn start<R: Relay>(handoff: Handoff<R>, receiver: &Arc<Receiver<R>>, period: Duration, tasks: &Tasks) -> Task {
    let (handoff, soft) = (Arc::new(handoff), tasks.shutdown().soft().clone());
    let trouble = Trouble::of("handoff", receiver);
    tasks.start("handoff", Pace::Every(period), move |_| {
        let (handoff, soft, trouble) = (Arc::clone(&handoff), soft.clone(), Arc::clone(&trouble));
        async move { trouble.note(handoff.run(&soft).await).await }
    })
}
