//! The first sheet of a workbook as a table.

use std::io::Cursor;

use calamine::{Data, DataRef, ExcelDateTime, Ods, Range, Reader, Sheet, SheetType, SheetVisible, Xls, Xlsb, Xlsx};

use super::limits;
use super::shown::{Refusal, Source, Table};
use super::table::{cell, empty};
use super::unpack::Packed;

type Bytes<'a> = Cursor<&'a [u8]>;

/// Reads a workbook that was examined.
pub(super) fn packed(bytes: &[u8], packed: Packed) -> Result<Table, Refusal> {
    match packed {
        Packed::Workbook => match Xlsx::new(Cursor::new(bytes)) {
            Ok(book) => by_cells(book),
            // The same parts, but written in binary.
            Err(_) => by_range(Xlsb::<Bytes<'_>>::new(Cursor::new(bytes)).map_err(|_| Refusal::Damaged)?),
        },
        Packed::OpenDocument => match Ods::<Bytes<'_>>::new(Cursor::new(bytes)) {
            Ok(book) => by_range(book),
            Err(calamine::OdsError::Password) => Err(Refusal::Locked),
            Err(_) => Err(Refusal::Damaged),
        },
    }
}

/// Reads a workbook of Excel 97 to 2003.
pub(super) fn old(bytes: &[u8]) -> Result<Table, Refusal> {
    match Xls::<Bytes<'_>>::new(Cursor::new(bytes)) {
        Ok(book) => by_range(book),
        Err(calamine::XlsError::Password) => Err(Refusal::Locked),
        Err(_) => Err(Refusal::Damaged),
    }
}

/// Cell by cell, and no further than what is shown.
fn by_cells(mut book: Xlsx<Bytes<'_>>) -> Result<Table, Refusal> {
    let (name, source) = first(book.sheets_metadata())?;
    let mut cells = book.worksheet_cells_reader(&name).map_err(|_| Refusal::Damaged)?;
    let mut table = empty(source);
    for _ in 0..limits::CELLS {
        let Some(next) = cells.next_cell().map_err(|_| Refusal::Damaged)? else { return Ok(table) };
        let value = next.get_value();
        if matches!(value, DataRef::Empty) {
            continue;
        }
        let (row, column) = next.get_position();
        if index(row) >= limits::ROWS {
            // Rows come in order.
            break;
        }
        put(&mut table, (row, column), &words(&value.clone().into()));
    }
    table.has_more_rows = true;
    Ok(table)
}

fn by_range<'a, B: Reader<Bytes<'a>>>(mut book: B) -> Result<Table, Refusal> {
    let (name, source) = first(book.sheets_metadata())?;
    let range: Range<Data> = book.worksheet_range(&name).map_err(|_| Refusal::Damaged)?;
    let (mut table, start) = (empty(source), range.start().unwrap_or_default());
    for (row, column, value) in range.used_cells().take(limits::CELLS) {
        let at = |from: u32, offset: usize| from.saturating_add(u32::try_from(offset).unwrap_or(u32::MAX));
        let place = (at(start.0, row), at(start.1, column));
        if index(place.0) >= limits::ROWS {
            table.has_more_rows = true;
            break;
        }
        put(&mut table, place, &words(value));
    }
    Ok(table)
}

/// The first sheet that people see.
fn first(sheets: &[Sheet]) -> Result<(String, Source), Refusal> {
    let is_shown = |sheet: &&Sheet| sheet.visible == SheetVisible::Visible && sheet.typ == SheetType::WorkSheet;
    let found = sheets.iter().find(is_shown).or(sheets.first()).ok_or(Refusal::Damaged)?;
    let source = Source::Sheet { name: cell(&found.name, &mut false), of: sheets.len() };
    Ok((found.name.clone(), source))
}

/// Puts a value at its place; cells that are left out are empty.
fn put(table: &mut Table, (row, column): (u32, u32), text: &str) {
    let (row, column) = (index(row), index(column));
    if column >= limits::COLUMNS {
        table.has_more_columns = true;
        return;
    }
    if table.rows.len() <= row {
        table.rows.resize(row + 1, Vec::new());
    }
    let text = cell(text, &mut table.has_longer_cells);
    let cells = &mut table.rows[row];
    if cells.len() <= column {
        cells.resize(column + 1, String::new());
    }
    cells[column] = text;
}

fn index(position: u32) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

/// A value as Excel shows it when nobody has chosen a format; dates as Japanese offices write them.
fn words(value: &Data) -> String {
    match value {
        Data::Empty => String::new(),
        Data::Int(number) => number.to_string(),
        Data::Float(number) => number.to_string(),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
        Data::Bool(true) => "TRUE".to_owned(),
        Data::Bool(false) => "FALSE".to_owned(),
        Data::DateTime(moment) => date(moment),
        Data::Error(error) => error.to_string(),
    }
}

fn date(moment: &ExcelDateTime) -> String {
    // Excel itself shows nothing for days before its first.
    if !moment.is_datetime() || moment.as_f64() < 0.0 {
        return moment.as_f64().to_string();
    }
    let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
    match (moment.as_f64() < 1.0, hour, minute, second) {
        (true, ..) => format!("{hour}:{minute:02}:{second:02}"),
        (false, 0, 0, 0) => format!("{year}/{month}/{day}"),
        (false, ..) => format!("{year}/{month}/{day} {hour}:{minute:02}"),
    }
}
