//! The way to the relay: looked at all the time, so that staff hear of it before something is to be sent.

use std::sync::Arc;

use super::VPN_PERIOD;
use super::trouble::Trouble;
use crate::gateway::flows::receive::Receiver;
use crate::gateway::vpn::{Reason, State};
use crate::runtime::task::{Pace, Task, Tasks};
use crate::wire::client::UnionClient;

/// Starts it. When the way is there again, `wake` run at once.
pub fn start(receiver: &Arc<Receiver<UnionClient>>, wake: Vec<Task>, tasks: &Tasks) -> Task {
    let (receiver, trouble) = (Arc::clone(receiver), Trouble::of("vpn", receiver));
    let wake = Arc::new(wake);
    tasks.start("vpn", Pace::Every(VPN_PERIOD), move |_| {
        let (receiver, trouble, wake) = (Arc::clone(&receiver), Arc::clone(&trouble), Arc::clone(&wake));
        async move {
            let state = State::of(&receiver.relay).await;
            let before = receiver.vpn.note(state);
            match (before, state) {
                (State::Shut(_), State::Open) => {
                    tracing::info!(code = "vpn.open", "the way to the relay is there again");
                    // The relay was not asked meanwhile: that it did not answer says nothing of it.
                    receiver.breaker.way_is_back();
                    wake.iter().for_each(Task::activate);
                }
                (before, State::Shut(reason)) if before != state => {
                    tracing::error!(code = reason.code(), "the way to the relay is shut: nothing is sent to it");
                }
                _ => {}
            }
            trouble.note(state.reason().map_or(Ok(()), |reason| Err(Reason::code(reason)))).await
        }
    })
}
