//! Logs: one JSON line an event, on standard error (the journal's way in).
//!
//! Ids and codes only. A name, an address of a person, a file's name or content, a key or a password is never logged.

use std::sync::OnceLock;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

static RELOAD: OnceLock<reload::Handle<EnvFilter, Registry>> = OnceLock::new();

/// A log level that is none.
#[derive(Debug, thiserror::Error)]
#[error("not a log filter: {0} (expected error, warn, info, debug, trace or a tracing filter)")]
pub struct InvalidFilter(String);

/// Starts logging with a filter such as `info` or `kenpo_express=debug`. The first call in a process counts.
pub fn start(filter: &str) -> Result<(), InvalidFilter> {
    let (filter, handle) = reload::Layer::new(parse(filter)?);
    let lines = fmt::layer().json().flatten_event(true).with_current_span(false).with_writer(std::io::stderr);
    if tracing_subscriber::registry().with(filter).with(lines).try_init().is_ok() {
        RELOAD.get_or_init(|| handle);
    }
    Ok(())
}

/// Changes the filter while the process runs.
pub fn set_filter(filter: &str) -> Result<(), InvalidFilter> {
    let filter = parse(filter)?;
    if let Some(handle) = RELOAD.get() {
        // Fails only when the subscriber is gone, and it lives as long as the process.
        let _ = handle.reload(filter);
    }
    Ok(())
}

/// Whether [`start`] would take it.
pub fn check(filter: &str) -> Result<(), InvalidFilter> {
    parse(filter).map(drop)
}

fn parse(filter: &str) -> Result<EnvFilter, InvalidFilter> {
    EnvFilter::try_new(filter).map_err(|_| InvalidFilter(filter.to_owned()))
}
