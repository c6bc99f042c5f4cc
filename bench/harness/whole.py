"""Sealing and opening one large file, on tmpfs so that the disk is out of it."""

import os
from pathlib import Path

from . import contest
from .contest import Contestant
from .peers import path_of, stop_gnupg
from .process import quietly, timed

CHUNK = 8 << 20


def random_file(path, size):
    """Bytes that do not compress."""
    with open(path, "wb") as target:
        left = size
        while left > 0:
            target.write(os.urandom(min(CHUNK, left)))
            left -= CHUNK


def text_file(path, size):
    """Lines as a wage list has them: they compress well."""
    lines = bytearray()
    number = 0
    while len(lines) < CHUNK:
        number += 1
        lines += f"{number:08},2026-10,{'健保太郎' if number % 3 else '保険花子'},{180000 + number % 9000},1,0\r\n".encode()
    block = bytes(lines[:CHUNK])
    with open(path, "wb") as target:
        left = size
        while left > 0:
            target.write(block[: min(CHUNK, left)])
            left -= CHUNK


class Files:
    """Where the files of one contest lie, and how each contestant seals and opens them."""

    def __init__(self, bench, keys):
        self.bench, self.keys = bench, keys
        self.folder = bench.memory / "whole"
        self.folder.mkdir(parents=True, exist_ok=True)

    def out(self, name):
        """A fresh place to write to."""
        path = self.folder / name
        path.unlink(missing_ok=True)
        return path

    # --- seal: IN and OUT are paths

    def kx_seal(self, source, target):
        certificate, key = self.keys.sender
        return [
            self.bench.binary("kx-message"), "seal", "--cert", certificate, "--key", key, "--to", self.keys.union[0],
            "--from", self.keys.sender_address, "--recipient", self.keys.union_address, source, target,
        ]

    def kx_open(self, source, target):
        certificate, key = self.keys.union
        return [
            self.bench.binary("kx-message"), "open", "--cert", certificate, "--key", key, "--ca", self.keys.ca,
            "--signer", self.keys.sender[0], source, target,
        ]

    def cms_seal(self, source, target):
        certificate, key = self.keys.sender
        sign = ["openssl", "cms", "-sign", "-binary", "-nodetach", "-stream", "-md", "sha256", "-cades",
                "-signer", certificate, "-inkey", key, "-outform", "DER", "-in", source]
        encrypt = ["openssl", "cms", "-encrypt", "-binary", "-stream", "-aes-256-gcm", "-recip", self.keys.union[0],
                   "-keyopt", "ecdh_kdf_md:sha256", "-outform", "DER", "-out", target]
        return [sign, encrypt]

    def cms_open(self, source, target):
        certificate, key = self.keys.union
        decrypt = ["openssl", "cms", "-decrypt", "-binary", "-inform", "DER", "-recip", certificate, "-inkey", key, "-in", source]
        verify = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-CAfile", self.keys.ca, "-purpose", "any",
                  "-out", target]
        return [decrypt, verify]

    def gpg_seal(self, source, target):
        return ["gpg", "--batch", "--quiet", "--trust-model", "always", "-z", "0", "--sign", "-u", "sender@bench.invalid",
                "--encrypt", "-r", "union@bench.invalid", "-o", target, source]

    def gpg_open(self, source, target):
        return ["gpg", "--batch", "--quiet", "--trust-model", "always", "-o", target, "-d", source]

    def age_seal(self, source, target, command="age"):
        return [command, "-r", self.keys.age()[1], "-o", target, source]

    def age_open(self, source, target, command="age"):
        return [command, "-d", "-i", self.keys.age()[0], "-o", target, source]


SEAL_GOALS = {"openssl cms": 1.5, "age": 1.3, "gpg": 3.0}
OPEN_GOALS = {"openssl cms": 20.0, "age": 1.5, "gpg": 2.0}


def contests(bench, keys, size, kind="random"):
    """The rows for sealing and opening one file of `size` bytes."""
    files = Files(bench, keys)
    source = files.folder / "plain"
    (random_file if kind == "random" else text_file)(source, size)
    words = f"{size / 2**30:g} GiB, {kind}" if size >= 2**30 else f"{size / 2**20:g} MiB, {kind}"
    gnupg = keys.gnupg() if path_of("gpg") else None
    sealed = {name: files.folder / f"sealed-{name.replace(' ', '-')}" for name in ("kx", "openssl cms", "gpg", "age", "rage")}

    def seal(name, *commands, env=None):
        def run(_):
            sealed[name].unlink(missing_ok=True)
            return timed(*commands, work=size, env=env)

        return run

    def open_(name, build, env=None):
        def run(number):
            target = files.out("opened")
            sample = timed(*build(sealed[name], target), work=size, env=env)
            if number == 0:
                quietly("cmp", source, target)
            return sample

        return run

    sealers = [Contestant("kx-message", seal("kx", files.kx_seal(source, sealed["kx"])))]
    openers = [Contestant("kx-message", open_("kx", lambda s, t: [files.kx_open(s, t)]))]

    def peer(name, seal_run, open_run, note=""):
        sealers.append(Contestant(name, seal_run, SEAL_GOALS.get(name), note))
        openers.append(Contestant(name, open_run, OPEN_GOALS.get(name), note))

    if path_of("openssl"):
        peer("openssl cms", seal("openssl cms", *files.cms_seal(source, sealed["openssl cms"])),
             open_("openssl cms", files.cms_open))
    for command in ("age", "rage"):
        if path_of(command):
            peer(command, seal(command, files.age_seal(source, sealed[command], command)),
                 open_(command, lambda s, t, c=command: [files.age_open(s, t, c)]), "no signature")
    if gnupg:
        peer("gpg", seal("gpg", files.gpg_seal(source, sealed["gpg"]), env=gnupg),
             open_("gpg", lambda s, t: [files.gpg_open(s, t)], env=gnupg))
    try:
        first = contest.hold(f"seal {words}", "MB/s", sealers, bench.rounds, per_unit=1e6)
        second = contest.hold(f"open {words}", "MB/s", openers, bench.rounds, per_unit=1e6)
    finally:
        if gnupg:
            stop_gnupg(gnupg)
        for path in files.folder.iterdir():
            path.unlink()
    for row in (first, second):
        contest.against_limit(row, "SHA-256", bench.limits.get("sha256_mb_s"), 0.75)
        contest.memory_below(row, 48)
    return [first, second]


def memory_row(bench, keys, sizes):
    """How much more memory we hold for a larger file: sealed from a pipe to the disk, opened from there to the disk."""
    files = Files(bench, keys)
    folder = bench.disk / "memory"
    folder.mkdir(parents=True, exist_ok=True)
    row = contest.Row("memory, whatever the size", "MB/s")
    found = {}
    for size in sizes:
        sealed, opened = folder / "sealed", folder / "opened"
        contest.progress(f"memory at {size / 2**30:g} GiB")
        source = ["head", "-c", str(size), "/dev/urandom"]
        sealer = files.kx_seal("-", sealed)
        first = timed(source, [*sealer[:2], "--name", "large.bin", *sealer[2:]], work=size)
        second = timed(files.kx_open(sealed, opened), work=size)
        for word, sample in (("seal", first), ("open", second)):
            peak = {name: kib for name, kib in sample.peaks.items() if name.startswith("kx-")}
            found.setdefault(word, []).append(max(peak.values()))
            rate = sample.work / sample.seconds / 1e6
            if word == "open" and bench.limits.get("sha256_mb_s"):
                part = rate / bench.limits["sha256_mb_s"]
                of = f"SHA-256 when {size / 2**30:g} GiB are opened to the disk, durable"
                row.limits.append({"of": of, "limit": bench.limits["sha256_mb_s"], "part": part, "goal": 0.6, "reached": part >= 0.6})
            row.entries.append({
                "name": f"kx-message {word} {size / 2**30:g} GiB", "note": "from a pipe of random bytes to the disk" if word == "seal" else "from the disk to the disk, durable",
                "seconds": sample.seconds,
                "rate": rate, "peak_kib": peak,
            })
        opened.unlink()
        sealed.unlink()
    contest.progress("")
    for word, kib in found.items():
        growth = (max(kib) - kib[0]) / 1024
        row.notes.append(f"{word}: {growth:.2f} MiB more than at the first size (goal 1 MiB: {'yes' if growth <= 1 else 'NO'})")
    most = max(max(kib) for kib in found.values()) / 1024
    row.limits.append({"of": "memory of each process", "mib": most, "goal_mib": 48, "reached": most <= 48})
    return [row]
