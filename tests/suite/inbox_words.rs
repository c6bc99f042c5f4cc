//! What the union says when it returns a file that was sent: sealed for the sender, opened and shown by the app.

use kenpo_express::domain::clock::Clock;
use kenpo_express::domain::ids::MessageId;
use kenpo_express::employer::record::ReturnWords;
use kenpo_express::employer::{Home, State};
use kenpo_express::message::keys::Certificate;
use kenpo_express::message::receipt::{Receipt, Return, SignedReceipt, Stage};
use kenpo_express::message::words;
use kenpo_express::pki::{Profile, Subject};
use kenpo_express::runtime::clock::{SystemClock, SystemRandom};
use kenpo_express::sandbox::parties::union;

use super::exchange_employer::Parties;
use super::inbox_support::{issue, new_id};

#[tokio::test(flavor = "multi_thread")]
async fn the_reason_of_a_return_is_for_the_sender_and_for_that_message() {
    let parties = Parties::start().await;
    let files: Vec<_> = (0..5).map(|n| parties.file(&format!("{n}.csv"), b"wages")).collect();
    parties.app().await.send(&files, None).await.unwrap();
    let home = Home::read(&parties.world.employer_home()).unwrap();
    let ours = Certificate::from_der(&home.certificates().encryption[0].0).unwrap();
    let gateway = parties.world.dir.join("gateway");
    let ca = kenpo_express::pki::Authority::load(
        &std::fs::read(gateway.join("union-ca.pem")).unwrap(),
        &std::fs::read(gateway.join("union-ca.key")).unwrap(),
    )
    .unwrap();
    let stranger = issue(&ca, Subject::Union(union()), &Profile::UnionEncryption);
    let sealed = |id: MessageId, to: &Certificate| {
        let told = Return { message_id: id, reason: "様式が\n古い\u{202E}です".to_owned() };
        words::seal(&told, std::slice::from_ref(to), &SystemRandom).unwrap()
    };
    let waiting = parties.waiting().await;
    for (number, parcel) in waiting.iter().enumerate() {
        let (verified, _) = parties.verified(parcel).await;
        parties.acknowledge(parcel.id, &verified).await;
        let before = parties.app().await.sent().await.unwrap().items[number].record.receipts[1].der.clone();
        let words = match number {
            0 => Some(sealed(parcel.id, &ours)),
            1 => Some(sealed(new_id(), &ours)),
            2 => Some(sealed(parcel.id, stranger.certificate())),
            3 => Some(b"no words at all".to_vec()),
            _ => None,
        };
        let previous = Some(SignedReceipt::from_der(before.0).hash());
        let returned = Receipt { stage: Stage::Returned, at: SystemClock.now(), words, previous, ..verified };
        parties.acknowledge(parcel.id, &returned).await;
    }
    let list = parties.app().await.sent().await.unwrap();
    assert!(list.items.iter().all(|sent| sent.trouble.is_none() && sent.record.state() == State::Returned));
    let told: Vec<_> = list.items.iter().map(|sent| sent.record.returned.clone()).collect();
    let reason = ReturnWords::Told { reason: "様式が\n古い\u{202E}です".to_owned() };
    let closed = Some(ReturnWords::Closed);
    assert_eq!(told, [Some(reason.clone()), Some(ReturnWords::Other), closed.clone(), closed, None]);

    // Kept, and shown without a relay too: on one line, in the order in which it was written.
    parties.relay.stop(&parties.shutdown).await;
    let kept = kenpo_express::employer::sent::SentList::known_before(
        &parties.world.employer_home(),
        kenpo_express::employer::EmployerError::Identity,
    );
    assert_eq!(kept.unwrap().items[0].record.returned, Some(reason));
}
