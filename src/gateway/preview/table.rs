//! Text with a delimiter as a table.

use super::limits;
use super::shown::{Source, Table};
use super::text::{Decoded, harmless};

/// Delimiters that occur, the usual one first.
const DELIMITERS: [u8; 3] = *b",\t;";
/// Lines that are looked at to find out whether text is a table.
const SAMPLE: usize = 20;

/// With what a text is delimited, if it is a table. The name decides where it says so, else all the first lines have to agree.
pub(super) fn delimiter(name: Option<&str>, text: &str) -> Option<u8> {
    let ending = name.and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending.to_ascii_lowercase());
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).take(SAMPLE).collect();
    let first = lines.first()?;
    let most = DELIMITERS.into_iter().rev().max_by_key(|delimiter| count(first, *delimiter)).unwrap_or(b',');
    match ending.as_deref() {
        Some("csv") => Some(most),
        Some("tsv" | "tab") => Some(b'\t'),
        _ if first.starts_with(['<', '{', '[']) => None,
        _ => {
            let columns = count(first, most);
            let agree = lines.len() > 1 && columns > 0 && lines.iter().all(|line| count(line, most) == columns);
            agree.then_some(most)
        }
    }
}

/// How often a delimiter stands outside of quotes.
fn count(line: &str, delimiter: u8) -> usize {
    let mut is_quoted = false;
    line.bytes()
        .filter(|byte| {
            is_quoted ^= *byte == b'"';
            !is_quoted && *byte == delimiter
        })
        .count()
}

/// The beginning of the table.
pub(super) fn read(decoded: &Decoded, delimiter: u8) -> Table {
    let mut table = empty(Source::Delimited(decoded.encoding));
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(decoded.text.as_bytes());
    let mut record = csv::StringRecord::new();
    // From text nothing can come that is no text; what cannot be read ends the table.
    while reader.read_record(&mut record).unwrap_or(false) {
        if table.rows.len() == limits::ROWS {
            table.has_more_rows = true;
            break;
        }
        table.has_more_columns |= record.len() > limits::COLUMNS;
        let mut row = Vec::with_capacity(record.len().min(limits::COLUMNS));
        for field in record.iter().take(limits::COLUMNS) {
            row.push(cell(field, &mut table.has_longer_cells));
        }
        table.rows.push(row);
    }
    table.has_more_rows |= decoded.is_cut;
    table
}

/// A table without rows.
pub(super) fn empty(source: Source) -> Table {
    Table { source, rows: Vec::new(), has_more_rows: false, has_more_columns: false, has_longer_cells: false }
}

/// What is shown of a cell.
pub(super) fn cell(text: &str, is_longer: &mut bool) -> String {
    let mut characters = text.chars().map(|character| match harmless(character) {
        '\r' | '\u{C}' | '\u{85}' => ' ',
        other => other,
    });
    let mut shown: String = characters.by_ref().take(limits::CELL).collect();
    if characters.next().is_some() {
        shown.push('…');
        *is_longer = true;
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::preview::text::decode;

    fn table(text: &str) -> Table {
        read(&decode(text.as_bytes(), true).unwrap(), b',')
    }

    #[test]
    fn what_is_a_table_is_seen_by_name_or_by_its_lines() {
        assert_eq!(delimiter(Some("届.CSV"), "一行だけ"), Some(b','));
        assert_eq!(delimiter(Some("a.csv"), "氏名\t番号\n山田\t1"), Some(b'\t'));
        assert_eq!(delimiter(Some("a.tsv"), "氏名,番号"), Some(b'\t'));
        assert_eq!(delimiter(Some("a.txt"), "氏名,番号\n\"山,田\",1\n\n"), Some(b','));
        for text in
            ["はじめに、読む。\nつぎに, 書く。", "一行,だけ", "{\"a\": 1, \"b\": 2}\n{\"a\": 1, \"b\": 2}", "", "\n"]
        {
            assert_eq!(delimiter(Some("a.txt"), text), None, "{text:?}");
        }
    }

    #[test]
    fn quotes_and_uneven_rows_are_read_and_everything_is_bounded() {
        assert_eq!(table("\"山田, \"\"花子\"\"\",1\n鈴木\n").rows, [vec!["山田, \"花子\"", "1"], vec!["鈴木"]]);
        let long = table(&"あ".repeat(limits::CELL + 1));
        assert!(long.has_longer_cells && long.rows[0][0].chars().count() == limits::CELL + 1);
        let wide = table(&",".repeat(limits::COLUMNS));
        assert!(wide.has_more_columns && wide.rows[0].len() == limits::COLUMNS);
        let deep = table(&"a,b\n".repeat(limits::ROWS + 1));
        assert!(deep.has_more_rows && deep.rows.len() == limits::ROWS);
        assert!(!table(&"a,b\n".repeat(limits::ROWS)).has_more_rows);
        assert_eq!(table("\"never closed,\nnever,\n").rows.len(), 1);
    }
}
