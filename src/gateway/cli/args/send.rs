//! Arguments of `kx-gateway send`, `sent` and `group`.

use std::path::PathBuf;

use clap::Subcommand;

use super::Json;
use crate::domain::ids::{MessageId, OfficeCode};

/// `send`
#[derive(Debug, clap::Args)]
pub struct Send {
    /// 宛先: 利用者ID、事業所記号、またはグループ (user:ID, office:CODE, group:NAME)。複数指定可。Whom to: a user, an office, or a group of
    /// offices; each office gets a message of its own. Where an id could mean more than one, write user:ID or office:CODE.
    #[arg(long, required = true)]
    pub to: Vec<String>,
    /// コメント (500文字以内)。A line for the reader.
    #[arg(long)]
    pub comment: Option<String>,
    /// ファイル。Each is sent by itself.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// 同じファイルを同じ宛先に、もう一度送信する。Sends the same file to the same addressees a second time. Without it the same
    /// command again goes on with what it began.
    #[arg(long)]
    pub again: bool,
    /// 送信を待たずに終わる。Only takes the files in; the service sends them.
    #[arg(long)]
    pub no_wait: bool,
    /// Prints one JSON value.
    #[command(flatten)]
    pub json: Json,
}

/// `sent`
#[derive(Debug, Subcommand)]
pub enum Sent {
    /// 一覧。Lists, newest first.
    List {
        /// 状態 (released, relayed, fetched, verified, accepted, returned, recalled, expired, stopped など)。Only in this state.
        #[arg(long)]
        state: Option<String>,
        /// 事業所記号。Only to this office and its users.
        #[arg(long)]
        office: Option<OfficeCode>,
        /// 受領通知に問題があるものだけ。Only those whose receipts do not fit.
        #[arg(long)]
        alarm: bool,
        /// 件数。At most so many.
        #[arg(long, default_value_t = 100)]
        limit: u32,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
    /// 一件、または一回の送信を詳しく表示する。Shows one message with its receipts, or one dispatch with its messages.
    Show(Which),
    /// 相手が受信する前に取り消す。Takes a message back that nobody has fetched, or whatever can be of a dispatch.
    Recall(Which),
    /// 送信を承認する。送信者とは別の人の承認が必要。Approves a dispatch: somebody else than who sends it.
    Approve {
        /// Which dispatch.
        id: MessageId,
        /// 承認者の名前。Who approves it: somebody else than who types this, and than who sent it.
        #[arg(long)]
        approver: String,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
    /// まだ受信していない相手にメールで知らせる。Has those reminded by mail who have not fetched it.
    Remind(Which),
}

/// A message or a dispatch.
#[derive(Debug, clap::Args)]
pub struct Which {
    /// Which message or dispatch.
    pub id: MessageId,
    /// Prints one JSON value.
    #[command(flatten)]
    pub json: Json,
}

/// `group`
#[derive(Debug, Subcommand)]
pub enum Group {
    /// 事業所をグループに加える。Adds offices to a group, which is made if it is not there.
    Add {
        /// グループの名前。
        name: String,
        /// 事業所記号。
        #[arg(required_unless_present = "all_offices")]
        offices: Vec<OfficeCode>,
        /// すべての事業所。Every office that is registered now.
        #[arg(long, conflicts_with = "offices")]
        all_offices: bool,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
    /// 一覧。Lists the groups, or the offices of one.
    List {
        /// グループの名前。
        name: Option<String>,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
    /// 事業所をグループから外す。事業所を省略するとグループを削除する。Takes offices out of a group, or forgets the whole group.
    Remove {
        /// グループの名前。
        name: String,
        /// 事業所記号。
        offices: Vec<OfficeCode>,
        /// Prints one JSON value.
        #[command(flatten)]
        json: Json,
    },
}
