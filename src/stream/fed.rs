//! Bytes that come over the net, for a thread that reads them as from a file.

use std::io::{self, Read};

use bytes::{Buf, Bytes};
use tokio::sync::mpsc;

/// Pieces on their way at most: whoever reads slowly holds up whoever sends.
const AHEAD: usize = 4;

/// Where the bytes come in. Dropped before [`Self::end`], they have broken off.
#[derive(Debug)]
pub struct Feeder(mpsc::Sender<Option<Bytes>>);

/// Where they are read. Blocks.
#[derive(Debug)]
pub struct Fed {
    queue: mpsc::Receiver<Option<Bytes>>,
    rest: Bytes,
    is_whole: bool,
}

/// Both ends.
pub fn feed() -> (Feeder, Fed) {
    let (sender, queue) = mpsc::channel(AHEAD);
    (Feeder(sender), Fed { queue, rest: Bytes::new(), is_whole: false })
}

impl Feeder {
    /// Hands bytes on. False when nobody reads any more.
    pub async fn push(&self, bytes: Bytes) -> bool {
        bytes.is_empty() || self.0.send(Some(bytes)).await.is_ok()
    }

    /// That was all of it.
    pub async fn end(self) {
        // Whoever has stopped reading knows why.
        let _ = self.0.send(None).await;
    }
}

impl Read for Fed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() && !self.is_whole {
            match self.queue.blocking_recv() {
                Some(Some(bytes)) => self.rest = bytes,
                Some(None) => self.is_whole = true,
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let count = self.rest.len().min(buffer.len());
        self.rest.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(mut fed: Fed) -> io::Result<Vec<u8>> {
        let all = tokio::task::spawn_blocking(move || {
            let mut all = Vec::new();
            fed.read_to_end(&mut all).map(|_| all)
        });
        all.await.unwrap()
    }

    #[tokio::test]
    async fn what_breaks_off_is_no_whole_file() {
        for is_whole in [true, false] {
            let (feeder, fed) = feed();
            let reader = tokio::spawn(read(fed));
            for piece in [&b"ab"[..], b"", b"cde"] {
                assert!(feeder.push(Bytes::from_static(piece)).await);
            }
            if is_whole {
                feeder.end().await;
            } else {
                drop(feeder);
            }
            let read = reader.await.unwrap();
            if is_whole {
                assert_eq!(read.unwrap(), b"abcde");
            } else {
                assert_eq!(read.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
            }
        }
        let (feeder, fed) = feed();
        drop(fed);
        assert!(!feeder.push(Bytes::from_static(b"x")).await);
    }
}
