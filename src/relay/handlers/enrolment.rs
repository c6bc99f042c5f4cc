//! `/union/v1/users/{user}/enrolment`, `…/link` and `…/notices`: what makes a person get mail.

use axum::extract::State;
use jiff::{SignedDuration, Timestamp};

use super::order::{Numbered, Order, not_found_or_taken};
use super::users::check_device;
use super::{certificates, detached};
use crate::domain::ids::{EnrolmentId, UserId};
use crate::http::{Json, PathId};
use crate::mail::MailAddress;
use crate::relay::caller::UnionCaller;
use crate::relay::sessions::later;
use crate::relay::state::App;
use crate::secret::Token;
use crate::store::relay::outbox::{self, Content};
use crate::store::relay::{devices, enrolments, logins, users};
use crate::store::sqlite::Connection;
use crate::wire::enrolment::{EnrolmentOrder, Notice};
use crate::wire::problem::{Code, Problem};
use crate::wire::union::Confirmation;

/// A kit is a few certificates and a key.
const MOST_KIT: usize = 256 << 10;

/// PUT `/enrolment`: a new kit and a new link by mail; whatever enrolment there was ends, and the user is enabled. Taken before,
/// it changes nothing.
pub async fn open(
    State(app): State<App>,
    UnionCaller(union): UnionCaller,
    PathId(user): PathId<UserId>,
    Numbered(number): Numbered,
    Json(enrolment): Json<EnrolmentOrder>,
) -> Result<Json<Confirmation>, Problem> {
    let malformed = |detail: &str| Problem::new(Code::RequestMalformed).with_detail(detail);
    enrolment.mail.parse::<MailAddress>().map_err(|error| malformed(&error.to_string()))?;
    if enrolment.kit.is_empty() || enrolment.kit.len() > MOST_KIT {
        return Err(malformed("the kit is empty or too large"));
    }
    let device = certificates::read(std::slice::from_ref(&enrolment.device))?.remove(0);
    check_device(&device, &union, &user, app.clock.now())?;
    let this = app.clone();
    detached(&app, async move {
        let insurer = &union.insurer;
        let mut order = Order::begin(&this, &union, &user, number).await?;
        let (transaction, now) = (&mut order.transaction, order.now);
        if let Some(known) = users::find(&mut **transaction, insurer, &user).await?
            && enrolments::is_known(&mut **transaction, known, enrolment.id).await?
        {
            return Ok(Json(Confirmation { at: now }));
        }
        let seq = users::enrol(transaction, insurer, &user, &enrolment.office, &enrolment.mail, now).await?;
        enrolments::open(transaction, seq, &enrolment, now).await?;
        devices::put_kit(transaction, seq, &device).await.map_err(not_found_or_taken)?;
        logins::set(transaction, seq, &enrolment.login, true).await?;
        mail_link(&this, transaction, seq, enrolment.id, &enrolment.mail, now).await?;
        order.commit().await?;
        this.ring_outbox();
        tracing::info!(code = "enrolment.opened", union = %insurer, %user, enrolment = %enrolment.id, "enrolment opened");
        Ok(Json(Confirmation { at: now }))
    })
    .await
}

/// POST `/link`: a new link by mail for the enrolment that is open. The one before can be used no more.
pub async fn link(
    State(app): State<App>,
    UnionCaller(union): UnionCaller,
    PathId(user): PathId<UserId>,
    Numbered(number): Numbered,
) -> Result<Json<Confirmation>, Problem> {
    let this = app.clone();
    detached(&app, async move {
        let mut order = Order::begin(&this, &union, &user, number).await?;
        let (seq, now) = (order.user().await?, order.now);
        let open = enrolments::open_id(&mut *order.transaction, seq).await?;
        let id = open.ok_or_else(|| Problem::new(Code::EnrolmentUnknown))?;
        let mail = address(&mut order.transaction, seq).await?;
        mail_link(&this, &mut order.transaction, seq, id, &mail, now).await?;
        order.commit().await?;
        this.ring_outbox();
        tracing::info!(code = "enrolment.link-renewed", union = %union.insurer, %user, enrolment = %id, "a new link");
        Ok(Json(Confirmation { at: now }))
    })
    .await
}

/// POST `/notices`: mails the user a notice. The same again within a day is not mailed again.
pub async fn notify(
    State(app): State<App>,
    UnionCaller(union): UnionCaller,
    PathId(user): PathId<UserId>,
    Numbered(number): Numbered,
    Json(notice): Json<Notice>,
) -> Result<Json<Confirmation>, Problem> {
    let Notice::CertificateExpiry { not_after } = notice;
    let this = app.clone();
    detached(&app, async move {
        let mut order = Order::begin(&this, &union, &user, number).await?;
        let (seq, now) = (order.user().await?, order.now);
        let mail = address(&mut order.transaction, seq).await?;
        if users::notice(&mut order.transaction, seq, not_after, now).await? {
            let content = Content::Expiry { not_after };
            outbox::put(&mut order.transaction, seq, &this.new_mail_id(), &mail, &content, now).await?;
        }
        order.commit().await?;
        this.ring_outbox();
        Ok(Json(Confirmation { at: now }))
    })
    .await
}

/// Where mails to a user go. Who is disabled or was never enrolled has no address here.
async fn address(connection: &mut Connection, user: i64) -> Result<String, Problem> {
    users::mail(connection, user).await?.ok_or_else(|| Problem::new(Code::EnrolmentUnknown))
}

/// A new link, and the mail with it.
async fn mail_link(
    app: &App,
    connection: &mut Connection,
    user: i64,
    enrolment: EnrolmentId,
    mail: &str,
    now: Timestamp,
) -> Result<(), Problem> {
    let token = Token::new(app.random.as_ref());
    let hours = SignedDuration::from_hours(app.config.enrolment.link_hours.into());
    enrolments::set_link(connection, user, token.hash(), later(now, hours)).await?;
    let content = Content::Link { enrolment, token: token.as_str().to_owned() };
    outbox::put(connection, user, &app.new_mail_id(), mail, &content, now).await?;
    Ok(())
}
