//! Somebody else was faster: what whoever comes second reads.

page_words! {
    Late:
    meaning: "先に処理されていたため、あなたの操作は行われていません。表示しているのは現在の状態です。", "It was dealt with before you, so nothing of yours was done. This is how it stands now.";

    // What somebody did: behind the name and the time in Japanese, between them in English.
    accepted: "受け付けました", "accepted it";
    returned: "差し戻しました", "returned it";
    released: "隔離を解除しました", "released it from quarantine";
    disabled: "利用を停止しました", "disabled the user";
    enabled: "有効に戻しました", "enabled the user";
    approved: "送信を承認しました", "agreed that it is sent";
    recalled: "送信を取り消しました", "took it back";
    asked: "承認を依頼しました", "asked for consent";
    agreed: "依頼を承認しました", "agreed to the request";
    refused: "依頼を承認しませんでした", "refused the request";
    withdrawn: "依頼を取り下げました", "took the request back";

    // Of several files.
    title: "先に処理されていたファイル", "Dealt with before you";
    several: "選択したファイルのうち、次のものは先に処理されていたため、変更していません。", "Of what was selected, these were dealt with before you, and are as they were.";
    who: "処理した人と日時", "By whom and when";
    otherwise: "受付できる状態ではありません。", "It cannot be accepted as it stands.";
}
