//! Tells staff by mail of what happened.

use std::sync::Arc;

use super::NOTICES_PERIOD;
use super::trouble::Trouble;
use crate::gateway::flows::notices::StaffNotices;
use crate::gateway::flows::receive::Receiver;
use crate::gateway::relay::Relay;
use crate::runtime::lifecycle::Shutdown;
use crate::runtime::task::Task;

/// Starts it.
pub fn start<R: Relay>(notices: StaffNotices<R>, receiver: &Arc<Receiver<R>>, shutdown: &Shutdown) -> Task {
    let notices = Arc::new(notices);
    let trouble = Trouble::of("notices", receiver);
    Task::start("notices", NOTICES_PERIOD, Arc::clone(&receiver.clock), shutdown, move |_| {
        let (notices, trouble) = (Arc::clone(&notices), Arc::clone(&trouble));
        async move { trouble.note(notices.run().await).await }
    })
}
