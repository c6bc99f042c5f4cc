//! Files, folders and addresses that a configuration names: what would keep a server from using them.

use std::fs::{self, Metadata};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use rustix::fs::Access;

use crate::config::Fault;

/// What nobody may have of a secret file: its group may read it (the service's own), others nothing.
const TOO_OPEN: u32 = 0o027;
/// How long a server of ours on this machine may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// A file that must be there and be readable.
pub fn file(key: &str, path: &Path) -> Option<Fault> {
    let problem = match fs::metadata(path) {
        Err(error) => format!("{} cannot be read: {error}", path.display()),
        Ok(found) if !found.is_file() => format!("{} is not a file", path.display()),
        Ok(_) => match fs::File::open(path) {
            Err(error) => format!("{} cannot be read: {error}", path.display()),
            Ok(_) => return None,
        },
    };
    Some(Fault::new(key, problem))
}

/// A file with a secret, which is there: whether others than its account may read or change it.
pub fn secret(key: &str, path: &Path) -> Option<Fault> {
    let found = fs::metadata(path).ok()?;
    let mode = openness(&found)?;
    let path = path.display();
    Some(Fault::new(key, format!("{path} is too open (mode {mode:04o}) for a secret: chmod 600 {path}, or 640")))
}

/// The account that a service runs as, as far as its data folder tells.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    user: u32,
    groups: [u32; 2],
}

impl Service {
    /// Whose the data folder is, where root looks, who may read and write everything; none where root itself is the service, or nothing
    /// is there yet. The group of the configuration is taken for one of the service: `init` gives it to that.
    pub fn of(data: &Path, config: &Path) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let data = fs::metadata(data).ok().filter(|found| found.uid() != 0)?;
        let group = fs::metadata(config).ok().map(|found| found.gid()).filter(|group| *group != 0);
        Some(Self { user: data.uid(), groups: [data.gid(), group.unwrap_or(data.gid())] })
    }

    /// Its number.
    pub fn user(self) -> u32 {
        self.user
    }

    fn may(self, found: &Metadata, wanted: u32) -> bool {
        let mode = found.mode();
        let own = if found.uid() == self.user {
            mode >> 6
        } else if self.groups.contains(&found.gid()) {
            mode >> 3
        } else {
            mode
        };
        own & wanted == wanted
    }

    /// A file that is there and that it cannot read.
    pub fn cannot_read(self, key: &str, path: &Path) -> Option<Fault> {
        let found = fs::metadata(path).ok()?;
        let real = fs::canonicalize(path).ok()?;
        let is_reached =
            real.ancestors().skip(1).all(|above| fs::metadata(above).is_ok_and(|found| self.may(&found, 0o1)));
        if is_reached && self.may(&found, 0o4) {
            return None;
        }
        let problem = format!(
            "{} cannot be read by the account of the service (uid {}): chgrp it to its group and chmod 640, and let that pass its folders",
            path.display(),
            self.user
        );
        Some(Fault::new(key, problem))
    }

    /// A folder that is there and that it cannot write to.
    pub fn cannot_write(self, key: &str, path: &Path) -> Option<Fault> {
        let found = fs::metadata(path).ok()?;
        let problem =
            || format!("{} cannot be written to by the account of the service (uid {})", path.display(), self.user);
        (!self.may(&found, 0o3)).then(|| Fault::new(key, problem()))
    }
}

/// The mode of a file that is too open for a secret.
pub fn openness(found: &Metadata) -> Option<u32> {
    let mode = found.permissions().mode() & 0o7777;
    (mode & TOO_OPEN != 0).then_some(mode)
}

/// A folder that is there and can be written to, or can be made.
pub fn folder(key: &str, path: &Path) -> Option<Fault> {
    let nearest = path.ancestors().map(|above| if above.as_os_str().is_empty() { Path::new(".") } else { above });
    let Some(nearest) = nearest.into_iter().find(|above| fs::symlink_metadata(above).is_ok()) else {
        return Some(Fault::new(key, format!("{} cannot be made", path.display())));
    };
    let (shown, above) = (path.display(), nearest.display());
    let problem = match fs::metadata(nearest) {
        Err(error) => format!("{above}: {error}"),
        Ok(found) if !found.is_dir() => format!("{above} is not a folder"),
        Ok(_) if rustix::fs::access(nearest, Access::WRITE_OK | Access::EXEC_OK).is_ok() => return None,
        Ok(_) if nearest == path => format!("{shown} cannot be written to"),
        Ok(_) => format!("{shown} cannot be made: {above} cannot be written to"),
    };
    Some(Fault::new(key, problem))
}

/// Folders between which files are moved: they must be on one file system. Those that are not there yet are judged by what
/// they will be made in.
pub fn one_file_system(folders: &[(&str, &Path)]) -> Option<Fault> {
    let device = |path: &Path| path.ancestors().find_map(|above| fs::metadata(above).ok()).map(|found| found.dev());
    let (first, rest) = folders.split_first()?;
    let other = rest.iter().find(|(_, path)| device(path) != device(first.1))?;
    Some(Fault::new(other.0, format!("is not on the same file system as {} ({})", first.0, first.1.display())))
}

/// An address that can be listened at. One that is in use is no fault while `is_ours` says that it is the server itself that
/// uses it.
pub fn address(key: &str, address: SocketAddr, is_ours: impl Fn(SocketAddr) -> bool) -> Option<Fault> {
    let problem = match TcpListener::bind(address) {
        Ok(_) => return None,
        Err(error) if error.kind() == ErrorKind::AddrInUse && is_ours(address) => return None,
        Err(error) if error.kind() == ErrorKind::AddrInUse => "another program listens there".to_owned(),
        Err(error) if error.kind() == ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
        Err(error) => error.to_string(),
    };
    Some(Fault::new(key, format!("cannot listen at {address}: {problem}")))
}

/// Addresses of which two cannot be listened at beside each other.
pub fn twice(addresses: &[(&str, SocketAddr)]) -> Option<Fault> {
    let of_another = |key: &str, address: SocketAddr| {
        let before = addresses.iter().take_while(|(other, _)| *other != key);
        before.filter(|(_, other)| meet(address, *other)).map(|(other, there)| (*other, *there)).next()
    };
    let (key, address, (other, there)) =
        addresses.iter().find_map(|(key, address)| Some((*key, *address, of_another(key, *address)?)))?;
    Some(Fault::new(
        key,
        if address == there {
            format!("is the address of {other} too")
        } else {
            format!(
                "{address} cannot be listened at beside {there} of {other}: one of them takes the port for every address"
            )
        },
    ))
}

/// Whether nobody can listen at both: an address that is none stands for every one, the sixth version's for those of the fourth too.
fn meet(one: SocketAddr, other: SocketAddr) -> bool {
    let covers = |all: IpAddr, one: IpAddr| all.is_unspecified() && (all.is_ipv6() || one.is_ipv4());
    let (first, second) = (one.ip(), other.ip());
    one.port() != 0 && one.port() == other.port() && (first == second || covers(first, second) || covers(second, first))
}

/// Whether a server of ours answers at its address for health and metrics: one whose metrics have this name.
pub fn answers(watch: SocketAddr, metric: &str) -> bool {
    ask(watch, "/metrics").is_some_and(|answer| answer.contains(metric))
}

/// Whether that server listens at this address itself.
pub fn listens(watch: SocketAddr, metric: &str, address: SocketAddr) -> bool {
    let told = || {
        let answer = ask(watch, "/listeners")?;
        let (_, body) = answer.split_once("\r\n\r\n")?;
        serde_json::from_str::<Vec<SocketAddr>>(body).ok()
    };
    answers(watch, metric) && told().is_some_and(|all| all.into_iter().any(|one| meet(one, address)))
}

/// What is answered there, with its head.
fn ask(watch: SocketAddr, path: &str) -> Option<String> {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&watch, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").as_bytes())?;
        let mut answer = Vec::new();
        stream.take(4 << 20).read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    ask().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_place_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let key = dir.path().join("a.key");
        let problem = |fault: Option<Fault>| fault.map_or(String::new(), |fault| fault.problem);
        assert!(problem(file("k", &key)).contains("cannot be read"));
        fs::write(&key, "x").unwrap();
        for (mode, is_fine) in [(0o600, true), (0o640, true), (0o400, true), (0o644, false), (0o660, false)] {
            fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(secret("k", &key).is_none(), is_fine, "{mode:o}");
        }
        assert_eq!(file("k", &key), None);
        assert!(problem(file("k", dir.path())).contains("not a file"));
        assert_eq!(folder("k", &dir.path().join("new/deeper")), None);
        assert!(problem(folder("k", &key.join("below"))).contains("not a folder"));
        assert!(problem(one_file_system(&[("a", dir.path()), ("b", Path::new("/proc"))])).contains("same file system"));
    }

    #[test]
    fn addresses_are_tried() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = taken.local_addr().unwrap();
        assert!(address("k", at, |_| false).is_some());
        assert_eq!(address("k", at, |one| one == at), None);
        assert!(address("k", "192.0.2.1:0".parse().unwrap(), |_| true).unwrap().problem.contains("no such address"));
        assert_eq!(twice(&[("a", at), ("b", at)]).unwrap().key, "b");
        assert_eq!(twice(&[("a", "127.0.0.1:0".parse().unwrap()), ("b", "127.0.0.1:0".parse().unwrap())]), None);
    }

    #[test]
    fn addresses_that_meet_are_found_as_the_kernel_does() {
        for (one, other) in [
            ("0.0.0.0", "127.0.0.1"),
            ("127.0.0.1", "[::]"),
            ("0.0.0.0", "[::]"),
            ("[::]", "[::1]"),
            ("127.0.0.1", "127.0.0.2"),
            ("127.0.0.1", "[::1]"),
            ("0.0.0.0", "[::1]"),
        ] {
            let Ok(first) = TcpListener::bind(format!("{one}:0")) else { continue };
            let first = first.local_addr().map(|at| (first, at)).unwrap();
            let second: SocketAddr = format!("{other}:{}", first.1.port()).parse().unwrap();
            let is_taken = match TcpListener::bind(second) {
                Ok(_) => false,
                Err(error) if error.kind() == ErrorKind::AddrInUse => true,
                Err(_) => continue,
            };
            assert_eq!(twice(&[("a", first.1), ("b", second)]).is_some(), is_taken, "{one} {other}");
        }
    }
}
