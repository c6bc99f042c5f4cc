//! A gateway whose lookout is asked by hand.

use std::sync::{Arc, Mutex};

use jiff::SignedDuration;
use kenpo_express::domain::schedule::Outlook;
use kenpo_express::gateway::config::{NoticeSettings, StaffSettings};
use kenpo_express::gateway::flows::notices::StaffNotices;
use kenpo_express::gateway::watch::rules::Thresholds;
use kenpo_express::gateway::watch::{Lookout, Senses};
use kenpo_express::mail::Mailer;
use kenpo_express::runtime::task::Snapshot;

use crate::gateway_relay::FakeRelay;
use crate::gateway_support::GatewayWorld;
use crate::pull_disk::Small;
use crate::support::enrolment::decoded;

pub(super) const MIB: u64 = 1 << 20;

/// What the lookout is told by others.
#[derive(Default)]
pub(super) struct Hearsay {
    pub(super) tasks: Vec<Snapshot>,
    pub(super) vpn: Option<Result<(), &'static str>>,
    pub(super) lateness: Option<SignedDuration>,
    pub(super) outlook: Option<Outlook>,
}

pub(super) struct Stage {
    // Gone before the disk that it lies on.
    pub(super) world: GatewayWorld,
    pub(super) disk: Option<Small>,
    pub(super) hearsay: Arc<Mutex<Hearsay>>,
    pub(super) lookout: Lookout<FakeRelay>,
    kept: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Stage {
    /// Where this rule can be made to fire.
    pub(super) async fn new(code: &str) -> Self {
        Self::on((code == "disk.reserve").then(|| Small::mount("24m"))).await
    }

    /// On a disk of its own, of which 4 MiB are never used.
    pub(super) async fn on(disk: Option<Small>) -> Self {
        let world = match &disk {
            Some(disk) => GatewayWorld::within(disk.path(), 4 * MIB).await,
            None => GatewayWorld::new().await,
        };
        let hearsay = Arc::<Mutex<Hearsay>>::default();
        Self { lookout: lookout(&world, &hearsay), world, disk, hearsay, kept: Arc::default() }
    }

    /// The same gateway, started again.
    pub(super) fn again(self) -> Self {
        Self { lookout: lookout(&self.world, &self.hearsay), ..self }
    }

    pub(super) async fn look(&self) {
        self.lookout.look().await.unwrap();
    }

    pub(super) fn advance(&self, by: SignedDuration) {
        self.world.clock.advance(by);
    }

    /// Whether `kx-gateway alerts` shows it.
    pub(super) async fn fires(&self, code: &str) -> bool {
        self.firing().await.iter().any(|alert| alert == code)
    }

    /// What `kx-gateway alerts` shows, and `status`.
    pub(super) async fn firing(&self) -> Vec<String> {
        let admin = self.world.admin("staff").await;
        let alerts = admin.alerts().await.unwrap();
        assert_eq!(admin.status().await.unwrap().alerts, alerts);
        alerts.into_iter().map(|alert| alert.code).collect()
    }

    /// What the lookout exports.
    pub(super) fn gauges(&self) -> String {
        self.lookout.gauges.render()
    }

    /// Runs the notices, and takes away the mails that came of it.
    pub(super) async fn mails(&self) -> Vec<String> {
        self.notices(&["staff@example.jp"], self.mailer()).run().await.unwrap();
        self.kept().into_iter().map(|(_, text)| text).collect()
    }

    /// A process that tells these addresses of alerts.
    pub(super) fn notices(&self, addresses: &[&str], mailer: Mailer) -> StaffNotices<FakeRelay> {
        let one = |address: &&str| StaffSettings { address: (*address).to_owned(), kinds: vec!["alert".to_owned()] };
        let settings = NoticeSettings { staff: addresses.iter().map(one).collect(), window_seconds: 300 };
        StaffNotices::new(&self.world.receiver, settings, "kx@example.jp".parse().unwrap(), mailer)
    }

    /// Into memory.
    pub(super) fn mailer(&self) -> Mailer {
        Mailer::Memory(Arc::clone(&self.kept))
    }

    /// Takes the mails away that are in memory: header and text.
    pub(super) fn kept(&self) -> Vec<(String, String)> {
        std::mem::take(&mut *self.kept.lock().unwrap()).iter().map(|mail| decoded(mail)).collect()
    }
}

fn lookout(world: &GatewayWorld, hearsay: &Arc<Mutex<Hearsay>>) -> Lookout<FakeRelay> {
    let days = |days: i64| SignedDuration::from_hours(24 * days);
    let thresholds = Thresholds {
        pull: SignedDuration::from_mins(60),
        schedule: days(14),
        disk: SignedDuration::from_hours(72),
        certificates: days(60),
        authority: days(425),
        clock: SignedDuration::from_mins(15),
    };
    let period = SignedDuration::from_mins(5);
    let (tasks, vpn, lateness, outlook) =
        (Arc::clone(hearsay), Arc::clone(hearsay), Arc::clone(hearsay), Arc::clone(hearsay));
    let senses = Senses {
        tasks: Box::new(move || tasks.lock().unwrap().tasks.clone()),
        vpn: Box::new(move || vpn.lock().unwrap().vpn),
        due: Box::new(move |since, now| Some(since + period).filter(|due| *due < now)),
        lateness: Box::new(move || lateness.lock().unwrap().lateness),
        outlook: Box::new(move |_, _| outlook.lock().unwrap().outlook),
    };
    Lookout::new(&world.receiver, thresholds, senses)
}
