//! What is sent is scanned while it is read, where that is wanted: nobody gets malware under the union's signature.

use std::io::{self, Read, Write};

use super::SendError;
use crate::domain::policy::Scan;
use crate::domain::verdict::Reason;
use crate::gateway::scan::Scanning;

/// Content that the scanner reads along.
pub(super) struct Scanned<'a, R> {
    content: R,
    scanning: Option<Scanning<'a>>,
}

impl<'a, R> Scanned<'a, R> {
    pub(super) const fn new(content: R, scanning: Option<Scanning<'a>>) -> Self {
        Self { content, scanning }
    }

    /// What is to be said of an error of whoever read: it may be the scanner's.
    pub(super) fn explain(&self, error: impl Into<SendError>) -> SendError {
        match self.scanning.as_ref().and_then(Scanning::trouble) {
            Some(trouble) => trouble.into(),
            None => error.into(),
        }
    }

    /// All of it was read: whether it may be sent. Gives the content back.
    pub(super) fn finish(self) -> Result<R, SendError> {
        match self.scanning.map_or(Ok(Scan::NotScanned), Scanning::finish)? {
            Scan::NotScanned | Scan::Clean => Ok(self.content),
            Scan::Found { .. } => Err(SendError::Malware(Reason::MalwareFound)),
            Scan::Failed => Err(SendError::Malware(Reason::MalwareScanFailed)),
        }
    }
}

impl<R: Read> Read for Scanned<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.content.read(buffer)?;
        if let Some(scanning) = &mut self.scanning {
            scanning.write_all(&buffer[..count])?;
        }
        Ok(count)
    }
}
