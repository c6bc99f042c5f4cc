"""Users by the ten thousand: taken in from a file, and looked up among ever more of them."""

import json
import shutil
import sqlite3
import statistics

from . import contest, seed
from .contest import Contestant, Row, progress
from .peers import path_of
from .process import Failed, quietly, timed
from .pull import Rounds
from .sandbox import ENVIRONMENT, Sandbox, settle

HEADING = "事業所記号,事業所名,利用者名,メールアドレス,端末名\r\n"
# The floor: the same file into a table with the same indexes, as durably, with nothing checked.
FLOOR = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE users (office TEXT, office_name TEXT, name TEXT, mail TEXT COLLATE NOCASE, device TEXT);
CREATE INDEX users_by_office ON users (office);
CREATE INDEX users_by_mail ON users (mail);
.mode csv
.import --skip 1 {file} users
"""


def listing(path, count, encoding="utf-8", per_office=25):
    """A file of so many users as a spreadsheet writes it."""
    lines = (
        f"{number // per_office:05},見本事業所第{number // per_office}号,利用者 花子{number},user{number}@example.jp,経理のPC{number}\r\n"
        for number in range(count)
    )
    path.write_bytes((HEADING + "".join(lines)).encode(encoding))
    return path


def users_in(database):
    with sqlite3.connect(database) as connection:
        return connection.execute("SELECT count(*) FROM users").fetchone()[0]


def imported(bench, _keys):
    """A file of 10,000 users by `kx-gateway user import`."""
    count = 2_000 if bench.quick else 10_000
    folder = bench.disk / "users-import"
    box = Sandbox.make(bench, folder / "sandbox")
    utf8 = listing(folder / "users.csv", count)
    shift_jis = listing(folder / "users-sjis.csv", count, "cp932")
    rounds = Rounds(folder)

    def ours(name, file):
        def run(number):
            copy = box.copy(rounds.place(number, name))
            before = users_in(copy.database())
            settle()
            sample = timed(copy.gateway("user", "import", file, "--json"), work=count, env=ENVIRONMENT)
            if users_in(copy.database()) - before != count:
                raise Failed("not every user is there")
            return sample

        return run

    def floor(number):
        database = rounds.place(number, "sqlite3.db")
        script = folder / "floor.sql"
        script.write_text(FLOOR.format(file=utf8))
        settle()
        sample = timed(["sqlite3", "-bail", database], work=count, stdin=script)
        if users_in(database) != count:
            raise Failed("not every user is there")
        return sample

    contestants = [
        Contestant("kx user import, UTF-8", ours("utf-8", utf8), note="every field checked, ids made, audited"),
        Contestant("kx user import, Shift_JIS", ours("shift-jis", shift_jis)),
    ]
    if path_of("sqlite3"):
        contestants.append(Contestant("sqlite3 .import", floor, note="the floor: nothing checked, no ids, no audit"))
    row = contest.hold(f"import {count:,} users", "users/s", contestants, bench.rounds)
    contest.at_least(row, "10,000 in 10 seconds", 1_000)
    shutil.rmtree(folder)
    return [row]


def lists(bench, _keys):
    """Look-ups in one process, with ever more users."""
    levels = [10**2, 10**3, 10**4, 10**5]
    folder = bench.disk / "users-lists"
    box = Sandbox.make(bench, folder / "sandbox")
    boxes = {}
    for level in levels:
        progress(f"registering {level:,} users")
        boxes[level] = box.copy(folder / f"with-{level}")
        file = listing(folder / f"{level}.csv", level - 1)
        quietly(*boxes[level].gateway("user", "import", file, "--json"), env=ENVIRONMENT)
        seed.enrol_everybody(boxes[level].database())
        seed.enrol_at_relay(boxes[level].relay_database(), level)
    found = {}
    for number in range(bench.rounds + 1):
        for level in levels:
            progress(f"look-ups: round {number} of {bench.rounds}: {level:,} users")
            for side, config in (("gateway", "gateway/gateway.toml"), ("relay", "relay/relay.toml")):
                command = [bench.tool(), f"{side}-users", boxes[level].folder / config]
                times = json.loads(quietly(*command, env=ENVIRONMENT))
                if number > 0:
                    for query, taken in times.items():
                        found.setdefault((side, query), {}).setdefault(level, []).append(taken)
    progress("")
    shutil.rmtree(folder)
    return [row_of(side, query, by_level) for (side, query), by_level in found.items()]


# What staff wait for, and what a handshake does. Reading everybody anew is done at the start and for an operator's command.
GROWS = {"everybody read anew"}
# Milliseconds that one query in a hundred may exceed.
P99_MS = 10


def row_of(side, query, by_level):
    """One kind of query at every level: medians over the rounds."""
    row = Row(f"{side}: {query}", "/s")
    for level, taken in by_level.items():
        p50, p99 = (statistics.median(times[part] for times in taken) for part in ("p50_us", "p99_us"))
        entry = {"name": f"kx, {level:,} users", "note": "", "seconds": p50 / 1e6, "rate": 1e6 / p50, "peak_kib": {}}
        entry.update(took=f"{duration(p50)} (p99 {duration(p99)})", p50_us=p50, p99_us=p99)
        row.entries.append(entry)
    first, last = row.entries[0], row.entries[-1]
    if query not in GROWS:
        part = first["p50_us"] / last["p50_us"]
        of = f"the speed with the fewest users, with the most ({last['name'].split(', ', 1)[1]})"
        row.limits.append({"of": of, "part": part, "goal": 0.7, "reached": part >= 0.7})
        row.limits.append({
            "of": "p99 in ms", "at_most": last["p99_us"] / 1e3, "goal": P99_MS, "reached": last["p99_us"] <= P99_MS * 1e3,
        })
    return row


def duration(microseconds):
    if microseconds >= 1e3:
        return f"{microseconds / 1e3:,.2f} ms"
    return f"{microseconds:,.2f} µs"
