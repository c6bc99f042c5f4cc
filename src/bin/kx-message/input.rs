//! Where the bytes come from, with a progress bar on a terminal.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};

use crate::failure::Failure;

/// Opens a file, or standard input.
pub(crate) fn open(path: &Path) -> Result<Box<dyn Read + Send>, Failure> {
    if path == Path::new("-") {
        return Ok(with_progress(io::stdin(), None));
    }
    let file = File::open(path).map_err(Failure::file(path))?;
    let metadata = file.metadata().map_err(Failure::file(path))?;
    Ok(with_progress(file, metadata.is_file().then_some(metadata.len())))
}

fn with_progress(input: impl Read + Send + 'static, size: Option<u64>) -> Box<dyn Read + Send> {
    if !io::stderr().is_terminal() {
        return Box::new(input);
    }
    let bar = size.map_or_else(ProgressBar::new_spinner, |size| {
        let style = ProgressStyle::with_template("{bar:40} {bytes} / {total_bytes}  {bytes_per_sec}  {eta}");
        ProgressBar::new(size).with_style(style.expect("the template is well-formed"))
    });
    Box::new(bar.wrap_read(input))
}
