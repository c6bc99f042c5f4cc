//! Why a command failed, with what only a face can meet.

use super::ask::Unanswered;
use super::words;
use crate::employer::error::EmployerError;
use crate::employer::logs::LogsError;
use crate::wire::problem::Code;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The core says why.
    #[error(transparent)]
    Employer(#[from] EmployerError),
    /// Nobody answered.
    #[error(transparent)]
    Unanswered(#[from] Unanswered),
    /// The ZIP for the union cannot be written.
    #[error(transparent)]
    Logs(#[from] LogsError),
}

impl Failure {
    /// Writes it down by its codes.
    pub(super) fn note(&self) {
        match self {
            Self::Employer(error) => {
                tracing::error!(error = error.kind(), code = error.code().map(Code::as_str), "failed");
            }
            Self::Unanswered(_) => tracing::error!(error = "unanswered", "failed"),
            Self::Logs(_) => tracing::error!(error = "logs", "failed"),
        }
    }

    /// Says it on standard error.
    pub(super) fn complain(&self) {
        match self {
            Self::Employer(error) => words::complain(error),
            Self::Logs(error) => {
                eprintln!("エラー: 保存できません。\nError: it cannot be saved.\n  {error}: {}", error.cause);
                eprintln!(
                    "→ まだないファイル名を --out に指定してください。\n→ Choose a file with --out that is not there yet."
                );
            }
            Self::Unanswered(Unanswered::Stopped) => {
                eprintln!(
                    "中止しました。もう一度実行すると続きから始まります。 / Stopped; the next run goes on from here."
                );
            }
            Self::Unanswered(error) => {
                eprintln!("エラー: 入力を読み取れません。\nError: nobody answers.\n  {error}");
                eprintln!("→ 端末から実行するか、--pin-file と --password-file を指定してください。");
                eprintln!("→ Run it in a terminal, or give --pin-file and --password-file.");
            }
        }
    }
}
