//! A file that comes again after nobody got it, and copies that nobody knows of.

use std::fs;
use std::sync::Arc;

use jiff::SignedDuration;
use kenpo_express::domain::ids::MessageId;
use kenpo_express::domain::user::{DisableReason, UserState};
use kenpo_express::gateway::flows::send::{NewDispatch, Origin, To};
use kenpo_express::gateway::view::sent::DispatchView;
use kenpo_express::runtime::clock::SystemRandom;

use crate::api_support::recipient;
use crate::gateway_support::{GatewayWorld, sender};
use crate::send_support::new_dispatch;

async fn stage(world: &GatewayWorld, origin: Origin) -> DispatchView {
    let new = NewDispatch {
        origin,
        key: Some("the-same".to_owned()),
        actor: "staff".to_owned(),
        ..new_dispatch(vec![To::User("hanako-1".parse().unwrap())], 7)
    };
    sender(&world.receiver, world.folder.path(), false).stage(new, &b"content"[..]).await.unwrap()
}

#[tokio::test]
async fn the_same_file_is_a_new_dispatch_when_the_one_before_reached_nobody() {
    let world = GatewayWorld::new().await;
    recipient(&world, "hanako-1").await;
    let disabled = UserState::Disabled { reason: DisableReason::Other, at: world.clock_now() };
    let all = [Origin::Command, Origin::Folder, Origin::Api];
    world.change_user("hanako-1", |user| user.state = disabled).await;
    let mut before = Vec::new();
    for origin in all {
        let stopped = stage(&world, origin).await;
        assert_eq!(stopped.messages[0].state, "stopped");
        before.push(stopped.id);
    }
    world.change_user("hanako-1", |user| user.state = UserState::Enabled).await;
    let push = Arc::new(sender(&world.receiver, world.folder.path(), false));
    for (origin, before) in all.into_iter().zip(before) {
        if origin == Origin::Folder {
            // As long as it lies where it was found nobody comes again with it.
            assert_eq!(stage(&world, origin).await.id, before);
            push.put_away(before.parse().unwrap()).await.unwrap();
        }
        let again = stage(&world, origin).await;
        // A program's key is for good: it asks for what became of it.
        assert_eq!(again.id != before, origin != Origin::Api, "{origin:?}");
        assert_eq!(stage(&world, origin).await.id, again.id, "what is on its way is the same");
    }
    // Taken back: a person who sends it once more means it, a file that lies in the folder still does not.
    for origin in [Origin::Command, Origin::Folder] {
        let sent = stage(&world, origin).await;
        push.recall(sent.messages[0].id.parse().unwrap(), "staff").await.unwrap();
        assert_eq!(stage(&world, origin).await.id != sent.id, origin == Origin::Command, "{origin:?}");
    }
}

#[tokio::test]
async fn copies_of_what_was_never_taken_in_go_after_a_day() {
    let world = GatewayWorld::new().await;
    recipient(&world, "hanako-1").await;
    let dispatch = stage(&world, Origin::Command).await;
    let push = sender(&world.receiver, world.folder.path(), false);
    let stray = push.outbox.staged(MessageId::new(world.clock_now(), &SystemRandom));
    fs::write(&stray, b"left by a crash").unwrap();
    assert_eq!(push.remove_strays().await.unwrap(), 0, "somebody may be about to take it in");
    world.clock.advance(SignedDuration::from_hours(25));
    assert_eq!(push.remove_strays().await.unwrap(), 1);
    assert!(!stray.exists() && push.outbox.staged(dispatch.id.parse().unwrap()).exists());
}
