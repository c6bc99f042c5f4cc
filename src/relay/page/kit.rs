//! `kenpoexpress.zip`.

use std::io::{Cursor, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::wire::enrolment::{KIT_FOLDER, KIT_JSON};

/// For an editor of Windows: with its mark of UTF-8 and its line ends.
const README: &str = include_str!("../../../templates/relay/README.txt");

/// The folder `kenpoexpress/` with the kit, a word about it, and the files of the app if there is a folder of them.
pub(super) fn pack(kit: &[u8], app: &Path) -> zip::result::ZipResult<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    zip.start_file(format!("{KIT_FOLDER}/{KIT_JSON}"), stored.unix_permissions(0o600))?;
    zip.write_all(kit)?;
    zip.start_file(format!("{KIT_FOLDER}/README.txt"), stored.unix_permissions(0o644))?;
    zip.write_all(format!("\u{feff}{}", README.replace('\n', "\r\n")).as_bytes())?;
    if !app.as_os_str().is_empty() {
        let mut files = std::fs::read_dir(app)?.collect::<Result<Vec<_>, _>>()?;
        files.sort_by_key(std::fs::DirEntry::file_name);
        for file in files.into_iter().filter(|file| file.file_type().is_ok_and(|kind| kind.is_file())) {
            let name = file.file_name();
            // What cannot be named in a ZIP on every system is not the app's.
            let Some(name) = name.to_str().filter(|name| *name != KIT_JSON && !name.starts_with('.')) else { continue };
            let mode = file.metadata()?.permissions().mode() & 0o777;
            zip.start_file(format!("{KIT_FOLDER}/{name}"), stored.unix_permissions(mode))?;
            std::io::copy(&mut std::fs::File::open(file.path())?, &mut zip)?;
        }
    }
    Ok(zip.finish()?.into_inner())
}
