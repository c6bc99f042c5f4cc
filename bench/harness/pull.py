"""Whole pulls: from the relay to the archive, verified, durable and acknowledged; the relay runs on the same cores."""

import os
import shutil
import time

from . import contest, seed
from .contest import Contestant
from .movers import BATCHED, PIPED, Nginx, Sshd, same_size, shell
from .peers import path_of, stop_gnupg
from .process import Failed, quietly, timed
from .sandbox import Sandbox, settle
from .small import SIZE
from .whole import random_file


class Rounds:
    """A fresh folder for every contestant and round. What earlier rounds left is removed only between two rounds."""

    def __init__(self, folder):
        self.folder = folder
        self.round = None

    def place(self, number, name):
        if number != self.round:
            self._clear(number)
        place = self.folder / f"round-{number}" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    def _clear(self, number):
        old = self.folder / f"round-{self.round}"
        if self.round is not None and old.exists():
            shutil.rmtree(old)
            os.sync()
            # The disk is told of freed blocks when the journal commits; the next fsync would wait for that.
            time.sleep(5)
        self.round = number


def prepared(bench, folder, sizes):
    """A sandbox whose relay holds a message for each of these sizes. Answers it and the folder of the plain files."""
    plain = folder / "plain"
    plain.mkdir(parents=True)
    for number, size in enumerate(sizes):
        random_file(plain / f"{number:06}.csv", size)
    box = Sandbox.make(bench, folder / "sandbox")
    contest.progress(f"depositing {len(sizes):,} files")
    with box.relay():
        box.send(sorted(plain.iterdir()))
    return box, plain


def ours(box, rounds, work, count):
    def run(number):
        return box.copy(rounds.place(number, "kx")).pull(work, count)

    return Contestant("kx pull", run, note="verified, archived, acknowledged")


def small(bench, keys):
    """Many small files."""
    count = 500 if bench.quick else 5000
    folder = bench.disk / "pull-small"
    box, plain = prepared(bench, folder, [SIZE] * count)
    names = sorted(path.name for path in plain.iterdir())
    rounds = Rounds(folder)
    contestants = [ours(box, rounds, count, count)]
    some = names[: max(20, count // 50)]
    gnupg = keys.gnupg() if path_of("gpg") else None
    if gnupg:
        for name in some:
            quietly("gpg", "--batch", "--quiet", "--trust-model", "always", "-z", "0", "--sign", "-u",
                    "sender@bench.invalid", "--encrypt", "-r", "union@bench.invalid", "-o", plain / f"{name}.gpg",
                    plain / name, env=gnupg)
    sshd, nginx = Sshd(folder / "sshd"), Nginx(folder / "nginx", keys, plain)

    def fetch(number):
        target = rounds.place(number, "sftp")
        target.mkdir()
        settle()
        return timed(sshd.fetch(f"{plain}/*.csv", target), work=count)

    def curl(side_by_side):
        def run(number):
            target = rounds.place(number, f"curl-{side_by_side}")
            target.mkdir()
            parallel = ["--parallel", "--parallel-max", str(side_by_side)] if side_by_side > 1 else []
            command = [*nginx.curl(), *parallel, "-K", nginx.listing(names, target)]
            settle()
            return timed(command, work=count)

        return run

    def batched(number):
        target = rounds.place(number, "script")
        target.mkdir()
        listing = nginx.listing([f"{name}.gpg" for name in some], target)
        settle()
        return shell(BATCHED, listing, target, target / "rows.db", *nginx.curl(), work=len(some), env=gnupg)

    if path_of("sshd"):
        contestants.append(Contestant("sftp -f", fetch, 2.0, "moves only, fsync"))
    if path_of("nginx"):
        contestants.append(Contestant("curl from nginx", curl(1), note="moves only, no fsync"))
        contestants.append(Contestant("curl from nginx, 8 side by side", curl(8), note="moves only, no fsync"))
        if gnupg and path_of("sqlite3"):
            words = f"curl, gpg -d, fsync, SQLite; {len(some)} files"
            contestants.append(Contestant("batched script", batched, 50.0, words))
    try:
        with sshd.server(), nginx.server():
            row = contest.hold(f"pull {count:,} x 10 KB", "files/s", contestants, bench.rounds)
    finally:
        if gnupg:
            stop_gnupg(gnupg)
    contest.at_least(row, "2,000 files/s, then 2,800", 2800)
    contest.against_limit(row, "durable files in groups", bench.limits.get("durable_group_s"), 0.2)
    contest.memory_below(row, 48)
    shutil.rmtree(folder)
    return [row]


def large(bench, keys, size):
    """One large file."""
    folder = bench.disk / "pull-large"
    # The file, sealed twice, and what a round leaves of four contestants: one that finds the disk full is no comparison.
    needed = 9 * size
    if shutil.disk_usage(bench.disk).free < needed:
        raise Failed(f"{needed / 2**30:.0f} GiB of room are needed on the disk")
    box, plain = prepared(bench, folder, [size])
    name = next(plain.iterdir()).name
    rounds = Rounds(folder)
    contestants = [ours(box, rounds, size, 1)]
    sshd, nginx = Sshd(folder / "sshd"), Nginx(folder / "nginx", keys, plain)

    def fetch(label, cipher):
        def run(number):
            target = rounds.place(number, label)
            target.mkdir()
            settle()
            return timed(sshd.fetch(plain / name, target, cipher), work=size)

        return run

    def decrypted(number):
        target = rounds.place(number, "opened")
        settle()
        sample = shell(PIPED, nginx.url("sealed.age"), keys.age()[0], target, *nginx.curl(), work=size)
        same_size(target, size)
        return sample

    if path_of("sshd"):
        contestants.append(Contestant("sftp -f", fetch("sftp", None), 1.2, "moves only, fsync"))
        contestants.append(Contestant("sftp -f, AES-GCM", fetch("sftp-gcm", "aes256-gcm@openssh.com"), note="moves only, fsync"))
    if path_of("nginx") and path_of("age"):
        quietly("age", "-r", keys.age()[1], "-o", plain / "sealed.age", plain / name)
        contestants.append(Contestant("curl, age -d, fsync", decrypted, 1.5, "no signature"))
    with sshd.server(), nginx.server():
        row = contest.hold(f"pull one file of {size / 2**30:g} GiB", "MB/s", contestants, bench.rounds, per_unit=1e6)
    # 450 MB/s where SHA-256 gives 1.15 GB/s: the same part of what this machine gives.
    contest.against_limit(row, "SHA-256", bench.limits.get("sha256_mb_s"), 450 / 1150)
    contest.memory_below(row, 48)
    shutil.rmtree(folder)
    return [row]


def archived(bench, _keys):
    """The same pull with ever more messages archived before."""
    count = 200 if bench.quick else 2000
    levels = [10**3, 10**4] if bench.quick else [10**3, 10**4, 10**5, 10**6]
    folder = bench.disk / "pull-archived"
    box, _ = prepared(bench, folder, [SIZE] * count)
    boxes = {}
    for level in levels:
        contest.progress(f"archiving {level:,} rows")
        boxes[level] = box.copy(folder / f"with-{level}")
        seed.fill(boxes[level].database(), level)
    rounds = Rounds(folder)

    def pull(level):
        return lambda number: boxes[level].copy(rounds.place(number, f"kx-{level}")).pull(count, count)

    contestants = [Contestant(f"kx pull, {level:,} archived before", pull(level)) for level in levels]
    row = contest.hold(f"pull {count:,} x 10 KB again", "files/s", contestants, bench.rounds)
    for entry in row.entries[1:]:
        if "ratio" in entry:
            part = 1 / entry["ratio"]
            of = f"the rate at {levels[0]:,} with {entry['name'].split(',', 1)[1].strip()}"
            row.limits.append({"of": of, "part": part, "goal": 0.9, "reached": part >= 0.9})
    contest.memory_below(row, 48)
    shutil.rmtree(folder)
    return [row]
