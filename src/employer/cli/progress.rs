//! Shows the work on a terminal, and only there.

use std::fmt;
use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::employer::watch::{Event, Watcher};

/// A progress bar on standard error; none when that is no terminal.
pub(super) struct Terminal {
    bar: Mutex<ProgressBar>,
    style: ProgressStyle,
}

impl Terminal {
    pub(super) fn new() -> Self {
        let template = "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}";
        let style = ProgressStyle::with_template(template).expect("the template is a constant that is valid");
        Self { bar: Mutex::new(ProgressBar::hidden()), style: style.progress_chars("=> ") }
    }

    fn begin(&self, message: String, length: u64) {
        let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
        bar.set_style(self.style.clone());
        bar.set_message(message);
        let before = std::mem::replace(&mut *self.bar.lock().expect(LOCK), bar);
        before.finish_and_clear();
    }

    fn end(&self) {
        self.bar.lock().expect(LOCK).finish_and_clear();
    }
}

const LOCK: &str = "drawing a bar does not panic";

impl fmt::Debug for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Terminal")
    }
}

impl Watcher for Terminal {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::Sealing { name, size } => self.begin(format!("暗号化・署名中 / Sealing {name}"), size),
            Event::Uploading { record, again } => {
                let words = if again { "送信再開 / Resuming" } else { "送信中 / Sending" };
                self.begin(format!("{words} {}", record.file_name), record.sealed_size);
            }
            Event::Fetching { id, size } => self.begin(format!("受信中 / Fetching {id}"), size),
            Event::Opening { id, size } => self.begin(format!("復号・検証中 / Opening {id}"), size),
            Event::SealedBytes(bytes)
            | Event::UploadedBytes(bytes)
            | Event::FetchedBytes(bytes)
            | Event::OpenedBytes(bytes) => {
                self.bar.lock().expect(LOCK).set_position(bytes);
            }
            Event::Sealed(_) | Event::Relayed(_) | Event::Received(_) | Event::HandedOut(_) => self.end(),
        }
    }
}
