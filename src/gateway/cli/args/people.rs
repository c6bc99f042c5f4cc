//! Arguments of `kx-gateway office` and `kx-gateway user`.

use std::path::PathBuf;

use clap::Subcommand;
use jiff::Timestamp;

use super::Json;
use crate::domain::ids::{OfficeCode, UserId};
use crate::domain::person::{DeviceLabel, MailAddress, OfficeName, PersonName};
use crate::domain::user::DisableReason;
use crate::wire::enrolment::PcMark;

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
    /// CSVから登録する (事業所記号,事業所名)。Registers the offices of a CSV file, all or none.
    Import(Import),
    /// 一覧。Lists, by code.
    List {
        /// この事業所記号より後。Those after this one.
        #[arg(long)]
        after: Option<OfficeCode>,
        /// 件数。At most so many.
        #[arg(long, default_value_t = 1_000)]
        limit: u32,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
}

/// A file to import.
#[derive(Debug, clap::Args)]
pub struct Import {
    /// CSVファイル (UTF-8またはShift_JIS)。The file.
    pub file: PathBuf,
    /// 確認だけする。Checks everything and writes nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Prints one JSON value.
    #[command(flatten)]
    pub json: Json,
}

/// A user and the switch for programs.
#[derive(Debug, clap::Args)]
pub struct One {
    /// 利用者ID。
    pub user: UserId,
    /// Prints one JSON value.
    #[command(flatten)]
    pub json: Json,
}

/// A pair of certificates.
#[derive(Debug, clap::Args)]
pub struct Pair {
    /// 署名用電子証明書 (PEM)。Certificate for signing.
    #[arg(long, requires = "encryption_cert")]
    pub signing_cert: Option<PathBuf>,
    /// 暗号用電子証明書 (PEM)。Certificate for encryption.
    #[arg(long, requires = "signing_cert")]
    pub encryption_cert: Option<PathBuf>,
}

/// `user`
#[derive(Debug, Subcommand)]
pub enum User {
    /// 登録する。Registers a user: by name and mail address, or with certificates of another authority.
    Add {
        /// 事業所記号。
        #[arg(long)]
        office: OfficeCode,
        /// 利用者ID。省略すると自動で決まる。Made up when it is left out.
        #[arg(long)]
        user: Option<UserId>,
        /// 利用者名。
        #[arg(long, requires = "mail")]
        name: Option<PersonName>,
        /// メールアドレス。
        #[arg(long, requires = "name")]
        mail: Option<MailAddress>,
        /// 端末名。What staff call the PC.
        #[arg(long, requires = "name")]
        device: Option<DeviceLabel>,
        /// Certificates of another authority.
        #[command(flatten)]
        pair: Pair,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
    /// CSVから登録する (事業所記号,事業所名,利用者名,メールアドレス,端末名、任意で利用者ID)。Registers the users of a CSV file, all or none.
    Import(Import),
    /// 一覧。Lists, by id.
    List {
        /// 事業所記号。Only of this office.
        #[arg(long)]
        office: Option<OfficeCode>,
        /// メールアドレス。Only with this mail address.
        #[arg(long)]
        mail: Option<MailAddress>,
        /// 状態。Only in this state.
        #[arg(long, value_parser = ["registered", "enabled", "disabled"])]
        state: Option<String>,
        /// この利用者IDより後。Those after this one: the next page.
        #[arg(long)]
        after: Option<UserId>,
        /// 件数。At most so many.
        #[arg(long, default_value_t = 100)]
        limit: u32,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
    /// 一人を詳しく表示する。Shows one, with certificates, orders and what the KX server says.
    Show(One),
    /// 「初期パスワード及び登録情報のお知らせ」を作成する。Writes the letter to a new user, once, and has the link mailed.
    Letter {
        /// 利用者ID。
        #[arg(required_unless_present = "all_new", conflicts_with = "all_new")]
        user: Option<UserId>,
        /// お知らせが未作成の全員分を -o のフォルダーに作成する。For everybody who has none yet, into the folder given by -o.
        #[arg(long)]
        all_new: bool,
        /// 事業所記号 (--all-new とともに)。Only of this office.
        #[arg(long, requires = "all_new")]
        office: Option<OfficeCode>,
        /// 書き出すファイル (HTML)。Where to; never over another file.
        #[arg(short, long)]
        output: PathBuf,
        /// パスワードを作り直す。前のお知らせは使えなくなる。Makes new passwords: the letter before is void.
        #[arg(long, conflicts_with = "all_new")]
        new_passwords: bool,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
    /// ダウンロード用のリンクを再送する。Has a new link mailed.
    Link(One),
    /// 別の端末への入替えを承認する。Approves that another PC replaces the present one, whose certificates end.
    ApproveDevice {
        /// 利用者ID。
        user: UserId,
        /// 承認しない。Refuses it.
        #[arg(long)]
        refuse: bool,
        /// 利用者本人が電話で読み上げたPC番号 (8桁)。承認には必須。The number of the PC, as the person reads it out from the set-up's
        /// screen on the telephone. Needed to approve.
        #[arg(long)]
        pc: Option<PcMark>,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
    /// PINを忘れたとき: 鍵と電子証明書を無効にする。その後 user letter。When a PIN is forgotten: ends the PC's keys; then make a new letter.
    ResetPin(One),
    /// 別の認証局の電子証明書を追加する。Registers further certificates of another authority.
    Certificates {
        /// 利用者ID。
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
    /// 紛失・盗難の影響を表示する。Shows what a loss has affected.
    Incident {
        /// 利用者ID。
        user: UserId,
        /// 報告書 (HTML) を書き出すファイル。Writes a report to print.
        #[arg(short, long)]
        output: Option<PathBuf>,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
}
