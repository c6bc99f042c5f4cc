//! What `kx-gateway token` and `kx-gateway hook` do.

use std::collections::BTreeSet;

use super::super::args::Json;
use super::super::args::integration::{Hook, Token};
use super::super::print;
use super::{CommandError, show};
use crate::gateway::admin::Admin;

pub(super) async fn token(admin: &Admin, command: Token) -> Result<(), CommandError> {
    match command {
        Token::Add { name, scope, expires, json } => {
            let made = admin.add_token(&name, BTreeSet::from_iter(scope), expires).await?;
            show(json.json, &made, |made| {
                print::token(&made.view)?;
                eprintln!("このトークンは二度と表示されません (this token is not shown again):");
                print::line(&made.token)
            })
        }
        Token::List(Json { json }) => {
            show(json, &admin.tokens().await?, |tokens| tokens.iter().try_for_each(print::token))
        }
        Token::Revoke { name, json } => show(json.json, &admin.revoke_token(&name).await?, print::token),
    }
}

pub(super) async fn hook(admin: &Admin, command: Hook) -> Result<(), CommandError> {
    match command {
        Hook::List { limit, json } => {
            let letters = admin.hook_letters(limit).await?;
            show(json.json, &letters, |letters| letters.iter().try_for_each(print::letter))
        }
        Hook::Retry(Json { json }) => {
            show(json, &admin.retry_hooks().await?, |count| print::line(format!("やり直します (tried again): {count}")))
        }
        Hook::Drop(Json { json }) => {
            show(json, &admin.drop_hooks().await?, |count| print::line(format!("破棄しました (dropped): {count}")))
        }
    }
}
