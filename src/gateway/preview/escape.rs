//! What a test has a child do that has given up everything, as code that had taken it over would try. In no release.

use std::fs::{self, File};
use std::net::UdpSocket;
use std::process::Command;
use std::thread;

use rustix::process::Pid;

/// Does what the environment variable `KX_ESCAPE` names; nothing without it.
pub(super) fn attempt() {
    let Ok(what) = std::env::var("KX_ESCAPE") else { return };
    // What becomes of it shows outside: the child is killed, or goes on.
    match what.as_str() {
        "open" => _ = File::open("/etc/hostname"),
        "look" => _ = fs::metadata("/etc/hostname"),
        "remove" => _ = fs::remove_file("/tmp/kx-nothing-is-called-so"),
        "socket" => _ = UdpSocket::bind("127.0.0.1:0"),
        "descriptor" => _ = rustix::io::dup(std::io::stdin()),
        "program" => _ = Command::new("/bin/true").spawn(),
        "thread" => _ = thread::Builder::new().spawn(|| ()),
        "signal" => _ = rustix::process::test_kill_process(Pid::INIT),
        "number" => _ = rustix::process::getppid(),
        _ => (),
    }
}
