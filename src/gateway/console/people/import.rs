//! Registration of many from a CSV file: first it is only checked, and every bad line is named.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::super::App;
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::frame::{Frame, html};
use super::super::session::{self, Visitor};
use super::words::Words;
use super::{frame, words};
use crate::gateway::admin::import::Imported;
use crate::gateway::admin::{AdminError, BadLine};
use crate::http::{BodyError, BodyReader};

/// Octets of a file at the console: some 20,000 users, as the page says. More is for the command line.
const LONGEST: usize = 4 << 20;
/// Octets of a larger one that are let pass before it is refused: a browser that is still sending does not read why.
const LET_PASS: u64 = 256 << 20;
/// Bad lines that are shown.
const SHOWN: usize = 200;

#[derive(Template)]
#[template(path = "console/people/import.html")]
struct Page {
    f: Frame,
    p: &'static Words,
}

/// What came of a file: a part of the page.
#[derive(Template)]
#[template(path = "console/people/imported.html")]
struct Outcome {
    p: &'static Words,
    done: Option<Imported>,
    bad: Vec<BadLine>,
    further: usize,
    is_too_large: bool,
}

/// GET `/people/import`.
pub(in super::super) async fn page(
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
) -> Result<Response, Fault> {
    html(&Page { f: frame(&asked, &visitor), p: words(asked.lang) })
}

/// POST `/people/import`: the file is the body. Only checked, unless the address says `do=import`. `kind=offices`: offices alone.
pub(in super::super) async fn import(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    request: Request,
) -> Result<Response, Fault> {
    let p = words(asked.lang);
    let outcome = |done, bad: Vec<BadLine>, is_too_large| {
        let further = bad.len().saturating_sub(SHOWN);
        Outcome { p, done, bad: bad.into_iter().take(SHOWN).collect(), further, is_too_large }
    };
    let too_large = || -> Result<Response, Fault> {
        Ok((StatusCode::PAYLOAD_TOO_LARGE, html(&outcome(None, Vec::new(), true))?).into_response())
    };
    let announced: Option<usize> =
        request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let body = BodyReader::new(request, &app.limits);
    if announced.is_some_and(|length| length > LONGEST) {
        body.drain(LET_PASS).await;
        return too_large();
    }
    let file = match body.collect(LONGEST).await {
        Ok(file) => file,
        Err(BodyError::TooLarge) => return too_large(),
        Err(error) => return Err(error.into()),
    };
    session::still(&app, &visitor).await?;
    let is_dry = asked.query.get("do") != "import";
    let admin = app.admin(visitor.name(), &asked.origin);
    let done = match asked.query.get("kind") {
        "offices" => admin.import_offices(file, is_dry).await,
        _ => admin.import_users(file, is_dry).await,
    };
    match done {
        Ok(done) => html(&outcome(Some(done), Vec::new(), false)),
        Err(AdminError::Import(refused)) => {
            let page = html(&outcome(None, refused.lines, false))?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(error) => Err(error.into()),
    }
}
