//! A file that is read a second time, and must be what it was at the first.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::domain::digest::Sha256;
use crate::message::checksum::{Algorithm, Checksum};

/// Reads what another reader has, and fails at its end when that was not the content that had been read before.
#[derive(Debug)]
pub struct Unchanged<R> {
    content: R,
    checksum: Option<Checksum>,
    expected: Sha256,
    changed: Changed,
}

/// Tells whether content turned out to be another one.
#[derive(Debug, Clone, Default)]
pub struct Changed(Arc<AtomicBool>);

impl Changed {
    /// Whether it did.
    pub fn is_true(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl<R: Read> Unchanged<R> {
    /// Content that had this SHA-256.
    pub fn new(content: R, expected: Sha256) -> Self {
        Self { content, checksum: Some(Checksum::new(Algorithm::Sha256)), expected, changed: Changed::default() }
    }

    /// Whoever reads may hide why reading failed: this tells.
    pub fn changed(&self) -> Changed {
        self.changed.clone()
    }
}

impl<R: Read> Read for Unchanged<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.content.read(buffer)?;
        if count > 0
            && let Some(checksum) = &mut self.checksum
        {
            checksum.update(&buffer[..count]);
        }
        if count > 0 || buffer.is_empty() {
            return Ok(count);
        }
        if let Some(checksum) = self.checksum.take()
            && checksum.finish() != self.expected.as_bytes()
        {
            self.changed.0.store(true, Ordering::Release);
        }
        if self.changed.is_true() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the file has changed since it was looked at"));
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_read_and_another_is_not() {
        let mut checksum = Checksum::new(Algorithm::Sha256);
        checksum.update(b"content");
        let expected = Sha256(checksum.finish().try_into().unwrap());
        let mut read = Vec::new();
        Unchanged::new(&b"content"[..], expected).read_to_end(&mut read).unwrap();
        assert_eq!(read, b"content");
        for other in [&b"contenT"[..], b"", b"conten"] {
            let mut reader = Unchanged::new(other, expected);
            let changed = reader.changed();
            assert!(reader.read_to_end(&mut read).is_err() && changed.is_true());
            assert!(reader.read(&mut [0; 8]).is_err(), "it stays so");
        }
    }
}
