//! What can be said on the command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::runtime::version::VERSION;

/// 健康保険組合へファイルを暗号化・署名して送信します / Sends files to the health insurance union, sealed and signed.
///
/// Exit status: 0 done; 1 refused or failed, with the reason on standard error; 2 wrong usage.
#[derive(Debug, Parser)]
#[command(name = "kx-employer", version = VERSION)]
pub(super) struct Arguments {
    /// 設定・証明書・送信記録のフォルダー / Folder with settings, certificates and the record of what was sent.
    #[arg(long, value_name = "DIR", env = "KX_EMPLOYER_HOME")]
    pub(super) home: PathBuf,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
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
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Arguments::command().debug_assert();
    }
}
