//! One user: how far, with what, and what staff can do. It changes while somebody looks: an enrolment comes in by itself.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;

use super::super::asked::Asked;
use super::super::consents::{self, Open};
use super::super::fault::Fault;
use super::super::frame::{Frame, html};
use super::super::id::Id;
use super::super::lang::Lang;
use super::super::late::{Late, Thing};
use super::super::session::Visitor;
use super::super::{App, text};
use super::words::Words;
use super::{Person, Stage, frame, words};
use crate::domain::ids::{OfficeCode, UserId};
use crate::domain::staff::Duty;
use crate::domain::two_persons::Matter;
use crate::gateway::admin::two_persons::LONGEST_REASON;
use crate::gateway::view::users::{CertificateView, OrderView, RelayView, UserView};
use crate::store::gateway::{audit, certificates, offices, orders, requests};

/// Orders and entries of the history that are shown.
const HISTORY: u32 = 20;

#[derive(Template)]
#[template(path = "console/people/one.html")]
struct Page {
    f: Frame,
    p: &'static Words,
    now: Now,
    live: String,
    late: Option<Late>,
    consent: Option<Open>,
}

/// What changes while somebody looks.
#[derive(Template)]
#[expect(clippy::struct_excessive_bools, reason = "each is one part of the page that is there or not")]
#[template(path = "console/people/one-now.html")]
pub(in super::super) struct Now {
    p: &'static Words,
    csrf: String,
    person: Person,
    office_name: String,
    facts: Vec<(&'static str, String)>,
    steps: Vec<Step>,
    is_mail_refused: bool,
    /// PCs that wait for approval.
    waiting: usize,
    certificates: Vec<Certificate>,
    orders: Vec<Order>,
    history: Vec<Entry>,
    can_manage: bool,
    /// Whoever looks may be the one whom the person calls.
    can_report: bool,
    /// Somebody has asked for the consent of a second person already.
    is_asked: bool,
    longest_reason: usize,
}

/// A step on the way from the registration to the first login.
struct Step {
    name: &'static str,
    at: Option<String>,
    note: &'static str,
}

struct Certificate {
    purpose: &'static str,
    ends: String,
    state: &'static str,
    tone: &'static str,
    fingerprint: String,
}

struct Order {
    what: &'static str,
    requested: String,
    confirmed: Option<String>,
    problem: String,
}

struct Entry {
    what: String,
    who: String,
    at: String,
}

/// GET `/people/users/{id}`.
pub(in super::super) async fn page(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Id(id): Id<UserId>,
) -> Result<Response, Fault> {
    let now = now(&app, &id, &visitor, asked.lang, None).await?;
    let consent = consents::about(&app, (Matter::EnableUser, id.as_str()), &asked, &visitor).await?;
    html(&Page {
        f: frame(&asked, &visitor),
        p: words(asked.lang),
        now,
        live: format!("/people/users/{id}/live"),
        late: Thing::User(&id).late_as_asked(&app, &asked).await?,
        consent,
    })
}

/// The user as it is now, for whoever looks. `relay`: what the relay said last.
pub(in super::super) async fn now(
    app: &App,
    id: &UserId,
    visitor: &Visitor,
    lang: Lang,
    relay: Option<&RelayView>,
) -> Result<Now, Fault> {
    let (p, now) = (words(lang), app.gateway.receiver.clock.now());
    let user = app.reading().user(id).await?;
    let mut reader = app.gateway.receiver.database.reader().await?;
    let code: Option<OfficeCode> = user.office.parse().ok();
    let office = match &code {
        Some(code) => offices::find(&mut *reader, code).await?,
        None => None,
    };
    let waiting = requests::waiting(&mut *reader, id).await?.len();
    let held = certificates::of_user(&mut *reader, id).await?;
    let told = orders::of_user(&mut *reader, id, HISTORY).await?;
    let history = audit::of_subject(&mut *reader, id.as_str(), HISTORY).await?;
    drop(reader);
    let asked = app.reading().asked_about(Matter::EnableUser, id.as_str()).await?;
    let person = Person::of(&user, p);
    Ok(Now {
        p,
        csrf: visitor.csrf.clone(),
        office_name: office.map(|office| office.name.as_str().to_owned()).unwrap_or_default(),
        facts: facts(&user, relay, now, lang),
        steps: steps(&user, relay, now, lang),
        is_mail_refused: user.mail_failed_at.is_some(),
        waiting,
        certificates: held.iter().map(|one| certificate(&one.into(), now, lang)).collect(),
        orders: told.iter().map(|one| order(&one.into(), now, lang)).collect(),
        history: history
            .into_iter()
            .map(|one| Entry {
                what: p.action(&one.action).map_or(one.action, str::to_owned),
                who: text::who(&one.actor).to_owned(),
                at: text::short(one.at, now, lang),
            })
            .collect(),
        can_manage: visitor.session.role.may(Duty::Manage),
        can_report: visitor.session.role.may(Duty::Review),
        is_asked: asked.is_some(),
        longest_reason: LONGEST_REASON,
        person,
    })
}

fn facts(user: &UserView, relay: Option<&RelayView>, now: Timestamp, lang: Lang) -> Vec<(&'static str, String)> {
    let p = words(lang);
    let at = |at: Timestamp| text::full(at, lang);
    let mut facts =
        vec![(p.mail, user.mail.clone().unwrap_or_default()), (p.device, user.device.clone().unwrap_or_default())];
    facts.push((p.user_id, user.id.clone()));
    if let Some(ends) = user.certificate_ends_at {
        let left = text::long(ends.duration_since(now), lang);
        facts.push((p.certificate_ends, format!("{}（{}{left}）", at(ends), p.left)));
    }
    if let Some(login) = relay.and_then(|relay| relay.last_login_at) {
        facts.push((p.last_login, at(login)));
    }
    if relay.is_some_and(|relay| relay.pin_locked) {
        facts.push((p.pin, p.pin_locked.to_owned()));
    }
    if let Some(disabled) = user.disabled_at {
        let reason = user.disabled_reason.map_or("", |reason| p.reason(reason));
        facts.push((p.disabled_at, format!("{}（{reason}）", at(disabled))));
    }
    if let Some(lost) = user.lost_at {
        facts.push((p.lost_at, at(lost)));
    }
    facts.retain(|(_, value)| !value.is_empty());
    facts
}

/// From the registration to the first login. Nothing for those who bring their certificates.
fn steps(user: &UserView, relay: Option<&RelayView>, now: Timestamp, lang: Lang) -> Vec<Step> {
    let p = words(lang);
    let stage = Stage::of(user);
    if matches!(stage, Stage::Disabled | Stage::Enabled) {
        return Vec::new();
    }
    let at = |at: Timestamp| text::short(at, now, lang);
    let open = relay.and_then(|relay| relay.enrolment.as_ref());
    let is_in = matches!(stage, Stage::Enrolled | Stage::Waiting);
    let known = |is_done: bool| is_done.then(|| p.step_done.to_owned());
    let problem = open.is_some_and(|open| open.mail_problem.is_some());
    let mailed = open.and_then(|open| open.mailed_at).map(at);
    let downloaded = open.and_then(|open| open.downloaded_at).map(at);
    let logged_in = relay.and_then(|relay| relay.last_login_at).filter(|_| is_in);
    let is_locked = stage == Stage::Locked;
    vec![
        Step { name: p.step_registered, at: Some(at(user.created_at)), note: "" },
        Step { name: p.step_letter, at: user.enrolment.as_ref().map(|one| at(one.made_at)), note: "" },
        Step { name: p.step_mailed, at: mailed.or(known(is_in)), note: if problem { p.mail_refused } else { "" } },
        Step { name: p.step_downloaded, at: downloaded.or(known(is_in)), note: "" },
        Step { name: p.step_issued, at: known(is_in), note: if is_locked { p.step_locked } else { "" } },
        Step { name: p.step_login, at: logged_in.map(at), note: "" },
    ]
}

fn certificate(one: &CertificateView, now: Timestamp, lang: Lang) -> Certificate {
    let p = words(lang);
    let purpose = match one.purpose {
        "signing" => p.purpose_signing,
        "encryption" => p.purpose_encryption,
        _ => p.purpose_device,
    };
    let (state, tone) = match one.revoked_at {
        Some(_) => (p.certificate_revoked, "bad"),
        None if one.not_after <= now => (p.certificate_over, "warn"),
        None => (p.certificate_counts, "good"),
    };
    Certificate { purpose, ends: text::full(one.not_after, lang), state, tone, fingerprint: one.fingerprint.clone() }
}

fn order(one: &OrderView, now: Timestamp, lang: Lang) -> Order {
    let p = words(lang);
    let what = match one.kind {
        "register" => p.order_register,
        "disable" => p.order_disable,
        "enable" => p.order_enable,
        "enrol" => p.order_enrol,
        "answer" | "issue" => p.order_answer,
        "link" => p.order_link,
        "notice" => p.order_notice,
        _ => p.order_other,
    };
    Order {
        what,
        requested: text::short(one.requested_at, now, lang),
        confirmed: one.confirmed_at.map(|at| text::short(at, now, lang)),
        problem: one.problem.clone().unwrap_or_default(),
    }
}
