//! Arguments of `kx-gateway`.

use std::path::PathBuf;

use clap::{ArgGroup, Parser, Subcommand};
use jiff::Timestamp;

use crate::domain::ids::{MessageId, OfficeCode, UserId};
use crate::domain::person::OfficeName;
use crate::domain::user::DisableReason;
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
    /// 設定を確認する。Says everything that is wrong with the configuration.
    CheckConfig,
    /// データベースを最新の形にする。Brings the database up to date.
    Migrate {
        /// 確認だけする。Only tells whether there is something to do; exit status 1 when there is.
        #[arg(long)]
        check: bool,
    },
    /// 状態を表示する。Shows how the gateway is.
    Status(Json),
    /// 受信ファイル。Received files.
    #[command(subcommand)]
    Received(Received),
    /// 隔離。Quarantine.
    #[command(subcommand)]
    Quarantine(Quarantine),
    /// 事業所。Offices.
    #[command(subcommand)]
    Office(Office),
    /// 利用者。Users.
    #[command(subcommand)]
    User(User),
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

/// `office`
#[derive(Debug, Subcommand)]
pub enum Office {
    /// 登録する。Registers an office.
    Add {
        /// 事業所記号。
        #[arg(long)]
        code: OfficeCode,
        /// 事業所名。
        #[arg(long)]
        name: OfficeName,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
    /// 一覧。Lists.
    List(Json),
}

/// `user`
#[derive(Debug, Subcommand)]
pub enum User {
    /// 電子証明書とともに登録する。Registers a user with certificates.
    Add {
        /// 事業所記号。
        #[arg(long)]
        office: OfficeCode,
        /// 利用者ID。
        #[arg(long)]
        user: UserId,
        /// 署名用電子証明書 (PEM)。Certificate for signing.
        #[arg(long)]
        signing_cert: PathBuf,
        /// 暗号用電子証明書 (PEM)。Certificate for encryption.
        #[arg(long)]
        encryption_cert: PathBuf,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
    /// 一覧。Lists.
    List(Json),
    /// 無効にする。Disables a user, here at once, at the KX server as soon as it can be reached.
    Disable {
        /// 利用者ID。
        user: UserId,
        /// 理由: lost (紛失), stolen (盗難), left (退職・異動), other (その他)。
        #[arg(long)]
        reason: DisableReason,
        /// 紛失・盗難の日時 (例 2026-11-22T09:00:00+09:00)。When the PC was lost.
        #[arg(long)]
        lost_at: Option<Timestamp>,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
    /// 有効に戻す。操作者とは別の人の承認が必要。Enables a user again, approved by a second person; a new letter is needed then.
    Enable {
        /// 利用者ID。
        user: UserId,
        /// 承認者の名前。Who approves it: somebody else than who types this.
        #[arg(long)]
        approver: String,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
}
