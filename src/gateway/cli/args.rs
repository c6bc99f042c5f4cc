//! Arguments of `kx-gateway`.

pub(super) mod integration;
pub(super) mod operate;
pub(super) mod people;
pub(super) mod schedule;
pub(super) mod send;

use std::path::PathBuf;

use clap::{ArgGroup, Parser, Subcommand};

use integration::{Hook, Token};
use operate::{Init, Logs, Staff};
use people::{Office, User};
use schedule::Schedule;
use send::{Group, Send, Sent};

use crate::domain::ids::{MessageId, OfficeCode};
use crate::runtime::version::VERSION;

/// 健康保険組合のゲートウェイ。The gateway of a health insurance union.
#[derive(Debug, Parser)]
#[command(name = "kx-gateway", version = VERSION)]
pub struct Args {
    /// 設定ファイル (TOML)。The configuration file.
    #[arg(long, env = "KX_GATEWAY_CONFIG", default_value = "/etc/kx/gateway.toml")]
    pub config: PathBuf,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// 常駐して自動受信する。Runs and pulls by itself.
    Serve,
    /// 今すぐ一度受信する。Pulls once, now.
    Pull {
        /// 受領済みでもKXサーバーに残っていて手元にないものを再び受信する。Also pulls what was acknowledged before, is still kept
        /// by the KX server (7 days by default) and is not here: all of it is compared. Not needed after an ordinary restore
        /// from a backup: the gateway notices that by itself.
        #[arg(long)]
        again: bool,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
    /// 受信の予定と履歴。When the gateway pulls, and every run.
    #[command(subcommand)]
    Schedule(Schedule),
    /// 最初の設定を行う。鍵・証明書・設定ファイル・データベース・最初の職員を作る。あるものは変更しない。Sets up: keys, certificates,
    /// configuration, database, the first of the staff. Leaves alone what is there, so it can be run again.
    Init(Init),
    /// 設定を確認する。Says everything that is wrong with the configuration.
    CheckConfig,
    /// 時計・VPN・KXサーバー・ディスク・証明書・メール・権限などを調べ、対処を示す。Examines everything from the clock to the certificates, and
    /// says what to do; exit status 1 when something is bad.
    Doctor(Json),
    /// 調査用のログをZIPにまとめる。個人情報と鍵は含まない。Collects what is needed to look for a cause: no secrets, no persons.
    Logs(Logs),
    /// データベースを最新の形にする。Brings the database up to date.
    Migrate {
        /// 確認だけする。Only tells whether there is something to do; exit status 1 when there is.
        #[arg(long)]
        check: bool,
    },
    /// 状態を表示する。Shows how the gateway is.
    Status(Json),
    /// 警報を表示する。Shows what is wrong with the gateway, since when, and what to do.
    Alerts(Json),
    /// 受信ファイル。Received files.
    #[command(subcommand)]
    Received(Received),
    /// 隔離。Quarantine.
    #[command(subcommand)]
    Quarantine(Quarantine),
    /// 組合自身の証明書。The union's own certificates.
    #[command(subcommand)]
    Keys(Keys),
    /// 事業所や利用者にファイルを送信する。Sends files to users, offices or groups of offices.
    Send(Send),
    /// 送信ファイル。Sent files.
    #[command(subcommand)]
    Sent(Sent),
    /// 事業所のグループ。Groups of offices to send to.
    #[command(subcommand)]
    Group(Group),
    /// 事業所。Offices.
    #[command(subcommand)]
    Office(Office),
    /// 利用者。Users.
    #[command(subcommand)]
    User(User),
    /// 職員のアカウント。Accounts of the staff, for the console.
    #[command(subcommand)]
    Staff(Staff),
    /// 基幹システム用のトークン。Tokens of the API for the union's core system.
    #[command(subcommand)]
    Token(Token),
    /// 外部への通知。Programs that are told of events.
    #[command(subcommand)]
    Hook(Hook),
}

/// The switch for programs.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Json {
    /// JSONで出力する。Prints one JSON value.
    #[arg(long)]
    pub json: bool,
}

/// How much of a list.
#[derive(Debug, Clone, clap::Args)]
pub struct ListArgs {
    /// 状態 (archived, accepted, returned, quarantined)。Only in this state.
    #[arg(long)]
    pub state: Option<String>,
    /// 事業所記号。Only of this office.
    #[arg(long)]
    pub office: Option<OfficeCode>,
    /// 件数。At most so many.
    #[arg(long, default_value_t = 100)]
    pub limit: u32,
    /// Prints one JSON value.
    #[command(flatten)]
    pub json: Json,
}

/// `received`
#[derive(Debug, Subcommand)]
pub enum Received {
    /// 一覧。Lists, newest first.
    List(ListArgs),
    /// 一件を詳しく表示する。Shows one, with evidence and receipts.
    Show {
        /// Which message.
        id: MessageId,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
    /// 復号して取り出す。Writes the file, decrypted; refused unless it was accepted.
    Export {
        /// Which message.
        id: MessageId,
        /// 書き出すファイル。Where to.
        #[arg(short, long)]
        output: PathBuf,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
    /// 受付または差戻し。Accepts or returns a file.
    #[command(group(ArgGroup::new("decision").required(true).args(["accept", "return"])))]
    Review {
        /// Which message.
        id: MessageId,
        /// 受付。
        #[arg(long)]
        accept: bool,
        /// 差戻し。
        #[arg(long, requires = "reason")]
        r#return: bool,
        /// 差戻しの理由。Why it is returned.
        #[arg(long, requires = "return")]
        reason: Option<String>,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
}

/// `quarantine`
#[derive(Debug, Subcommand)]
pub enum Quarantine {
    /// 一覧。Lists, newest first.
    List {
        /// 件数。At most so many.
        #[arg(long, default_value_t = 100)]
        limit: u32,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
    /// 隔離を解除し、保管する。操作者とは別の人の承認が必要。Lets a message into the archive, approved by a second person. Refused for
    /// whatever is not whole, not for us, or not signed under a registered certificate.
    Release {
        /// Which message.
        id: MessageId,
        /// 承認者の名前。Who approves it: somebody else than who types this.
        #[arg(long)]
        approver: String,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
    /// 差戻しとして処理を終える。Ends the matter; the message is kept.
    Return {
        /// Which message.
        id: MessageId,
        /// 理由。Why.
        #[arg(long)]
        reason: String,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
}

/// `keys`
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// 一覧。Lists what the union signs with and is sealed to, the newest first.
    List(Json),
    /// 失効させる。取り消せない。Puts a certificate of the union itself on the revocation list of its CA, for good: employers
    /// seal nothing to it any more and believe nothing that it signs. What was sealed to it can still be opened.
    Revoke {
        /// 証明書のファイル (PEM)。The certificate.
        certificate: PathBuf,
        /// 使用中のものも失効させる。Also the one in use: employers cannot send until its successor is there.
        #[arg(long)]
        in_use: bool,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
}
