//! Where the signed content goes on to: written beside the hashing, if there is enough of it for a second thread.
//!
//! Reading and hashing stay on the calling thread, since hashing takes longest; encrypting and writing move out.

use std::io::Write;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::{self, Scope, ScopedJoinHandle};

use super::hasher::{BUFFER, FIRST_BUFFER};
use crate::message::error::SealError;
use crate::message::format::segments;

/// Buffers on their way at the same time, at most.
const BUFFERS: usize = 4;
/// From here on a second thread pays.
const LARGE: usize = 1 << 20;

/// Writes segments in the order in which they come.
pub(super) struct Outlet<'scope, 'env, W> {
    scope: Option<&'scope Scope<'scope, 'env>>,
    place: Place<'scope, W>,
    seen: usize,
}

enum Place<'scope, W> {
    Here(W),
    There(Helper<'scope, W>),
    /// Writing failed before, and the writer is gone.
    Nowhere,
}

struct Helper<'scope, W> {
    jobs: SyncSender<Job>,
    done: Receiver<Vec<u8>>,
    on_their_way: usize,
    thread: ScopedJoinHandle<'scope, Result<W, SealError>>,
}

/// A buffer, and how much of it counts.
struct Job {
    buffer: Vec<u8>,
    filled: usize,
}

impl<'scope, 'env, W: Write + Send + 'scope> Outlet<'scope, 'env, W> {
    /// Without a scope all is done on the calling thread.
    pub(super) fn new(out: W, scope: Option<&'scope Scope<'scope, 'env>>) -> Self {
        Self { scope, place: Place::Here(out), seen: 0 }
    }

    /// Takes a buffer, writes what it holds as one segment now or soon, and gives another buffer to go on with.
    pub(super) fn exchange(&mut self, mut buffer: Vec<u8>, filled: usize) -> Result<Vec<u8>, SealError> {
        match &mut self.place {
            Place::Here(out) => {
                write(out, &buffer[..filled])?;
                self.seen = self.seen.saturating_add(filled);
                if buffer.len() < BUFFER {
                    buffer.resize((buffer.len() * 4).clamp(FIRST_BUFFER, BUFFER), 0);
                }
                self.move_out();
                Ok(buffer)
            }
            Place::There(helper) => match helper.exchange(Job { buffer, filled }) {
                Some(buffer) => Ok(buffer),
                // The thread has ended early: it says why.
                None => Err(self.come_back().err().unwrap_or_else(gone)),
            },
            Place::Nowhere => Err(gone()),
        }
    }

    /// Writes this last segment, and gives back what it was written to.
    pub(super) fn finish(mut self, rest: &[u8]) -> Result<W, SealError> {
        let mut out = self.come_back()?;
        if !rest.is_empty() {
            write(&mut out, rest)?;
        }
        Ok(out)
    }

    fn come_back(&mut self) -> Result<W, SealError> {
        match std::mem::replace(&mut self.place, Place::Nowhere) {
            Place::Here(out) => Ok(out),
            Place::There(helper) => {
                drop(helper.jobs);
                helper.thread.join().expect("writing has nothing to panic about")
            }
            Place::Nowhere => Err(gone()),
        }
    }

    /// Goes on in a thread of its own, if that pays and one can be had.
    fn move_out(&mut self) {
        let (Some(scope), LARGE..) = (self.scope, self.seen) else { return };
        let (jobs, incoming) = sync_channel(BUFFERS);
        let (outgoing, done) = channel();
        let (hand_over, handed) = sync_channel::<W>(1);
        let spawned = thread::Builder::new().name("seal".into()).spawn_scoped(scope, move || {
            let mut out = handed.recv().expect("what is written to follows the thread");
            for Job { buffer, filled } in incoming {
                write(&mut out, &buffer[..filled])?;
                // At the end nobody takes the last buffers back any more.
                let _ = outgoing.send(buffer);
            }
            Ok(out)
        });
        let Ok(thread) = spawned else {
            self.scope = None;
            return;
        };
        // It follows only now, so that it is not lost where no thread can be had.
        if let Place::Here(out) = std::mem::replace(&mut self.place, Place::Nowhere) {
            hand_over.send(out).expect("the thread waits for what it writes to");
            self.place = Place::There(Helper { jobs, done, on_their_way: 0, thread });
        }
    }
}

impl<W> Helper<'_, W> {
    /// None when the thread has ended.
    fn exchange(&mut self, job: Job) -> Option<Vec<u8>> {
        self.jobs.send(job).ok()?;
        self.on_their_way += 1;
        if self.on_their_way < BUFFERS {
            return Some(vec![0; BUFFER]);
        }
        let back = self.done.recv().ok()?;
        self.on_their_way -= 1;
        Some(back)
    }
}

fn write(out: &mut impl Write, content: &[u8]) -> Result<(), SealError> {
    out.write_all(&segments::header(content.len()))?;
    Ok(out.write_all(content)?)
}

fn gone() -> SealError {
    SealError::Output(std::io::ErrorKind::BrokenPipe.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    /// Takes so many octets and no more.
    struct Full(usize, Vec<u8>);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.1.len() + bytes.len() > self.0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.1.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(buffers: usize, threads: bool, room: usize) -> Result<Vec<u8>, SealError> {
        thread::scope(|scope| {
            let mut outlet = Outlet::new(Full(room, Vec::new()), threads.then_some(scope));
            let mut buffer = vec![0; FIRST_BUFFER];
            for number in 0..buffers {
                let filled = buffer.len().min(BUFFER - number);
                buffer[..filled].fill(u8::try_from(number % 251).unwrap());
                buffer = outlet.exchange(buffer, filled)?;
            }
            assert_eq!(matches!(outlet.place, Place::There(_)), threads && buffers > 10);
            Ok(outlet.finish(b"rest")?.1)
        })
    }

    #[test]
    fn both_ways_write_the_same() {
        for buffers in [0, 1, 5, 40] {
            assert_eq!(written(buffers, true, usize::MAX).unwrap(), written(buffers, false, usize::MAX).unwrap());
        }
    }

    #[test]
    fn what_cannot_be_written_is_said_by_its_cause() {
        for room in [LARGE / 2, 2 * LARGE, 3 * LARGE + 5] {
            let error = written(40, true, room).unwrap_err();
            assert!(matches!(error, SealError::Output(cause) if cause.kind() == io::ErrorKind::StorageFull), "{room}");
        }
    }
}
