//! The union's own keys are replaced: the new ones come first, the old ones stay behind them.

use kenpo_express::domain::clock::Clock;
use kenpo_express::message::receipt::SignedReceipt;
use kenpo_express::pki::{Profile, Subject};

use crate::gateway_support::GatewayWorld;
use crate::support::relay::issue;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_files_still_open_and_new_receipts_are_signed_by_the_new_key() {
    let mut world = GatewayWorld::new().await;
    let mut sender = world.sender("taro-1").await;
    let before = world.send(&mut sender, b"before");
    world.pull().await;
    let late = world.send(&mut sender, b"sealed for the old key");

    let own = |profile| {
        issue(&world.union.authority, Subject::Union(world.union.insurer.clone()), &profile, world.clock.now())
    };
    let (signing, encryption) = (own(Profile::UnionSigning), own(Profile::UnionEncryption));
    world.roll_over(&signing, &encryption);
    world.pull().await;
    world.union.encryption = encryption;
    let after = world.send(&mut sender, b"sealed for the new key");
    world.pull().await;

    let admin = world.admin("staff").await;
    for (id, content) in [(before, "before"), (late, "sealed for the old key"), (after, "sealed for the new key")] {
        let output = world.folder.path().join(id.to_string());
        admin.export(id, &output).await.unwrap();
        assert_eq!(std::fs::read_to_string(&output).unwrap(), content);
        let receipt = SignedReceipt::from_der(world.relay.receipt(id).unwrap());
        let old = receipt.verify(world.union.signing.certificate()).is_ok();
        let new = receipt.verify(signing.certificate()).is_ok();
        assert_eq!((old, new), (id == before, id != before), "{content}");
    }
}
