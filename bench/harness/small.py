"""2,000 small files: sealed and opened in one process on all cores, against libcrypto's CMS the same way, and against the
commands with a process for each file."""

import os

from . import contest
from .contest import Contestant
from .peers import path_of, stop_gnupg
from .process import Sample, quietly, timed
from .whole import Files

SIZE = 10_000


def contests(bench, keys):
    """The rows for sealing and opening many small files."""
    count = bench.small_count
    each = 20 if bench.quick else 100
    folder = bench.memory / "small"
    plain = folder / "plain"
    plain.mkdir(parents=True)
    for number in range(count):
        (plain / f"{number:06}").write_bytes(os.urandom(SIZE))
    files = Files(bench, keys)
    names = sorted(path.name for path in plain.iterdir())
    tool = bench.tool()
    gnupg = keys.gnupg() if path_of("gpg") else None

    def key_words():
        return ["--sender-cert", keys.sender[0], "--sender-key", keys.sender[1], "--union-cert", keys.union[0],
                "--union-key", keys.union[1]]

    def many(command, source, target, *options):
        def run(number):
            out = folder / f"{target}-{number}"
            out.mkdir()
            sample = timed([tool, command, *options, *key_words(), folder / source(number), out], work=count)
            if number == 0 and command.startswith("open"):
                quietly("diff", "-rq", plain, out)
            return sample

        return run

    def one_by_one(build, source, target, env=None):
        def run(number):
            out = folder / f"{target}-{number}"
            out.mkdir()
            total = Sample(0.0, each)
            for name in names[:each]:
                one = timed(*build(source(number) / name, out / name), env=env)
                total.seconds += one.seconds
                for process, kib in one.peaks.items():
                    total.peaks[process] = max(total.peaks.get(process, 0), kib)
            return total

        return run

    note = f"a process a file, {each} files"
    single = ("--threads", "1")
    sealers = [
        Contestant("kx library", many("seal", lambda _: "plain", "kx-sealed"), note="all cores"),
        Contestant("libcrypto CMS", many("cms-seal", lambda _: "plain", "lib-sealed", *single), 2.5, "one process, one thread"),
        Contestant("libcrypto CMS, side by side", many("cms-seal", lambda _: "plain", "lib2-sealed"), note="one process, all cores"),
    ]
    openers = [
        Contestant("kx library", many("open", lambda _: "kx-sealed-0", "kx-opened"), note="all cores"),
        Contestant("libcrypto CMS", many("cms-open", lambda _: "lib-sealed-0", "lib-opened", *single), 5.0, "one process, one thread"),
        Contestant("libcrypto CMS, side by side", many("cms-open", lambda _: "lib-sealed-0", "lib2-opened"), note="one process, all cores"),
    ]

    def peer(name, seal, open_, env=None):
        sealed = f"{name.replace(' ', '-')}-sealed"
        sealers.append(Contestant(name, one_by_one(seal, lambda _: plain, sealed, env), note=note))
        openers.append(Contestant(
            name, one_by_one(open_, lambda _: folder / f"{sealed}-0", f"{name.replace(' ', '-')}-opened", env), note=note))

    if path_of("openssl"):
        peer("openssl cms", files.cms_seal, files.cms_open)
    if path_of("age"):
        peer("age", lambda s, t: [files.age_seal(s, t)], lambda s, t: [files.age_open(s, t)])
    if gnupg:
        peer("gpg", lambda s, t: [files.gpg_seal(s, t)], lambda s, t: [files.gpg_open(s, t)], gnupg)
    words = f"{count:,} x 10 KB"
    try:
        first = contest.hold(f"seal {words}", "files/s", sealers, bench.rounds)
        second = contest.hold(f"open {words}", "files/s", openers, bench.rounds)
    finally:
        if gnupg:
            stop_gnupg(gnupg)
    contest.against_limit(first, "the P-256 operations", bench.limits.get("p256_seal_s"), 0.6)
    contest.against_limit(second, "the P-256 operations", bench.limits.get("p256_open_s"), 0.6)
    for row in (first, second):
        contest.memory_below(row, 48)
    return [first, second]
