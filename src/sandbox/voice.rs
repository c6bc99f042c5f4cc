//! What people read: Japanese first, English beside.

use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};

/// The number of the next heading.
static STEPS: AtomicU32 = AtomicU32::new(1);

/// Who listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Voice {
    /// A person: everything on standard output.
    Person,
    /// A program reads the output; words go to standard error.
    Program,
    /// Nobody.
    Nobody,
}

impl Voice {
    /// A heading, with the next number.
    pub(super) fn step(self, japanese: &str, english: &str) {
        if self == Self::Nobody {
            return;
        }
        let number = STEPS.fetch_add(1, Ordering::Relaxed);
        self.line(&format!("\n[{number}] {japanese} / {english}"));
    }

    /// A fact below a heading.
    pub(super) fn fact(self, japanese: &str, english: &str, value: impl std::fmt::Display) {
        self.line(&format!("    {japanese} / {english}: {value}"));
    }

    /// A line as it is.
    pub(super) fn line(self, text: &str) {
        // Whoever closed our output does not want to read it.
        let _ = match self {
            Self::Person => writeln!(std::io::stdout(), "{text}"),
            Self::Program => writeln!(std::io::stderr(), "{text}"),
            Self::Nobody => Ok(()),
        };
    }

    /// The one JSON value, if a program asked for it.
    pub(super) fn json(self, value: &serde_json::Value) {
        if self == Self::Program {
            let _ = writeln!(std::io::stdout(), "{value:#}");
        }
    }
}
