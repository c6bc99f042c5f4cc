//! Whether the malware scanner is there: said while it is not, and what waited for it goes on when it is back.

use std::sync::Arc;

use super::SCANNER_PERIOD;
use super::trouble::Trouble;
use crate::gateway::flows::receive::Receiver;
use crate::gateway::relay::Relay;
use crate::gateway::scan::Unscanned;
use crate::runtime::task::{Pace, Task, Tasks};

/// Starts it, where there is a scanner. When it is back, `pull` runs at once.
pub fn start<R: Relay>(receiver: &Arc<Receiver<R>>, pull: &Task, tasks: &Tasks) {
    let Some(scanner) = receiver.scanner.clone() else { return };
    let (pull, soft) = (pull.clone(), tasks.shutdown().soft().clone());
    let trouble = Trouble::of("scanner", receiver);
    tasks.start("scanner", Pace::Every(SCANNER_PERIOD), move |_| {
        let (pull, soft) = (pull.clone(), soft.clone());
        let (scanner, trouble) = (Arc::clone(&scanner), Arc::clone(&trouble));
        async move {
            let asked = Arc::clone(&scanner);
            let asked = tokio::task::spawn_blocking(move || asked.ping(&soft)).await;
            let answer = match asked.unwrap_or(Err(Unscanned::Failed)) {
                Err(Unscanned::Stopped) => return Ok(()),
                other => other.map_err(Unscanned::code),
            };
            if answer.is_ok() && scanner.is_back() {
                tracing::info!(code = "scanner.back", "the malware scanner answers again");
                pull.activate();
            }
            trouble.note(answer).await
        }
    });
}
