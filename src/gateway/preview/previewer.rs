//! Starts a child for each file, feeds it, and hears it within a time.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::child::ARGUMENT;
use super::frame::{self, Frame, Header};
use super::limits;
use super::shown::{Page, Pages, Preview, Refusal};

/// Children side by side.
const CHILDREN: usize = 2;
/// How long one may take from the last byte of the file on.
const DEADLINE: Duration = Duration::from_secs(10);
/// How long somebody waits for the turn.
const QUEUE: Duration = Duration::from_secs(20);

/// What makes previews. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Previewer {
    program: PathBuf,
    deadline: Duration,
    turns: Arc<Semaphore>,
}

/// What is known of a file beside its bytes.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Its name: a hint.
    pub name: Option<String>,
    /// Its length in bytes.
    pub size: u64,
}

/// Where the bytes of a file go. Takes all of them, and passes on as many as are looked at.
#[derive(Debug)]
pub struct Intake {
    input: Option<ChildStdin>,
    left: u64,
}

impl Previewer {
    /// By the program that runs now: [`run_if_asked`](super::run_if_asked) stands at its beginning. It is found also when a newer one
    /// has been put in its place.
    pub fn of_this_program() -> Self {
        Self::new(PathBuf::from("/proc/self/exe"))
    }

    /// By this program.
    pub fn new(program: PathBuf) -> Self {
        Self { program, deadline: DEADLINE, turns: Arc::new(Semaphore::new(CHILDREN)) }
    }

    /// With another time that one file may take.
    #[must_use]
    pub fn within(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Shows a file. `fill` writes its bytes; only when it says that they are good are they looked at.
    ///
    /// # Errors
    /// Those of `fill`. That the file cannot be shown is no error but a [`Preview::Refused`].
    pub async fn show<E, F>(&self, subject: Subject, fill: F) -> Result<Preview, E>
    where
        E: Send + 'static,
        F: FnOnce(Intake) -> Result<Intake, E> + Send + 'static,
    {
        let Ok(Ok(turn)) = tokio::time::timeout(QUEUE, Arc::clone(&self.turns).acquire_owned()).await else {
            return Ok(Preview::Refused(Refusal::Busy));
        };
        let (program, deadline) = (self.program.clone(), self.deadline);
        let work = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            run(program, deadline, &subject, fill)
        });
        work.await.unwrap_or(Ok(Preview::Refused(Refusal::Stopped)))
    }
}

fn run<E>(
    program: PathBuf,
    deadline: Duration,
    subject: &Subject,
    fill: impl FnOnce(Intake) -> Result<Intake, E>,
) -> Result<Preview, E> {
    let mut command = Command::new(program);
    command.arg(ARGUMENT).env_clear().current_dir("/");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = match command.spawn() {
        Ok(child) => Guarded(child),
        Err(error) => {
            tracing::error!(code = "preview.child", error = &error as &dyn std::error::Error, "a preview cannot start");
            return Ok(Preview::Refused(Refusal::Stopped));
        }
    };
    let mut output = child.0.stdout.take().expect("the child was started with a pipe");
    let (said, heard) = channel();
    thread::scope(|scope| {
        // Ends with the child at the latest: then nobody holds the other end.
        scope.spawn(move || {
            while let Ok(frame) = frame::read(&mut output) {
                let is_end = matches!(frame, Frame::End);
                if said.send(frame).is_err() || is_end {
                    return;
                }
            }
        });
        let intake = Intake::begin(child.0.stdin.take(), subject);
        let filled = fill(intake);
        let preview = filled.map(|intake| {
            // The end of its input is where the child begins.
            drop(intake);
            hear(&heard, Instant::now() + deadline)
        });
        child.end();
        preview
    })
}

/// Hears the child out, and no longer than until then.
fn hear(heard: &Receiver<Frame>, until: Instant) -> Preview {
    let mut shown: Option<Preview> = None;
    let broken = loop {
        match heard.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(Frame::What(what)) if shown.is_none() => shown = Some(*what),
            Ok(Frame::Picture(png)) => match (&mut shown, page(png)) {
                (Some(Preview::Pages(pages)), Some(page)) if pages.pages.len() < limits::PAGES => {
                    pages.pages.push(page);
                }
                _ => break Some(Refusal::Stopped),
            },
            Ok(Frame::End) => break None,
            Ok(Frame::What(_)) | Err(RecvTimeoutError::Disconnected) => break Some(Refusal::Stopped),
            Err(RecvTimeoutError::Timeout) => break Some(Refusal::TooSlow),
        }
    };
    match (shown, broken) {
        // What is painted is shown, though a later page cannot be.
        (Some(Preview::Pages(Pages { pages, .. })), broken) if pages.is_empty() => {
            Preview::Refused(broken.unwrap_or(Refusal::Damaged))
        }
        (Some(preview @ Preview::Pages(_)), _) | (Some(preview), None) => preview,
        (_, broken) => Preview::Refused(broken.unwrap_or(Refusal::Stopped)),
    }
}

/// A picture, if it is a PNG of a size that we make.
fn page(png: Vec<u8>) -> Option<Page> {
    let size = |at: usize| Some(u32::from_be_bytes(png.get(at..at + 4)?.try_into().ok()?));
    let is_png = png.starts_with(b"\x89PNG\r\n\x1a\n") && png.get(12..16) == Some(b"IHDR");
    let (width, height) = (size(16)?, size(20)?);
    // One that was turned is as wide as it would be high.
    let most = limits::WIDTH.max(limits::HEIGHT);
    let is_sound = is_png && (1..=most).contains(&width) && (1..=most).contains(&height);
    is_sound.then_some(Page { width, height, png })
}

/// A child that never outlives what it was started for.
struct Guarded(Child);

impl Guarded {
    fn end(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.end();
    }
}

impl Intake {
    fn begin(input: Option<ChildStdin>, subject: &Subject) -> Self {
        let header = Header { name: subject.name.clone(), size: subject.size };
        let mut line = serde_json::to_vec(&header).expect("a name and a number can be written as JSON");
        line.push(b'\n');
        let mut intake = Self { input, left: limits::INPUT + line.len() as u64 };
        intake.pass_on(&line);
        intake
    }

    /// Whoever has ended needs no more; the rest of the file is still verified.
    fn pass_on(&mut self, bytes: &[u8]) {
        let take = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= take as u64;
        if let Some(input) = &mut self.input
            && input.write_all(&bytes[..take]).is_err()
        {
            self.input = None;
        }
    }
}

impl Write for Intake {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pass_on(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
