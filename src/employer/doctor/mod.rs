//! What stands in the way on this PC: the checks of the manual (its sections 2.2 and 3.2) and those of the connection.

mod before;
mod folder;
mod inbox;
mod network;

use std::path::Path;
use std::sync::Arc;

use jiff::SignedDuration;

use super::home::{Home, HomeError, SETTINGS};
use super::keys::KeyBox;
use super::pc::Pc;
use super::settings::Settings;
use crate::domain::clock::{Clock, Random};
pub use crate::runtime::finding::{Finding, Health};
use crate::secret::Pin;
use crate::wire::enrolment::PcId;

/// Looks at everything. With a PIN, which counts as a try, also at what only the user's own keys can see. Before the set-up
/// is finished the way to the relay is looked at with the kit: this one, or the one that the set-up was begun with.
pub async fn examine(
    folder: &Path,
    kit: Option<&Path>,
    pin: Option<Pin>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
) -> Vec<Finding> {
    let at = folder.to_owned();
    let look = move || {
        let findings = vec![
            folder::write(folder::nearest(&at)),
            folder::path_length(&at),
            folder::local_drive(&at),
            folder::private(&at),
            settings(&at),
        ];
        (findings, Home::read(&at), KeyBox::read(&at).ok())
    };
    let (mut findings, home, key_box) =
        tokio::task::spawn_blocking(look).await.expect("looking at a folder does not panic");
    findings.extend(key_box.map(|key_box| number(key_box.pc)));
    let home = match home {
        Ok(home) => home,
        Err(error) => {
            findings.push(not_set_up(&error));
            findings.extend(before::examine(folder, kit, &*clock).await);
            return findings;
        }
    };
    findings.push(certificate(&home, &*clock));
    let at = folder.to_owned();
    let inbox = tokio::task::spawn_blocking(move || inbox::examine(&at)).await;
    findings.push(inbox.expect("looking at records does not panic"));
    findings.push(network::way(home.settings(), home.identity().relay()));
    let Ok(pc) = Pc::open(folder, Arc::clone(&clock), random) else {
        findings.push(damaged());
        return findings;
    };
    findings.extend(network::device(pc.device(), &*clock).await);
    findings.extend(network::user(pc, pin).await);
    findings
}

fn settings(folder: &Path) -> Finding {
    const CHECK: &str = "settings";
    match Settings::load(&folder.join(SETTINGS)) {
        Ok(_) => Finding::good(CHECK, "設定に誤りはありません", "the settings are in order"),
        Err(faults) => Finding::good(CHECK, faults.to_string(), faults.to_string()).todo(
            Health::Bad,
            "employer.toml の上記の項目を直してください。",
            "Correct these keys in employer.toml.",
        ),
    }
}

/// What the union's staff ask for on the telephone.
fn number(pc: PcId) -> Finding {
    let mark = pc.mark();
    Finding::good("pc", format!("このパソコンのPC番号は {mark} です"), format!("the number of this PC is {mark}"))
}

fn not_set_up(error: &HomeError) -> Finding {
    let (found, found_en) = match error {
        HomeError::Unfinished(_) => ("初期設定の途中です", "the set-up is not finished"),
        HomeError::NotSetUp(_) => ("初期設定されていません", "this folder has not been set up"),
        _ => return damaged(),
    };
    Finding::good("setup", found, found_en).todo(
        Health::Bad,
        "setup を実行してください（中断した場合は続きから始まります）。",
        "Run setup; after an interruption it goes on where it stopped.",
    )
}

fn damaged() -> Finding {
    Finding::good("setup", "フォルダーのファイルが読めません", "a file in the folder cannot be read").todo(
        Health::Bad,
        "フォルダーを変更せずに、健康保険組合に連絡してください。",
        "Leave the folder as it is, and ask the union.",
    )
}

fn certificate(home: &Home, clock: &dyn Clock) -> Finding {
    const CHECK: &str = "certificate.days-left";
    let Ok(certificate) = home.signing_certificate() else { return damaged() };
    if KeyBox::read(home.folder()).is_err() {
        return damaged();
    }
    let left = certificate.not_after().duration_since(clock.now());
    let days = left.as_hours() / 24;
    let finding = Finding::good(CHECK, format!("電子証明書の残り {days} 日"), format!("{days} days are left"));
    if left <= SignedDuration::ZERO {
        finding.todo(
            Health::Bad,
            "電子証明書の期限が切れています。健康保険組合に連絡してください。",
            "The certificate has expired: ask the union.",
        )
    } else if days < 60 {
        finding.todo(
            Health::Warning,
            "login を実行すると更新されます。更新されない場合は健康保険組合に連絡してください。",
            "Log in, which renews it. If it does not, ask the union.",
        )
    } else {
        finding
    }
}
