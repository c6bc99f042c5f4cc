//! 設定: accounts of the staff, tokens of the API, and what is configured elsewhere. For officers.

pub(super) mod account;
pub(super) mod accounts;
pub(super) mod configuration;
pub(super) mod tokens;

use askama::Template;

use super::frame::Frame;
use super::lang::Lang;
use super::words::settings::Settings;
use crate::domain::staff::Role;

/// A secret that is shown this once.
#[derive(Template)]
#[template(path = "console/secret.html")]
struct Secret<'a> {
    f: Frame,
    p: &'static Settings,
    title: &'static str,
    /// What it is for: a login name, or the name of a token.
    name: &'a str,
    shown: &'a str,
    onward: String,
}

/// A part of the settings.
struct Part {
    href: &'static str,
    name: &'static str,
    is_here: bool,
}

fn parts(p: &'static Settings, here: &str) -> Vec<Part> {
    let all = [("/settings", p.accounts), ("/settings/tokens", p.tokens), ("/settings/configuration", p.configuration)];
    all.into_iter().map(|(href, name)| Part { href, name, is_here: href == here }).collect()
}

/// A role to choose.
struct Choice {
    code: &'static str,
    name: &'static str,
    is_chosen: bool,
}

fn roles(chosen: Option<Role>, lang: Lang) -> Vec<Choice> {
    let choice =
        |role: Role| Choice { code: role.code(), name: role_name(role, lang), is_chosen: Some(role) == chosen };
    Role::ALL.into_iter().map(choice).collect()
}

const fn role_name(role: Role, lang: Lang) -> &'static str {
    match lang {
        Lang::Japanese => role.japanese(),
        Lang::English => role.code(),
    }
}
