//! The malware scanner: clamd, to whom each file streams while it is opened.
//!
//! Nothing of the file is stored for it here. The answer counts only if the whole message opens: until then the scanner has
//! seen bytes that nothing vouches for, like everybody else. A scanner that is away says nothing about a file, so the parcel
//! waits.

mod clamd;
mod suspects;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use self::clamd::{Answer, Line};
use self::suspects::{Suspects, Suspicion};
use crate::domain::ids::MessageId;
use crate::domain::policy::Scan;

/// Bytes that go to the scanner at once, with their length before them.
const PIECE: usize = 64 * 1024;

/// How long one that works may take to say so.
const PING: Duration = Duration::from_secs(10);

/// Where the scanner listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A Unix socket.
    Socket(PathBuf),
    /// A port of this machine.
    Address(SocketAddr),
}

/// Why a file was not scanned: nothing about the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unscanned {
    /// Nobody listens.
    #[error("the malware scanner cannot be reached")]
    Away,
    /// No answer in time.
    #[error("the malware scanner does not answer in time")]
    Silent,
    /// The line ended without an answer.
    #[error("the malware scanner broke off")]
    BrokenOff,
    /// It says that it cannot work.
    #[error("the malware scanner cannot work")]
    Failed,
    /// We are stopping.
    #[error("stopped")]
    Stopped,
}

impl Unscanned {
    /// The stable code of the parcel's waiting.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Away => "scanner.away",
            Self::Silent => "scanner.silent",
            Self::BrokenOff => "scanner.broken-off",
            Self::Failed => "scanner.failed",
            Self::Stopped => "stopped",
        }
    }
}

/// The scanner.
#[derive(Debug)]
pub struct Scanner {
    place: Place,
    patience: Duration,
    outgoing: bool,
    is_away: AtomicBool,
    /// Whether somebody did not find it since it was last said that it is back.
    was_missed: AtomicBool,
    suspects: Suspects,
}

impl Scanner {
    /// A scanner at this place that is given up after so long a silence.
    pub fn new(place: Place, patience: Duration) -> Self {
        Self {
            place,
            patience,
            outgoing: false,
            is_away: AtomicBool::new(false),
            was_missed: AtomicBool::new(false),
            suspects: Suspects::default(),
        }
    }

    /// The same one, for what is sent too, or not.
    #[must_use]
    pub fn also_outgoing(self, outgoing: bool) -> Self {
        Self { outgoing, ..self }
    }

    /// Whether what is sent is scanned, too.
    pub const fn scans_outgoing(&self) -> bool {
        self.outgoing
    }

    /// Whether nobody answered when it was tried last.
    pub fn is_away(&self) -> bool {
        self.is_away.load(Ordering::SeqCst)
    }

    /// Whether it answers again since somebody did not find it, whoever that was. Says so once.
    pub fn is_back(&self) -> bool {
        !self.is_away() && self.was_missed.swap(false, Ordering::SeqCst)
    }

    /// Whether it is there and can work. Blocks.
    pub fn ping(&self, stop: &CancellationToken) -> Result<(), Unscanned> {
        let asked = Line::open(&self.place, self.patience.min(PING)).and_then(|mut line| line.ping(stop));
        if asked != Err(Unscanned::Stopped) {
            self.found(asked.is_ok());
        }
        asked
    }

    /// Begins a file. It ends early when a stop is asked for.
    pub fn begin<'a>(&'a self, stop: &'a CancellationToken) -> Scanning<'a> {
        Scanning { scanner: self, stop, piece: Vec::with_capacity(PIECE), state: State::Fresh, suspicion: None }
    }

    /// Begins a parcel that is here as a whole, so that nothing but the parcel makes the scanner break off: when it does so each time,
    /// the parcel is one that cannot be scanned. Blocks.
    pub fn begin_whole<'a>(&'a self, id: MessageId, stop: &'a CancellationToken) -> Result<Scanning<'a>, Unscanned> {
        let suspicion = self.suspects.look(id).ok_or(Unscanned::BrokenOff)?;
        if suspicion.is_one() {
            self.note(self.probe(stop))?;
        }
        Ok(Scanning { suspicion: Some(suspicion), ..self.begin(stop) })
    }

    /// Has a few bytes scanned that are harmless.
    fn probe(&self, stop: &CancellationToken) -> Result<(), Unscanned> {
        let mut line = Line::open(&self.place, self.patience)?;
        let early = line.begin(stop)?.is_some() || line.send(b"Kenpo eXpress", stop)?.is_some();
        if !early && line.end(stop)? == Answer::Clean { Ok(()) } else { Err(Unscanned::Failed) }
    }

    /// Remembers whether somebody listens.
    fn note<T>(&self, result: Result<T, Unscanned>) -> Result<T, Unscanned> {
        match &result {
            Ok(_) => self.found(true),
            Err(Unscanned::Away) => self.found(false),
            Err(_) => {}
        }
        result
    }

    fn found(&self, is_there: bool) {
        self.is_away.store(!is_there, Ordering::SeqCst);
        if !is_there {
            self.was_missed.store(true, Ordering::SeqCst);
        }
    }
}

/// A file on its way to the scanner: what is written is scanned.
#[derive(Debug)]
pub struct Scanning<'a> {
    scanner: &'a Scanner,
    stop: &'a CancellationToken,
    /// What is gathered.
    piece: Vec<u8>,
    state: State,
    /// What is known of the parcel, where it is one.
    suspicion: Option<Suspicion<'a>>,
}

#[derive(Debug)]
enum State {
    Fresh,
    Sending(Line),
    /// It has heard enough.
    Answered(Answer),
    Failed(Unscanned),
}

impl Scanning<'_> {
    /// Why nothing will come of it, if that is known already.
    pub const fn trouble(&self) -> Option<Unscanned> {
        match self.state {
            State::Failed(trouble) => Some(trouble),
            State::Fresh | State::Sending(_) | State::Answered(_) => None,
        }
    }

    /// Everything was written: what the scanner says of it. Blocks until then.
    pub fn finish(mut self) -> Result<Scan, Unscanned> {
        // An empty file is scanned, too.
        self.send()?;
        let answer = match self.state {
            State::Sending(mut line) => match self.scanner.note(line.end(self.stop)) {
                Err(Unscanned::BrokenOff) if self.suspicion.as_ref().is_some_and(Suspicion::broke) => Answer::Unfit,
                ended => ended?,
            },
            State::Answered(answer) => answer,
            State::Failed(trouble) => return Err(trouble),
            State::Fresh => return Err(Unscanned::Failed),
        };
        if let Some(suspicion) = &self.suspicion {
            suspicion.answered();
        }
        Ok(match answer {
            Answer::Clean => Scan::Clean,
            Answer::Found(name) => Scan::Found { name },
            Answer::Unfit => Scan::Failed,
        })
    }

    /// Sends what is gathered. What comes after an answer is not sent any more.
    fn send(&mut self) -> Result<(), Unscanned> {
        if let Some(trouble) = self.trouble() {
            return Err(trouble);
        }
        let sent = self.try_send();
        self.piece.clear();
        match self.scanner.note(sent) {
            Ok(None) => Ok(()),
            Ok(Some(answer)) => {
                self.state = State::Answered(answer);
                Ok(())
            }
            // The rest is read all the same: what it is, is to be known.
            Err(Unscanned::BrokenOff) if self.suspicion.as_ref().is_some_and(Suspicion::broke) => {
                self.state = State::Answered(Answer::Unfit);
                Ok(())
            }
            Err(trouble) => {
                self.state = State::Failed(trouble);
                Err(trouble)
            }
        }
    }

    fn try_send(&mut self) -> Result<Option<Answer>, Unscanned> {
        if matches!(self.state, State::Fresh) {
            let mut line = Line::open(&self.scanner.place, self.scanner.patience)?;
            let refused = line.begin(self.stop)?;
            self.state = State::Sending(line);
            if refused.is_some() {
                return Ok(refused);
            }
        }
        match &mut self.state {
            State::Sending(line) => line.send(&self.piece, self.stop),
            State::Fresh | State::Answered(_) | State::Failed(_) => Ok(None),
        }
    }
}

impl Write for Scanning<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..taken]);
        if self.piece.len() == PIECE {
            self.send().map_err(io::Error::other)?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        // Small pieces would only cost: what is gathered goes at the end.
        Ok(())
    }
}
