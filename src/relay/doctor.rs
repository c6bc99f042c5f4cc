//! Looks at everything that a relay needs, and says what is wrong and what to do.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use super::check::{METRIC, check, secrets};
use super::config::Config;
use super::mail;
use crate::config::examine as read;
use crate::domain::clock::Clock;
use crate::message::keys::Certificate;
use crate::operations::doctor;
use crate::operations::places::Service;
use crate::runtime::finding::{Finding, Health};
use crate::runtime::telemetry::chain;
use crate::store::relay::{MIGRATIONS, unions};
use crate::store::sqlite::{self, migration_state};

/// Examines the relay of this configuration file.
pub async fn examine(config: &Path, clock: &Arc<dyn Clock>) -> Vec<Finding> {
    let (file, own) = (config.to_owned(), Arc::clone(clock));
    let looked = tokio::task::spawn_blocking(move || {
        let mut findings = doctor::configuration(&check(&file, &own));
        let config = read::<Config>(&file).ok().map(|examined| examined.settings);
        if let Some(config) = &config {
            let service = Service::of(&config.data, &file);
            findings.extend(on_this_machine(config, service, own.now()));
        }
        findings.push(doctor::synchronised());
        (findings, config)
    });
    let (mut findings, config) = looked.await.expect("looking does not panic");
    let Some(config) = config else { return findings };
    findings.extend(database(&config).await);
    findings.push(doctor::mail(mail::mailer(&config).map_err(|error| chain(&error))).await);
    findings
}

fn on_this_machine(config: &Config, service: Option<Service>, now: Timestamp) -> Vec<Finding> {
    let parcels = config.parcel_folder();
    let folders = [("data", config.data.clone()), ("data", parcels)];
    let mut findings = vec![doctor::service(Some(config.watch.address), METRIC)];
    findings.extend(doctor::permissions(&secrets(config), &folders[..1], service));
    findings.extend(doctor::rooms(&folders, config.parcels.disk_reserve_bytes));
    findings.extend(doctor::writing(&folders));
    for (japanese, english, path) in [
        ("組合側（VPN）", "the VPN listener", &config.vpn.certificate),
        ("事業所側", "the employers' listener", &config.employer.certificate),
        ("ダウンロードページ", "the enrolment page", &config.enrolment.certificate),
        ("受領書", "receipts", &config.receipts.certificate),
    ] {
        // A server shows the first one. What cannot be read is among the faults.
        let read = std::fs::read(path).ok().and_then(|pem| Certificate::from_pem(&pem).ok());
        findings.extend(read.map(|found| doctor::certificate(japanese, english, &found, now)));
    }
    let roots = &config.employer.roots;
    if !roots.as_os_str().is_empty() {
        findings.extend(doctor::certificate_in("事業所側の認証局", "the CA of the employers' listener", roots, now));
    }
    findings
}

async fn database(config: &Config) -> Vec<Finding> {
    let path = config.database();
    match path.try_exists() {
        Ok(true) => {}
        Ok(false) => {
            return vec![
                Finding::good("database.integrity", "データベースがまだありません", "there is no database yet").todo(
                    Health::Warning,
                    "最初の起動時に作られます。",
                    "It is made at the first start.",
                ),
            ];
        }
        Err(error) => return vec![doctor::unseen_database(&path, &error)],
    }
    let state = migration_state(&path, &MIGRATIONS).await;
    let mut findings = doctor::database(sqlite::quick_check(&path).await, state);
    if findings.iter().any(|finding| finding.result != Health::Good) {
        return findings;
    }
    let listed = async {
        let mut connection = sqlite::look(&path).await?;
        unions::list(&mut connection, None).await
    };
    match listed.await {
        Ok(unions) => {
            let enabled = unions.iter().filter(|union| union.enabled).count();
            let found =
                Finding::good("unions", format!("有効な組合 {enabled}"), format!("{enabled} union(s) are enabled"));
            findings.push(if enabled > 0 {
                found
            } else {
                found.todo(
                    Health::Warning,
                    "組合から届いた for-the-operator.toml を kx-server union add --handover で登録してください。",
                    "Register a union: kx-server union add --handover for-the-operator.toml.",
                )
            });
        }
        Err(error) => findings.push(doctor::unreadable_database(&error)),
    }
    findings
}
