//! What is shown of the way to the union's core system.

use jiff::Timestamp;
use serde::Serialize;

use crate::store::gateway::hook_letters::Letter;
use crate::store::gateway::tokens::Token;

/// A token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are named like what they show")]
pub struct TokenView {
    pub name: String,
    pub scopes: Vec<&'static str>,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
}

impl From<&Token> for TokenView {
    fn from(token: &Token) -> Self {
        Self {
            name: token.name.clone(),
            scopes: token.scopes.iter().map(|scope| scope.code()).collect(),
            created_at: token.created_at,
            expires_at: token.expires_at,
            revoked_at: token.revoked_at,
            last_used_at: token.last_used_at,
        }
    }
}

/// A token that was just made, with its text: shown once and kept nowhere.
#[derive(Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are named like what they show")]
pub struct MadeToken {
    #[serde(flatten)]
    pub view: TokenView,
    pub token: String,
}

impl std::fmt::Debug for MadeToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MadeToken({})", self.view.name)
    }
}

/// An event that a program is still to be told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are named like what they show")]
pub struct LetterView {
    pub event: i64,
    pub kind: &'static str,
    pub subject: String,
    pub at: Timestamp,
    /// `command` or `url`.
    pub way: &'static str,
    pub tries: u32,
    /// None when it was given up.
    pub next_try: Option<Timestamp>,
    pub problem: Option<String>,
}

impl From<&Letter> for LetterView {
    fn from(letter: &Letter) -> Self {
        Self {
            event: letter.event.number,
            kind: letter.event.kind.code(),
            subject: letter.event.subject.clone(),
            at: letter.event.at,
            way: letter.way.code(),
            tries: letter.tries,
            next_try: letter.next_try,
            problem: letter.problem.clone(),
        }
    }
}
