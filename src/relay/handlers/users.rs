//! `/union/v1/users`: who of a union's offices may come in.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;

use super::{Window, certificates, detached};
use crate::domain::address::Address;
use crate::domain::ids::UserId;
use crate::http::{Json, PathId, Query};
use crate::message::keys::Certificate;
use crate::pki::{device_owner, owner};
use crate::relay::caller::UnionCaller;
use crate::relay::registry::Union;
use crate::relay::state::App;
use crate::store::relay::users::{self, Registration};
use crate::store::sqlite::StoreError;
use crate::wire::Der;
use crate::wire::page::{Cursor, Page, PageQuery};
use crate::wire::problem::{Code, Problem};
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
        certificates: row.certificates,
        enrolment: row.enrolment,
        pin_locked: row.pin_locked,
        login_locked_until: row.login_locked_until,
        last_login_at: row.last_login_at,
    });
    Ok(Json(window.page(items.collect(), |user| user.cursor)))
}

/// PUT `/{user}`: makes a user, or replaces office and certificates. Whether a known user is enabled stays as it is.
pub async fn replace(
    State(app): State<App>,
    UnionCaller(union): UnionCaller,
    PathId(user): PathId<UserId>,
    Json(registration): Json<UserRegistration>,
) -> Result<StatusCode, Problem> {
    let now = app.clock.now();
    let registration = read(&registration, &union, &user, now)?;
    let this = app.clone();
    detached(&app, async move {
        let mut transaction = this.database.write().await?;
        users::put(&mut transaction, &union.insurer, &user, &registration, now).await.map_err(not_found_or_taken)?;
        this.database.commit(transaction).await?;
        registered(&this, &union, &user, &registration).await?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// What must be so after a registration was committed.
pub(super) async fn registered(
    app: &App,
    union: &Union,
    user: &UserId,
    registration: &Registration,
) -> Result<(), Problem> {
    app.registry.reload_user(&app.database, &union.insurer, user).await?;
    app.send_away();
    let (count, devices) = (registration.certificates.len(), registration.devices.len());
    let code = "user.registered";
    tracing::info!(code, union = %union.insurer, %user, count, devices, "certificates registered");
    Ok(())
}

/// POST `/{user}/disable`: from the answer on, the user is out: no handshake, no request, no running transfer.
pub async fn disable(
    State(app): State<App>,
    UnionCaller(union): UnionCaller,
    PathId(user): PathId<UserId>,
    Json(DisableUser { at }): Json<DisableUser>,
) -> Result<Json<Confirmation>, Problem> {
    detached(&app, set_enabled(app.clone(), union, user, Some(at))).await
}

/// POST `/{user}/enable`.
pub async fn enable(
    State(app): State<App>,
    UnionCaller(union): UnionCaller,
    PathId(user): PathId<UserId>,
) -> Result<Json<Confirmation>, Problem> {
    detached(&app, set_enabled(app.clone(), union, user, None)).await
}

async fn set_enabled(
    app: App,
    union: Arc<Union>,
    user: UserId,
    disabled_at: Option<jiff::Timestamp>,
) -> Result<Json<Confirmation>, Problem> {
    let now = app.clock.now();
    let mut transaction = app.database.write().await?;
    match disabled_at {
        Some(at) => users::disable(&mut transaction, &union.insurer, &user, at, now).await,
        None => users::set_enabled(&mut transaction, &union.insurer, &user, None, now).await,
    }
    .map_err(not_found_or_taken)?;
    app.database.commit(transaction).await?;
    app.registry.reload_user(&app.database, &union.insurer, &user).await?;
    app.send_away();
    let code = if disabled_at.is_some() { "user.disabled" } else { "user.enabled" };
    tracing::info!(code, union = %union.insurer, user = %user, "the union changed a user");
    Ok(Json(Confirmation { at: now }))
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
    Ok(Registration { office: registration.office.clone(), certificates, devices })
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

fn refused(detail: &str) -> Problem {
    Problem::new(Code::CertificateRefused).with_detail(detail)
}

/// A change of a user that did not go.
pub(super) fn not_found_or_taken(error: StoreError) -> Problem {
    match error {
        StoreError::Missing(_) => Problem::new(Code::UserUnknown),
        StoreError::Exists(_) => refused("the certificate is registered for another user or PC"),
        other => other.into(),
    }
}
