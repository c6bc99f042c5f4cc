//! Waiting with an end: a test that waits for what never comes says what it was, and holds up nobody else.

use std::process::{Child, ExitStatus};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Longer than anything takes that a test waits for, on the busiest machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What comes of it, if it comes at all.
pub(crate) async fn within<F: Future>(what: &str, awaited: F) -> F::Output {
    let Ok(output) = tokio::time::timeout(PATIENCE, awaited).await else { panic!("waited in vain: {what}") };
    output
}

/// Waits until something has come true.
pub(crate) async fn soon(what: &str, mut is_true: impl AsyncFnMut() -> bool) {
    let look = async {
        while !is_true().await {
            tokio::task::yield_now().await;
        }
    };
    within(what, look).await;
}

/// What comes of something that holds up its thread.
pub(crate) fn answered<T: Send + 'static>(what: &str, ask: impl FnOnce() -> T + Send + 'static) -> T {
    let (tell, told) = mpsc::channel();
    // Who waits no more does not listen.
    std::thread::spawn(move || drop(tell.send(ask())));
    let Ok(answer) = told.recv_timeout(PATIENCE) else { panic!("waited in vain: {what}") };
    answer
}

/// How a process has ended. One that does not is killed.
pub(crate) fn end_of(process: &mut Child, what: &str) -> ExitStatus {
    let began_at = Instant::now();
    loop {
        if let Some(status) = process.try_wait().unwrap() {
            return status;
        }
        if began_at.elapsed() > PATIENCE {
            process.kill().unwrap();
            process.wait().unwrap();
            panic!("waited in vain: {what}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
