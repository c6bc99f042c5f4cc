//! What a doctor finds: one check each, for people and for programs.

use std::borrow::Cow;

use serde::Serialize;

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// A stable name.
    pub check: &'static str,
    /// How it went.
    pub result: Health,
    /// What was found, in Japanese.
    pub found: String,
    /// What was found, in English.
    pub found_en: String,
    /// What it means, in Japanese, where that needs saying.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub means: Option<Cow<'static, str>>,
    /// What it means, in English.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub means_en: Option<Cow<'static, str>>,
    /// What to do, in Japanese, where something is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub todo: Option<Cow<'static, str>>,
    /// What to do, in English.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub todo_en: Option<Cow<'static, str>>,
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// As it should be.
    Good,
    /// It works, but not for ever or not everywhere.
    Warning,
    /// It does not work.
    Bad,
    /// Something else has to be done first, or nobody can tell.
    Skipped,
}

impl Finding {
    /// Nothing is wrong.
    pub fn good(check: &'static str, found: impl Into<String>, found_en: impl Into<String>) -> Self {
        Self {
            check,
            result: Health::Good,
            found: found.into(),
            found_en: found_en.into(),
            means: None,
            means_en: None,
            todo: None,
            todo_en: None,
        }
    }

    /// It was not looked at.
    pub fn skipped(check: &'static str, found: &str, found_en: &str) -> Self {
        Self { result: Health::Skipped, ..Self::good(check, found, found_en) }
    }

    /// Adds what it means.
    #[must_use]
    pub fn means(self, japanese: &'static str, english: &'static str) -> Self {
        Self { means: Some(japanese.into()), means_en: Some(english.into()), ..self }
    }

    /// Makes it something to be done.
    #[must_use]
    pub fn todo(
        self,
        result: Health,
        todo: impl Into<Cow<'static, str>>,
        todo_en: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { result, todo: Some(todo.into()), todo_en: Some(todo_en.into()), ..self }
    }

    /// For people, some lines.
    pub fn words(&self) -> String {
        let mark = match self.result {
            Health::Good => "正常/OK     ",
            Health::Warning => "注意/WARNING",
            Health::Bad => "異常/BAD    ",
            Health::Skipped => "省略/SKIPPED",
        };
        let pair = |mark: &str, words: Option<(&Cow<'_, str>, &Cow<'_, str>)>| match words {
            Some((japanese, english)) => {
                format!("             {mark}{japanese}\n             {mark}{english}\n")
            }
            None => String::new(),
        };
        let means = pair("", self.means.as_ref().zip(self.means_en.as_ref()));
        let todo = pair("→ ", self.todo.as_ref().zip(self.todo_en.as_ref()));
        format!("{mark} {}\n             {} ({})\n{means}{todo}", self.found, self.found_en, self.check)
    }
}

/// Whether nothing is bad.
pub fn is_well(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.result != Health::Bad)
}
