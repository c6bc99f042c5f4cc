//! What is configured in the gateway's file, to be read here and changed there; and the union's certificates.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};

use super::super::App;
use super::super::asked::Asked;
use super::super::fault::Fault;
use super::super::frame::{Frame, html};
use super::super::lang::Lang;
use super::super::session::Visitor;
use super::super::text;
use super::super::words::settings::Settings;
use super::{Part, parts};
use crate::gateway::admin::keys::OwnCertificate;
use crate::gateway::config::GatewaySettings;
use crate::message::keys;

/// A certificate that ends so soon is pointed out.
const SOON: SignedDuration = SignedDuration::from_hours(24 * 60);

#[derive(Template)]
#[template(path = "console/configuration.html")]
struct Page {
    f: Frame,
    p: &'static Settings,
    parts: Vec<Part>,
    file: String,
    groups: Vec<Group>,
    certificates: Vec<Certificate>,
}

struct Group {
    title: &'static str,
    lines: Vec<Line>,
}

/// What it is, how it stands, and which key of the file says so.
struct Line {
    name: &'static str,
    value: String,
    key: &'static str,
}

struct Certificate {
    purpose: &'static str,
    /// Whose it is, where that is not the union itself.
    subject: String,
    state: &'static str,
    tone: &'static str,
    from: String,
    until: String,
    left: String,
    ends_soon: bool,
    fingerprint: String,
}

/// GET `/settings/configuration`.
pub(in super::super) async fn page(
    State(app): State<App>,
    Extension(asked): Extension<Asked>,
    Extension(visitor): Extension<Arc<Visitor>>,
) -> Result<Response, Fault> {
    let (lang, p) = (asked.lang, asked.lang.of_pages::<Settings>());
    let now = app.gateway.receiver.clock.now();
    let settings = &app.gateway.settings;
    let own = app.admin(visitor.name(), &asked.origin).own_certificates().await?;
    let ca = authority(&app.gateway.receiver.keys.current().ca, settings, now, p, lang);
    html(&Page {
        f: Frame::new(&asked, &visitor),
        p,
        parts: parts(p, "/settings/configuration"),
        file: settings.file.as_deref().map(|file| file.display().to_string()).unwrap_or_default(),
        groups: groups(settings, p, lang),
        certificates: own.iter().map(|one| certificate(one, now, p, lang)).chain([ca]).collect(),
    })
}

fn groups(settings: &GatewaySettings, p: &'static Settings, lang: Lang) -> Vec<Group> {
    let line = |name, value: String, key| Line { name, value, key };
    let switch = |on: bool| if on { p.on } else { p.off }.to_owned();
    let kept = format!("{}{}", settings.storage.keep_records_days, p.days);
    let approval = if settings.send.approval { p.yes } else { p.no };
    let addresses = settings.notices.staff.len().to_string();
    vec![
        Group {
            title: p.retention,
            lines: vec![
                line(p.retention_archive, p.retention_forever.to_owned(), ""),
                line(p.retention_records, kept, "storage.keep_records_days"),
                line(p.reserve, text::size(settings.storage.reserve_bytes), "storage.reserve_bytes"),
                line(p.backup, p.backup_how.to_owned(), ""),
            ],
        },
        Group {
            title: p.sign_in_part,
            lines: vec![
                line(p.idle, text::long(settings.console.idle(), lang), "console.idle_minutes"),
                line(p.longest, text::long(settings.console.longest(), lang), "console.session_hours"),
            ],
        },
        Group {
            title: p.sending,
            lines: vec![
                line(p.approval, approval.to_owned(), "send.approval"),
                line(p.largest, text::size(settings.send.max_file_bytes), "send.max_file_bytes"),
            ],
        },
        Group {
            title: p.notices,
            lines: vec![
                line(p.notices_to, addresses, "notices.staff"),
                line(p.notices_window, text::long(settings.notices.window(), lang), "notices.window_seconds"),
            ],
        },
        Group {
            title: p.handoff,
            lines: vec![
                line(p.handoff, switch(settings.handoff.folder().is_some()), "handoff.folder"),
                line(p.hooks, switch(settings.hooks.is_on()), "hooks.command"),
                line(p.api, switch(settings.api.listen().is_some()), "api.listen"),
                line(p.scan, switch(settings.scan.place().is_some()), "scan.clamd"),
            ],
        },
    ]
}

fn certificate(own: &OwnCertificate, now: Timestamp, p: &'static Settings, lang: Lang) -> Certificate {
    let (state, tone) = match (own.revoked_at, own.in_use) {
        (Some(_), _) => (p.certificate_revoked, "bad"),
        (None, true) => (p.certificate_use, "good"),
        (None, false) => (p.certificate_old, ""),
    };
    let left = own.not_after.duration_since(now);
    Certificate {
        purpose: if own.purpose == "signing" { p.certificate_signing } else { p.certificate_encryption },
        subject: String::new(),
        state,
        tone,
        from: text::full(own.not_before, lang),
        until: text::full(own.not_after, lang),
        left: text::long(left, lang),
        ends_soon: own.in_use && left < SOON,
        fingerprint: own.fingerprint.clone(),
    }
}

/// That of the union's CA, which must not end before what it issues now.
fn authority(
    ca: &keys::Certificate,
    settings: &GatewaySettings,
    now: Timestamp,
    p: &'static Settings,
    lang: Lang,
) -> Certificate {
    let left = ca.not_after().duration_since(now);
    Certificate {
        purpose: p.certificate_authority,
        subject: ca.common_name().unwrap_or_default(),
        state: p.certificate_use,
        tone: "good",
        from: text::full(ca.not_before(), lang),
        until: text::full(ca.not_after(), lang),
        left: text::long(left, lang),
        ends_soon: left < settings.certificates.validity().saturating_add(SOON),
        fingerprint: ca.fingerprint().to_string(),
    }
}
