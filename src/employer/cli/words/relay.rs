//! What the relay says, and what keeps us from it.

use super::{ASK, Words};
use crate::wire::client::{ClientError, Distrust};
use crate::wire::problem::Code;

const LATER: Words = (
    "時間をおいてもう一度実行してください。途中のファイルは続きから送信されます。",
    "Try again later: what was begun goes on where it stopped.",
);

pub(in crate::employer::cli) fn relay_words(cause: &ClientError) -> (Words, Words) {
    match cause {
        // No way is prescribed to an employer's PC.
        ClientError::Unreachable(_) | ClientError::Shut(_) => (
            ("サーバーに接続できません。", "The server cannot be reached."),
            (
                "ネットワークを確認し（kx-employer doctor）、時間をおいてもう一度実行してください。途中のファイルは続きから送信されます。",
                "Check the network (kx-employer doctor) and try again later: what was begun goes on where it stopped.",
            ),
        ),
        ClientError::Proxy(_) => (
            ("プロキシサーバーが接続を通しません。", "The HTTP proxy does not let the connection through."),
            (
                "employer.toml の network.proxy と proxy_credentials を確認し、社内のシステムご担当者へご相談ください。",
                "Check network.proxy and proxy_credentials in employer.toml, and ask whoever runs the proxy.",
            ),
        ),
        ClientError::TimedOut => (("サーバーから応答がありません。", "The server does not answer."), LATER),
        ClientError::Untrusted(_) if cause.distrust() == Some(Distrust::TheirTime) => (
            (
                "このパソコンの日時では、サーバーの証明書が有効期間の外です。パソコンの日時が正しくない可能性があります。",
                "By the clock of this PC the server's certificate is out of its time: the clock may be wrong.",
            ),
            (
                "パソコンの日時を合わせて（時刻の自動設定を有効に）、もう一度実行してください。日時が正しい場合は健康保険組合に連絡してください。",
                "Set the clock of this PC, best by automatic time, and try again. If it is right, ask the union.",
            ),
        ),
        ClientError::Untrusted(_) if cause.distrust() == Some(Distrust::OurTime) => (
            (
                "このパソコンの電子証明書は、有効期限が切れているか、まだ有効になっていません。",
                "The certificate of this PC has expired, or is not valid yet.",
            ),
            (
                "健康保険組合に連絡してください。再発行された登録情報で、初期設定をやり直します。",
                "Ask the union: it issues a new letter, with which this PC is set up anew.",
            ),
        ),
        ClientError::Untrusted(_) => (
            (
                "安全な接続ができません。証明書が確認できないか、失効しています。",
                "No secure connection: a certificate is not trusted, has expired or was revoked.",
            ),
            (
                "パソコンの日時を確認し（kx-employer doctor）、健康保険組合に連絡してください。",
                "Check the clock of this PC (kx-employer doctor), and ask the union.",
            ),
        ),
        ClientError::Protocol(_) => (
            ("サーバーの応答が正しくありません。", "The server's answer makes no sense."),
            (
                "プロキシやセキュリティソフトが通信を書き換えていないか確認し、健康保険組合に連絡してください。",
                "See whether a proxy or security software alters the traffic, and ask the union.",
            ),
        ),
        ClientError::Local(_) => (
            ("送信するファイルが読めません。", "The sealed file cannot be read."),
            ("ディスクを確認して、もう一度実行してください。", "Check the disk and try again."),
        ),
        ClientError::Refused(problem) => refused_words(problem.code).unwrap_or_else(|| {
            if cause.is_temporary() {
                (("サーバーが混み合っています。", "The server cannot do this at present."), LATER)
            } else {
                (("サーバーが受け付けませんでした。", "The server refused."), ASK)
            }
        }),
    }
}

fn refused_words(code: Code) -> Option<(Words, Words)> {
    Some(match code {
        Code::UserDisabled => (
            (
                "この利用者は健康保険組合により無効にされています。このパソコンからは利用できません。",
                "The union has disabled this user: nothing can be done from this PC.",
            ),
            ASK,
        ),
        Code::CallerUnknown => (
            (
                "この証明書は登録されていません。別のパソコンに置き換えられたか、失効しています。",
                "This certificate is not registered: another PC took its place, or it was revoked.",
            ),
            ASK,
        ),
        Code::EnrolmentUnknown => (
            (
                "この初期設定は終了しているか、新しいものに替わっています。",
                "This enrolment has ended, or another took its place.",
            ),
            (
                "新しい案内メールのキットで始めるか、健康保険組合に連絡してください。",
                "Begin with the kit of a newer mail, or ask the union.",
            ),
        ),
        Code::SessionMissing => {
            (("ログインしていません。", "There is no session."), ("login を実行してください。", "Log in."))
        }
        Code::SessionAddress => (
            (
                "ログインした時と異なる IP アドレスからのアクセスのため、受け付けられませんでした。",
                "The session began at another IP address, so the server refuses.",
            ),
            (
                "もう一度 login を実行してください。IP アドレスが変わり続ける場合は、固定するなどの対応をお願いします。",
                "Log in again. Where the address keeps changing, have it fixed.",
            ),
        ),
        Code::LoginFailed => (
            ("パスワードが違います。", "The password is wrong."),
            (
                "もう一度入力してください。続けて 5 回間違えると 30 分間ロックされます。",
                "Type it again. Five wrong ones in a row lock the login for 30 minutes.",
            ),
        ),
        Code::LoginLocked => (
            (
                "パスワードを続けて間違えたため、ログインが一時的にロックされています。",
                "The login is locked for a while after too many wrong passwords.",
            ),
            (
                "30 分後にもう一度実行してください。心当たりがなければ健康保険組合に連絡してください。",
                "Try again in 30 minutes. If it was not you, tell the union.",
            ),
        ),
        Code::PasswordInitial => (
            ("初期パスワードのままでは利用できません。", "The initial password must be changed first."),
            ("password を実行してパスワードを変更してください。", "Change it: kx-employer password."),
        ),
        Code::PasswordUnchanged => (
            ("現在と同じパスワードは使えません。", "The new password is the present one."),
            ("別のパスワードにしてください。", "Choose another."),
        ),
        Code::ParcelTooLarge => (("サーバーの上限を超える大きさです。", "It is larger than the server takes."), ASK),
        Code::ParcelUnknown => (
            ("サーバーにこのファイルはありません。", "The server does not have this file."),
            ("一覧（inbox）を確認してください。", "See the list: kx-employer inbox."),
        ),
        Code::DeliveryEnded => (
            ("組合が取り消したか、受信期限を過ぎたファイルです。", "The union took it back, or its time is over."),
            (
                "必要な場合は、健康保険組合にもう一度送ってもらってください。",
                "If you need it, ask the union to send it again.",
            ),
        ),
        Code::QuotaExceeded => (
            ("サーバーに預けられる量を超えています。", "More is waiting at the server than it keeps for you."),
            ("組合が受信した後に、もう一度実行してください。", "Try again when the union has fetched what waits."),
        ),
        _ => return None,
    })
}
