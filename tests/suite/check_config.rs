//! `check-config` of both servers names everything that is wrong at once, by the real programs.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use kenpo_express::domain::clock::Clock;
use kenpo_express::runtime::clock::{SystemClock, SystemRandom};
use kenpo_express::sandbox::world::World;
use sqlx::Connection;

use crate::exchange_support::{Folder, text};

struct Servers {
    folder: Folder,
    taken: TcpListener,
}

impl Servers {
    fn new() -> Self {
        let folder = Folder::new();
        World::open(&folder.path("sandbox"), folder.base, SystemClock.now(), &SystemRandom).unwrap();
        Self { folder, taken: TcpListener::bind("127.0.0.1:0").unwrap() }
    }

    fn settings(&self, program: &str) -> PathBuf {
        let name = if program == "kx-server" { "relay/relay.toml" } else { "gateway/gateway.toml" };
        self.folder.path("sandbox").join(name)
    }

    /// What `check-config` says of these settings, and how often each key is in it.
    fn check(&self, program: &str, settings: &str, variables: &[(&str, &str)]) -> Output {
        let port = self.taken.local_addr().unwrap().port();
        fs::write(self.settings(program), settings.replace("TAKEN", &port.to_string())).unwrap();
        let mut command: Command = self.folder.command(program);
        command.arg("check-config").envs(variables.iter().copied()).output().unwrap()
    }
}

/// Each fault stands on a line of its own.
fn assert_names(output: &Output, expected: &[&str]) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for fault in expected {
        assert!(said.contains(&format!("\n  {fault}")), "{fault}\n{said}");
    }
    let count = said.lines().filter(|line| line.starts_with("  ")).count();
    assert_eq!(count, expected.len(), "{said}");
}

#[test]
fn thirteen_faults_of_a_gateway_are_named_at_once() {
    let servers = Servers::new();
    let own = servers.folder.path("sandbox/gateway");
    let good = fs::read_to_string(servers.settings("kx-gateway")).unwrap();
    let checked = servers.check("kx-gateway", &good, &[]);
    assert!(checked.status.success(), "{}", text(&checked.stderr));

    fs::set_permissions(own.join("union-ca.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let settings = r#"
        insurer = "0612345"
        this is no setting
        [relay]
        url = "http://relay.example"
        receipt_certificates = "none.pem"
        [keys]
        ca_key = "union-ca.key"
        signing = ["union-encryption.pem"]
        [pull]
        interval_second = 60
        parallel = -1
        retry_first_seconds = "2m"
        [storage]
        archive = "/proc/archive"
        [metrics]
        listen = "127.0.0.1:TAKEN"
        [log]
        level = "a=b=c"
    "#;
    let variables = [("KX_GATEWAY__SEND__APPROVAL", "perhaps")];
    let checked = servers.check("kx-gateway", settings, &variables);
    assert_names(
        &checked,
        &[
            "line 3: is not TOML",
            "insurer: must be the 8 digits",
            "relay.url: must be https://",
            "relay.receipt_certificates: ",
            "keys.ca_key: ",
            "keys.signing: certificate 1 of the list is not for this use",
            "pull.interval_second: there is no such key; did you mean pull.interval_seconds?",
            "pull.parallel: ",
            "pull.retry_first_seconds: expected integer, found string; it counts seconds, without a unit: 120",
            "storage.archive: ",
            "metrics.listen: cannot listen at 127.0.0.1:",
            "log.level: ",
            "KX_GATEWAY__SEND__APPROVAL: expected boolean",
        ],
    );
    assert!(text(&checked.stderr).contains("chmod 600"), "{}", text(&checked.stderr));
}

#[test]
fn twelve_faults_of_a_relay_are_named_at_once() {
    let servers = Servers::new();
    let own = servers.folder.path("sandbox/relay");
    let good = fs::read_to_string(servers.settings("kx-server")).unwrap();
    let checked = servers.check("kx-server", &good, &[]);
    assert!(checked.status.success(), "{}", text(&checked.stderr));

    fs::copy(own.join("receipts/receipts.key"), own.join("tls/employer.key")).unwrap();
    fs::set_permissions(own.join("tls/vpn.key"), fs::Permissions::from_mode(0o604)).unwrap();
    let settings = r#"
        data = "relay.toml/data"
        [vpn]
        address = "192.0.2.77:18440"
        [employer]
        url = "https://kx.example/path"
        [enrolment]
        address = "somewhere"
        app = "no-folder"
        [mail]
        transport = "pigeon:loft"
        [watch]
        address = "127.0.0.1:TAKEN"
        [quota]
        user_item = 5
        user_bytes = "1 TiB"
        [session]
        hours = 0
    "#;
    let checked = servers.check("kx-server", settings, &[]);
    assert_names(
        &checked,
        &[
            "data: ",
            "vpn.address: cannot listen at 192.0.2.77:18440: this machine has no such address",
            "vpn.key: ",
            "employer.certificate: ",
            "employer.url: must be https://HOST",
            "enrolment.address: ",
            "enrolment.app: ",
            "mail: ",
            "watch.address: cannot listen at",
            "quota.user_item: there is no such key; did you mean quota.user_items?",
            "quota.user_bytes: expected integer, found string; it counts bytes, without a unit: 1099511627776",
            "session.hours: must be 1 or more",
        ],
    );
}

#[test]
fn a_server_that_runs_is_not_taken_for_another_program() {
    let servers = Servers::new();
    for program in ["kx-server", "kx-gateway"] {
        let running = servers.folder.serve(program, "server.log");
        let checked = servers.folder.run(program, &["check-config"]);
        assert!(checked.status.success(), "{program}: {}", text(&checked.stderr));
        running.stop();
    }
}

#[test]
fn an_address_in_use_is_ours_only_where_the_running_server_listens() {
    let servers = Servers::new();
    let port = servers.taken.local_addr().unwrap().port();
    for (program, key, variable) in [
        ("kx-server", "enrolment.address", "KX_SERVER__ENROLMENT__ADDRESS"),
        ("kx-gateway", "api.listen", "KX_GATEWAY__API__LISTEN"),
    ] {
        let running = servers.folder.serve(program, "server.log");
        let mut command: Command = servers.folder.command(program);
        let checked = command.arg("check-config").env(variable, format!("127.0.0.1:{port}")).output().unwrap();
        let said = text(&checked.stderr);
        let expected = format!("{key}: cannot listen at 127.0.0.1:{port}: another program listens there");
        assert!(checked.status.code() == Some(1) && said.contains(&expected), "{program}: {said}");
        running.stop();
    }
    // Nor is a server of ours the one that is to be started.
    let running = servers.folder.serve("kx-server", "server.log");
    let mut command: Command = servers.folder.command("kx-gateway");
    let watch = format!("127.0.0.1:{}", servers.folder.base + 5);
    let checked = command.arg("check-config").env("KX_GATEWAY__METRICS__LISTEN", watch).output().unwrap();
    assert!(text(&checked.stderr).contains("metrics.listen: cannot listen at"), "{}", text(&checked.stderr));
    running.stop();
}

#[test]
fn a_database_of_another_union_or_of_a_newer_version_is_named() {
    let servers = Servers::new();
    let good = fs::read_to_string(servers.settings("kx-gateway")).unwrap();
    let migrated = servers.folder.run("kx-gateway", &["staff", "list"]);
    assert!(migrated.status.success(), "{}", text(&migrated.stderr));
    assert!(servers.check("kx-gateway", &good, &[]).status.success());
    let database = servers.folder.path("sandbox/gateway/data/gateway.db");
    let change = |statement: &str| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut connection =
                sqlx::SqliteConnection::connect(&format!("sqlite:{}", database.display())).await.unwrap();
            sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        });
    };
    change("UPDATE gateway SET insurer = '01130012'");
    assert_names(&servers.check("kx-gateway", &good, &[]), &["storage.database: "]);
    change("UPDATE _sqlx_migrations SET version = 9999");
    assert_names(&servers.check("kx-gateway", &good, &[]), &["storage.database: "]);
}
