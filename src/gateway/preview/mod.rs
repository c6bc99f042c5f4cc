//! Received files shown without opening them on anybody's PC. A file is hostile until the opposite is known, and nothing here ever
//! finds that out.
//!
//! Who looks at it is another process: this program started again as a child that gives up everything but its three
//! descriptors before it reads a byte (`child`, `confine`, `filter`), and that is killed when it takes too long (`previewer`). What it answers
//! is text and pictures that were painted anew (`shown`): no byte of the file reaches a browser, and nothing is written to a disk. What the file
//! is, its content says (`look`); everything is bounded (`limits`).

mod child;
mod confine;
#[cfg(feature = "failpoints")]
mod escape;
#[cfg(target_os = "linux")]
mod filter;
mod frame;
mod limits;
mod look;
mod pdf;
mod picture;
mod previewer;
mod sheet;
mod shown;
mod table;
mod text;
mod unpack;

pub use child::run_if_asked;
pub use previewer::{Intake, Previewer, Subject};
pub use shown::{Encoding, Page, Pages, Painted, Preview, Refusal, Source, Table, Text};

use super::flows::reveal::{RevealError, Revealable};

impl Previewer {
    /// Shows a received file: opened and verified to its end before any of it is looked at. That somebody looks at it the caller notes
    /// first ([`Revealable::note`]).
    pub async fn received(&self, found: &Revealable) -> Result<Preview, RevealError> {
        let content = found.message.content.as_ref();
        let name = content.and_then(|content| content.file_name.as_ref()).map(ToString::to_string);
        let subject = Subject { name, size: found.size() };
        let found = found.clone();
        self.show(subject, move |intake| found.write(intake)).await
    }
}
