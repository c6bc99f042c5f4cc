//! What this machine can do at best: the primitives by the OpenSSL that is linked in, and the disk.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use openssl::derive::Deriver;
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::symm::{Cipher, Crypter, Mode};
use serde_json::json;

use crate::{Result, files};

const SMALL: usize = 10_000;
const BLOCK: usize = 64 << 10;

/// Prints every limit as one JSON value.
pub(crate) fn print(seconds: f64, folder: &Path) -> Result<()> {
    let time = Duration::from_secs_f64(seconds);
    let block = vec![0x5a_u8; BLOCK];
    let megabytes = |per_second: f64| per_second * f64::from(u32::try_from(BLOCK).expect("64 KiB fit")) / 1e6;
    let ends = Ends::new()?;
    let limits = json!({
        "sha256_mb_s": megabytes(rate(time, || { openssl::sha::sha256(&block); Ok(()) })?),
        "aes_gcm_mb_s": megabytes(aes_gcm(time, &block)?),
        "p256_sign_s": rate(time, || ends.sign())?,
        "p256_verify_s": rate(time, || ends.verify())?,
        "p256_derive_s": rate(time, || ends.derive())?,
        "p256_seal_s": on_all_cores(|| rate(time, || { Ends::ephemeral(&ends)?; ends.derive()?; ends.sign() }))?,
        "p256_open_s": on_all_cores(|| rate(time, || { ends.derive()?; ends.verify() }))?,
        "durable_one_s": durable_one_by_one(time, &folder.join("one"))?,
        "durable_group_s": durable_in_groups(time, &folder.join("group"))?,
        "write_mb_s": large_write(&folder.join("large"))?,
    });
    println!("{limits}");
    Ok(())
}

/// How often a second `work` can be done.
fn rate(time: Duration, mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    let started = Instant::now();
    let mut done = 0_u32;
    while started.elapsed() < time {
        for _ in 0..16 {
            work()?;
        }
        done += 16;
    }
    Ok(f64::from(done) / started.elapsed().as_secs_f64())
}

fn on_all_cores(measure: impl Fn() -> Result<f64> + Sync) -> Result<f64> {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..files::cores()).map(|_| scope.spawn(&measure)).collect();
        threads.into_iter().map(|thread| thread.join().expect("a measurement does not panic")).sum()
    })
}

/// The keys of two ends, and a signature.
struct Ends {
    group: EcGroup,
    own: EcKey<Private>,
    own_key: PKey<Private>,
    peer: PKey<Private>,
    digest: [u8; 32],
    signature: EcdsaSig,
}

impl Ends {
    fn new() -> Result<Self> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        let own = EcKey::generate(&group)?;
        let peer = PKey::from_ec_key(EcKey::generate(&group)?)?;
        let digest = openssl::sha::sha256(b"a digest");
        let signature = EcdsaSig::sign(&digest, &own)?;
        Ok(Self { group, own_key: PKey::from_ec_key(own.clone())?, own, peer, digest, signature })
    }

    fn ephemeral(&self) -> Result<()> {
        EcKey::generate(&self.group)?;
        Ok(())
    }

    fn derive(&self) -> Result<()> {
        let mut deriver = Deriver::new(&self.own_key)?;
        deriver.set_peer(&self.peer)?;
        deriver.derive_to_vec()?;
        Ok(())
    }

    fn sign(&self) -> Result<()> {
        EcdsaSig::sign(&self.digest, &self.own)?;
        Ok(())
    }

    fn verify(&self) -> Result<()> {
        let fits = self.signature.verify(&self.digest, &self.own)?;
        assert!(fits, "a signature that was just made fits");
        Ok(())
    }
}

fn aes_gcm(time: Duration, block: &[u8]) -> Result<f64> {
    let mut crypter = Crypter::new(Cipher::aes_256_gcm(), Mode::Encrypt, &[7; 32], Some(&[9; 12]))?;
    let mut out = vec![0; block.len() + 16];
    rate(time, || {
        crypter.update(block, &mut out)?;
        Ok(())
    })
}

/// Create, write, fsync, rename, fsync the folder.
fn durable_one_by_one(time: Duration, folder: &Path) -> Result<f64> {
    fs::create_dir_all(folder)?;
    let (content, directory) = (vec![0x5a; SMALL], File::open(folder)?);
    let mut number = 0_u64;
    rate(time, || {
        number += 1;
        let part = folder.join(format!("{number}.part"));
        let mut file = File::create(&part)?;
        file.write_all(&content)?;
        file.sync_all()?;
        fs::rename(&part, folder.join(number.to_string()))?;
        directory.sync_all()?;
        Ok(())
    })
}

/// The same for 128 files together: one syncfs for their bytes, one fsync of the folder for their names.
fn durable_in_groups(time: Duration, folder: &Path) -> Result<f64> {
    const GROUP: u64 = 128;
    fs::create_dir_all(folder)?;
    let (content, directory) = (vec![0x5a; SMALL], File::open(folder)?);
    let mut number = 0_u64;
    let groups = rate(time, || {
        let names: Vec<u64> = (number + 1..=number + GROUP).collect();
        number += GROUP;
        for name in &names {
            File::create(folder.join(format!("{name}.part")))?.write_all(&content)?;
        }
        rustix::fs::syncfs(&directory)?;
        for name in &names {
            fs::rename(folder.join(format!("{name}.part")), folder.join(name.to_string()))?;
        }
        directory.sync_all()?;
        Ok(())
    })?;
    Ok(groups * 128.0)
}

fn large_write(path: &Path) -> Result<f64> {
    let block = vec![0x5a; 1 << 20];
    let started = Instant::now();
    let mut file = File::create(path)?;
    for _ in 0..256 {
        file.write_all(&block)?;
    }
    file.sync_all()?;
    Ok(256.0 * 1.048_576 / started.elapsed().as_secs_f64())
}
