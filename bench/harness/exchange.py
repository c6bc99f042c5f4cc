"""What a union sends: one document to many offices; and thousands of small files both ways at once."""

import json
import shutil
import sqlite3
import subprocess
import threading
import time

from . import contest
from .contest import Contestant
from .movers import Sshd
from .peers import path_of
from .process import Failed, Sample, Watch, quietly, timed
from .pull import Rounds
from .sandbox import ENVIRONMENT, Sandbox, settle
from .small import SIZE
from .users import listing
from .whole import random_file

# Bytes of the document.
DOCUMENT = 100_000
# Seconds after which an exchange has not come to its end.
PATIENCE = 600


def offices(bench, _keys):
    """One document to every user of many offices, by `kx-gateway send`."""
    levels = [20, 100] if bench.quick else [100, 1_000]
    folder = bench.disk / "send-offices"
    folder.mkdir(parents=True)
    document = folder / "document.pdf"
    random_file(document, DOCUMENT)
    rounds, boxes = Rounds(folder), {}
    for level in levels:
        contest.progress(f"enrolling {level:,} offices")
        box = boxes[level] = Sandbox.make(bench, folder / f"with-{level}")
        people = listing(folder / f"{level}.csv", level, per_office=1)
        quietly(*box.gateway("user", "import", people, "--json"), env=ENVIRONMENT)
        with box.relay():
            quietly(bench.tool(), "certify", box.folder / "gateway" / "gateway.toml", env=ENVIRONMENT)
        quietly(*box.gateway("group", "add", "everybody", *(f"{number:05}" for number in range(level))), env=ENVIRONMENT)

    def ours(level):
        def run(number):
            box = boxes[level].copy(rounds.place(number, f"kx-{level}"))
            with box.relay() as relay:
                settle()
                command = box.gateway("send", "--to", "group:everybody", "--json", document)
                sample = timed(command, work=level, env=ENVIRONMENT)
                sample.peaks.update(relay.peaks())
            # The command hears the relay's receipts for two seconds after the last upload; the service hears the rest.
            there = sent(box, "relayed") + sent(box, "deposited") - sent(boxes[level], "relayed")
            if there != level:
                raise Failed(f"{there} of {level} messages are at the relay")
            return sample

        return run

    contestants = [Contestant(f"kx send, {level:,} offices", ours(level)) for level in reversed(levels)]
    row = contest.hold(f"send 100 KB to each of {levels[-1]:,} offices", "offices/s", contestants, bench.rounds)
    contest.memory_below(row, 48)
    shutil.rmtree(folder)
    return [row]


def both_ways(bench, _keys):
    """Thousands of small files from the employer and as many to it, at the same time, until every receipt is there."""
    count = 200 if bench.quick else 2_000
    folder = bench.disk / "both-ways"
    plain = {}
    for way in ("up", "down"):
        plain[way] = folder / way
        plain[way].mkdir(parents=True)
        for number in range(count):
            random_file(plain[way] / f"{way}-{number:06}.csv", SIZE)
    box = Sandbox.make(bench, folder / "sandbox")
    rounds, sshd = Rounds(folder), Sshd(folder / "sshd")

    def ours(number):
        copy = box.copy(rounds.place(number, "kx"))
        return exchanged(copy, plain, count)

    def sftp(number):
        target = rounds.place(number, "sftp")
        (target / "up").mkdir(parents=True)
        (target / "down").mkdir()
        settle()
        began = time.monotonic()
        ways = [
            subprocess.Popen([str(word) for word in words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for words in (
                sshd.put(f"{plain['up']}/*.csv", target / "up"),
                sshd.fetch(f"{plain['down']}/*.csv", target / "down"),
            )
        ]
        if any(way.wait() for way in ways):
            raise Failed("sftp failed")
        return Sample(time.monotonic() - began, 2 * count)

    contestants = [Contestant("kx, all receipts", ours, note="sealed, verified, archived, received, accepted")]
    if path_of("sshd"):
        contestants.append(Contestant("sftp -f, put and get at once", sftp, note="moves only, fsync"))
    with sshd.server():
        row = contest.hold(f"both ways, {count:,} x 10 KB each", "files/s", contestants, bench.rounds)
    contest.memory_below(row, 48)
    shutil.rmtree(folder)
    return [row]


def exchanged(box, plain, count):
    """One timed exchange with relay and gateway serving."""
    home, out = box.folder / "employer-1", box.folder / "received-by-bench"
    out.mkdir()
    user = user_of(box)
    employer = [box.bench.binary("kx-employer"), "--home", home]
    signed = ["--pin-file", home / "pin.txt", "--password-file", home / "password.txt"]
    before = box.archived(), sent(box, "accepted")
    failures = []

    def downwards():
        try:
            for start in range(0, count, 500):
                files = sorted(plain["down"].iterdir())[start : start + 500]
                quietly(*box.gateway("send", "--to", f"user:{user}", "--no-wait", "--json", *files), env=ENVIRONMENT)
        except Failed as error:
            failures.append(error)

    with box.relay() as relay, box.serving() as gateway:
        settle()
        watch = Watch({relay.pid: "kx-server", gateway.pid: "kx-gateway"})
        began = time.monotonic()
        thread = threading.Thread(target=downwards)
        thread.start()
        quietly(*employer, "send", *sorted(plain["up"].iterdir()), *signed, env=ENVIRONMENT)
        while not failures:
            quietly(*employer, "receive", "--all", "--out", out, *signed, "--json", env=ENVIRONMENT)
            there = (len(list(out.iterdir())), box.archived() - before[0], sent(box, "accepted") - before[1])
            if min(there) >= count:
                break
            if time.monotonic() - began > PATIENCE:
                raise Failed("of {} each way: {} received, {} archived, {} accepted".format(count, *there))
            time.sleep(0.05)
        seconds = time.monotonic() - began
        thread.join()
        peaks = watch.stop()
    if failures:
        raise failures[0]
    return Sample(seconds, 2 * count, peaks)


def user_of(box):
    """The user whom the sandbox has enrolled."""
    users = json.loads(quietly(*box.gateway("user", "list", "--json"), env=ENVIRONMENT))
    return next(user["id"] for user in users if user["state"] == "enabled")


def sent(box, state):
    """Messages to employers in this state."""
    with sqlite3.connect(box.database()) as connection:
        return connection.execute("SELECT count(*) FROM sent WHERE state = ?", (state,)).fetchone()[0]
