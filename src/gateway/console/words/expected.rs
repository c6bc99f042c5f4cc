//! 提出予定: what is expected, one period of it, the form.

page_words! {
    Expected:
    help: "決まった時期に届くはずの届出を登録しておくと、まだ届いていない事業所が分かります。", "What employers are to send again and again: here is who has not.";
    none: "提出予定はまだありません。", "Nothing is expected yet.";
    none_help: "「提出予定を追加」から登録します。", "Add something below.";
    name: "名称", "Name";
    whose: "対象", "From";
    everybody: "すべての事業所", "Every office";
    group: "グループ", "group";
    due: "締切", "Due";
    state: "状態", "State";
    sent: "提出済", "Sent";
    missing: "未提出", "Not sent";
    today: "本日締切", "due today";
    over: "終了した期間", "over";

    // One period.
    counted: "数える期間", "Counted";
    part: "ファイル名に含まれる文字", "Part of the file's name";
    period_before: "前の期間", "The period before";
    period_after: "次の期間", "The period after";
    period_now: "現在の期間", "The present period";
    who_is_meant: "締切日までに利用者が登録された事業所を数えます。有効な利用者がまだいない事業所と、利用者が全員退職・異動した事業所は送信できないため、含みません。隔離中のファイルと差戻したファイルは、提出とみなしません。", "Offices that had a user by the due day. Those without an enabled user, or whose users have all left, cannot send and are not counted. What is in quarantine or was returned is not taken for sent.";
    nobody: "対象の事業所がありません。グループの事業所と、利用者の登録を確認してください。", "It is expected from no office: look at the group and at its users.";
    all_sent: "すべての事業所が提出済です。", "Every office has sent it.";
    none_sent: "提出した事業所はまだありません。", "No office has sent it yet.";
    code: "事業所記号", "Office code";
    office: "事業所名", "Office";
    before: "前の期間の提出", "Sent in the period before";
    before_none: "なし", "no";
    files: "受信したファイル", "Files";
    received: "受信日時", "Received";
    file: "ファイル", "File";
    late: "締切後", "late";
    send: "この事業所へ送信", "Send to these offices";
    send_listed: "表示中の事業所へ送信", "Send to the offices listed here";
    export: "CSVで保存", "Save as CSV";
    first: "先頭へ", "From the first";
    more: "続き", "More";

    // Taken away.
    remove: "この提出予定を削除", "Expect this no more";
    remove_will: "この提出予定と提出状況の集計が、すべての職員の画面から消えます。過去の期間の状況も見られなくなります。受信したファイルはそのまま残り、事業所には何も通知されません。", "This and its counts of all periods go, for all staff. The files that came stay, and employers are told nothing.";
    remove_do: "削除する", "Remove";

    // A new one.
    add: "提出予定を追加", "Expect something";
    name_help: "例：算定基礎届", "Such as 算定基礎届";
    part_help: "2文字以上。全角・半角、ひらがな・カタカナは区別しません。例：「算定」なら「令和8年算定基礎届.csv」を数えます。", "Two letters or more. Width, kana and capitals are all the same: 算定 counts 令和8年算定基礎届.csv.";
    every_year: "毎年", "Every year";
    every_month: "毎月", "Every month";
    month: "月", "Month";
    month_unit: "月", "";
    day: "日", "Day";
    due_help: "例：算定基礎届は毎年7月10日、賞与支払届は支払いの多い7月と12月をそれぞれ毎年、月例の報告は毎月10日。毎月の末日は31とします。土日・祝日・組合の休日にあたるときは翌営業日が締切です。", "算定基礎届 every year on 10 July; 賞与支払届 every year in July, and once more in December; monthly reports every month on the 10th. For every month, 31 is its last day. What falls on a day off is due on the next business day.";
    lead: "締切の何日前に届いたファイルから数えるか", "Count files from so many days before";
    lead_help: "空なら毎年は28日前、毎月は14日前から。それより後は、次の回の数え始めまで「締切後」として数えます。", "Empty: 28 days before a yearly due day, 14 before a monthly one. What comes later counts as late until the next time begins.";
    add_do: "追加する", "Add";
    add_help: "追加すると、前の期間から今日までに届いたファイルも数えます。", "What came since the period before is counted as well.";
    name_bad: "名称は60文字以内の一行にしてください。", "One line of 1 to 60 letters.";
    name_known: "同じ名称の提出予定があります。", "There is one of this name already.";
    part_bad: "2文字以上、80文字以内にしてください。", "From 2 to 80 letters.";
    day_bad: "その日付はありません。", "There is no such day.";
    lead_bad: "毎年は1～330、毎月は1～28の数にしてください。", "A number from 1 to 330, or to 28 for every month.";
    done_added: "提出予定を追加しました。", "It is expected from now on.";
    done_added_part: "提出予定を追加しました。該当するファイルが多いため、以前のものは新しい方から一部だけを数えています。", "It is expected from now on. Of the many files that came before only the newest are counted.";
    done_removed: "提出予定を削除しました。", "It is expected no more.";
}
