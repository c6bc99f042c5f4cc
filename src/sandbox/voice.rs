//! What people read: Japanese first, English beside.

use std::io::Write;

/// Speaks on standard output, or on standard error where a program reads the output.
#[derive(Debug, Clone, Copy)]
pub(super) struct Voice {
    json: bool,
}

impl Voice {
    pub(super) fn new(json: bool) -> Self {
        Self { json }
    }

    /// A heading, numbered by the caller.
    pub(super) fn step(self, number: u32, japanese: &str, english: &str) {
        self.line(&format!("\n[{number}] {japanese} / {english}"));
    }

    /// A fact below a heading.
    pub(super) fn fact(self, japanese: &str, english: &str, value: impl std::fmt::Display) {
        self.line(&format!("    {japanese} / {english}: {value}"));
    }

    /// A line as it is.
    pub(super) fn line(self, text: &str) {
        // Whoever closed our output does not want to read it.
        let _ = if self.json { writeln!(std::io::stderr(), "{text}") } else { writeln!(std::io::stdout(), "{text}") };
    }

    /// The one JSON value, if a program asked for it.
    pub(super) fn json(self, value: &serde_json::Value) {
        if self.json {
            let _ = writeln!(std::io::stdout(), "{value:#}");
        }
    }
}
