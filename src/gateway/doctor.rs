//! Looks at everything that a gateway needs, and says what is wrong and what to do.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use super::check::{METRIC, all_folders, check, secrets, service};
use super::config::GatewaySettings;
use super::flows::notices::mailer;
use super::keys::Keys;
use super::vpn::State;
use crate::domain::clock::Clock;
use crate::domain::schedule::Outlook;
use crate::message::keys::Certificate;
use crate::operations::doctor;
use crate::runtime::finding::{Finding, Health};
use crate::runtime::telemetry::chain;
use crate::store::gateway::{MIGRATIONS, revocation, schedule, staff};
use crate::store::sqlite::{self, StoreError, migration_state};
use crate::wire::client::{self, ClientError, Distrust, UnionClient};
use crate::wire::union::Handshake;
use crate::wire::{Der, VERSION};

/// Examines the gateway of this configuration file.
pub(super) async fn examine(config: &Path, clock: &dyn Clock) -> Vec<Finding> {
    let now = clock.now();
    let file = config.to_owned();
    let mut findings = doctor::configuration(&check(config, now).await);
    let looked = tokio::task::spawn_blocking(move || {
        let mut findings = Vec::new();
        let settings = GatewaySettings::examine(&file).ok().map(|(settings, _)| settings);
        if let Some(settings) = &settings {
            findings.extend(on_this_machine(settings, now));
        }
        findings.push(doctor::synchronised());
        (findings, settings)
    });
    let (more, settings) = looked.await.expect("looking does not panic");
    findings.extend(more);
    let Some(settings) = settings else { return findings };
    let loaded = {
        let settings = settings.clone();
        tokio::task::spawn_blocking(move || Keys::load(&settings)).await.expect("reading keys does not panic")
    };
    match loaded {
        Ok((keys, client)) => {
            findings.extend(certificates(&keys, now));
            findings.extend(relay(&keys, &client, clock).await);
        }
        // What is wrong with them is among the faults.
        Err(_) => findings.push(Finding::skipped(
            "relay",
            "証明書と鍵が読めないため、KXサーバーに接続していません",
            "the KX server was not called: certificates or keys cannot be read",
        )),
    }
    findings.extend(database(&settings, now).await);
    let folder = config.parent().unwrap_or(Path::new("."));
    findings.push(doctor::mail(mailer(&settings.mail, folder).map_err(|error| chain(&error))).await);
    findings
}

fn on_this_machine(settings: &GatewaySettings, now: Timestamp) -> Vec<Finding> {
    let folders = all_folders(settings);
    let mut findings = vec![doctor::service(settings.metrics.listen(), METRIC)];
    findings.extend(doctor::permissions(&secrets(settings), &folders, service(settings)));
    findings.extend(doctor::rooms(&folders, settings.storage.reserve_bytes));
    findings.extend(doctor::writing(&folders));
    findings.extend(doctor::certificate_in("KXサーバーの認証局", "the KX server's CA", &settings.relay.ca, now));
    let api = settings.api.listen().map(|_| &settings.api.certificate);
    findings.extend(api.and_then(|path| doctor::certificate_in("API", "the API", path, now)));
    findings
}

fn certificates(keys: &Keys, now: Timestamp) -> Vec<Finding> {
    let newest = |all: &[crate::message::keys::Credential]| all.first().map(|one| one.certificate().clone());
    let all = [
        ("組合の認証局", "the union's CA", Some(keys.ca.clone())),
        ("組合の署名用", "the union, for signing", newest(&keys.signing)),
        ("組合の暗号化用", "the union, for encryption", newest(&keys.encryption)),
        ("KXサーバーへの接続用", "the connection to the KX server", Some(keys.tls.clone())),
    ];
    let own = all.into_iter().filter_map(|(japanese, english, certificate)| {
        Some(doctor::certificate(japanese, english, &certificate?, now))
    });
    let receipts = keys.relay_receipt.iter().max_by_key(|certificate| certificate.not_after());
    let of_relay = |certificate: &Certificate| {
        doctor::certificate("KXサーバーの受領書用", "the KX server's receipts", certificate, now)
    };
    own.chain(receipts.map(of_relay)).collect()
}

async fn relay(keys: &Keys, settings: &client::Settings, clock: &dyn Clock) -> Vec<Finding> {
    const CHECK: &str = "relay";
    let client = match UnionClient::new(settings) {
        Ok(client) => client,
        Err(error) => {
            let cause = chain(&error);
            let found = Finding::good(CHECK, format!("KXサーバーへの接続を準備できません: {cause}"), cause);
            return vec![found.todo(Health::Bad, "[relay] を確認してください。", "Look at [relay].")];
        }
    };
    let mut findings = vec![vpn(State::of(&client).await)];
    match client.handshake().await {
        Ok(hello) => findings.extend(reached(keys, &hello, clock)),
        Err(error) => findings.push(unreached(&error)),
    }
    findings
}

/// The prescribed way to the relay.
fn vpn(state: State) -> Finding {
    const CHECK: &str = "vpn";
    match state {
        State::Open => Finding::good(CHECK, "VPNは設定のとおりです", "the way to the KX server is the prescribed one"),
        State::Unguarded => {
            let found = ("KXサーバーへの経路が指定されていません", "no way to the KX server is prescribed");
            Finding::good(CHECK, found.0, found.1)
                .means(
                    "VPNが切れたとき、別の経路で送られることがあります。",
                    "When the VPN is down, another way may be taken.",
                )
                .todo(
                    Health::Warning,
                    "relay.interface、relay.source_address、relay.networks を設定してください。",
                    "Set relay.interface, relay.source_address and relay.networks.",
                )
        }
        State::Shut(reason) => {
            let code = reason.code();
            Finding::good(CHECK, format!("VPNが使えません（{code}）"), format!("the way is shut: {code}"))
                .means(reason.words(), "Nothing is sent until the way is there.")
                .todo(
                    Health::Bad,
                    "VPNの接続を確認し、[relay] の設定と照らし合わせてください。",
                    "Look at the VPN, and compare it with [relay].",
                )
        }
    }
}

fn reached(keys: &Keys, hello: &Handshake, clock: &dyn Clock) -> Vec<Finding> {
    let mut findings = vec![Finding::good(
        "relay",
        format!("KXサーバーに接続できます（版 {}）", hello.version),
        format!("the KX server is reached (version {})", hello.version),
    )];
    if hello.version != VERSION {
        findings.push(
            Finding::good("relay.version", format!("版が異なります: {}", hello.version), "the versions differ").todo(
                Health::Bad,
                "ゲートウェイとKXサーバーを同じ版にそろえてください。",
                "Bring gateway and KX server to the same version.",
            ),
        );
    }
    if hello.union != keys.union {
        let other = format!("KXサーバーはこの証明書を別の組合（{}）のものとしています", hello.union);
        let found =
            Finding::good("relay.union", other, format!("the KX server takes us for the union {}", hello.union));
        findings.push(found.todo(
            Health::Bad,
            "insurer を確認し、運営者に登録内容を確認してください。",
            "Look at insurer, and ask the operator what is registered.",
        ));
    }
    let is_known = keys.relay_receipt.iter().any(|known| Der(known.der().to_vec()) == hello.receipt_certificate);
    if !is_known {
        let found = (
            "KXサーバーの受領書用の証明書が登録と異なります",
            "the KX server signs receipts with a certificate not known here",
        );
        findings.push(Finding::good("relay.receipts", found.0, found.1).todo(
            Health::Bad,
            "運営者から新しい for-unions.toml を受け取り、証明書を relay.receipt_certificates のファイルに加えてください。",
            "Get a new for-unions.toml from the operator, and add the certificate to the file of relay.receipt_certificates.",
        ));
    }
    findings.push(doctor::clocks(clock.now().duration_since(hello.now)));
    findings
}

fn unreached(error: &ClientError) -> Finding {
    let cause = chain(error);
    let found = Finding::good(
        "relay",
        format!("KXサーバーに接続できません: {cause}"),
        format!("the KX server is not reached: {cause}"),
    )
    .means("受信も送信も止まっています。", "Nothing is received or sent.");
    let (todo, todo_en) = match (error, error.distrust()) {
        (_, Some(Distrust::TheirTime | Distrust::OurTime)) => (
            "この機械の時計と、証明書の期限を確認してください。",
            "Look at this machine's clock and at the ends of the certificates.",
        ),
        (ClientError::Untrusted(_), _) => (
            "運営者に for-the-operator.toml が登録されているか確認し、relay.ca が運営者のものか確かめてください。",
            "Ask the operator whether for-the-operator.toml is registered, and whether relay.ca is theirs.",
        ),
        (ClientError::Refused(_), _) => {
            ("運営者に、この組合が有効かどうか確認してください。", "Ask the operator whether this union is enabled.")
        }
        _ => (
            "VPN、relay.url、ファイアウォールを確認してください。",
            "Look at the VPN, at relay.url and at the firewall.",
        ),
    };
    found.todo(Health::Bad, todo, todo_en)
}

async fn database(settings: &GatewaySettings, now: Timestamp) -> Vec<Finding> {
    let path = &settings.storage.database;
    match path.try_exists() {
        Ok(true) => {}
        Ok(false) => {
            return vec![
                Finding::good("database.integrity", "データベースがまだありません", "there is no database yet").todo(
                    Health::Bad,
                    "kx-gateway init を実行してください。",
                    "Run kx-gateway init.",
                ),
            ];
        }
        Err(error) => return vec![doctor::unseen_database(path, &error)],
    }
    let state = migration_state(path, &MIGRATIONS).await;
    let mut findings = doctor::database(sqlite::quick_check(path).await, state);
    if findings.iter().all(|finding| finding.result == Health::Good) {
        match rows(settings, now).await {
            Ok(more) => findings.extend(more),
            Err(error) => findings.push(doctor::unreadable_database(&error)),
        }
    }
    findings
}

/// What the rows say: the schedule, the age of our revocation list, and who of the staff there is.
async fn rows(settings: &GatewaySettings, now: Timestamp) -> Result<Vec<Finding>, StoreError> {
    let mut connection = sqlite::look(&settings.storage.database).await?;
    let kept = schedule::load(&mut connection).await?;
    let mark = kept.mark;
    let outlook = kept.schedule(&settings.pull.plan()).outlook(mark, now, settings.alerts.schedule());
    let mut findings = vec![expected(outlook, now, settings.alerts.schedule())];
    if let Some(list) = revocation::newest(&mut connection).await? {
        let hours = now.duration_since(list.made_at).as_hours();
        let found = Finding::good(
            "certificate.revocation-list",
            format!("失効リスト（番号 {}）は {hours} 時間前に作られました", list.number),
            format!("revocation list {} was made {hours} hours ago", list.number),
        );
        findings.push(if hours < 48 {
            found
        } else {
            found.todo(
                Health::Warning,
                "毎日作り直されるはずです。サービスが動いているか、keys.ca_key が読めるか確認してください。",
                "It should be made anew every day: does the service run, and can it read keys.ca_key?",
            )
        });
    }
    let officers = staff::list(&mut connection).await?;
    let officers = officers.iter().filter(|one| one.role == crate::domain::staff::Role::Officer);
    let enabled = officers.filter(|one| one.disabled_at.is_none()).count();
    let found =
        Finding::good("staff", format!("有効な責任者 {enabled} 人"), format!("{enabled} officer(s) are enabled"));
    findings.push(if enabled > 0 {
        found
    } else {
        found.todo(
            Health::Warning,
            "kx-gateway staff add NAME --role 責任者 で追加してください。",
            "Add one: kx-gateway staff add NAME --role officer.",
        )
    });
    Ok(findings)
}

/// Whether the schedule begins pulls.
fn expected(outlook: Outlook, now: Timestamp, within: SignedDuration) -> Finding {
    const CHECK: &str = "schedule";
    if let Some(since) = outlook.paused_since {
        let hours = now.duration_since(since).as_hours();
        let found = Finding::good(
            CHECK,
            format!("自動受信は {hours} 時間前から一時停止中です"),
            format!("the pull has been paused for {hours} hours"),
        );
        return found
            .means("届いたファイルはKXサーバーに残ります。", "What arrives stays at the KX server.")
            .todo(
                Health::Warning,
                "kx-gateway schedule show で理由を確認し、不要になっていれば kx-gateway schedule resume で再開してください。",
                "kx-gateway schedule show says why; kx-gateway schedule resume ends it.",
            );
    }
    if outlook.begins {
        return Finding::good(CHECK, "受信の予定があります", "the schedule begins pulls");
    }
    let days = within.as_hours() / 24;
    Finding::good(CHECK, format!("{days} 日以内に受信の予定がありません"), format!("no pull begins within {days} days"))
        .means("届いたファイルはKXサーバーに残ります。", "What arrives stays at the KX server.")
        .todo(
            Health::Warning,
            "kx-gateway schedule show で確認し、予定、停止時間帯、休業日を見直してください。",
            "Look at kx-gateway schedule show: the plan, the blackouts, the days off.",
        )
}
