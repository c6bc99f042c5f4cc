//! What can be said on the command line.

use std::path::PathBuf;

use clap::Parser;

use crate::runtime::version::VERSION;

const AFTER: &str = "Logs of all parties go to DIR/sandbox.log. KX_SANDBOX_LOG sets what is logged: error, warn, info, \
                     debug, trace or a tracing filter; info without it.";

/// 事業所・KX サーバー・健康保険組合のゲートウェイを 1 台で動かし、ファイルを送ってみます /
/// Runs all three parties on this machine and sends a file from the employer into the union's archive, and one back.
///
/// Everything is made in DIR where it is not there yet; a second start goes on with the same DIR. Delete DIR to begin anew.
/// Nothing here is secret or safe: it is for trying out and for development.
///
/// Exit status: 0 done; 1 failed, with the reason on standard error; 2 wrong usage.
#[derive(Debug, Parser)]
#[command(name = "kx-sandbox", version = VERSION, after_help = AFTER)]
pub(super) struct Arguments {
    /// 全員のデータを置くフォルダー / Folder for everybody's data.
    #[arg(long, value_name = "DIR", default_value = "sandbox")]
    pub(super) dir: PathBuf,
    /// 送信と確認が終わったら終了します / End after the exchange instead of staying up. Exit status 0 only if every file was
    /// archived, accepted and, decrypted again, equal to what was sent, and the union's file came to the employer with all receipts.
    #[arg(long)]
    pub(super) once: bool,
    /// 送信するファイル（省略時は見本） / A file to send; a sample is sent without it. May be given several times.
    #[arg(long, value_name = "FILE")]
    pub(super) file: Vec<PathBuf>,
    /// 使うポートの最初の番号 / The first of the six ports N to N+5: the relay's VPN side, its employer side, its enrolment
    /// page, the console, metrics and health of the gateway, and of the relay.
    #[arg(long, value_name = "N", default_value_t = 18440, value_parser = clap::value_parser!(u16).range(1..=65_530))]
    pub(super) port_base: u16,
    /// 同じキットを 2 台目のパソコンで使うと、組合の承認を待つことを見せます / Sets the same kit up on a second PC, to see that it
    /// waits for the union's approval.
    #[arg(long)]
    pub(super) second_pc: bool,
    /// Print one JSON array of messages, as the union has them, on standard output and nothing else there.
    #[arg(long)]
    pub(super) json: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Arguments::command().debug_assert();
    }
}
