//! The list for people.

use std::fmt::Write;

use super::super::list::{jst, shown};
use crate::employer::inbox::{Inbox, InboxItem, InboxState};

/// Two lines or more a message: number, time, state, size, name; then its id and what there is to say of it.
pub(super) fn table(inbox: &Inbox, nothing: &str) -> String {
    if inbox.items.is_empty() {
        return if nothing.is_empty() { String::new() } else { format!("{nothing}\n") };
    }
    let mut text = String::from("番号/No.  日時/Time (JST)  状態/State  バイト/Bytes  ファイル名/File\n");
    for item in &inbox.items {
        line(&mut text, item);
        details(&mut text, inbox, item);
    }
    text
}

const STRING: &str = "a string takes any text";

fn line(text: &mut String, item: &InboxItem) {
    let state = state_words(item);
    match (&item.record, &item.parcel) {
        (Some(record), _) => {
            let content = record.content.as_ref();
            let number = content.map_or_else(|| "-".to_owned(), |content| content.sequence.to_string());
            let size = content.map_or(record.sealed_size, |content| content.size);
            let name = content.and_then(|content| content.file_name.as_ref());
            let name = name.map_or_else(|| "-".to_owned(), |name| shown(name.as_str()));
            writeln!(text, "{number:>6}  {}  {state}  {size}  {name}", jst(record.received_at)).expect(STRING);
        }
        (None, Some(parcel)) => {
            let (at, size) = (jst(parcel.deposited_at), parcel.size);
            writeln!(text, "{:>6}  {at}  {state}  {size}  -", "-").expect(STRING);
        }
        (None, None) => (),
    }
}

fn details(text: &mut String, inbox: &Inbox, item: &InboxItem) {
    let mut detail = |words: &str| writeln!(text, "        {words}").expect(STRING);
    if let Some(id) = item.id() {
        detail(&id.to_string());
    }
    if let Some(parcel) = item.parcel.as_ref().filter(|_| item.record.is_none()) {
        detail(&format!("受信期限 / Receive it before: {} (JST)", jst(parcel.expires_at)));
        if item.fetched > 0 {
            detail(&format!("受信の途中 / Fetched so far: {} / {} bytes", item.fetched, parcel.size));
        }
    }
    let Some(record) = &item.record else { return };
    if let Some(comment) = record.content.as_ref().and_then(|content| content.comment.as_deref()) {
        detail(&format!("コメント / Comment: {}", shown(comment)));
    }
    if let Some(path) = &record.saved_as {
        detail(&format!("保存先 / Saved as: {}", path.display()));
    }
    if let Some(reason) = &record.reason {
        detail(&format!("差戻しの理由 / Reason: {}", shown(reason)));
    }
    for reason in &record.reasons {
        let (japanese, english) = super::words::reason(*reason);
        detail(&format!("{japanese} / {english} ({})", reason.code()));
    }
    for warning in inbox.warnings(record) {
        let (japanese, english) = super::words::warning(warning);
        detail(&format!("注意: {japanese} / Warning: {english} ({})", warning.code()));
    }
    if !record.is_acknowledged() {
        detail("受領通知は未送信です / our receipt has not been sent yet");
    }
}

fn state_words(item: &InboxItem) -> &'static str {
    match item.state() {
        InboxState::Waiting => "受信待ち/Waiting",
        InboxState::Verified => "検証済、未保存/Verified, not saved yet",
        InboxState::Accepted => "受信済/Received",
        InboxState::Returned => "差戻し/Returned",
        InboxState::Quarantined => "隔離/QUARANTINE",
        InboxState::Withdrawn => "組合が取消/Taken back by the union",
    }
}
