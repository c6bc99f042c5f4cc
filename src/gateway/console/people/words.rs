//! What people read on the pages of offices and users, in Japanese and in English.

use super::super::words::words;

words! {
    people: "利用者", "Users";
    offices: "事業所", "Offices";
    rollover: "証明書の切替", "Certificates";
    import: "CSV取込", "CSV import";
    lost: "紛失・盗難", "Lost or stolen PC";
    sections: "事業所・利用者のメニュー", "Offices and users";
    search: "検索", "Search";
    filter: "絞り込む", "Filter";
    clear: "条件を消す", "Clear";
    search_help: "利用者名・メールアドレス・端末名・利用者ID・事業所名・事業所記号の一部（全角・半角、ひらがな・カタカナ、大文字・小文字は区別しません）", "Part of a name, mail address, PC, id, or of the office's name or code; width, kana and capitals are all the same";
    search_offices: "事業所名・事業所記号の一部", "Part of name or code";
    office_code: "事業所記号", "Office code";
    office_code_help: "半角の英数字とハイフン（例：1234-A）", "Letters, digits and hyphens, such as 1234-A";
    office_name: "事業所名", "Office name";
    office_name_help: "新しい事業所のときだけ入力します。登録済みの事業所では空のままで構いません。", "For a new office. Of a registered one it may be left empty.";
    office_is_new: "この事業所記号は未登録です。新しい事業所なら事業所名を入力し、登録済みの事業所なら記号を確認してください。", "No office has this code. If it is new, enter its name; if not, check the code.";
    office_bad: "事業所記号として使えません。半角の英数字とハイフンで、20文字以内で入力してください。", "This cannot be an office code: it has 1 to 20 letters, digits or hyphens.";
    office_exists: "この事業所記号は登録済みです。", "This office is registered already.";
    name: "利用者名", "Name";
    name_help: "初期設定のとき、本人がこのとおり入力します。", "The person enters exactly this at the set-up.";
    mail: "メールアドレス", "Mail address";
    mail_help: "初期設定の案内が届きます。本人だけが読めるアドレスにしてください。", "The invitation goes there. Nobody else should read it.";
    device: "端末名", "PC";
    device_help: "任意（例：総務課ノートPC）。紛失の連絡のときに役立ちます。", "Optional. It helps when a PC is reported lost.";
    required: "必須", "required";
    user_id: "利用者ID", "User id";
    state: "状態", "State";
    stage_any: "すべて", "All";
    stage_registered: "お知らせ未作成", "Registered, no letter yet";
    stage_letter: "初期設定待ち", "Letter is out";
    stage_locked: "初期設定ロック", "Set-up locked";
    stage_waiting: "端末の承認待ち", "A PC waits for approval";
    stage_enrolled: "利用中", "In use";
    stage_enabled: "有効", "Enabled";
    stage_disabled: "停止中", "Disabled";
    none_found: "該当する利用者はいません。検索の言葉や条件を変えてください。", "Nobody fits. Change what you look for.";
    none_yet: "利用者はまだ登録されていません。「新規登録」か「CSV取込」から始めます。", "Nobody is registered yet. Begin with a new user or a CSV file.";
    no_offices: "該当する事業所はありません。", "There are no such offices.";
    no_users_here: "この事業所の利用者はまだ登録されていません。", "This office has no users yet.";
    new_user: "新規登録", "New user";
    new_office: "事業所の登録", "New office";
    new_title: "利用者の登録", "Register a user";
    new_lead: "登録すると利用者の画面に移り、「お知らせ」を印刷できます。", "Then comes the page of the user, where the letter is printed.";
    register: "登録する", "Register";
    users_count: "利用者数", "Users";
    enabled_count: "うち有効", "Enabled";
    since: "登録日時", "Registered";
    more: "次のページ", "Next page";
    first: "最初のページ", "First page";
    to_list: "一覧へ戻る", "Back to the list";
    files_of_office: "この事業所から届いたファイル", "Files from this office";
    all_of_office: "この事業所の利用者をすべて表示", "All users of this office";

    enrolment: "初期設定の状況", "Set-up";
    step_registered: "登録", "Registered";
    step_letter: "お知らせの作成", "Letter made";
    step_mailed: "案内メールの送信", "Invitation mailed";
    step_downloaded: "配布ファイルの取得", "Kit downloaded";
    step_issued: "端末の登録・証明書の発行", "PC set up, certificates issued";
    step_login: "最後のログイン", "Last login";
    step_done: "済", "done";
    step_locked: "入力の誤りが続いたためロックされています。お知らせを作り直してください。", "Locked after too many wrong entries: make a new letter.";
    step_waits: "未", "not yet";
    mail_refused: "メールが届いていません。アドレスを確認してください。", "The mail was refused: check the address.";
    mail_bad: "KXサーバーからのメールがこの利用者に届いていません。メールアドレスを確認してください。", "Mails of the KX server do not reach this user. Check the address.";
    certificate_ends: "証明書の期限", "Certificate ends";
    left: "残り", "left: ";
    last_login: "最後のログイン", "Last login";
    pin: "PINコード", "PIN";
    pin_locked: "ロック中（5回誤り）", "locked after five wrong tries";
    disabled_at: "停止日時", "Disabled";
    lost_at: "紛失・盗難の日時", "Lost at";
    reason_lost: "紛失", "lost";
    reason_stolen: "盗難", "stolen";
    reason_left: "退職・異動", "has left";
    reason_other: "その他", "other";
    actions: "操作", "Actions";
    letter_make: "お知らせを作成して印刷", "Make and print the letter";
    letter_again: "お知らせを作り直す", "Make a new letter";
    letter_again_warning: "新しいパスワードになります。前のお知らせと案内メールは使えなくなり、使用中の端末の証明書はそのまま有効です。", "With new passwords. The letter and the invitation before are void; a PC that is set up stays so.";
    letter_again_do: "作り直して印刷", "Make and print";
    link_again: "案内メールを再送", "Mail the invitation again";
    pin_reset: "PINリセット", "Reset the PIN";
    pin_warning: "この端末の鍵は使えなくなり、証明書は失効します。本人は新しいお知らせで初期設定をやり直します。", "The keys under the PIN are lost and their certificates end. The person starts again with a new letter.";
    pin_do: "リセットする", "Reset";
    disable: "利用を停止", "Disable";
    disable_warning: "直ちに停止し、証明書を失効させます。端末の紛失・盗難のときは「紛失・盗難」を使ってください。", "At once; the certificates are revoked. For a lost PC use the page for that.";
    disable_do: "停止する", "Disable";
    disable_reason: "停止の理由", "Why";
    enable: "有効に戻す", "Enable again";
    enable_warning: "別の職員の承認が必要です。証明書は失効したままなので、承認の後に新しいお知らせを作成します。", "It takes the consent of a second person. The certificates stay revoked: a new letter follows.";
    enable_reason: "有効に戻す理由（承認する職員が読みます）", "Why, for the second person";
    enable_do: "承認を依頼する", "Ask for consent";
    enable_asked: "別の職員の承認を待っています。", "Waits for a second person.";
    pc_title: "別の端末から初期設定の申請が届いています", "Another PC asks to be set up";
    pc_how: "登録済みの電話番号で本人に電話し、「パソコンの画面に表示されているPC番号8桁を読み上げてください」と尋ねます。こちらから番号を言わないでください。本人に心当たりがなければ承認しません。", "Call the person at the number on record and ask: \"please read out the 8 digits on your screen\". Never say a number yourself. If the person knows nothing of it, refuse.";
    pc_number: "本人が読み上げたPC番号（8桁）", "PC number that was read out (8 digits)";
    pc_approve: "この端末に切り替える", "Replace the PC";
    pc_refuse: "承認しない", "Refuse";
    certificates: "電子証明書", "Certificates";
    no_certificates: "まだ発行されていません。", "None was issued yet.";
    purpose: "用途", "For";
    purpose_signing: "署名", "Signing";
    purpose_encryption: "暗号", "Encryption";
    purpose_device: "端末", "PC";
    ends: "期限", "Ends";
    certificate_revoked: "失効", "Revoked";
    certificate_over: "期限切れ", "Ended";
    certificate_counts: "有効", "Valid";
    fingerprint: "指紋", "Fingerprint";
    orders: "KXサーバーへの連絡", "Told to the KX server";
    no_orders: "まだありません。", "Nothing yet.";
    requested: "依頼", "Requested";
    confirmed: "確認済", "Confirmed";
    not_confirmed: "確認待ち", "Not yet confirmed";
    order_register: "登録", "Registration";
    order_disable: "停止", "Disable";
    order_enable: "有効化", "Enable";
    order_enrol: "初期設定の案内", "Invitation";
    order_answer: "証明書の回答", "Certificates";
    order_link: "案内メールの再送", "Invitation again";
    order_notice: "お知らせメール", "Notice";
    order_other: "その他", "Other";
    history: "履歴", "History";
    letter_title: "お知らせの印刷", "Print the letter";
    letter_once: "この画面は一度しか表示されません。今すぐ印刷し、本人に手渡すか書留で送ってください。印刷できなかったときは、利用者の画面からお知らせを作り直します。", "This is shown once. Print it now, and hand it over or send it registered. If it cannot be printed, make a new letter on the page of the user.";
    to_person: "利用者の画面へ", "To the user";
    to_user: "利用者の画面へ（状況を確認）", "To the user, to watch the set-up";
    update_on: "自動更新中", "Updated by itself";
    update_off: "自動更新が止まっています。ページを再読み込みしてください。", "Not updated any more: load the page again.";

    lost_step_who: "1/3　だれの端末ですか", "Step 1 of 3: whose PC is it?";
    lost_step_when: "2/3　いつ失くなりましたか", "Step 2 of 3: since when?";
    lost_step_done: "3/3　停止の確認", "Step 3 of 3: confirmation";
    lost_who_help: "事業所名や氏名の一部で探し、連絡のあった利用者を選びます。", "Look for the person by part of a name, and choose.";
    lost_tell: "あなたの役割では利用を停止できません。次の職員のだれかに、口頭か電話ですぐに知らせてください。", "Your role does not shut users out. Tell one of these at once, in person or by telephone:";
    lost_tell_nobody: "あなたの役割では利用を停止できず、停止できる職員もいません。システム担当者にすぐに知らせてください（コマンド kx-gateway user disable で停止できます）。", "Your role does not shut users out, and nobody of the staff does. Tell whoever runs the gateway at once: the command is kx-gateway user disable.";
    lost_ask: "電話で尋ねること", "What to ask the caller";
    lost_ask_who: "だれの、どの端末か（事業所名・氏名・端末名）", "Whose PC, and which: office, name, what the PC is called";
    lost_ask_when: "最後に手元にあったのはいつか（日付と時刻）", "When it was there last: day and time";
    lost_ask_how: "紛失か盗難か。どこで失くしたか", "Lost or stolen, and where";
    lost_ask_pin: "PINコードを書いたメモやシールが、端末と一緒になかったか", "Whether the PIN was written down, on the PC or with it";
    lost_ask_open: "電源は入っていたか。画面はロックされていたか", "Whether it was switched on, and the screen locked";
    lost_ask_back: "折り返しの電話番号（登録済みの番号にかけ直し、本人と確かめます）", "Where to call back: at the number on record, to be sure who it is";
    lost_step_find: "だれの端末かを確かめる", "See whose PC it is";
    lost_narrow: "ほかにもいます。検索の言葉を足してください。", "There are more: add a word.";
    lost_what: "どうしましたか", "What happened?";
    lost_lost: "紛失", "Lost";
    lost_stolen: "盗難", "Stolen";
    lost_when: "最後に手元にあった日時", "When it was there last";
    lost_when_help: "はっきりしないときは、早めの日時を入力してください。この後に届いたファイルは「疑いあり」になります。", "When in doubt, take an earlier time. What came after it is marked as suspect.";
    lost_day: "日", "Day";
    lost_time: "時刻", "Time";
    lost_will: "「停止する」を押すと", "What \"Shut out\" does";
    lost_will_1: "この利用者を直ちに停止し、証明書を失効させます。端末のPINも解除できなくなります。", "The user is shut out at once and the certificates are revoked; the PC cannot be unlocked any more.";
    lost_will_2: "KXサーバーにも停止を依頼し、まだ受け取られていないファイルを引き上げます。", "The KX server is told, and takes back what was not collected.";
    lost_will_3: "紛失・盗難の後に届いたファイルに「疑いあり」の印を付け、読まれた可能性のあるファイルを一覧にします。", "What came since is marked as suspect, and what could have been read is listed.";
    lost_will_4: "有効に戻すには二人の職員と新しいお知らせが必要です。", "Enabling again takes two persons and a new letter.";
    lost_do: "停止する", "Shut out";
    lost_again: "この利用者は停止済みです。紛失・盗難の日時だけを改めて記録できます。", "This user is disabled already. The time of loss can still be put right.";
    lost_at_wrong: "日と時刻を入力してください。", "Enter day and time.";
    lost_at_later: "日時が未来になっています。", "That is in the future.";
    incident: "紛失・盗難の対応状況", "Lost PC";
    stopped_here: "組合での停止", "Shut out here";
    asked_relay: "KXサーバーへの依頼", "KX server asked";
    confirmed_by_relay: "KXサーバーで確認済み", "Confirmed by the KX server";
    waiting_for_relay: "KXサーバーの確認を待っています（自動的に再送されます）", "Waiting for the KX server; it is asked again and again";
    unknown_there: "この利用者はKXサーバーに登録されていないため、連絡は不要です。", "The KX server does not know this user: there is nothing to shut.";
    still_enabled: "この利用者は停止されていません。", "This user is not disabled.";
    unknown: "記録なし", "not recorded";
    arrived: "紛失・盗難の後に届いたファイル", "Came since the loss";
    arrived_none: "ありません。", "None.";
    suspect: "疑いあり", "Suspect";
    exposed: "端末で読まれた可能性のあるファイル", "Could have been read on the PC";
    exposed_of: "この利用者に送信したファイル", "Sent to this user";
    exposed_none: "この端末が受け取ったファイルはありません。", "The PC has fetched nothing.";
    exposed_after: "紛失・盗難の後に受取り", "Fetched since the loss";
    file: "ファイル", "File";
    at: "日時", "When";
    note: "備考", "Note";
    report: "報告書を印刷", "Report to print";
    report_title: "紛失・盗難 報告書", "Report";
    files: "件", "";

    rollover_help: "期限の近い順です。新しい証明書は期限の90日前から端末が自動的に申請します。", "The first to end first. PCs ask for new ones by themselves in the last 90 days.";
    rollover_days: "期限まで", "Ends within";
    rollover_none: "この期間に期限を迎える証明書はありません。", "None ends in this time.";
    old: "今の証明書の期限", "Ends";
    in_days: "残り日数", "Days left";
    days: "日", "days";
    newer: "新しい証明書の期限", "New one until";
    newer_none: "まだありません", "none yet";
    used: "最後の使用", "Last used";
    warned: "案内メール", "Told";

    import_help: "「確認する」を押すと、まず全行が検査されます。この段階では何も登録されません。誤りがなければ「登録する」を押せます。一つでも誤りがあれば、何も登録されません。", "Check looks at every line first, and registers nothing. Without a mistake, Register can be pressed; with a single one, nothing is registered.";
    import_format: "ファイルの形式", "What the file is like";
    import_heading: "1行目は次の名前の見出しです。列の順番は自由です。「事業所」を取り込むときは、事業所記号と事業所名の2列だけにします。", "The first line has these names, in any order. For offices alone it has the first two and no others.";
    import_column: "列（見出し）", "Column";
    import_meaning: "内容", "What it has";
    import_office_name: "登録済みの事業所では、登録した名称と同じにします。", "Of a registered office, the name that it has.";
    import_user_id: "列ごと省略できます。省略すると自動で決まります。", "The whole column may be left out: ids are made then.";
    import_example: "例（見出しと1人分）", "Example: the heading and one person";
    import_encoding: "文字コードはUTF-8またはShift_JISです。Excelの「CSV（コンマ区切り）」と「CSV UTF-8」のどちらでも取り込めます。", "In UTF-8 or Shift_JIS: of Excel's kinds, both CSV and CSV UTF-8 will do.";
    import_limit: "1つのファイルは4MBまでです（およそ2万行）。超えるときは、それぞれに見出しの行を付けて複数のファイルに分けます。", "One file has at most 4 MB, some 20,000 lines. Divide a larger one, with the heading in each part.";
    import_kind: "取り込むもの", "What";
    import_file: "CSVファイル（UTF-8またはShift_JIS、4MBまで、およそ2万行）", "CSV file, UTF-8 or Shift_JIS, up to 4 MB: some 20,000 lines";
    import_check: "確認する", "Check";
    import_do: "登録する", "Register";
    import_bad: "登録できません。次の行を直してください。何も登録されていません。", "Not registered. Put these lines right; nothing was registered.";
    import_line: "行", "Line";
    import_problem: "誤り", "What is wrong";
    import_further: "このほかの誤り", "More";
    import_would: "誤りはありません。「登録する」を押すと登録されます。", "No mistakes. Press Register.";
    import_did: "登録しました。", "Registered.";
    import_large: "ファイルが大きすぎます。1つのファイルは4MB（およそ2万行）までです。何も登録されていません。それぞれに見出しの行を付けて複数のファイルに分け、一つずつ取り込んでください。", "The file is too large: one has at most 4 MB, some 20,000 lines. Nothing was registered. Divide it, with the heading in each part, and import one after the other.";
    import_failed: "送信できませんでした。ファイルが4MBを超えていないことを確認し、ページを再読み込みして、もう一度お試しください。", "It could not be sent. See that the file has at most 4 MB, load the page again and repeat it.";
    encoding: "文字コード", "Encoding";

    done_registered: "登録しました。続けてお知らせを作成してください。", "Registered. Next, make the letter.";
    done_office: "事業所を登録しました。", "The office is registered.";
    done_link: "案内メールの再送を依頼しました。", "The invitation goes out again.";
    done_pin: "PINをリセットしました。続けて新しいお知らせを作成してください。", "The PIN is reset. Next, make a new letter.";
    done_device: "端末を切り替えました。前の端末の証明書は失効しました。", "The PC is replaced; the certificates of the one before are revoked.";
    done_device_refused: "端末の申請を承認しませんでした。", "The PC was refused.";
    done_disabled: "利用を停止しました。", "Disabled.";
    ;
}

impl Words {
    /// What was done just now, by its code in the address.
    pub(super) fn done(&self, code: &str) -> Option<&'static str> {
        Some(match code {
            "registered" => self.done_registered,
            "office" => self.done_office,
            "link" => self.done_link,
            "pin" => self.done_pin,
            "device" => self.done_device,
            "device-refused" => self.done_device_refused,
            "disabled" => self.done_disabled,
            _ => return None,
        })
    }

    /// Why a user is disabled, by its code.
    pub(super) fn reason(&self, code: &str) -> &'static str {
        match code {
            "lost" => self.reason_lost,
            "stolen" => self.reason_stolen,
            "left" => self.reason_left,
            _ => self.reason_other,
        }
    }

    /// What staff call an entry of the audit about a user.
    pub(super) fn action(&self, action: &str) -> Option<&'static str> {
        Some(match action {
            "user.added" => self.register,
            "user.letter" => self.step_letter,
            "user.link" => self.link_again,
            "user.pin-reset" => self.pin_reset,
            "user.disabled" => self.disable,
            "user.enabled" => self.enable,
            "consent.asked" => self.enable_do,
            _ => return None,
        })
    }
}
