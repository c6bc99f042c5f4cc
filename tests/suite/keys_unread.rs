//! An old key file that cannot be read: what needs none of the old keys goes on, the rest is refused. By the real binary.

use std::fs;

use crate::exchange_support::{Folder, text};
use crate::gateway_reload::name_keys;

#[test]
fn a_user_is_shut_out_also_when_an_old_key_cannot_be_read() {
    let folder = Folder::new();
    assert!(folder.exchange(&[]).status.success());
    let own = folder.path("sandbox/gateway");
    fs::write(own.join("spoilt.pem"), "nothing that could be a key").unwrap();
    name_keys(&folder, &["union-signing.pem", "gone.pem"], &["union-encryption.pem", "spoilt.pem"]);
    let disabled = folder.run("kx-gateway", &["user", "disable", "hanako-1", "--reason", "lost", "--json"]);
    let said = text(&disabled.stderr);
    assert!(disabled.status.success(), "{said}");
    assert!(said.contains("gone.pem") && said.contains("spoilt.pem"), "it says which: {said}");
    assert!(text(&disabled.stdout).contains("\"disabled\""), "{}", text(&disabled.stdout));
    for arguments in [&["status"][..], &["user", "list"], &["user", "show", "hanako-1"], &["office", "list"]] {
        let done = folder.run("kx-gateway", arguments);
        assert!(
            done.status.success() && text(&done.stderr).contains("gone.pem"),
            "{arguments:?}: {}",
            text(&done.stderr)
        );
    }
    // What an old key may be needed for is not begun without it.
    for arguments in [&["pull"][..], &["sent", "list"], &["received", "list"], &["serve"], &["check-config"]] {
        let refused = folder.run("kx-gateway", arguments);
        assert_eq!(refused.status.code(), Some(1), "{arguments:?}");
        assert!(
            text(&refused.stderr).contains("gone.pem") && text(&refused.stderr).contains("spoilt.pem"),
            "{arguments:?}"
        );
    }
    // The newest of each is needed for everything.
    name_keys(&folder, &["gone.pem", "union-signing.pem"], &["union-encryption.pem"]);
    assert_eq!(folder.run("kx-gateway", &["user", "list"]).status.code(), Some(1));
}
