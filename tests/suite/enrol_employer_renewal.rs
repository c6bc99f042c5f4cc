//! Certificates that end soon are renewed by the app, with relay and gateway at a time of the test's choice.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use kenpo_express::domain::clock::{Clock, ManualClock};
use kenpo_express::employer::app::App;
use kenpo_express::employer::renewal::{Renewed, renew};
use kenpo_express::employer::watch::Nobody;
use kenpo_express::employer::{Pc, User};
use kenpo_express::gateway::Gateway;
use kenpo_express::gateway::admin::Admin;
use kenpo_express::relay::Relay;
use kenpo_express::runtime::clock::{SystemClock, SystemRandom};
use kenpo_express::runtime::lifecycle::Shutdown;
use kenpo_express::sandbox::enrol::enrolled;
use kenpo_express::sandbox::world::World;
use zeroize::Zeroizing;

use super::exchange_support::free_ports;

async fn log_in(world: &World, clock: &Arc<dyn Clock>) -> User {
    let home = world.employer_home();
    let secret = |name: &str| fs::read_to_string(home.join(name)).unwrap();
    let pc = Pc::open(&home, Arc::clone(clock), Arc::new(SystemRandom)).unwrap();
    let user = pc.unlock(secret("pin.txt").parse().unwrap()).await.unwrap();
    user.log_in(Zeroizing::new(secret("password.txt"))).await.unwrap();
    user
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_renewed_in_time_and_old_and_new_count_beside_each_other() {
    let (dir, base) = (tempfile::tempdir().unwrap(), free_ports());
    let toml = {
        let world = World::open(dir.path(), base, SystemClock.now(), &SystemRandom).unwrap();
        world.gateway_settings_file()
    };
    let text = fs::read_to_string(&toml).unwrap();
    fs::write(&toml, text + "\n[certificates]\nvalidity_days = 91\n").unwrap();
    let world = enrolled(dir.path(), base).await.unwrap();

    // Two days later: the certificates end within 90 days.
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    clock.advance(SignedDuration::from_hours(48));
    let clock: Arc<dyn Clock> = clock;
    let shutdown = Shutdown::new();
    let relay = Relay::start(world.relay_settings().unwrap(), Arc::clone(&clock), &shutdown).await.unwrap();
    let settings = world.gateway_settings().unwrap();
    let stops = Shutdown::new();
    let gateway = Gateway::start(settings, Arc::clone(&clock), Arc::new(SystemRandom), &stops).await.unwrap();

    let user = log_in(&world, &clock).await;
    let before = user.signing().certificate().clone();
    let patience = Duration::from_secs(20);
    let renewed = match renew(&user, patience).await.unwrap() {
        Renewed::Done(renewed) => *renewed,
        other => panic!("{other:?}"),
    };
    let after = renewed.signing().certificate().clone();
    assert!(after != before && after.not_after() > before.not_after());

    // The old one still comes in and signs; so does the new one, also after a new start.
    let file = dir.path().join("届.csv");
    fs::write(&file, b"x").unwrap();
    let send = async |user: &User| {
        let app = App::open(user, Arc::new(Nobody)).unwrap();
        let sent = app.send(std::slice::from_ref(&file), None).await.unwrap();
        assert!(sent.iter().all(|sent| sent.trouble.is_none()), "{sent:?}");
        sent.last().unwrap().record.id
    };
    let mut ids = vec![send(&user).await];
    let again = log_in(&world, &clock).await;
    assert_eq!(*again.signing().certificate(), after);
    assert_eq!(again.home().certificates().signing.len(), 2, "the old ones are kept");
    ids.push(send(&again).await);
    assert!(matches!(renew(&again, patience).await.unwrap(), Renewed::NotDue));

    let admin = Admin::new(&gateway.gateway, "staff");
    for id in ids {
        let arrived = async {
            loop {
                match admin.show(id).await {
                    Ok(detail) => return detail.message,
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        };
        let message = tokio::time::timeout(patience, arrived).await.expect("it arrives");
        assert_eq!(message.verdict, "accepted", "{message:?}");
    }
    gateway.stop(&stops).await;
    relay.stop(&shutdown).await;
}
