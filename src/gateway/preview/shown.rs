//! What a preview is, and why there is none.

use serde::{Deserialize, Serialize};

/// A file as staff see it. Nothing in here is a byte of the file itself: text was decoded, pictures were painted anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Preview {
    /// Rows and columns: CSV, or a sheet of Excel.
    Table(Table),
    /// Text.
    Text(Text),
    /// Pictures: pages of a PDF, or the one picture.
    Pages(Pages),
    /// It cannot be shown, and why.
    Refused(Refusal),
}

/// The beginning of a table. All rows are as long as they are in the file, up to the limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// What it was read from.
    pub source: Source,
    /// The first rows.
    pub rows: Vec<Vec<String>>,
    /// Whether the file has more rows than these.
    pub has_more_rows: bool,
    /// Whether a row has more columns than are here.
    pub has_more_columns: bool,
    /// Whether a cell is longer than what is here of it, which ends in "…".
    pub has_longer_cells: bool,
}

/// What a table was read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// Text with a delimiter.
    Delimited(Encoding),
    /// The first visible sheet of a workbook.
    Sheet {
        /// Its name.
        name: String,
        /// How many sheets the workbook has, with the hidden ones.
        of: usize,
    },
}

/// The beginning of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// How it is written.
    pub encoding: Encoding,
    /// The text; lines end in a line feed.
    pub text: String,
    /// Whether the file has more.
    pub has_more: bool,
}

/// How text is written in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    Utf8,
    /// UTF-16 with a byte order mark, as Excel's "Unicode text".
    Utf16,
    /// `Shift_JIS`, as Windows extends it.
    ShiftJis,
    /// ISO-2022-JP, the one of old mails.
    Iso2022Jp,
}

impl Encoding {
    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16 => "UTF-16",
            Self::ShiftJis => "Shift_JIS",
            Self::Iso2022Jp => "ISO-2022-JP",
        }
    }
}

/// Pictures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pages {
    /// Of what.
    pub of: Painted,
    /// How many pages the file has; 1 of a picture.
    pub total: usize,
    /// The first pages; fewer than were to be painted when one of them took too long or cannot be painted.
    #[serde(skip)]
    pub pages: Vec<Page>,
}

/// What pictures are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Painted {
    /// A PDF.
    Pdf,
    /// A picture.
    Picture,
}

/// One picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// The picture as PNG.
    pub png: Vec<u8>,
}

/// Why a file cannot be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Refusal {
    /// There is nothing in it.
    Empty,
    /// It is of no kind that can be shown.
    Unknown,
    /// A document of Word or a presentation of `PowerPoint`.
    Office,
    /// A ZIP or another archive.
    Archive,
    /// It is encrypted or asks for a password.
    Locked,
    /// It begins like a kind that can be shown, and cannot be read.
    Damaged,
    /// Larger than what is shown.
    TooLarge,
    /// Unpacked it would be far larger than it is.
    Bomb,
    /// Painting it took too long.
    TooSlow,
    /// What paints it was stopped: it wanted more than it may have, or broke down.
    Stopped,
    /// Too many people look at files at this moment.
    Busy,
}

impl Refusal {
    /// Every one there is.
    pub const ALL: [Self; 11] = [
        Self::Empty,
        Self::Unknown,
        Self::Office,
        Self::Archive,
        Self::Locked,
        Self::Damaged,
        Self::TooLarge,
        Self::Bomb,
        Self::TooSlow,
        Self::Stopped,
        Self::Busy,
    ];

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Empty => "preview.empty",
            Self::Unknown => "preview.unknown",
            Self::Office => "preview.office",
            Self::Archive => "preview.archive",
            Self::Locked => "preview.locked",
            Self::Damaged => "preview.damaged",
            Self::TooLarge => "preview.too-large",
            Self::Bomb => "preview.bomb",
            Self::TooSlow => "preview.too-slow",
            Self::Stopped => "preview.stopped",
            Self::Busy => "preview.busy",
        }
    }

    /// What happened and what to do, in Japanese and in English.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Empty => (
                "ファイルの中身が空です（0バイト）。事業所に確認してください。",
                "The file is empty. Ask the employer about it.",
            ),
            Self::Unknown => (
                "この種類のファイルはプレビューできません。内容を確かめるには、ダウンロードして開いてください。",
                "Files of this kind cannot be previewed. Download the file to look into it.",
            ),
            Self::Office => (
                "WordやPowerPointの文書はプレビューできません。ダウンロードして開いてください。",
                "Documents of Word and PowerPoint cannot be previewed. Download the file to open it.",
            ),
            Self::Archive => (
                "圧縮ファイル（ZIPなど）の中身はプレビューできません。ダウンロードして展開してください。",
                "What is in an archive (ZIP) cannot be previewed. Download the file and unpack it.",
            ),
            Self::Locked => (
                "パスワードで保護されているため、プレビューできません。ダウンロードして、事業所から聞いたパスワードで開いてください。",
                "The file is protected by a password. Download it, and open it with the password that the employer told you.",
            ),
            Self::Damaged => (
                "ファイルが壊れているか、途中で切れているため、プレビューできません。ダウンロードしても開けないときは、差戻しをして再送を依頼してください。",
                "The file is damaged or cut short. If it does not open after a download either, return it and ask for it again.",
            ),
            Self::TooLarge => (
                "大きすぎるため、プレビューできません。ダウンロードして開いてください。",
                "The file is too large to be previewed. Download it to open it.",
            ),
            Self::Bomb => (
                "展開すると異常に大きくなるファイルのため、プレビューを中止しました。開かずに、システム担当者と事業所に確認してください。",
                "Unpacked, the file would become abnormally large. Do not open it; ask your administrator and the employer.",
            ),
            Self::TooSlow => (
                "表示の準備に時間がかかりすぎるため、中止しました。ダウンロードして開いてください。",
                "Preparing the preview took too long. Download the file to open it.",
            ),
            Self::Stopped => (
                "このファイルは安全に表示できないため、プレビューを中止しました。心当たりのないファイルは開かずに、事業所に確認してください。",
                "The file could not be shown safely. If you do not expect it, do not open it; ask the employer.",
            ),
            Self::Busy => (
                "ほかのプレビューを準備しています。少し待ってから、もう一度開いてください。",
                "Other previews are being prepared. Wait a moment and try again.",
            ),
        }
    }
}
