//! What the first set-up of a relay has to be told.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use toml::Value;

use super::keys::Names;
use crate::config::{Faults, Settings};
use crate::mail::{MailAddress, Mailer};
use crate::operations::owner::Owner;
use crate::operations::questions::{Question, Questions};
use crate::operations::template::fill;
use crate::relay::config::{Config, is_entrance};

/// Everything that nobody can guess.
#[derive(Debug, Clone)]
pub(super) struct Answers {
    pub(super) owner: Owner,
    pub(super) operator: String,
    pub(super) data: PathBuf,
    pub(super) vpn: SocketAddr,
    pub(super) vpn_url: String,
    pub(super) employer: SocketAddr,
    pub(super) employer_url: String,
    pub(super) page: SocketAddr,
    pub(super) page_url: String,
    pub(super) mail: String,
    pub(super) mail_from: String,
}

const ANSWERED: &str = "finish refuses what was not answered";

/// Asks for it.
pub(super) fn ask(config: &Path, questions: &mut Questions) -> Result<Answers, Faults> {
    let is_installed = config.starts_with("/etc");
    let some =
        |text: &str| if text.is_empty() { Err("空です (it is empty)".to_owned()) } else { Ok(text.to_owned()) };
    let address = |text: &str| text.parse::<SocketAddr>().map_err(|error| format!("ADDRESS:PORT: {error}"));
    let url = |text: &str| {
        let problem =
            "https://HOST または https://HOST:PORT の形にしてください (expected https://HOST or https://HOST:PORT)";
        if is_entrance(text) { Ok(text.to_owned()) } else { Err(problem.to_owned()) }
    };
    let account = questions.ask(
        &Question {
            key: "group",
            words: "鍵を読めるグループ（空欄: 今のアカウントのみ） / Group that may read the keys (empty: this account only)",
            default: Some(if is_installed { "kx-server-keys" } else { "" }),
        },
        |name| Owner::find(name).map_err(|error| error.to_string()),
    );
    questions.belong_to(account);
    let operator = questions
        .ask(&Question { key: "operator", words: "運営者の名称 / Name of the operator", default: None }, |text| {
            some(text).map(|name| name.chars().take(60).collect::<String>())
        });
    let data = questions.ask(
        &Question {
            key: "data",
            words: "データのフォルダー / Folder for data",
            default: Some(if is_installed { "/var/lib/kx-server" } else { "data" }),
        },
        |text| some(text).map(PathBuf::from),
    );
    let mut listener = |listens: (&'static str, &str, &str), reached: (&'static str, &str)| {
        let (key, words, default) = listens;
        let at = questions.ask(&Question { key, words, default: Some(default) }, address);
        let (key, words) = reached;
        (at, questions.ask(&Question { key, words, default: None }, url))
    };
    let (vpn, vpn_url) = listener(
        (
            "vpn_address",
            "組合側（VPN）で待ち受けるアドレス / Where unions' gateways are listened for",
            "127.0.0.1:18440",
        ),
        ("vpn_url", "組合のゲートウェイから見たURL（例 https://10.0.0.1:18440） / How gateways reach it"),
    );
    let (employer, employer_url) = listener(
        (
            "employer_address",
            "事業所側（インターネット）で待ち受けるアドレス / Where employers' apps are listened for",
            "0.0.0.0:18441",
        ),
        ("employer_url", "事業所から見たURL（例 https://kx.example.jp:18441） / How employers reach it"),
    );
    let (page, page_url) = listener(
        ("page_address", "証明書ダウンロードページのアドレス / Where the enrolment page is", "0.0.0.0:18442"),
        ("page_url", "ブラウザーから見たページのURL / How browsers reach the page"),
    );
    let mail = questions.ask(
        &Question {
            key: "mail",
            words: "メールの送り方（smtps://ホスト:ポート、smtp://…、directory:フォルダー） / How mails go out",
            default: None,
        },
        |text| {
            Mailer::new(text, Path::new("."), None, None).map(|_| text.to_owned()).map_err(|error| error.to_string())
        },
    );
    let mail_from = questions.ask(
        &Question {
            key: "mail_from",
            words: "送信元アドレス / Sender",
            default: Some("noreply-kenpoexpress@kmail.kenpo.gr.jp"),
        },
        |text| text.parse::<MailAddress>().map(|_| text.to_owned()).map_err(|error| error.to_string()),
    );
    questions.finish()?;
    Ok(Answers {
        owner: account.expect(ANSWERED),
        operator: operator.expect(ANSWERED),
        data: data.expect(ANSWERED),
        vpn: vpn.expect(ANSWERED),
        vpn_url: vpn_url.expect(ANSWERED),
        employer: employer.expect(ANSWERED),
        employer_url: employer_url.expect(ANSWERED),
        page: page.expect(ANSWERED),
        page_url: page_url.expect(ANSWERED),
        mail: mail.expect(ANSWERED),
        mail_from: mail_from.expect(ANSWERED),
    })
}

impl Answers {
    /// By which names the listeners are reached: those in the addresses.
    pub(super) fn names(&self) -> Names {
        let mut employer = vec![host(&self.employer_url)];
        if host(&self.page_url) != employer[0] {
            employer.push(host(&self.page_url));
        }
        Names { vpn: vec![host(&self.vpn_url)], employer }
    }

    /// The shipped configuration with what was answered in it.
    pub(super) fn settings(&self) -> String {
        fill(Config::TEMPLATE, &self.values())
    }

    /// What was answered, by the keys of the configuration.
    pub(super) fn values(&self) -> Vec<(&'static str, Value)> {
        let text = |text: &str| Value::String(text.to_owned());
        let at = |address: SocketAddr| Value::String(address.to_string());
        vec![
            ("data", Value::String(self.data.display().to_string())),
            ("vpn.address", at(self.vpn)),
            ("employer.address", at(self.employer)),
            ("employer.url", text(&self.employer_url)),
            ("employer.roots", text("ca/operator-ca.pem")),
            ("enrolment.address", at(self.page)),
            ("enrolment.url", text(&self.page_url)),
            ("mail.transport", text(&self.mail)),
            ("mail.from", text(&self.mail_from)),
        ]
    }
}

/// The name or address in a URL of ours.
fn host(url: &str) -> String {
    let rest = url.trim_start_matches("https://");
    match rest.strip_prefix('[') {
        Some(inner) => inner.split(']').next().unwrap_or_default().to_owned(),
        None => rest.split(':').next().unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn the_host_of_an_address_is_found() {
        assert_eq!(host("https://kx.example:18441"), "kx.example");
        assert_eq!(host("https://[2001:db8::1]:1"), "2001:db8::1");
        assert_eq!(host("https://10.0.0.1"), "10.0.0.1");
    }
}
