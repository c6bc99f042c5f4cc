//! A reader that follows a writer on the same file.
//!
//! The writer tells how far the file reaches; the reader waits there until there is more, or the end. So bytes that come
//! over the line and bytes that an earlier run left behind are read in one and the same way.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Growing,
    Ended,
    Aborted,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<(u64, Phase)>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, (u64, Phase)> {
        self.state.lock().expect("nothing panics while it holds the state of a followed file")
    }
}

/// The writer's end. Dropped without [`Progress::end`], it aborts the reader.
#[derive(Debug)]
pub struct Progress(Arc<Shared>);

impl Progress {
    /// The file reaches so far from now on.
    pub fn reached(&self, length: u64) {
        self.0.lock().0 = length;
        self.0.changed.notify_all();
    }

    /// The file is whole.
    pub fn end(self) {
        self.0.lock().1 = Phase::Ended;
        self.0.changed.notify_all();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        if state.1 == Phase::Growing {
            state.1 = Phase::Aborted;
        }
        drop(state);
        self.0.changed.notify_all();
    }
}

/// The reader's end. Blocks where the writer has not come yet.
#[derive(Debug)]
pub struct FollowReader {
    file: File,
    position: u64,
    shared: Arc<Shared>,
}

/// Follows the file at `path`, of which `length` bytes are there already.
pub fn follow(path: &Path, length: u64) -> io::Result<(Progress, FollowReader)> {
    let file = File::open(path)?;
    let shared = Arc::new(Shared { state: Mutex::new((length, Phase::Growing)), changed: Condvar::new() });
    Ok((Progress(Arc::clone(&shared)), FollowReader { file, position: 0, shared }))
}

impl FollowReader {
    /// How many bytes can be read without waiting; 0 at the end.
    fn available(&self) -> io::Result<u64> {
        let mut state = self.shared.lock();
        loop {
            match *state {
                (length, _) if length > self.position => return Ok(length - self.position),
                (_, Phase::Ended) => return Ok(0),
                (_, Phase::Aborted) => {
                    return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the writer gave up"));
                }
                (_, Phase::Growing) => {
                    state = self.shared.changed.wait(state).expect("nothing panics while it holds the state");
                }
            }
        }
    }
}

impl Read for FollowReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = usize::try_from(self.available()?).unwrap_or(usize::MAX);
        let wanted = available.min(buffer.len());
        let read = self.file.read(&mut buffer[..wanted])?;
        if read == 0 && wanted > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.position += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_reader_gets_everything_in_order_and_then_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.part");
        std::fs::write(&path, b"abc").unwrap();
        let (progress, mut reader) = follow(&path, 3).unwrap();
        let writer = std::thread::spawn(move || {
            let mut file = File::options().append(true).open(&path).unwrap();
            for step in 0..100_u8 {
                file.write_all(&[step; 777]).unwrap();
                progress.reached(3 + 777 * (u64::from(step) + 1));
            }
            progress.end();
        });
        let mut all = Vec::new();
        reader.read_to_end(&mut all).unwrap();
        writer.join().unwrap();
        assert_eq!(all.len(), 3 + 77_700);
        assert!(all[3..].chunks(777).enumerate().all(|(step, chunk)| chunk.iter().all(|b| usize::from(*b) == step)));
    }

    #[test]
    fn a_writer_that_gives_up_is_an_error_and_no_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.part");
        std::fs::write(&path, b"abc").unwrap();
        let (progress, mut reader) = follow(&path, 2).unwrap();
        drop(progress);
        let mut buffer = [0; 8];
        assert_eq!(reader.read(&mut buffer).unwrap(), 2, "never past what was told");
        assert_eq!(reader.read(&mut buffer).unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
    }
}
