//! 監査: who did what.

page_words! {
    Audit:
    help: "職員とシステムが行ったすべての操作の記録です。変更も削除もできません。", "Everything that staff and the gateway did. Nobody can change or delete it.";
    access: "ファイルの閲覧・取り出しだけを見る", "Only who looked at files or took them out";
    none: "該当する記録はありません。", "There are no such entries.";
    none_help: "条件を減らすか、期間を広げてください。", "Ask for less, or for a longer time.";
    impossible: "条件の書き方に誤りがあります。事業所記号と日付を確認してください。", "Something asked for cannot be: look at the office code and the dates.";
    what: "操作", "What";
    what_any: "すべての操作", "Everything";
    who: "操作者", "Who";
    who_help: "ログイン名。システムは gateway", "a login name; gateway for the system";
    office: "事業所記号", "Office code";
    from: "日付（から）", "From";
    until: "日付（まで）", "until";
    subject: "対象の番号", "Id";
    filter: "検索", "Search";
    clear: "条件を消す", "Clear";
    export: "この条件の記録をCSVで保存", "Save these as a CSV file";
    export_help: "保存したことも記録されます。", "That is on record, too.";
    at: "日時", "When";
    origin: "接続元", "From where";
    object: "対象", "About";
    change: "変更", "Change";
    older: "古いものへ", "Older";
    newest: "最新へ戻る", "Back to the newest";
    office_column: "事業所", "Office";
    object_name: "対象の名称", "Its name";
    office_name: "事業所名", "Office name";
    code: "操作コード", "Code";
    before: "変更前", "Before";
    after: "変更後", "After";
    number: "番号", "Number";
}
