//! 設定: accounts, tokens, what is configured.

page_words! {
    Settings:
    accounts: "職員", "Accounts";
    tokens: "APIトークン", "API tokens";
    configuration: "設定ファイルと証明書", "Configuration and certificates";
    parts: "設定の分類", "Parts of the settings";

    // Accounts.
    accounts_help: "職員のログイン名と役割です。人の名前ではなく、組合内で分かる名前を使ってください。", "Login names of the staff with their roles.";
    account: "職員", "Account";
    name_help: "英小文字で始まる2～32文字（英小文字・数字・ - . _ ）", "2 to 32 lower-case letters, digits, - . _";
    role: "役割", "Role";
    role_help: "閲覧：見る　担当：受付・送信も　管理：利用者・スケジュールも　監査：記録だけ　責任者：すべて", "reader: looks; clerk: reviews and sends too; manager: users and schedule too; auditor: the audit only; officer: everything";
    state: "状態", "State";
    state_on: "有効", "Enabled";
    state_off: "無効", "Shut";
    password_at: "パスワード", "Password set";
    password_first: "初回変更待ち", "To be changed";
    factor: "二要素認証", "Second factor";
    factor_on: "設定済", "Set up";
    factor_off: "未設定", "Not set up";
    sessions: "ログイン中", "Signed in";
    add: "職員を追加", "Add an account";
    add_help: "最初のパスワードが一度だけ表示されます。本人に直接渡してください。初回ログイン時に、本人がパスワードを変更し、二要素認証を設定します。", "The first password is shown once: hand it over in person. At the first sign-in it is changed, and the second factor is set up.";
    back: "職員の一覧へ戻る", "Back to the accounts";
    role_change: "役割を変更する", "Change the role";
    role_change_help: "すぐに有効になります。ログインし直す必要はありません。", "It counts at once, also where they are signed in.";
    password_new: "パスワードを再発行する", "Make a new password";
    password_new_help: "今のパスワードは使えなくなり、ログイン中の端末はすべて終了します。新しいパスワードが一度だけ表示されます。", "The present one ends, and so do all sessions. The new one is shown once.";
    factor_reset: "二要素認証を解除する", "Take the second factor away";
    factor_reset_help: "スマートフォンと回復コードを失くした職員のための操作です。本人であることを必ず確かめてください。次のログインで設定し直します。", "For somebody who has lost phone and recovery codes: make sure that it is them. The next sign-in sets it up anew.";
    sessions_end: "ログイン中の端末をすべて終了する", "End all sessions";
    disable: "無効にする", "Shut the account";
    disable_help: "ただちにログインできなくなり、ログイン中の端末も終了します。ログイン名と記録は残り、後で有効に戻せます。", "They are signed out at once and cannot sign in. Name and audit stay, and the account can be opened again.";
    disable_sure: "パスワードと二要素認証は、有効に戻しても使えません。", "Password and second factor of now never count again.";
    enable: "有効に戻す", "Open the account again";
    enable_help: "同じ人が戻ったときだけの操作です。本人であることを必ず確かめてください。新しいパスワードが一度だけ表示され、次のログインで本人が変更し、二要素認証を設定し直します。役割は無効にしたときのままです。", "For the same person only: make sure that it is them. A new password is shown once, and is changed at the next sign-in, where the second factor is set up anew. The role is the one from before.";
    since: "作成", "Made";
    audit: "この職員の操作の記録", "What they did";

    // A secret that was just made.
    secret_password: "最初のパスワード", "The first password";
    secret_token: "トークン", "The token";
    secret_once: "この画面は一度しか表示されません。閉じる前に控えるか、印刷してください。", "This is shown once. Write it down or print it before you go on.";
    secret_kept: "控えました", "I have kept it";

    // Tokens.
    tokens_help: "組合の基幹システムなどが、このゲートウェイのAPIを使うための鍵です。人には渡さないでください。", "Keys with which programs of the union use the API. They are not for people.";
    tokens_none: "トークンはありません。", "There are no tokens.";
    token: "トークン名", "Name";
    token_help: "英小文字・数字・ - . _ （例：kikan-1）", "lower-case letters, digits, - . _";
    scopes: "できること", "May";
    scope_received_read: "受信一覧の参照", "List what came";
    scope_received_content: "受信ファイルの取得", "Take received files";
    scope_sent_read: "送信一覧の参照", "List what was sent";
    scope_sent_write: "送信・取消し", "Send and recall";
    scope_users_read: "事業所・利用者の参照", "List offices and users";
    expires: "期限", "Ends";
    expires_help: "空欄：期限なし", "empty: never";
    never: "なし", "never";
    last_used: "最後の使用", "Last used";
    unused: "未使用", "not yet";
    token_add: "トークンを作成", "Make a token";
    token_revoke: "失効させる", "End it";
    token_revoked: "失効済", "Ended";
    token_revoke_help: "このトークンを使うプログラムは、ただちに接続できなくなります。", "Programs that use it are cut off at once.";
    token_valid: "有効", "Counts";
    token_expired: "期限切れ", "Expired";
    token_state: "状態", "State";

    // What is configured.
    configuration_help: "ここでは変更できません。システム管理者が設定ファイルで変更します。", "Nothing can be changed here: the administrator does it in the file.";
    configuration_file: "設定ファイル", "File";
    retention: "保存期間", "Retention";
    retention_archive: "受信ファイルと監査記録", "Received files and the audit";
    retention_forever: "無期限（削除されません）", "for ever: nothing is deleted";
    retention_records: "手続きの記録", "Records of requests and orders";
    days: "日", " days";
    reserve: "ディスクに残しておく空き", "Kept free on the disk";
    sign_in_part: "ログイン", "Signing in";
    idle: "操作がないとき自動ログアウト", "Signed out when idle";
    longest: "連続ログインの上限", "Signed in at most";
    sending: "送信", "Sending";
    approval: "送信に二人目の承認", "A second person approves";
    largest: "送信できる最大サイズ", "Largest file";
    notices: "職員への通知メール", "Mails to staff";
    notices_to: "宛先", "Addresses";
    notices_window: "まとめる間隔", "Gathered for";
    handoff: "連携フォルダー", "Hand-off folder";
    hooks: "連携プログラムへの通知", "Hooks";
    scan: "マルウェア検査", "Malware scan";
    api: "API", "API";
    backup: "バックアップ", "Backup";
    backup_how: "サーバーのバックアップで行います（管理者ガイド「Backup」）", "by the machine's own backup: see the administrator's guide";
    yes: "する", "yes";
    no: "しない", "no";
    off: "使用しない", "off";
    on: "使用する", "on";
    certificates: "組合の電子証明書", "The union's certificates";
    certificate_signing: "署名用", "for signing";
    certificate_encryption: "暗号用", "for encryption";
    certificate_authority: "認証局", "Authority";
    certificate_purpose: "用途", "Purpose";
    certificate_from: "有効期間の開始", "From";
    certificate_until: "有効期間の終了", "Until";
    certificate_left: "残り", "Left";
    certificate_use: "使用中", "In use";
    certificate_old: "以前のもの", "Older";
    certificate_revoked: "失効", "Revoked";
    certificate_fingerprint: "指紋", "Fingerprint";
}
