//! The way to the relay: proxy, clock, certificates, session, IP address.

use jiff::SignedDuration;

use super::{Finding, Health};
use crate::domain::clock::Clock;
use crate::employer::error::EmployerError;
use crate::employer::home::way_out;
use crate::employer::pc::{Pc, User};
use crate::employer::refusal::PinRefused;
use crate::employer::settings::Settings;
use crate::runtime::telemetry::chain;
use crate::secret::Pin;
use crate::wire::client::{ClientError, DeviceClient, RelayUrl};
use crate::wire::problem::Code;

/// How far our clock may be from the relay's before signing times look wrong.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Which way the relay is reached.
pub(super) fn way(settings: &Settings, relay: &RelayUrl) -> Finding {
    const CHECK: &str = "network.proxy";
    match way_out(settings, settings.relay.as_ref().unwrap_or(relay)) {
        Some(proxy) => {
            Finding::good(CHECK, format!("プロキシ {proxy} を使います"), format!("by way of the proxy {proxy}"))
        }
        None => Finding::good(CHECK, "プロキシは使いません", "no proxy is used"),
    }
}

/// What the PC sees by itself, with its own credential or the kit's: is the relay there, does it take the PC's certificate, do the clocks agree.
pub(super) async fn device(device: &DeviceClient, clock: &dyn Clock) -> Vec<Finding> {
    const REACHED: &str = "network.relay";
    const ACCEPTED: &str = "certificate.accepted";
    match device.union().await {
        Ok((_, theirs)) => vec![
            Finding::good(REACHED, "サーバーに接続できます", "the server is reached"),
            Finding::good(
                ACCEPTED,
                "このパソコンの証明書は受け付けられました",
                "the server takes this PC's certificate",
            ),
            clocks(clock.now().duration_since(theirs)),
        ],
        Err(error @ ClientError::Untrusted(_)) => {
            let cause = chain(&error);
            vec![Finding::good(ACCEPTED, format!("安全な接続ができません: {cause}"), format!("no secure connection: {cause}"))
                .todo(
                    Health::Bad,
                    "パソコンの日時を確認してください。正しい場合は、利用者が無効にされたか証明書が失効しています。健康保険組合に連絡してください。",
                    "Check the clock of this PC. If it is right, the user was disabled or the certificate revoked: ask the union.",
                )]
        }
        Err(error @ ClientError::Refused(_)) => {
            let code = error.code().map_or("?", Code::as_str);
            vec![
                Finding::good(REACHED, "サーバーに接続できます", "the server is reached"),
                Finding::good(
                    ACCEPTED,
                    format!("サーバーが拒否しました ({code})"),
                    format!("the server refuses ({code})"),
                )
                .todo(Health::Bad, "健康保険組合に連絡してください。", "Ask the union."),
            ]
        }
        Err(error) => {
            let cause = chain(&error);
            vec![Finding::good(REACHED, format!("サーバーに接続できません: {cause}"), format!("the server is not reached: {cause}"))
                .todo(
                    Health::Bad,
                    "ネットワークとプロキシの設定を確認してください。クライアント証明書による認証を妨げるプロキシやセキュリティソフトがないか、社内のシステムご担当者へご相談ください。",
                    "Check network and proxy; ask whether a proxy or security software stands in the way of client certificates.",
                )]
        }
    }
}

fn clocks(ahead: SignedDuration) -> Finding {
    let seconds = ahead.as_secs();
    let finding = Finding::good(
        "clock",
        format!("パソコンの時計とサーバーの時計の差は {seconds} 秒です"),
        format!("this PC's clock is {seconds} s ahead of the server's"),
    );
    if ahead.abs() <= SKEW {
        return finding;
    }
    finding.todo(
        Health::Bad,
        "パソコンの日時を合わせてください（時刻の自動設定を有効に）。",
        "Set the clock of this PC, best by automatic time.",
    )
}

/// What the user's own keys see: does the relay take them, and does the session hold at this IP address.
pub(super) async fn user(pc: Pc, pin: Option<Pin>) -> Vec<Finding> {
    const PIN: &str = "pin";
    const ADDRESS: &str = "network.address";
    let Some(pin) = pin else {
        let why = ("PIN を指定すると確認します（--pin-file）", "looked at with a PIN only (--pin-file)");
        return vec![Finding::skipped(PIN, why.0, why.1), Finding::skipped(ADDRESS, why.0, why.1)];
    };
    match pc.unlock(pin).await {
        Ok(user) => vec![Finding::good(PIN, "PIN で鍵が開きます", "the PIN opens the keys"), address(&user).await],
        Err(EmployerError::Pin(refused)) => {
            let finding = Finding::good(PIN, "PIN で鍵が開きません", refused.to_string());
            let finding = match refused {
                PinRefused::Wrong { .. } => finding.todo(
                    Health::Bad,
                    "正しい PIN を入力してください。5 回間違えるとロックされます。",
                    "Give the right PIN: five wrong ones lock it.",
                ),
                _ => finding.todo(Health::Bad, "健康保険組合に連絡してください。", "Ask the union."),
            };
            vec![finding]
        }
        Err(_) => vec![Finding::skipped(PIN, "サーバーに確認できません", "the server could not be asked")],
    }
}

async fn address(user: &User) -> Finding {
    const CHECK: &str = "network.address";
    match user.has_session().await {
        Ok(true) => Finding::good(
            CHECK,
            "ログインした時と同じ IP アドレスです",
            "the IP address is that of the login",
        ),
        Ok(false) => Finding::skipped(CHECK, "ログインしていません", "there is no session to compare with"),
        Err(error) if error.code() == Some(Code::SessionAddress) => {
            Finding::good(CHECK, "IP アドレスがログインした時と異なります", "the IP address is not that of the login").todo(
                Health::Bad,
                "もう一度 login を実行してください。アクセスの都度変わる環境では利用できません。IP アドレスを固定してください。",
                "Log in again. Where the address changes each time it has to be fixed.",
            )
        }
        Err(error) => Finding::skipped(CHECK, "サーバーに確認できません", &error.to_string()),
    }
}
