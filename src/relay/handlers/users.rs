//! `/union/v1/users`: who of a union's offices may come in.

use axum::extract::State;
use axum::http::StatusCode;

use super::order::{Numbered, Order, not_found_or_taken, refused};
use super::{Window, certificates, detached};
use crate::domain::address::Address;
use crate::domain::ids::UserId;
use crate::http::{Json, PathId, Query};
use crate::message::keys::Certificate;
use crate::pki::{device_owner, owner};
use crate::relay::caller::UnionCaller;
use crate::relay::registry::Union;
use crate::relay::state::App;
use crate::store::relay::deliveries::recipients;
use crate::store::relay::users::{self, Registration};
use crate::wire::Der;
use crate::wire::page::{Cursor, Page, PageQuery};
use crate::wire::problem::Problem;
use crate::wire::union::{Confirmation, DisableUser, User, UserRegistration};

/// GET: the union's users.
pub async fn list(
    State(app): State<App>,
    UnionCaller(union): UnionCaller,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<User>>, Problem> {
    let window = Window::new(query)?;
    let mut connection = app.database.reader().await?;
    let rows = users::page(&mut connection, &union.insurer, window.after, window.rows()).await?;
    let items = rows.into_iter().map(|row| User {
        id: row.id,
        cursor: Cursor(row.seq),
        office: row.office,
        enabled: row.enabled,
        order: row.order,
        certificates: row.certificates,
        devices: row.devices,
        enrolment: row.enrolment,
        pin_locked: row.pin_locked,
        login_locked_until: row.login_locked_until,
        last_login_at: row.last_login_at,
        mail_failed_at: row.mail_failed_at,
    });
    Ok(Json(window.page(items.collect(), |user| user.cursor)))
}

/// PUT `/{user}`: makes a user, or replaces office and certificates. Whether a known user is enabled stays as it is.
pub async fn replace(
    State(app): State<App>,
    UnionCaller(union): UnionCaller,
    PathId(user): PathId<UserId>,
    Numbered(number): Numbered,
    Json(registration): Json<UserRegistration>,
) -> Result<StatusCode, Problem> {
    let mut registration = read(&registration, &union, &user, app.clock.now())?;
    let this = app.clone();
    detached(&app, async move {
        let mut order = Order::begin(&this, &union, &user, number).await?;
        if order.is_repeated() {
            // The password may have been changed since.
            registration.login = None;
        }
        let now = order.now;
        users::put(&mut order.transaction, &union.insurer, &user, &registration, now)
            .await
            .map_err(not_found_or_taken)?;
        order.commit().await?;
        if registration.lets_nobody_in() {
            this.fold_log();
        }
        registered(&union, &user, &registration);
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// Logs a registration that took effect.
pub(super) fn registered(union: &Union, user: &UserId, registration: &Registration) {
    let (count, devices) = (registration.certificates.len(), registration.devices.len());
    let code = "user.registered";
    tracing::info!(code, union = %union.insurer, %user, count, devices, "certificates registered");
}

/// POST `/{user}/disable`: from the answer on, the user is out: no handshake, no request, no running transfer.
pub async fn disable(
    State(app): State<App>,
    UnionCaller(union): UnionCaller,
    PathId(user): PathId<UserId>,
    Numbered(number): Numbered,
    Json(DisableUser { at }): Json<DisableUser>,
) -> Result<Json<Confirmation>, Problem> {
    let this = app.clone();
    detached(&app, async move {
        let mut order = Order::begin(&this, &union, &user, number).await?;
        let now = order.now;
        users::disable(&mut order.transaction, &union.insurer, &user, at, now).await.map_err(not_found_or_taken)?;
        let delete_at = this.config.deliveries.end_of_grace(now);
        let dropped = recipients::drop_user(&mut order.transaction, &union.insurer, &user, now, delete_at).await?;
        order.commit().await?;
        if dropped {
            this.events.ring(&union.insurer);
        }
        this.fold_log();
        tracing::info!(code = "user.disabled", union = %union.insurer, %user, "the union disabled a user");
        Ok(Json(Confirmation { at: now }))
    })
    .await
}

/// POST `/{user}/enable`.
pub async fn enable(
    State(app): State<App>,
    UnionCaller(union): UnionCaller,
    PathId(user): PathId<UserId>,
    Numbered(number): Numbered,
) -> Result<Json<Confirmation>, Problem> {
    let this = app.clone();
    detached(&app, async move {
        let mut order = Order::begin(&this, &union, &user, number).await?;
        let now = order.now;
        users::set_enabled(&mut order.transaction, &union.insurer, &user, None, now)
            .await
            .map_err(not_found_or_taken)?;
        order.commit().await?;
        tracing::info!(code = "user.enabled", union = %union.insurer, %user, "the union enabled a user");
        Ok(Json(Confirmation { at: now }))
    })
    .await
}

/// A registration whose certificates an authority of this union issued to this very user and to the user's PCs.
pub(super) fn read(
    registration: &UserRegistration,
    union: &Union,
    user: &UserId,
    now: jiff::Timestamp,
) -> Result<Registration, Problem> {
    let certificates = certificates::read(&registration.certificates)?;
    for certificate in &certificates {
        if owner(certificate) != Some(Address::User(union.insurer.clone(), user.clone())) {
            return Err(refused("the certificate does not name this user of this union"));
        }
        check_path(certificate, union, now)?;
    }
    let ders: Vec<Der> = registration.devices.iter().map(|device| device.certificate.clone()).collect();
    let devices = certificates::read(&ders)?;
    for certificate in &devices {
        check_device(certificate, union, user, now)?;
    }
    let devices = registration.devices.iter().map(|device| device.pc).zip(devices).collect();
    let (office, login) = (registration.office.clone(), registration.login.clone());
    Ok(Registration { office, certificates, devices, login })
}

/// A certificate that an authority of this union issued to a PC of this very user.
pub(super) fn check_device(
    certificate: &Certificate,
    union: &Union,
    user: &UserId,
    now: jiff::Timestamp,
) -> Result<(), Problem> {
    if device_owner(certificate) != Some((union.insurer.clone(), user.clone())) {
        return Err(refused("the certificate does not name a PC of this user of this union"));
    }
    check_path(certificate, union, now)
}

fn check_path(certificate: &Certificate, union: &Union, now: jiff::Timestamp) -> Result<(), Problem> {
    union.authorities.path(certificate, &[], now).map_err(|untrusted| refused(&untrusted.to_string()))
}
