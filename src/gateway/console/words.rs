//! Everything that people read on the console, in Japanese and in English. The words of verdicts, alerts and refusals stand where
//! these are made.

/// What happened, what it means, what to do.
pub(super) type Three = [&'static str; 3];

macro_rules! words {
    ($($name:ident: $japanese:literal, $english:literal;)* ; $($three:ident: $ja:expr, $en:expr;)*) => {
        /// What is said in one language.
        #[derive(Debug)]
        pub(super) struct Words {
            $(pub(super) $name: &'static str,)*
            $(pub(super) $three: Three,)*
        }

        pub(super) static JAPANESE: Words = Words { $($name: $japanese,)* $($three: $ja,)* };
        pub(super) static ENGLISH: Words = Words { $($name: $english,)* $($three: $en,)* };
    };
}

/// The same in both languages.
pub(super) trait Bilingual: Sized + 'static {
    const JAPANESE: &'static Self;
    const ENGLISH: &'static Self;
}

/// Words of some pages only.
macro_rules! page_words {
    ($words:ident: $($name:ident: $japanese:literal, $english:literal;)*) => {
        /// What these pages say in one language.
        #[derive(Debug)]
        pub(in crate::gateway::console) struct $words {
            $(pub(in crate::gateway::console) $name: &'static str,)*
        }

        impl super::Bilingual for $words {
            const JAPANESE: &'static Self = &Self { $($name: $japanese,)* };
            const ENGLISH: &'static Self = &Self { $($name: $english,)* };
        }
    };
}

pub(super) mod audit;
pub(super) mod expected;
pub(super) mod late;
pub(super) mod quarantine;
pub(super) mod received;
pub(super) mod sending;
pub(super) mod settings;
pub(super) use words;

words! {
    // The frame.
    product: "Kenpo eXpress", "Kenpo eXpress";
    console: "職員用画面", "Staff console";
    skip: "本文へ移動", "Skip to the content";
    menu: "メニュー", "Menu";
    other_language: "English", "日本語";
    sign_out: "ログアウト", "Sign out";
    dashboard: "ダッシュボード", "Dashboard";
    people: "事業所・利用者", "Offices and users";
    schedule: "スケジュール", "Schedule";
    expected: "提出予定", "Expected files";
    lost: "紛失・盗難の連絡", "A PC was lost";
    audit: "監査", "Audit";
    settings: "設定", "Settings";
    back_home: "最初のページへ", "To the first page";
    continue_on: "続ける", "Continue";
    cancel: "やめる", "Leave it";
    brought_back: "送信されなかった入力内容を戻しました。このブラウザーのこのタブにだけ残っていたものです。", "What you had typed and not sent was brought back. Only this tab of your browser had it.";

    // Signing in.
    sign_in: "ログイン", "Sign in";
    sign_in_title: "職員用画面にログイン", "Sign in to the staff console";
    name: "ログイン名", "Login name";
    password: "パスワード", "Password";
    step_one: "1/2　パスワード", "Step 1 of 2: password";
    step_two: "2/2　確認コード", "Step 2 of 2: code";
    code: "確認コード（6桁）", "Code (6 digits)";
    code_title: "確認コードの入力", "Enter the code";
    code_help: "認証アプリに表示されている6桁の数字を入力してください。", "Enter the six digits that your authenticator app shows.";
    recovery_help: "スマートフォンが手元にないときは、控えてある回復コードを入力してください。1つのコードは1回だけ使えます。", "Without your phone, enter one of the recovery codes that you have kept. Each works once.";
    code_or_recovery: "確認コードまたは回復コード", "Code or recovery code";

    // A password of one's own.
    password_title: "パスワードの変更", "Change the password";
    password_why: "今のパスワードはほかの人が作成したものです。自分だけが知っているパスワードに変更してください。", "Somebody else made your present password. Change it to one that only you know.";
    password_now: "今のパスワード", "Present password";
    password_new: "新しいパスワード（12文字以上）", "New password (12 characters or more)";
    password_again: "新しいパスワード（確認）", "New password, once more";
    password_change: "変更する", "Change it";

    // A second factor of one's own.
    factor_title: "二要素認証の設定", "Set up the second factor";
    factor_app: "スマートフォンの認証アプリ（Google Authenticator、Microsoft Authenticatorなど）で、次の画像を読み取ります。", "Scan this picture with an authenticator app on your phone (Google Authenticator, Microsoft Authenticator or the like).";
    factor_typed: "画像を読み取れないときは、このキーを入力してください。", "If the picture cannot be scanned, type this key.";
    factor_code: "アプリに表示された6桁の数字を入力します。", "Enter the six digits that the app then shows.";
    factor_done: "設定を完了する", "Finish";
    recovery_title: "回復コード", "Recovery codes";
    recovery_keep: "スマートフォンを失くしたときに使うコードです。印刷するか書き写して、鍵のかかる場所に保管してください。この画面は一度しか表示されません。", "These stand in for your phone when it is lost. Print them or write them down, and lock them away. They are shown this once.";
    recovery_done: "保管しました", "I have kept them";
    print: "印刷", "Print";

    // Another second factor.
    own_factor: "二要素認証", "Second factor";
    own_factor_help: "スマートフォンを替えるときは、ここで新しい認証アプリを設定します。設定が完了するまで、今の認証アプリが使えます。", "For another phone, set its app up here. The present one counts until that is done.";
    own_factor_title: "認証アプリの変更", "Set up another app";
    own_factor_first: "本人であることを確認します。今のパスワードと、今の認証アプリの確認コードを入力してください。スマートフォンが手元にないときは、回復コードを入力してください。", "First show that it is you: your password, and a code of the present app, or a recovery code without the phone.";
    own_factor_code: "今の確認コードまたは回復コード", "Present code or recovery code";
    own_factor_go: "次へ", "Go on";
    own_factor_old: "設定が完了するまで、今の認証アプリと回復コードが使えます。完了すると、どちらも使えなくなります。", "The present app and recovery codes count until this is done, and never after it.";

    // The password once more.
    again_title: "パスワードの再入力", "Your password once more";
    again_why: "職員とAPIトークンの変更は、操作する本人がパスワードをもう一度入力してから行います。続けて操作するときは、5分間は再入力の必要がありません。", "Accounts and API tokens are changed by whoever types the own password once more. It is not asked again for five minutes.";
    again_what: "行う操作", "What will be done";
    again_whom: "対象", "To";
    again_password: "ご自身のパスワード", "Your own password";
    again_go: "確認して実行する", "Do it";

    // One's own account.
    account_title: "アカウント", "Account";
    role: "役割", "Role";
    recovery_left: "残っている回復コード", "Recovery codes that are left";
    sessions: "ログイン中の端末", "Where you are signed in";
    sessions_help: "心当たりのない端末があれば終了し、パスワードを変更してください。", "End what you do not know, and change your password.";
    session_from: "接続元", "From";
    session_agent: "ブラウザー", "Browser";
    session_since: "開始", "Since";
    session_seen: "最後の操作", "Last used";
    session_this: "この端末", "this one";
    session_end: "終了する", "End it";
    sessions_end_others: "この端末以外をすべて終了する", "End all others";

    // What was done just now.
    done_password: "パスワードを変更しました。ほかの端末はログアウトされました。", "The password was changed, and all other sessions were ended.";
    done_session: "セッションを終了しました。", "The session was ended.";
    done_factor: "認証アプリを変更しました。前の認証アプリと回復コードは使えません。ほかの端末はログアウトされました。", "The second factor is another one now. The app and recovery codes of before never count again, and all other sessions were ended.";

    done_account: "職員の設定を変更しました。", "The account was changed.";
    done_account_disabled: "職員を無効にしました。", "The account was shut.";
    done_token: "トークンを失効させました。", "The token was ended.";

    // The dashboard.
    all_well: "異常はありません", "All is well";
    looked_at: "確認した時刻", "Looked at";
    alerts: "警報", "Alerts";
    since: "発生", "Since";
    to_review: "新着（未処理）", "New, not reviewed";
    quarantine: "隔離中", "In quarantine";
    received_today: "本日の受信", "Received today";
    sent_today: "本日の送信", "Sent today";
    held: "承認待ちの送信", "Waiting for approval";
    waiting: "受信待ち", "Waiting at the KX server";
    waiting_since: "待ち始め", "Waiting since";
    waits_disk: "ディスクの空きがないか、書き込めません", "no room on the disk, or it cannot be written";
    waits_revocation: "失効リストがまだありません", "there is no revocation list yet";
    waits_scanner: "ウイルス検査ができません", "the malware scanner does not answer";
    waits_relay: "KXサーバーから受け取れません", "the KX server does not give it out";
    waits_other: "確認が終わりません（ログに理由があります）", "it cannot be checked; the log says why";
    transfer: "受信の状況", "The pull";
    last_pull: "前回の受信", "Last pull";
    next_pull: "次回の受信", "Next pull";
    never: "まだありません", "never yet";
    not_planned: "予定なし", "not planned";
    paused: "停止中", "paused";
    state: "設備の状態", "The gateway";
    relay: "KXサーバー", "KX server";
    relay_fine: "接続できています", "answers";
    relay_silent: "応答がありません", "does not answer";
    vpn: "VPN", "VPN";
    vpn_open: "正常", "open";
    vpn_shut: "使えません", "shut";
    vpn_unguarded: "経路の指定なし", "no way prescribed";
    disk: "ディスクの空き", "Free on the disk";
    disk_lasts: "いっぱいになるまで約", "full in about";
    certificates: "電子証明書の期限", "Certificates end";
    certificate_own: "組合の証明書", "the union's";
    certificate_authority: "組合の認証局", "the union's CA";
    certificate_employers: "事業所（最も早いもの）", "employers' (first)";
    left: "残り", "left:";
    unknown_yet: "確認中", "not known yet";
    expected_missing: "未提出", "not sent:";
    chart_day: "受信（24時間）", "Received, 24 hours";
    chart_month: "受信（30日）", "Received, 30 days";
    chart_time: "時刻", "Time";
    chart_files: "ファイル数", "Files";
    chart_unit: "件", "files";
    chart_numbers: "数字で見る", "As numbers";
    keys_dashboard: "n 新着", "n: new ones";
    live_on: "自動更新中", "Updated by itself";
    live_held: "入力中のため更新を止めています。枠の外をクリックするか、Escキーを押すと再開します。", "Not updated while you are in it: click elsewhere or press Esc, and it goes on.";
    live_off: "自動更新が止まっています。ページを再読み込みしてください。", "Not updated any more: load the page again.";

    // What takes two persons.
    consents: "承認の依頼", "Requests for consent";
    consents_help: "次の操作は二人で行います。一人が依頼し、別の職員が承認すると実行されます。", "These take two persons: one asks, and it is done when another one agrees.";
    consents_none: "承認を待っている依頼はありません。", "Nothing waits for consent.";
    consents_past: "これまでの依頼", "Before";
    consent_matter: "操作", "What";
    consent_subject: "対象", "About";
    consent_reason: "理由", "Why";
    consent_asked: "依頼", "Asked";
    consent_ends: "期限", "Until";
    consent_outcome: "結果", "Came to";
    consent_enable_user: "利用者を有効に戻す", "Enable a user";
    consent_release: "隔離の解除", "Release from quarantine";
    consent_send: "送信", "Send";
    consent_addressees: "宛先数", "Addressees";
    consent_agree: "承認して実行する", "Agree: it is done";
    consent_refuse: "承認しない", "Refuse";
    consent_withdraw: "依頼を取り下げる", "Take it back";
    consent_own: "ご自身の依頼です。別の職員の承認を待っています。", "You have asked: it waits for another person.";
    consent_waits: "承認待ち", "Waits for consent";
    consent_agreed: "承認・実行済", "Agreed and done";
    consent_refused: "不承認", "Refused";
    consent_withdrawn: "取下げ", "Taken back";
    consent_expired: "期限切れ", "Nobody answered";
    done_asked: "承認を依頼しました。別の職員が承認すると実行されます。", "Asked. It is done when another person agrees.";
    done_agreed: "承認し、実行しました。", "Agreed, and done.";
    done_refused: "承認しませんでした。", "Refused.";
    done_withdrawn: "依頼を取り下げました。", "Taken back.";

    // What came.
    received: "受信", "Received";
    sent_place: "送信", "Sent";
    quarantine_place: "隔離", "Quarantine";
    filter_state: "状態", "State";
    state_any: "すべて", "All";
    state_new: "新着", "New";
    state_accepted: "受付済", "Accepted";
    state_returned: "差戻し済", "Returned";
    state_quarantined: "隔離", "Quarantine";
    file: "ファイル", "File";
    no_name: "（ファイル名なし）", "(no file name)";
    office: "事業所", "Office";
    sender: "送信者", "Sender";
    size: "大きさ", "Size";
    kind: "種類（送信者の申告）", "Kind, as the sender says";
    received_at: "受信日時", "Received";
    signed_at: "署名日時", "Signed";
    unread: "未読", "Not read yet";
    read_by_others: "自分は未読（ほかの職員が閲覧済）", "Read by somebody else";
    flagged: "注目", "Flagged";
    doubts: "注意", "Mind";
    comments: "コメント", "Comments";
    tick: "選択", "Select";
    tick_all: "すべて選択", "Select all";
    accept_ticked: "選択したファイルを受付", "Accept what is selected";
    older: "古いものへ", "Older";
    newest: "最新へ戻る", "Back to the newest";
    back_to_list: "一覧へ戻る", "Back to the list";
    next_new: "次の新着", "Next new one";
    previous_file: "前のファイル", "Previous file";
    next_file: "次のファイル", "Next file";
    accept: "受付する", "Accept";
    hand_back: "差戻しする", "Return";
    hand_back_reason: "差戻しの理由（送信者に届きます）", "Reason, for the sender";
    hand_back_warning: "理由は暗号化されて送信者に届きます。差戻しは取り消せません。", "The reason goes to the sender, sealed. A return cannot be taken back.";
    flag_set: "注目にする", "Flag";
    flag_clear: "注目を外す", "Take the flag away";
    verdict_good: "署名・証明書・宛先を確認済みです。", "Signature, certificate and addressee were checked.";
    verdict_doubt: "確認してほしい点があります。", "There is something to look at.";
    suspect_since: "送信者の端末は次の日時から紛失・盗難の届けがあります。", "The sender's PC was reported lost since:";
    sender_comment: "送信者のコメント", "The sender's comment";
    return_reason: "差戻しの理由", "Why it was returned";
    proof: "証明", "Proof";
    id: "番号", "Id";
    sequence: "通し番号", "Number in the stream";
    digest: "ファイルのハッシュ値", "Digest";
    judged_at: "判定日時", "Judged";
    signer: "署名者", "Signer";
    certificate_valid: "証明書の有効期間", "Certificate valid";
    certificate_revoked: "証明書の失効日時", "Certificate revoked";
    certificate_fingerprint: "証明書の指紋", "Certificate fingerprint";
    receipts: "受領通知", "Receipts";
    stage_relayed: "サーバー到達", "At the server";
    stage_verified: "検証済", "Verified";
    stage_accepted: "受付", "Accepted";
    stage_returned: "差戻し", "Returned";
    stage_other: "その他", "Other";
    history: "履歴", "History";
    did_archive: "保管", "Archived";
    did_quarantine: "隔離", "Quarantined";
    did_accept: "受付", "Accepted";
    did_return: "差戻し", "Returned";
    did_read: "閲覧", "Looked at";
    did_flag: "注目の変更", "Flag";
    did_comment: "コメント", "Commented";
    did_export: "取り出し", "Taken out";
    did_preview: "プレビュー", "Previewed";
    did_release: "隔離の解除", "Released";
    readers: "閲覧した職員", "Who has looked";
    comment_new: "コメントを書く（職員だけが見られます）", "Comment, for staff only";
    comment_add: "書き込む", "Add";
    keys: "キー操作", "Keys";
    keys_list: "j・k 移動　Enter 開く　x 選択", "j, k: move   Enter: open   x: select";
    done_accepted: "受け付けました。", "Accepted.";
    done_returned: "差し戻しました。理由は送信者に届きます。", "Returned. The sender is told why.";
    done_accepted_all: "選択したファイルを受け付けました。", "Accepted what was selected.";
    done_accepted_some: "受け付けました。ほかの職員が先に処理したファイルは変更していません。", "Accepted. What somebody else was faster with is as it was.";
    done_commented: "コメントを書き込みました。", "The comment was added.";
    ;
    sign_in_refused: ["ログインできませんでした。", "ログイン名またはパスワードが正しくありません。", "入力し直してください。パスワードを忘れたときは責任者に連絡してください。"],
        ["You are not signed in.", "The login name or the password is wrong.", "Try again. If you have forgotten the password, tell an officer."];
    sign_in_wait: ["しばらくログインできません。", "誤った入力が続いたため、安全のために間隔を空けています。", "少し待ってから（最長15分）、もう一度お試しください。"],
        ["You cannot sign in for a while.", "Too many wrong tries: there is a wait between them now.", "Wait a little (15 minutes at most) and try again."];
    code_refused: ["確認コードが正しくありません。", "コードの有効期間が過ぎたか、すでに使われたか、誤りがあります。", "認証アプリの新しいコードを入力してください。"],
        ["The code is not right.", "It has expired, was used before, or has a mistake in it.", "Enter the next code that the app shows."];
    own_factor_refused: ["認証アプリは変更していません。", "パスワードまたは確認コードが正しくありません。確認コードと回復コードは、1つにつき1回だけ使えます。", "今のパスワードと、認証アプリの新しいコードを入力してください。"],
        ["The second factor is as it was.", "The password or the code is not right. Each code counts once.", "Enter your password and the next code that the app shows."];
    own_factor_late: ["認証アプリは変更していません。", "本人の確認から10分が過ぎました。今の認証アプリと回復コードがそのまま使えます。", "もう一度、初めから操作してください。"],
        ["The second factor is as it was.", "It is more than ten minutes since you have shown who you are. The present app and codes count.", "Begin once more."];
    again_wrong: ["実行していません。", "パスワードが正しくありません。何も変更されていません。", "入力し直してください。"],
        ["This was not done.", "The password is wrong. Nothing was changed.", "Try again."];
    again_wait: ["実行していません。", "誤った入力が続いたため、安全のために間隔を空けています。何も変更されていません。", "少し待ってから（最長15分）、もう一度お試しください。"],
        ["This was not done.", "Too many wrong tries: there is a wait between them now. Nothing was changed.", "Wait a little (15 minutes at most) and try again."];
    password_wrong: ["パスワードを変更できませんでした。", "今のパスワードが正しくありません。", "入力し直してください。"],
        ["The password was not changed.", "The present password is wrong.", "Try again."];
    password_weak: ["パスワードを変更できませんでした。", "新しいパスワードは12文字以上128文字以内で、今のものと違う必要があります。", "別のパスワードを入力してください。"],
        ["The password was not changed.", "The new one must have 12 to 128 characters and differ from the present one.", "Choose another one."];
    password_differs: ["パスワードを変更できませんでした。", "2回入力した新しいパスワードが一致しません。", "もう一度入力してください。"],
        ["The password was not changed.", "The two entries of the new one differ.", "Enter them again."];
    fault_missing: ["ページが見つかりません。", "アドレスに誤りがあるか、対象がすでにありません。", "メニューから目的のページを開いてください。"],
        ["There is no such page.", "The address is wrong, or what it showed is not there any more.", "Choose a page from the menu."];
    fault_method: ["この操作は受け付けられません。", "ページの使い方が想定と異なります。何も変更されていません。", "メニューから目的のページを開き直してください。"],
        ["This page does not take that.", "Nothing was changed.", "Choose a page from the menu."];
    fault_duty: ["このページは表示できません。", "あなたの役割では、このページの閲覧や操作が許可されていません。何も変更されていません。", "必要なときは責任者に依頼してください。"],
        ["This page is not for you.", "Your role does not allow it. Nothing was changed.", "Ask an officer if you need it."];
    fault_state: ["この操作はできませんでした。", "画面を開いた後に、ほかの職員が先に処理した可能性があります。何も変更されていません。", "前のページに戻って再読み込みし、現在の状態と履歴を確認してください。"],
        ["This could not be done.", "Somebody else may have dealt with it since the page was opened. Nothing was changed.", "Go back, load the page again and look at its state and history."];
    fault_unticked: ["ファイルが選択されていません。", "一覧の左端の欄で、1件以上を選択する必要があります。何も変更されていません。", "前のページに戻り、対象のファイルを選択してください。"],
        ["No file is selected.", "At least one must be ticked at the left of the list. Nothing was changed.", "Go back and tick the files that are meant."];
    fault_session: ["ログインの状態が変わったため、操作を中止しました。", "送信の途中で、ログアウト、アカウントの停止、または役割の変更がありました。何も変更されていません。", "もう一度ログインして、操作をやり直してください。"],
        ["Your sign-in has changed, so this was stopped.", "You were signed out, your account was shut or your role was changed while it was being sent. Nothing was changed.", "Sign in again and repeat it."];
    fault_foreign: ["安全のため、操作を中止しました。", "この画面以外から送られたか、画面を開いてから時間がたちすぎています。何も変更されていません。", "ページを開き直して、もう一度操作してください。"],
        ["This was stopped for safety.", "It was not sent from a page of this console, or the page is too old. Nothing was changed.", "Open the page again and repeat it."];
    fault_input: ["入力内容を受け付けられません。", "入力に誤りがあるか、大きすぎます。何も変更されていません。", "前のページに戻り、内容を確認してください。"],
        ["What was entered cannot be taken.", "It is wrong or too long. Nothing was changed.", "Go back and check it."];
    fault_internal: ["処理中に問題が起きました。", "操作は完了していません。原因は記録されています。", "少し待ってからもう一度お試しください。続くときはシステム担当者に連絡してください。"],
        ["Something failed here.", "It was not done. The cause is in the log.", "Try again in a moment. If it goes on, tell whoever runs the gateway."];
    fault_letter: ["お知らせは作成されませんでした。", "この利用者のお知らせは作成済みで、もう一度表示することはできません。", "利用者の画面の「お知らせを作り直す」から、新しいパスワードで作成してください。"],
        ["No letter was made.", "There is one already, and it cannot be shown again.", "Make a new one, with new passwords, on the page of the user."];
    fault_pc_unnamed: ["端末は切り替えていません。", "本人が読み上げたPC番号（8桁）が必要です。", "登録済みの電話番号で本人に電話し、画面のPC番号を読み上げてもらってください。こちらから番号を言わないでください。"],
        ["The PC was not replaced.", "It takes the PC number (8 digits) that the person reads out.", "Call the person at the number on record. Never say a number yourself."];
    fault_pc_other: ["端末は切り替えていません。", "その番号の端末は承認を待っていません。", "もう一度読み上げてもらい、それでも一致しなければ、別の人の端末です。承認せず「承認しない」を押してください。"],
        ["The PC was not replaced.", "No PC with that number waits.", "Have it read out once more. If it still does not fit, it is somebody else's PC: refuse it."];
    fault_pc_doubtful: ["端末は切り替えていません。", "同じ番号で異なる申請が届いています。だれかが本人の端末を名乗っているおそれがあります。", "「承認しない」を押し、お知らせを作り直してください。"],
        ["The PC was not replaced.", "Different requests carry the same number: somebody may claim to be that PC.", "Refuse them, and make a new letter."];
    fault_key_taken: ["このファイルは送信していません。", "同じ画面から、同じ名前で内容の違うファイルがすでに送信されています。", "「新しく送信する」を開き直して、もう一度送信してください。"],
        ["The file was not sent.", "Another file of the same name was sent from this same page.", "Open \"Send a file\" anew and send it from there."];
    fault_relay: ["KXサーバーに依頼できませんでした。", "KXサーバーに接続できないか、KXサーバーが応じませんでした。一部だけが行われた場合があります。", "少し待ってからもう一度お試しください。同じ操作を繰り返しても問題ありません。"],
        ["The KX server did not do it.", "It cannot be reached, or did not agree. A part may have been done.", "Try again in a moment: it does no harm to do it twice."];
    fault_refused: ["この操作はできませんでした。", "", "内容を確認してください。何も変更されていません。"],
        ["This was not done.", "", "Check what you asked for. Nothing was changed."];
}

impl Words {
    /// What was done just now, by its code in the address.
    pub(super) fn done(&self, code: &str) -> Option<&'static str> {
        Some(match code {
            "password" => self.done_password,
            "session" => self.done_session,
            "factor" => self.done_factor,
            "accepted" => self.done_accepted,
            "returned" => self.done_returned,
            "accepted-all" => self.done_accepted_all,
            "accepted-some" => self.done_accepted_some,
            "account" => self.done_account,
            "account-disabled" => self.done_account_disabled,
            "token" => self.done_token,
            "commented" => self.done_commented,
            "asked" => self.done_asked,
            "agreed" => self.done_agreed,
            "refused" => self.done_refused,
            "withdrawn" => self.done_withdrawn,
            _ => return None,
        })
    }
}
