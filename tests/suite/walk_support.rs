//! Relay and gateway as real processes in a folder that nobody is enrolled in yet, staff, people at terminals, and a proxy.

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kenpo_express::domain::clock::Clock;
use kenpo_express::gateway::flows::enrol::letter::Passwords;
use kenpo_express::relay::admin as operator;
use kenpo_express::runtime::clock::{SystemClock, SystemRandom};
use kenpo_express::sandbox::parties::{contact, office, office_name, user};
use kenpo_express::sandbox::world::World;
use kenpo_express::wire::client::EnrolmentPage;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::exchange_support::{Folder, Server, json, text, wait_for};
use crate::support::soon::end_of;

/// Relay and gateway, each by its own binary.
pub(crate) struct Walk {
    pub(crate) folder: Folder,
    pub(crate) world: World,
    pub(crate) servers: Vec<Server>,
}

/// A mail of the relay.
pub(crate) struct Mail {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) link: String,
}

impl Mail {
    pub(crate) fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let unfolded = head.replace("\r\n ", " ");
        let header = |name: &str| unfolded.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
        let body = String::from_utf8(STANDARD.decode(body.split_whitespace().collect::<String>()).unwrap()).unwrap();
        let link = body.split_whitespace().find(|word| word.starts_with("https://")).unwrap().to_owned();
        Self { from: header("From:"), to: header("To:"), subject: decode_words(&header("Subject:")), link }
    }
}

/// The two passwords on a letter.
pub(crate) fn passwords_of(letter: &Path) -> Passwords {
    let page = fs::read_to_string(letter).unwrap();
    let mut cells = page.split("class=\"password\">").skip(1);
    let mut next = || cells.next().and_then(|cell| cell.split_once('<')).unwrap().0.to_owned().into();
    Passwords { download: next(), login: next() }
}

impl Walk {
    pub(crate) async fn start() -> Self {
        let folder = Folder::new();
        let sandbox = folder.path("sandbox");
        let world = World::open(&sandbox, folder.base, SystemClock.now(), &SystemRandom).unwrap();
        let database = operator::open(&world.relay_settings().unwrap()).await.unwrap();
        operator::add_union(&database, &world.new_union(), SystemClock.now()).await.unwrap();
        database.close().await;
        let mut walk = Self { folder, world, servers: Vec::new() };
        walk.serve();
        walk
    }

    pub(crate) fn serve(&mut self) {
        let relay = self.folder.serve("kx-server", "sandbox/relay/server.log");
        let gateway = self.folder.serve("kx-gateway", "sandbox/gateway/gateway.log");
        self.servers = vec![gateway, relay];
    }

    pub(crate) fn stop(&mut self) {
        self.servers.drain(..).for_each(Server::stop);
    }

    /// The gateway's staff, at the command line.
    pub(crate) fn staff(&self, arguments: &[&str]) -> Output {
        self.folder.run("kx-gateway", arguments)
    }

    /// The one JSON value that a command of the staff prints.
    pub(crate) fn told(&self, arguments: &[&str]) -> Value {
        let output = self.staff(&[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stdout)))
    }

    /// Registers office and user where they are not.
    pub(crate) fn register(&self) {
        let (office, name, contact) = (office(), office_name(), contact());
        if !json(&self.staff(&["user", "list", "--json"])).is_empty() {
            return;
        }
        self.told(&["office", "add", "--code", office.as_str(), "--name", name.as_str()]);
        let (name, mail, device) = (contact.name.as_str(), contact.mail.as_str(), contact.device.unwrap());
        let user = user();
        let user = ["user", "add", "--office", office.as_str(), "--user", user.as_str()];
        self.told(&[&user[..], &["--name", name, "--mail", mail, "--device", device.as_str()]].concat());
    }

    /// Registers office and user where they are not, and makes a letter.
    pub(crate) fn letter(&self) -> Passwords {
        self.register();
        let path = self.folder.path("letter.html");
        let output = path.to_str().unwrap();
        self.told(&["user", "letter", user().as_str(), "--new-passwords", "-o", output]);
        let passwords = passwords_of(&path);
        fs::remove_file(path).unwrap();
        passwords
    }

    /// Every mail so far.
    pub(crate) fn mails(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.world.mail_folder()).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "eml")).collect()
    }

    /// Waits for a mail that is not among those before.
    pub(crate) fn new_mail(&self, before: &[PathBuf]) -> Mail {
        wait_for(|| self.mails().iter().any(|mail| !before.contains(mail)), "the mail comes");
        Mail::read(&self.mails().into_iter().find(|mail| !before.contains(mail)).unwrap())
    }

    /// The page behind a link, as a browser sees it.
    pub(crate) fn page(&self, link: &str) -> EnrolmentPage {
        EnrolmentPage::open(link, std::slice::from_ref(&self.world.parties.operator_ca)).unwrap().unwrap()
    }

    /// Letter, mail, page: a new kit in a file.
    pub(crate) async fn kit(&self) -> (PathBuf, Passwords) {
        let before = self.mails();
        let letter = self.letter();
        let mail = self.new_mail(&before);
        let zip = self.page(&mail.link).download(&letter.download).await.unwrap().expect("the password is right");
        let path = self.folder.path("kenpoexpress.zip");
        fs::write(&path, zip).unwrap();
        (path, letter)
    }

    /// A home folder with files for PIN and passwords.
    pub(crate) fn home(&self, name: &str, letter: &Passwords) -> PathBuf {
        let home = self.folder.path(name);
        fs::create_dir_all(&home).unwrap();
        for (file, secret) in [("pin.txt", "4711"), ("password.txt", &letter.login), ("new.txt", NEW_PASSWORD)] {
            fs::write(home.join(file), secret).unwrap();
        }
        home
    }

    /// `setup` without anybody at the terminal.
    pub(crate) fn setup(home: &Path, kit: &Path) -> Command {
        let mut command = employer(home);
        command.arg("--pin-file").arg(home.join("pin.txt")).arg("--password-file").arg(home.join("password.txt"));
        command.args(["setup", "--office", office_name().as_str(), "--user", contact().name.as_str()]);
        command.args(["--mail", contact().mail.as_str(), "--new-password-file"]).arg(home.join("new.txt"));
        command.arg("--kit").arg(kit);
        command
    }

    /// Any other command, with the password as it is after the set-up.
    pub(crate) fn run(home: &Path, arguments: &[&str]) -> Output {
        let mut command = employer(home);
        command.arg("--pin-file").arg(home.join("pin.txt")).arg("--password-file").arg(home.join("new.txt"));
        command.args(arguments).output().unwrap()
    }
}

/// `kx-employer` with a home folder.
pub(crate) fn employer(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kx-employer"));
    command.arg("--home").arg(home).stdin(Stdio::null());
    command
}

/// What a person chooses in place of the initial password.
pub(crate) const NEW_PASSWORD: &str = "Himitsu2026kx";

/// Encoded words of a header (RFC 2047).
fn decode_words(header: &str) -> String {
    let word = |word: &str| {
        let inner = word.strip_prefix("=?utf-8?b?").and_then(|word| word.strip_suffix("?="));
        inner.map_or_else(|| word.to_owned(), |letters| String::from_utf8(STANDARD.decode(letters).unwrap()).unwrap())
    };
    let (mut text, mut encoded_before) = (String::new(), false);
    for part in header.split_whitespace() {
        let encoded = part.starts_with("=?");
        let follows = encoded && encoded_before;
        if !text.is_empty() && !follows {
            text.push(' ');
        }
        text += &word(part);
        encoded_before = encoded;
    }
    text
}

/// Somebody at a terminal.
pub(crate) struct Terminal {
    child: Child,
    input: ChildStdin,
    shown: Arc<Mutex<String>>,
    read: usize,
}

impl Terminal {
    /// Starts a command on a terminal of its own.
    pub(crate) fn start(command: &str) -> Self {
        let mut child = Command::new("script")
            .args(["-qfec", command, "/dev/null"])
            .env("TERM", "dumb")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("script (util-linux) is there");
        let shown = Arc::new(Mutex::new(String::new()));
        let (mut output, screen) = (child.stdout.take().unwrap(), Arc::clone(&shown));
        std::thread::spawn(move || {
            let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
            while let Ok(read @ 1..) = output.read(&mut buffer) {
                bytes.extend_from_slice(&buffer[..read]);
                *screen.lock().unwrap() = String::from_utf8_lossy(&bytes).into_owned();
            }
        });
        let input = child.stdin.take().unwrap();
        Self { child, input, shown, read: 0 }
    }

    /// Waits until a text is shown after what was read before.
    pub(crate) fn read(&mut self, expected: &str) {
        let (shown, from) = (Arc::clone(&self.shown), self.read);
        let place = || shown.lock().unwrap()[from..].find(expected);
        let began_at = std::time::Instant::now();
        while place().is_none() {
            assert!(began_at.elapsed() < Duration::from_secs(60), "{expected}:\n{}", shown.lock().unwrap());
            std::thread::sleep(Duration::from_millis(20));
        }
        self.read = from + place().unwrap() + expected.len();
    }

    /// Reads a question, and types the answer.
    pub(crate) fn answer(&mut self, question: &str, answer: &str) {
        self.read(question);
        // A question may be shown a moment before the echo is off; nobody types as fast as that.
        std::thread::sleep(Duration::from_millis(150));
        writeln!(self.input, "{answer}").unwrap();
    }

    /// Waits for the end; everything that was shown.
    pub(crate) fn end(mut self) -> (bool, String) {
        let status = end_of(&mut self.child, "the command on the terminal ends");
        let shown = self.shown.lock().unwrap().clone();
        (status.success(), shown)
    }
}

/// An HTTP proxy that knows CONNECT and nothing else.
pub(crate) struct ConnectProxy {
    pub(crate) address: SocketAddr,
    pub(crate) bytes: Arc<AtomicU64>,
    pub(crate) tunnels: Arc<AtomicU64>,
}

/// How a proxy behaves.
#[derive(Clone, Copy, Default)]
pub(crate) struct Manners {
    /// `Basic` credentials that it wants.
    pub(crate) credentials: Option<&'static str>,
    /// Where its connections come from.
    pub(crate) from: Option<std::net::Ipv4Addr>,
    /// Bytes a second from the client.
    pub(crate) pace: Option<u32>,
}

impl ConnectProxy {
    pub(crate) async fn start(manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (bytes, tunnels) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let (counted, opened) = (Arc::clone(&bytes), Arc::clone(&tunnels));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(tunnel(client, manners, Arc::clone(&counted), Arc::clone(&opened)));
            }
        });
        Self { address, bytes, tunnels }
    }
}

async fn tunnel(mut client: TcpStream, manners: Manners, bytes: Arc<AtomicU64>, tunnels: Arc<AtomicU64>) -> Option<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let wanted = manners.credentials.map(|credentials| format!("Basic {}", STANDARD.encode(credentials)));
    if wanted.is_some_and(|wanted| !head.contains(&wanted)) {
        let refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
        return client.write_all(refusal).await.ok();
    }
    let target: SocketAddr = head.strip_prefix("CONNECT ")?.split(' ').next()?.parse().ok()?;
    let socket = TcpSocket::new_v4().ok()?;
    socket.bind((manners.from.unwrap_or(std::net::Ipv4Addr::LOCALHOST), 0).into()).ok()?;
    let server = socket.connect(target).await.ok()?;
    tunnels.fetch_add(1, Ordering::SeqCst);
    client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await.ok()?;
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let up = async {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
            to_server.write_all(&buffer[..read]).await.ok()?;
            bytes.fetch_add(read as u64, Ordering::SeqCst);
            if let Some(pace) = manners.pace {
                tokio::time::sleep(Duration::from_secs(read as u64) / pace).await;
            }
        }
        Some(())
    };
    let down = tokio::io::copy(&mut from_server, &mut to_client);
    // Either end ends the tunnel, as a line that is cut does.
    tokio::select! {
        _ = up => {}
        _ = down => {}
    }
    Some(())
}
