//! A PC whose clock is wrong, and certificates out of their time: a clear word, and nothing half done.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use kenpo_express::domain::clock::{Clock, ManualClock};
use kenpo_express::employer::app::App;
use kenpo_express::employer::cli::complaint;
use kenpo_express::employer::doctor::{Health, examine};
use kenpo_express::employer::refusal::PinRefused;
use kenpo_express::employer::setup::{Names, Need, Setup};
use kenpo_express::employer::watch::Nobody;
use kenpo_express::employer::{EmployerError, Pc, User};
use kenpo_express::relay::Relay;
use kenpo_express::runtime::clock::{SystemClock, SystemRandom};
use kenpo_express::runtime::lifecycle::Shutdown;
use kenpo_express::sandbox::enrol::enrolled;
use kenpo_express::sandbox::parties::{contact, office_name, user};
use kenpo_express::sandbox::world::World;
use zeroize::Zeroizing;

use super::exchange_support::{Folder, free_ports, json, text, wait_for};
use super::walk_support::{NEW_PASSWORD, Walk};

/// Hours that the clock of a PC is wrong by.
const WRONG_BY: [i64; 4] = [-3, 3, -24 * 40, 24 * 40];

fn shifted(hours: i64) -> Arc<dyn Clock> {
    let clock = ManualClock::new(SystemClock.now());
    clock.advance(SignedDuration::from_hours(hours));
    Arc::new(clock)
}

fn is_about_the_clock(error: &EmployerError) {
    assert!(matches!(error, EmployerError::Clock { .. }), "{error:?}");
    let said = complaint(error);
    assert!(said.contains("パソコンの時計が") && said.contains("パソコンの日時を合わせて"), "{said}");
}

fn begin(home: &Path, kit: Option<&Path>, clock: Arc<dyn Clock>) -> Setup {
    Setup::begin(home, kit, false, clock, Arc::new(SystemRandom)).unwrap()
}

/// Types what is on the letter until the request is made, or refused.
async fn ask(setup: &mut Setup, initial: &str) -> Result<(), EmployerError> {
    loop {
        match setup.need() {
            Need::NewPin => setup.choose_pin("4711".parse().unwrap()).await?,
            Need::Pin => setup.prove_pin("4711".parse().unwrap()).await?,
            Need::Names => setup.names(Names {
                office: office_name().as_str().to_owned(),
                user: contact().name.as_str().to_owned(),
                mail: contact().mail.as_str().to_owned(),
            }),
            Need::InitialPassword => setup.initial_password(Zeroizing::new(initial.to_owned())).await?,
            _ => return Ok(()),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setup_with_a_wrong_clock_asks_for_nothing_and_goes_on_with_the_right_one() {
    let mut walk = Walk::start().await;
    let (kit, letter) = walk.kit().await;
    let home = walk.home("pc", &letter);
    for hours in WRONG_BY {
        let mut setup = begin(&home, Some(&kit), shifted(hours));
        is_about_the_clock(&ask(&mut setup, &letter.login).await.unwrap_err());
        assert!(!home.join("certificates.json").exists());
    }
    let state = || walk.told(&["user", "show", user().as_str()])["enrolment"]["state"].clone();
    assert_ne!(state(), "enrolled");

    // Asked with the right clock, and set wrong before the answer is heard.
    ask(&mut begin(&home, None, shifted(0)), &letter.login).await.unwrap();
    for hours in WRONG_BY {
        let mut setup = begin(&home, None, shifted(hours));
        let heard = async {
            loop {
                match setup.work(Duration::from_secs(20)).await {
                    Err(error) => return error,
                    Ok(worked) => assert_eq!(setup.need(), Need::Work, "{worked:?}"),
                }
            }
        };
        is_about_the_clock(&heard.await);
        assert!(!home.join("certificates.json").exists(), "no certificate is judged by a wrong clock");
    }
    let done = Walk::setup(&home, &kit).output().unwrap();
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert_eq!(state(), "enrolled");
    walk.stop();
}

async fn opened(home: &Path, clock: Arc<dyn Clock>) -> User {
    let pc = Pc::open(home, clock, Arc::new(SystemRandom)).unwrap();
    pc.unlock("4711".parse().unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_wrong_clock_nothing_is_signed() {
    let mut walk = Walk::start().await;
    let (kit, letter) = walk.kit().await;
    let home = walk.home("pc", &letter);
    assert!(Walk::setup(&home, &kit).output().unwrap().status.success());
    let file = walk.folder.file("届.csv", b"x");
    for hours in WRONG_BY {
        let user = opened(&home, shifted(hours)).await;
        let refused = user.log_in(Zeroizing::new(NEW_PASSWORD.to_owned())).await.unwrap_err();
        is_about_the_clock(&refused);
        // With a clock that is ahead, the session that is kept seems to be over: then there is nothing to send in.
        let app = App::open(&user, Arc::new(Nobody)).unwrap();
        let refused = app.send(std::slice::from_ref(&file), None).await.unwrap_err();
        if hours.abs() < 12 {
            is_about_the_clock(&refused);
            is_about_the_clock(&app.sent().await.unwrap().offline.unwrap());
        }
        drop(app);
        assert!(!home.join("stream.json").exists() && fs::read_dir(home.join("outbox")).unwrap().next().is_none());
    }
    // Set right, the very same session goes on.
    let sent = Walk::run(&home, &["send", file.to_str().unwrap()]);
    assert!(sent.status.success(), "{}", text(&sent.stderr));
    let received = || json(&walk.folder.run("kx-gateway", &["received", "list", "--json"]));
    wait_for(|| received().len() == 1, "the union has it");
    assert_eq!((&received()[0]["verdict"], &received()[0]["warnings"]), (&"accepted".into(), &serde_json::json!([])));
    walk.stop();
}

/// A user who is set up, and a relay at a time of the test's choice.
struct Doors {
    dir: tempfile::TempDir,
    world: World,
}

impl Doors {
    async fn made() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let world = enrolled(dir.path(), free_ports()).await.unwrap();
        Self { dir, world }
    }

    fn home(&self) -> PathBuf {
        self.world.employer_home()
    }

    /// Does something while the relay runs at that time.
    async fn at<T>(&self, hours: i64, work: impl AsyncFnOnce(Arc<dyn Clock>) -> T) -> T {
        let (clock, shutdown) = (shifted(hours), Shutdown::new());
        let relay = Relay::start(self.world.relay_settings().unwrap(), Arc::clone(&clock), &shutdown).await.unwrap();
        let done = work(clock).await;
        relay.stop(&shutdown).await;
        done
    }

    fn pc(&self, clock: &Arc<dyn Clock>) -> Pc {
        Pc::open(&self.home(), Arc::clone(clock), Arc::new(SystemRandom)).unwrap()
    }

    fn secret(&self, name: &str) -> String {
        fs::read_to_string(self.home().join(name)).unwrap().trim().to_owned()
    }
}

fn is_about_our_certificate(error: &EmployerError) {
    let said = complaint(error);
    assert!(said.contains("有効期限が切れているか、まだ有効になっていません"), "{said}");
    assert!(said.contains("健康保険組合に連絡"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_out_of_its_time_is_named_at_every_door_and_costs_nothing() {
    let doors = Doors::made().await;
    let session = fs::read(doors.home().join("session.json")).unwrap();
    let pin = || doors.secret("pin.txt").parse::<kenpo_express::secret::Pin>().unwrap();
    let open = doors.at(0, async |clock| doors.pc(&clock).unlock(pin()).await.unwrap()).await;

    // Eleven years on everything has expired, the kit too; two days before, nothing has begun.
    for hours in [24 * 365 * 11, -48] {
        doors
            .at(hours, async |clock| {
                for _ in 0..6 {
                    is_about_our_certificate(&doors.pc(&clock).unlock(pin()).await.unwrap_err());
                }
                // The user's certificate, whose keys were opened in time.
                let password = || Zeroizing::new(doors.secret("password.txt"));
                is_about_our_certificate(&open.log_in(password()).await.unwrap_err());
                let file = doors.dir.path().join("届.csv");
                fs::write(&file, b"x").unwrap();
                let app = App::open(&open, Arc::new(Nobody)).unwrap();
                is_about_our_certificate(&app.send(&[file], None).await.unwrap_err());
                // The kit's, on another PC.
                let kit = doors.home().join("kenpoexpress.zip");
                let mut setup = begin(&doors.world.second_home(), Some(&kit), Arc::clone(&clock));
                is_about_our_certificate(&setup.choose_pin(pin()).await.unwrap_err());
                assert_eq!(setup.need(), Need::NewPin);

                let findings = examine(&doors.home(), None, None, clock, Arc::new(SystemRandom)).await;
                let accepted = findings.iter().find(|finding| finding.check == "certificate.accepted").unwrap();
                assert_eq!(accepted.result, Health::Bad, "{accepted:?}");
                assert!(accepted.todo.as_ref().unwrap().contains("健康保険組合に連絡"), "{accepted:?}");
            })
            .await;
    }
    assert_eq!(fs::read(doors.home().join("session.json")).unwrap(), session);
    assert!(!doors.home().join("stream.json").exists(), "nothing was sealed");
    assert!(!doors.world.second_home().join("keys.box").exists());
    // No try was counted at the PIN.
    let wrong = if doors.secret("pin.txt") == "0000" { "1111" } else { "0000" };
    let refused = doors.at(0, async |clock| doors.pc(&clock).unlock(wrong.parse().unwrap()).await.unwrap_err()).await;
    assert!(matches!(refused, EmployerError::Pin(PinRefused::Wrong { tries_left: 4 })), "{refused:?}");
    let user = doors.at(0, async |clock| doors.pc(&clock).unlock(pin()).await).await;
    assert!(user.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_folder_of_the_log_may_be_of_no_use() {
    let folder = Folder::new();
    let _world = enrolled(&folder.path("sandbox"), folder.base).await.unwrap();
    let _relay = folder.serve("kx-server", "relay.log");
    let home = folder.path("sandbox/employer-1");
    fs::write(home.join("log"), "in the way").unwrap();
    let sent = folder.run("kx-employer", &["sent", "--json"]);
    assert!(sent.status.success(), "{}", text(&sent.stderr));
    let zip = folder.path("logs.zip");
    let packed = folder.run("kx-employer", &["logs", "--out", zip.to_str().unwrap()]);
    assert!(packed.status.success() && zip.exists(), "{}", text(&packed.stderr));
}
