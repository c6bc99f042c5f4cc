//! What the relay mails about files: how many, what to do, until when. No name of a file or a person stands in it, and no reason.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::store::relay::notices::Gathered;

/// The subject: what of the mail asks most of its reader.
pub(super) const fn subject(gathered: &Gathered) -> &'static str {
    match (gathered.received() > 0, gathered.sent() > 0) {
        (true, true) => "[Kenpo eXpress] ファイルの送受信に関するお知らせ",
        (true, false) if gathered.arrival > 0 => "[Kenpo eXpress] ファイル到着のお知らせ",
        (true, false) if gathered.reminder > 0 => "[Kenpo eXpress] 未受信ファイルのお知らせ",
        (true, false) => "[Kenpo eXpress] 受信ファイルに関するお知らせ",
        (false, _) if gathered.returned > 0 => "[Kenpo eXpress] 送信ファイル差戻しのお知らせ",
        (false, _) => "[Kenpo eXpress] 送信ファイルに関するお知らせ",
    }
}

/// What it says: all of it in Japanese, then all of it in English.
pub(super) fn text(gathered: &Gathered) -> String {
    [JAPANESE.say(gathered), "----\r\n".to_owned(), ENGLISH.say(gathered)].concat()
}

/// Everything that is said, in one language. `{}` stands for a number of files or a moment.
struct Words {
    moment: &'static str,
    received: &'static str,
    arrival: &'static str,
    reminder: &'static str,
    since: &'static str,
    until: &'static str,
    fetch: &'static str,
    expiry: &'static str,
    recall: &'static str,
    sent: &'static str,
    fetched: &'static str,
    accepted: &'static str,
    returned: &'static str,
    end: &'static str,
}

const JAPANESE: Words = Words {
    moment: "%Y年%-m月%-d日 %H:%M",
    received: "■ 健康保険組合からのファイル",
    arrival: "・新しく届いたファイル: {}件",
    reminder: "・まだ受信されていないファイル: {}件",
    since: "  最初の到着: {}（日本時間）",
    until: "  最初の受信期限: {}（日本時間）",
    fetch: "  Kenpo eXpress アプリを起動してログインし、期限までにファイルを受信してください。\r\n  \
            既に受信された場合は、ご対応は不要です。",
    expiry: "・受信期限を過ぎたファイル: {}件\r\n  受信できなくなりました。必要な場合は、健康保険組合へ再送をご依頼ください。",
    recall: "・健康保険組合が送信を取り消したファイル: {}件\r\n  受信できなくなりました。ご対応は不要です。",
    sent: "■ 送信されたファイル",
    fetched: "・健康保険組合が受信し、内容を検証したファイル: {}件",
    accepted: "・受付済となったファイル: {}件",
    returned: "・差し戻されたファイル: {}件\r\n  Kenpo eXpress アプリの送信履歴で理由を確認し、必要に応じて再度送信してください。",
    end: "このメールアドレスは送信専用です。返信いただいても回答できません。",
};

const ENGLISH: Words = Words {
    moment: "%Y-%m-%d %H:%M",
    received: "Files from your health insurance union",
    arrival: "- New files: {}",
    reminder: "- Files that still wait for you: {}",
    since: "  The first came on {} (Japan time).",
    until: "  The first can be received until {} (Japan time).",
    fetch: "  Start the Kenpo eXpress app, log in and receive them before that. If you already have, nothing is to be done.",
    expiry: "- Files that were not received in time: {}\r\n  They cannot be received any more. If you need them, ask your union to send \
             them again.",
    recall: "- Files that your union has taken back: {}\r\n  They cannot be received any more. Nothing is to be done.",
    sent: "Files that you have sent",
    fetched: "- Files that your union has received and verified: {}",
    accepted: "- Files that your union has accepted: {}",
    returned: "- Files that your union has returned: {}\r\n  Read the reason in the Kenpo eXpress app, in the list of what was sent, and \
               send again what is needed.",
    end: "Please do not reply: nobody reads this address.",
};

impl Words {
    fn say(&self, gathered: &Gathered) -> String {
        let mut lines = Vec::new();
        if gathered.received() > 0 {
            lines.push(self.received.to_owned());
            lines.extend(counted(self.arrival, gathered.arrival));
            lines.extend(counted(self.reminder, gathered.reminder));
            lines.extend(gathered.since.map(|at| self.at(self.since, at)));
            lines.extend(gathered.until.map(|at| self.at(self.until, at)));
            if gathered.arrival + gathered.reminder > 0 {
                lines.push(self.fetch.to_owned());
            }
            lines.extend(counted(self.expiry, gathered.expiry));
            lines.extend(counted(self.recall, gathered.recall));
            lines.push(String::new());
        }
        if gathered.sent() > 0 {
            lines.push(self.sent.to_owned());
            lines.extend(counted(self.fetched, gathered.fetched));
            lines.extend(counted(self.accepted, gathered.accepted));
            lines.extend(counted(self.returned, gathered.returned));
            lines.push(String::new());
        }
        lines.push(self.end.to_owned());
        lines.push(String::new());
        lines.join("\r\n")
    }

    fn at(&self, line: &str, at: Timestamp) -> String {
        let tokyo = TimeZone::get("Asia/Tokyo").unwrap_or(TimeZone::UTC);
        line.replace("{}", &at.to_zoned(tokyo).strftime(self.moment).to_string())
    }
}

fn counted(line: &str, files: u64) -> Option<String> {
    (files > 0).then(|| line.replace("{}", &files.to_string()))
}
