//! Everything that is expected, and the form that adds to it.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use jiff::civil::Date;

use super::super::App;
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::frame::{Frame, html};
use super::super::lang::Lang;
use super::super::session::Visitor;
use super::super::text;
use super::form::Draft;
use super::{Tag, Words, frame, rule, whose};
use crate::domain::expectation::{LONGEST_NAME, LONGEST_PART};
use crate::domain::schedule::jst;
use crate::domain::staff::Duty;
use crate::store::gateway::expectations::{Counts, Overview};

#[derive(Template)]
#[template(path = "console/expected/list.html")]
struct Page {
    f: Frame,
    w: &'static Words,
    rows: Vec<Row>,
    can_manage: bool,
    draft: Draft,
    /// To choose from, with which one is.
    groups: Vec<(String, bool)>,
    months: Vec<(i8, bool)>,
    longest_name: usize,
    longest_part: usize,
}

struct Row {
    href: String,
    name: String,
    whose: String,
    rule: String,
    due: String,
    tag: Tag,
    counts: Counts,
}

/// GET `/expected`.
pub(in super::super) async fn page(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
) -> Result<Response, Fault> {
    show(&app, &asked, &visitor, Draft::default()).await
}

/// The page, with what was filled in.
pub(super) async fn show(app: &App, asked: &Asked, visitor: &Visitor, draft: Draft) -> Result<Response, Fault> {
    let (admin, lang) = (app.reading(), asked.lang);
    let today = jst(app.gateway.receiver.clock.now()).date();
    let groups = admin.groups().await?.into_iter().map(|(name, _)| (name == draft.group, name));
    html(&Page {
        f: frame(asked, visitor),
        w: lang.of_pages(),
        rows: admin.expectations().await?.iter().map(|one| row(one, today, lang)).collect(),
        can_manage: visitor.session.role.may(Duty::Manage),
        groups: groups.map(|(is_chosen, name)| (name, is_chosen)).collect(),
        months: (1..=12).map(|month: i8| (month, draft.month == month.to_string())).collect(),
        draft,
        longest_name: LONGEST_NAME,
        longest_part: LONGEST_PART,
    })
}

fn row(one: &Overview, today: Date, lang: Lang) -> Row {
    let expectation = &one.kept.expectation;
    Row {
        href: format!("/expected/{}", one.kept.number),
        name: expectation.name().to_owned(),
        whose: whose(expectation, lang.of_pages()),
        rule: rule(expectation.due(), lang),
        due: text::date(one.period.due, today, lang),
        tag: Tag::of(&one.period, one.counts, today, lang),
        counts: one.counts,
    }
}
