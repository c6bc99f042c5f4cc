//! What a file is, by its content; and how it is shown. Runs in the child alone.

use std::fs::File;
use std::io::{self, Write};

use image::ImageFormat;

use super::frame::{self, Frame, Header};
use super::shown::{Pages, Painted, Preview, Refusal};
use super::unpack::Packed;
use super::{pdf, picture, sheet, table, text, unpack};

/// How far into a file the mark of a PDF may stand.
const PDF_WITHIN: usize = 1024;
/// How the old files of Microsoft's programs begin.
const COMPOUND: &[u8] = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1";

/// What a file turned out to be.
enum Kind {
    Pdf,
    Picture(ImageFormat),
    Packed(Packed),
    Compound,
    Text(text::Decoded),
}

/// Shows a file as far as it can be shown, and says everything to `output`.
pub(super) fn look(header: &Header, bytes: &[u8], font: Option<File>, output: &mut impl Write) -> io::Result<()> {
    let is_whole = bytes.len() as u64 == header.size;
    match show(header, bytes, is_whole, font, output)? {
        Ok(()) => {}
        Err(refusal) => frame::write(output, &Frame::What(Box::new(Preview::Refused(refusal))))?,
    }
    frame::write(output, &Frame::End)
}

fn show(
    header: &Header,
    bytes: &[u8],
    is_whole: bool,
    font: Option<File>,
    output: &mut impl Write,
) -> io::Result<Result<(), Refusal>> {
    let kind = match kind(bytes, is_whole) {
        Ok(kind) => kind,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if !is_whole && !matches!(kind, Kind::Text(_)) {
        return Ok(Err(Refusal::TooLarge));
    }
    let mut say = |preview: Preview| frame::write(output, &Frame::What(Box::new(preview))).map(Ok);
    let table = match kind {
        Kind::Pdf => return paint(bytes, font, output),
        Kind::Picture(format) => match picture::paint(bytes, format) {
            Ok(png) => {
                let pages = Pages { of: Painted::Picture, total: 1, pages: Vec::new() };
                frame::write(output, &Frame::What(Box::new(Preview::Pages(pages))))?;
                return frame::write(output, &Frame::Picture(png)).map(Ok);
            }
            Err(refusal) => Err(refusal),
        },
        Kind::Text(decoded) => match table::delimiter(header.name.as_deref(), &decoded.text) {
            Some(delimiter) => Ok(table::read(&decoded, delimiter)),
            None => return say(Preview::Text(text::show(&decoded))),
        },
        Kind::Packed(packed) => sheet::packed(bytes, packed),
        Kind::Compound => sheet::old(bytes),
    };
    match table {
        Ok(table) => say(Preview::Table(table)),
        Err(refusal) => Ok(Err(refusal)),
    }
}

fn paint(bytes: &[u8], font: Option<File>, output: &mut impl Write) -> io::Result<Result<(), Refusal>> {
    let pdf = match pdf::open(bytes) {
        Ok(pdf) => pdf,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let pages = Pages { of: Painted::Pdf, total: pdf.pages().len(), pages: Vec::new() };
    frame::write(output, &Frame::What(Box::new(Preview::Pages(pages))))?;
    pdf::paint(&pdf, font, |png| frame::write(output, &Frame::Picture(png))).map(Ok)
}

/// Decided by content alone.
fn kind(bytes: &[u8], is_whole: bool) -> Result<Kind, Refusal> {
    if bytes.is_empty() {
        return Err(Refusal::Empty);
    }
    let start = &bytes[..bytes.len().min(PDF_WITHIN)];
    if start.windows(5).any(|mark| mark == b"%PDF-") {
        return Ok(Kind::Pdf);
    }
    let format = image::guess_format(bytes).ok().filter(|format| picture::FORMATS.contains(format));
    // Two letters begin a BMP, and many a word.
    if let Some(format) = format.filter(|format| *format != ImageFormat::Bmp) {
        return Ok(Kind::Picture(format));
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        // Its list of contents is at its end.
        return if is_whole { unpack::examine(bytes).map(Kind::Packed) } else { Err(Refusal::TooLarge) };
    }
    if bytes.starts_with(COMPOUND) {
        return compound(bytes);
    }
    match text::decode(bytes, is_whole) {
        Some(decoded) => Ok(Kind::Text(decoded)),
        None => format.map(Kind::Picture).ok_or_else(|| unknown(bytes)),
    }
}

/// One of Microsoft's old files; what is in it is known by the names of its streams.
fn compound(bytes: &[u8]) -> Result<Kind, Refusal> {
    // An entry of its directory is 128 bytes, and begins with the name.
    let has = |name: &str| {
        let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        bytes.chunks(128).any(|entry| entry.starts_with(&name))
    };
    if has("EncryptedPackage") {
        Err(Refusal::Locked)
    } else if has("WordDocument") || has("PowerPoint Document") {
        Err(Refusal::Office)
    } else {
        Ok(Kind::Compound)
    }
}

/// Other archives, by how they begin: 7z, RAR, gzip, LHA.
fn unknown(bytes: &[u8]) -> Refusal {
    let archives: [&[u8]; 3] = [b"7z\xBC\xAF\x27\x1C", b"Rar!\x1A\x07", b"\x1F\x8B"];
    let is_lha = bytes.get(2..5) == Some(b"-lh");
    if is_lha || archives.iter().any(|mark| bytes.starts_with(mark)) { Refusal::Archive } else { Refusal::Unknown }
}
