//! A CSV file as a spreadsheet writes it: UTF-8, with or without a mark in front, or `Shift_JIS` as Windows knows it.

use csv::{ByteRecord, ReaderBuilder};
use encoding_rs::{Encoding, SHIFT_JIS, UTF_8};

use crate::gateway::admin::Refused;

/// Octets of the largest file.
pub(super) const MAX_FILE: usize = 64 << 20;
/// Rows of the largest file.
const MAX_ROWS: usize = 100_000;

/// The rows of a file, with the columns that were asked for.
#[derive(Debug)]
pub(super) struct Sheet {
    pub(super) rows: Vec<Row>,
    /// `UTF-8` or `Shift_JIS`.
    pub(super) encoding: &'static str,
}

/// One row.
#[derive(Debug)]
pub(super) struct Row {
    /// The line on which it begins, from 1.
    pub(super) line: u64,
    fields: Vec<(&'static str, Result<String, &'static str>)>,
}

impl Row {
    /// What stands in a column; nothing where the file has no such column.
    pub(super) fn get(&self, column: &str) -> Result<&str, &'static str> {
        let found = self.fields.iter().find(|(name, _)| *name == column);
        found.map_or(Ok(""), |(_, field)| field.as_deref().map_err(|problem| *problem))
    }
}

impl Sheet {
    /// Reads a file whose first row names the columns, in any order.
    pub(super) fn read(file: &[u8], needed: &[&'static str], optional: &[&'static str]) -> Result<Self, Refused> {
        if file.len() > MAX_FILE {
            return Err(Refused::one(1, "ファイルが大きすぎます (the file is too large)"));
        }
        let (file, encoding) = encoding(file)?;
        let name = if encoding == UTF_8 { "UTF-8" } else { "Shift_JIS" };
        let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(file);
        let mut records = reader.byte_records();
        let heading = match records.next() {
            Some(Ok(record)) => record,
            Some(Err(error)) => return Err(broken(&error)),
            None => return Err(Refused::one(1, "ファイルが空です (the file is empty)")),
        };
        let columns = columns(&heading, encoding, needed, optional)?;
        let (mut rows, mut lines) = (Vec::new(), Lines { file, from: 0, line: 1 });
        for record in records {
            let record = record.map_err(|error| broken(&error))?;
            let line = lines.of(record.position().map_or(0, csv::Position::byte));
            if record.iter().all(|field| field.iter().all(u8::is_ascii_whitespace)) {
                continue;
            }
            if record.len() > columns.len() {
                return Err(Refused::one(line, "列が多すぎます (more fields than columns)"));
            }
            if rows.len() == MAX_ROWS {
                return Err(Refused::one(line, format_args!("{MAX_ROWS}行を超えています (too many rows)")));
            }
            let fields = columns.iter().zip(&record).map(|(column, field)| (*column, text(field, encoding)));
            rows.push(Row { line, fields: fields.collect() });
        }
        if rows.is_empty() {
            return Err(Refused::one(1, "登録する行がありません (there are no rows under the heading)"));
        }
        Ok(Self { rows, encoding: name })
    }
}

/// Counts lines. The reader's own count is one behind where lines end in CR LF.
struct Lines<'a> {
    file: &'a [u8],
    from: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line of a record that begins at this octet or, after line breaks, behind it. Records come in their order.
    fn of(&mut self, begins: u64) -> u64 {
        let begins = usize::try_from(begins).unwrap_or(usize::MAX).clamp(self.from, self.file.len());
        let breaks = self.file[begins..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let passed = &self.file[self.from..begins + breaks];
        self.line += passed.split(|byte| *byte == b'\n').count() as u64 - 1;
        self.from = begins + breaks;
        self.line
    }
}

/// Neither encoding's multi-byte characters have a comma, a quote or a line break in them, so fields are cut first.
fn encoding(file: &[u8]) -> Result<(&[u8], &'static Encoding), Refused> {
    if file.starts_with(&[0xFF, 0xFE]) || file.starts_with(&[0xFE, 0xFF]) {
        let problem =
            "文字コードがUTF-16です。UTF-8またはShift_JISのCSVで保存してください (UTF-16: save as UTF-8 or Shift_JIS)";
        return Err(Refused::one(1, problem));
    }
    let bare = file.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(file);
    let utf8 = bare.len() < file.len() || std::str::from_utf8(bare).is_ok();
    Ok((bare, if utf8 { UTF_8 } else { SHIFT_JIS }))
}

fn text(field: &[u8], encoding: &'static Encoding) -> Result<String, &'static str> {
    let decoded = encoding.decode_without_bom_handling_and_without_replacement(field);
    decoded.map(std::borrow::Cow::into_owned).ok_or("文字コードの誤りです (not a character of the file's encoding)")
}

fn columns(
    heading: &ByteRecord,
    encoding: &'static Encoding,
    needed: &[&'static str],
    optional: &[&'static str],
) -> Result<Vec<&'static str>, Refused> {
    let known = || needed.iter().chain(optional);
    let mut columns: Vec<&'static str> = Vec::new();
    for field in heading {
        let name = text(field, encoding).unwrap_or_default();
        let found = known().find(|column| **column == name.trim()).filter(|column| !columns.contains(*column));
        let Some(found) = found else {
            let all: Vec<&str> = known().copied().collect();
            let problem = format!("見出しは次のとおりにしてください (the heading must be): {}", all.join(","));
            return Err(Refused::one(1, problem));
        };
        columns.push(found);
    }
    match needed.iter().find(|column| !columns.contains(*column)) {
        None => Ok(columns),
        Some(missing) => {
            Err(Refused::one(1, format_args!("見出しに「{missing}」がありません (this column is missing)")))
        }
    }
}

fn broken(error: &csv::Error) -> Refused {
    let line = error.position().map_or(1, csv::Position::line);
    Refused::one(line, "CSVとして読めません (cannot be read as CSV)")
}
