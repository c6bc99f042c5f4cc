//! Relay and gateway set up by their own `init`, in a folder of a test, and the real binaries that work on them.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::exchange_support::{Server, free_ports, text, wait_for};

/// Two machines in one folder.
pub(crate) struct Operated {
    dir: tempfile::TempDir,
    pub(crate) base: u16,
}

impl Operated {
    pub(crate) fn new() -> Self {
        let operated = Self { dir: tempfile::tempdir().unwrap(), base: free_ports() };
        let base = operated.base;
        fs::create_dir_all(operated.path("relay")).unwrap();
        fs::create_dir_all(operated.path("gateway")).unwrap();
        let relay = format!(
            "operator = 'Operator'\ndata = 'data'\nvpn_address = '127.0.0.1:{base}'\n\
             vpn_url = 'https://127.0.0.1:{base}'\nemployer_address = '127.0.0.1:{}'\n\
             employer_url = 'https://127.0.0.1:{}'\npage_address = '127.0.0.1:{}'\npage_url = 'https://127.0.0.1:{}'\n\
             mail = 'directory:mail'\n",
            base + 1,
            base + 1,
            base + 2,
            base + 2
        );
        fs::write(operated.path("relay-answers.toml"), relay).unwrap();
        let handover = operated.path("relay/for-unions.toml");
        let gateway = format!(
            "insurer = '06123456'\nunion_name = '見本健康保険組合'\ncontact = '適用課 03-1234-5678'\n\
             from_operator = '{}'\ndata = 'data'\nstaff = 'suzuki'\n",
            handover.display()
        );
        fs::write(operated.path("gateway-answers.toml"), gateway).unwrap();
        operated
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A program that reads its settings where `init` puts them. Health is at free ports.
    pub(crate) fn command(&self, program: &str) -> Command {
        let (path, settings) = match program {
            "kx-server" => (env!("CARGO_BIN_EXE_kx-server"), "relay/relay.toml"),
            _ => (env!("CARGO_BIN_EXE_kx-gateway"), "gateway/gateway.toml"),
        };
        let mut command = Command::new(path);
        command.arg("--config").arg(self.path(settings)).stdin(Stdio::null());
        command.env("KX_SERVER__WATCH__ADDRESS", format!("127.0.0.1:{}", self.base + 5));
        command.env("KX_GATEWAY__METRICS__LISTEN", format!("127.0.0.1:{}", self.base + 4));
        // Test machines are small.
        command.env("KX_GATEWAY__STORAGE__RESERVE_BYTES", "1000000");
        command.env("KX_SERVER__PARCELS__DISK_RESERVE_BYTES", "1000000");
        command
    }

    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> Output {
        self.command(program).args(arguments).output().unwrap()
    }

    /// Runs a program that must succeed.
    pub(crate) fn done(&self, program: &str, arguments: &[&str]) -> Output {
        let output = self.run(program, arguments);
        assert!(output.status.success(), "{arguments:?}\n{}\n{}", text(&output.stdout), text(&output.stderr));
        output
    }

    pub(crate) fn init(&self, program: &str) -> Command {
        let answers = if program == "kx-server" { "relay-answers.toml" } else { "gateway-answers.toml" };
        let mut command = self.command(program);
        command.arg("init").arg("--answers").arg(self.path(answers));
        command
    }

    /// Sets both up and has the operator register the union.
    pub(crate) fn set_up(&self) {
        for program in ["kx-server", "kx-gateway"] {
            let made = self.init(program).output().unwrap();
            assert!(made.status.success(), "{program}: {}", text(&made.stderr));
        }
        let handover = self.path("gateway/for-the-operator.toml");
        self.done("kx-server", &["union", "add", "--handover", handover.to_str().unwrap()]);
    }

    pub(crate) fn serve(&self, program: &str) -> Server {
        let log = fs::File::create(self.path(&format!("{program}.log"))).unwrap();
        let mut command = self.command(program);
        command.arg("serve").stdout(Stdio::null()).stderr(log);
        let port = self.base + if program == "kx-server" { 5 } else { 4 };
        let server = Server::start(&mut command);
        wait_for(|| TcpStream::connect(("127.0.0.1", port)).is_ok(), &format!("{program} starts"));
        server
    }
}

/// Every file below a folder with its mode and content.
pub(crate) fn everything(folder: &Path) -> Vec<(PathBuf, u32, Vec<u8>)> {
    use std::os::unix::fs::PermissionsExt;
    let mut files: Vec<_> = crate::exchange_support::files_below(folder)
        .into_iter()
        .map(|path| {
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            let bytes = fs::read(&path).unwrap();
            (path, mode, bytes)
        })
        .collect();
    files.sort();
    files
}
