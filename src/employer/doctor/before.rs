//! Before the set-up is finished: the way to the relay, with the kit's credential.

use std::path::Path;

use super::{Finding, Health, network};
use crate::domain::clock::Clock;
use crate::employer::home::{self, SETTINGS};
use crate::employer::kit::Unproven;
use crate::employer::settings::Settings;
use crate::employer::setup::KIT;
use crate::wire::client::DeviceClient;

const CHECK: &str = "kit";

/// What can be seen with this kit, or the one that the set-up was begun with.
pub(super) async fn examine(folder: &Path, kit: Option<&Path>, clock: &dyn Clock) -> Vec<Finding> {
    let (kept, given) = (folder.join(KIT), kit.map(Path::to_owned));
    let read = move || match given {
        Some(given) => Some(Unproven::read(&given)),
        None => kept.exists().then(|| Unproven::read(&kept)),
    };
    match tokio::task::spawn_blocking(read).await.expect("reading a kit does not panic") {
        None => vec![Finding::skipped(
            CHECK,
            "キットを指定すると接続を確認します（--kit）",
            "the connection is looked at with a kit (--kit)",
        )],
        Some(Err(error)) => vec![damaged(&error)],
        Some(Ok(kit)) => reach(folder, &kit, clock).await,
    }
}

async fn reach(folder: &Path, kit: &Unproven, clock: &dyn Clock) -> Vec<Finding> {
    // What is wrong with the settings is a finding of its own.
    let Ok(settings) = Settings::load(&folder.join(SETTINGS)) else { return Vec::new() };
    let mut findings = vec![network::way(&settings, kit.relay())];
    let connection = home::connection(&settings, kit.relay(), kit.roots(), kit.credential().clone());
    match DeviceClient::new(&connection) {
        Ok(device) => findings.extend(network::device(&device, clock).await),
        Err(error) => findings.push(damaged(&error)),
    }
    findings
}

fn damaged(error: &(impl std::error::Error + ?Sized)) -> Finding {
    Finding::good(CHECK, format!("キットが使えません: {error}"), format!("the kit cannot be used: {error}")).todo(
        Health::Bad,
        "メールのリンクから kenpoexpress.zip をもう一度ダウンロードしてください。",
        "Download kenpoexpress.zip again from the link in the mail.",
    )
}
