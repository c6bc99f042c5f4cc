//! Lists for people.

use std::fmt::Write;

use jiff::Timestamp;

use super::json::has_gap;
use crate::employer::record::{ReturnWords, State};
use crate::employer::sent::{Sent, Trouble};

/// What a `send` did.
pub(super) fn sent_now(items: &[Sent], only_resumed: bool) -> String {
    if items.is_empty() && only_resumed {
        return "送信途中のファイルはありません / Nothing is waiting to be sent.\n".to_owned();
    }
    table(items)
}

/// One line a message: number, time, state, size, name. Names last: their width on the screen is anybody's guess.
pub(super) fn table(items: &[Sent]) -> String {
    if items.is_empty() {
        return "送信したファイルはありません / Nothing has been sent yet.\n".to_owned();
    }
    let mut text = String::from("番号/No.  署名日時/Signed (JST)  状態/State  バイト/Bytes  ファイル名/File\n");
    for sent in items {
        let record = &sent.record;
        let (number, at, state) = (record.sequence, jst(record.signed_at), state_words(sent));
        writeln!(text, "{number:>6}  {at}  {state}  {}  {}", record.size, record.file_name).expect(STRING);
        writeln!(text, "        {}", record.id).expect(STRING);
        if let Some(returned) = &record.returned {
            writeln!(text, "        差戻しの理由/Reason: {}", reason(returned)).expect(STRING);
        }
        if has_gap(record) {
            let words = "この前に組合へ届いていないファイルがあります / The union had not received one before this";
            writeln!(text, "        {words}").expect(STRING);
        }
    }
    text
}

const STRING: &str = "a string takes any text";

fn state_words(sent: &Sent) -> &'static str {
    match (&sent.trouble, sent.record.state()) {
        (Some(Trouble::Alarm(_)), _) => "警告/ALARM",
        (Some(Trouble::NotTaken(_)), _) => "送信不可/Not taken",
        (None, State::Sealed) => "送信待ち/Waiting to be sent",
        (None, State::Uploaded) => "送信済/Sent",
        (None, State::Relayed) if sent.fetched => "組合が受信、確認待ち/Fetched, being checked",
        (None, State::Relayed) => "到達、組合の受信待ち/At the server",
        (None, State::Verified) => "検証済/Verified",
        (None, State::Accepted) => "受付済/Accepted",
        (None, State::Returned) => "差戻し/Returned",
    }
}

fn reason(returned: &ReturnWords) -> String {
    match returned {
        ReturnWords::Told { reason } => shown(reason),
        ReturnWords::Closed => "このパソコンの鍵では開けません / does not open with the keys of this PC".to_owned(),
        ReturnWords::Other => "別のファイルについての理由が付いています / is about another file".to_owned(),
    }
}

/// Words of somebody else, as they may be shown: on one line, and in the order in which they were written.
pub(super) fn shown(text: &str) -> String {
    let turns =
        |letter: char| matches!(letter, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200E}' | '\u{200F}');
    text.chars().filter(|letter| !turns(*letter)).map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// As Japanese offices read it.
pub(super) fn jst(at: Timestamp) -> String {
    let zoned = at.in_tz("Asia/Tokyo").expect("the time zones are compiled in");
    zoned.strftime("%Y-%m-%d %H:%M:%S").to_string()
}
