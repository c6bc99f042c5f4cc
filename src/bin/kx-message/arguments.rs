//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use kenpo_express::domain::address::Address;
use kenpo_express::domain::digest::Sha256;
use kenpo_express::domain::ids::MessageId;
use kenpo_express::runtime::version::VERSION;

/// Seal, open and inspect sealed messages: a MIME entity in CMS SignedData in CMS AuthEnvelopedData.
///
/// Keys and certificates are PEM or PKCS#12 files. Exit status: 0 done; 1 refused or failed, with the reason on standard
/// error; 2 wrong usage.
#[derive(Debug, Parser)]
#[command(name = "kx-message", version = VERSION)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Sign a file and encrypt it for one or more recipients.
    Seal(Box<Seal>),
    /// Decrypt a message and check its signature. Nothing is left at OUT unless everything verified.
    Open(Open),
    /// Show the outer structure of a message, without any key.
    Inspect(Inspect),
}

/// Whose key is used.
#[derive(Debug, Args)]
pub(crate) struct Identity {
    /// Own certificate: PEM, or a PKCS#12 file with certificate and key.
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: PathBuf,
    /// Own private key: PEM without a passphrase, or PKCS#12. Not needed when --cert is PKCS#12.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// File whose first line is the passphrase of the PKCS#12 file.
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

/// From where to where.
#[derive(Debug, Args)]
pub(crate) struct Way {
    /// Say what was done as JSON on standard output.
    #[arg(long)]
    pub(crate) json: bool,
    /// What is read; - for standard input.
    #[arg(value_name = "IN")]
    pub(crate) input: PathBuf,
    /// What is written; - for standard output.
    #[arg(value_name = "OUT")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Seal {
    #[command(flatten)]
    pub(crate) identity: Identity,
    /// Certificate of a recipient (PEM). Once for each.
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) to: Vec<PathBuf>,
    /// Address of the sender: USER@UNION.kx or union@UNION.kx.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) from: Address,
    /// Address of the one addressee: union@UNION.kx, office.OFFICE@UNION.kx or USER@UNION.kx.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) recipient: Address,
    /// Number in the stream of this sender to this addressee.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) sequence: u64,
    /// Hash of the signature of the message before it in that stream [default: 0 x 64].
    #[arg(long, value_name = "HEX")]
    pub(crate) previous: Option<Sha256>,
    /// Id of the message: a UUID of version 7 [default: a new one].
    #[arg(long, value_name = "ID")]
    pub(crate) message_id: Option<MessageId>,
    /// File name to put into the message [default: the name of IN].
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Media type to declare.
    #[arg(long, value_name = "TYPE", default_value = "application/octet-stream")]
    pub(crate) content_type: String,
    /// Comment for the reader, one line, at most 500 characters.
    #[arg(long, value_name = "TEXT")]
    pub(crate) comment: Option<String>,
    /// Compress with Zstandard, if that wins.
    #[arg(long)]
    pub(crate) compress: bool,
    #[command(flatten)]
    pub(crate) way: Way,
}

/// The signer is checked against what --ca and --signer give. With neither, the signature is only checked with the
/// certificate inside the message, which proves no identity: who that is, is said on standard error.
#[derive(Debug, Args)]
pub(crate) struct Open {
    #[command(flatten)]
    pub(crate) identity: Identity,
    /// Authority (PEM, one or more) that must have issued the signer's certificate, valid at the signing time.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// Certificate (PEM) of the only signer that is accepted.
    #[arg(long, value_name = "FILE")]
    pub(crate) signer: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) way: Way,
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// One JSON value instead of text.
    #[arg(long)]
    pub(crate) json: bool,
    /// Message to inspect; - for standard input.
    #[arg(value_name = "IN")]
    pub(crate) input: PathBuf,
}
