//! The app's own log, for whoever looks for a cause: what each command did, how long it took and how it ended.
//!
//! `HOME/log/kx-employer.log` has one JSON line an event, and each says which process wrote it. A full file becomes
//! `kx-employer.1.log`, that one `.2`, and so on; the oldest goes. What is written are times, commands, steps, codes, ids,
//! durations and HTTP statuses. No name, mail address, file name, path of a file, password, PIN or key has a way in: events
//! are made of numbers, ids and words of ours, and of no error's text.
//!
//! Nobody waits for the log longer than another process takes to add a line, and nothing fails because of it: what cannot be written is
//! left out. Each event is added by one write at the end of the file, under a lock on it, so that processes keep each other's lines whole.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::stream::platform;

/// The folder in a home that they are in.
pub const FOLDER: &str = "log";
/// A file of so many bytes is full.
const FULL: u64 = 1 << 20;
/// How many there are, with the one that is written to.
const FILES: u32 = 5;
/// So many bytes wait at most for a home that is not there yet.
const WAITING: usize = 64 << 10;

/// Writes lines into the log of a home folder.
#[derive(Debug, Clone)]
pub struct Journal {
    home: PathBuf,
    full: u64,
    waiting: Arc<Mutex<Vec<u8>>>,
}

impl Journal {
    /// The log of this home. The folder is not made for it: until the set-up makes it, lines wait.
    pub fn of(home: &Path) -> Self {
        Self { home: home.to_owned(), full: FULL, waiting: Arc::default() }
    }

    fn keep(&self, line: &[u8]) -> io::Result<()> {
        let mut waiting = self.waiting.lock().expect("nothing panics while it holds lines that wait");
        if waiting.len() + line.len() <= WAITING {
            waiting.extend_from_slice(line);
        }
        if !self.home.is_dir() {
            return Ok(());
        }
        let lines = std::mem::take(&mut *waiting);
        append(&self.home.join(FOLDER), lines, self.full)
    }
}

impl Write for Journal {
    /// Takes one event, a whole line of JSON.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let process = std::process::id();
        let named = match line.strip_prefix(b"{") {
            Some(rest) => [format!("{{\"process\":{process},").as_bytes(), rest].concat(),
            None => line.to_vec(),
        };
        // A log that cannot be written is no reason to stop.
        let _ = self.keep(&named);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The log files of a home, the newest first.
pub fn files(home: &Path) -> Vec<PathBuf> {
    let all = (0..FILES).map(|number| file(&home.join(FOLDER), number));
    all.filter(|path| path.is_file()).collect()
}

fn file(folder: &Path, number: u32) -> PathBuf {
    match number {
        0 => folder.join("kx-employer.log"),
        number => folder.join(format!("kx-employer.{number}.log")),
    }
}

fn append(folder: &Path, mut lines: Vec<u8>, full: u64) -> io::Result<()> {
    platform::make_private_folder(folder)?;
    let newest = file(folder, 0);
    if is_full(&newest, full) {
        // Whoever holds the lock does it; meanwhile a file grows a little longer than it should.
        make_room(folder, full)?;
    }
    let mut options = OpenOptions::new();
    let mut log = platform::private(options.read(true).append(true).create(true)).open(newest)?;
    // A line that another process is just adding looks as if it were torn.
    log.lock()?;
    if is_torn(&mut log)? {
        lines.insert(0, b'\n');
    }
    log.write_all(&lines)
}

fn is_full(log: &Path, full: u64) -> bool {
    fs::metadata(log).is_ok_and(|found| found.len() >= full)
}

/// Whether the last line has no end: the disk was full.
fn is_torn(log: &mut fs::File) -> io::Result<bool> {
    if log.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    log.seek(SeekFrom::End(-1))?;
    log.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

fn make_room(folder: &Path, full: u64) -> io::Result<()> {
    let Some(_lock) = platform::lock(&folder.join("lock"))? else { return Ok(()) };
    // Another process may have done it just now.
    if !is_full(&file(folder, 0), full) {
        return Ok(());
    }
    for number in (0..FILES - 1).rev() {
        match fs::rename(file(folder, number), file(folder, number + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => (),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal(home: &Path, full: u64) -> Journal {
        Journal { full, ..Journal::of(home) }
    }

    #[test]
    fn full_files_move_on_and_the_oldest_goes() {
        let home = tempfile::tempdir().unwrap();
        let mut journal = journal(home.path(), 100);
        for number in 0..200 {
            journal.write_all(format!("{{\"number\":{number}}}\n").as_bytes()).unwrap();
        }
        let files = files(home.path());
        assert_eq!(files.len(), 5);
        assert!(files.iter().all(|path| fs::metadata(path).unwrap().len() < 200));
        assert!(fs::read_to_string(&files[0]).unwrap().ends_with(",\"number\":199}\n"));
        assert!(files.iter().all(|path| !platform::others_may_read(path).unwrap()));
    }

    #[test]
    fn many_that_write_at_once_keep_whole_lines() {
        let home = tempfile::tempdir().unwrap();
        // Opened anew for each line, as other processes do it.
        let write = |writer: usize| {
            for number in 0..200 {
                let line = format!("{{\"writer\":{writer},\"number\":{number},\"text\":\"{}\"}}\n", "x".repeat(50));
                journal(home.path(), 8 << 10).write_all(line.as_bytes()).unwrap();
            }
        };
        std::thread::scope(|scope| {
            for writer in 0..4 {
                scope.spawn(move || write(writer));
            }
        });
        let files = files(home.path());
        assert!(files.len() > 1);
        for path in files {
            for line in fs::read_to_string(path).unwrap().lines() {
                let said: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
                assert_eq!(said["process"], std::process::id());
            }
        }
    }

    #[test]
    fn lines_wait_for_the_home_and_a_torn_line_stays_alone() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        let mut journal = journal(&home, FULL);
        journal.write_all(b"one\n").unwrap();
        assert!(!home.exists(), "the log makes no home");
        fs::create_dir(&home).unwrap();
        journal.write_all(b"two").unwrap();
        journal.write_all(b"three\n").unwrap();
        assert_eq!(fs::read_to_string(file(&home.join(FOLDER), 0)).unwrap(), "one\ntwo\nthree\n");
    }

    #[test]
    fn what_cannot_be_written_stops_nobody() {
        let home = tempfile::tempdir().unwrap();
        // A file where the folder should be: nobody can write there, whoever they are.
        fs::write(home.path().join(FOLDER), "in the way").unwrap();
        let mut journal = Journal::of(home.path());
        journal.write_all(b"one\n").unwrap();
        assert!(files(home.path()).is_empty());
    }
}
