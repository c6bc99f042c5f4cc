//! Logs of all parties go into one file, so that people can read the steps on the screen.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging to a file, with the filter that `KX_SANDBOX_LOG` says, or `info`.
pub(super) fn start(file: &Path) -> io::Result<()> {
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(file)?;
    let filter = EnvFilter::try_from_env("KX_SANDBOX_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(Mutex::new(file));
    // Fails only when something in this process logs already.
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
    Ok(())
}
