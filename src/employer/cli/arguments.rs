//! What can be said on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::domain::ids::MessageId;
use crate::runtime::version::VERSION;

/// 健康保険組合とファイルを安全に送受信します / Exchanges files with the health insurance union, sealed and signed.
///
/// Exit status: 0 done; 1 refused or failed, with the reason on standard error; 2 wrong usage.
#[derive(Debug, Parser)]
#[command(name = "kx-employer", version = VERSION)]
pub(super) struct Arguments {
    /// 設定・証明書・送信記録のフォルダー / Folder with settings, certificates and the record of what was sent.
    #[arg(long, value_name = "DIR", env = "KX_EMPLOYER_HOME")]
    pub(super) home: PathBuf,
    #[command(flatten)]
    pub(super) secrets: Secrets,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// Where PIN and password come from, when nobody sits there. They are never taken from the command line.
#[derive(Debug, Clone, Args)]
pub(super) struct Secrets {
    /// PIN コードを 1 行目に書いたファイル（省略時は入力） / File with the PIN on its first line; asked for without it.
    #[arg(long, value_name = "FILE", env = "KX_EMPLOYER_PIN_FILE", global = true)]
    pub(super) pin_file: Option<PathBuf>,
    /// パスワードを 1 行目に書いたファイル（省略時は入力） / File with the password on its first line; asked for without it.
    #[arg(long, value_name = "FILE", env = "KX_EMPLOYER_PASSWORD_FILE", global = true)]
    pub(super) password_file: Option<PathBuf>,
}

/// What `setup` is told.
#[derive(Debug, Args)]
pub(super) struct SetupArguments {
    /// ダウンロードした kenpoexpress.zip、または展開したフォルダー / The kit as it was downloaded, or the folder that came out
    /// of it. Not needed to go on with a set-up that was interrupted.
    #[arg(long, value_name = "ZIP")]
    pub(super) kit: Option<PathBuf>,
    /// 途中の初期設定をやめて、このキットで始めます / Gives up a set-up with another kit whose request is under way.
    #[arg(long, requires = "kit")]
    pub(super) start_anew: bool,
    /// 事業所名（省略時は入力） / The office's name as on the letter; asked for without it.
    #[arg(long, value_name = "NAME")]
    pub(super) office: Option<String>,
    /// 利用者名（省略時は入力） / The user's name as on the letter; asked for without it.
    #[arg(long, value_name = "NAME")]
    pub(super) user: Option<String>,
    /// メールアドレス（省略時は入力） / The mail address as on the letter; asked for without it.
    #[arg(long, value_name = "ADDRESS")]
    pub(super) mail: Option<String>,
    /// 変更後のパスワードを 1 行目に書いたファイル / File with the password to change to.
    #[arg(long, value_name = "FILE")]
    pub(super) new_password_file: Option<PathBuf>,
}

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Switch {
    On,
    Off,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// 初期設定をします（中断しても続きから） / Sets this PC up: PIN, names from the letter, certificates, first login.
    ///
    /// Every step is kept: after an interruption, run it again and it goes on where it stopped.
    Setup(SetupArguments),
    /// ログインします / Begins a session, which the other commands use.
    Login,
    /// ログアウトします / Ends the session.
    Logout,
    /// パスワードを変更します / Changes the password. The present one comes from --password-file or is asked for.
    Password {
        /// 変更後のパスワードを 1 行目に書いたファイル / File with the password to change to.
        #[arg(long, value_name = "FILE")]
        new_password_file: Option<PathBuf>,
    },
    /// ファイルを送信します / Sends files.
    ///
    /// What was begun before is sent first, from where it stopped; without FILE, only that is done. Each file is kept sealed
    /// in the outbox until the union's signed receipt for it is there. Names that could do harm, and files that are being
    /// written, are refused before anything is sent.
    Send {
        /// 送信するファイル / The files to send, in this order.
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
        /// 組合の担当者へのコメント（500 文字以内） / Comment for the union's staff, one line of at most 500 characters.
        #[arg(long, value_name = "TEXT")]
        comment: Option<String>,
        /// Print one JSON array of the messages sent, and nothing else, on standard output.
        #[arg(long)]
        json: bool,
    },
    /// 送信したファイルの一覧と受領状況を表示します / Lists what was sent and how far it has come.
    ///
    /// Every receipt is checked: who signed it, for which bytes, and that none is missing. One that does not match is an
    /// alarm (exit status 1). Without a connection the list shows what was known before (exit status 1 too).
    Sent {
        /// Print one JSON array of messages, and nothing else, on standard output.
        #[arg(long)]
        json: bool,
    },
    /// 組合から届いたファイルの一覧を表示します / Lists what the union has sent: what waits until when, and what was received.
    ///
    /// Receipts that are still on this PC are sent by the way. Names and comments are sealed: they show once a file was received.
    Inbox {
        /// Print one JSON array of messages, and nothing else, on standard output.
        #[arg(long)]
        json: bool,
    },
    /// 組合から届いたファイルを受信して保存します / Receives what the union has sent, and puts the files into a folder.
    ///
    /// Each is verified before anything of it can be seen: that the union signed it, for you or your office, and that nothing is
    /// missing before it. An existing file is never overwritten: the new one is called "name (2)". The union then gets signed
    /// receipts. After an interruption, run it again: it goes on where it stopped. Exit status 1 if something was put into
    /// quarantine or could not be received.
    #[command(group = clap::ArgGroup::new("what").required(true))]
    Receive {
        /// 受信するファイルの番号 / Which message; one that was received before is put into the folder again.
        #[arg(value_name = "ID", group = "what")]
        id: Option<MessageId>,
        /// まだ受信していないすべてのファイル / All that were not received yet.
        #[arg(long, group = "what")]
        all: bool,
        /// 保存先のフォルダー / The folder for the files.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Print one JSON array of messages, and nothing else, on standard output.
        #[arg(long)]
        json: bool,
    },
    /// 組合から届いたファイルを差し戻します / Sends a message back that was not received yet, with words for the union alone.
    ///
    /// A file that was put into a folder by `receive` is accepted, and cannot be sent back: ask the union.
    Return {
        /// 差し戻すファイルの番号 / Which message.
        #[arg(value_name = "ID")]
        id: MessageId,
        /// 差戻しの理由（1,000 文字以内） / Why: one line of at most 1,000 characters, sealed for the union.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Print one JSON array of messages, and nothing else, on standard output.
        #[arg(long)]
        json: bool,
    },
    /// お知らせメールの種類を選びます / Chooses which mails come; without options it shows them.
    ///
    /// Mails about certificates, and about files that the union returns, always come.
    Notices {
        /// 組合から届いたファイルのお知らせ / About files from the union: arrival, reminder, expiry.
        #[arg(long, value_name = "on|off")]
        received: Option<Switch>,
        /// 送信したファイルのお知らせ / About your own files: fetched by the union, accepted.
        #[arg(long, value_name = "on|off")]
        sent: Option<Switch>,
        /// Print one JSON value, and nothing else, on standard output.
        #[arg(long)]
        json: bool,
    },
    /// 解析用のログを ZIP に保存します（組合に送るため。鍵・パスワード・氏名・ファイル名・内容は含みません） / Packs what helps to find a
    /// cause into a ZIP for the union: log files, version, checks, names and sizes of our own files. No secrets, no names.
    Logs {
        /// 保存先（まだないファイル） / Where to; a file that is not there yet.
        #[arg(long, value_name = "ZIP")]
        out: PathBuf,
    },
    /// 接続できない原因を調べます / Looks for what stands in the way: folder, drive, clock, proxy, certificates, IP address.
    ///
    /// With --pin-file also the PIN, the session and the IP address; that counts as a try at the PIN.
    Doctor {
        /// 初期設定の前に接続を確認するためのキット / The kit to look at the connection with, before the set-up.
        #[arg(long, value_name = "ZIP")]
        kit: Option<PathBuf>,
        /// Print one JSON array of checks, and nothing else, on standard output.
        #[arg(long)]
        json: bool,
    },
}

impl Command {
    /// As it is typed.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Setup(_) => "setup",
            Self::Login => "login",
            Self::Logout => "logout",
            Self::Password { .. } => "password",
            Self::Send { .. } => "send",
            Self::Sent { .. } => "sent",
            Self::Inbox { .. } => "inbox",
            Self::Receive { .. } => "receive",
            Self::Return { .. } => "return",
            Self::Notices { .. } => "notices",
            Self::Logs { .. } => "logs",
            Self::Doctor { .. } => "doctor",
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Arguments::command().debug_assert();
    }
}
