//! Every route of the console, with whom it is for.

use std::collections::HashSet;
use std::sync::Arc;

use axum::Router;
use axum::http::Method;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodRouter, get, post};

pub use super::gate::Access;
use super::gate::{Gate, asset, enter, not_allowed, unknown};
use super::people::{act, import, incident, lost, offices, register, rollover};
use super::protect::protect;
use super::quarantine;
use super::received::{decide, decided, list, one, show, take};
use super::schedule::{change, order};
use super::sending;
use super::session::Step;
use super::settings::{account as one_account, accounts, configuration, tokens};
use super::words::settings::Settings;
use super::{App, account, assets, audit, consents, dashboard, expected, live, people, schedule, sign_in};
use crate::domain::staff::Duty;
use crate::http::{Observer, observe};

/// A route.
#[derive(Debug)]
pub struct Route {
    /// The method that it takes.
    pub method: Method,
    /// Its path, with `{id}` where an id stands.
    pub path: &'static str,
    /// Whom it is for.
    pub access: Access,
    /// Whether it takes files, as they come.
    streams: bool,
    /// What is done, where the own password is asked for once more before it.
    asks_again: Option<fn(&Settings) -> &'static str>,
    handler: MethodRouter<App>,
}

fn page(path: &'static str, access: Access, handler: MethodRouter<App>) -> Route {
    Route { method: Method::GET, path, access, streams: false, asks_again: None, handler }
}

fn action(path: &'static str, access: Access, handler: MethodRouter<App>) -> Route {
    Route { method: Method::POST, ..page(path, access, handler) }
}

/// What an officer does with the own password only.
fn guarded(path: &'static str, called: fn(&Settings) -> &'static str, handler: MethodRouter<App>) -> Route {
    Route { asks_again: Some(called), ..action(path, Access::Duty(Duty::Govern), handler) }
}

fn files(path: &'static str, access: Access, handler: MethodRouter<App>) -> Route {
    Route { streams: true, ..action(path, access, handler) }
}

/// All of them.
pub fn routes() -> Vec<Route> {
    use Access::{Open, Staff};
    let [see, review, manage, look_into, govern] = Duty::ALL.map(Access::Duty);
    let [code, password, factor] = [Step::Code, Step::Password, Step::Factor].map(Access::Step);
    let mut all = vec![
        page("/sign-in", Open, get(sign_in::page)),
        action("/sign-in", Open, post(sign_in::enter)),
        page("/sign-in/code", code, get(sign_in::code::page)),
        action("/sign-in/code", code, post(sign_in::code::enter)),
        page("/sign-in/password", password, get(sign_in::password::page)),
        action("/sign-in/password", password, post(sign_in::password::enter)),
        page("/sign-in/factor", factor, get(sign_in::factor::page)),
        action("/sign-in/factor", factor, post(sign_in::factor::enter)),
        action("/sign-out", Open, post(sign_in::leave)),
        page("/account", Staff, get(account::page)),
        action("/account/password", Staff, post(account::password)),
        page("/account/factor", Staff, get(account::factor::page)),
        action("/account/factor", Staff, post(account::factor::begin)),
        action("/account/factor/new", Staff, post(account::factor::finish)),
        action("/account/factor/cancel", Staff, post(account::factor::cancel)),
        action("/account/sessions/{id}/end", Staff, post(account::end)),
        action("/account/sessions/end-others", Staff, post(account::end_others)),
        page("/", see, get(dashboard::page)),
        page("/live", see, get(live::dashboard)),
        page("/consents", see, get(consents::page)),
        action("/consents/{id}/agree", review, post(consents::agree)),
        action("/consents/{id}/refuse", review, post(consents::refuse)),
        action("/consents/{id}/withdraw", review, post(consents::withdraw)),
        page("/people", see, get(people::list::page)),
        page("/people/new", manage, get(register::page)),
        action("/people/new", manage, post(register::register)),
        page("/people/import", manage, get(import::page)),
        action("/people/import", manage, post(import::import)),
        page("/people/rollover", see, get(rollover::page)),
        page("/people/offices", see, get(offices::list)),
        page("/people/offices/{id}", see, get(offices::one)),
        page("/people/new-office", manage, get(offices::new)),
        action("/people/new-office", manage, post(offices::add)),
        page("/people/users/{id}", see, get(people::one::page)),
        page("/people/users/{id}/live", see, get(live::user)),
        action("/people/users/{id}/letter", manage, post(act::letter)),
        action("/people/users/{id}/link", manage, post(act::link)),
        action("/people/users/{id}/pin", manage, post(act::pin)),
        action("/people/users/{id}/device", manage, post(act::device)),
        action("/people/users/{id}/disable", manage, post(act::disable)),
        action("/people/users/{id}/enable", manage, post(act::ask_enable)),
        page("/people/lost", review, get(lost::who)),
        page("/people/users/{id}/lost", manage, get(lost::when)),
        action("/people/users/{id}/lost", manage, post(lost::order)),
        page("/people/users/{id}/incident", see, get(incident::page)),
        page("/people/users/{id}/incident/live", see, get(live::lost_pc)),
        page("/people/users/{id}/incident/report", see, get(incident::report)),
        page("/schedule", see, get(schedule::page)),
        page("/schedule/live", see, get(live::pull)),
        page("/schedule/change", manage, get(change::page)),
        action("/schedule/change", manage, post(change::save)),
        action("/schedule/default", manage, post(change::default)),
        action("/schedule/run", manage, post(order::run)),
        action("/schedule/pause", manage, post(order::pause)),
        action("/schedule/resume", manage, post(order::resume)),
        action("/schedule/holidays", manage, post(order::add_holiday)),
        action("/schedule/holidays/{id}/remove", manage, post(order::remove_holiday)),
        action("/schedule/blackouts", manage, post(order::add_blackout)),
        action("/schedule/blackouts/{id}/remove", manage, post(order::remove_blackout)),
        page("/received", see, get(list::page)),
        action("/received/accept", review, post(decide::accept_all)),
        page("/received/decided", review, get(decided::page)),
        page("/received/{id}", see, get(one::page)),
        action("/received/{id}/accept", review, post(decide::accept)),
        action("/received/{id}/return", review, post(decide::hand_back)),
        action("/received/{id}/flag", review, post(decide::flag)),
        action("/received/{id}/comment", review, post(decide::comment)),
        page("/received/{id}/preview", see, get(show::page)),
        page("/received/{id}/file", review, get(take::file)),
        action("/received/bundle", review, post(take::bundle)),
        page("/quarantine", see, get(quarantine::list::page)),
        page("/quarantine/{id}", see, get(quarantine::one::page)),
        action("/quarantine/{id}/return", review, post(quarantine::decide::hand_back)),
        page("/audit", look_into, get(audit::list::page)),
        action("/audit/export", look_into, post(audit::export::save)),
        page("/settings", govern, get(accounts::page)),
        guarded("/settings/staff", |p| p.add, post(accounts::add)),
        page("/settings/staff/{id}", govern, get(one_account::page)),
        guarded("/settings/staff/{id}/role", |p| p.role_change, post(one_account::role)),
        guarded("/settings/staff/{id}/password", |p| p.password_new, post(one_account::password)),
        guarded("/settings/staff/{id}/factor", |p| p.factor_reset, post(one_account::factor)),
        action("/settings/staff/{id}/sessions", govern, post(one_account::sessions)),
        guarded("/settings/staff/{id}/disable", |p| p.disable, post(one_account::disable)),
        guarded("/settings/staff/{id}/enable", |p| p.enable, post(one_account::enable)),
        page("/settings/tokens", govern, get(tokens::page)),
        guarded("/settings/tokens", |p| p.token_add, post(tokens::add)),
        guarded("/settings/tokens/{id}/revoke", |p| p.token_revoke, post(tokens::revoke)),
        page("/settings/configuration", govern, get(configuration::page)),
        action("/quarantine/{id}/release", review, post(quarantine::decide::release)),
    ];
    all.extend(expectations());
    all.extend(sent());
    all
}

/// Those of 提出予定.
fn expectations() -> Vec<Route> {
    let [see, _, manage, ..] = Duty::ALL.map(Access::Duty);
    vec![
        page("/expected", see, get(expected::list::page)),
        action("/expected", manage, post(expected::act::add)),
        page("/expected/{id}", see, get(expected::one::page)),
        page("/expected/{id}/missing", see, get(expected::missing::save)),
        action("/expected/{id}/remove", manage, post(expected::act::remove)),
    ]
}

/// Those of 送信.
fn sent() -> Vec<Route> {
    let [see, review, ..] = Duty::ALL.map(Access::Duty);
    vec![
        page("/sent", see, get(sending::list::page)),
        page("/sent/new", review, get(sending::choose::page)),
        page("/sent/files", review, get(sending::send::page)),
        files("/sent/files", review, post(sending::send::send)),
        page("/sent/groups", see, get(sending::groups::page)),
        action("/sent/groups", review, post(sending::groups::add)),
        action("/sent/groups/remove", review, post(sending::groups::remove)),
        page("/sent/{id}", see, get(sending::one::page)),
        page("/sent/{id}/live", see, get(live::sent)),
        action("/sent/{id}/approve", review, post(sending::act::approve)),
        action("/sent/{id}/recall", review, post(sending::act::recall)),
        action("/sent/{id}/remind", review, post(sending::act::remind)),
    ]
}

/// A router of these routes, with pages where there is none.
pub(super) fn router(app: &App, observer: Observer) -> Router {
    let all = routes();
    let pages: HashSet<&str> = all.iter().filter(|route| route.method == Method::GET).map(|route| route.path).collect();
    let gated = |route: Route| {
        let gate = Gate {
            app: Arc::clone(app),
            access: route.access,
            streams: route.streams,
            asks_again: route.asks_again,
            page: page_of(route.path, &pages),
        };
        (route.path, route.handler.route_layer(from_fn_with_state(gate, enter)))
    };
    all.into_iter()
        .map(gated)
        .fold(Router::new(), |all, (path, handler)| all.route(path, handler))
        .route(assets::ROUTE, get(asset))
        .route("/healthz", get(|| async { "alive\n" }))
        .fallback(unknown)
        .method_not_allowed_fallback(not_allowed)
        .layer(from_fn(protect))
        .layer(from_fn_with_state(observer, observe))
        .with_state(Arc::clone(app))
}

/// How many parts of a path are those of the page that it belongs to: the longest beginning of it that is a page.
fn page_of(path: &str, pages: &HashSet<&str>) -> usize {
    let ends = path.match_indices('/').map(|(end, _)| &path[..end]).chain([path]);
    ends.rev().find(|part| pages.contains(part)).map_or(0, |part| part.matches('/').count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_signs_in_anew_comes_back_to_the_page_that_a_form_was_on() {
        let pages = HashSet::from(["/", "/received", "/received/{id}", "/sent/files", "/schedule"]);
        for (path, parts) in [
            ("/received/{id}/return", 2),
            ("/received/accept", 1),
            ("/sent/files", 2),
            ("/schedule/holidays/{id}/remove", 1),
            ("/sign-out", 0),
        ] {
            assert_eq!(page_of(path, &pages), parts, "{path}");
        }
    }
}
