//! What `kx-gateway office` and `kx-gateway user` do.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::super::args::Json;
use super::super::args::people::{Import, Office, One, Pair, User};
use super::super::print;
use super::{CommandError, show};
use crate::domain::ids::{OfficeCode, UserId};
use crate::gateway::admin::import::{Imported, MAX_FILE};
use crate::gateway::admin::incident::Incident;
use crate::gateway::admin::{Admin, AdminError};
use crate::gateway::flows::enrol::Review;
use crate::gateway::view::users::{OfficeView, UserDetail, UserView};
use crate::message::keys::Certificate;
use crate::store::gateway::directory::Filter;
use crate::store::gateway::users::Contact;
use crate::stream::spool::make_folder;

pub(super) async fn office(admin: &Admin, command: Office) -> Result<(), CommandError> {
    match command {
        Office::Add { code, name, json } => {
            let view = OfficeView::from(&admin.add_office(&code, &name).await?);
            show(json.json, &view, |_| print::line(format!("登録しました (registered): {code}")))
        }
        Office::Import(import) => {
            let done = admin.import_offices(content(&import.file)?, import.dry_run).await?;
            imported(&import, &done)
        }
        Office::List { after, limit, json } => {
            let views: Vec<OfficeView> = admin.offices(after.as_ref(), limit).await?.iter().map(Into::into).collect();
            let lines = |views: &Vec<OfficeView>| {
                views.iter().try_for_each(|view| print::line(format!("{}  {}", view.code, view.name)))
            };
            show(json.json, &views, lines)
        }
    }
}

/// Whether what is asked for may have come sealed for an old key.
pub(super) const fn needs_old_keys(command: &User) -> bool {
    matches!(command, User::ApproveDevice { .. } | User::Letter { .. })
}

pub(super) async fn user(admin: &Admin, command: User) -> Result<(), CommandError> {
    match command {
        User::Add { office, user, name, mail, device, pair, json } => {
            let contact = name.zip(mail).map(|(name, mail)| Contact { name, mail, device });
            let view = add(admin, &office, user, contact, pair).await?;
            show(json.json, &view, print::user)
        }
        User::Import(import) => {
            let done = admin.import_users(content(&import.file)?, import.dry_run).await?;
            imported(&import, &done)
        }
        User::List { office, mail, state, after, limit, json } => {
            let state = state.and_then(|asked| STATES.into_iter().find(|known| *known == asked));
            let filter = Filter { user: None, office, mail, state, after };
            let views = admin.users(&filter, limit).await?;
            show(json.json, &views, |views| views.iter().try_for_each(print::user))
        }
        User::Show(One { user, json }) => show(json.json, &admin.user_detail(&user).await?, detail),
        User::Letter { user: Some(user), output, new_passwords, json, .. } => {
            admin.write_letter(&user, new_passwords, &output).await?;
            let view = told(admin, &user).await?;
            show(json.json, &view, |view| written(&output).and_then(|()| print::user(view)))
        }
        User::Letter { user: None, office, output, json, .. } => letters(admin, office, &output, json).await,
        User::Link(One { user, json }) => {
            admin.mail_link(&user).await?;
            show(json.json, &told(admin, &user).await?, print::user)
        }
        User::ApproveDevice { user, refuse, pc, json } => {
            let review = if refuse { Review::Refuse } else { Review::Approve };
            admin.review_device(&user, pc, review).await?;
            show(json.json, &told(admin, &user).await?, print::user)
        }
        User::ResetPin(One { user, json }) => {
            admin.reset_pin(&user).await?;
            let next =
                "次に user letter で新しい「お知らせ」を作成してください (next: make a new letter with user letter)";
            show(json.json, &told(admin, &user).await?, |view| print::user(view).and_then(|()| print::line(next)))
        }
        User::Certificates { user, signing_cert, encryption_cert, json } => {
            admin.add_certificates(&user, &certificate(&signing_cert)?, &certificate(&encryption_cert)?).await?;
            show(json.json, &told(admin, &user).await?, print::user)
        }
        User::Enable { user, approver, json } => {
            admin.enable_user(&user, &approver).await?;
            let next =
                "次に user letter で新しい「お知らせ」を作成してください (next: make a new letter with user letter)";
            show(json.json, &told(admin, &user).await?, |view| print::user(view).and_then(|()| print::line(next)))
        }
        User::Disable { user, reason, lost_at, json } => {
            let mut disabled = admin.disable_user(&user, reason, lost_at).await?;
            disabled.user = told(admin, &user).await?;
            show(json.json, &disabled, |disabled| {
                if !disabled.suspects.is_empty() {
                    print::line(format!("疑わしいファイル (suspect messages): {}", disabled.suspects.len()))?;
                }
                print::user(&disabled.user)
            })
        }
        User::Incident { user, output, json } => {
            let found = match &output {
                Some(output) => admin.write_incident(&user, output).await?,
                None => admin.incident(&user).await?,
            };
            show(json.json, &found, |found| {
                output.as_deref().map_or(Ok(()), written)?;
                incident(found)
            })
        }
    }
}

const STATES: [&str; 3] = ["registered", "enabled", "disabled"];

async fn add(
    admin: &Admin,
    office: &OfficeCode,
    user: Option<UserId>,
    contact: Option<Contact>,
    pair: Pair,
) -> Result<UserView, CommandError> {
    match (contact, user, pair) {
        (Some(contact), user, Pair { signing_cert: None, .. }) => {
            Ok(admin.register_user(office, user.as_ref(), &contact).await?)
        }
        (None, Some(user), Pair { signing_cert: Some(signing), encryption_cert: Some(encryption) }) => {
            admin.add_user(office, &user, &certificate(&signing)?, &certificate(&encryption)?).await?;
            told(admin, &user).await
        }
        _ => Err(CommandError::Failed(
            "--name と --mail か、--user と --signing-cert と --encryption-cert を指定してください (give --name and --mail, or \
             --user with --signing-cert and --encryption-cert)"
                .to_owned(),
        )),
    }
}

fn certificate(path: &Path) -> Result<Certificate, CommandError> {
    Ok(Certificate::from_pem(&content(path)?)?)
}

/// What is in a file; of one that is too large anyway, one octet more than is taken.
fn content(path: &Path) -> Result<Vec<u8>, CommandError> {
    let mut content = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_FILE as u64 + 1).read_to_end(&mut content));
    read.map_err(|error| CommandError::File(path.to_owned(), error))?;
    Ok(content)
}

/// Tells the relay at once, so that nobody waits for the service's next look; and shows how it went. What cannot be told now
/// stands in the line.
async fn told(admin: &Admin, user: &UserId) -> Result<UserView, CommandError> {
    if let Err(code) = admin.tell_relay(user).await {
        eprintln!(
            "KXサーバーにはまだ伝わっていません。自動的に再送されます (the KX server has not been told yet; it is repeated until it \
             confirms): {code}"
        );
    }
    Ok(admin.user(user).await?)
}

/// Letters for everybody who has none, page by page, after those that an earlier run was cut off at. Those that could not be
/// made are named at the end.
async fn letters(admin: &Admin, office: Option<OfficeCode>, folder: &Path, json: Json) -> Result<(), CommandError> {
    make_folder(folder)?;
    let (mut done, mut failed) = (Vec::new(), 0);
    let mut written = admin.write_letters(&admin.left_letters(folder).await?, folder).await;
    let mut after = None;
    loop {
        for (id, written) in written {
            match written {
                Ok(()) => done.push(id.to_string()),
                // Another run was quicker.
                Err(AdminError::LetterExists) => {}
                Err(error) => {
                    failed += 1;
                    eprintln!("{id}: {error}");
                }
            }
        }
        let filter = Filter { office: office.clone(), state: Some("registered"), after, ..Filter::default() };
        let page = admin.users(&filter, 100).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id.parse().map_err(|_| CommandError::Failed("user id".to_owned()))?);
        let ids: Vec<UserId> = page.iter().filter_map(|view| view.id.parse().ok()).collect();
        written = admin.write_letters(&ids, folder).await;
    }
    show(json.json, &done, |done| {
        print::line(format!("{} 件作成しました (letters written): {}", done.len(), folder.display()))
    })?;
    if failed == 0 {
        return Ok(());
    }
    Err(CommandError::Failed(format!(
        "作成できなかったものがあります: {failed} 件 (letters that could not be made: {failed})"
    )))
}

fn imported(import: &Import, done: &Imported) -> Result<(), CommandError> {
    show(import.json.json, done, |done| {
        let verb =
            if done.dry_run { "登録できます (would be registered)" } else { "登録しました (registered)" };
        print::line(format!(
            "{verb}: 事業所 offices {}  利用者 users {}  ({})",
            done.offices, done.users, done.encoding
        ))
    })
}

fn written(path: &Path) -> io::Result<()> {
    print::line(format!("書き出しました (written): {}", path.display()))
}

fn detail(found: &UserDetail) -> io::Result<()> {
    print::user(&found.user)?;
    if let Some(mark) = found.user.enrolment.as_ref().and_then(|enrolment| enrolment.pc_mark.as_ref()) {
        print::line(format!("    使用中の端末のPC番号 number of the PC in use: {mark}"))?;
    }
    for one in &found.certificates {
        let state = one.revoked_at.map_or(String::new(), |at| format!("  失効 revoked {}", print::jst(at)));
        print::line(format!(
            "    {}  {}  期限 until {}{state}",
            one.purpose,
            one.fingerprint,
            print::jst(one.not_after)
        ))?;
    }
    for pc in &found.waiting {
        print::line(format!("    承認待ちの端末のPC番号 number of a PC that waits: {pc}"))?;
    }
    if let Some(mail) = found.relay.as_ref().and_then(|relay| relay.enrolment.as_ref()) {
        let sent = mail.mailed_at.map_or("未送信 not sent yet".to_owned(), print::jst);
        let problem = mail.mail_problem.as_deref().unwrap_or("");
        print::line(format!(
            "    メール mail: {sent} {problem}  リンク期限 link until {}",
            print::jst(mail.link_expires_at)
        ))?;
    }
    Ok(())
}

fn incident(found: &Incident) -> io::Result<()> {
    print::user(&found.user)?;
    let time = |at: Option<jiff::Timestamp>| at.map_or("-".to_owned(), print::jst);
    print::line(format!("紛失 lost: {}  停止 disabled: {}", time(found.user.lost_at), time(found.user.disabled_at)))?;
    if let Some(order) = &found.disabling {
        let confirmed = time(order.confirmed_at);
        print::line(format!(
            "KXサーバー 依頼 requested: {}  確認 confirmed: {confirmed}",
            print::jst(order.requested_at)
        ))?;
    }
    print::line(format!("紛失後に届いたファイル received since: {}", found.arrived.len()))?;
    for one in &found.arrived {
        let mark = if one.suspect { "  疑いあり suspect" } else { "" };
        print::line(format!("    {}  {}  {}{mark}", one.id, print::jst(one.received_at), one.state))?;
    }
    print::line(format!("この利用者に送信されたファイル sent to this user: {}", found.sent_to_user))?;
    print::line(format!("受け取られたファイル fetched by this user: {}", found.exposed.len()))?;
    for one in &found.exposed {
        let mark = if one.after_loss { "  紛失後 after the loss" } else { "" };
        print::line(format!("    {}  {}{mark}", one.id, print::jst(one.fetched_at)))?;
    }
    Ok(())
}
