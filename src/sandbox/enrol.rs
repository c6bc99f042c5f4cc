//! The user's way in, as every user goes it: letter, mail, page, kit, set-up.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::error::SandboxError;
use super::parties::{Person, write};
use super::servers::{RunningGateway, RunningRelay};
use super::voice::Voice;
use super::world::World;
use crate::domain::clock::{Clock, Random};
use crate::employer::disk::{LocalDisk, replace};
use crate::employer::home::HomeError;
use crate::employer::setup::{Names, Need, Setup, Worked};
use crate::employer::{EmployerError, Home, Pc, User};
use crate::runtime::clock::{SystemClock, SystemRandom};
use crate::secret::Pin;
use crate::secret::password::make_password;
use crate::wire::client::EnrolmentPage;
use crate::wire::enrolment::KIT_FILE;

/// How long a mail, and the union's answer, may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// File with the user's PIN, in the home folder; for the sandbox only.
const PIN: &str = "pin.txt";
/// File with the user's password.
const PASSWORD: &str = "password.txt";
/// File with the initial password of the letter.
const INITIAL: &str = "letter.txt";

/// Makes a folder in which the user is enrolled, and leaves nothing running.
pub async fn enrolled(dir: &Path, base: u16) -> Result<World, SandboxError> {
    let dir = dir.to_owned();
    let make = move || World::open(&dir, base, SystemClock.now(), &SystemRandom);
    let world = tokio::task::spawn_blocking(make).await.expect("making the folder does not panic")?;
    let relay = RunningRelay::start(&world).await?;
    let gateway = RunningGateway::start(&world).await?;
    let user = user_of(&world, &gateway, &Person::first(), Voice::Nobody).await;
    gateway.stop().await;
    relay.stop().await;
    user.map(|_| world)
}

/// The user, logged in: enrolled before, or now.
pub(super) async fn user_of(
    world: &World,
    gateway: &RunningGateway,
    person: &Person,
    voice: Voice,
) -> Result<User, SandboxError> {
    let home = world.home_of(&person.user);
    match Home::read(&home) {
        Ok(_) => {
            voice.step("設定済みの利用者でログインします", "The user, enrolled before, logs in");
            gateway.confirmed(&person.user).await?;
        }
        // One that was interrupted begins anew: nobody keeps the passwords of a letter.
        Err(HomeError::NotSetUp(_) | HomeError::Unfinished(_)) => enrol(world, gateway, person, voice).await?,
        Err(error) => return Err(EmployerError::from(error).into()),
    }
    log_in(&home).await
}

/// Opens the keys with the PIN and begins a session.
pub async fn log_in(home: &Path) -> Result<User, SandboxError> {
    let (pin, folder) = (pin(home)?, home.to_owned());
    let open = move || Pc::open(&folder, Arc::new(SystemClock), Arc::new(SystemRandom));
    let pc = tokio::task::spawn_blocking(open).await.expect("opening the home folder does not panic")?;
    let user = pc.unlock(pin).await?;
    user.log_in(secret(&home.join(PASSWORD))?).await?;
    Ok(user)
}

async fn enrol(world: &World, gateway: &RunningGateway, person: &Person, voice: Voice) -> Result<(), SandboxError> {
    let home = world.home_of(&person.user);
    voice.step(
        "組合が事業所と利用者を登録し、お知らせを作ります",
        "The union registers office and user, and makes the letter",
    );
    gateway.register(person).await?;
    let before = mails(world);
    let letter = gateway.admin().letter(&person.user, true).await?;
    voice.fact("事業所名", "office", person.office_name.as_str());
    voice.fact("利用者名", "user", person.contact.name.as_str());
    voice.fact("ダウンロード用パスワード", "download password", letter.download.as_str());
    voice.fact("初期パスワード", "initial password", letter.login.as_str());
    // A real letter is on paper. Here it is kept, so that the kit can be tried on a second PC.
    write(&home.join(INITIAL), &letter.login)?;
    gateway.confirmed(&person.user).await?;

    voice.step("KX サーバーがダウンロードの案内をメールで送ります", "The KX server mails the link");
    let (mail, link) = new_mail(world, &before).await?;
    voice.fact("メール", "mail", mail.display());
    voice.fact("リンク", "link", &link);

    voice.step("利用者がリンクを開き、キットをダウンロードします", "The user opens the link and downloads the kit");
    let page = EnrolmentPage::open(&link, std::slice::from_ref(&world.parties.operator_ca))
        .map_err(EmployerError::from)?
        .map_err(|_| SandboxError::NoKit)?;
    let zip = page.download(&letter.download).await.map_err(EmployerError::from)?.ok_or(SandboxError::NoKit)?;
    let kit = home.join(KIT_FILE);
    replace(&LocalDisk, &kit, &zip).map_err(|error| SandboxError::Folder(kit.clone(), error))?;
    voice.fact("キット", "kit", kit.display());

    voice
        .step("利用者が初期設定をします（PIN・証明書・ログイン）", "The user sets the PC up: PIN, certificates, login");
    for (name, text) in [(PIN, new_pin()), (PASSWORD, make_password(&SystemRandom).to_string())] {
        write(&home.join(name), &text)?;
    }
    match set_up(&home, &kit, &letter.login, person).await? {
        Worked::On => {
            voice.fact("PIN コード（サンドボックス用）", "PIN, for the sandbox only", home.join(PIN).display());
            voice.fact("パスワード（変更後）", "password, changed", home.join(PASSWORD).display());
            Ok(())
        }
        _ => Err(SandboxError::NotRegistered),
    }
}

/// The same kit on a second PC: whether it has to wait.
pub(super) async fn second_pc(world: &World, voice: Voice) -> Result<bool, SandboxError> {
    let (first, second) = (world.employer_home(), world.second_home());
    voice.step("同じキットを 2 台目のパソコンで使ってみます", "The same kit is tried on a second PC");
    write(&second.join(PIN), &new_pin())?;
    write(&second.join(PASSWORD), &make_password(&SystemRandom))?;
    let initial = secret(&first.join(INITIAL))?;
    let waits = set_up(&second, &first.join(KIT_FILE), &initial, &Person::first()).await? == Worked::WaitsForApproval;
    let result = if waits {
        "組合の承認待ちです（証明書は発行されません） / waits for the union's approval, without certificates"
    } else {
        "承認なしで設定されました / SET UP WITHOUT APPROVAL"
    };
    voice.fact("結果", "result", result);
    Ok(waits)
}

/// Does what somebody does who follows the manual. [`Worked::On`] once it is finished.
async fn set_up(home: &Path, kit: &Path, initial: &str, person: &Person) -> Result<Worked, SandboxError> {
    let (folder, kit) = (home.to_owned(), kit.to_owned());
    let begin = move || Setup::begin(&folder, Some(&kit), false, Arc::new(SystemClock), Arc::new(SystemRandom));
    let mut setup = tokio::task::spawn_blocking(begin).await.expect("reading a kit does not panic")?;
    loop {
        match setup.need() {
            Need::NewPin => setup.choose_pin(pin(home)?).await?,
            Need::Pin => setup.prove_pin(pin(home)?).await?,
            Need::Names => setup.names(Names {
                office: person.office_name.as_str().to_owned(),
                user: person.contact.name.as_str().to_owned(),
                mail: person.contact.mail.as_str().to_owned(),
            }),
            Need::InitialPassword => setup.initial_password(Zeroizing::new(initial.to_owned())).await?,
            Need::Password { .. } => setup.password(Zeroizing::new(initial.to_owned())),
            Need::NewPassword => setup.new_password(secret(&home.join(PASSWORD))?).await?,
            Need::Work => match setup.work(PATIENCE).await? {
                Worked::On => (),
                other => return Ok(other),
            },
            Need::Nothing => return Ok(Worked::On),
        }
    }
}

fn mails(world: &World) -> Vec<PathBuf> {
    let entries = fs::read_dir(world.mail_folder()).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "eml")).collect()
}

/// The mail that was not there before and has a link in it, and the link. Others may come beside it: what became of files.
async fn new_mail(world: &World, before: &[PathBuf]) -> Result<(PathBuf, String), SandboxError> {
    let look = async {
        loop {
            for mail in mails(world).into_iter().filter(|mail| !before.contains(mail)) {
                let text = fs::read_to_string(&mail).map_err(|error| SandboxError::Folder(mail.clone(), error))?;
                if let Some(link) = link(&text) {
                    return Ok((mail, link));
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, look).await.map_err(|_| SandboxError::NoMail)?
}

/// The link in a mail of the relay: base64 below the headers.
fn link(mail: &str) -> Option<String> {
    let (_, body) = mail.split_once("\r\n\r\n")?;
    let letters: String = body.split_whitespace().collect();
    let text = String::from_utf8(STANDARD.decode(letters).ok()?).ok()?;
    text.split_whitespace().find(|word| word.starts_with("https://")).map(str::to_owned)
}

fn pin(home: &Path) -> Result<Pin, SandboxError> {
    let path = home.join(PIN);
    secret(&path)?.parse().map_err(|_| SandboxError::Folder(path, std::io::ErrorKind::InvalidData.into()))
}

fn secret(path: &Path) -> Result<Zeroizing<String>, SandboxError> {
    let text = fs::read_to_string(path).map_err(|error| SandboxError::Folder(path.to_owned(), error))?;
    Ok(Zeroizing::new(text.trim().to_owned()))
}

fn new_pin() -> String {
    let mut bytes = [0; 4];
    SystemRandom.fill(&mut bytes);
    bytes.map(|byte| char::from(b'0' + byte % 10)).iter().collect()
}
