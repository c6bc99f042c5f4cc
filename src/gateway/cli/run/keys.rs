//! `keys`

use super::{CommandError, print, show};
use crate::gateway::admin::Admin;
use crate::gateway::cli::args::Keys;
use crate::message::keys::Certificate;

pub(super) async fn keys(admin: &Admin, command: Keys) -> Result<(), CommandError> {
    match command {
        Keys::List(json) => {
            let own = admin.own_certificates().await?;
            show(json.json, &own, |own| own.iter().try_for_each(print::own_certificate))
        }
        Keys::Revoke { certificate, in_use, json } => {
            let certificate = Certificate::from_pem(&std::fs::read(certificate)?)?;
            let revoked = admin.revoke_own(&certificate, in_use).await?;
            show(json.json, &revoked, print::revoked)
        }
    }
}
