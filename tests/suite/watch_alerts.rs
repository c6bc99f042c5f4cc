//! What staff are alerted of: every rule is made to fire and to clear, by a clock that is moved by hand.

mod causes;
mod disk;
mod seen;
mod stage;
mod told;

use jiff::SignedDuration;
use kenpo_express::gateway::watch::rules::RULES;

use stage::Stage;

/// Longer than an alert must be calm, and than mails are gathered.
const LATER: SignedDuration = SignedDuration::from_mins(6);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_rule_fires_and_clears_and_is_told_once_each() {
    for rule in RULES {
        let stage = Stage::new(rule.code).await;
        causes::mend(&stage, rule.code).await;
        stage.look().await;
        assert!(!stage.fires(rule.code).await, "{}: all is well", rule.code);
        stage.mails().await;

        causes::provoke(&stage, rule.code).await;
        stage.look().await;
        assert_eq!(stage.fires(rule.code).await, rule.after.is_zero(), "{}", rule.code);
        stage.advance(rule.after);
        stage.look().await;
        assert!(stage.fires(rule.code).await, "{} fires", rule.code);
        stage.look().await;
        stage.advance(LATER);
        let told: Vec<String> = stage.mails().await.into_iter().filter(|mail| mail.contains(rule.what)).collect();
        let [mail] = &told[..] else { panic!("{}: one mail: {told:?}", rule.code) };
        for words in [rule.meaning, rule.remedy, rule.english, rule.code] {
            assert!(mail.contains(words), "{mail}");
        }

        causes::mend(&stage, rule.code).await;
        stage.look().await;
        assert!(stage.fires(rule.code).await, "{}: it may be for a moment only", rule.code);
        stage.advance(LATER);
        causes::mend(&stage, rule.code).await;
        stage.look().await;
        assert!(!stage.fires(rule.code).await, "{} clears", rule.code);
        let over = format!("・解消しました ({})", rule.code);
        assert_eq!(stage.mails().await.iter().filter(|mail| mail.contains(&over)).count(), 1, "{}", rule.code);
        stage.look().await;
        stage.advance(LATER);
        assert!(!stage.mails().await.iter().any(|mail| mail.contains(rule.code)), "{}: nothing twice", rule.code);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_together_is_one_mail_and_what_was_over_before_anybody_heard_is_none() {
    let stage = Stage::new("task.failing").await;
    causes::mend(&stage, "revocation.old").await;
    stage.look().await;
    stage.mails().await;
    for code in ["keys.refused", "vpn.route-elsewhere"] {
        causes::provoke(&stage, code).await;
    }
    stage.look().await;
    let mails = stage.mails().await;
    let [mail] = &mails[..] else { panic!("one mail: {mails:?}") };
    for code in ["keys.refused", "vpn.route-elsewhere"] {
        assert!(mail.contains(code), "{mail}");
    }
    // It comes and goes within the window of the mail before.
    causes::provoke(&stage, "relay.clock").await;
    stage.look().await;
    assert!(stage.fires("relay.clock").await);
    causes::mend(&stage, "relay.clock").await;
    stage.look().await;
    stage.advance(SignedDuration::from_mins(2));
    stage.look().await;
    assert!(!stage.fires("relay.clock").await);
    stage.advance(LATER);
    assert_eq!(stage.mails().await, Vec::<String>::new(), "nobody is told of what is not any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_starts_anew_tells_nothing_twice_and_forgets_nothing() {
    let stage = Stage::new("keys.refused").await;
    causes::mend(&stage, "revocation.old").await;
    stage.mails().await;
    causes::provoke(&stage, "keys.refused").await;
    stage.look().await;
    let stage = stage.again();
    stage.look().await;
    assert_eq!(stage.mails().await.len(), 1);
    let stage = stage.again();
    stage.look().await;
    stage.advance(LATER);
    assert!(stage.mails().await.is_empty());
    // It is mended while nobody looks.
    causes::mend(&stage, "keys.refused").await;
    let stage = stage.again();
    stage.look().await;
    stage.advance(LATER);
    stage.look().await;
    let mails = stage.mails().await;
    assert!(mails.len() == 1 && mails[0].contains("解消しました (keys.refused)"), "{mails:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_by_ten_years_either_way_leaves_nothing_behind() {
    // Together less than the relay's clock, which does not jump, may be off.
    const CALM: SignedDuration = SignedDuration::from_mins(2);
    let stage = Stage::new("pull.overdue").await;
    causes::mend(&stage, "revocation.old").await;
    causes::mend(&stage, "pull.overdue").await;
    stage.look().await;
    for years in [10, -10] {
        let jump = SignedDuration::from_hours(24 * 365 * years);
        stage.advance(jump);
        stage.look().await;
        stage.advance(CALM);
        stage.look().await;
        if years > 0 {
            assert!(stage.fires("pull.overdue").await && stage.fires("certificate.own").await);
        }
        stage.advance(-jump);
        for _ in 0..2 {
            stage.look().await;
            stage.advance(CALM);
        }
        causes::mend(&stage, "pull.overdue").await;
        stage.look().await;
        assert_eq!(stage.firing().await, Vec::<String>::new(), "{years} years");
    }
}
