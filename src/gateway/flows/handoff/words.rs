//! Why a file was not sent, for people.

use crate::gateway::flows::send::SendError;

/// A code, and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reason {
    pub(super) code: String,
    words: String,
}

impl Reason {
    /// By its code.
    pub(super) fn of(code: &str) -> Self {
        let words = match code {
            "office.unknown" => {
                "フォルダー名の事業所記号は登録されていません (no office has the code that the folder is named by)"
            }
            "office.empty" => "この事業所には有効な利用者がいません (the office has no enabled user to send to)",
            "file-name.refused" => {
                "このファイル名は使えません。名前を変えてもう一度置いてください (the file name cannot be sent: rename it and put it there again)"
            }
            "file.special" => {
                "通常のファイルではありません (not an ordinary file: a link, a pipe, one with special rights or with a second name)"
            }
            "file.unreadable" => "ファイルを読む権限がありません (this program may not read the file)",
            _ => "この事業所には現在送信できません (nothing can be sent to this office now)",
        };
        Self { code: code.to_owned(), words: words.to_owned() }
    }

    /// What the file that stands beside it says.
    pub(super) fn text(&self) -> String {
        format!("送信できませんでした (not sent): {}\n{}\n", self.code, self.words)
    }
}

impl From<&SendError> for Reason {
    fn from(error: &SendError) -> Self {
        match error {
            SendError::UnknownOffice(_) => Self::of("office.unknown"),
            other => Self { code: other.code().to_owned(), words: other.to_string() },
        }
    }
}
