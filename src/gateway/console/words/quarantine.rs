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
    release_command: "ゲートウェイの kx-gateway quarantine release で、2人目の承認者の名前を指定して解除します。", "Release it on the gateway with kx-gateway quarantine release, which asks for a second person.";
    never: "この理由で隔離されたファイルは解除できません。送信者に再送を依頼してください。", "What is here for this reason can never be released. Have it sent again.";
    keep: "そのまま保管する", "Keep it";
    keep_help: "操作は不要です。証拠として、このまま隔離に残ります。", "Nothing to do: it stays here as evidence.";
    decided: "処理済みです。", "This was decided.";
}
