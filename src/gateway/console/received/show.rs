//! The inside of a file, in a frame of its own that may do nothing at all.

use std::sync::{Arc, LazyLock};

use askama::Template;
use axum::Extension;
use axum::extract::State as Shared;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::App;
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::frame::html;
use super::super::id::Id;
use super::super::lang::Lang;
use super::super::session::Visitor;
use super::super::words::received::Received as Said;
use crate::domain::ids::MessageId;
use crate::gateway::preview::{Painted, Preview, Source, Table};
use crate::secret::Token;

/// What the frame looks like. It stands in the page itself, since a frame without an origin may fetch nothing.
const STYLE: &str = include_str!("../../../../assets/console/preview.css");

/// No script, no request, no form, no origin of its own: what stands in the page, its one style, and pictures that are part of it.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = STANDARD.encode(Token::hash_of(STYLE).as_bytes());
    format!(
        "default-src 'none'; img-src data:; style-src 'sha256-{hash}'; form-action 'none'; base-uri 'none'; \
         frame-ancestors 'self'; sandbox"
    )
});

#[derive(Template)]
#[template(path = "console/preview.html")]
struct Page {
    lang: Lang,
    w: &'static Said,
    style: &'static str,
    shown: Shown,
}

/// A preview, ready to be written.
enum Shown {
    Table { table: Table, what: String },
    Text { text: String, what: String, has_more: bool },
    Pages { pages: Vec<Picture>, what: String },
    Nothing(Vec<String>),
}

struct Picture {
    name: String,
    width: u32,
    height: u32,
    png: String,
}

/// GET `/received/{id}/preview`. What cannot be shown is said in the frame.
pub(in super::super) async fn page(
    Shared(app): Shared<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
    Id(id): Id<MessageId>,
) -> Result<Response, Fault> {
    let (lang, w): (_, &Said) = (asked.lang, asked.lang.of_pages());
    let (status, shown) = match app.admin(visitor.name(), &asked.origin).preview(id, &app.previewer).await {
        Ok(preview) => (StatusCode::OK, shown(preview, lang)),
        Err(error) => {
            let fault = Fault::from(error);
            let said = fault.say(lang.words()).map(str::to_owned).to_vec();
            (fault.status, Shown::Nothing(said))
        }
    };
    let mut response = html(&Page { lang, w, style: STYLE, shown })?;
    *response.status_mut() = status;
    let policy = HeaderValue::from_str(&POLICY).expect("the policy is ASCII");
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

fn shown(preview: Preview, lang: Lang) -> Shown {
    let w: &Said = lang.of_pages();
    match preview {
        Preview::Table(table) => {
            let what = match &table.source {
                Source::Delimited(encoding) => format!("{}（{}）", w.table, encoding.name()),
                Source::Sheet { name, of: 0 | 1 } => format!("{}「{name}」", w.sheet),
                Source::Sheet { name, of } => format!("{}「{name}」（{of} {}）", w.sheet, w.sheet_of),
            };
            Shown::Table { table, what }
        }
        Preview::Text(text) => Shown::Text {
            what: format!("{}（{}）", w.text, text.encoding.name()),
            has_more: text.has_more,
            text: text.text,
        },
        Preview::Pages(found) => {
            let name = |number: usize| match found.of {
                Painted::Picture => w.picture.to_owned(),
                Painted::Pdf => format!("{} {number}", w.page),
            };
            let what = match found.of {
                Painted::Picture => w.picture.to_owned(),
                Painted::Pdf => format!("PDF（{} {}/{}）", w.page, found.pages.len(), found.total),
            };
            let pages = (1..).zip(&found.pages).map(|(number, page)| Picture {
                name: name(number),
                width: page.width,
                height: page.height,
                png: STANDARD.encode(&page.png),
            });
            Shown::Pages { pages: pages.collect(), what }
        }
        Preview::Refused(refusal) => {
            let (japanese, english) = refusal.words();
            let said = if lang == Lang::Japanese { japanese } else { english };
            Shown::Nothing(vec![w.not_shown.to_owned(), said.to_owned()])
        }
    }
}
