//! What a ZIP holds, found out without believing what it says of itself.

use std::io::{Cursor, Read};

use zip::ZipArchive;

use super::limits;
use super::shown::Refusal;

/// What a ZIP is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packed {
    /// A workbook of Excel, and all of it unpacks to what it may.
    Workbook,
    /// A spreadsheet of `LibreOffice`, the same.
    OpenDocument,
}

/// Looks into a ZIP. All that will be unpacked later is unpacked here first, counted, and thrown away.
pub(super) fn examine(bytes: &[u8]) -> Result<Packed, Refusal> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| Refusal::Damaged)?;
    if archive.len() > limits::PARTS {
        return Err(Refusal::Bomb);
    }
    let names: Vec<String> = archive.file_names().filter_map(Result::ok).map(|name| name.to_lowercase()).collect();
    let has = |name: &str| names.iter().any(|known| known.replace('\\', "/") == name);
    let is_locked = (0..archive.len()).any(|part| archive.by_index_raw(part).is_ok_and(|part| part.encrypted()));
    if is_locked {
        return Err(Refusal::Locked);
    }
    let packed = if has("xl/workbook.xml") || has("xl/workbook.bin") {
        Packed::Workbook
    } else if has("word/document.xml") || has("ppt/presentation.xml") {
        return Err(Refusal::Office);
    } else if has("content.xml") && has("meta-inf/manifest.xml") {
        Packed::OpenDocument
    } else {
        return Err(Refusal::Archive);
    };
    let mut total = 0;
    for part in 0..archive.len() {
        total += size(&mut archive, part, limits::UNPACKED - total)?;
    }
    Ok(packed)
}

/// How many bytes a part becomes, if that is not more than is left.
fn size(archive: &mut ZipArchive<Cursor<&[u8]>>, part: usize, left: u64) -> Result<u64, Refusal> {
    let mut part = archive.by_index(part).map_err(|_| Refusal::Damaged)?;
    let allowed = part.compressed_size().saturating_mul(limits::RATIO).max(limits::SMALL);
    let (mut buffer, mut size) = ([0; 16 << 10], 0);
    loop {
        match part.read(&mut buffer).map_err(|_| Refusal::Damaged)? {
            0 => return Ok(size),
            read => size += read as u64,
        }
        if size > left.min(allowed) {
            return Err(Refusal::Bomb);
        }
    }
}
