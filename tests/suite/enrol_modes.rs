//! What our programs make belongs to the account that runs them and to nobody else, whatever that account's umask is.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use kenpo_express::sandbox::parties::{contact, office_name};

use super::exchange_support::{Folder, text, wait_for};
use super::walk_support::{Mail, NEW_PASSWORD, passwords_of};

/// A command of an account that would let everybody write everywhere.
fn open_handed(command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", "umask 000; exec \"$@\"", "sh"]).arg(command.get_program()).args(command.get_args());
    shell.stdin(Stdio::null());
    shell
}

fn run(command: &Command) -> Output {
    let output = open_handed(command).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", text(&output.stderr));
    output
}

/// Everything below a folder, and the folder, that others than the owner may do something with.
fn exposed(path: &Path) -> Vec<PathBuf> {
    let metadata = fs::symlink_metadata(path).unwrap();
    let mut found = Vec::new();
    if metadata.permissions().mode() & 0o077 != 0 {
        found.push(path.to_owned());
    }
    if metadata.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            found.extend(exposed(&entry.unwrap().path()));
        }
    }
    found
}

/// Somebody's files, of which the account itself made the folder.
fn secret(folder: &Folder, name: &str, content: &str) -> PathBuf {
    let path = folder.path("secrets").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_the_sandbox_makes_is_open_to_others() {
    let folder = Folder::new();
    let mut command = folder.command("kx-sandbox");
    command.args(["--once", "--json"]);
    run(&command);
    assert_eq!(exposed(&folder.path("sandbox")), Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_relay_gateway_and_app_make_is_open_to_others() {
    let folder = Folder::new();
    let mut sandbox = folder.command("kx-sandbox");
    run(sandbox.args(["--once", "--json"]));
    // What is left are settings and certificates: as if an administrator had put them there.
    for made in ["relay/data", "relay/mail", "gateway/data"] {
        fs::remove_dir_all(folder.path("sandbox").join(made)).unwrap();
    }
    let gateway = |arguments: &[&str]| run(folder.command("kx-gateway").args(arguments));
    let path = |name: &str| folder.path("sandbox").join(name).to_str().unwrap().to_owned();
    let (client, authority) = (path("gateway/tls.pem"), path("gateway/union-ca.pem"));
    let union = ["union", "add", "--insurer", "06999999", "--name", "見本"];
    run(folder.command("kx-server").args(union).args(["--client-cert", &client, "--ca", &authority]));
    let _servers = ["kx-server", "kx-gateway"].map(|program| {
        let mut command = folder.command(program);
        folder.serve_by(program, open_handed(command.arg("serve")).stdout(Stdio::null()).stderr(Stdio::null()))
    });

    let (office, contact) = (office_name(), contact());
    gateway(&["office", "add", "--code", "12-34", "--name", office.as_str()]);
    let who = ["--name", contact.name.as_str(), "--mail", contact.mail.as_str()];
    gateway(&[&["user", "add", "--office", "12-34", "--user", "hanako-1"][..], &who].concat());
    let letters = folder.path("letters");
    gateway(&["user", "letter", "--all-new", "-o", letters.to_str().unwrap()]);
    let letter = passwords_of(&letters.join("hanako-1.html"));
    let mails = || fs::read_dir(path("relay/mail")).into_iter().flatten().map(|mail| mail.unwrap().path());
    let is_mail = |mail: &PathBuf| mail.extension().is_some_and(|extension| extension == "eml");
    wait_for(|| mails().any(|mail| is_mail(&mail)), "the mail comes");
    let link = Mail::read(&mails().find(is_mail).unwrap()).link;
    let roots = kenpo_express::message::keys::Certificate::all_from_pem(&fs::read(path("operator/ca.pem")).unwrap());
    let page = kenpo_express::wire::client::EnrolmentPage::open(&link, &roots.unwrap()).unwrap().unwrap();
    let zip = page.download(&letter.download).await.unwrap().unwrap();

    let kit = folder.path("secrets/kenpoexpress.zip");
    let (pin, initial) = (secret(&folder, "pin.txt", "4711"), secret(&folder, "initial.txt", &letter.login));
    fs::write(&kit, zip).unwrap();
    let password = secret(&folder, "password.txt", NEW_PASSWORD);
    let home = folder.path("kenpoexpress");
    let employer = |password: &Path, arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kx-employer"));
        command.arg("--home").arg(&home).arg("--pin-file").arg(&pin).arg("--password-file").arg(password);
        run(command.args(arguments))
    };
    let names = ["--office", office.as_str(), "--user", contact.name.as_str(), "--mail", contact.mail.as_str()];
    let files = ["--new-password-file", password.to_str().unwrap(), "--kit", kit.to_str().unwrap()];
    employer(&initial, &[&["setup"][..], &names, &files].concat());
    let file = folder.file("届.csv", b"wages");
    employer(&password, &["send", file.to_str().unwrap()]);
    let logs = folder.path("logs.zip");
    employer(&password, &["logs", "--out", logs.to_str().unwrap()]);
    let listed = || gateway(&["received", "list", "--json"]).stdout;
    wait_for(|| text(&listed()).contains("accepted"), "the union has it");
    let received: serde_json::Value = serde_json::from_slice(&listed()).unwrap();
    let (out, report) = (folder.path("out.csv"), folder.path("report.html"));
    gateway(&["received", "export", received[0]["id"].as_str().unwrap(), "-o", out.to_str().unwrap()]);
    gateway(&["user", "disable", "hanako-1", "--reason", "lost"]);
    gateway(&["user", "incident", "hanako-1", "-o", report.to_str().unwrap()]);

    let all = ["sandbox/relay/data", "sandbox/relay/mail", "sandbox/gateway/data", "letters", "kenpoexpress"];
    let mut open: Vec<PathBuf> = all.iter().flat_map(|made| exposed(&folder.path(made))).collect();
    open.extend([&logs, &out, &report].into_iter().flat_map(|made| exposed(made)));
    assert_eq!(open, Vec::<PathBuf>::new());
}
