//! The folder of the sandbox: everybody's settings, such that each party can also be run by its own binary.

use std::fs::{self, File, TryLockError};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::error::SandboxError;
use super::parties::{self, Parties, union, user, write};
use crate::config;
use crate::domain::clock::Random;
use crate::domain::ids::UserId;
use crate::employer::disk::{Disk, LocalDisk};
use crate::gateway::config::GatewaySettings;
use crate::relay;
use crate::store::relay::unions::NewUnion;
use crate::stream::spool::make_folder;

/// The folder, set up.
#[derive(Debug)]
pub struct World {
    /// Where it is, absolute.
    pub dir: PathBuf,
    /// Everybody's certificates.
    pub parties: Parties,
    base: u16,
    /// Whether it was there before.
    pub is_old: bool,
    _lock: File,
}

impl World {
    /// Makes what is not there yet.
    pub fn open(dir: &Path, base: u16, now: Timestamp, random: &dyn Random) -> Result<Self, SandboxError> {
        let wrong = |error| SandboxError::Folder(dir.to_owned(), error);
        let is_old = dir.join("gateway/gateway.toml").exists();
        make_folder(dir).map_err(wrong)?;
        // Absolute, so that what we print can be used from anywhere.
        let dir = dir.canonicalize().map_err(wrong)?;
        let lock = LocalDisk.create(&dir.join("lock")).map_err(wrong)?;
        match lock.try_lock() {
            Ok(()) => (),
            Err(TryLockError::WouldBlock) => return Err(SandboxError::Busy(dir)),
            Err(TryLockError::Error(error)) => return Err(wrong(error)),
        }
        let parties = parties::make(&dir, now, random)?;
        make_folder(&dir.join("relay/data")).map_err(wrong)?;
        let world = Self { dir, parties, base, is_old, _lock: lock };
        world.write_settings("relay/relay.toml", &world.relay_toml())?;
        world.write_settings("gateway/gateway.toml", &world.gateway_toml())?;
        for number in [1, 2] {
            world.write_settings(&format!("employer-{number}/employer.toml"), &world.employer_toml())?;
        }
        Ok(world)
    }

    /// Settings that somebody changed by hand stay, unless their ports are other ones than asked for now.
    fn write_settings(&self, name: &str, text: &str) -> Result<(), SandboxError> {
        let path = self.dir.join(name);
        let mark = text.lines().next().unwrap_or_default();
        let keeps = fs::read_to_string(&path).is_ok_and(|there| there.starts_with(mark));
        if keeps { Ok(()) } else { write(&path, text) }
    }

    /// The employer's home folder.
    pub fn employer_home(&self) -> PathBuf {
        self.dir.join("employer-1")
    }

    /// The home folder of a user; those of the week have theirs beside each other.
    pub(super) fn home_of(&self, id: &UserId) -> PathBuf {
        if *id == user() { self.employer_home() } else { self.dir.join("week").join(id.as_str()) }
    }

    /// Makes what the app of a user of the week is told.
    pub(super) fn prepare_home(&self, id: &UserId) -> Result<(), SandboxError> {
        write(&self.home_of(id).join("employer.toml"), &self.employer_toml())
    }

    /// The home folder of a second PC of the same user.
    pub fn second_home(&self) -> PathBuf {
        self.dir.join("employer-2")
    }

    /// Where the employer puts what came from the union.
    pub fn received(&self) -> PathBuf {
        self.dir.join("received")
    }

    /// Where the relay's mails go.
    pub fn mail_folder(&self) -> PathBuf {
        self.dir.join("relay/mail")
    }

    /// `relay.toml`.
    pub fn relay_settings_file(&self) -> PathBuf {
        self.dir.join("relay/relay.toml")
    }

    /// `gateway.toml`.
    pub fn gateway_settings_file(&self) -> PathBuf {
        self.dir.join("gateway/gateway.toml")
    }

    /// What `relay.toml` says.
    pub fn relay_settings(&self) -> Result<relay::Config, SandboxError> {
        load(self.relay_settings_file())
    }

    /// What `gateway.toml` says.
    pub fn gateway_settings(&self) -> Result<GatewaySettings, SandboxError> {
        load(self.gateway_settings_file())
    }

    /// The union, as the operator tells the relay of it.
    pub fn new_union(&self) -> NewUnion {
        NewUnion {
            insurer: union(),
            name: UNION_NAME.to_owned(),
            clients: vec![self.parties.union_tls.clone()],
            authorities: vec![self.parties.union_ca.clone()],
        }
    }

    /// The address of one of the six ports.
    pub fn address(&self, offset: u16) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.base + offset).into()
    }

    fn mark(&self) -> String {
        format!("# kx-sandbox --port-base {}", self.base)
    }

    fn relay_toml(&self) -> String {
        let (mark, vpn, employer) = (self.mark(), self.address(0), self.address(1));
        let (enrolment, watch, mail) = (self.address(2), self.address(5), self.mail_folder());
        // A path may have what TOML takes for the end of a text.
        let mail = toml::Value::String(format!("directory:{}", mail.display()));
        format!(
            "{mark}\n# Run by itself: kx-server --config relay.toml serve. All other keys: config/relay.toml.\n\n\
             [vpn]\naddress = \"{vpn}\"\n\n[employer]\naddress = \"{employer}\"\nroots = \"../operator/ca.pem\"\n\n\
             [enrolment]\naddress = \"{enrolment}\"\n\n[mail]\n# Each mail becomes a file there.\n\
             transport = {mail}\nfrom = \"noreply-kenpoexpress@kmail.kenpo.gr.jp\"\n\n[watch]\naddress = \"{watch}\"\n\n\
             [parcels]\n# A sandbox is often on a small disk.\ndisk_reserve_bytes = {RESERVE}\n"
        )
    }

    fn gateway_toml(&self) -> String {
        let (mark, insurer, vpn, health) = (self.mark(), union(), self.address(0), self.address(4));
        let console = self.address(3);
        format!(
            "{mark}\n# Run by itself: kx-gateway --config gateway.toml serve. All other keys: config/gateway.toml.\n\n\
             insurer = \"{insurer}\"\n\n[relay]\nurl = \"https://{vpn}\"\n\n[keys]\nca_key = \"union-ca.key\"\n\n\
             [letter]\nunion_name = \"{UNION_NAME}\"\ncontact = \"見本健保 適用課 03-0000-0000\"\n\n\
             [storage]\n# A sandbox is often on a small disk.\nreserve_bytes = {RESERVE}\n\n\
             [pull]\ninterval_seconds = 10\n\n[console]\nlisten = \"{console}\"\n\n[metrics]\nlisten = \"{health}\"\n"
        )
    }

    fn employer_toml(&self) -> String {
        let (mark, relay) = (self.mark(), self.address(1));
        format!(
            "{mark}\n# Used by: kx-employer --home (this folder). All other keys: config/employer.toml.\n\n\
             # The sandbox may start at other ports than those that the kit was made for.\n\
             relay = \"https://{relay}\"\n"
        )
    }
}

/// The union's name, as the relay's operator and the letter have it.
const UNION_NAME: &str = "見本健康保険組合";
/// Bytes that stay free on the disk.
const RESERVE: u64 = 64 << 20;

fn load<S: config::Settings>(path: PathBuf) -> Result<S, SandboxError> {
    config::load(&path).map_err(|faults| SandboxError::Settings { path, faults })
}
