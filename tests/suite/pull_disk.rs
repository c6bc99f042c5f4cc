//! A disk that is full: a parcel that does not fit is not begun, the others go on, and so does it when there is room.

use std::path::Path;
use std::process::Command;

use kenpo_express::gateway::flows::receive::Cause;
use tokio_util::sync::CancellationToken;

use crate::gateway_support::GatewayWorld;
use crate::message_support::noise;

const MIB: usize = 1024 * 1024;

/// A small file system of its own, gone at the end.
pub(crate) struct Small(tempfile::TempDir);

impl Small {
    pub(crate) fn mount(size: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(dir.path())
            .output()
            .unwrap();
        assert!(
            done.status.success(),
            "a full disk can only be tested where a tmpfs may be mounted (as root): {}",
            String::from_utf8_lossy(&done.stderr)
        );
        Self(dir)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_refused_in_time_and_gone_on_with_when_there_is_room() {
    let disk = Small::mount("16m");
    let world = GatewayWorld::within(disk.path(), 2 * MIB as u64).await;
    let mut sender = world.sender("yamada-1").await;
    let filler = disk.path().join("filler");
    std::fs::write(&filler, vec![1; 8 * MIB]).unwrap();
    let large = world.send(&mut sender, &noise(7 * MIB));
    let small = world.send(&mut sender, b"small");
    let report = world.pull().await;
    assert_eq!((report.result, report.tally.archived, report.tally.waiting), ("done", 1, 1));
    assert_eq!(world.waiting().await[&large], "disk.low");
    assert!(world.relay.requests(large).is_empty(), "not even begun");
    assert!(world.find(small).await.is_some());
    std::fs::remove_file(&filler).unwrap();
    // The timer tries it at once: whether there is room costs nothing to ask.
    assert_eq!(world.pull_by_timer().await.tally.archived, 1);
    assert!(world.waiting().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_others_fill_meanwhile_leaves_the_parcel_at_the_relay() {
    let disk = Small::mount("16m");
    // A reserve of nothing, and a promise that another program breaks: the last page is gone before the first byte.
    let world = GatewayWorld::within(disk.path(), 0).await;
    let mut sender = world.sender("yamada-1").await;
    let large = world.send(&mut sender, &noise(6 * MIB));
    let filler = disk.path().join("filler");
    let full = filler.clone();
    world.relay.before_content(move || {
        // As much as goes: the disk is full in the end.
        let _ = std::fs::write(&full, vec![1; 13 * MIB]);
    });
    // The database is on that disk too: it may be that not even the run can be written down.
    let stop = CancellationToken::new();
    if let Ok(report) = world.receiver.run(Cause::Command, &stop).await {
        assert_eq!(report.tally.archived, 0);
    }
    assert!(!world.relay.acknowledged(large));
    world.relay.before_content(|| ());
    std::fs::remove_file(&filler).unwrap();
    let report = world.pull().await;
    assert_eq!((report.result, report.tally.archived), ("done", 1));
    assert!(world.relay.receipt(large).is_some());
}
