//! Tokens of the API: made, listed, ended.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Admin, AdminError};
use crate::gateway::api::authorize::AccessKey;
use crate::gateway::flows::upload::REMEMBERED;
use crate::gateway::view::integration::{MadeToken, TokenView};
use crate::store::gateway::api_uploads;
use crate::store::gateway::tokens::{self, NewToken, Scope};
use crate::wire::problem::Code;

impl Admin {
    /// Makes a token. Its text is told this once.
    pub async fn add_token(
        &self,
        name: &str,
        scopes: BTreeSet<Scope>,
        expires_at: Option<Timestamp>,
    ) -> Result<MadeToken, AdminError> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte);
        if !(1..=64).contains(&name.len()) || !name.bytes().all(plain) {
            return Err(AdminError::TokenName);
        }
        let now = self.now();
        if let Some(end) = expires_at.filter(|end| *end <= now) {
            return Err(AdminError::TokenExpired(end));
        }
        let receiver = &self.gateway.receiver;
        let key = AccessKey::new(receiver.random.as_ref());
        let (public, hash) = key.kept();
        let new = NewToken { name: name.to_owned(), key: public, hash, scopes, expires_at };
        let mut transaction = receiver.database.write().await?;
        tokens::insert(&mut transaction, &new, now).await?;
        let codes: Vec<&str> = new.scopes.iter().map(|scope| scope.code()).collect();
        self.log(&mut transaction, "token.added", &tokens::actor(name), "", &codes.join(" ")).await?;
        receiver.database.commit(transaction).await?;
        let view = TokenView {
            name: new.name,
            scopes: codes,
            created_at: now,
            expires_at,
            revoked_at: None,
            last_used_at: None,
        };
        Ok(MadeToken { view, token: key.text() })
    }

    /// Every token, in the order in which they were made.
    pub async fn tokens(&self) -> Result<Vec<TokenView>, AdminError> {
        Ok(tokens::list(self.gateway.receiver.database.read()).await?.iter().map(Into::into).collect())
    }

    /// Ends a token at once: requests that are under way are cut off, and what was uploaded with it and is not taken yet is not sent.
    pub async fn revoke_token(&self, name: &str) -> Result<TokenView, AdminError> {
        let database = &self.gateway.receiver.database;
        let mut transaction = database.write().await?;
        if tokens::revoke(&mut transaction, name, self.now()).await? {
            let until = self.now().checked_add(REMEMBERED).unwrap_or(Timestamp::MAX);
            api_uploads::end_all_of(&mut transaction, name, Code::TokenRefused.as_str(), until).await?;
            self.log(&mut transaction, "token.revoked", &tokens::actor(name), "valid", "revoked").await?;
        }
        database.commit(transaction).await?;
        let found = self.tokens().await?.into_iter().find(|token| token.name == name);
        found.ok_or_else(|| crate::store::sqlite::StoreError::Missing("token").into())
    }
}
