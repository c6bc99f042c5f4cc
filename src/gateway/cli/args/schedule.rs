//! Arguments of `kx-gateway schedule`.

use clap::{ArgGroup, Subcommand, ValueEnum};
use jiff::Timestamp;
use jiff::civil::Date;

use super::Json;
use crate::domain::schedule::{Cron, Interval, TimeOfDay, moment};

/// `schedule`
#[derive(Debug, Subcommand)]
pub enum Schedule {
    /// 予定と次回以降の受信を表示する。Shows the plan, what stands in its way, and the next runs; what does not run, with its reason.
    Show {
        /// 表示する受信の回数。So many runs.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1_000))]
        next: u16,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
    /// 自動受信を停止する。Stops the pull by itself, the long poll too. `pull` by hand still works.
    Pause {
        /// 理由。Why.
        #[arg(long)]
        reason: String,
        /// 終了日時 (例 2026-12-01T09:00、日本時間。日付だけならその日の始まり)。Until when: a time in Japan or with its zone, or a date (its
        /// beginning); none: until resume.
        #[arg(long, value_parser = time)]
        until: Option<Timestamp>,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
    /// 停止を終える。Ends a pause.
    Resume(Json),
    /// 予定を変える。Changes the plan; it counts from now on, without a restart. Times, cron expressions and interval replace all of
    /// them that were set before; what is not said stays as it is.
    Set(Set),
    /// 組合独自の休日。The union's own days off; the national holidays are computed.
    #[command(subcommand)]
    Holiday(Holiday),
    /// 受信しない時間帯・期間。Windows in which nothing is pulled.
    #[command(subcommand)]
    Blackout(Blackout),
    /// 受信の履歴。Every run of the pull, newest first: why, planned when, how late, how long, what came of it.
    Runs {
        /// 件数。At most so many.
        #[arg(long, default_value_t = 20)]
        limit: u32,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
}

/// `schedule set`
#[derive(Debug, clap::Args)]
#[command(group(ArgGroup::new("change").required(true).multiple(true)
    .args(["times", "cron", "interval", "days", "long_poll", "default"])))]
pub struct Set {
    /// 時刻 (例 09:00,12:30)。Times of day in Japan.
    #[arg(long, value_delimiter = ',')]
    pub times: Vec<TimeOfDay>,
    /// cron 式 (分 時 日 月 曜日)。A cron expression in Japan's time; several times.
    #[arg(long, value_name = "EXPRESSION")]
    pub cron: Vec<Cron>,
    /// 間隔 (秒)。Seconds between two runs.
    #[arg(long, value_name = "SECONDS")]
    pub interval: Option<Interval>,
    /// 実行する日 (all: 毎日, business: 営業日のみ)。On all days, or business days only; the long poll too.
    #[arg(long)]
    pub days: Option<Days>,
    /// ロングポーリング (到着を1秒以内に受信)。Whether arrivals are waited for at the KX server.
    #[arg(long, value_name = "ON|OFF")]
    pub long_poll: Option<Switch>,
    /// 設定ファイルの値 (`pull.interval_seconds`, `pull.long_poll`) に戻す。Back to what the configuration says.
    #[arg(long, conflicts_with_all = ["times", "cron", "interval", "days", "long_poll"])]
    pub default: bool,
    /// Prints one JSON value.
    #[command(flatten)]
    pub json: Json,
}

/// On which days.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Days {
    /// On all days.
    All,
    /// On business days only.
    Business,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// `schedule holiday`
#[derive(Debug, Subcommand)]
pub enum Holiday {
    /// 登録する。Adds a day off, or gives it another name.
    Add {
        /// 日付 (例 2026-12-29)。
        day: Date,
        /// 名称。What it is called.
        name: String,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
    /// 取り消す。Takes one away.
    Remove {
        /// 日付。
        day: Date,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
    /// 一年の国民の祝日・休日と組合独自の休日。Lists the national holidays and the union's own of a year.
    List {
        /// 年。The year; none: this one.
        #[arg(long)]
        year: Option<i16>,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
}

/// `schedule blackout`
#[derive(Debug, Subcommand)]
pub enum Blackout {
    /// 登録する。Adds a window: hours of every day, or days.
    #[command(group(ArgGroup::new("window").required(true).args(["daily", "from"])))]
    Add {
        /// 毎日の時間帯 (例 22:00-06:00)。Hours of every day, also over midnight.
        #[arg(long, value_name = "FROM-TO", value_parser = hours)]
        daily: Option<(TimeOfDay, TimeOfDay)>,
        /// 期間の初日。The first day.
        #[arg(long, value_name = "DATE", requires = "to")]
        from: Option<Date>,
        /// 期間の最終日。The last day.
        #[arg(long, value_name = "DATE", requires = "from")]
        to: Option<Date>,
        /// 名称。What it is for.
        #[arg(long)]
        name: Option<String>,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
    /// 取り消す。Takes one away.
    Remove {
        /// 番号 (schedule show)。Its number.
        number: i64,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
}

fn time(text: &str) -> Result<Timestamp, String> {
    moment(text)
        .ok_or_else(|| "日時ではありません (expected 2026-12-01T09:00, 2026-12-01, or a time with its zone)".to_owned())
}

fn hours(text: &str) -> Result<(TimeOfDay, TimeOfDay), String> {
    let (from, to) = text.split_once('-').ok_or("時間帯ではありません (expected FROM-TO, such as 22:00-06:00)")?;
    let time = |text: &str| text.parse::<TimeOfDay>().map_err(|error| error.to_string());
    Ok((time(from)?, time(to)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_japan_unless_they_say_otherwise() {
        for (text, expected) in [
            ("2026-12-01", "2026-11-30T15:00:00Z"),
            ("2026-12-01T09:00", "2026-12-01T00:00:00Z"),
            ("2026-12-01 09:00", "2026-12-01T00:00:00Z"),
            ("2026-12-01T09:00Z", "2026-12-01T09:00:00Z"),
            ("2026-12-01T09:00+09:00", "2026-12-01T00:00:00Z"),
        ] {
            assert_eq!(time(text).unwrap().to_string(), expected, "{text}");
        }
        assert!(time("tomorrow").is_err() && time("2026-02-30").is_err());
        assert!(hours("22:00").is_err() && hours("22:00-6").is_err() && hours("22:00-06:00").is_ok());
    }
}
