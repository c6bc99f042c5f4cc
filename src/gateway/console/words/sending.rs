//! 送信: what went to employers, one dispatch as it goes, a new one, groups of offices.

page_words! {
    Sending:
    title: "送信", "Sent";
    new: "新しく送信する", "Send a file";
    groups: "グループ", "Groups";
    views: "表示の切替", "What is listed";
    by_dispatch: "送信ごと", "By dispatch";
    by_addressee: "宛先ごと", "By addressee";
    none: "まだ何も送信していません。「新しく送信する」から始めます。", "Nothing was sent yet. Begin with a new file.";
    none_found: "該当する送信はありません。条件を減らすか、期間を広げてください。", "There is nothing like that. Ask for less, or for a longer time.";
    state: "状態", "State";
    file: "ファイル", "File";
    user: "利用者", "User";
    office: "事業所記号", "Office code";
    user_id: "利用者ID", "User id";
    name: "ファイル名", "File name";
    filter: "絞り込む", "Filter";
    clear: "条件を消す", "Clear";
    impossible: "条件の書き方に誤りがあります。事業所記号・利用者ID・日付を確認してください。", "Something asked for cannot be: look at the office code, the user id and the dates.";
    cut: "ここまで調べました。続きはまだ調べていません。", "This is as far as was looked. There may be more further back.";
    addressees: "宛先", "To";
    addressee_count: "宛先数", "Addressees";
    collected: "到達", "Fetched";
    by: "送信した人", "Sent by";
    at: "登録日時", "Handed in";
    from: "送信日（から）", "Sent from";
    until: "送信日（まで）", "until";

    // Where a message stands.
    waits_for_approval: "承認待ち", "Waits for consent";
    released: "送信待ち", "To be sent";
    sealed: "送信中", "Being sent";
    deposited: "預入れ", "Handed over";
    relayed: "送信済", "Sent";
    fetched: "到達", "Fetched";
    verified: "検証済", "Verified";
    accepted: "受付", "Accepted";
    returned: "差戻し", "Returned";
    recalling: "取消中", "Being recalled";
    recalled: "取消済", "Recalled";
    expired: "期限切れ", "Expired";
    stopped: "停止", "Stopped";
    failed: "失敗", "Failed";

    // One dispatch.
    progress: "進みぐあい", "Progress";
    step_sealed: "暗号化", "Sealed";
    step_deposited: "KXサーバーに預入れ", "At the KX server";
    step_fetched: "到達", "Fetched";
    step_verified: "検証済", "Verified";
    step_accepted: "受付", "Accepted";
    further: "続き", "Further";
    not_collected: "未受信", "Not fetched";
    show_not_collected: "受信していない宛先を見る", "See who has not fetched it";
    everybody_has_it: "すべての宛先に届きました。", "Everybody has fetched it.";
    refresh: "最新の状態にする", "Look again";
    who_stands_where: "宛先の状態", "Addressees";
    all: "すべて", "All";
    expires: "受信期限", "Fetched until";
    approver: "承認した人", "Agreed to by";
    comment: "コメント", "Comment";
    dispatch: "この送信の全宛先", "All addressees of this dispatch";
    recipients: "受信者", "Recipients";
    not_yet: "まだ受信していません", "not fetched yet";
    no_recipients: "暗号化のときに決まります。", "They are known when it is sealed.";
    reason: "理由", "Why";
    waits: "待機中", "Waits";
    alarm: "受領通知が合いません。システム担当者に連絡してください。", "A receipt does not fit. Tell whoever runs the gateway.";
    history: "履歴", "History";
    receipts: "受領通知", "Receipts";
    receipt_relay: "KXサーバー", "KX server";
    receipt_refused: "不正", "refused";

    // What is done with it.
    approve: "承認して送信する", "Agree: it is sent";
    refuse: "承認しない（取り消す）", "Refuse: take it back";
    held_other: "別の職員の承認を待っています。宛先とファイルを確認して、承認してください。", "It waits for a second person: look at file and addressees, and agree.";
    held_own: "ご自身の送信です。別の職員の承認を待っています。", "You have sent this: it waits for another person.";
    held_reader: "別の職員の承認を待っています。", "It waits for a second person.";
    remind: "未受信の宛先に督促する", "Remind those who have not fetched it";
    remind_one: "督促する", "Remind";
    remind_help: "未受信の方にお知らせメールが届きます。24時間以内に届いた方には送られません。", "They get a mail, unless they had one within 24 hours.";
    recall: "取り消す", "Recall";
    recall_help: "まだ受信していない宛先の分を取り消します。受信済みの分は取り消せません。", "Whoever has not fetched it will not get it. What was fetched cannot be taken back.";
    recall_do: "取消しを実行する", "Recall it";
    done_sent: "送信を受け付けました。", "It is on its way.";
    done_held: "送信を登録しました。別の職員が承認すると送信されます。", "Handed in. It is sent when another person agrees.";
    done_approved: "承認しました。送信が始まります。", "Agreed: it is being sent.";
    done_recalled: "取消しを受け付けました。", "It is being taken back.";
    done_reminded: "督促を依頼しました。", "The reminders were asked for.";
    done_group: "グループを変更しました。", "The group was changed.";

    // A new one: whom to.
    choose_title: "新しい送信：宛先", "A new file: whom to";
    step_one: "1 宛先を選ぶ", "1 Whom to";
    step_two: "2 ファイルを選んで送信", "2 Files";
    together: "まとめて選ぶ", "Many at once";
    chosen: "選んだ宛先", "Chosen";
    every_office: "すべての事業所", "Every office";
    offices_of: "事業所", "offices";
    search: "事業所・利用者をさがす", "Look for offices and users";
    search_help: "名称・記号・利用者名・メールアドレスの一部。事業所を選ぶと、その事業所の有効な利用者全員に届きます。", "Part of a name, code or mail address. What goes to an office is for all its enabled users.";
    find: "さがす", "Look";
    found: "見つかった宛先", "Found";
    found_none: "該当する事業所・利用者はありません。", "There is nobody like that.";
    found_more: "ほかにもあります。言葉を足して絞り込んでください。", "There are more: look for more words.";
    codes: "事業所記号を貼り付ける", "Paste office codes";
    codes_help: "空白・改行・読点で区切ります。表計算ソフトの列をそのまま貼り付けられます。", "With blanks, lines or commas between them, as a column of a sheet.";
    next: "次へ：ファイルを選ぶ", "Go on: files";
    change: "宛先を選び直す", "Change the addressees";
    nobody: "宛先を選んでください。", "Choose somebody first.";
    unknown: "登録されていない宛先があります。", "Somebody chosen is not registered.";

    // A new one: what.
    files_title: "新しい送信：ファイル", "A new file";
    what_happens: "送信すると", "What will happen";
    goes_to: "届く宛先", "It goes to";
    people: "受信できる方", "People who can open it";
    offices_unit: "事業所", "offices";
    users_unit: "名（個別）", "single users";
    people_unit: "名", "people";
    needs_consent: "別の職員が承認してから送信されます。", "It is sent when a second person agrees.";
    goes_at_once: "すぐに暗号化され、宛先だけが開けるようになります。", "It is sealed at once; only they can open it.";
    each_file: "ファイルは1つずつ別の送信になります。", "Each file is a dispatch of its own.";
    left_out: "届かない方", "Who will not get it";
    left_out_whole: "事業所全体", "the whole office";
    left_out_more: "ほか", "and further";
    reaches_nobody: "届く宛先がありません。宛先を選び直してください。", "It would reach nobody: change the addressees.";
    file_choose: "ファイル（複数可）", "Files";
    file_help: "ここにファイルを置くか、ボタンで選びます。1つのファイルの上限：", "Put files here, or choose them. Each has at most";
    comment_help: "任意。宛先に表示されます（一行）。", "Optional: a line for the readers.";
    send: "送信する", "Send";
    sent_one: "受け付けました", "taken";
    send_broken: "送れませんでした。回線を確認して、もう一度「送信する」を押してください。同じファイルが二重に送られることはありません。", "It was not sent. Look at the line and press Send again: nothing is sent twice.";
    send_large: "大きすぎます", "too large";
    part_title: "一部のファイルを送信できませんでした", "Some files were not sent";
    part_sent: "送信を受け付けたファイル", "On their way";
    part_not: "送信できなかったファイル", "Not sent";
    part_again: "送信できなかったファイル以降を、もう一度選んで送信してください。", "Choose that file and those after it again.";

    // Why somebody gets nothing.
    why_disabled: "利用者が停止中です", "The user is disabled";
    why_certificate: "電子証明書がありません（初期設定が済んでいません）", "No certificate yet: the PC is not set up";
    why_expired: "電子証明書の期限が切れています", "The certificate has ended";
    why_revoked: "電子証明書が失効しています", "The certificate is revoked";
    why_untrusted: "電子証明書を信頼できません", "The certificate is not trusted";
    why_empty: "有効な利用者がいません", "It has no enabled users";
    why_many: "利用者が多すぎます", "It has too many users";
    why_other: "送信できません", "It cannot be sent";

    // Groups.
    groups_title: "グループ", "Groups of offices";
    groups_help: "まとめて送信する事業所に名前を付けておけます。", "Offices that are sent to together, under a name.";
    groups_none: "グループはまだありません。", "There are no groups yet.";
    group_name: "グループ名", "Name";
    group_add: "追加する", "Add";
    group_add_help: "新しい名前ならグループが作られます。", "A new name makes a new group.";
    group_remove: "選んだ事業所を外す", "Take what is ticked out";
    group_send: "このグループへ送信", "Send to this group";
    group_all: "すべての事業所を入れる", "Put every office in";
}
