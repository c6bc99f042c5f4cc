//! The systemd units, as systemd itself reads them. Nothing is started: there is no running systemd here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::exchange_support::text;

/// Tenths of the exposure level that `systemd-analyze security` may find at most (0 is none, 100 the worst).
const EXPOSURE: &str = "15";

fn units() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd")
}

/// The unit with the program that was just built in place of the installed one.
fn copy_of(unit: &str, into: &Path) -> PathBuf {
    let program = match unit {
        "kx-gateway.service" => env!("CARGO_BIN_EXE_kx-gateway"),
        "kx-server.service" => env!("CARGO_BIN_EXE_kx-server"),
        other => panic!("which program does {other} start?"),
    };
    let name = Path::new(program).file_name().unwrap().to_str().unwrap();
    let text = fs::read_to_string(units().join(unit)).unwrap();
    let installed = format!("ExecStart=/usr/bin/{name} ");
    assert_eq!(text.matches(&installed).count(), 1, "{unit}");
    let path = into.join(unit);
    fs::write(&path, text.replace(&installed, &format!("ExecStart={program} "))).unwrap();
    path
}

fn analyze(arguments: &[&str], unit: &Path) -> Output {
    let mut command = Command::new("systemd-analyze");
    command.args(arguments).arg(unit).env("LC_ALL", "C").env("SYSTEMD_PAGER", "");
    command.output().expect("systemd-analyze (package systemd) is there")
}

#[test]
fn units_say_nothing_that_systemd_does_not_know_and_leave_little_exposed() {
    let folder = tempfile::tempdir().unwrap();
    let mut seen = 0;
    for entry in fs::read_dir(units()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !name.ends_with(".service") {
            continue;
        }
        seen += 1;
        let unit = copy_of(&name, folder.path());
        let verified = analyze(&["verify", "--man=no"], &unit);
        assert!(verified.status.success(), "{name}: {}", text(&verified.stderr));
        // What it does not know it only warns of.
        assert!(!text(&verified.stderr).contains(&name), "{name}: {}", text(&verified.stderr));
        let examined = analyze(&["security", "--offline=true", "--no-pager", "--threshold", EXPOSURE], &unit);
        assert!(examined.status.success(), "{name}: {}{}", text(&examined.stdout), text(&examined.stderr));
        assert!(text(&examined.stdout).contains("Overall exposure level"), "{}", text(&examined.stdout));
    }
    assert_eq!(seen, 2);
}

#[test]
fn systemd_can_make_the_accounts_that_the_units_need() {
    // In a root of its own, where nobody has made them yet.
    let root = tempfile::tempdir().unwrap();
    for (file, unit, needs) in [
        ("kx-gateway.sysusers.conf", "kx-gateway.service", "User=kx-gateway\n"),
        ("kx-server.sysusers.conf", "kx-server.service", "SupplementaryGroups=kx-server-keys\n"),
    ] {
        let mut command = Command::new("systemd-sysusers");
        command.arg("--dry-run").arg(format!("--root={}", root.path().display())).arg(units().join(file));
        let output = command.env("LC_ALL", "C").output().expect("systemd-sysusers (package systemd) is there");
        let said = text(&output.stdout) + &text(&output.stderr);
        let name = needs.trim_end().rsplit('=').next().unwrap();
        assert!(output.status.success() && said.contains(name), "{said}");
        assert!(fs::read_to_string(units().join(unit)).unwrap().contains(needs), "{unit}");
    }
}
