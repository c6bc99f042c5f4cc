//! 受信: the list, one file, its preview.

page_words! {
    Received:
    // Which files.
    none: "該当するファイルはありません。", "There are no such files.";
    none_new: "未処理のファイルはありません。", "Nothing is left to review.";
    none_help: "条件を減らすか、期間を広げてください。", "Ask for less, or for a longer time.";
    impossible: "条件の書き方に誤りがあります。事業所記号・利用者ID・日付を確認してください。", "Something asked for cannot be: look at the office code, the user id and the dates.";
    cut: "ここまで調べました。続きはまだ調べていません。", "This is as far as was looked. There may be more further back.";
    go_on: "続きを調べる", "Look further";
    search: "ファイル名", "File name";
    search_help: "一部だけでも探せます。全角・半角、ひらがな・カタカナは区別しません。", "Any part of it. Width, kana and capitals are all the same.";
    filter: "検索", "Search";
    more: "詳しい条件", "More";
    office: "事業所記号", "Office code";
    user: "利用者ID", "User id";
    from: "受信日（から）", "Received from";
    until: "受信日（まで）", "until";
    unread_only: "自分が未読のものだけ", "Only what I have not read";
    flagged_only: "注目だけ", "Only flagged ones";
    clear: "条件を消す", "Clear";
    states: "状態で絞り込む", "By state";
    sender_comment: "送信者のコメントあり", "The sender wrote something";
    bundle_ticked: "選択したファイルをZIPで保存", "Save what is selected as a ZIP";

    // One file.
    preview: "プレビュー", "Preview";
    preview_close: "プレビューを閉じる", "Close the preview";
    preview_noted: "プレビューとダウンロードは、だれがいつ見たかの記録に残ります。", "Who previews or downloads is on record.";
    download: "ダウンロード", "Download";
    keys: "a 受付　r 差戻し　p プレビュー　d ダウンロード　f 注目　j・k 次・前のファイル　n 次の新着　u 一覧", "a: accept   r: return   p: preview   d: download   f: flag   j, k: next, previous   n: next new   u: list";

    // In the frame of a preview.
    rows_more: "先頭の行だけを表示しています。", "Only the first rows are shown.";
    columns_more: "右側の列は表示していません。", "Columns further right are not shown.";
    cells_longer: "長いセルは途中まで表示しています（…）。", "Long cells are shown in part (…).";
    text_more: "先頭だけを表示しています。", "Only the beginning is shown.";
    table: "表", "Table";
    text: "テキスト", "Text";
    sheet: "シート", "Sheet";
    sheet_of: "枚のうちの最初のシート", "sheets; this is the first";
    page: "ページ", "Page";
    picture: "画像", "Picture";
    not_shown: "プレビューできません", "There is no preview";
    safe: "内容は安全な形に変換して表示しています。マクロや数式は実行されません。", "Shown as text and pictures made anew. No macro and no formula is run.";
}
