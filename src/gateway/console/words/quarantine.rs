//! 隔離: what did not pass, why, and what to do about it.

page_words! {
    Quarantine:
    title: "隔離", "Quarantine";
    intro: "検査に合格しなかったファイルです。中身は開かれていません。理由を確認し、差戻し・解除・保管のいずれかを選んでください。", "Files that failed a check. Nobody has opened them. See why; then return, release or keep each.";
    none: "隔離されているファイルはありません。", "Nothing is in quarantine.";
    reason: "隔離の理由", "Why";
    claimed_name: "ファイル（申告）", "File, as claimed";
    claimed_sender: "送信者（申告）", "Sender, as claimed";
    unknown: "不明", "not known";
    list: "隔離の一覧へ戻る", "Back to the quarantine";
    claimed: "次の内容は送信者の申告で、正しいとは限りません。", "What follows is what the message claims. It may not be true.";
    why: "なぜ隔離されたか", "Why it is here";
    expected: "本来の値", "Expected";
    found: "実際の値", "Found";
    next: "次にすること", "What to do next";
    what: "このファイルをどうするか", "What becomes of it";
    hand_back: "差戻しする", "Return it";
    hand_back_help: "送信者に理由が届き、このファイルは「差戻し済」になります。取り消せません。", "The sender is told why, and it counts as returned. This cannot be taken back.";
    hand_back_unknown: "送信者を確認できないため、理由は相手に届きません。記録だけが残ります。取り消せません。", "The sender is not known, so nobody is told: it is only noted. This cannot be taken back.";
    hand_back_reason: "差戻しの理由", "Reason for returning it";
    release: "隔離を解除する（2人で）", "Release it (two persons)";
    release_help: "1人が依頼し、別の職員が承認すると、もう一度検証してから受信に移します。", "One person asks and another one agrees; then it is verified once more and joins what was received.";
    release_reason: "解除する理由（確認した相手・方法など）", "Why it may be released (whom you asked, and how)";
    release_ask: "解除を依頼する", "Ask for its release";
    never: "この理由で隔離されたファイルは解除できません。送信者に再送を依頼してください。", "What is here for this reason can never be released. Have it sent again.";
    asked: "解除が依頼されています。上の依頼を確認してください。", "Its release was asked for: see above.";
    keep: "そのまま保管する", "Keep it";
    keep_help: "操作は不要です。証拠として、このまま隔離に残ります。", "Nothing to do: it stays here as evidence.";
    decided: "処理済みです。", "This was decided.";
}
