//! Arguments of `kx-gateway token` and `kx-gateway hook`.

use clap::Subcommand;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::Json;
use crate::store::gateway::tokens::Scope;

/// `token`
#[derive(Debug, Subcommand)]
pub enum Token {
    /// 発行する。トークンは一度だけ表示される。Makes a token. Its text is shown this once and kept nowhere.
    Add {
        /// 名前 (監査記録に残る)。What it is called; the audit names it, so no name is used twice.
        name: String,
        /// 許可する操作 (received:read, received:content, sent:read, sent:write, users:read)。What it may be used for; several times.
        #[arg(long, required = true, num_args = 1..)]
        scope: Vec<Scope>,
        /// 期限 (例 2027-03-31 はその日の終わりまで)。When it ends: a date, to its end in Japan, or a time.
        #[arg(long, value_parser = end)]
        expires: Option<Timestamp>,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
    /// 一覧。Lists them, with their last use.
    List(Json),
    /// 失効させる。処理中の要求も打ち切る。Ends a token at once: requests that are under way are cut off too.
    Revoke {
        /// Which.
        name: String,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
}

/// `hook`
#[derive(Debug, Subcommand)]
pub enum Hook {
    /// 未通知の一覧。Lists events that a program is still to be told of, oldest first.
    List {
        /// 件数。At most so many.
        #[arg(long, default_value_t = 100)]
        limit: u32,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
    /// 断念した通知をやり直す。Begins anew with what was given up.
    Retry(Json),
    /// 断念した通知を破棄する。Drops what was given up.
    Drop(Json),
}

/// A time, or the end of a day in Japan.
fn end(text: &str) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let zone = TimeZone::get("Asia/Tokyo").map_err(|error| error.to_string())?;
    let day: Date = text.parse().map_err(|_| "expected a date like 2027-03-31, or a time with its zone".to_owned())?;
    let next = day.checked_add(1.day()).and_then(|next| next.to_zoned(zone)).map_err(|error| error.to_string())?;
    Ok(next.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_ends_with_its_day_in_japan() {
        assert_eq!(end("2027-03-31").unwrap().to_string(), "2027-03-31T15:00:00Z");
        assert_eq!(end("2027-03-31T00:00:00+09:00").unwrap().to_string(), "2027-03-30T15:00:00Z");
        assert!(end("soon").is_err());
    }
}
