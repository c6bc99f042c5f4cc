//! Reading ahead: an input of some size is read by a thread of its own, while what came before is worked on.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Scope};

/// Size of a buffer: small enough for a processor's cache.
const BUFFER: usize = 256 << 10;
/// Buffers that are read ahead, at most.
const BUFFERS: usize = 3;
/// From here on a second thread pays.
const LARGE: u64 = 1 << 20;

/// Gives what its source gives. Dropped early, it leaves the thread to end with the read that it is in.
pub(super) struct Ahead<'scope, 'env, R> {
    scope: &'scope Scope<'scope, 'env>,
    place: Place<R>,
    seen: u64,
}

enum Place<R> {
    /// The source is read as it is asked for.
    Here(R),
    There(Thread),
    /// The source has ended or failed.
    Ended,
}

struct Thread {
    empty: SyncSender<Vec<u8>>,
    full: Receiver<io::Result<Piece>>,
    piece: Piece,
}

/// A buffer, and what of it was read and not taken yet.
#[derive(Default)]
struct Piece {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl<'scope, 'env, R: Read + Send + 'scope> Ahead<'scope, 'env, R> {
    /// `scope`: where the thread is started.
    pub(super) fn new(source: R, scope: &'scope Scope<'scope, 'env>) -> Self {
        Self { scope, place: Place::Here(source), seen: 0 }
    }

    /// Whether the next octets would come as a whole buffer: see [`Self::swap`].
    pub(super) fn has_whole_buffer(&self) -> bool {
        matches!(&self.place, Place::There(thread) if thread.piece.start == thread.piece.end)
    }

    /// Gives the next octets without a copy, in another buffer for this one, if both are of one size. Tells how many they
    /// are, none at the end; `None`: they must be read.
    pub(super) fn swap(&mut self, buffer: &mut Vec<u8>) -> io::Result<Option<usize>> {
        if !self.has_whole_buffer() || buffer.len() != BUFFER {
            return Ok(None);
        }
        let Place::There(thread) = &mut self.place else { return Ok(None) };
        let next = thread.next();
        if !matches!(next, Ok(true)) {
            self.place = Place::Ended;
            return next.map(|_| Some(0));
        }
        let Piece { buffer: full, start, end } = &mut thread.piece;
        std::mem::swap(full, buffer);
        *start = *end;
        Ok(Some(*end))
    }

    /// Goes on in a thread of its own, if one can be had.
    fn move_out(&mut self) {
        let (empty, empties) = sync_channel(BUFFERS);
        let (filled, full) = sync_channel(BUFFERS);
        let (hand_over, handed) = sync_channel(1);
        let spawned = thread::Builder::new().name("read".into()).spawn_scoped(self.scope, move || {
            if let Ok(source) = handed.recv() {
                work(source, &empties, &filled);
            }
        });
        // The source itself follows only now, so that it is not lost where no thread can be had.
        let Place::Here(source) = std::mem::replace(&mut self.place, Place::Ended) else { return };
        if spawned.is_err() {
            self.place = Place::Here(source);
            return;
        }
        let sent = hand_over.send(source).is_ok();
        debug_assert!(sent, "the thread waits for the source");
        for _ in 0..BUFFERS {
            let _ = empty.send(vec![0; BUFFER]);
        }
        self.place = Place::There(Thread { empty, full, piece: Piece::default() });
    }
}

impl<'scope, R: Read + Send + 'scope> Read for Ahead<'scope, '_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let result = match &mut self.place {
            Place::Here(source) => {
                let count = source.read(out)?;
                self.seen += count as u64;
                if self.seen >= LARGE {
                    self.move_out();
                }
                return Ok(count);
            }
            Place::There(thread) => thread.read(out),
            Place::Ended => return Ok(0),
        };
        if !matches!(result, Ok(1..)) && !out.is_empty() {
            self.place = Place::Ended;
        }
        result
    }
}

impl Thread {
    /// Waits for the next piece. False at the end.
    fn next(&mut self) -> io::Result<bool> {
        if !self.piece.buffer.is_empty() {
            // The thread is gone when the source has ended; what it has sent before is still there.
            let _ = self.empty.send(std::mem::take(&mut self.piece.buffer));
        }
        self.piece = match self.full.recv() {
            Ok(piece) => piece?,
            Err(_) => return Ok(false),
        };
        Ok(true)
    }

    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.piece.start == self.piece.end && !self.next()? {
            return Ok(0);
        }
        let Piece { buffer, start, end } = &mut self.piece;
        let count = out.len().min(*end - *start);
        out[..count].copy_from_slice(&buffer[*start..*start + count]);
        *start += count;
        Ok(count)
    }
}

fn work(mut source: impl Read, empties: &Receiver<Vec<u8>>, filled: &SyncSender<io::Result<Piece>>) {
    for mut buffer in empties {
        let mut end = 0;
        let failure = loop {
            match source.read(&mut buffer[end..]) {
                Ok(0) => break None,
                Ok(count) => end += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Some(error),
            }
        };
        let ended = failure.is_some() || end < buffer.len();
        let gone = end > 0 && filled.send(Ok(Piece { buffer, start: 0, end })).is_err();
        if let Some(error) = failure.filter(|_| !gone) {
            // Nobody listens any more where this fails.
            let _ = filled.send(Err(error));
        }
        if gone || ended {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a little at a time, and fails where it should have ended.
    struct Broken<R>(R);

    impl<R: Read> Read for Broken<R> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let count = out.len().min(9_999);
            match self.0.read(&mut out[..count])? {
                0 if count > 0 => Err(io::ErrorKind::ConnectionAborted.into()),
                count => Ok(count),
            }
        }
    }

    fn bytes(count: usize) -> Vec<u8> {
        (0..count).map(|i| (i ^ (i >> 8) ^ (i >> 16)).to_le_bytes()[0]).collect()
    }

    #[test]
    fn everything_comes_in_order_and_then_the_end() {
        for count in [0, 1, 1 << 20, (1 << 20) + 1, (3 << 20) - 5, 3 << 20] {
            let bytes = bytes(count);
            thread::scope(|scope| {
                let mut ahead = Ahead::new(&bytes[..], scope);
                let mut out = Vec::new();
                ahead.read_to_end(&mut out).unwrap();
                assert!(out == bytes, "{count}");
                assert_eq!(ahead.read(&mut [0]).unwrap(), 0);
            });
        }
    }

    #[test]
    fn swapped_or_read_it_is_the_same() {
        let bytes = bytes((3 << 20) - 5);
        thread::scope(|scope| {
            let (mut ahead, mut buffer, mut out, mut swapped) =
                (Ahead::new(&bytes[..], scope), vec![0; BUFFER], vec![], 0);
            loop {
                let count = match ahead.swap(&mut buffer).unwrap() {
                    Some(count) => {
                        swapped += 1;
                        count
                    }
                    None => ahead.read(&mut buffer[..100_000]).unwrap(),
                };
                if count == 0 {
                    break;
                }
                out.extend_from_slice(&buffer[..count]);
            }
            assert!(out == bytes);
            assert!(swapped >= 7, "{swapped}");
        });
    }

    #[test]
    fn a_failure_comes_after_what_came_before_it() {
        for count in [100, 3_000_000] {
            let bytes = bytes(count);
            thread::scope(|scope| {
                let mut out = Vec::new();
                let error = Ahead::new(Broken(&bytes[..]), scope).read_to_end(&mut out).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
                assert!(out == bytes);
            });
        }
    }

    #[test]
    fn whoever_stops_early_is_not_held_up() {
        thread::scope(|scope| {
            let mut ahead = Ahead::new(io::repeat(7), scope);
            io::copy(&mut ahead.by_ref().take(5 << 20), &mut io::sink()).unwrap();
        });
    }
}
