//! A disk that fills slowly.

use std::fs::{File, OpenOptions};
use std::io::Write;

use jiff::SignedDuration;

use super::stage::{MIB, Stage};
use crate::message_support::noise;
use crate::pull_disk::Small;

const STEP: SignedDuration = SignedDuration::from_mins(10);

impl Stage {
    fn shows(&self, code: &str) -> bool {
        let gauges = self.gauges();
        let line = gauges.lines().find(|line| line.starts_with(&format!("kx_gateway_alert_firing{{code=\"{code}\"")));
        line.unwrap().ends_with(" 1")
    }

    fn free(&self) -> u64 {
        self.world.receiver.disk.free().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_it_fills_is_said_hours_before_and_pulls_stop_in_time_and_go_on() {
    let stage = Stage::on(Some(Small::mount("64m"))).await;
    let (world, path) = (&stage.world, stage.disk.as_ref().unwrap().path().join("filler"));
    let mut sender = world.sender("yamada-1").await;
    let mut filler: File = OpenOptions::new().create(true).append(true).open(&path).unwrap();
    let (mut steps, mut said_at) = (0, None);
    while stage.free() > 4 * MIB {
        steps += 1;
        filler.write_all(&vec![1; 512 << 10]).unwrap();
        if steps % 10 == 0 && stage.free() > 6 * MIB {
            world.send(&mut sender, b"as long as there is room");
            assert_eq!(world.pull().await.tally.archived, 1);
        }
        stage.advance(STEP);
        stage.look().await;
        if stage.shows("disk.filling") {
            said_at.get_or_insert(steps);
        } else {
            assert!(!stage.shows("disk.reserve"));
        }
    }
    // A step is ten minutes.
    let ahead = steps - said_at.expect("it is said");
    assert!(ahead > 6 * 6, "said {ahead} steps before the reserve was met");
    let gauges = stage.gauges();
    assert!(gauges.contains("\nkx_gateway_disk_full_in_seconds 0\n"), "{gauges}");
    assert!(stage.shows("disk.reserve"));
    let large = world.send(&mut sender, &noise(1 << 20));
    let report = world.pull().await;
    assert_eq!((report.result, report.tally.archived), ("done", 0));
    assert_eq!(world.waiting().await[&large], "disk.low");

    drop(filler);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(world.pull_by_timer().await.tally.archived, 1, "by itself");
    stage.look().await;
    stage.advance(STEP);
    stage.look().await;
    assert!(!stage.shows("disk.reserve"));
    for _ in 0..40 {
        stage.advance(STEP);
        stage.look().await;
    }
    assert!(!stage.shows("disk.filling"), "{}", stage.gauges());
}
