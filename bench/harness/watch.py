"""What a gateway costs that has nothing to do, and how fast it is there and gone: with many rows archived and everything switched on."""

import filecmp
import http.client
import os
import shutil
import signal
import socket
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path

from . import contest, seed
from .contest import Row
from .process import Failed, Server, quietly
from .pull import Rounds, prepared
from .sandbox import ENVIRONMENT, free_port_beside, settle
from .small import SIZE
from .users import duration

# What ships, instead of the sandbox's ten seconds.
SERVING = {**ENVIRONMENT, "KX_GATEWAY__PULL__INTERVAL_SECONDS": "300"}
# Ticks in a second in what Linux tells of processes.
TICKS = os.sysconf("SC_CLK_TCK")
# Seconds after which what was to happen has not happened.
PATIENCE = 300
# Whatever is off by default. What would need a machine of its own (clamd, a mail server) stays away: mails go into a folder.
EVERYTHING = """
[api]
listen = "127.0.0.1:{port}"

[handoff]
folder = "handoff"

[hooks]
command = ["/bin/true"]
kinds = ["alert.fired", "alert.cleared"]

[notices]
staff = [{{ address = "staff@example.jp", kinds = ["arrival", "quarantine", "returned", "uncollected", "alarm", "alert"] }}]
"""


def watch(bench, _keys):
    """Start, kill, stop, idle and scrape, in this order, on a copy of the same sandbox in each round."""
    level, small, large, idle, scrapes = (10**4, 200, 2**28, 10, 100) if bench.quick else (10**6, 1000, 2**30, 60, 1000)
    folder = bench.disk / "watch"
    box, plain = prepared(bench, folder, [large] + [SIZE] * small)
    switch_on(box)
    contest.progress(f"archiving {level:,} rows")
    seed.fill(box.database(), level)
    rounds, found = Rounds(folder), []
    for number in range(bench.rounds + 1):
        contest.progress(f"watch: round {number} of {bench.rounds}")
        copy = box.copy(rounds.place(number, "kx"))
        trial = Trial(copy, plain / "000000.csv")
        with copy.relay():
            settle()
            taken = {**trial.interrupted(), **trial.quiet(idle if number else 1, scrapes)}
        if number > 0:
            found.append(taken)
    contest.progress("")
    shutil.rmtree(folder)
    return [row_of(found, level)]


def switch_on(box):
    """Has the gateway of a sandbox do whatever it can."""
    home = box.folder / "gateway"
    key, certificate = home / "api.key", home / "api.pem"
    quietly("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=localhost", "-keyout", key, "-out", certificate)
    key.chmod(0o600)
    (home / "handoff").mkdir()
    config = home / "gateway.toml"
    config.write_text(config.read_text() + EVERYTHING.format(port=free_port_beside(box.base)))


class Trial:
    """One round with one sandbox. `large` is the plain file whose transfer is cut off."""

    def __init__(self, box, large):
        self.box, self.large = box, large
        self.first = self.newest()
        self.count = self.waiting()

    def interrupted(self):
        """Killed in the middle of a pull, then asked to stop in the middle of it; then everything must be there."""
        seconds = {}
        with self.starting() as gateway:
            seconds["start"] = gateway.took
            reached = self.in_transfer(gateway, 0.05)
            gateway.process.kill()
            gateway.process.wait()
        with self.starting() as gateway:
            seconds["start_killed"] = gateway.took
            self.in_transfer(gateway, reached + 0.05)
            seconds["stop"] = stopped(gateway)
            if self.newest() - self.first >= self.count:
                raise Failed("the pull was over before it was stopped: a larger file is needed")
        with self.starting() as gateway:
            until = time.monotonic() + PATIENCE
            while self.waiting() > 0:
                still_there(gateway, until, f"{self.waiting()} of {self.count} messages are still at the relay")
                time.sleep(0.1)
            calm(gateway.pid)
        self.check()
        return seconds

    def quiet(self, idle, scrapes):
        """A fresh process with nothing to do."""
        with self.starting() as gateway:
            seconds = {"start_idle": gateway.took}
            calm(gateway.pid)
            before, began, most = ticks(gateway.pid), time.monotonic(), 0
            while time.monotonic() - began < idle:
                time.sleep(1)
                most = max(most, resident(gateway.pid))
            took = time.monotonic() - began
            seconds["core_percent"] = (ticks(gateway.pid) - before) / TICKS / took * 100
            seconds["resident_kib"] = most
            times = scraped(self.box.base + 4, scrapes)
            seconds["scrape"], seconds["scrape_p99"] = statistics.median(times), percentile(times, 0.99)
            seconds["stop_idle"] = stopped(gateway)
        return seconds

    def starting(self):
        return Notified(*self.box.gateway("serve"), log=self.box.folder / "gateway.log", env=SERVING)

    def in_transfer(self, gateway, part):
        """Waits until this part of the large file is here, with small ones beside it. Answers which part it is."""
        spool, size = self.box.database().parent / "spool", self.large.stat().st_size
        until = time.monotonic() + PATIENCE
        while True:
            sizes = [path.stat().st_size for path in spool.glob("*.part") if path.exists()]
            reached = max(sizes, default=0) / size
            if part <= reached < 0.9:
                return reached
            still_there(gateway, until, f"the large file is not on its way: {reached:.0%} of it is here")
            time.sleep(0.002)

    def newest(self):
        with sqlite3.connect(self.box.database()) as connection:
            return connection.execute("SELECT max(number) FROM messages").fetchone()[0]

    def waiting(self):
        with sqlite3.connect(self.box.relay_database()) as connection:
            return connection.execute("SELECT count(*) FROM parcels WHERE acknowledged_at IS NULL").fetchone()[0]

    def check(self):
        """Everything came once, nothing failed a check, and the file that was cut off twice is whole."""
        with sqlite3.connect(self.box.database()) as connection:
            query = "SELECT id, path, sealed_size, verdict FROM messages WHERE number > ? ORDER BY sealed_size"
            rows = connection.execute(query, (self.first,)).fetchall()
        if len(rows) != self.count or any(verdict != "accepted" for *_, verdict in rows):
            raise Failed(f"{len(rows)} rows for {self.count} messages, or some that are not accepted")
        archive = self.box.database().parent / "archive"
        for id_, path, size, _ in rows:
            file = archive / path
            if not file.is_file() or file.stat().st_size != size:
                raise Failed(f"message {id_} is not in the archive as its row says")
        exported = self.box.folder / "exported"
        quietly(*self.box.gateway("received", "export", rows[-1][0], "-o", exported), env=SERVING)
        if not filecmp.cmp(exported, self.large, shallow=False):
            raise Failed("the large file is not what was sent")
        exported.unlink()


class Notified(Server):
    """A server that says that it is ready as it says it to systemd; `took` is the seconds until then."""

    def __init__(self, *command, log, env):
        # A path of a socket has little room.
        self.place = Path(tempfile.mkdtemp(prefix="kx-ready-"))
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.place / "notify"))
        self.socket.settimeout(0.005)
        env = {**env, "NOTIFY_SOCKET": str(self.place / "notify")}
        super().__init__(*command, log=log, ready=self._heard, env=env)

    def _heard(self):
        try:
            return b"READY=1" in self.socket.recv(4096)
        except TimeoutError:
            return False

    def __enter__(self):
        began = time.monotonic()
        super().__enter__()
        self.took = time.monotonic() - began
        return self

    def __exit__(self, *why):
        super().__exit__(*why)
        self.socket.close()
        shutil.rmtree(self.place, ignore_errors=True)


def stopped(server):
    """Asks it to stop. Answers the seconds until it was gone."""
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    code = server.process.wait()
    if code != 0:
        raise Failed(f"asked to stop, it ended with {code}")
    return time.monotonic() - began


def still_there(server, until, words):
    if server.process.poll() is not None:
        raise Failed(f"the gateway ended with {server.process.returncode}: {words}")
    if time.monotonic() > until:
        raise Failed(words)


def calm(pid):
    """Waits until what was left to do is done: less than a tenth of a core for three seconds."""
    until = time.monotonic() + PATIENCE
    while True:
        before = ticks(pid)
        time.sleep(3)
        if ticks(pid) - before < 0.3 * TICKS:
            return
        if time.monotonic() > until:
            raise Failed("the gateway does not come to rest")


def ticks(pid):
    """What the process has used of the processors."""
    with open(f"/proc/{pid}/stat") as stat:
        # The name of the program, in brackets, may hold anything.
        fields = stat.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def resident(pid):
    """KiB in use at this moment."""
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def scraped(port, count):
    """Seconds of each of so many scrapes, on one connection as Prometheus has it."""
    connection, times = http.client.HTTPConnection("127.0.0.1", port, timeout=10), []
    for _ in range(count):
        began = time.monotonic()
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        words = answer.read()
        times.append(time.monotonic() - began)
        if answer.status != 200 or b"\nkx_gateway_" not in words:
            raise Failed(f"a scrape was answered with {answer.status}")
    connection.close()
    return times


def percentile(times, part):
    return sorted(times)[min(len(times) - 1, int(len(times) * part))]


def row_of(found, level):
    """Medians over the rounds; the goals are for the worst of them."""

    def median(name):
        return statistics.median(taken[name] for taken in found)

    def worst(*names):
        return max(taken[name] for taken in found for name in names)

    row = Row(f"gateway with {level:,} messages archived, everything on", "/s")
    entries = (
        ("kx, start until ready", "start", ""),
        ("kx, until ready after a SIGKILL", "start_killed", "in the middle of a pull"),
        ("kx, stop", "stop", "in the middle of a pull"),
        ("kx, stop with nothing to do", "stop_idle", ""),
        ("kx, a scrape of /metrics", "scrape", ""),
    )
    for name, key, note in entries:
        seconds = median(key)
        entry = {"name": name, "note": note, "seconds": seconds, "rate": 1 / seconds, "peak_kib": {}}
        entry.update(took=duration(seconds * 1e6), rounds=[round(taken[key], 5) for taken in found])
        row.entries.append(entry)
    row.entries[-1]["took"] += f" (p99 {duration(median('scrape_p99') * 1e6)})"
    row.entries[3]["peak_kib"] = {"kx-gateway, idle": int(median("resident_kib"))}
    goals = (
        ("MiB of memory, idle", worst("resident_kib") / 1024, 40),
        ("percent of a core, idle", worst("core_percent"), 0.5),
        ("seconds until ready", worst("start", "start_idle"), 1),
        ("seconds until ready after a SIGKILL in a pull", worst("start_killed"), 1),
        ("seconds until stopped in a pull", worst("stop"), 5),
        ("p99 of a scrape in ms", worst("scrape_p99") * 1e3, 10),
    )
    for of, value, goal in goals:
        row.limits.append({"of": of, "at_most": value, "goal": goal, "reached": value <= goal})
    row.notes.append("the worst of the rounds; after kill and stop every message was there once, and whole")
    return row
