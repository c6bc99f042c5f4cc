//! `init` of both servers by the real programs: what is made, for whom, again, and after being killed at any step.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use crate::exchange_support::text;
use crate::operate_support::{Operated, everything};

fn json(operated: &Operated, program: &str, arguments: &[&str]) -> Value {
    serde_json::from_slice(&operated.done(program, arguments).stdout).unwrap()
}

#[test]
fn both_are_set_up_and_speak_to_each_other_and_a_second_run_changes_nothing() {
    let operated = Operated::new();
    operated.set_up();
    for program in ["kx-server", "kx-gateway"] {
        operated.done(program, &["check-config"]);
    }
    for folder in ["relay", "gateway"] {
        let mode = fs::metadata(operated.path(folder).join(if folder == "relay" { "ca" } else { "data" })).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o700);
        for (path, mode, _) in everything(&operated.path(folder)) {
            assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
        }
    }
    // Every comment of the shipped configuration is there.
    let own = fs::read_to_string(operated.path("gateway/gateway.toml")).unwrap();
    let shipped = include_str!("../../config/gateway.toml");
    for line in shipped.lines().filter(|line| line.starts_with('#')) {
        assert!(own.contains(line), "{line}");
    }
    // Public material only is handed over.
    for name in ["relay/for-unions.toml", "gateway/for-the-operator.toml"] {
        let handed = fs::read_to_string(operated.path(name)).unwrap();
        assert!(handed.contains("BEGIN CERTIFICATE") && !handed.contains("PRIVATE"), "{handed}");
    }

    let keys = |folder: &str| -> Vec<_> {
        let all = everything(&operated.path(folder));
        all.into_iter().filter(|(path, ..)| !path.to_string_lossy().contains("/data/")).collect()
    };
    let before = (keys("relay"), keys("gateway"));
    assert!(before.0.len() > 8 && before.1.len() > 8, "{} {}", before.0.len(), before.1.len());
    for program in ["kx-server", "kx-gateway"] {
        let again = operated.init(program).output().unwrap();
        assert!(again.status.success() && again.stdout.is_empty(), "{}", text(&again.stderr));
        let fingerprints = text(&again.stderr).matches("照合番号 / Fingerprint").count();
        assert_eq!(fingerprints, if program == "kx-server" { 1 } else { 2 }, "the union sees the operator's too");
    }
    assert!(before == (keys("relay"), keys("gateway")), "a second run changes something");

    let relay = operated.serve("kx-server");
    let gateway = operated.serve("kx-gateway");
    operated.done("kx-gateway", &["pull"]);
    gateway.stop();
    relay.stop();
}

#[test]
fn a_set_up_that_is_killed_at_any_step_goes_on_with_the_keys_that_are_there() {
    let operated = Operated::new();
    for program in ["kx-server", "kx-gateway"] {
        let folder = operated.path(if program == "kx-server" { "relay" } else { "gateway" });
        let mut seen: Vec<(std::path::PathBuf, Vec<u8>)> = Vec::new();
        let mut kills = 0;
        loop {
            // Each run writes one thing more, and dies.
            let made = operated.init(program).env("KX_FAILPOINT", "operations.written:1").output().unwrap();
            for (path, _, bytes) in everything(&folder) {
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                assert!(!name.contains("tmp") && !name.contains("part"), "{name} is left");
                let is_key = bytes.windows(7).any(|bytes| bytes == b"PRIVATE");
                match seen.iter().find(|(before, _)| *before == path) {
                    Some((_, before)) => assert!(!is_key || *before == bytes, "{name} was written over"),
                    None => seen.push((path, bytes)),
                }
            }
            if kills > 20 || made.status.code().is_some() {
                break;
            }
            // What is replaced each time would stop each run: the last thing that is done.
            if folder.join("for-unions.toml").exists() || folder.join("for-the-operator.toml").exists() {
                break;
            }
            kills += 1;
        }
        assert!(kills >= 5, "{program} was killed {kills} times");
        let done = operated.init(program).output().unwrap();
        assert!(done.status.success(), "{}", text(&done.stderr));
        operated.done(program, &["check-config"]);
    }
    let staff = json(&operated, "kx-gateway", &["staff", "list", "--json"]);
    assert_eq!((&staff[0]["name"], &staff[0]["role"]), (&"suzuki".into(), &"officer".into()));
}

#[test]
fn what_is_missing_in_the_answers_is_said_at_once_and_a_terminal_is_asked() {
    let operated = Operated::new();
    fs::write(operated.path("gateway-answers.toml"), "insurer = '6'\nunion_nmae = 'A union'\nstaff = 'S'\n").unwrap();
    let refused = operated.init("kx-gateway").output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let said = text(&refused.stderr);
    for expected in
        ["insurer: ", "union_name: must be answered", "did you mean union_name?", "from_operator: ", "staff: "]
    {
        assert!(said.contains(expected), "{said}");
    }
    assert!(fs::read_dir(operated.path("gateway")).unwrap().next().is_none(), "nothing is made of half the answers");

    // At a terminal: a wrong answer is asked for again, an empty one takes what stands in brackets.
    let mut command = operated.command("kx-server");
    let mut asked = command.arg("init").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let base = operated.base;
    let answers = format!(
        "\nOperator\n\n127.0.0.1:{base}\nnonsense\nhttps://127.0.0.1:{base}\n127.0.0.1:{}\nhttps://localhost:{}\n127.0.0.1:{}\n\
         https://localhost:{}\ndirectory:mail\n\n",
        base + 1,
        base + 1,
        base + 2,
        base + 2
    );
    asked.stdin.take().unwrap().write_all(answers.as_bytes()).unwrap();
    let done = asked.wait_with_output().unwrap();
    let said = text(&done.stderr);
    assert!(done.status.success() && said.contains("Name of the operator") && said.contains("運営者の名称"), "{said}");
    assert!(said.contains("expected https://HOST"), "{said}");
    assert!(!operated.path("relay/init-answers.toml").exists(), "what was answered is kept until all is done");
}

/// Answers at a terminal up to a question, and leaves there: by a signal, or by closing it.
fn leave_at(operated: &Operated, answers: &str, question: &str, signal: Option<Signal>) {
    let mut command = operated.command("kx-gateway");
    let mut asked = command.arg("init").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = asked.stdin.take().unwrap();
    stdin.write_all(answers.as_bytes()).unwrap();
    let mut said = Vec::new();
    let mut stderr = asked.stderr.take().unwrap();
    while !String::from_utf8_lossy(&said).contains(question) {
        let mut some = [0; 1024];
        let count = stderr.read(&mut some).unwrap();
        assert!(count > 0, "it ended before it asked: {}", String::from_utf8_lossy(&said));
        said.extend_from_slice(&some[..count]);
    }
    if let Some(signal) = signal {
        rustix::process::kill_process(rustix::process::Pid::from_child(&asked), signal).unwrap();
    }
    drop(stdin);
    stderr.read_to_end(&mut said).unwrap();
    assert!(!asked.wait().unwrap().success());
}

#[test]
fn whoever_leaves_in_the_middle_of_the_questions_is_not_asked_them_again() {
    let operated = Operated::new();
    assert!(operated.init("kx-server").status().unwrap().success());
    let kept = operated.path("gateway/init-answers.toml");
    let handed = operated.path("relay/for-unions.toml").display().to_string();
    leave_at(
        &operated,
        &format!("\n06123456\n見本健康保険組合\n適用課\n{handed}\n"),
        "Folder for database",
        Some(Signal::INT),
    );
    let answers = fs::read_to_string(&kept).expect("what was answered is kept");
    assert!(answers.contains("06123456") && answers.contains("適用課"), "{answers}");
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    // Five are answered; two more, and the terminal is closed.
    leave_at(&operated, "\nlo\n", "Own IP address", None);
    let answers = fs::read_to_string(&kept).unwrap();
    assert!(answers.contains("interface = \"lo\"") && answers.contains("06123456"), "{answers}");
    let mut command = operated.command("kx-gateway");
    let mut asked = command.arg("init").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    asked.stdin.take().unwrap().write_all("127.0.0.1\n\n\n\nsuzuki\n".as_bytes()).unwrap();
    let done = asked.wait_with_output().unwrap();
    let said = text(&done.stderr);
    assert!(done.status.success() && !said.contains("Number of the union") && !said.contains("Interface"), "{said}");
    let settings = fs::read_to_string(operated.path("gateway/gateway.toml")).unwrap();
    assert!(settings.contains("06123456") && settings.contains("source_address = \"127.0.0.1\""), "{settings}");
    assert!(!kept.exists(), "it is done");
}

/// With these answers more, and with a umask under which nothing is for others.
fn init_strictly(operated: &Operated, program: &str, more: &str) -> std::process::Output {
    let answers = operated.path(if program == "kx-server" { "relay-answers.toml" } else { "gateway-answers.toml" });
    let text = fs::read_to_string(&answers).unwrap();
    fs::write(&answers, text + more).unwrap();
    let init = operated.init(program);
    let mut strict = Command::new("sh");
    strict.args(["-c", "umask 077 && exec \"$0\" \"$@\""]).arg(init.get_program()).args(init.get_args());
    strict.envs(init.get_envs().filter_map(|(name, value)| Some((name, value?))));
    strict.output().unwrap()
}

/// Where there is a root, it sets up for others.
fn with_others(operated: &Operated) -> bool {
    fs::set_permissions(operated.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    rustix::process::geteuid().is_root()
}

#[test]
fn a_strict_umask_keeps_nothing_from_the_service_and_what_it_cannot_read_is_named() {
    let operated = Operated::new();
    if !with_others(&operated) {
        return;
    }
    let made = init_strictly(&operated, "kx-server", "group = 'daemon'\n");
    assert!(made.status.success(), "{}", text(&made.stderr));
    let of = |name: &str| {
        let found = fs::metadata(operated.path(name)).unwrap();
        (found.permissions().mode() & 0o777, found.gid())
    };
    let (_, group) = of("relay/tls/vpn.key");
    assert_ne!(group, 0);
    for folder in ["relay/ca", "relay/tls", "relay/receipts"] {
        assert_eq!(of(folder), (0o750, group), "{folder}");
    }
    let gateway = fs::read_to_string(operated.path("gateway-answers.toml")).unwrap();
    fs::write(operated.path("gateway-answers.toml"), gateway.replace("data = 'data'\n", "data = 'a/b/data'\n"))
        .unwrap();
    let made = init_strictly(&operated, "kx-gateway", "account = 'daemon'\n");
    assert!(made.status.success(), "{}", text(&made.stderr));
    for above in ["gateway/a", "gateway/a/b"] {
        assert_eq!(of(above).0, 0o755, "{above}");
    }
    let database = fs::metadata(operated.path("gateway/a/b/data/gateway.db")).unwrap();
    assert_ne!(database.uid(), 0);

    // Root reads everything: it looks for the service all the same.
    std::os::unix::fs::chown(operated.path("gateway/union-signing.pem"), Some(0), Some(0)).unwrap();
    let checked = operated.run("kx-gateway", &["check-config"]);
    let said = text(&checked.stderr);
    assert!(!checked.status.success() && said.contains("cannot be read by the account of the service"), "{said}");
}

#[test]
fn a_key_that_somebody_else_has_put_there_is_not_taken() {
    let operated = Operated::new();
    if !with_others(&operated) {
        return;
    }
    assert!(operated.init("kx-server").output().unwrap().status.success());
    // Whoever has it kept it.
    let key = operated.path("gateway/union-ca.key");
    fs::copy(operated.path("relay/ca/operator-ca.key"), &key).unwrap();
    std::os::unix::fs::chown(&key, Some(1), Some(1)).unwrap();
    let refused = operated.init("kx-gateway").output().unwrap();
    let said = text(&refused.stderr);
    assert!(!refused.status.success() && said.contains("union-ca.key") && said.contains("another account"), "{said}");
    assert!(!operated.path("gateway/union-ca.pem").exists());
    fs::remove_file(&key).unwrap();
    // Nor is anything in a folder in which others may put something.
    fs::set_permissions(operated.path("gateway"), fs::Permissions::from_mode(0o775)).unwrap();
    assert!(!operated.init("kx-gateway").output().unwrap().status.success());
    fs::set_permissions(operated.path("gateway"), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(operated.init("kx-gateway").output().unwrap().status.success());
}

#[test]
fn other_answers_than_before_change_nothing_and_that_is_said() {
    let operated = Operated::new();
    for program in ["kx-server", "kx-gateway"] {
        let made = operated.init(program).output().unwrap();
        assert!(made.status.success(), "{}", text(&made.stderr));
    }
    let handed = fs::read(operated.path("relay/for-unions.toml")).unwrap();
    let change = |answers: &str, from: &str, to: &str| {
        let text = fs::read_to_string(operated.path(answers)).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(operated.path(answers), text.replace(from, to)).unwrap();
    };
    change("relay-answers.toml", "vpn_url = 'https://127.0.0.1:", "vpn_url = 'https://127.0.0.2:");
    change("relay-answers.toml", "mail = 'directory:mail'", "mail = 'directory:other'");
    let again = operated.init("kx-server").output().unwrap();
    let said = text(&again.stderr);
    assert!(!again.status.success() && said.contains("vpn_url") && said.contains("mail.transport"), "{said}");
    assert_eq!(
        fs::read(operated.path("relay/for-unions.toml")).unwrap(),
        handed,
        "unions get what fits the certificate"
    );
    change("gateway-answers.toml", "data = 'data'", "data = 'data'\nnetworks = '10.20.0.0/16'");
    let again = operated.init("kx-gateway").output().unwrap();
    let said = text(&again.stderr);
    assert!(!again.status.success() && said.contains("relay.networks"), "{said}");
}

#[test]
fn accounts_of_the_staff_are_looked_after() {
    let operated = Operated::new();
    fs::write(operated.path("password.txt"), "a password of mine\n").unwrap();
    assert!(operated.init("kx-server").status().unwrap().success());
    let mut init = operated.init("kx-gateway");
    let made = init.arg("--password-file").arg(operated.path("password.txt")).output().unwrap();
    assert!(made.status.success() && made.stdout.is_empty(), "{}", text(&made.stderr));
    let added = json(&operated, "kx-gateway", &["staff", "add", "k.tanaka", "--role", "担当", "--json"]);
    assert_eq!((&added["role"], &added["must_change"]), (&"clerk".into(), &true.into()));
    assert_eq!(added["password"].as_str().unwrap().len(), 16);
    assert_eq!(operated.run("kx-gateway", &["staff", "add", "k.tanaka", "--role", "reader"]).status.code(), Some(1));
    assert_eq!(operated.run("kx-gateway", &["staff", "add", "Tanaka", "--role", "reader"]).status.code(), Some(2));
    let last = operated.run("kx-gateway", &["staff", "disable", "suzuki"]);
    assert!(last.status.code() == Some(1) && text(&last.stderr).contains("責任者"), "{}", text(&last.stderr));
    let shut = json(&operated, "kx-gateway", &["staff", "disable", "k.tanaka", "--json"]);
    assert!(shut["disabled_at"].is_string(), "{shut}");
    let refused = operated.run("kx-gateway", &["staff", "password", "k.tanaka"]);
    assert!(refused.status.code() == Some(1) && text(&refused.stderr).contains("enable it first"));
    let role = json(&operated, "kx-gateway", &["staff", "role", "k.tanaka", "責任者", "--json"]);
    assert_eq!((&role["role"], role["disabled_at"].is_string()), (&"officer".into(), true), "{role}");
    // An officer who is shut is nobody who looks after accounts.
    let last = operated.run("kx-gateway", &["staff", "role", "suzuki", "clerk"]);
    assert!(last.status.code() == Some(1) && text(&last.stderr).contains("責任者"), "{}", text(&last.stderr));
    let password = operated.path("password.txt").display().to_string();
    let opened =
        json(&operated, "kx-gateway", &["staff", "enable", "k.tanaka", "--password-file", &password, "--json"]);
    assert_eq!((&opened["must_change"], &opened["has_factor"]), (&true.into(), &false.into()), "{opened}");
    assert!(opened["disabled_at"].is_null() && opened["password"].is_null(), "{opened}");
    assert_eq!(operated.run("kx-gateway", &["staff", "enable", "k.tanaka"]).status.code(), Some(1));
    let role = json(&operated, "kx-gateway", &["staff", "role", "suzuki", "clerk", "--json"]);
    assert_eq!(role["role"], "clerk", "there is another officer now");
    let other = json(&operated, "kx-gateway", &["staff", "password", "suzuki", "--json"]);
    assert_ne!(other["password"], added["password"]);
    let all = json(&operated, "kx-gateway", &["staff", "list", "--json"]);
    assert_eq!(all.as_array().unwrap().len(), 2);
    // Of the passwords nothing is kept that could be read.
    let database = fs::read(operated.path("gateway/data/gateway.db")).unwrap();
    for password in ["a password of mine", added["password"].as_str().unwrap(), other["password"].as_str().unwrap()] {
        assert!(!database.windows(password.len()).any(|bytes| bytes == password.as_bytes()));
    }
}
