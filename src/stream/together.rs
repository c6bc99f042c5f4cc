//! Several files made durable at the same time, each by itself: what else is on its way to the disk is left alone.

use std::fs::File;
use std::io;
use std::thread;

/// Threads that wait for the disk. A journal takes what comes at the same time in one go.
const THREADS: usize = 8;

/// Makes the bytes of these files durable. One answer for each, in their order. Blocks.
pub fn sync_each(files: &[&File]) -> Vec<io::Result<()>> {
    let share = files.len().div_ceil(THREADS).max(1);
    let sync = |files: &[&File]| files.iter().map(|file| file.sync_all()).collect::<Vec<_>>();
    if files.len() <= 1 {
        return sync(files);
    }
    thread::scope(|scope| {
        let threads: Vec<_> = files.chunks(share).map(|files| scope.spawn(move || sync(files))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("waiting for the disk does not panic")).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;

    #[test]
    #[cfg(target_os = "linux")]
    fn each_is_answered_for_in_its_place() {
        let folder = tempfile::tempdir().unwrap();
        for count in [0, 1, 2, 7, 8, 9, 64, 65] {
            let mut files: Vec<_> =
                (0..count).map(|number| File::create(folder.path().join(format!("{number}"))).unwrap()).collect();
            // Nothing that could be made durable.
            if let Some(last) = files.last_mut() {
                *last = OpenOptions::new().write(true).open("/dev/null").unwrap();
            }
            let answers = sync_each(&files.iter().collect::<Vec<_>>());
            let failed: Vec<_> = answers.iter().map(Result::is_err).collect();
            let expected: Vec<_> = (1..=count).map(|number| number == count).collect();
            assert_eq!(failed, expected);
        }
    }
}
