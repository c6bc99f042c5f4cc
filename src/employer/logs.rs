//! What the union may be sent when something does not work: a ZIP with what is known about this PC and no secrets.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use zip::write::SimpleFileOptions;

use super::doctor::Finding;

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

/// Writes a ZIP that was not there before: the version, what the doctor found, and which files of ours are in the folder, by
/// name and size. No key, password, PIN or content is in it, and no name of a file that was sent. Blocks.
pub fn pack(home: &Path, version: &str, findings: &[Finding], out: &Path) -> Result<(), LogsError> {
    write(home, version, findings, out).map_err(|cause| LogsError { path: out.to_owned(), cause })
}

fn write(home: &Path, version: &str, findings: &[Finding], out: &Path) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(out)?;
    let mut zip = zip::ZipWriter::new(file);
    let doctor = serde_json::to_string_pretty(findings).expect("findings are plain data");
    for (name, text) in [("version.txt", version), ("doctor.json", &doctor), ("files.txt", &files(home)?)] {
        zip.start_file(name, SimpleFileOptions::default())?;
        zip.write_all(text.as_bytes())?;
    }
    zip.finish()?.sync_all()
}

/// Names in the folder and in those of messages, which are named by their ids.
fn files(home: &Path) -> io::Result<String> {
    let mut lines = Vec::new();
    for folder in [home.to_owned(), home.join("sent"), home.join("outbox")] {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let entry = entry?;
            let name = entry.path();
            // Whatever else somebody keeps there is nobody's business.
            if name
                .extension()
                .is_none_or(|kind| !["json", "box", "crl", "kxm", "part", "lock"].iter().any(|ours| kind == *ours))
            {
                continue;
            }
            let shown = name.strip_prefix(home).unwrap_or(&name).display().to_string();
            lines.push(format!("{:>12} {shown}\n", entry.metadata()?.len()));
        }
    }
    lines.sort();
    Ok(lines.concat())
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
        fs::write(home.join("sent/0191e3c4.json"), "secret-4711").unwrap();
        fs::write(home.join("給与.csv"), "secret-4711").unwrap();
        let out = folder.path().join("logs.zip");
        pack(&home, "1.0", &[], &out).unwrap();
        let mut zip = zip::ZipArchive::new(fs::File::open(&out).unwrap()).unwrap();
        let mut all = String::new();
        for index in 0..zip.len() {
            all += &io::read_to_string(zip.by_index(index).unwrap()).unwrap();
        }
        assert!(all.contains("11 keys.box") && all.contains("sent/0191e3c4.json"), "{all}");
        assert!(!all.contains("4711") && !all.contains("給与"), "{all}");
        assert!(pack(&home, "1.0", &[], &out).is_err(), "nothing is written over");
    }
}
