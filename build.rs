//! Tells the program which commit it was built from (`KX_COMMIT`, shown by `--version`).
//!
//! Only release builds follow the repository's head: a developer's build would otherwise compile everything again after
//! each commit. Where there is no repository (a source archive), the builder may set `KX_COMMIT`.

use std::{env, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=KX_COMMIT");
    let commit = match env::var("KX_COMMIT") {
        Ok(given) if !given.is_empty() => given,
        _ if env::var("PROFILE").as_deref() == Ok("release") => head().unwrap_or_else(|| "unknown commit".to_owned()),
        _ => "development build".to_owned(),
    };
    println!("cargo::rustc-env=KX_COMMIT={commit}");
}

/// The commit that is checked out; watches the log of the head, which every commit and checkout adds to.
fn head() -> Option<String> {
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    if std::path::Path::new(&log).exists() {
        println!("cargo::rerun-if-changed={log}");
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned()).filter(|text| !text.is_empty())
}
