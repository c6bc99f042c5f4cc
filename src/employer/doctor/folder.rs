//! The folder: can it be written to, is its path short enough, is it on a drive of this PC.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{Finding, Health};
use crate::stream::platform::{self, Drive};

/// Most characters of the folder's path, as the manual has it.
const MAX_PATH: usize = 70;

/// Names that folders of cloud services have, in lower case. A service's folder is often followed by a company's name.
const CLOUD: &[&str] = &[
    "onedrive",
    "dropbox",
    "google drive",
    "googledrive",
    "my drive",
    "マイドライブ",
    "box",
    "box sync",
    "icloud",
    "icloud drive",
    "iclouddrive",
    "cloudstorage",
    "nextcloud",
    "sharepoint",
];

/// The folder, or before it is made the one that it will be made in.
pub(super) fn nearest(folder: &Path) -> &Path {
    let there = folder.ancestors().find(|path| path.is_dir());
    there.unwrap_or(if folder.is_absolute() { folder } else { Path::new(".") })
}

/// Section 3.2: make a folder, make a file, write to it, write over it, delete both.
pub(super) fn write(folder: &Path) -> Finding {
    const CHECK: &str = "folder.write";
    match try_out(folder) {
        Ok(()) => Finding::good(
            CHECK,
            "フォルダーとファイルの作成・編集・削除ができます",
            "folders and files can be made, written and deleted",
        ),
        Err((step, error)) => Finding::good(CHECK, format!("{}: {error}", step.0), format!("{}: {error}", step.1))
            .todo(
                Health::Bad,
                "KX を利用するための権限が不足しています。社内のシステムご担当者へご相談ください。",
                "Permissions are missing: ask whoever looks after this PC.",
            ),
    }
}

type Step = (&'static str, &'static str);

fn try_out(folder: &Path) -> Result<(), (Step, io::Error)> {
    let at = |step: Step| move |error| (step, error);
    let inner = folder.join(format!(".kx-doctor-{}", std::process::id()));
    let file = folder.join(format!(".kx-doctor-{}.txt", std::process::id()));
    fs::create_dir(&inner).map_err(at(("フォルダーを作成できません", "a folder cannot be made")))?;
    let written = || {
        fs::write(&file, b"12345").map_err(at(("ファイルを作成できません", "a file cannot be made")))?;
        let over = fs::OpenOptions::new().write(true).truncate(true).open(&file);
        over.and_then(|mut over| over.write_all(b"67890").and_then(|()| over.sync_all()))
            .map_err(at(("ファイルを上書きできません", "a file cannot be written over")))?;
        fs::remove_file(&file).map_err(at(("ファイルを削除できません", "a file cannot be deleted")))
    };
    let outcome = written();
    let removed = fs::remove_dir(&inner).map_err(at(("フォルダーを削除できません", "a folder cannot be deleted")));
    outcome.and(removed)
}

/// Section 2.2: at most 70 characters.
pub(super) fn path_length(folder: &Path) -> Finding {
    // As it is shown to people: resolved, Windows puts four characters before it.
    let path = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let length = path.to_string_lossy().chars().count();
    let finding = Finding::good(
        "folder.path",
        format!("フォルダーパスは {length} 文字です（{MAX_PATH} 文字以下）"),
        format!("the path has {length} characters of at most {MAX_PATH}"),
    );
    if length <= MAX_PATH {
        return finding;
    }
    finding.todo(
        Health::Bad,
        "kenpoexpress フォルダーまでのパスが 70 文字以下になる場所に移してください。",
        "Move the folder to a place whose path has at most 70 characters.",
    )
}

/// Section 2.2: a local drive, and none that a cloud service keeps a copy of.
pub(super) fn local_drive(folder: &Path) -> Finding {
    const CHECK: &str = "folder.local";
    let path = absolute(folder);
    if let Some(name) = cloud_folder(&path) {
        return Finding::good(
            CHECK,
            format!("クラウドサービスと同期しているフォルダーの中です: {name}"),
            format!("it is inside a folder that a cloud service keeps a copy of: {name}"),
        )
        .todo(
            Health::Bad,
            "同期の対象外のフォルダーに移すか、このフォルダーを同期の対象外に設定してください。",
            "Move it out of there, or take it out of what is synchronised.",
        );
    }
    match platform::drive(&path) {
        Drive::Network(name) => Finding::good(
            CHECK,
            format!("ネットワークドライブ ({name}) です"),
            format!("it is on a network drive ({name})"),
        )
        .todo(
            Health::Bad,
            "このパソコンのローカルドライブに移してください。",
            "Move it to a local drive of this PC.",
        ),
        Drive::Unsure(kind) => Finding::good(
            CHECK,
            format!("ローカルドライブか確認できません ({kind})"),
            format!("whether the drive is local cannot be seen ({kind})"),
        )
        .todo(
            Health::Warning,
            "オンラインストレージやネットワークドライブでないことを確認してください。",
            "Make sure that it is no online storage and no network drive.",
        ),
        Drive::Local => Finding::good(CHECK, "ローカルドライブにあります", "it is on a local drive"),
    }
}

/// Whether what we write there is for this user only.
pub(super) fn private(folder: &Path) -> Finding {
    const CHECK: &str = "folder.private";
    if platform::shields_files(&absolute(folder)) {
        return Finding::good(CHECK, "ファイルは本人だけが読めます", "files are readable for their owner only");
    }
    Finding::good(
        CHECK,
        "このパソコンのほかの利用者がファイルを読める場所です",
        "other users of this PC may read files in this place",
    )
    .todo(
        Health::Warning,
        "このパソコンをほかの人も使う場合は、自分のユーザーフォルダーの中に移してください。",
        "If others use this PC too, move it into your own user folder.",
    )
}

/// The cloud service in whose folder a path is; what else stands in the folder's name is left out.
fn cloud_folder(path: &Path) -> Option<&'static str> {
    let mut parts = path.components().map(|part| part.as_os_str().to_string_lossy().to_lowercase());
    parts.find_map(|part| {
        // "OneDrive - 株式会社見本", "Dropbox (個人)"
        let names = |name: &str| {
            part.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '-', '(']))
        };
        CLOUD.iter().copied().find(|name| names(name))
    })
}

fn absolute(folder: &Path) -> PathBuf {
    folder.canonicalize().or_else(|_| std::path::absolute(folder)).unwrap_or_else(|_| folder.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_cloud_services_are_known_by_their_names() {
        for path in [
            "/Users/hanako/OneDrive - 株式会社見本/kenpoexpress",
            "/home/hanako/Dropbox/kx",
            "/mnt/c/Users/a/Box/kx",
            "/Users/a/Library/CloudStorage/x",
            "/home/a/Google Drive/マイドライブ/kx",
        ] {
            assert!(cloud_folder(Path::new(path)).is_some(), "{path}");
        }
        for path in ["/home/hanako/kenpoexpress", "/srv/mailbox/kx", "/home/boxer/inbox", "/data/boxes"] {
            assert_eq!(cloud_folder(Path::new(path)), None, "{path}");
        }
    }

    #[test]
    fn a_path_of_seventy_characters_is_the_longest() {
        let folder = |length: usize| PathBuf::from(format!("/nowhere-{}", "件".repeat(length - 9)));
        assert_eq!(path_length(&folder(70)).result, Health::Good);
        assert_eq!(path_length(&folder(71)).result, Health::Bad);
    }

    #[test]
    fn trying_out_leaves_nothing_and_names_what_fails() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(write(folder.path()).result, Health::Good);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let missing = write(&folder.path().join("missing"));
        assert_eq!(missing.result, Health::Bad);
        assert!(missing.found.starts_with("フォルダーを作成できません"), "{missing:?}");
    }
}
