//! What is wrong with a kit, a PIN, a password or a set-up.

use super::{ASK, Words};
use crate::employer::kit::KitError;
use crate::employer::refusal::{PinRefused, SetupRefused};
use crate::secret::password::WeakPassword;
use crate::wire::enrolment::RefusalReason;

pub(super) fn kit_words(error: &KitError) -> (Words, Words) {
    let again = (
        "メールのリンクから kenpoexpress.zip をもう一度ダウンロードしてください。",
        "Download kenpoexpress.zip again from the link in the mail.",
    );
    match error {
        KitError::File(..) => (
            ("キットのファイルが開けません。", "The kit cannot be opened."),
            ("--kit のファイル名を確認してください。", "Check the file given with --kit."),
        ),
        KitError::NoKit(_) => (
            (
                "kenpoexpress.zip ではありません。kit.json が見つかりません。",
                "This is no kenpoexpress.zip: there is no kit.json in it.",
            ),
            again,
        ),
        _ => (("キットのファイルが壊れています。", "The kit is damaged."), again),
    }
}

pub(super) fn pin_words(refused: &PinRefused) -> (Words, Words) {
    match refused {
        PinRefused::Wrong { tries_left: 0 } | PinRefused::Locked => (
            (
                "PIN コードがロックされました。このパソコンの鍵は開けません。",
                "The PIN is locked: the keys on this PC stay shut.",
            ),
            (
                "健康保険組合に連絡してください。再発行された登録情報で、初期設定をやり直します。",
                "Ask the union: it issues a new letter, with which this PC is set up anew.",
            ),
        ),
        PinRefused::Wrong { .. } => (
            ("PIN コードが違います。", "The PIN is wrong."),
            (
                "もう一度実行してください。残りの回数を使い切るとロックされ、組合での再設定が必要になります。",
                "Try again. When no tries are left the PIN is locked, and the union has to reset it.",
            ),
        ),
        PinRefused::Relay(_) => (
            (
                "サーバーの応答が、初期設定の時のものと一致しません。PIN の正誤は確認していません。",
                "The server does not answer as it did at the set-up. Whether the PIN is right was not seen.",
            ),
            ASK,
        ),
    }
}

pub(super) fn password_words(weak: WeakPassword) -> (Words, Words) {
    let rule = (
        "英字と数字を含む 8 文字以上 16 文字以内で設定してください。",
        "Choose 8 to 16 characters with letters and digits.",
    );
    let happened = match weak {
        WeakPassword::Length => ("パスワードの長さが正しくありません。", "The password is too short or too long."),
        WeakPassword::Mixture => ("パスワードに英字と数字の両方が必要です。", "The password needs letters and digits."),
        WeakPassword::Characters => {
            ("パスワードに使えない文字があります。", "The password has a character in it that is not allowed.")
        }
    };
    (happened, rule)
}

pub(super) fn setup_words(refused: &SetupRefused) -> (Words, Words) {
    match refused {
        SetupRefused::NeedsKit => (
            ("初期設定は始まっていません。", "No set-up was begun here."),
            ("setup --kit kenpoexpress.zip を実行してください。", "Run setup --kit kenpoexpress.zip."),
        ),
        SetupRefused::OtherUser => (
            (
                "このフォルダーは別の利用者のものです。何も変更していません。",
                "This folder is another user's. Nothing was changed.",
            ),
            ("--home に別のフォルダーを指定してください。", "Choose another folder with --home."),
        ),
        SetupRefused::Finished => (
            ("このキットでの初期設定は完了しています。", "The set-up with this kit is finished."),
            ("login から始めてください。", "Go on with login."),
        ),
        SetupRefused::UnderWay => (
            (
                "別のキットでの初期設定が途中です。何も変更していません。",
                "The set-up with another kit is under way. Nothing was changed.",
            ),
            (
                "続ける場合は --kit なしで setup を実行してください。やめて新しいキットで始める場合は --start-anew を付けてください。",
                "Run setup without --kit to go on, or with --start-anew to give that one up for this kit.",
            ),
        ),
        SetupRefused::Busy => (
            ("このフォルダーで別の初期設定が動いています。", "Another set-up is running in this folder."),
            ("終わるまで待ってから、もう一度実行してください。", "Wait until it is done, then try again."),
        ),
        SetupRefused::Password => (
            (
                "初期パスワードが違うか、キットが書き換えられています。何も送信していません。",
                "The initial password is wrong, or the kit was altered. Nothing was sent.",
            ),
            (
                "「初期パスワード及び登録情報のお知らせ」の KX ログイン用初期パスワードを確認してください。正しい場合は健康保険組合に連絡してください。",
                "Check the initial password on the letter. If it is right, tell the union.",
            ),
        ),
        SetupRefused::Union(reason) => union_words(*reason),
    }
}

fn union_words(reason: RefusalReason) -> (Words, Words) {
    let happened = match reason {
        RefusalReason::Names => (
            "事業所名、利用者名、メールアドレスのいずれかが登録と一致しません。",
            "Office, user or mail address are not those that the union has.",
        ),
        RefusalReason::Locked => (
            "登録と一致しない入力が続いたため、この初期設定はロックされました。",
            "The enrolment is locked after too many wrong tries.",
        ),
        RefusalReason::Mac => {
            ("組合が申請を確認できませんでした。", "The union could not verify the request: it may have been altered.")
        }
        RefusalReason::Ended => {
            ("この初期設定は終了しているか、新しいものに替わっています。", "This enrolment has ended or was replaced.")
        }
        RefusalReason::Disabled => ("この利用者は無効にされています。", "This user is disabled."),
        RefusalReason::NotApproved => {
            ("このパソコンへの置き換えは承認されませんでした。", "The replacement by this PC was not approved.")
        }
        RefusalReason::Malformed => ("組合が申請を受け付けませんでした。", "The union did not take the request."),
        RefusalReason::NotNow => {
            ("証明書を更新できる時期ではありません。", "The certificates cannot be renewed at this time.")
        }
    };
    let next = match reason {
        RefusalReason::Names => (
            "「初期パスワード及び登録情報のお知らせ」のとおりに入力して、もう一度実行してください。",
            "Type them as they stand on the letter, and try again.",
        ),
        _ => ASK,
    };
    (happened, next)
}
