//! Tells programs outside of events.

use std::sync::Arc;

use super::HOOKS_PERIOD;
use super::trouble::Trouble;
use crate::gateway::flows::hooks::Hooks;
use crate::gateway::flows::receive::Receiver;
use crate::gateway::relay::Relay;
use crate::runtime::task::{Pace, Task, Tasks};

/// Starts it.
pub fn start<R: Relay>(hooks: Hooks<R>, receiver: &Arc<Receiver<R>>, tasks: &Tasks) -> Task {
    let shutdown = tasks.shutdown();
    let (hooks, soft, hard) = (Arc::new(hooks), shutdown.soft().clone(), shutdown.hard().clone());
    let trouble = Trouble::of("hooks", receiver);
    tasks.start("hooks", Pace::Every(HOOKS_PERIOD), move |_| {
        let (hooks, soft, hard) = (Arc::clone(&hooks), soft.clone(), hard.clone());
        let trouble = Arc::clone(&trouble);
        async move { trouble.note(hooks.run(&soft, &hard).await).await }
    })
}
