//! Files to be shown, put together by code: ordinary ones, and those that nobody should open.

use std::convert::Infallible;
use std::io::{Cursor, Write};
use std::path::PathBuf;

use encoding_rs::SHIFT_JIS;
use kenpo_express::gateway::preview::{Pages, Preview, Previewer, Subject, Table};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// By the program that was just built.
pub(crate) fn previewer() -> Previewer {
    Previewer::new(PathBuf::from(env!("CARGO_BIN_EXE_kx-gateway")))
}

/// Shows a file of this name.
pub(crate) async fn shown(name: &str, bytes: &[u8]) -> Preview {
    shown_by(&previewer(), name, bytes).await
}

pub(crate) async fn shown_by(previewer: &Previewer, name: &str, bytes: &[u8]) -> Preview {
    let subject = Subject { name: Some(name.to_owned()), size: bytes.len() as u64 };
    let bytes = bytes.to_vec();
    let shown = previewer.show(subject, move |mut intake| {
        intake.write_all(&bytes).unwrap();
        Ok::<_, Infallible>(intake)
    });
    shown.await.unwrap()
}

pub(crate) async fn table(name: &str, bytes: &[u8]) -> Table {
    match shown(name, bytes).await {
        Preview::Table(table) => table,
        other => panic!("{name} is no table: {}", summary(&other)),
    }
}

pub(crate) async fn pages(name: &str, bytes: &[u8]) -> Pages {
    match shown(name, bytes).await {
        Preview::Pages(pages) => pages,
        other => panic!("{name} is no picture: {}", summary(&other)),
    }
}

/// Enough to see what went wrong.
pub(crate) fn summary(preview: &Preview) -> String {
    format!("{preview:?}").chars().take(300).collect()
}

pub(crate) fn shift_jis(text: &str) -> Vec<u8> {
    let (bytes, _, has_lost) = SHIFT_JIS.encode(text);
    assert!(!has_lost);
    bytes.into_owned()
}

/// A ZIP of these parts.
pub(crate) fn zipped(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        zip.start_file(*name, options.compression_level(Some(1))).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A workbook of Excel with a hidden sheet, and behind it one with this content of `sheetData`.
pub(crate) fn workbook(rows: &str, strings: &[&str]) -> Vec<u8> {
    let items: Vec<String> = strings.iter().map(|text| format!("<si><t>{text}</t></si>")).collect();
    let items = items.concat();
    let strings = format!("<sst xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\">{items}</sst>");
    let sheet = |rows: &str| {
        let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
        format!("<worksheet xmlns=\"{main}\"><sheetData>{rows}</sheetData></worksheet>")
    };
    zipped(&[
        ("[Content_Types].xml", TYPES.as_bytes()),
        ("_rels/.rels", RELATIONS.as_bytes()),
        ("xl/workbook.xml", WORKBOOK.as_bytes()),
        ("xl/_rels/workbook.xml.rels", PARTS.as_bytes()),
        ("xl/styles.xml", STYLES.as_bytes()),
        ("xl/sharedStrings.xml", strings.as_bytes()),
        ("xl/worksheets/sheet1.xml", sheet("<row r=\"1\"><c r=\"A1\"><v>666</v></c></row>").as_bytes()),
        ("xl/worksheets/sheet2.xml", sheet(rows).as_bytes()),
    ])
}

const TYPES: &str = r#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>"#;
const RELATIONS: &str = r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;
const WORKBOOK: &str = r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="隠し" sheetId="1" state="hidden" r:id="r1"/><sheet name="賞与支払届" sheetId="2" r:id="r2"/></sheets></workbook>"#;
const PARTS: &str = r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet2.xml"/><Relationship Id="r3" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings" Target="sharedStrings.xml"/><Relationship Id="r4" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>"#;
const STYLES: &str = r#"<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>"#;

/// A PDF of these objects, the first of which is the catalogue.
pub(crate) fn pdf(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut file = b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n".to_vec();
    let mut places = Vec::new();
    for (number, object) in (1..).zip(objects) {
        places.push(file.len());
        writeln!(file, "{number} 0 obj").unwrap();
        file.extend_from_slice(object);
        file.extend_from_slice(b"\nendobj\n");
    }
    let table = file.len();
    writeln!(file, "xref\n0 {}\n0000000000 65535 f ", places.len() + 1).unwrap();
    for place in &places {
        writeln!(file, "{place:010} 00000 n ").unwrap();
    }
    let size = places.len() + 1;
    writeln!(file, "trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF").unwrap();
    file
}

/// A stream object.
pub(crate) fn stream(dictionary: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("<< {dictionary} /Length {} >>\nstream\n", content.len());
    [head.as_bytes(), content, b"\nendstream"].concat()
}

/// A PDF of so many pages with this content. `/F1` is a Japanese font that is not in the file.
pub(crate) fn document(count: usize, content: &[u8], more: &[Vec<u8>]) -> Vec<u8> {
    // The first page is the third object; the others come behind all the rest.
    let numbers = std::iter::once(3).chain((8 + more.len()..).take(count - 1));
    let kids: Vec<String> = numbers.map(|number| format!("{number} 0 R")).collect();
    let kids = kids.join(" ");
    let objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        format!("<< /Type /Pages /Kids [{kids}] /Count {count} >>").into_bytes(),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> /XObject << /X 8 0 R >> >> >>".to_vec(),
        stream("", content),
        b"<< /Type /Font /Subtype /Type0 /BaseFont /MS-Gothic /Encoding /UniJIS-UTF16-H /DescendantFonts [6 0 R] >>".to_vec(),
        b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /MS-Gothic /CIDSystemInfo << /Registry (Adobe) /Ordering (Japan1) /Supplement 6 >> /FontDescriptor 7 0 R /DW 1000 >>".to_vec(),
        b"<< /Type /FontDescriptor /FontName /MS-Gothic /Flags 4 /FontBBox [0 -137 1000 859] /ItalicAngle 0 /Ascent 859 /Descent -137 /CapHeight 709 /StemV 80 >>".to_vec(),
    ];
    let others = vec![objects[2].clone(); count - 1];
    pdf(&[&objects[..], more, &others].concat())
}

/// Text at a place of a page, by the Japanese font.
pub(crate) fn written(text: &str) -> Vec<u8> {
    let units: Vec<String> = text.encode_utf16().map(|unit| format!("{unit:04X}")).collect();
    let hex = units.concat();
    format!("BT /F1 36 Tf 72 700 Td <{hex}> Tj ET").into_bytes()
}
