//! The second factor is set up: a picture for the app, a code to show that it works, recovery codes to keep.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use qrcode::QrCode;
use qrcode::render::svg;
use zeroize::Zeroizing;

use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::fields::Fields;
use super::super::frame::{Frame, home, html};
use super::super::session::Visitor;
use super::super::words::Three;
use super::super::{App, Console};
use super::next;
use crate::secret::{RecoveryCode, TotpSecret};
use crate::store::gateway::{staff_factors, staff_sessions};
use crate::store::sqlite::{Connection, StoreError};

/// Recovery codes that are made.
const CODES: usize = 10;

#[derive(Template)]
#[template(path = "console/factor.html")]
struct Page<'a> {
    f: Frame,
    trouble: Option<&'a Three>,
    next: &'a str,
    /// Another one counts until this one is set up.
    is_another: bool,
    picture: Zeroizing<String>,
    typed: Zeroizing<String>,
}

/// The recovery codes that were just made: they are shown this once.
#[derive(Template)]
#[template(path = "console/recovery.html")]
pub(in super::super) struct Codes<'a> {
    pub(in super::super) f: Frame,
    pub(in super::super) all: &'a [RecoveryCode],
    pub(in super::super) onward: &'a str,
}

/// GET: the same picture until it is done.
pub(in super::super) async fn page(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
) -> Result<Response, Fault> {
    if let Some((secret, _)) = &visitor.session.pending {
        return picture(&asked, &visitor, secret, None, next(&asked.query));
    }
    let database = &app.gateway.receiver.database;
    let mut transaction = database.write().await?;
    let secret = app.propose(&mut transaction, &visitor).await?;
    database.commit(transaction).await?;
    picture(&asked, &visitor, &secret, None, next(&asked.query))
}

impl Console {
    /// Makes a second factor that counts when a code of it is shown in this session.
    pub(in super::super) async fn propose(
        &self,
        connection: &mut Connection,
        visitor: &Visitor,
    ) -> Result<TotpSecret, Fault> {
        let receiver = &self.gateway.receiver;
        let secret = TotpSecret::new(receiver.random.as_ref());
        let now = receiver.clock.now();
        if !staff_sessions::set_pending(connection, visitor.session.number, &secret, now).await? {
            return Err(Fault::session());
        }
        Ok(secret)
    }

    /// Sets the second factor up that this session shows, with new recovery codes, and ends all other sessions. Nothing when there is one.
    pub(in super::super) async fn set_factor(
        &self,
        connection: &mut Connection,
        visitor: &Visitor,
        (secret, step): (&TotpSecret, u64),
    ) -> Result<Option<Vec<RecoveryCode>>, StoreError> {
        let random = self.gateway.receiver.random.as_ref();
        let codes: Vec<RecoveryCode> = (0..CODES).map(|_| RecoveryCode::new(random)).collect();
        let hashes: Vec<_> = codes.iter().map(RecoveryCode::hash).collect();
        if !staff_factors::set(connection, visitor.name(), secret, step, &hashes).await? {
            return Ok(None);
        }
        staff_sessions::end_others(connection, visitor.name(), Some(visitor.session.number)).await?;
        Ok(Some(codes))
    }
}

/// The page with the picture that the app reads.
pub(in super::super) fn picture(
    asked: &Asked,
    visitor: &Visitor,
    secret: &TotpSecret,
    trouble: Option<&Three>,
    next: &str,
) -> Result<Response, Fault> {
    let address = secret.address(visitor.name().as_str());
    let code = QrCode::new(address.as_bytes()).expect("an address of 120 letters fits into a QR code");
    let svg = Zeroizing::new(code.render::<svg::Color<'_>>().min_dimensions(220, 220).build());
    // Inside a page the first line of an XML document has no place.
    let picture = svg.find("<svg").map_or("", |start| &svg[start..]).to_owned().into();
    let is_another = visitor.session.has_factor;
    html(&Page { f: Frame::new(asked, visitor), trouble, next, is_another, picture, typed: secret.typed() })
}

/// POST: the first code.
pub(in super::super) async fn enter(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Extension(form): Extension<Fields>,
) -> Result<Response, Fault> {
    let (secret, _) = visitor.session.pending.clone().ok_or(Fault::input())?;
    let refuse = |status, trouble| {
        let page = picture(&asked, &visitor, &secret, Some(trouble), next(&form))?;
        Ok((status, page).into_response())
    };
    if !app.may_try(Ok(visitor.name()), &asked).await? {
        return refuse(StatusCode::TOO_MANY_REQUESTS, &asked.lang.words().sign_in_wait);
    }
    let receiver = &app.gateway.receiver;
    let Some(step) = secret.step(form.get("code"), receiver.clock.now().as_second().unsigned_abs()) else {
        return refuse(StatusCode::UNAUTHORIZED, &asked.lang.words().code_refused);
    };
    let mut transaction = receiver.database.write().await?;
    // Somebody may be quicker, with the same password.
    let codes = app.set_factor(&mut transaction, &visitor, (&secret, step)).await?.ok_or(Fault::session())?;
    app.note(&mut transaction, visitor.name(), "staff.factor-set", &asked).await?;
    let whole = app.complete(&mut transaction, &visitor, &asked).await?;
    receiver.database.commit(transaction).await?;
    let onward = Some(next(&form)).filter(|next| !next.is_empty()).unwrap_or(home(visitor.session.role));
    Ok(whole.give(html(&Codes { f: Frame::new(&asked, &visitor).of_form(), all: &codes, onward })?))
}
