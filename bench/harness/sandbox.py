"""Relay, gateway and employer on one machine, made by kx-sandbox; prepared once and copied for every round."""

import json
import os
import shutil
import time
from pathlib import Path

from .process import Failed, Sample, Server, free_port, listening, quietly, timed

# The sandbox is one user; the limits that keep one user from harming others are lifted for the deposits.
ENVIRONMENT = {
    **os.environ,
    "KX_SERVER__EMPLOYER__REQUESTS_PER_SECOND": "1000000",
    "KX_SERVER__QUOTA__USER_ITEMS": "10000000",
    "KX_SERVER__LOG__FILTER": "warn",
    "KX_GATEWAY__LOG__LEVEL": "warn",
    # As the units have it.
    "MALLOC_ARENA_MAX": "2",
}


def ports():
    """The first of six free ports in a row."""
    for _ in range(50):
        base = free_port()
        if base < 65000 and not any(listening(base + number)() for number in range(6)):
            return base
    raise Failed("no six free ports in a row")


def free_port_beside(base):
    """A free port beyond the six of a sandbox."""
    for port in range(base + 6, base + 60):
        if not listening(port)():
            return port
    raise Failed("no free port beside the sandbox")


class Sandbox:
    """One set of folders below `folder`."""

    def __init__(self, bench, folder, base):
        self.bench, self.folder, self.base = bench, Path(folder), base

    @classmethod
    def make(cls, bench, folder):
        base = ports()
        quietly(bench.binary("kx-sandbox"), "--dir", folder, "--once", "--json", "--port-base", base)
        return cls(bench, folder, base)

    def relay(self, env=ENVIRONMENT):
        command = [self.bench.binary("kx-server"), "--config", self.folder / "relay" / "relay.toml", "serve"]
        ready = listening(self.base)
        return Server(*command, log=self.folder / "relay.log", ready=ready, env=env)

    def serving(self):
        """The gateway as a service; the relay must be running."""
        ready = listening(self.base + 4)
        return Server(*self.gateway("serve"), log=self.folder / "gateway.log", ready=ready, env=ENVIRONMENT)

    def send(self, files):
        """Deposits files at the relay, which must be running."""
        home = self.folder / "employer-1"
        command = [self.bench.binary("kx-employer"), "--home", home]
        if (home / "pin.txt").exists() and "--pin-file" in quietly(*command, "send", "--help"):
            command += ["--pin-file", home / "pin.txt", "--password-file", home / "password.txt"]
        # Far below what one command line may hold.
        for start in range(0, len(files), 1000):
            quietly(*command, "send", *files[start : start + 1000], env=ENVIRONMENT)

    def gateway(self, *words):
        return [self.bench.binary("kx-gateway"), "--config", self.folder / "gateway" / "gateway.toml", *words]

    def copy(self, target):
        """Everything again under `target`. The relay's parcels are linked, not copied: it only reads them."""
        target = Path(target)
        for path, folders, names in os.walk(self.folder):
            there = target / Path(path).relative_to(self.folder)
            there.mkdir(parents=True)
            shutil.copystat(path, there)
            parcels = "parcels" in Path(path).parts
            for name in names:
                source = Path(path) / name
                if not source.is_file():
                    continue
                if parcels:
                    os.link(source, there / name)
                else:
                    shutil.copy2(source, there / name)
                if name.endswith(".toml"):
                    text = source.read_text().replace(str(self.folder), str(target))
                    (there / name).write_text(text)
        return Sandbox(self.bench, target, self.base)

    def database(self):
        """The gateway's database."""
        found = sorted((self.folder / "gateway").rglob("*.db"))
        if len(found) != 1:
            raise Failed(f"expected one database of the gateway, found {len(found)}")
        return found[0]

    def relay_database(self):
        """The relay's database."""
        found = sorted((self.folder / "relay").rglob("*.db"))
        if len(found) != 1:
            raise Failed(f"expected one database of the relay, found {len(found)}")
        return found[0]

    def archived(self):
        import sqlite3

        with sqlite3.connect(self.database()) as connection:
            query = "SELECT count(*) FROM messages WHERE verdict = 'accepted'"
            return connection.execute(query).fetchone()[0]

    def pull(self, work, count):
        """One timed pull with the relay running beside it; `count` messages must be in the archive more than before."""
        before = self.archived()
        with self.relay() as relay:
            settle()
            sample = timed(self.gateway("pull", "--json"), work=work, env=ENVIRONMENT)
            for name, kib in relay.peaks().items():
                sample.peaks[name] = kib
        arrived = self.archived() - before
        if arrived != count:
            raise Failed(f"{arrived} of {count} messages arrived in the archive")
        return Sample(sample.seconds, work, sample.peaks)


def settle():
    """Leaves the disk in peace before a timed window."""
    os.sync()
    time.sleep(1)
