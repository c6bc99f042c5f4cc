//! Logs: one JSON line an event, on standard error (the journal's way in).
//!
//! Ids and codes only. A name, an address of a person, a file's name or content, a key or a password is never logged.

use std::sync::OnceLock;

use tracing::Level;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
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

/// Keeps what these parts of the program say (beginnings of module paths, such as `kenpo_express::employer`), from debug
/// upwards, as JSON lines: each in one call to the writer. Nothing of what other libraries say is kept. For a program that
/// people start, whose standard error is theirs. The first call in a process counts.
pub fn keep<W>(writer: W, parts: &'static [&'static str])
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let ours = filter_fn(|metadata| {
        *metadata.level() <= Level::DEBUG && parts.iter().any(|part| metadata.target().starts_with(part))
    });
    let lines = fmt::layer().json().flatten_event(true).with_current_span(false).with_span_list(false);
    let lines = lines.log_internal_errors(false).with_writer(writer).with_filter(ours);
    // Fails only when something in this process logs already.
    let _ = tracing_subscriber::registry().with(lines).try_init();
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

/// An error with its causes, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Whether [`start`] would take it.
pub fn check(filter: &str) -> Result<(), InvalidFilter> {
    parse(filter).map(drop)
}

fn parse(filter: &str) -> Result<EnvFilter, InvalidFilter> {
    EnvFilter::try_new(filter).map_err(|_| InvalidFilter(filter.to_owned()))
}
