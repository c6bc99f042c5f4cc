//! Who is told of alerts when mails are refused, and who comes later.

use std::fs;
use std::path::Path;

use jiff::SignedDuration;
use kenpo_express::mail::{Login, Mailer};

use super::LATER;
use super::causes::{mend, provoke};
use super::stage::Stage;
use crate::relay_smtp::Server;
use crate::support::enrolment::decoded;

const A_MINUTE: SignedDuration = SignedDuration::from_mins(1);

fn by(server: &Server) -> Mailer {
    let (login, root) = (Login::read(&server.path("login")).unwrap(), fs::read(server.path("root.pem")).unwrap());
    let transport = format!("smtp://localhost:{}", server.port);
    Mailer::new(&transport, Path::new("."), Some(&login), Some(&root)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_in_a_refused_mail_is_in_the_next_one_that_goes_and_then_no_mail_counts_as_refused() {
    let (server, stage) = (Server::start("starttls"), Stage::new("mail.refused").await);
    mend(&stage, "revocation.old").await;
    mend(&stage, "pull.overdue").await;
    let notices = stage.notices(&["refused@example.jp"], by(&server));
    notices.run().await.unwrap();
    provoke(&stage, "keys.refused").await;
    stage.look().await;
    assert_eq!(notices.run().await, Err("mail.refused"));
    stage.look().await;
    assert!(stage.fires("mail.refused").await);
    // The mailbox has room again. The first mail has to come once more, says the server.
    fs::write(server.path("open"), b"").unwrap();
    stage.advance(LATER);
    mend(&stage, "pull.overdue").await;
    assert_eq!(notices.run().await, Err("mail.deferred"));
    stage.advance(A_MINUTE);
    notices.run().await.unwrap();
    let mails = server.mails();
    let [mail] = &mails[..] else { panic!("one mail: {mails:?}") };
    let text = decoded(&fs::read(mail).unwrap()).1;
    assert!(text.contains("keys.refused") && text.contains("mail.refused"), "{text}");
    stage.look().await;
    stage.advance(LATER);
    stage.look().await;
    assert!(!stage.fires("mail.refused").await, "one that has gone says that the address takes mails");
    // What it was told of is told as over, once.
    mend(&stage, "keys.refused").await;
    for _ in 0..2 {
        stage.look().await;
        stage.advance(LATER);
    }
    notices.run().await.unwrap();
    let over = decoded(&fs::read(server.mails().last().unwrap()).unwrap()).1;
    assert!(over.contains("解消しました (keys.refused)") && over.contains("解消しました (mail.refused)"), "{over}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_mail_counts_no_more_when_its_address_is_gone() {
    let stage = Stage::new("mail.refused").await;
    mend(&stage, "revocation.old").await;
    let notices = stage.notices(&["nobody"], stage.mailer());
    notices.run().await.unwrap();
    provoke(&stage, "keys.refused").await;
    stage.look().await;
    assert_eq!(notices.run().await, Err("mail.address"), "no mail can go there");
    stage.look().await;
    assert!(stage.fires("mail.refused").await);
    assert!(stage.mails().await.iter().any(|mail| mail.contains("mail.refused")), "whoever comes instead hears of it");
    stage.look().await;
    stage.advance(LATER);
    stage.look().await;
    assert!(!stage.fires("mail.refused").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_comes_later_is_told_what_fires_already() {
    let stage = Stage::new("keys.refused").await;
    mend(&stage, "revocation.old").await;
    provoke(&stage, "keys.refused").await;
    stage.look().await;
    // Mails are switched on only now.
    stage.notices(&["first@example.jp"], stage.mailer()).run().await.unwrap();
    let told = stage.kept();
    assert!(told.len() == 1 && told[0].1.contains("keys.refused") && told[0].0.contains("first@"), "{told:?}");
    stage.advance(LATER);
    stage.notices(&["first@example.jp", "second@example.jp"], stage.mailer()).run().await.unwrap();
    let told = stage.kept();
    assert!(told.len() == 1 && told[0].1.contains("keys.refused") && told[0].0.contains("second@"), "{told:?}");
    // Over, for both.
    mend(&stage, "keys.refused").await;
    for _ in 0..2 {
        stage.look().await;
        stage.advance(LATER);
    }
    stage.notices(&["first@example.jp", "second@example.jp"], stage.mailer()).run().await.unwrap();
    let told = stage.kept();
    assert_eq!(told.iter().filter(|(_, text)| text.contains("解消しました (keys.refused)")).count(), 2, "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_no_more_receipts_are_wrong_is_not_said_to_be_the_end_of_the_matter() {
    let stage = Stage::new("receipt.refused").await;
    mend(&stage, "revocation.old").await;
    stage.mails().await;
    provoke(&stage, "receipt.refused").await;
    stage.look().await;
    stage.mails().await;
    mend(&stage, "receipt.refused").await;
    for _ in 0..2 {
        stage.look().await;
        stage.advance(LATER);
    }
    let mails = stage.mails().await;
    let over = mails.iter().find(|mail| mail.contains("解消しました (receipt.refused)")).unwrap();
    assert!(over.contains("警告は残っています") && over.contains("the warnings of those messages stand"), "{over}");
}
