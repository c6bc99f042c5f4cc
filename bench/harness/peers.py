"""The peers: found or installed from packages, and given keys of the same strength as ours."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from .process import Failed, quietly

PACKAGES = {
    "openssl": "openssl",
    "gpg": "gnupg",
    "age": "age",
    "rage": "rage",
    "sshd": "openssh-server",
    "sftp": "openssh-client",
    "nginx": "nginx",
    "curl": "curl",
    "sqlite3": "sqlite3",
}
VERSIONS = {
    "openssl": ["openssl", "version"],
    "gpg": ["gpg", "--version"],
    "age": ["age", "--version"],
    "rage": ["rage", "--version"],
    "sshd": ["ssh", "-V"],
    "nginx": ["nginx", "-v"],
    "curl": ["curl", "--version"],
    "sqlite3": ["sqlite3", "--version"],
}
UNION = "99000001"
USER = "bench-user"


def path_of(command):
    """Where a peer's command is; servers live in sbin, which a user's PATH may leave out."""
    places = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin:/sbin"
    return shutil.which(command, path=places)


def install_missing():
    """Installs what is missing and packaged. Whatever stays missing is printed as missing, and its rows say so."""
    missing = [package for command, package in PACKAGES.items() if not path_of(command)]
    if not missing or not shutil.which("apt-get"):
        return
    root = [] if os.geteuid() == 0 else ["sudo", "-n"] if shutil.which("sudo") else None
    if root is None:
        print(f"not root and no sudo: cannot install {', '.join(missing)}")
        return
    # Servers must not start on their own when their packages come in.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    subprocess.run([*root, "apt-get", "update", "-q"], env=environment, stdout=subprocess.DEVNULL, check=False)
    for package in missing:
        subprocess.run(
            [*root, "apt-get", "install", "-q", "-y", "--no-install-recommends", package],
            env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
        )


def versions():
    """The version of each peer, None for the missing."""
    found = {}
    for name, command in VERSIONS.items():
        path = path_of(name)
        if not path or not path_of(command[0]):
            found[name] = None
            continue
        done = subprocess.run(
            [path_of(command[0]), *command[1:]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        text = done.stdout.decode(errors="replace").strip().splitlines()
        found[name] = re.sub(r"\s+", " ", text[0])[:80] if text else "?"
    return found


class Keys:
    """A small CA and a certificate for everybody, made by OpenSSL's command; a key ring for GnuPG; keys for age."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ca = self.folder / "ca.pem"
        self._authority()
        person = f"URI:urn:kx:{UNION}:user:{USER}"
        self.sender = self._certificate("sender", USER, "digitalSignature", "clientAuth,emailProtection", person)
        union = f"URI:urn:kx:{UNION}:union"
        self.union = self._certificate("union", "union", "keyAgreement", "emailProtection", union)
        self.server = self._certificate("server", "127.0.0.1", "digitalSignature", "serverAuth", "IP:127.0.0.1")
        self.client = self._certificate("client", "client", "digitalSignature", "clientAuth", "DNS:client")
        self.sender_address = f"{USER}@{UNION}.kx"
        self.union_address = f"union@{UNION}.kx"

    def _authority(self):
        quietly(
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650",
            "-keyout", self.folder / "ca.key", "-out", self.ca, "-subj", "/O=Bench/CN=Bench CA",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign",
        )

    def _certificate(self, name, common_name, usage, extended, alternative):
        """Makes `name.pem` and `name.key`; answers both paths."""
        key, request, certificate = (self.folder / f"{name}.{ending}" for ending in ("key", "csr", "pem"))
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(
            "basicConstraints=critical,CA:FALSE\n"
            f"keyUsage=critical,{usage}\nextendedKeyUsage={extended}\nsubjectAltName={alternative}\n"
            "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
        )
        quietly(
            "openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", key, "-out", request, "-subj", f"/O=Bench/CN={common_name}",
        )
        quietly(
            "openssl", "x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.folder / "ca.key",
            "-CAcreateserial", "-days", "365", "-extfile", extensions, "-out", certificate,
        )
        os.chmod(key, 0o600)
        return certificate, key

    def gnupg(self):
        """The environment of a key ring with a signer and a receiver, both on Curve25519."""
        import tempfile

        # GnuPG's agent listens on a socket in this folder, whose path must be short.
        home = Path(tempfile.mkdtemp(prefix="kxg-", dir="/tmp"))
        home.chmod(0o700)
        environment = {**os.environ, "GNUPGHOME": str(home), "LC_ALL": "C"}
        for person in ("sender", "union"):
            quietly(
                "gpg", "--batch", "--passphrase", "", "--quick-generate-key", f"{person}@bench.invalid",
                "future-default", "default", "never", env=environment,
            )
        return environment

    def age(self):
        """Paths of an identity, and its recipient."""
        identity = self.folder / "age.key"
        if not identity.exists():
            quietly("age-keygen", "-o", identity)
        return identity, quietly("age-keygen", "-y", identity).strip()


def stop_gnupg(environment):
    """Ends the agent that GnuPG started for this key ring, and removes the ring."""
    try:
        quietly("gpgconf", "--kill", "all", env=environment)
    except (Failed, OSError):
        pass
    shutil.rmtree(environment["GNUPGHOME"], ignore_errors=True)
