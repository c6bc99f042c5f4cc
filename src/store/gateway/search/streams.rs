//! How a page is found in a time that does not depend on how much there is.
//!
//! Each filter that has an index is a *stream* of numbers, newest first, or oldest first for what comes before a row. A look at the beginning of each tells which of them is the
//! sparsest; that one is followed, by the batch, and of each batch those rows stay that pass all filters. When a page is not full after so many
//! candidates, the page ends there and says so: going on is another question.

use sqlx::{SqliteConnection, SqliteExecutor};

use crate::store::sqlite::StoreError;

/// Numbers of each stream that are looked at to choose among them, and of the chosen one at a time.
const BATCH: usize = 256;
/// Candidates that are read at first: a page is seldom longer.
const FIRST: usize = 64;
/// Candidates after which a page ends, however full it is.
const BUDGET: usize = 2_048;

/// To which side of a number is looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Below it, as lists go.
    Older,
    /// Above it.
    Newer,
}

/// A page of a list, from where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// Its rows.
    pub rows: Vec<T>,
    /// Beyond which number the next page begins; none after the last one.
    pub next: Option<i64>,
    /// The page ended because so much was looked at, and not because it is full: more may be found from `next` on.
    pub is_cut: bool,
}

/// The numbers that pass one filter.
#[derive(Debug)]
pub(super) struct Stream {
    /// `$1`: beyond which number, `$2`: up to which number, `$3`: at most so many, from `$4` on: the values if there are any.
    sql: &'static str,
    values: Vec<String>,
}

/// Between which numbers is looked: beyond the first, up to the second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) way: Way,
    pub(super) beyond: i64,
    pub(super) to: i64,
}

/// What makes rows of numbers.
pub(super) trait Rows {
    /// A row.
    type Row;

    /// Those of these numbers that pass every filter, in any order.
    async fn rows(
        &self,
        connection: &mut SqliteConnection,
        numbers: &[i64],
    ) -> Result<Vec<(i64, Self::Row)>, StoreError>;
}

impl Stream {
    /// The stream of a filter for this value, if it is set.
    pub(super) fn with(sql: &'static str, value: Option<String>) -> Option<Self> {
        value.map(|value| Self { sql, values: vec![value] })
    }

    /// The stream of a filter for two values, if they are set.
    pub(super) fn with_both(sql: &'static str, values: Option<[String; 2]>) -> Option<Self> {
        values.map(|values| Self { sql, values: values.into() })
    }

    /// The stream of a filter without a value, if it is set.
    pub(super) fn when(is_set: bool, sql: &'static str) -> Option<Self> {
        is_set.then_some(Self { sql, values: Vec::new() })
    }

    async fn take(&self, executor: impl SqliteExecutor<'_>, bounds: Bounds) -> Result<Vec<i64>, StoreError> {
        let batch = i64::try_from(BATCH).expect("a batch is small");
        let query = sqlx::query_scalar(self.sql).bind(bounds.beyond).bind(bounds.to).bind(batch);
        let query = self.values.iter().fold(query, |query, value| query.bind(value.as_str()));
        Ok(query.fetch_all(executor).await?)
    }
}

/// Finds a page. The last stream has all there is.
pub(super) async fn page<R: Rows>(
    connection: &mut SqliteConnection,
    streams: &[Stream],
    mut bounds: Bounds,
    limit: usize,
    source: &R,
) -> Result<Page<R::Row>, StoreError> {
    let (stream, mut batch) = sparsest(connection, streams, bounds).await?;
    let (mut rows, mut examined, mut at_once) = (Vec::with_capacity(limit), 0, FIRST);
    loop {
        let mut rest = batch.as_slice();
        while !rest.is_empty() {
            let (part, later) = rest.split_at(at_once.min(rest.len()));
            let mut found = source.rows(connection, part).await?;
            found.sort_unstable_by_key(|(number, _)| *number);
            if bounds.way == Way::Older {
                found.reverse();
            }
            for (number, row) in found {
                if rows.len() == limit {
                    return Ok(Page { next: bounds.next_after(&rows), rows: only(rows), is_cut: false });
                }
                rows.push((number, row));
            }
            (rest, at_once) = (later, BATCH);
        }
        examined += batch.len();
        let Some(last) = batch.last().filter(|_| batch.len() == BATCH) else {
            return Ok(Page { rows: only(rows), next: None, is_cut: false });
        };
        if examined >= BUDGET {
            return Ok(Page { rows: only(rows), next: Some(*last), is_cut: true });
        }
        bounds.beyond = *last;
        batch = stream.take(&mut *connection, bounds).await?;
    }
}

/// The stream with the fewest numbers, as far as its beginning tells, with that beginning.
async fn sparsest<'a>(
    connection: &mut SqliteConnection,
    streams: &'a [Stream],
    bounds: Bounds,
) -> Result<(&'a Stream, Vec<i64>), StoreError> {
    let mut best: Option<(&Stream, Vec<i64>)> = None;
    for stream in streams {
        let batch = stream.take(&mut *connection, bounds).await?;
        let is_sparser = |known: &Vec<i64>| match (batch.len() < BATCH, known.len() < BATCH) {
            (true, true) => batch.len() < known.len(),
            (is_whole, other) if is_whole != other => is_whole,
            // As many numbers that reach further.
            _ if bounds.way == Way::Older => batch.last() < known.last(),
            _ => batch.last() > known.last(),
        };
        if best.as_ref().is_none_or(|(_, known)| is_sparser(known)) {
            let is_whole = batch.len() < BATCH;
            best = Some((stream, batch));
            if is_whole {
                break;
            }
        }
    }
    Ok(best.expect("one stream has all there is"))
}

impl Bounds {
    fn next_after<T>(&self, rows: &[(i64, T)]) -> Option<i64> {
        rows.last().map(|(number, _)| *number).or(Some(self.beyond))
    }
}

fn only<T>(rows: Vec<(i64, T)>) -> Vec<T> {
    rows.into_iter().map(|(_, row)| row).collect()
}
