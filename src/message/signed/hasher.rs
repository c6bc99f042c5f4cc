//! The digest over the content: beside the other work, if there is enough of it for a second thread.

use std::ops::Range;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, Scope, ScopedJoinHandle};

use super::algorithm::{Digest, Hash};

/// First size of a buffer: a message of 10 KB fits.
pub(super) const FIRST_BUFFER: usize = 16 << 10;
/// Size of the buffers of a large message: small enough for a processor's cache.
pub(super) const BUFFER: usize = 256 << 10;
/// Buffers on their way at the same time, at most.
const BUFFERS: usize = 4;
/// From here on a second thread pays.
const LARGE: usize = 1 << 20;

/// Hashes parts of buffers in the order in which they come.
pub(super) struct Hasher<'scope, 'env> {
    scope: Option<&'scope Scope<'scope, 'env>>,
    place: Place<'scope>,
    seen: usize,
}

enum Place<'scope> {
    Here(Digest),
    There(Helper<'scope>),
}

struct Helper<'scope> {
    jobs: SyncSender<Job>,
    done: Receiver<Job>,
    on_their_way: usize,
    thread: ScopedJoinHandle<'scope, Digest>,
}

/// A buffer, and the parts of it that count.
struct Job {
    buffer: Vec<u8>,
    parts: Vec<Range<usize>>,
}

impl<'scope> Hasher<'scope, '_> {
    /// Without a scope all is done on the calling thread.
    pub(super) fn new<'env>(hash: Hash, scope: Option<&'scope Scope<'scope, 'env>>) -> Hasher<'scope, 'env> {
        Hasher { scope, place: Place::Here(Digest::new(hash)), seen: 0 }
    }

    /// Takes a used buffer, hashes these parts of it now or soon, and gives another buffer to go on with.
    pub(super) fn exchange(&mut self, mut buffer: Vec<u8>, parts: &mut Vec<Range<usize>>) -> Vec<u8> {
        match &mut self.place {
            Place::Here(digest) => {
                for part in parts.drain(..) {
                    self.seen = self.seen.saturating_add(part.len());
                    digest.update(&buffer[part]);
                }
                if buffer.len() < BUFFER {
                    buffer.resize((buffer.len() * 4).clamp(FIRST_BUFFER, BUFFER), 0);
                }
                self.move_out();
                buffer
            }
            Place::There(helper) => helper.exchange(Job { buffer, parts: std::mem::take(parts) }, parts),
        }
    }

    /// Hashes these last parts of a buffer. Gives the digest over all that came.
    pub(super) fn finish(self, buffer: &[u8], parts: &[Range<usize>]) -> Vec<u8> {
        let mut digest = match self.place {
            Place::Here(digest) => digest,
            Place::There(helper) => {
                drop(helper.jobs);
                helper.thread.join().expect("hashing has nothing to panic about")
            }
        };
        for part in parts {
            digest.update(&buffer[part.clone()]);
        }
        digest.finish()
    }

    /// Goes on in a thread of its own, if that pays and one can be had.
    fn move_out(&mut self) {
        let (Some(scope), Place::Here(digest), LARGE..) = (self.scope, &mut self.place, self.seen) else { return };
        let (jobs, incoming) = sync_channel(BUFFERS);
        let (outgoing, done) = channel();
        let (hand_over, handed) = sync_channel(1);
        let spawned = thread::Builder::new().name("hash".into()).spawn_scoped(scope, move || {
            let digest = handed.recv().expect("the digest follows the thread");
            work(digest, &incoming, &outgoing)
        });
        let Ok(thread) = spawned else {
            self.scope = None;
            return;
        };
        // The digest itself follows only now, so that it is not lost where no thread can be had.
        let digest = std::mem::replace(digest, Digest::new(Hash::Sha256));
        hand_over.send(digest).expect("the thread waits for the digest");
        self.place = Place::There(Helper { jobs, done, on_their_way: 0, thread });
    }
}

impl Helper<'_> {
    fn exchange(&mut self, job: Job, parts: &mut Vec<Range<usize>>) -> Vec<u8> {
        self.jobs.send(job).expect("the hashing thread takes jobs until the channel is closed");
        self.on_their_way += 1;
        if self.on_their_way < BUFFERS {
            return vec![0; BUFFER];
        }
        let back = self.done.recv().expect("the hashing thread gives every buffer back");
        self.on_their_way -= 1;
        *parts = back.parts;
        back.buffer
    }
}

fn work(mut digest: Digest, incoming: &Receiver<Job>, outgoing: &Sender<Job>) -> Digest {
    for mut job in incoming {
        for part in job.parts.drain(..) {
            digest.update(&job.buffer[part]);
        }
        // At the end nobody takes the last buffers back any more.
        let _ = outgoing.send(job);
    }
    digest
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "one part of a buffer is what is meant")]
mod tests {
    use super::*;

    fn digest_of(total: usize, threads: bool) -> Vec<u8> {
        thread::scope(|scope| {
            let mut hasher = Hasher::new(Hash::Sha384, threads.then_some(scope));
            let mut buffer = vec![0; FIRST_BUFFER];
            let mut parts = Vec::new();
            let mut place = 0;
            while place < total {
                let count = buffer.len().min(total - place);
                for (offset, byte) in buffer[..count].iter_mut().enumerate() {
                    *byte = u8::try_from((place + offset) % 251).unwrap();
                }
                parts.extend([0..count / 3, count / 3..count]);
                place += count;
                buffer = hasher.exchange(buffer, &mut parts);
                assert!(parts.is_empty());
            }
            assert_eq!(matches!(hasher.place, Place::There(_)), threads && total >= LARGE);
            hasher.finish(&[], &[])
        })
    }

    #[test]
    fn both_ways_give_the_same_digest() {
        for total in [0, 1, FIRST_BUFFER, LARGE, LARGE + 1, 20 * BUFFER + 7] {
            let bytes: Vec<u8> = (0..total).map(|place| u8::try_from(place % 251).unwrap()).collect();
            let expected = Hash::Sha384.digest(&bytes);
            assert_eq!(digest_of(total, false), expected, "{total} on one thread");
            assert_eq!(digest_of(total, true), expected, "{total} on two threads");
        }
    }

    #[test]
    fn a_hasher_that_is_dropped_ends_its_thread() {
        thread::scope(|scope| {
            let mut hasher = Hasher::new(Hash::Sha256, Some(scope));
            let buffer = hasher.exchange(vec![0; 2 * LARGE], &mut vec![0..2 * LARGE]);
            let _ = hasher.exchange(buffer, &mut vec![0..LARGE]);
        });
    }
}
