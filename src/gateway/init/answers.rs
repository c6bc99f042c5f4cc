//! What the first set-up of a gateway has to be told.

use std::path::{Path, PathBuf};

use ipnet::IpNet;
use toml::Value;

use crate::config::{Faults, Settings};
use crate::domain::ids::InsurerNumber;
use crate::domain::person::OfficeName;
use crate::domain::staff::StaffName;
use crate::gateway::config::GatewaySettings;
use crate::mail::{MailAddress, Mailer};
use crate::operations::handover::{ForUnions, Handover};
use crate::operations::owner::Owner;
use crate::operations::questions::{Question, Questions};
use crate::operations::template::fill;
use crate::wire::client::RelayUrl;

/// Everything that nobody can guess.
#[derive(Debug, Clone)]
pub(super) struct Answers {
    pub(super) insurer: InsurerNumber,
    pub(super) union_name: String,
    pub(super) contact: String,
    pub(super) relay: ForUnions,
    pub(super) owner: Owner,
    pub(super) data: PathBuf,
    pub(super) interface: String,
    pub(super) source_address: String,
    pub(super) networks: Vec<IpNet>,
    pub(super) mail: String,
    pub(super) mail_from: String,
    pub(super) staff: StaffName,
}

const ANSWERED: &str = "finish refuses what was not answered";

/// Asks for it.
pub(super) fn ask(config: &Path, questions: &mut Questions) -> Result<Answers, Faults> {
    let is_installed = config.starts_with("/etc");
    let account = questions.ask(
        &Question {
            key: "account",
            words: "ゲートウェイを動かすアカウント（空欄: 今のアカウント） / Account that the gateway runs as (empty: this one)",
            default: Some(if is_installed { "kx-gateway" } else { "" }),
        },
        |name| Owner::find(name).map_err(|error| error.to_string()),
    );
    questions.belong_to(account);
    let insurer = questions.ask(
        &Question {
            key: "insurer", words: "保険者番号（8桁） / Number of the union (8 digits)", default: None
        },
        |text| text.parse::<InsurerNumber>().map_err(|error| error.to_string()),
    );
    let union_name = questions.ask(
        &Question { key: "union_name", words: "健康保険組合名 / Name of the union", default: None },
        |text| text.parse::<OfficeName>().map(|name| name.as_str().to_owned()).map_err(|error| error.to_string()),
    );
    let contact = questions.ask(
        &Question {
            key: "contact",
            words: "利用者からの問い合わせ先（部署・電話・受付時間） / Whom users call (section, telephone, hours)",
            default: None,
        },
        |text| if text.is_empty() { Err("空です (it is empty)".to_owned()) } else { Ok(text.to_owned()) },
    );
    let relay = questions.ask(
        &Question {
            key: "from_operator",
            words: "KXサーバーの運営者から届いたファイル（for-unions.toml） / File from the operator of the KX server",
            default: None,
        },
        |file| {
            let relay = ForUnions::read(Path::new(file)).map_err(|error| error.to_string())?;
            relay.url.parse::<RelayUrl>().map_err(|error| error.to_string())?;
            Ok(relay)
        },
    );
    let data = questions.ask(
        &Question {
            key: "data",
            words: "保管データのフォルダー / Folder for database and archive",
            default: Some(if is_installed { "/var/lib/kx-gateway" } else { "data" }),
        },
        |text| if text.is_empty() { Err("空です (it is empty)".to_owned()) } else { Ok(PathBuf::from(text)) },
    );
    let (interface, source_address, networks) = way(questions);
    let (mail, mail_from) = mails(questions);
    let staff = questions.ask(
        &Question {
            key: "staff",
            words: "最初の職員（責任者）のログイン名（英小文字・数字） / Login name of the first of the staff (lower-case letters, digits)",
            default: None,
        },
        |text| text.parse::<StaffName>().map_err(|error| error.to_string()),
    );
    questions.finish()?;
    Ok(Answers {
        insurer: insurer.expect(ANSWERED),
        union_name: union_name.expect(ANSWERED),
        contact: contact.expect(ANSWERED),
        relay: relay.expect(ANSWERED),
        owner: account.expect(ANSWERED),
        data: data.expect(ANSWERED),
        interface: interface.expect(ANSWERED),
        source_address: source_address.expect(ANSWERED),
        networks: networks.expect(ANSWERED),
        mail: mail.expect(ANSWERED),
        mail_from: mail_from.expect(ANSWERED),
        staff: staff.expect(ANSWERED),
    })
}

/// The way to the relay.
fn way(questions: &mut Questions) -> (Option<String>, Option<String>, Option<Vec<IpNet>>) {
    let interface = questions.ask(
        &Question {
            key: "interface",
            words: "VPNのインターフェース名（空欄: 指定しない） / Interface of the VPN (empty: any)",
            default: Some(""),
        },
        |text| Ok(text.to_owned()),
    );
    let source_address = questions.ask(
        &Question {
            key: "source_address",
            words: "VPN上の自分のIPアドレス（空欄: 指定しない） / Own IP address on the VPN (empty: any)",
            default: Some(""),
        },
        |text| match text.parse::<std::net::IpAddr>() {
            Err(error) if !text.is_empty() => Err(error.to_string()),
            _ => Ok(text.to_owned()),
        },
    );
    let networks = questions.ask(
        &Question {
            key: "networks",
            words: "KXサーバーのアドレスが属するネットワーク（例 10.20.0.0/16、カンマ区切り、空欄: 指定しない） / Networks of the KX server (empty: any)",
            default: Some(""),
        },
        |text| {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            parts.map(|part| part.parse::<IpNet>().map_err(|error| error.to_string())).collect::<Result<Vec<_>, _>>()
        },
    );
    (interface, source_address, networks)
}

/// How mails to staff go out, and from whom.
fn mails(questions: &mut Questions) -> (Option<String>, Option<String>) {
    let mail = questions.ask(
        &Question {
            key: "mail",
            words: "職員へのメールの送り方（smtp://ホスト:ポート など。directory: はファイルに保存） / How mails to staff go out",
            default: Some("directory:mail"),
        },
        |text| Mailer::new(text, Path::new("."), None, None).map(|_| text.to_owned()).map_err(|error| error.to_string()),
    );
    let mail_from = questions.ask(
        &Question {
            key: "mail_from",
            words: "職員へのメールの送信元アドレス / Sender of mails to staff",
            default: Some("noreply-kenpoexpress@localhost.localdomain"),
        },
        |text| text.parse::<MailAddress>().map(|_| text.to_owned()).map_err(|error| error.to_string()),
    );
    (mail, mail_from)
}

impl Answers {
    /// The shipped configuration with what was answered in it.
    pub(super) fn settings(&self) -> String {
        fill(GatewaySettings::TEMPLATE, &self.values())
    }

    /// What was answered, by the keys of the configuration.
    pub(super) fn values(&self) -> Vec<(&'static str, Value)> {
        let text = |text: &str| Value::String(text.to_owned());
        let networks = self.networks.iter().map(|network| Value::String(network.to_string())).collect();
        let below = |name: &str| Value::String(self.data.join(name).display().to_string());
        let mail = match self.mail.strip_prefix("directory:") {
            Some(folder) => Value::String(format!("directory:{}", self.data.join(folder).display())),
            None => text(&self.mail),
        };
        vec![
            ("insurer", text(self.insurer.as_str())),
            ("relay.url", text(&self.relay.url)),
            ("relay.interface", text(&self.interface)),
            ("relay.source_address", text(&self.source_address)),
            ("relay.networks", Value::Array(networks)),
            ("keys.ca_key", text("union-ca.key")),
            ("letter.union_name", text(&self.union_name)),
            ("letter.contact", text(&self.contact)),
            ("storage.database", below("gateway.db")),
            ("storage.spool", below("spool")),
            ("storage.archive", below("archive")),
            ("storage.quarantine", below("quarantine")),
            ("storage.outbox", below("outbox")),
            ("api.uploads", below("uploads")),
            ("mail.transport", mail),
            ("mail.from", text(&self.mail_from)),
        ]
    }
}
