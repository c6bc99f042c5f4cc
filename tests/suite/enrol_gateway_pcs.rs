//! Enrolment at the gateway of a PC that is to take the place of another.

use jiff::SignedDuration;
use kenpo_express::gateway::flows::enrol::Review;
use kenpo_express::gateway::flows::orders;
use kenpo_express::message::keys::Certificate;
use kenpo_express::store::gateway::audit;
use kenpo_express::wire::Der;
use kenpo_express::wire::enrolment::{Outcome, RefusalReason};

use crate::enrol_gateway::{accepted, revoked};
use crate::enrol_gateway_support::{Pc, answer, ask, invite, letter, world};
use crate::gateway_support::Sender;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_pc_waits_for_staff_and_replaces_the_first() {
    let (world, admin) = world().await;
    let invited = invite(&world, &admin, "sakiko-1").await;
    let (old, new) = (Pc::new(), Pc::new());
    let mut sender = Sender::new("sakiko-1", old.credential(&invited.ask(&world, &old).await));
    let first = invited.first(&world, &new);
    let sealed = invited.seal(&world, &first);
    let waits = ask(&world, first.id, invited.user(), &sealed).await;
    assert_eq!((&waits.answer.outcome, &waits.whole.registration), (&Outcome::WaitsForApproval, &None));
    assert_eq!(admin.status().await.unwrap().devices_waiting, ["sakiko-1"]);
    assert_eq!(admin.user_detail(invited.user()).await.unwrap().waiting, [new.id.mark().to_string()]);
    assert!(accepted(&world, &mut sender).await, "the first PC goes on until then");

    world.clock.advance(SignedDuration::from_secs(1));
    let unnamed = admin.review_device(invited.user(), None, Review::Approve).await.unwrap_err().to_string();
    assert!(unnamed.contains("PC番号8桁を") && unnamed.contains("電話"), "what to ask on the telephone: {unnamed}");
    let wrong =
        admin.review_device(invited.user(), Some(old.id.mark()), Review::Approve).await.unwrap_err().to_string();
    assert!(wrong.contains(&old.id.mark().to_string()) && wrong.contains("--refuse"), "{wrong}");
    let at_console = world.admin("staff").await.coming_from("192.0.2.7");
    at_console.review_device(invited.user(), Some(new.id.mark()), Review::Approve).await.unwrap();
    let entries = audit::of_subject(world.receiver.database.read(), "sakiko-1", 20).await.unwrap();
    let answered: Vec<_> = entries.iter().filter(|entry| entry.action == "request.answered").collect();
    let by_whom = |one: &audit::Recorded| (one.actor.clone(), one.origin.clone(), one.after.clone());
    assert_eq!(by_whom(answered[0]), ("staff".to_owned(), "192.0.2.7".to_owned(), "issued".to_owned()));
    assert_eq!(answered[1].origin, "", "what the gateway does by itself comes from nowhere");
    let approved = answer(&world, first.id, &sealed).await;
    let next = new.credential(&approved);
    let registration = approved.whole.registration.as_ref().unwrap();
    assert_eq!(registration.certificates, [Der(next.certificate().der().to_vec())]);
    assert_eq!(registration.devices.iter().map(|device| device.pc).collect::<Vec<_>>(), [new.id]);
    assert_eq!(registration.login.as_ref(), Some(&invited.login));
    assert!(!accepted(&world, &mut sender).await);
    assert!(revoked(&world, sender.credential.certificate()).await && !revoked(&world, next.certificate()).await);
    let again = admin.review_device(invited.user(), Some(new.id.mark()), Review::Approve).await;
    assert!(again.is_err(), "nothing waits any more");

    // A third one is refused, and the second stays.
    let third = invited.first(&world, &Pc::new());
    let sealed = invited.seal(&world, &third);
    ask(&world, third.id, invited.user(), &sealed).await;
    admin.review_device(invited.user(), None, Review::Refuse).await.unwrap();
    assert_eq!(answer(&world, third.id, &sealed).await.refusal(), RefusalReason::NotApproved);
    assert!(!revoked(&world, next.certificate()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_keys_under_the_name_of_the_present_pc_wait_for_staff_too() {
    let (world, admin) = world().await;
    let invited = invite(&world, &admin, "sakiko-1").await;
    let pc = Pc::new();
    let mut sender = Sender::new("sakiko-1", pc.credential(&invited.ask(&world, &pc).await));
    // Whoever finds the letter and the kit, and has seen the PC's name, which is no secret.
    let thief = invited.ask(&world, &pc.rekeyed()).await;
    assert_eq!((&thief.answer.outcome, &thief.whole.registration), (&Outcome::WaitsForApproval, &None));
    assert!(accepted(&world, &mut sender).await, "the PC goes on");
    assert_eq!(admin.user_detail(invited.user()).await.unwrap().waiting, [pc.id.mark().to_string()]);
    // And a second one: which of them the person on the telephone has, nobody can tell.
    invited.ask(&world, &pc.rekeyed()).await;
    let approved = admin.review_device(invited.user(), Some(pc.id.mark()), Review::Approve).await;
    assert!(approved.unwrap_err().to_string().contains("--new-passwords"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_pcs_that_wait_the_one_that_is_meant_has_to_be_named() {
    let (world, admin) = world().await;
    let invited = invite(&world, &admin, "sakiko-1").await;
    invited.ask(&world, &Pc::new()).await;
    let (own, thief) = (Pc::new(), Pc::new());
    invited.ask(&world, &own).await;
    invited.ask(&world, &thief).await;
    let marks = [own.id.mark().to_string(), thief.id.mark().to_string()];
    let unnamed = admin.review_device(invited.user(), None, Review::Refuse).await.unwrap_err().to_string();
    assert!(marks.iter().all(|mark| unnamed.contains(mark)), "{unnamed}");
    let unnamed = admin.review_device(invited.user(), None, Review::Approve).await.unwrap_err().to_string();
    assert!(!marks.iter().any(|mark| unnamed.contains(mark)), "the person has to say it: {unnamed}");
    let typed = own.id.mark().to_string().to_uppercase().parse().unwrap();
    admin.review_device(invited.user(), Some(typed), Review::Approve).await.unwrap();
    let detail = admin.user_detail(invited.user()).await.unwrap();
    assert_eq!((detail.user.enrolment.unwrap().pc, detail.waiting), (Some(own.id.to_string()), vec![]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_letter_replaces_the_pc_only_when_it_is_used() {
    let (world, admin) = world().await;
    let invited = invite(&world, &admin, "sakiko-1").await;
    assert!(admin.letter(invited.user(), false).await.is_err(), "printed once");
    let pc = Pc::new();
    let mut sender = Sender::new("sakiko-1", pc.credential(&invited.ask(&world, &pc).await));
    let kit = Certificate::from_pem(invited.device.as_bytes()).unwrap();
    let next = letter(&world, &admin, invited.user(), true).await;
    assert!(accepted(&world, &mut sender).await && revoked(&world, &kit).await);
    world.clock.advance(SignedDuration::from_secs(1));
    let replaced = next.ask(&world, &Pc::new()).await;
    assert!(matches!(replaced.answer.outcome, Outcome::Issued { .. }));
    assert!(!accepted(&world, &mut sender).await);
    let published = orders::send_due(&world.receiver).await;
    assert_eq!((published, admin.status().await.unwrap().open_orders), (Ok(()), vec![]));
}
