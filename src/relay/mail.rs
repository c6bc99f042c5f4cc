//! What the relay mails to people: where a kit can be fetched, that certificates end, what became of files ([`super::mail_files`]).
//! No name stands in it, and nothing of what is exchanged.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::config::Config;
use super::mail_files;
use crate::mail::{InvalidMailAddress, Login, Mail, MailAddress, Mailer, MailerError, sender};
use crate::store::relay::outbox::{Content, Waiting};

/// After this time a mail that does not go is let be: its problem shows, and a new link is a new mail.
pub(super) const GIVE_UP: SignedDuration = SignedDuration::from_hours(24 * 7);

/// What is wrong with the settings of mail.
#[derive(Debug, thiserror::Error)]
pub enum MailSettingsError {
    /// The sender.
    #[error("mail.from cannot be used")]
    From(#[source] InvalidMailAddress),
    /// The way out.
    #[error("mails cannot be sent with these settings")]
    Mailer(#[from] MailerError),
}

/// The way out that is configured.
pub(super) fn mailer(config: &Config) -> Result<Mailer, MailSettingsError> {
    sender(&config.mail.from).map_err(MailSettingsError::From)?;
    let given = |path: &std::path::PathBuf| (!path.as_os_str().is_empty()).then(|| path.clone());
    let login = given(&config.mail.credentials).map(|file| Login::read(&file)).transpose()?;
    let root = given(&config.mail.root)
        .map(|file| std::fs::read(&file).map_err(|error| MailerError::File(file, error)))
        .transpose()?;
    Ok(Mailer::new(&config.mail.transport, &config.data, login.as_ref(), root.as_deref())?)
}

/// The words of a mail.
pub(super) fn compose(
    waiting: &Waiting,
    from: &MailAddress,
    to: MailAddress,
    page: &str,
    link_hours: u32,
    now: Timestamp,
) -> Mail {
    let (subject, text) = match &waiting.content {
        Content::Link { token, .. } => (LINK_SUBJECT, link(page, token, link_hours)),
        Content::Expiry { not_after } => (EXPIRY_SUBJECT, expiry(*not_after)),
        Content::Files(gathered) => (mail_files::subject(gathered), mail_files::text(gathered)),
    };
    Mail { from: from.clone(), to, id: waiting.message_id.clone(), at: now, subject, text }
}

const LINK_SUBJECT: &str = "[Kenpo eXpress] アプリケーションおよび電子証明書ダウンロードのご案内";
const EXPIRY_SUBJECT: &str = "[Kenpo eXpress] 電子証明書の有効期限のご案内";

fn link(page: &str, token: &str, hours: u32) -> String {
    format!(
        "Kenpo eXpress をご利用いただくためのアプリケーションおよび電子証明書のダウンロードのご案内です。\r\n\
         \r\n\
         次のリンクを開き、電子証明書ダウンロード用のパスワードを入力してください。\r\n\
         \r\n\
         {page}/e/{token}\r\n\
         \r\n\
         パスワードは、健康保険組合から送付される「初期パスワード及び登録情報のお知らせ」に記載されています。\r\n\
         リンクの有効期間は、このメールの送信から{hours}時間です。期間を過ぎた場合や、パスワードを5回間違えて\r\n\
         開けなくなった場合は、健康保険組合へご連絡ください。\r\n\
         このメールにお心当たりのない場合は、リンクを開かずに破棄してください。\r\n\
         \r\n\
         このメールアドレスは送信専用です。返信いただいても回答できません。\r\n\
         \r\n\
         ----\r\n\
         Download of the Kenpo eXpress application and certificate.\r\n\
         \r\n\
         Open the link above and enter the download password. It is in the letter that your health insurance union has sent\r\n\
         you. The link can be used for {hours} hours from the sending of this mail. When it has expired, or is locked after\r\n\
         five wrong passwords, ask your union. If you do not expect this mail, do not open the link and delete the mail.\r\n\
         \r\n\
         Please do not reply: nobody reads this address.\r\n"
    )
}

fn expiry(not_after: Timestamp) -> String {
    let tokyo = TimeZone::get("Asia/Tokyo").unwrap_or(TimeZone::UTC);
    let day = not_after.to_zoned(tokyo).date();
    let (year, month, date) = (day.year(), day.month(), day.day());
    format!(
        "お使いのパソコンの Kenpo eXpress の電子証明書は、{year}年{month}月{date}日に有効期限を迎えます。\r\n\
         \r\n\
         有効期限までに Kenpo eXpress アプリを起動してログインしてください。電子証明書は自動で更新されます。\r\n\
         有効期限を過ぎるとファイルの送受信ができなくなり、健康保険組合での手続きが必要になります。\r\n\
         Kenpo eXpress をもう利用しない場合は、健康保険組合へご連絡ください。\r\n\
         \r\n\
         このメールアドレスは送信専用です。返信いただいても回答できません。\r\n\
         \r\n\
         ----\r\n\
         The Kenpo eXpress certificates of your PC end on {day}.\r\n\
         \r\n\
         Start the Kenpo eXpress app and log in before that day: the certificates are renewed by themselves. After it, files\r\n\
         cannot be exchanged any more until your health insurance union has enrolled you again. If you do not use Kenpo\r\n\
         eXpress any more, tell your union.\r\n\
         \r\n\
         Please do not reply: nobody reads this address.\r\n"
    )
}
