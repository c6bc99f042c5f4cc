//! Registration and letters on a disk that is full.

use std::fs;
use std::io::Write;
use std::path::Path;

use kenpo_express::domain::ids::UserId;
use kenpo_express::gateway::flows::orders;
use kenpo_express::store::gateway::directory::Filter;

use crate::enrol_gateway_support::{OFFICE, contact};
use crate::gateway_support::GatewayWorld;
use crate::pull_disk::Small;

/// Writes until nothing more goes.
fn fill(path: &Path) {
    let mut file = fs::File::create(path).unwrap();
    for size in [1 << 16, 1 << 12, 1] {
        while file.write_all(&vec![1; size]).is_ok() {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_half_registered_and_no_letter_half_made() {
    let disk = Small::mount("24m");
    let world = GatewayWorld::within(disk.path(), 0).await;
    orders::announce(&world.receiver).await.unwrap();
    let admin = world.admin("staff").await;
    let office = "12-34".parse().unwrap();
    admin.add_office(&office, &OFFICE.parse().unwrap()).await.unwrap();
    let ids: Vec<UserId> = ["ichiro-1", "jiro-2", "saburo-3"].map(|id| id.parse().unwrap()).into();
    for id in &ids {
        admin.register_user(&office, Some(id), &contact()).await.unwrap();
    }
    let folder = disk.path().join("letters");
    fs::create_dir(&folder).unwrap();
    let mut file = "事業所記号,事業所名,利用者名,メールアドレス,端末名\r\n".to_owned();
    for number in 0..5_000 {
        file.extend([
            "12-34,",
            OFFICE,
            ",利用者",
            &number.to_string(),
            ",user",
            &number.to_string(),
            "@example.jp,\r\n",
        ]);
    }
    let file = file.into_bytes();
    let states = async || -> Vec<&'static str> {
        let users = admin.users(&Filter::default(), 10_000).await.unwrap();
        users.into_iter().map(|user| user.state).collect()
    };

    let filler = disk.path().join("filler");
    fill(&filler);
    let refused = admin.import_users(file.clone(), false).await.unwrap_err().to_string();
    assert!(refused.contains("データベース"), "{refused}");
    assert!(admin.write_letters(&ids, &folder).await.iter().all(|(_, written)| written.is_err()));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "no letter, hidden or not");
    assert_eq!(states().await, ["registered"; 3]);

    fs::remove_file(&filler).unwrap();
    assert!(admin.write_letters(&ids, &folder).await.iter().all(|(_, written)| written.is_ok()));
    assert_eq!(admin.import_users(file, false).await.unwrap().users, 5_000);
    assert_eq!((states().await.len(), fs::read_dir(&folder).unwrap().count()), (5_003, 3));
}
