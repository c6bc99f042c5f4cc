//! Lists as CSV for Excel: with a byte order mark, so that Excel reads Japanese, and without a cell that Excel would compute.

/// A list that is being written; the default one goes on with one that was begun.
#[derive(Debug, Clone, Default)]
pub struct Listing(String);

impl Listing {
    /// With this heading.
    pub fn new(heading: &[&str]) -> Self {
        let mut listing = Self("\u{FEFF}".to_owned());
        listing.row(heading);
        listing
    }

    /// Adds a row.
    pub fn row<T: AsRef<str>>(&mut self, cells: &[T]) {
        for (place, cell) in cells.iter().enumerate() {
            if place > 0 {
                self.0.push(',');
            }
            self.cell(cell.as_ref());
        }
        self.0.push_str("\r\n");
    }

    /// All of it, as the bytes of a file.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0.into_bytes()
    }

    /// Always in quotes, which Excel takes away, and behind an apostrophe when it begins like a formula.
    fn cell(&mut self, text: &str) {
        self.0.push('"');
        if is_formula(text) {
            self.0.push('\'');
        }
        for letter in text.chars() {
            match letter {
                '"' => self.0.push_str("\"\""),
                // A program that reads lines before quotes would see another row.
                '\r' | '\n' => self.0.push(' '),
                '\0' => {}
                other => self.0.push(other),
            }
        }
        self.0.push('"');
    }
}

/// Whether a spreadsheet would compute it, or take it for one that does. Full width counts: Japanese Excel reads it like the other. Blanks are
/// looked through, since some programs drop them. A plain number is only that.
fn is_formula(text: &str) -> bool {
    let begins = |letter: char| {
        matches!(letter, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠' | '\t' | '\r' | '\n' | '|' | '%')
    };
    let is_number = text.parse::<f64>().is_ok_and(f64::is_finite) && !text.starts_with('+');
    let first = text.trim_start_matches([' ', '\u{3000}', '\0', '\u{FEFF}', '\'', '"']).chars().next();
    !is_number && (text.starts_with(begins) || first.is_some_and(begins))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str) -> Vec<String> {
        let mut listing = Listing::new(&["氏名"]);
        listing.row(&[text]);
        let bytes = listing.into_bytes();
        assert!(bytes.starts_with(b"\xEF\xBB\xBF"), "Excel takes it for another encoding without the mark");
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&bytes[3..]);
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 2);
        rows[1].iter().map(str::to_owned).collect()
    }

    #[test]
    fn what_would_be_computed_is_text() {
        for text in [
            "=1+1",
            "+81-3-1234",
            "-cmd|' /C calc'!A0",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\n=1",
            " =1",
            "　＝1",
            "＝cmd",
            "＋1",
            "－1＋1",
            "＠x",
            "\"=1",
            "'=1",
            "\0=1",
            "-1+1",
            "+1",
            "|x",
            "%0A=1",
        ] {
            let read = cells(text);
            assert_eq!(read.len(), 1, "{text:?}");
            assert!(read[0].starts_with('\''), "{text:?} is {read:?}");
        }
    }

    #[test]
    fn everything_else_reads_back_as_it_is() {
        for text in ["山田 花子", "-5", "1234", "1.5", "a,b", "届\"正\".csv", "'", "", "2026/11/22 9:00", "a=b"] {
            assert_eq!(cells(text), [text], "{text:?}");
        }
        assert_eq!(cells("一行\r\n二行"), ["一行  二行"]);
    }
}
