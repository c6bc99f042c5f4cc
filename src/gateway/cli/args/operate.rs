//! Arguments of `kx-gateway init`, `kx-gateway staff`, `kx-gateway doctor` and `kx-gateway logs`.

use std::path::PathBuf;

use clap::Subcommand;

use super::Json;
use crate::domain::staff::{Role, StaffName};

/// `init`
#[derive(Debug, clap::Args)]
pub struct Init {
    /// 回答ファイル (TOML)。質問に代えて使う。Answers to all questions, in place of asking. No secret is in it.
    #[arg(long, value_name = "FILE")]
    pub answers: Option<PathBuf>,
    /// 最初の職員のパスワードのファイル。Password of the first of the staff; without it one is made and shown once.
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
}

/// `logs`
#[derive(Debug, clap::Args)]
pub struct Logs {
    /// 作成するZIPファイル。The archive that is made.
    #[arg(long, value_name = "ZIP")]
    pub out: PathBuf,
    /// 何日前からのログか。How many days of the journal.
    #[arg(long, default_value_t = 7)]
    pub days: u32,
}

/// `staff`
#[derive(Debug, Subcommand)]
pub enum Staff {
    /// 追加する。パスワードは一度だけ表示される。Makes an account. A password that is made is shown this once.
    Add {
        /// ログイン名。What is typed to sign in: lower-case letters and digits, no name of a person.
        name: StaffName,
        /// 役割 (閲覧 reader, 担当 clerk, 管理 manager, 監査 auditor, 責任者 officer)。What it may do.
        #[arg(long)]
        role: Role,
        /// パスワードのファイル。Password; without it one is made.
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
    /// 一覧。Lists them.
    List(Json),
    /// 無効にする。Shuts an account at once.
    Disable {
        /// ログイン名。Which.
        name: StaffName,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
    /// 有効に戻す。パスワードと二要素認証は作り直しになる。Opens an account that was shut, with another password, which is to be changed at the next
    /// sign-in, where the second factor is set up anew too.
    Enable {
        /// ログイン名。Which.
        name: StaffName,
        /// パスワードのファイル。Password; without it one is made.
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
    /// 役割を変更する。すぐに有効になる。Gives an account another role, which counts at once.
    Role {
        /// ログイン名。Which.
        name: StaffName,
        /// 役割 (閲覧 reader, 担当 clerk, 管理 manager, 監査 auditor, 責任者 officer)。What it may do.
        role: Role,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
    /// パスワードを作り直す。Gives an account another password.
    Password {
        /// ログイン名。Which.
        name: StaffName,
        /// パスワードのファイル。Password; without it one is made.
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
    /// 二要素認証をやり直させる (端末と回復コードを失くした人のため)。Takes the second factor away: the next sign-in sets it up anew.
    ResetFactor {
        /// ログイン名。Which.
        name: StaffName,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
}
