//! Disks and folders: room, writing, and whose they are.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::super::places;
use crate::domain::clock::Random;
use crate::runtime::clock::SystemRandom;
use crate::runtime::finding::{Finding, Health};
use crate::stream::platform;

/// The key whose folders are for another account, too: how open they are is agreed with that one.
pub const HANDOFF: &str = "handoff.folder";

/// Whether there is room on the disk of each of these folders; folders on one disk are one. Blocks.
pub fn rooms(folders: &[(&str, PathBuf)], reserve: u64) -> Vec<Finding> {
    let mut seen = Vec::new();
    let mut is_new = |folder: &Path| {
        let near = folder.ancestors().find_map(|above| fs::metadata(above).ok());
        let device = near.map(|found| found.dev());
        let is_new = !seen.contains(&device);
        seen.push(device);
        is_new
    };
    folders.iter().filter(|(_, folder)| is_new(folder)).map(|(_, folder)| room(folder, reserve)).collect()
}

/// Whether there is room on the disk of a folder. Blocks.
pub fn room(folder: &Path, reserve: u64) -> Finding {
    const CHECK: &str = "disk.room";
    let mib = |bytes: u64| bytes >> 20;
    let near = folder.ancestors().find(|above| above.exists()).unwrap_or(Path::new("/"));
    let free = match platform::free_space(near) {
        Ok(free) => free.unwrap_or(u64::MAX),
        Err(error) => return unreadable(CHECK, near, &error),
    };
    let finding = Finding::good(
        CHECK,
        format!("{} のディスクの空き {} MiB（予約 {} MiB）", folder.display(), mib(free), mib(reserve)),
        format!("{} MiB are free at {}, of which {} MiB are kept", mib(free), folder.display(), mib(reserve)),
    );
    if free <= reserve {
        let means = ("新しいファイルは受け取れません。", "Nothing new is taken in.");
        return finding.means(means.0, means.1).todo(
            Health::Bad,
            "ディスクを空けるか増やしてください。",
            "Free some room, or give it a larger disk.",
        );
    }
    if free < reserve.saturating_mul(2) {
        return finding.todo(
            Health::Warning,
            "空きが予約の2倍を切りました。早めに増やしてください。",
            "Less than twice the reserve is free: give it more room soon.",
        );
    }
    finding
}

/// Whether a file can be written, made durable and renamed in each of these folders. Blocks.
pub fn writing(folders: &[(&str, PathBuf)]) -> Vec<Finding> {
    const CHECK: &str = "disk.write";
    let mut findings = Vec::new();
    for (key, folder) in folders {
        let is_there = folder.try_exists();
        if let Err(error) = &is_there {
            findings.push(unreadable(CHECK, folder, error));
        } else if is_there.is_ok_and(|is_there| !is_there) {
            let shown = folder.display();
            let made =
                Finding::good(CHECK, format!("{shown} はまだありません"), format!("{shown} is not there yet ({key})"));
            findings.push(made.todo(
                Health::Warning,
                "最初の起動時に作られます。init がまだなら実行してください。",
                "It is made at the first start; run init if that was not done.",
            ));
        } else if let Err(error) = try_out(folder) {
            findings.push(unreadable(CHECK, folder, &error));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::good(
            CHECK,
            "すべてのフォルダーに書き込み、確定、改名ができます",
            "every folder can be written to, synced and renamed in",
        ));
    }
    findings
}

fn try_out(folder: &Path) -> io::Result<()> {
    // Names that nobody can foresee, and a file that is new: whoever may write in the folder must not lead root elsewhere by a link.
    let mut unforeseeable = [0; 8];
    SystemRandom.fill(&mut unforeseeable);
    let name = |end: &str| folder.join(format!(".doctor-{}.{end}", hex::encode(unforeseeable)));
    let (first, second) = (name("tmp"), name("done"));
    let mut file = platform::private(fs::OpenOptions::new().write(true).create_new(true)).open(&first)?;
    let done = (|| {
        file.write_all(b"kx")?;
        file.sync_all()?;
        fs::rename(&first, &second)?;
        platform::sync_folder(folder)
    })();
    // Whichever of the two is there.
    let _ = (fs::remove_file(&first), fs::remove_file(&second));
    done
}

fn unreadable(check: &'static str, path: &Path, error: &io::Error) -> Finding {
    let shown = path.display();
    let found =
        Finding::good(check, format!("{shown} を使えません: {error}"), format!("{shown} cannot be used: {error}"));
    found.todo(
        Health::Bad,
        "フォルダーの所有者と権限、ディスクの状態を確認してください。サービスと同じアカウントで実行していますか。",
        "Look at its owner, its permissions and the disk. Is this run by the account of the service?",
    )
}

/// Owners and permissions of secret files, of their folders and of data folders. Root looks at them as the service. Blocks.
pub fn permissions(
    secrets: &[(&str, &Path)],
    folders: &[(&str, PathBuf)],
    service: Option<places::Service>,
) -> Vec<Finding> {
    const CHECK: &str = "permissions";
    let own = rustix::process::geteuid().as_raw();
    let mut findings = Vec::new();
    for (key, path) in secrets {
        let Ok(found) = fs::metadata(path) else { continue };
        let shown = path.display();
        let owners = [Some(0), Some(own), service.map(places::Service::user)];
        let is_ours = |found: &fs::Metadata| owners.contains(&Some(found.uid()));
        let folder = path.parent().and_then(|folder| fs::metadata(folder).ok());
        if !is_ours(&found) || folder.is_some_and(|folder| !is_ours(&folder) || folder.mode() & 0o022 != 0) {
            let foreign = format!("{shown} またはそのフォルダーを、別のアカウントが書き換えられます");
            let foreign = Finding::good(CHECK, foreign, format!("another account can replace {shown} ({key})"));
            findings.push(foreign.todo(
                Health::Bad,
                "ファイルとフォルダーの所有者を root かサービスのアカウントにし、グループと他の人の書き込みを禁じてください（chown、chmod go-w）。",
                "Give file and folder to root or to the service's account, and let nobody else write there (chown, chmod go-w).",
            ));
        }
        if let Some(mode) = places::openness(&found) {
            let open = format!("{shown} が他の人に開かれています（{mode:04o}）");
            let open = Finding::good(CHECK, open, format!("{shown} is too open: mode {mode:04o} ({key})"));
            findings.push(
                open.means(
                    "鍵や秘密を他のアカウントが読める、または変えられます。",
                    "Other accounts can read or change a secret.",
                )
                .todo(
                    Health::Bad,
                    format!("chmod 600 {shown}（または 640）"),
                    format!("chmod 600 {shown}, or 640"),
                ),
            );
        }
    }
    for (key, folder) in folders.iter().filter(|(key, _)| *key != HANDOFF) {
        let Ok(found) = fs::metadata(folder) else { continue };
        let shown = folder.display();
        if found.mode() & 0o027 != 0 {
            let open = format!("{shown} が他の人に開かれています（{:04o}）", found.mode() & 0o7777);
            let open = Finding::good(CHECK, open, format!("{shown} is open to others ({key})"));
            findings.push(open.todo(Health::Warning, format!("chmod 700 {shown}"), format!("chmod 700 {shown}")));
        }
        if found.uid() != own && own != 0 {
            let other = format!("{shown} は別のアカウント（uid {}）のものです", found.uid());
            let other = Finding::good(CHECK, other, format!("{shown} belongs to uid {} and not to {own}", found.uid()));
            findings.push(other.todo(
                Health::Bad,
                "サービスのアカウントで実行するか、所有者を直してください（chown）。",
                "Run this as the account of the service, or correct the owner (chown).",
            ));
        }
    }
    if findings.is_empty() {
        let good = ("鍵とフォルダーの権限は適切です", "keys and folders are for their account only");
        findings.push(Finding::good(CHECK, good.0, good.1));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_tried_out_and_left_as_they_were() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("none");
        let findings = writing(&[("a", dir.path().to_owned()), ("b", missing)]);
        assert_eq!(findings.len(), 1);
        assert_eq!((findings[0].check, findings[0].result), ("disk.write", Health::Warning));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        assert_eq!(writing(&[("proc", PathBuf::from("/proc"))])[0].result, Health::Bad);
    }

    #[test]
    fn room_is_judged_by_the_reserve() {
        let dir = tempfile::tempdir().unwrap();
        let free = platform::free_space(dir.path()).unwrap().unwrap();
        assert_eq!(room(dir.path(), 0).result, Health::Good);
        assert_eq!(room(dir.path(), free - free / 4).result, Health::Warning);
        assert_eq!(room(&dir.path().join("none"), u64::MAX).result, Health::Bad);
        let places = [dir.path().join("a"), dir.path().to_owned(), PathBuf::from("/proc")].map(|place| ("k", place));
        assert_eq!(rooms(&places, 0).len(), 2, "one line for each disk");
    }
}
