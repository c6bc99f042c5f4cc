//! A command that is run for an event: no shell, a clean environment, its own process group, and an end.

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio_util::sync::CancellationToken;

/// Between two looks at whether it has ended.
const LOOK: Duration = Duration::from_millis(20);
/// Everything that its environment holds.
const ENVIRONMENT: [(&str, &str); 2] = [("PATH", "/usr/local/bin:/usr/bin:/bin"), ("LANG", "C.UTF-8")];

/// Runs it with the text as one line on its standard input: by the line's end it knows that nobody was killed while telling.
/// It has done its work when it ends with status 0 in time. Blocks.
pub(super) fn run(arguments: &[String], text: &str, timeout: Duration, hard: &CancellationToken) -> Result<(), String> {
    let (program, rest) = arguments.split_first().ok_or("hooks.off")?;
    let mut command = Command::new(program);
    command.args(rest).env_clear().envs(ENVIRONMENT).current_dir("/").process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "command.missing".to_owned(),
        io::ErrorKind::PermissionDenied => "command.permission".to_owned(),
        _ => "command.start".to_owned(),
    })?;
    if let Some(mut input) = child.stdin.take() {
        // An event fits into a pipe. Whoever does not read it may know all that it needs to.
        let _ = input.write_all(format!("{text}\n").as_bytes());
    }
    let began_at = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => {
                return Err(status.code().map_or("command.killed".to_owned(), |code| format!("command.exit-{code}")));
            }
            Ok(None) if began_at.elapsed() < timeout && !hard.is_cancelled() => std::thread::sleep(LOOK),
            Ok(None) | Err(_) => {
                end(&mut child);
                return Err("command.timeout".to_owned());
            }
        }
    }
}

/// Ends it, with what it has started.
fn end(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // It may have ended by itself.
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, timeout: Duration) -> Result<(), String> {
        let arguments = ["/bin/sh", "-c", script].map(str::to_owned);
        run(&arguments, "{\"id\":\"1\"}", timeout, &CancellationToken::new())
    }

    #[test]
    fn it_gets_the_text_and_nothing_else_and_ends_in_time() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let script = format!("cat > {0} && env >> {0}", out.display());
        assert_eq!(shell(&script, Duration::from_secs(30)), Ok(()));
        let seen = std::fs::read_to_string(&out).unwrap();
        assert!(seen.starts_with("{\"id\":\"1\"}\n") && !seen.contains("HOME=") && !seen.contains("CARGO"), "{seen}");
        assert_eq!(shell("exit 3", Duration::from_secs(30)), Err("command.exit-3".to_owned()));
        let began_at = Instant::now();
        assert_eq!(shell("sleep 600 & wait", Duration::from_millis(100)), Err("command.timeout".to_owned()));
        assert!(began_at.elapsed() < Duration::from_secs(60));
        let missing = run(&["/no/such".to_owned()], "", Duration::from_secs(1), &CancellationToken::new());
        assert_eq!(missing, Err("command.missing".to_owned()));
    }
}
