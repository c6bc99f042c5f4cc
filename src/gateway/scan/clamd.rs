//! What is spoken with clamd (clamd(8), INSTREAM): pieces with their length before them, then one line of an answer.
//!
//! The ready-made client has no timeouts, and loses the answer of a scanner that stops listening in the middle: that it will
//! not take a file of this size.

use std::io::{self, IoSlice, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use tokio_util::sync::CancellationToken;

use super::{Place, Unscanned};

/// How long the kernel lets us wait at once: so often it is looked whether a stop is asked for.
const TICK: Duration = Duration::from_millis(200);
/// The longest answer: the name of what was found, and some words.
const LONGEST: usize = 4096;

/// What clamd answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// Nothing found.
    Clean,
    /// Something, by its name.
    Found(String),
    /// The file is beyond its limits: it cannot say.
    Unfit,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Line {
    stream: Stream,
    patience: Duration,
}

impl Line {
    pub(super) fn open(place: &Place, patience: Duration) -> Result<Self, Unscanned> {
        let stream = match place {
            Place::Socket(path) => unix(path, patience).map(Stream::Unix),
            Place::Address(address) => TcpStream::connect_timeout(address, patience).map(Stream::Tcp),
        };
        let stream = stream.map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Unscanned::Silent,
            _ => Unscanned::Away,
        })?;
        stream.tick().map_err(|_| Unscanned::Away)?;
        Ok(Self { stream, patience })
    }

    pub(super) fn ping(&mut self, stop: &CancellationToken) -> Result<(), Unscanned> {
        match self.put(&mut [IoSlice::new(b"zPING\0")], stop) {
            Ok(true) if self.text(stop)? == "PONG" => Ok(()),
            Ok(true) => Err(Unscanned::Failed),
            Ok(false) => Err(Unscanned::BrokenOff),
            Err(trouble) => Err(trouble),
        }
    }

    /// Says that a file comes. An answer, if it does not want one.
    pub(super) fn begin(&mut self, stop: &CancellationToken) -> Result<Option<Answer>, Unscanned> {
        let heard = self.put(&mut [IoSlice::new(b"zINSTREAM\0")], stop)?;
        self.unless(heard, stop)
    }

    /// Sends the next bytes. An answer, if it wants no more.
    pub(super) fn send(&mut self, piece: &[u8], stop: &CancellationToken) -> Result<Option<Answer>, Unscanned> {
        if piece.is_empty() {
            // That would be the end.
            return Ok(None);
        }
        let length = u32::try_from(piece.len()).expect("a piece is a few KiB").to_be_bytes();
        let heard = self.put(&mut [IoSlice::new(&length), IoSlice::new(piece)], stop)?;
        self.unless(heard, stop)
    }

    /// Says that the file ends, and waits for the answer.
    pub(super) fn end(&mut self, stop: &CancellationToken) -> Result<Answer, Unscanned> {
        let heard = self.put(&mut [IoSlice::new(&[0; 4])], stop)?;
        if heard { self.answer(stop) } else { self.early(stop) }
    }

    fn unless(&mut self, heard: bool, stop: &CancellationToken) -> Result<Option<Answer>, Unscanned> {
        if heard { Ok(None) } else { self.early(stop).map(Some) }
    }

    /// What it says without having heard all of the file: that cannot be that there is nothing in it.
    fn early(&mut self, stop: &CancellationToken) -> Result<Answer, Unscanned> {
        match self.answer(stop)? {
            Answer::Clean => Err(Unscanned::Failed),
            answer => Ok(answer),
        }
    }

    /// Writes it all, within our patience: a scanner that takes a byte now and then is given up, too. `false`: nobody listens any
    /// more; there may be an answer that says why.
    fn put(&mut self, mut bytes: &mut [IoSlice<'_>], stop: &CancellationToken) -> Result<bool, Unscanned> {
        let wait = Wait::new(self.patience);
        while !bytes.is_empty() {
            match self.stream.write_vectored(bytes) {
                Ok(0) => return Ok(false),
                Ok(written) => {
                    IoSlice::advance_slices(&mut bytes, written);
                    if !bytes.is_empty() {
                        wait.on(stop)?;
                    }
                }
                Err(error) if is_wait(&error) => wait.on(stop)?,
                Err(_) => return Ok(false),
            }
        }
        Ok(true)
    }

    fn answer(&mut self, stop: &CancellationToken) -> Result<Answer, Unscanned> {
        parse(&self.text(stop)?)
    }

    /// One answer, up to its end or that of the line.
    fn text(&mut self, stop: &CancellationToken) -> Result<String, Unscanned> {
        let (mut text, mut buffer, wait) = (Vec::new(), [0; 512], Wait::new(self.patience));
        while !text.contains(&0) && text.len() < LONGEST {
            match self.stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => text.extend_from_slice(&buffer[..read]),
                Err(error) if is_wait(&error) => wait.on(stop)?,
                Err(_) => break,
            }
        }
        let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
        if end == 0 {
            return Err(Unscanned::BrokenOff);
        }
        Ok(String::from_utf8_lossy(&text[..end]).trim().to_owned())
    }
}

/// Understands an answer. What it could not look into as a whole is not clean.
fn parse(text: &str) -> Result<Answer, Unscanned> {
    let text = text.strip_prefix("stream: ").unwrap_or(text);
    if text == "OK" {
        return Ok(Answer::Clean);
    }
    if let Some(name) = text.strip_suffix(" FOUND") {
        if name.starts_with("Heuristics.Limits.Exceeded") {
            return Ok(Answer::Unfit);
        }
        return Ok(Answer::Found(name.chars().filter(|one| !one.is_control()).take(200).collect()));
    }
    let lower = text.to_ascii_lowercase();
    if lower.contains("read timed out") {
        // The next piece did not come in time for it: so it ends a line that is too slow.
        return Err(Unscanned::BrokenOff);
    }
    let of_the_file = lower.ends_with("error") && (lower.contains("limit") || lower.contains("broken data"));
    if of_the_file { Ok(Answer::Unfit) } else { Err(Unscanned::Failed) }
}

/// Waiting that ends when a stop is asked for, or patience is over.
struct Wait {
    since: Instant,
    patience: Duration,
}

impl Wait {
    fn new(patience: Duration) -> Self {
        Self { since: Instant::now(), patience }
    }

    fn on(&self, stop: &CancellationToken) -> Result<(), Unscanned> {
        if stop.is_cancelled() {
            return Err(Unscanned::Stopped);
        }
        if self.since.elapsed() >= self.patience { Err(Unscanned::Silent) } else { Ok(()) }
    }
}

fn is_wait(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}

/// Connects to a Unix socket, and does not wait for ever where the line before it is full.
fn unix(path: &Path, patience: Duration) -> io::Result<UnixStream> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    set_socket_timeout(&socket, Timeout::Send, Some(patience))?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket.into())
}

#[derive(Debug)]
enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Stream {
    fn tick(&self) -> io::Result<()> {
        match self {
            Self::Unix(stream) => {
                stream.set_read_timeout(Some(TICK))?;
                stream.set_write_timeout(Some(TICK))
            }
            Self::Tcp(stream) => {
                stream.set_read_timeout(Some(TICK))?;
                stream.set_write_timeout(Some(TICK))
            }
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.read(buffer),
            Self::Tcp(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.write_vectored(bytes),
            Self::Tcp(stream) => stream.write_vectored(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_word_is_clean() {
        for (text, answer) in [
            ("stream: OK", Ok(Answer::Clean)),
            ("stream: Kx.Test-1 FOUND", Ok(Answer::Found("Kx.Test-1".to_owned()))),
            ("stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND", Ok(Answer::Unfit)),
            ("INSTREAM size limit exceeded. ERROR", Ok(Answer::Unfit)),
            ("stream: Time limit reached ERROR", Ok(Answer::Unfit)),
            ("COMMAND READ TIMED OUT", Err(Unscanned::BrokenOff)),
            ("stream: Can't allocate memory ERROR", Err(Unscanned::Failed)),
            ("stream: OKAY", Err(Unscanned::Failed)),
            ("", Err(Unscanned::Failed)),
        ] {
            assert_eq!(parse(text), answer, "{text}");
        }
    }
}
