//! How much of a file is looked at, how much is shown, and what the process that does it may have.

/// Bytes of a file that are looked at. Text, tables in text: its beginning; everything else has to be whole.
pub(super) const INPUT: u64 = 32 << 20;
/// Bytes of text that are decoded.
pub(super) const TEXT: usize = 1 << 20;
/// Characters of text that are shown.
pub(super) const CHARACTERS: usize = 200_000;
/// Rows of a table.
pub(super) const ROWS: usize = 500;
/// Columns of a table.
pub(super) const COLUMNS: usize = 64;
/// Characters of a cell.
pub(super) const CELL: usize = 300;
/// Cells that are read to find these, also those that lie outside.
pub(super) const CELLS: usize = 200_000;
/// Pixels of a picture before it is scaled down.
pub(super) const PIXELS: u64 = 40_000_000;
/// Pixels across or down of a picture before it is scaled down.
pub(super) const SIDE: u32 = 30_000;
/// Bytes that decoding a picture may take.
pub(super) const DECODING: u64 = 192 << 20;
/// Pixels across of what is shown.
pub(super) const WIDTH: u32 = 1_240;
/// Pixels down of what is shown.
pub(super) const HEIGHT: u32 = 1_754;
/// Pages of a PDF.
pub(super) const PAGES: usize = 5;
/// Bytes of all that a workbook unpacks to.
pub(super) const UNPACKED: u64 = 96 << 20;
/// How many times as large as it is packed a part may become, beyond [`SMALL`].
pub(super) const RATIO: u64 = 300;
/// Up to this many bytes a part may become whatever it is.
pub(super) const SMALL: u64 = 1 << 20;
/// Parts of a ZIP.
pub(super) const PARTS: usize = 4_000;

/// Bytes of one frame from the child: one picture, or a table.
pub(super) const FRAME: usize = 16 << 20;
/// Bytes of memory that the child may write to.
pub(super) const MEMORY: u64 = 384 << 20;
/// Bytes of addresses that the child may have, with the program itself.
pub(super) const ADDRESSES: u64 = 2 << 30;
/// Seconds that the child may compute.
pub(super) const CPU_SECONDS: u64 = 8;
