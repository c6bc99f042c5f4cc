//! What a running process needs from its surroundings: time, randomness, signals, files that change, logs, metrics, background tasks.
//!
//! The wall clock and the system's randomness are read here and nowhere else.

pub mod clock;
pub mod failpoint;
#[cfg(unix)]
pub mod files;
pub mod finding;
#[cfg(unix)]
pub mod lifecycle;
pub mod metrics;
pub mod process;
#[cfg(unix)]
pub mod task;
#[cfg(unix)]
pub mod task_metrics;
pub mod telemetry;
pub mod version;
#[cfg(unix)]
pub mod watchdog;
