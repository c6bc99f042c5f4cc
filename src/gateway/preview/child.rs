//! The process that looks at a file: the program itself, started again, with nothing but its three descriptors.

use std::fs::File;
use std::io::{self, BufWriter, Read};
use std::process::ExitCode;

use super::confine::confine;
use super::frame::Header;
use super::{limits, look};

/// The argument that makes a program this process. Nobody types it.
pub(super) const ARGUMENT: &str = "preview-child";
/// Bytes of the line about the file.
const HEADER: u64 = 4096;

/// Does the work of the child if the program was started for that, which is the first thing that a program finds out: before there
/// are threads, and before it reads anything.
pub fn run_if_asked() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let is_asked = arguments.next()? == ARGUMENT && arguments.next().is_none();
    is_asked.then(|| if run().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run() -> io::Result<()> {
    // What a panic says may be what is in the file.
    std::panic::set_hook(Box::new(|_| {}));
    let font = confine()?;
    #[cfg(feature = "failpoints")]
    super::escape::attempt();
    work(font)
}

fn work(font: Option<File>) -> io::Result<()> {
    let mut bytes = Vec::new();
    io::stdin().lock().take(HEADER + limits::INPUT).read_to_end(&mut bytes)?;
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or(io::ErrorKind::InvalidData)?;
    let header: Header = serde_json::from_slice(&bytes[..end])?;
    look::look(&header, &bytes[end + 1..], font, &mut BufWriter::new(io::stdout().lock()))
}
