//! What staff call the actions of the audit, by kind. A code that is not here is shown as it is.

use super::super::lang::Lang;

/// Actions of one kind.
#[derive(Debug)]
pub(super) struct Kind {
    /// In an address.
    pub(super) code: &'static str,
    japanese: &'static str,
    english: &'static str,
    pub(super) actions: &'static [Action],
}

/// Code, in Japanese, in English.
pub(super) type Action = (&'static str, &'static str, &'static str);

/// All of them. The first one is what My Number law asks about: who has seen a file.
pub(super) const KINDS: &[Kind] = &[
    Kind {
        code: "access",
        japanese: "ファイルの閲覧・取り出し",
        english: "Files seen or taken out",
        actions: &[
            ("message.read", "ファイルの画面を表示", "Opened a file's page"),
            ("message.previewed", "プレビュー", "Previewed"),
            ("message.downloaded", "ダウンロード", "Downloaded"),
            ("message.exported", "取り出し（コマンド）", "Taken out by command"),
            ("message.fetched", "取り出し（API）", "Taken out by a program"),
            ("message.handed-over", "取り出し（連携フォルダー）", "Handed to a folder"),
            ("audit.exported", "監査記録の保存", "Audit saved as a file"),
        ],
    },
    Kind {
        code: "review",
        japanese: "受付・差戻し・隔離",
        english: "Reviews and quarantine",
        actions: &[
            ("message.accepted", "受付", "Accepted"),
            ("message.returned", "差戻し", "Returned"),
            ("message.flagged", "注目の変更", "Flag"),
            ("message.commented", "コメント", "Commented"),
            ("quarantine.released", "隔離の解除", "Released from quarantine"),
            ("quarantine.returned", "隔離からの差戻し", "Returned from quarantine"),
            ("consent.asked", "承認の依頼", "Asked for consent"),
            ("consent.agreed", "承認", "Agreed"),
            ("consent.refused", "不承認", "Refused"),
            ("consent.withdrawn", "依頼の取下げ", "Request taken back"),
        ],
    },
    Kind {
        code: "sent",
        japanese: "送信",
        english: "Sending",
        actions: &[
            ("sent.staged", "送信の登録", "Staged"),
            ("sent.approved", "送信の承認", "Approved"),
            ("sent.sealed", "暗号化・送信", "Sealed and sent"),
            ("sent.recall", "取消しの依頼", "Recall asked for"),
            ("sent.recalled", "取消し", "Recalled"),
            ("sent.recall-refused", "取消し不可", "Recall refused"),
            ("sent.reminded", "督促", "Reminded"),
            ("sent.stopped", "送信の中止", "Stopped"),
            ("sent.failed", "送信の失敗", "Failed"),
            ("sent.expired", "期限切れ", "Expired"),
        ],
    },
    Kind {
        code: "people",
        japanese: "事業所・利用者",
        english: "Offices and users",
        actions: &[
            ("office.added", "事業所の登録", "Office registered"),
            ("group.changed", "グループの変更", "Group changed"),
            ("user.added", "利用者の登録", "User registered"),
            ("user.letter", "「お知らせ」の作成", "Letter made"),
            ("user.link", "リンクの再送", "Link sent again"),
            ("user.certificates", "電子証明書の登録", "Certificates registered"),
            ("request.answered", "電子証明書の発行・拒否", "Request for certificates answered"),
            ("user.pin-reset", "PINの再設定", "PIN reset"),
            ("user.disabled", "利用者の無効化", "User disabled"),
            ("user.enabled", "利用者の有効化", "User enabled"),
            ("user.warned", "期限の通知", "Told that certificates end"),
        ],
    },
    Kind {
        code: "schedule",
        japanese: "受信とスケジュール",
        english: "Pulls and schedule",
        actions: &[
            ("expectation.added", "提出予定の追加", "Expectation added"),
            ("expectation.removed", "提出予定の削除", "Expectation removed"),
            ("pull.ordered", "今すぐ受信", "Pull ordered"),
            ("schedule.set", "スケジュールの変更", "Schedule changed"),
            ("schedule.paused", "受信の停止", "Paused"),
            ("schedule.resumed", "受信の再開", "Resumed"),
            ("schedule.holiday-added", "休日の追加", "Holiday added"),
            ("schedule.holiday-removed", "休日の削除", "Holiday removed"),
            ("schedule.blackout-added", "受信しない時間の追加", "Blackout added"),
            ("schedule.blackout-removed", "受信しない時間の削除", "Blackout removed"),
        ],
    },
    Kind {
        code: "accounts",
        japanese: "ログインとアカウント",
        english: "Signing in and accounts",
        actions: &[
            ("staff.signed-in", "ログイン", "Signed in"),
            ("staff.sign-in-refused", "ログインの失敗", "Sign-in refused"),
            ("staff.signed-out", "ログアウト", "Signed out"),
            ("staff.session-ended", "セッションの終了", "Session ended"),
            ("staff.password", "パスワードの変更", "Password changed"),
            ("staff.factor-set", "二要素認証の設定", "Second factor set up"),
            ("staff.factor-reset", "二要素認証の解除", "Second factor taken away"),
            ("staff.recovery-used", "回復コードの使用", "Recovery code used"),
            ("staff.added", "職員の追加", "Account added"),
            ("staff.role", "役割の変更", "Role changed"),
            ("staff.disabled", "職員の無効化", "Account shut"),
            ("staff.enabled", "職員の再有効化", "Account opened again"),
            ("token.added", "APIトークンの作成", "API token made"),
            ("token.revoked", "APIトークンの失効", "API token ended"),
        ],
    },
    Kind {
        code: "system",
        japanese: "システム",
        english: "The system",
        actions: &[
            ("message.archived", "受信・保管", "Received and archived"),
            ("message.quarantined", "受信・隔離", "Received, in quarantine"),
            ("receipt.refused", "受領通知の不受理", "Receipt refused"),
            ("delivery.unknown", "覚えのない送信の発見", "Unknown delivery found"),
            ("keys.replaced", "組合の鍵の交換", "Keys replaced"),
            ("keys.revoked", "組合の証明書の失効", "Own certificate revoked"),
            ("hook.retried", "連携通知の再試行", "Hook tried again"),
            ("hook.dropped", "連携通知の破棄", "Hook dropped"),
        ],
    },
];

impl Kind {
    pub(super) const fn name(&self, lang: Lang) -> &'static str {
        match lang {
            Lang::Japanese => self.japanese,
            Lang::English => self.english,
        }
    }
}

/// Its name in this language.
pub(super) const fn name_of(action: &Action, lang: Lang) -> &'static str {
    match lang {
        Lang::Japanese => action.1,
        Lang::English => action.2,
    }
}

/// What an action is called.
pub(in super::super) fn called(code: &str, lang: Lang) -> Option<&'static str> {
    let mut all = KINDS.iter().flat_map(|kind| kind.actions);
    all.find(|action| action.0 == code).map(|action| name_of(action, lang))
}

/// The actions that an address asks for: of a kind, or one. None when there is no such thing.
pub(super) fn asked(what: &str) -> Option<Vec<String>> {
    if what.is_empty() {
        return Some(Vec::new());
    }
    let all = |kind: &Kind| kind.actions.iter().map(|action| action.0.to_owned()).collect();
    let kind = KINDS.iter().find(|kind| kind.code == what).map(all);
    kind.or_else(|| called(what, Lang::English).map(|_| vec![what.to_owned()]))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_action_has_one_kind_and_one_name() {
        let codes: Vec<&str> = KINDS.iter().flat_map(|kind| kind.actions).map(|action| action.0).collect();
        assert_eq!(codes.len(), codes.iter().collect::<BTreeSet<_>>().len());
        assert_eq!(asked("message.read"), Some(vec!["message.read".to_owned()]));
        assert!(asked("access").is_some_and(|access| access.contains(&"message.previewed".to_owned())));
        assert_eq!((asked(""), asked("nothing")), (Some(Vec::new()), None));
    }
}
