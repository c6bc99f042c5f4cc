//! What the union may be sent when something does not work: a ZIP with what is known about this PC and no secrets.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use zip::write::SimpleFileOptions;

use super::doctor::{Finding, Health};
use super::journal;
use crate::domain::ids::MessageId;
use crate::stream::platform;

/// Files of ours, by name, in a home folder.
const OURS: &[&str] = &[
    "employer.toml",
    "identity.json",
    "keys.box",
    "device.json",
    "certificates.json",
    "session.json",
    "revoked.crl",
    "kit.json",
    "setup.json",
    "renewal.json",
    "inbox.json",
    "stream.json",
    "seen.json",
    "lock",
    "setup.lock",
];

/// Why there is no ZIP.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be written", path.display())]
pub struct LogsError {
    /// Where to.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub cause: io::Error,
}

/// Writes a ZIP that was not there before: the version, what the doctor found, the log files, and which files of ours are
/// in the folder, by name and size. No key, password, PIN or content is in it, and no name of a file that was sent. Blocks.
pub fn pack(home: &Path, version: &str, findings: &[Finding], out: &Path) -> Result<(), LogsError> {
    write(home, version, findings, out).map_err(|cause| LogsError { path: out.to_owned(), cause })
}

fn write(home: &Path, version: &str, findings: &[Finding], out: &Path) -> io::Result<()> {
    let file = platform::private(OpenOptions::new().write(true).create_new(true)).open(out)?;
    let mut zip = zip::ZipWriter::new(file);
    let told: Vec<_> = findings.iter().map(for_the_union).collect();
    let doctor = serde_json::to_string_pretty(&told).expect("findings are plain data");
    for (name, text) in [("version.txt", version), ("doctor.json", &doctor), ("files.txt", &files(home))] {
        zip.start_file(name, SimpleFileOptions::default())?;
        zip.write_all(text.as_bytes())?;
    }
    for path in journal::files(home) {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        // Another process may have moved it on since it was listed.
        let Ok(mut log) = File::open(&path) else { continue };
        zip.start_file(format!("{}/{name}", journal::FOLDER), SimpleFileOptions::default())?;
        io::copy(&mut log, &mut zip)?;
    }
    zip.finish()?.sync_all()
}

/// What is wrong with settings or a kit may name files of this PC: that is for the screen only.
fn for_the_union(finding: &Finding) -> Finding {
    let names_files = ["settings", "kit"].contains(&finding.check) && finding.result == Health::Bad;
    let blank = || "-".to_owned();
    if names_files { Finding { found: blank(), found_en: blank(), ..finding.clone() } } else { finding.clone() }
}

/// Names and sizes of our files. Whatever else somebody keeps there is nobody's business.
fn files(home: &Path) -> String {
    let is_ours = |name: &str| OURS.contains(&name);
    let is_id = |stem: &str| stem.split('_').next().is_some_and(|id| id.parse::<MessageId>().is_ok());
    let is_message = |name: &str| name.split_once('.').is_some_and(|(stem, _)| is_id(stem));
    let at_home = ["", "new/"].map(|folder| names(home, folder, is_ours));
    let messages =
        ["sent/", "outbox/", "inbox/", "received/", "quarantine/"].map(|folder| names(home, folder, is_message));
    let mut lines = [at_home.concat(), messages.concat()].concat();
    lines.sort();
    lines.concat()
}

fn names(home: &Path, folder: &str, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let entries = fs::read_dir(home.join(folder)).into_iter().flatten().flatten();
    let line = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().ok().filter(|name| wanted(name))?;
        let length = entry.metadata().map_or_else(|_| "?".to_owned(), |found| found.len().to_string());
        Some(format!("{length:>12} {folder}{name}\n"))
    };
    entries.filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_sizes_are_in_it_and_nothing_of_what_is_inside() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        fs::create_dir_all(home.join("sent")).unwrap();
        fs::write(home.join("keys.box"), "secret-4711").unwrap();
        fs::write(home.join("sent/0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f6.json"), "secret-4711").unwrap();
        for folder in ["inbox", "received", "quarantine"] {
            fs::create_dir(home.join(folder)).unwrap();
            fs::write(home.join(folder).join("0191e3c4-7a5b-7c3d-8e4f-a1b2c3d4e5f6_1.kxm"), "secret-4711").unwrap();
            fs::write(home.join(folder).join("給与.kxm"), "secret-4711").unwrap();
        }
        fs::write(home.join("給与.csv"), "secret-4711").unwrap();
        fs::write(home.join("給与.json"), "secret-4711").unwrap();
        fs::create_dir(home.join("log")).unwrap();
        fs::write(home.join("log/kx-employer.log"), "one line\n").unwrap();
        let out = folder.path().join("logs.zip");
        pack(&home, "1.0", &[], &out).unwrap();
        let mut zip = zip::ZipArchive::new(fs::File::open(&out).unwrap()).unwrap();
        let mut all = String::new();
        for index in 0..zip.len() {
            all += &io::read_to_string(zip.by_index(index).unwrap()).unwrap();
        }
        assert!(all.contains("11 keys.box") && all.contains("sent/0191e3c4-") && all.contains("one line"), "{all}");
        assert!(all.contains("quarantine/0191e3c4-") && all.contains("received/") && all.contains("inbox/"), "{all}");
        assert!(!all.contains("4711") && !all.contains("給与"), "{all}");
        assert!(pack(&home, "1.0", &[], &out).is_err(), "nothing is written over");
    }
}
