//! What people read on the pages of the schedule, in Japanese and in English.

use super::super::words::words;

words! {
    now: "現在の状況", "Now";
    may_run: "予定どおり受信します", "Pulls as planned";
    running: "受信しています", "A pull is running";
    next: "次回", "Next";
    last: "前回", "Last";
    never: "まだありません", "never yet";
    run_now: "今すぐ受信", "Pull now";
    change: "予定を変える", "Change the plan";
    plan: "予定", "Plan";
    times: "時刻", "Times";
    times_help: "コンマで区切ります（例：9:00, 12:30, 17:00）", "With commas between them: 9:00, 12:30, 17:00";
    interval: "間隔", "Every";
    interval_help: "空なら間隔では受信しません。", "Empty: not by an interval.";
    minutes: "分", " minutes";
    seconds: "秒", " seconds";
    cron: "cron式", "Cron expressions";
    cron_help: "1行に一つ（分 時 日 月 曜日）。使わなければ空のままにします。", "One a line (minute hour day month weekday). Leave it empty if you do not use them.";
    days: "実行する日", "On";
    days_all: "毎日", "all days";
    days_business: "営業日だけ（土日・祝日・組合の休日を除く）", "business days only";
    poll: "到着したらすぐに受信する（ロングポーリング）", "Pull when something arrives (long poll)";
    poll_on: "到着したらすぐに受信", "At once when something arrives";
    poll_off: "到着を待ち受けない", "Arrivals are not waited for";
    source_set: "職員が設定した予定", "Set by staff";
    source_default: "設定ファイルの予定", "From the configuration";
    look: "確かめる", "Preview";
    preview: "この予定での今後の受信", "Next runs with this plan";
    not_saved: "まだ保存されていません。よければ「この予定にする」を押してください。", "Not saved yet. Press Save if this is right.";
    save: "この予定にする", "Save";
    back: "スケジュールへ戻る", "Back to the schedule";
    default: "設定ファイルの予定に戻す", "Back to the configuration";
    upcoming: "今後20回の受信", "The next 20 runs";
    none_upcoming: "予定されている受信はありません。", "No run is planned.";
    at: "日時", "When";
    trigger: "きっかけ", "Why";
    trigger_time: "時刻", "time";
    trigger_interval: "間隔", "interval";
    trigger_catch_up: "遅れの取戻し", "makes up for a missed one";
    outcome: "実行", "Runs";
    runs: "受信する", "yes";
    runs_not: "受信しない", "no";
    why_pause: "停止中", "paused";
    why_blackout: "受信しない時間", "blackout";
    why_weekend: "土日", "weekend";
    why_holiday: "祝日", "holiday";
    why_own: "組合の休日", "own holiday";
    until: "まで", "until";
    pause: "受信を停止", "Pause";
    pause_help: "自動の受信だけが止まります。「今すぐ受信」は停止中も使えます。", "Only what runs by itself stops: Pull now still works.";
    pause_reason: "停止の理由", "Why";
    pause_until: "終了（空なら再開の操作まで）", "Until (empty: until resumed)";
    pause_do: "停止する", "Pause";
    paused: "受信を停止しています", "Paused";
    paused_by: "操作", "by";
    resume: "受信を再開", "Resume";
    holidays: "組合の休日", "Own holidays";
    holidays_none: "登録されていません。", "None.";
    holidays_national: "国民の祝日・休日", "National holidays";
    day: "日", "Day";
    name: "名称", "Name";
    add: "追加", "Add";
    remove: "削除", "Remove";
    blackouts: "受信しない時間", "Blackouts";
    blackouts_none: "登録されていません。", "None.";
    daily: "毎日", "daily";
    from: "開始", "From";
    to: "終了", "To";
    blackout_daily: "毎日の時間帯", "Hours of every day";
    blackout_dates: "期間", "Days";
    history: "受信の履歴", "Runs";
    started: "開始", "Began";
    took: "所要", "Took";
    late: "遅れ", "Late";
    result: "結果", "Result";
    result_done: "完了", "done";
    result_stopped: "中断", "stopped";
    result_failed: "失敗", "failed";
    result_running: "実行中", "running";
    archived: "保管", "Archived";
    quarantined: "隔離", "Quarantined";
    waiting: "待機", "Waiting";
    more: "さらに表示", "More";
    cause_timer: "予定", "planned";
    cause_catch_up: "遅れの取戻し", "made up for";
    cause_retry: "再試行", "tried again";
    cause_arrival: "到着", "arrival";
    cause_signal: "内部の処理", "the gateway itself";
    cause_command: "職員の操作", "by hand";
    live_on: "自動更新中", "Updated by itself";
    live_off: "自動更新が止まっています。ページを再読み込みしてください。", "Not updated any more: load the page again.";
    done_run: "受信を指示しました。結果は下に表示されます。", "The pull is ordered. What comes of it is shown below.";
    done_saved: "予定を変更しました。", "The plan is changed.";
    done_paused: "受信を停止しました。", "Paused.";
    done_resumed: "受信を再開しました。", "Resumed.";
    done_holiday: "休日を変更しました。", "The holidays are changed.";
    done_blackout: "受信しない時間を変更しました。", "The blackouts are changed.";
    ;
}

impl Words {
    /// What was done just now, by its code in the address.
    pub(super) fn done(&self, code: &str) -> Option<&'static str> {
        Some(match code {
            "run" => self.done_run,
            "saved" => self.done_saved,
            "paused" => self.done_paused,
            "resumed" => self.done_resumed,
            "holiday" => self.done_holiday,
            "blackout" => self.done_blackout,
            _ => return None,
        })
    }

    pub(super) fn trigger(&self, code: &'static str) -> &'static str {
        match code {
            "time" => self.trigger_time,
            "cron" => self.cron,
            "interval" => self.trigger_interval,
            _ => self.trigger_catch_up,
        }
    }

    pub(super) fn why(&self, code: &str) -> &'static str {
        match code {
            "pause" => self.why_pause,
            "blackout" => self.why_blackout,
            "weekend" => self.why_weekend,
            "holiday" => self.why_holiday,
            _ => self.why_own,
        }
    }

    pub(super) fn cause(&self, code: &str) -> &'static str {
        match code {
            "timer" => self.cause_timer,
            "catch-up" => self.cause_catch_up,
            "retry" => self.cause_retry,
            "arrival" => self.cause_arrival,
            "command" | "again" => self.cause_command,
            _ => self.cause_signal,
        }
    }
}
