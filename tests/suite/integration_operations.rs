//! What those who run a gateway with an API see of it: settings that are checked, what it counts, what it logs.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use crate::exchange_support::text;
use crate::integration_support::Core;

/// What the gateway counts.
fn metrics(core: &Core) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", core.folder.base + 4)).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_api_is_checked_before_it_is_started_counts_its_requests_and_keeps_its_log_short() {
    let core = Core::new();
    let key = core.folder.path("sandbox/gateway/api.key");
    let check = || {
        // What others may read is a fault of its own.
        let _ = fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600));
        core.folder.run("kx-gateway", &["check-config"])
    };
    let good = check();
    assert!(good.status.success(), "{}", text(&good.stderr));
    let kept = fs::read(&key).unwrap();
    let wrong = |expected: &str| {
        let checked = check();
        let said = text(&checked.stderr);
        assert!(checked.status.code() == Some(1) && said.contains("api.") && said.contains(expected), "{said}");
    };
    fs::write(&key, fs::read(core.folder.path("sandbox/relay/tls/employer.key")).unwrap()).unwrap();
    wrong("cannot be used together");
    fs::write(&key, b"no key").unwrap();
    wrong("api.key");
    fs::remove_file(&key).unwrap();
    wrong("api.key");
    fs::write(&key, kept).unwrap();
    assert!(check().status.success());
    let by_smtp = |from: &str| {
        let mut command = core.folder.command("kx-gateway");
        command
            .arg("check-config")
            .env("KX_GATEWAY__MAIL__TRANSPORT", "smtp://localhost:25")
            .env("KX_GATEWAY__MAIL__FROM", from);
        command.output().unwrap()
    };
    let (unset, set) = (by_smtp(""), by_smtp("kx@example.jp"));
    assert!(!unset.status.success() && text(&unset.stderr).contains("mail.from"), "{}", text(&unset.stderr));
    assert!(set.status.success(), "{}", text(&set.stderr));

    let gateway = core.serve("kx-gateway");
    assert!(core.api("/api/v1/offices", &[]).status.success());
    for number in 0..12 {
        let mut command = Command::new("curl");
        command.args(["-sS", "-o", "/dev/null", "--cacert"]).arg(core.folder.path("ca.pem"));
        command.args(["-H", &format!("Authorization: Bearer kx_0123456789ab_wrong{number}")]);
        assert!(command.arg(format!("https://127.0.0.1:{}/api/v1/offices", core.port)).status().unwrap().success());
    }
    let counted = metrics(&core);
    let count = |status: &str| {
        let start = format!(
            "kx_http_requests_total{{listener=\"api\",method=\"GET\",route=\"/api/v1/offices\",status=\"{status}\"}} "
        );
        counted.lines().find_map(|line| line.strip_prefix(&start)?.parse::<u32>().ok()).unwrap_or(0)
    };
    assert_eq!((count("200"), count("401") + count("429")), (1, 12), "{counted}");
    assert!(counted.contains("kx_http_request_seconds_count{listener=\"api\"} 13"), "{counted}");
    assert!(counted.contains("kx_gateway_tokens_refused_total 12"), "{counted}");
    gateway.stop();
    let log = fs::read_to_string(core.folder.path("kx-gateway.log")).unwrap();
    assert_eq!(
        log.lines().filter(|line| line.contains("without a token that counts")).count(),
        1,
        "one line for all of them"
    );
}
