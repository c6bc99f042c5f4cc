//! What tasks share that ask the relay a question which it holds until there is something to answer.

use std::sync::Arc;
use std::time::Duration;

use crate::gateway::flows::receive::Receiver;
use crate::gateway::relay::{BREAKER_OPEN, Relay};
use crate::runtime::task::Pause;

/// Between two looks whether one may ask.
const LOOK: Duration = Duration::from_secs(1);

/// Asks again at once as long as there are answers, after longer and longer pauses when there is none, and looks every second
/// whether one may ask while one may not. `rests` says whether nothing was asked because nobody wants to know.
pub(super) fn pause<R: Relay>(receiver: &Arc<Receiver<R>>, rests: impl Fn() -> bool + Send + 'static) -> Pause {
    let (receiver, mut failures) = (Arc::clone(receiver), 0);
    Box::new(move |result| match result {
        Ok(()) => {
            failures = 0;
            if rests() { LOOK } else { Duration::ZERO }
        }
        Err(BREAKER_OPEN) => LOOK,
        Err(_) => {
            failures += 1;
            let pause = receiver.backoff.pause(failures, receiver.random.as_ref());
            Duration::try_from(pause).unwrap_or_default()
        }
    })
}

/// Whether one may ask.
pub(super) fn allows<R: Relay>(receiver: &Receiver<R>) -> Result<(), &'static str> {
    if receiver.breaker.allows(receiver.clock.now()) { Ok(()) } else { Err(BREAKER_OPEN) }
}
