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

use super::super::App;
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::fields::Fields;
use super::super::frame::{Frame, home, html};
use super::super::session::Visitor;
use super::super::words::Three;
use super::next;
use crate::secret::{RecoveryCode, TotpSecret};
use crate::store::gateway::{staff_factors, staff_sessions};
use crate::store::sqlite::StoreError;

/// Recovery codes that are made.
const CODES: usize = 10;

#[derive(Template)]
#[template(path = "console/factor.html")]
struct Page<'a> {
    f: Frame,
    trouble: Option<&'a Three>,
    next: &'a str,
    picture: Zeroizing<String>,
    typed: Zeroizing<String>,
}

#[derive(Template)]
#[template(path = "console/recovery.html")]
struct Codes<'a> {
    f: Frame,
    all: &'a [RecoveryCode],
    onward: &'a str,
}

/// GET: the same picture until it is done.
pub(in super::super) async fn page(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
) -> Result<Response, Fault> {
    let secret = match visitor.session.pending.clone() {
        Some(pending) => pending,
        None => begin(&app, &visitor).await?,
    };
    html(&shown(&asked, &visitor, &secret, None, next(&asked.query)))
}

async fn begin(app: &App, visitor: &Visitor) -> Result<TotpSecret, StoreError> {
    let receiver = &app.gateway.receiver;
    let secret = TotpSecret::new(receiver.random.as_ref());
    let mut transaction = receiver.database.write().await?;
    staff_sessions::set_pending(&mut transaction, visitor.session.number, &secret).await?;
    receiver.database.commit(transaction).await?;
    Ok(secret)
}

fn shown<'a>(
    asked: &Asked,
    visitor: &Visitor,
    secret: &TotpSecret,
    trouble: Option<&'a Three>,
    next: &'a str,
) -> Page<'a> {
    let address = secret.address(visitor.name().as_str());
    let code = QrCode::new(address.as_bytes()).expect("an address of 120 letters fits into a QR code");
    let svg = Zeroizing::new(code.render::<svg::Color<'_>>().min_dimensions(220, 220).build());
    // Inside a page the first line of an XML document has no place.
    let picture = svg.find("<svg").map_or("", |start| &svg[start..]).to_owned().into();
    Page { f: Frame::new(asked, visitor), trouble, next, picture, typed: secret.typed() }
}

/// POST: the first code.
pub(in super::super) async fn enter(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Extension(form): Extension<Fields>,
) -> Result<Response, Fault> {
    let secret = visitor.session.pending.clone().ok_or(Fault::input())?;
    let refuse = |status, trouble| {
        let page = shown(&asked, &visitor, &secret, Some(trouble), next(&form));
        Ok((status, html(&page)?).into_response())
    };
    if !app.may_try(Ok(visitor.name()), &asked).await? {
        return refuse(StatusCode::TOO_MANY_REQUESTS, &asked.lang.words().sign_in_wait);
    }
    let receiver = &app.gateway.receiver;
    let Some(step) = secret.step(form.get("code"), receiver.clock.now().as_second().unsigned_abs()) else {
        return refuse(StatusCode::UNAUTHORIZED, &asked.lang.words().code_refused);
    };
    let codes: Vec<RecoveryCode> = (0..CODES).map(|_| RecoveryCode::new(receiver.random.as_ref())).collect();
    let hashes: Vec<_> = codes.iter().map(RecoveryCode::hash).collect();
    let mut transaction = receiver.database.write().await?;
    if !staff_factors::set(&mut transaction, visitor.name(), &secret, step, &hashes).await? {
        // Somebody was quicker, with the same password.
        return Err(Fault::session());
    }
    staff_sessions::end_others(&mut transaction, visitor.name(), Some(visitor.session.number)).await?;
    app.note(&mut transaction, visitor.name(), "staff.factor-set", &asked).await?;
    let whole = app.complete(&mut transaction, &visitor, &asked).await?;
    receiver.database.commit(transaction).await?;
    let onward = Some(next(&form)).filter(|next| !next.is_empty()).unwrap_or(home(visitor.session.role));
    Ok(whole.give(html(&Codes { f: Frame::new(&asked, &visitor), all: &codes, onward })?))
}
