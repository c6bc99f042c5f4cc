//! Tells staff by mail of what happened.

use std::sync::Arc;

use super::NOTICES_PERIOD;
use super::trouble::Trouble;
use crate::gateway::flows::notices::StaffNotices;
use crate::gateway::flows::receive::Receiver;
use crate::gateway::relay::Relay;
use crate::runtime::task::{Pace, Task, Tasks};

/// Starts it.
pub fn start<R: Relay>(notices: StaffNotices<R>, receiver: &Arc<Receiver<R>>, tasks: &Tasks) -> Task {
    let notices = Arc::new(notices);
    let trouble = Trouble::of("notices", receiver);
    tasks.start("notices", Pace::Every(NOTICES_PERIOD), move |_| {
        let (notices, trouble) = (Arc::clone(&notices), Arc::clone(&trouble));
        async move { trouble.note(notices.run().await).await }
    })
}
