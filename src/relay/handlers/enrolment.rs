//! `/union/v1/users/{user}/enrolment`, `…/link` and `…/notices`: what makes a person get mail.

use axum::extract::State;
use jiff::{SignedDuration, Timestamp};

use super::users::{check_device, not_found_or_taken};
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
    Json(order): Json<EnrolmentOrder>,
) -> Result<Json<Confirmation>, Problem> {
    let malformed = |detail: &str| Problem::new(Code::RequestMalformed).with_detail(detail);
    order.mail.parse::<MailAddress>().map_err(|error| malformed(&error.to_string()))?;
    if order.kit.is_empty() || order.kit.len() > MOST_KIT {
        return Err(malformed("the kit is empty or too large"));
    }
    let now = app.clock.now();
    let device = certificates::read(std::slice::from_ref(&order.device))?.remove(0);
    check_device(&device, &union, &user, now)?;
    let this = app.clone();
    detached(&app, async move {
        let insurer = &union.insurer;
        let mut transaction = this.database.write().await?;
        if let Some(known) = users::find(&mut *transaction, insurer, &user).await?
            && enrolments::is_known(&mut *transaction, known, order.id).await?
        {
            return Ok(Json(Confirmation { at: now }));
        }
        let seq = users::enrol(&mut transaction, insurer, &user, &order.office, &order.mail, now).await?;
        enrolments::open(&mut transaction, seq, &order, now).await?;
        devices::put_kit(&mut transaction, seq, &device).await.map_err(not_found_or_taken)?;
        logins::set(&mut transaction, seq, &order.login, true).await?;
        mail_link(&this, &mut transaction, seq, order.id, &order.mail, now).await?;
        this.database.commit(transaction).await?;
        this.registry.reload_user(&this.database, insurer, &user).await?;
        this.send_away();
        this.ring_outbox();
        tracing::info!(code = "enrolment.opened", union = %insurer, %user, enrolment = %order.id, "enrolment opened");
        Ok(Json(Confirmation { at: now }))
    })
    .await
}

/// POST `/link`: a new link by mail for the enrolment that is open. The one before can be used no more.
pub async fn link(
    State(app): State<App>,
    UnionCaller(union): UnionCaller,
    PathId(user): PathId<UserId>,
) -> Result<Json<Confirmation>, Problem> {
    let this = app.clone();
    detached(&app, async move {
        let now = this.clock.now();
        let mut transaction = this.database.write().await?;
        let seq = users::find(&mut *transaction, &union.insurer, &user).await?;
        let seq = seq.ok_or_else(|| Problem::new(Code::UserUnknown))?;
        let open = enrolments::open_id(&mut *transaction, seq).await?;
        let mail = users::mail(&mut *transaction, seq).await?;
        let (Some(id), Some(mail)) = (open, mail) else { return Err(Problem::new(Code::EnrolmentUnknown)) };
        mail_link(&this, &mut transaction, seq, id, &mail, now).await?;
        this.database.commit(transaction).await?;
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
    Json(notice): Json<Notice>,
) -> Result<Json<Confirmation>, Problem> {
    let Notice::CertificateExpiry { not_after } = notice;
    let this = app.clone();
    detached(&app, async move {
        let now = this.clock.now();
        let mut transaction = this.database.write().await?;
        let seq = users::find(&mut *transaction, &union.insurer, &user).await?;
        let seq = seq.ok_or_else(|| Problem::new(Code::UserUnknown))?;
        // Who is disabled or was never enrolled has no address here.
        let mail = users::mail(&mut *transaction, seq).await?;
        let mail = mail.ok_or_else(|| Problem::new(Code::EnrolmentUnknown))?;
        if users::notice(&mut transaction, seq, not_after, now).await? {
            let content = Content::Expiry { not_after };
            outbox::put(&mut transaction, seq, &message_id(&this), &mail, &content, now).await?;
        }
        this.database.commit(transaction).await?;
        this.ring_outbox();
        Ok(Json(Confirmation { at: now }))
    })
    .await
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
    outbox::put(connection, user, &message_id(app), mail, &content, now).await?;
    Ok(())
}

fn message_id(app: &App) -> String {
    let mut bytes = [0; 16];
    app.random.fill(&mut bytes);
    hex::encode(bytes)
}
