//! What the doctors of both servers look at alike: clock, disk, keys and certificates, mail, database, configuration.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use jiff::{SignedDuration, Timestamp};

use super::places;
use crate::config::Fault;
use crate::domain::clock::Random;
use crate::mail::{MailError, Mailer};
use crate::message::keys::Certificate;
use crate::runtime::clock::SystemRandom;
use crate::runtime::finding::{Finding, Health};
use crate::runtime::telemetry::chain;
use crate::store::sqlite::{MigrationState, StoreError};
use crate::stream::platform;

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

/// Whether there is room on the disk of a folder. Blocks.
pub fn room(folder: &Path, reserve: u64) -> Finding {
    const CHECK: &str = "disk.room";
    let mib = |bytes: u64| bytes >> 20;
    let near = folder.ancestors().find(|above| above.exists()).unwrap_or(Path::new("/"));
    let free = match platform::free_space(near) {
        Ok(free) => free.unwrap_or(u64::MAX),
        Err(error) => return unreadable(CHECK, near, &error),
    };
    let finding = Finding::good(
        CHECK,
        format!("ディスクの空き {} MiB（予約 {} MiB）", mib(free), mib(reserve)),
        format!("{} MiB are free, of which {} MiB are kept", mib(free), mib(reserve)),
    );
    if free <= reserve {
        let means = ("新しいファイルは受け取れません。", "Nothing new is taken in.");
        return finding.means(means.0, means.1).todo(
            Health::Bad,
            "ディスクを空けるか増やしてください。",
            "Free some room, or give it a larger disk.",
        );
    }
    if free < reserve.saturating_mul(2) {
        return finding.todo(
            Health::Warning,
            "空きが予約の2倍を切りました。早めに増やしてください。",
            "Less than twice the reserve is free: give it more room soon.",
        );
    }
    finding
}

/// Whether a file can be written, made durable and renamed in each of these folders. Blocks.
pub fn writing(folders: &[(&str, &Path)]) -> Vec<Finding> {
    const CHECK: &str = "disk.write";
    let mut findings = Vec::new();
    for (key, folder) in folders {
        if !folder.exists() {
            let shown = folder.display();
            let made =
                Finding::good(CHECK, format!("{shown} はまだありません"), format!("{shown} is not there yet ({key})"));
            findings.push(made.todo(
                Health::Warning,
                "最初の起動時に作られます。init がまだなら実行してください。",
                "It is made at the first start; run init if that was not done.",
            ));
        } else if let Err(error) = try_out(folder) {
            findings.push(unreadable(CHECK, folder, &error));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::good(
            CHECK,
            "すべてのフォルダーに書き込み、確定、改名ができます",
            "every folder can be written to, synced and renamed in",
        ));
    }
    findings
}

fn try_out(folder: &Path) -> io::Result<()> {
    // Names that nobody can foresee, and a file that is new: whoever may write in the folder must not lead root elsewhere by a link.
    let mut unforeseeable = [0; 8];
    SystemRandom.fill(&mut unforeseeable);
    let name = |end: &str| folder.join(format!(".doctor-{}.{end}", hex::encode(unforeseeable)));
    let (first, second) = (name("tmp"), name("done"));
    let mut file = platform::private(fs::OpenOptions::new().write(true).create_new(true)).open(&first)?;
    let done = (|| {
        file.write_all(b"kx")?;
        file.sync_all()?;
        fs::rename(&first, &second)?;
        platform::sync_folder(folder)
    })();
    // Whichever of the two is there.
    let _ = (fs::remove_file(&first), fs::remove_file(&second));
    done
}

fn unreadable(check: &'static str, path: &Path, error: &io::Error) -> Finding {
    let shown = path.display();
    let found =
        Finding::good(check, format!("{shown} を使えません: {error}"), format!("{shown} cannot be used: {error}"));
    found.todo(
        Health::Bad,
        "フォルダーの所有者と権限、ディスクの状態を確認してください。サービスと同じアカウントで実行していますか。",
        "Look at its owner, its permissions and the disk. Is this run by the account of the service?",
    )
}

/// Owners and permissions of secret files, of their folders and of data folders. Root looks at them as the service. Blocks.
pub fn permissions(
    secrets: &[(&str, &Path)],
    folders: &[(&str, &Path)],
    service: Option<places::Service>,
) -> Vec<Finding> {
    const CHECK: &str = "permissions";
    let own = rustix::process::geteuid().as_raw();
    let mut findings = Vec::new();
    for (key, path) in secrets {
        let Ok(found) = fs::metadata(path) else { continue };
        let shown = path.display();
        let owners = [Some(0), Some(own), service.map(places::Service::user)];
        let is_ours = |found: &fs::Metadata| owners.contains(&Some(found.uid()));
        let folder = path.parent().and_then(|folder| fs::metadata(folder).ok());
        if !is_ours(&found) || folder.is_some_and(|folder| !is_ours(&folder) || folder.mode() & 0o022 != 0) {
            let foreign = format!("{shown} またはそのフォルダーを、別のアカウントが書き換えられます");
            let foreign = Finding::good(CHECK, foreign, format!("another account can replace {shown} ({key})"));
            findings.push(foreign.todo(
                Health::Bad,
                "ファイルとフォルダーの所有者を root かサービスのアカウントにし、グループと他の人の書き込みを禁じてください（chown、chmod go-w）。",
                "Give file and folder to root or to the service's account, and let nobody else write there (chown, chmod go-w).",
            ));
        }
        if let Some(mode) = places::openness(&found) {
            let open = format!("{shown} が他の人に開かれています（{mode:04o}）");
            let open = Finding::good(CHECK, open, format!("{shown} is too open: mode {mode:04o} ({key})"));
            findings.push(
                open.means(
                    "鍵や秘密を他のアカウントが読める、または変えられます。",
                    "Other accounts can read or change a secret.",
                )
                .todo(
                    Health::Bad,
                    format!("chmod 600 {shown}（または 640）"),
                    format!("chmod 600 {shown}, or 640"),
                ),
            );
        }
    }
    for (key, folder) in folders {
        let Ok(found) = fs::metadata(folder) else { continue };
        let shown = folder.display();
        if found.mode() & 0o027 != 0 && *key != "handoff.folder" {
            let open = format!("{shown} が他の人に開かれています（{:04o}）", found.mode() & 0o7777);
            let open = Finding::good(CHECK, open, format!("{shown} is open to others ({key})"));
            findings.push(open.todo(Health::Warning, format!("chmod 700 {shown}"), format!("chmod 700 {shown}")));
        }
        if found.uid() != own && own != 0 {
            let other = format!("{shown} は別のアカウント（uid {}）のものです", found.uid());
            let other = Finding::good(CHECK, other, format!("{shown} belongs to uid {} and not to {own}", found.uid()));
            findings.push(other.todo(
                Health::Bad,
                "サービスのアカウントで実行するか、所有者を直してください（chown）。",
                "Run this as the account of the service, or correct the owner (chown).",
            ));
        }
    }
    if findings.is_empty() {
        let good = ("鍵とフォルダーの権限は適切です", "keys and folders are for their account only");
        findings.push(Finding::good(CHECK, good.0, good.1));
    }
    findings
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
    fn folders_are_tried_out_and_left_as_they_were() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("none");
        let findings = writing(&[("a", dir.path()), ("b", &missing)]);
        assert_eq!(findings.len(), 1);
        assert_eq!((findings[0].check, findings[0].result), ("disk.write", Health::Warning));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        assert_eq!(writing(&[("proc", Path::new("/proc"))])[0].result, Health::Bad);
    }

    #[test]
    fn room_is_judged_by_the_reserve() {
        let dir = tempfile::tempdir().unwrap();
        let free = platform::free_space(dir.path()).unwrap().unwrap();
        assert_eq!(room(dir.path(), 0).result, Health::Good);
        assert_eq!(room(dir.path(), free - free / 4).result, Health::Warning);
        assert_eq!(room(&dir.path().join("none"), u64::MAX).result, Health::Bad);
    }

    #[test]
    fn clocks_that_differ_are_bad() {
        assert_eq!(clocks(SignedDuration::from_secs(-59)).result, Health::Good);
        assert_eq!(clocks(SignedDuration::from_secs(-61)).result, Health::Bad);
    }
}
