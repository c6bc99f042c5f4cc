"""The peers that move files: OpenSSH's sftp, curl from nginx with mutual TLS, and scripts made of them."""

import getpass
import os
from pathlib import Path

from .peers import path_of
from .process import Failed, Server, free_port, listening, quietly, timed


class Sshd:
    """An SSH server of our own on loopback, and the command that fetches from it."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True)
        self.folder.chmod(0o700)
        self.port = free_port()
        for name in ("host", "user"):
            quietly("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / name)
        (self.folder / "authorized").write_text((self.folder / "user.pub").read_text())
        (self.folder / "sshd.conf").write_text(
            f"ListenAddress 127.0.0.1:{self.port}\nHostKey {self.folder}/host\nPidFile none\nUsePAM no\nStrictModes no\n"
            f"AuthorizedKeysFile {self.folder}/authorized\nPermitRootLogin yes\nPasswordAuthentication no\n"
            "Subsystem sftp internal-sftp\nLogLevel ERROR\n"
        )
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)

    def server(self):
        command = [path_of("sshd"), "-D", "-e", "-f", self.folder / "sshd.conf"]
        return Server(*command, log=self.folder / "log", ready=listening(self.port))

    def fetch(self, pattern, target, cipher=None):
        """The command that gets what `pattern` names into the folder `target`, every file fsynced (`-f`)."""
        return self._sftp("get", f"lcd {target}\nget -f {pattern}\n", cipher)

    def put(self, pattern, target):
        """The command that puts what `pattern` names into the folder `target`, every file fsynced (`-f`)."""
        return self._sftp("put", f"cd {target}\nput -f {pattern}\n")

    def _sftp(self, name, script, cipher=None):
        batch = self.folder / f"batch-{name}"
        batch.write_text(script)
        options = ["-q", "-b", batch, "-P", str(self.port), "-i", self.folder / "user", "-o", "IdentitiesOnly=yes",
                   "-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={self.folder}/known"]
        cipher = ["-c", cipher] if cipher else []
        return ["sftp", "-f", *options, *cipher, f"{getpass.getuser()}@127.0.0.1"]


class Nginx:
    """nginx on loopback that gives out the files of a folder to whoever has a certificate of our CA."""

    def __init__(self, folder, keys, root):
        self.folder, self.keys = Path(folder), keys
        self.folder.mkdir(parents=True)
        self.port = free_port()
        certificate, key = keys.server
        user = "user root;" if os.geteuid() == 0 else ""
        (self.folder / "nginx.conf").write_text(f"""
{user} worker_processes 2; daemon off; pid {self.folder}/pid; error_log {self.folder}/error.log;
events {{ worker_connections 512; }}
http {{
  access_log off; sendfile on; keepalive_requests 1000000; keepalive_timeout 300;
  client_body_temp_path {self.folder}/body; proxy_temp_path {self.folder}/proxy; fastcgi_temp_path {self.folder}/f;
  uwsgi_temp_path {self.folder}/u; scgi_temp_path {self.folder}/s;
  server {{
    listen 127.0.0.1:{self.port} ssl;
    ssl_certificate {certificate}; ssl_certificate_key {key};
    ssl_client_certificate {keys.ca}; ssl_verify_client on; ssl_protocols TLSv1.3;
    root {root};
  }}
}}
""")

    def server(self):
        command = [path_of("nginx"), "-p", self.folder, "-c", self.folder / "nginx.conf", "-e", self.folder / "error.log"]
        return Server(*command, log=self.folder / "log", ready=listening(self.port))

    def url(self, name):
        return f"https://127.0.0.1:{self.port}/{name}"

    def curl(self):
        certificate, key = self.keys.client
        return ["curl", "-sS", "--fail", "--cert", certificate, "--key", key, "--cacert", self.keys.ca]

    def listing(self, names, target):
        """A curl configuration that fetches each of these files into the folder `target`, over kept connections."""
        path = Path(target) / ".list"
        path.write_text("".join(f'url = "{self.url(name)}"\noutput = "{target}/{name}"\n' for name in names))
        return path


def shell(script, *words, work=1.0, env=None):
    """Times a script of `sh`, which stops at its first failing command."""
    return timed(["sh", "-euc", script, "bench", *words], work=work, env=env)


BATCHED = """
# $1 curl list, $2 folder with *.gpg, $3 database; the rest is curl.
list=$1 folder=$2 database=$3; shift 3
"$@" -K "$list"
for sealed in "$folder"/*.gpg; do
    gpg --batch --quiet --trust-model always -o "${sealed%.gpg}" -d "$sealed" 2>"$folder/.log"
done
sync "$folder"/*.csv
sync "$folder"
{
    echo 'PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE files (name TEXT, size INTEGER); BEGIN;'
    for file in "$folder"/*.csv; do echo "INSERT INTO files VALUES ('${file##*/}', 0);"; done
    echo 'COMMIT;'
} | sqlite3 "$database" >/dev/null
"""

PIPED = """
# $1 URL, $2 identity, $3 where to; the rest is curl.
url=$1 identity=$2 target=$3; shift 3
"$@" "$url" | age -d -i "$identity" -o "$target"
sync "$target"
"""


def same_size(path, size):
    if path.stat().st_size != size:
        raise Failed(f"{path.name} has {path.stat().st_size} bytes instead of {size}")
