//! The word to systemd's watchdog that the process gets on. Without it systemd kills the process and starts it again.

use std::time::Duration;

use super::lifecycle::{Shutdown, notify};

/// Starts to say it, if systemd asked for it, until a stop is asked for: from then on systemd waits for the end alone.
pub fn start(shutdown: &Shutdown) {
    // Half of the time would do; a third leaves room for one that came late.
    let Some(allowed) = sd_notify::watchdog_enabled() else { return };
    let soft = shutdown.soft().clone();
    shutdown.spawn(async move {
        tokio::select! {
            () = soft.cancelled() => {}
            () = feed(allowed / 3, || notify(&[sd_notify::NotifyState::Watchdog])) => {}
        }
    });
}

/// Each word has gone through what all work goes through: a timer, a thread for tasks, a thread for what blocks. Where one of
/// them is stuck, nothing is said.
async fn feed(period: Duration, say: impl Fn()) {
    let mut timer = tokio::time::interval(period);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        timer.tick().await;
        if tokio::task::spawn_blocking(|| ()).await.is_ok() {
            say();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::mpsc;

    use super::*;

    const PERIOD: Duration = Duration::from_millis(2);

    struct Fed {
        runtime: tokio::runtime::Runtime,
        said: Arc<AtomicU32>,
    }

    impl Fed {
        fn new(runtime: &mut tokio::runtime::Builder) -> Self {
            let (runtime, said) = (runtime.enable_time().build().unwrap(), Arc::new(AtomicU32::new(0)));
            let counted = Arc::clone(&said);
            runtime.spawn(feed(PERIOD, move || {
                counted.fetch_add(1, Ordering::SeqCst);
            }));
            Self { runtime, said }
        }

        fn goes_on(&self) {
            let before = self.said.load(Ordering::SeqCst);
            while self.said.load(Ordering::SeqCst) < before + 3 {
                std::thread::yield_now();
            }
        }

        fn stands_still(&self) {
            // What was under way when it got stuck may still be said.
            std::thread::sleep(PERIOD * 10);
            let before = self.said.load(Ordering::SeqCst);
            std::thread::sleep(PERIOD * 50);
            assert_eq!(self.said.load(Ordering::SeqCst), before);
        }
    }

    #[test]
    fn nothing_is_said_while_no_task_gets_on() {
        let fed = Fed::new(tokio::runtime::Builder::new_multi_thread().worker_threads(2));
        fed.goes_on();
        let (stuck, is_stuck) = mpsc::channel();
        let releases: Vec<_> = (0..2)
            .map(|_| {
                let (release, released) = mpsc::channel::<()>();
                let stuck = stuck.clone();
                fed.runtime.spawn(async move {
                    stuck.send(()).unwrap();
                    // What no task must do.
                    let _ = released.recv();
                });
                is_stuck.recv().unwrap();
                release
            })
            .collect();
        fed.stands_still();
        drop(releases);
        fed.goes_on();
    }

    #[test]
    fn nothing_is_said_while_nothing_that_blocks_gets_on() {
        let fed = Fed::new(tokio::runtime::Builder::new_multi_thread().worker_threads(2).max_blocking_threads(1));
        fed.goes_on();
        let (release, released) = mpsc::channel::<()>();
        fed.runtime.spawn_blocking(move || released.recv());
        fed.stands_still();
        drop(release);
        fed.goes_on();
    }
}
