//! Mails that come back: from the mail server's pipe to the list of users that staff see.

use std::io::Write;
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::exchange_support::text;
use crate::integration_support::{Core, names};

/// What a mail server pipes in when it has given up a mail.
fn report(original: &str, action: &str) -> String {
    format!(
        "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.jp (Mail Delivery System)\nTo: noreply@example.jp\n\
         Subject: Undelivered Mail Returned to Sender\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=delivery-status;\n\tboundary=\"A1.1/mx\"\n\nThis is MIME.\n\n\
         --A1.1/mx\nContent-Description: Notification\nContent-Type: text/plain; charset=utf-8\n\nSorry.\n\n\
         --A1.1/mx\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.jp\n\n\
         Final-Recipient: rfc822; hanako@example.jp\nAction: {action}\nStatus: 5.1.1\n\n\
         --A1.1/mx\nContent-Type: message/rfc822\n\n{original}\n\n--A1.1/mx--\n"
    )
}

fn bounce(core: &Core, mail: &str) -> Output {
    let mut command = core.folder.command("kx-server");
    command.arg("bounce").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(mail.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn a_mail_that_comes_back_shows_at_its_user_until_the_address_is_another() {
    let core = Core::new();
    let relay = core.serve("kx-server");
    let gateway = core.serve("kx-gateway");
    let folder = core.folder.path("sandbox/relay/mail");
    let mail = std::fs::read_to_string(folder.join(names(&folder).last().unwrap())).unwrap();
    let failed = |arguments: &[&str]| match core.staff(arguments) {
        Value::Array(users) => users[0]["mail_failed_at"].clone(),
        user => user["mail_failed_at"].clone(),
    };
    let nothing: [(String, &str); 4] = [
        (report(&mail, "delayed"), "late"),
        (report(&mail.replace("Message-ID: <", "Message-ID: <0"), "failed"), "no mail that went out"),
        ("Subject: Out of office\n\nI am away.\n".to_owned(), "no report"),
        (String::new(), "no report"),
    ];
    for (piped, expected) in nothing {
        let done = bounce(&core, &piped);
        assert!(done.status.success() && text(&done.stderr).contains(expected), "{}", text(&done.stderr));
    }
    assert_eq!(failed(&["user", "show", "hanako-1"]), Value::Null);

    let done = bounce(&core, &report(&mail, "failed"));
    let said = text(&done.stderr);
    assert!(done.status.success() && said.contains("5.1.1") && !said.contains("hanako"), "{said}");
    // A second report of the same mail says nothing new.
    assert!(text(&bounce(&core, &report(&mail, "failed")).stderr).contains("no mail that went out"));
    let shown = core.staff(&["user", "show", "hanako-1"]);
    assert!(shown["relay"]["mail_failed_at"].is_string(), "{shown:#}");
    assert_eq!(shown["relay"]["mail_failed_at"], failed(&["user", "show", "hanako-1"]));
    assert_eq!(shown["relay"]["mail_failed_at"], failed(&["user", "list"]));
    let list = text(&core.folder.run("kx-gateway", &["user", "list"]).stdout);
    assert!(list.contains("メール不達"), "{list}");
    let status = core.folder.run("kx-server", &["status", "--json"]);
    assert_eq!(serde_json::from_slice::<Value>(&status.stdout).unwrap()["mail_failures"], 1);

    // A new letter is a new address, as far as anybody knows.
    let letter = core.folder.path("letter.html");
    core.staff(&["user", "letter", "hanako-1", "--new-passwords", "-o", letter.to_str().unwrap()]);
    assert_eq!(failed(&["user", "list"]), Value::Null);
    assert_eq!(failed(&["user", "show", "hanako-1"]), Value::Null);
    gateway.stop();
    relay.stop();
    // Without a database it can work with the mail server is to try again.
    std::fs::remove_dir_all(core.folder.path("sandbox/relay/data")).unwrap();
    std::fs::write(core.folder.path("sandbox/relay/data"), b"no folder").unwrap();
    assert_eq!(bounce(&core, &report(&mail, "failed")).status.code(), Some(75));
}
