//! A server's certificate that is replaced while the server runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::tls::{Identity, ServerTls};
use crate::runtime::files::Files;
use crate::runtime::task::{Pace, Tasks};

/// Between two looks at certificate and key.
const LOOK: Duration = Duration::from_secs(30);

/// Takes certificate and key up when their files change; what cannot be used leaves the old ones in use. `code` names the task.
pub fn follow_identity(tasks: &Tasks, code: &'static str, certificate: PathBuf, key: PathBuf, tls: ServerTls) {
    let files = Arc::new(Files::new([certificate.clone(), key.clone()]));
    tasks.start(code, Pace::Every(LOOK), move |_| {
        let (files, tls, certificate, key) = (Arc::clone(&files), tls.clone(), certificate.clone(), key.clone());
        async move {
            if !files.look([certificate.clone(), key.clone()]) {
                return Ok(());
            }
            Identity::load(&certificate, &key).and_then(|new| tls.replace(new)).map_err(|error| {
                let detail = &error as &dyn std::error::Error;
                tracing::warn!(code, error = detail, "what was there before stays in use");
                code
            })
        }
    });
}
