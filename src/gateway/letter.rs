//! 「初期パスワード及び登録情報のお知らせ」: the letter to a new user, one A4 page.

use askama::Template;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::flows::enrol::letter::Passwords;
use crate::domain::person::OfficeName;
use crate::store::gateway::users::Contact;

/// What the letter says. Printed once; the passwords exist nowhere else.
#[derive(Debug, Clone)]
pub struct Letter {
    /// When it was made.
    pub made_at: Timestamp,
    /// Name of the union.
    pub union_name: String,
    /// Whom to call.
    pub contact: String,
    /// 事業所名.
    pub office: OfficeName,
    /// 利用者名, メールアドレス.
    pub person: Contact,
    /// The two passwords.
    pub passwords: Passwords,
}

#[derive(Template)]
#[template(path = "gateway/letter.html")]
struct Page<'a> {
    date: String,
    union_name: &'a str,
    contact: &'a str,
    office: &'a str,
    name: &'a str,
    mail: &'a str,
    download: &'a str,
    login: &'a str,
}

impl Letter {
    /// The day in Japan on which it was made.
    pub fn date(&self) -> String {
        let zone = TimeZone::get("Asia/Tokyo").unwrap_or(TimeZone::UTC);
        self.made_at.to_zoned(zone).strftime("%Y年%-m月%-d日").to_string()
    }

    /// The page, with its style for printing.
    pub fn html(&self) -> Result<String, askama::Error> {
        let page = Page {
            date: self.date(),
            union_name: &self.union_name,
            contact: &self.contact,
            office: self.office.as_str(),
            name: self.person.name.as_str(),
            mail: self.person.mail.as_str(),
            download: &self.passwords.download,
            login: &self.passwords.login,
        };
        page.render()
    }
}
