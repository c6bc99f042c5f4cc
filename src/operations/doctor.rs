//! What the doctors of both servers look at alike: clock, disk, keys and certificates, mail, database, configuration.

mod folders;

use std::path::Path;
use std::process::Command;

use jiff::{SignedDuration, Timestamp};

use super::places;
use crate::config::Fault;
use crate::mail::{MailError, Mailer};
use crate::message::keys::Certificate;
use crate::runtime::finding::{Finding, Health};
use crate::runtime::telemetry::chain;
use crate::store::sqlite::{MigrationState, StoreError};

pub use folders::{HANDOFF, permissions, room, rooms, writing};

/// How far two clocks may be from each other.
const SKEW: SignedDuration = SignedDuration::from_secs(60);
/// Days before the end of a certificate from which on it is named.
const SOON: i64 = 60;

/// What is wrong with the configuration, each by itself.
pub fn configuration(faults: &[Fault]) -> Vec<Finding> {
    const CHECK: &str = "configuration";
    if faults.is_empty() {
        return vec![Finding::good(CHECK, "設定に問題はありません", "the configuration is in order")];
    }
    let wrong = |fault: &Fault| {
        Finding::good(CHECK, format!("設定の誤り: {fault}"), fault.to_string()).todo(
            Health::Bad,
            "設定ファイルのこの項目、またはこの項目が指すファイルを直してください。",
            "Correct this key of the configuration, or the file that it names.",
        )
    };
    faults.iter().map(wrong).collect()
}

/// Whether this machine's clock is kept right, as far as systemd tells. Blocks.
pub fn synchronised() -> Finding {
    const CHECK: &str = "clock.synchronised";
    let told = Command::new("timedatectl").args(["show", "--property=NTPSynchronized", "--value"]).output();
    match told.as_ref().map(|told| told.stdout.trim_ascii()) {
        Ok(b"yes") => Finding::good(CHECK, "時計は自動で合わされています", "the clock is synchronised"),
        Ok(b"no") => Finding::good(CHECK, "時計が自動で合わされていません", "the clock is not synchronised").todo(
            Health::Warning,
            "時刻同期（systemd-timesyncd または chrony）を有効にしてください。",
            "Turn on time synchronisation (systemd-timesyncd or chrony).",
        ),
        _ => Finding::skipped(
            CHECK,
            "時刻同期の状態は分かりません",
            "systemd does not tell whether the clock is synchronised",
        ),
    }
}

/// How far our clock is ahead of another one.
pub fn clocks(ahead: SignedDuration) -> Finding {
    let seconds = ahead.as_secs();
    let finding = Finding::good(
        "clock.relay",
        format!("KXサーバーの時計との差は {seconds} 秒です"),
        format!("this clock is {seconds} s ahead of the KX server's"),
    );
    if ahead.abs() <= SKEW {
        return finding;
    }
    finding
        .means(
            "署名の時刻と証明書の期限の判定がずれます。",
            "Signing times and the ends of certificates are judged by it.",
        )
        .todo(
            Health::Bad,
            "時刻同期を有効にし、どちらの時計が正しいかを確認してください。",
            "Turn on time synchronisation, and find out which of the two clocks is right.",
        )
}

/// The days that a certificate has left; what it is for, in both languages.
pub fn certificate(japanese: &str, english: &str, certificate: &Certificate, now: Timestamp) -> Finding {
    let left = certificate.not_after().duration_since(now);
    let days = left.as_hours() / 24;
    let finding = Finding::good(
        "certificate",
        format!("{japanese}の電子証明書: 残り {days} 日"),
        format!("certificate of {english}: {days} days are left"),
    );
    if now < certificate.not_before() {
        return finding.todo(
            Health::Bad,
            "まだ有効期間の前です。時計を確認してください。",
            "It is not valid yet: look at the clock.",
        );
    }
    if left <= SignedDuration::ZERO {
        return finding.todo(
            Health::Bad,
            "期限が切れています。新しい証明書に替えてください。",
            "It has expired: put a new one in its place.",
        );
    }
    if days < SOON {
        return finding.todo(
            Health::Warning,
            "期限が近づいています。新しい証明書を用意してください。",
            "It ends soon: prepare a new one.",
        );
    }
    finding
}

/// The same for the newest certificate in a file. What cannot be read is among the faults of the configuration. Blocks.
pub fn certificate_in(japanese: &str, english: &str, path: &Path, now: Timestamp) -> Option<Finding> {
    let all = Certificate::all_from_pem(&std::fs::read(path).ok()?).ok()?;
    // What may be believed lasts as long as the last to end.
    let newest = all.iter().max_by_key(|certificate| certificate.not_after())?;
    Some(certificate(japanese, english, newest, now))
}

/// Whether a database is there cannot be seen.
pub fn unseen_database(database: &Path, error: &std::io::Error) -> Finding {
    let shown = database.display();
    let found = (format!("{shown} を確認できません: {error}"), format!("{shown} cannot be looked at: {error}"));
    Finding::good(WHOLE, found.0, found.1).todo(
        Health::Bad,
        "サービスのアカウント、または root で実行してください。",
        "Run this as the account of the service, or as root.",
    )
}

/// Whether mails could go out now. Nothing is sent.
pub async fn mail(mailer: Result<Mailer, String>) -> Finding {
    const CHECK: &str = "mail";
    let todo = |finding: Finding| {
        finding.means("メールでの案内や通知が届きません。", "Nobody is told anything by mail.").todo(
            Health::Bad,
            "[mail] の設定、メールサーバーの証明書、ファイアウォールを確認してください。",
            "Look at [mail], at the certificate of the mail server and at the firewall.",
        )
    };
    let mailer = match mailer {
        Ok(mailer) => mailer,
        Err(problem) => {
            return todo(Finding::good(CHECK, format!("メールの設定が使えません: {problem}"), problem));
        }
    };
    match mailer.test().await {
        Ok(()) if matches!(mailer, Mailer::Smtp(_)) => {
            Finding::good(CHECK, "メールサーバーに安全に接続できます", "the mail server answers over TLS")
        }
        Ok(()) => Finding::good(
            CHECK,
            "メールはフォルダーに保存され、誰にも送られません",
            "mails go into a folder and to nobody",
        )
        .todo(
            Health::Warning,
            "本番では [mail] transport にメールサーバーを指定してください。",
            "In production, name a mail server in [mail] transport.",
        ),
        Err(error) => todo(failed_mail(&error)),
    }
}

fn failed_mail(error: &MailError) -> Finding {
    let cause = chain(error);
    Finding::good("mail", format!("メールを送れません: {cause}"), format!("mails cannot be sent: {cause}"))
}

const WHOLE: &str = "database.integrity";

/// A database that cannot be read.
pub fn unreadable_database(error: &StoreError) -> Finding {
    let cause = chain(error);
    restore(Finding::good(WHOLE, format!("データベースを読めません: {cause}"), cause))
}

/// Whether the database is whole and of this version.
pub fn database(checked: Result<Vec<String>, StoreError>, state: Result<MigrationState, StoreError>) -> Vec<Finding> {
    const VERSION: &str = "database.version";
    let whole = match checked {
        Ok(problems) if problems.is_empty() => Finding::good(WHOLE, "データベースは正常です", "the database is whole"),
        Ok(problems) => restore(Finding::good(
            WHOLE,
            format!("データベースが壊れています（{} 件）", problems.len()),
            format!("the database is damaged in {} place(s)", problems.len()),
        )),
        Err(error) => unreadable_database(&error),
    };
    let version = match state {
        Ok(MigrationState::UpToDate) => {
            Finding::good(VERSION, "データベースは最新の形です", "the database is up to date")
        }
        Ok(MigrationState::Pending(count)) => Finding::good(
            VERSION,
            format!("データベースの更新が {count} 件あります"),
            format!("{count} migration(s) are to be run"),
        )
        .todo(
            Health::Warning,
            "起動時に行われます。先に行うには migrate。",
            "They are run at the start; to run them now: migrate.",
        ),
        Err(StoreError::Newer { version }) => Finding::good(
            VERSION,
            format!("データベースが新しい版のものです（{version}）"),
            format!("the database is from a newer version ({version})"),
        )
        .todo(
            Health::Bad,
            "新しい版のプログラムを入れ直してください。",
            "Install the newer version of the program again.",
        ),
        Err(error) => {
            let cause = chain(&error);
            restore(Finding::good(VERSION, format!("データベースの版が分かりません: {cause}"), cause))
        }
    };
    vec![whole, version]
}

fn restore(finding: Finding) -> Finding {
    finding.means("記録が失われるおそれがあります。", "Records may be lost.").todo(
        Health::Bad,
        "サービスを止め、データベースのファイルを複写してから、バックアップから戻してください。",
        "Stop the service, make a copy of the database's files, then restore a backup.",
    )
}

/// Whether the service itself runs. Blocks.
pub fn service(watch: Option<std::net::SocketAddr>, metric: &str) -> Finding {
    const CHECK: &str = "service";
    let Some(watch) = watch else {
        return Finding::skipped(CHECK, "状態を確認するアドレスがありません", "there is no address for health");
    };
    if places::answers(watch, metric) {
        return Finding::good(CHECK, "サービスは動いています", "the service runs");
    }
    Finding::good(CHECK, "サービスが応答しません", "the service does not answer").todo(
        Health::Warning,
        "起動していなければ systemctl start で起動し、原因は journalctl で確認してください。",
        "Start it with systemctl; journalctl says why it does not run.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_differ_are_bad() {
        assert_eq!(clocks(SignedDuration::from_secs(-59)).result, Health::Good);
        assert_eq!(clocks(SignedDuration::from_secs(-61)).result, Health::Bad);
    }
}
