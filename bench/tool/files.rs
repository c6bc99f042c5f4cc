//! A folder's files, worked on by every core.

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::{Many, Result};

/// Calls `work` with each file of the input folder, opened, and its place in the output folder, created.
pub(crate) fn each(many: &Many, work: impl Fn(File, File) -> Result<()> + Sync) -> Result<()> {
    let mut names: Vec<PathBuf> = fs::read_dir(&many.input)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::result::Result<_, _>>()?;
    names.sort();
    let next = AtomicUsize::new(0);
    let worker = || -> Result<()> {
        while let Some(path) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
            let name = path.file_name().expect("a folder's entry has a name");
            work(File::open(path)?, File::create(many.output.join(name))?)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..many.threads.unwrap_or_else(cores)).map(|_| scope.spawn(worker)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("a worker does not panic"))
    })
}

/// How many threads can run at once.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
