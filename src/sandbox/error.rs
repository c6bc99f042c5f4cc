//! What keeps the sandbox from doing its work.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::config::Faults;
use crate::domain::ids::MessageId;
use crate::employer::EmployerError;
use crate::employer::cli::complain;
use crate::gateway;
use crate::gateway::admin::AdminError;
use crate::operations::keyfiles::KeyFileError;
use crate::relay;
use crate::store::sqlite::StoreError;

/// Why the sandbox ended without having done what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Environment: the folder.
    #[error("{} cannot be used", .0.display())]
    Folder(PathBuf, #[source] io::Error),
    /// Environment: another sandbox has the folder.
    #[error("another kx-sandbox is running in {}", .0.display())]
    Busy(PathBuf),
    /// Keys and certificates in the folder.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// Configuration: a TOML file in the folder.
    #[error("{}: {faults}", path.display())]
    Settings {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        faults: Faults,
    },
    /// Environment: a port is taken.
    #[error("cannot listen at {0}")]
    Port(SocketAddr, #[source] io::Error),
    /// The relay does not start.
    #[error("the relay does not start")]
    Relay(#[source] relay::StartError),
    /// The gateway does not start.
    #[error("the gateway does not start")]
    Gateway(#[source] gateway::StartError),
    /// What staff do.
    #[error("the gateway refused")]
    Admin(#[from] AdminError),
    /// The relay has not confirmed the user.
    #[error("the relay has not confirmed the registration of the user")]
    NotRegistered,
    /// The relay has not mailed the link.
    #[error("the relay has not mailed the link to the kit")]
    NoMail,
    /// The page does not hand out the kit.
    #[error("the enrolment page does not hand out the kit")]
    NoKit,
    /// A message did not arrive in time.
    #[error("message {id} has not arrived ({})", cause.as_deref().unwrap_or("no cause is known"))]
    NotArrived {
        /// Which.
        id: MessageId,
        /// What the gateway waits for.
        cause: Option<String>,
    },
    /// The gateway did not take the file for the employer.
    #[error("the gateway has no message for the employer")]
    NoAnswer,
    /// A database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The employer's app.
    #[error(transparent)]
    Employer(#[from] EmployerError),
}

impl SandboxError {
    /// Says what happened and what to do, on standard error.
    pub(super) fn complain(&self) {
        if let Self::Employer(error) = self {
            return complain(error);
        }
        let (happened, next) = self.words();
        eprintln!("エラー: {}\nError: {}\n  {}", happened.0, happened.1, self.causes());
        eprintln!("→ {}\n→ {}", next.0, next.1);
    }

    fn causes(&self) -> String {
        let mut text = self.to_string();
        let mut next = self.source();
        while let Some(cause) = next {
            text = format!("{text}: {cause}");
            next = cause.source();
        }
        text
    }

    fn words(&self) -> ((&'static str, &'static str), (&'static str, &'static str)) {
        match self {
            Self::Port(..) => (
                ("ポートが使われています。", "A port is in use."),
                (
                    "動いている kx-sandbox を終了するか、--port-base で別の番号を指定してください。",
                    "End the kx-sandbox that is running, or choose other ports with --port-base.",
                ),
            ),
            Self::Busy(_) => (
                ("このフォルダーで別の kx-sandbox が動いています。", "Another kx-sandbox is running in this folder."),
                (
                    "終了してから始めるか、--dir で別の場所を指定してください。",
                    "End it, or choose another folder with --dir.",
                ),
            ),
            Self::Folder(..) => (
                ("フォルダーに読み書きできません。", "The folder cannot be read or written."),
                (
                    "書き込めるフォルダーを --dir で指定してください。",
                    "Choose a folder with --dir that you may write to.",
                ),
            ),
            Self::NotRegistered | Self::NoMail | Self::NotArrived { .. } => (
                ("時間内に終わりませんでした。", "It was not done in time."),
                ("フォルダー内の sandbox.log を確認してください。", "See sandbox.log in the folder."),
            ),
            _ => (
                ("サンドボックスを続けられません。", "The sandbox cannot go on."),
                (
                    "フォルダーを消すと最初からやり直せます。詳細は sandbox.log にあります。",
                    "Delete the folder to begin anew; sandbox.log in it has the details.",
                ),
            ),
        }
    }
}
