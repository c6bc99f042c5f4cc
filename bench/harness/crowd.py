"""What a crowd costs the relay: unions in long poll, employers with a session, all at once; and its handshakes beside nginx."""

import json
import shutil
import statistics

from . import contest
from .contest import Contestant, Row, progress
from .movers import Nginx
from .peers import path_of
from .process import Sample, quietly
from .sandbox import ENVIRONMENT, Sandbox, settle

# All of them come from one address here.
CROWDED = {**ENVIRONMENT, "KX_SERVER__LIMITS__CONNECTIONS_PER_ADDRESS": "20000"}


def crowd(bench, keys):
    unions, users, seconds = (140, 500, 10) if bench.quick else (1_400, 5_000, 60)
    folder = bench.disk / "crowd"
    box = Sandbox.make(bench, folder / "sandbox")
    config, ca = box.folder / "relay" / "relay.toml", box.folder / "gateway" / "relay-ca.pem"
    who = ["--ca", ca, config, folder / "crowd.json"]
    progress(f"registering {unions:,} unions and {users:,} users")
    with box.relay(CROWDED):
        quietly(bench.tool(), "crowd-register", "--unions", unions, "--users", users, *who, env=CROWDED)
    found = []
    for number in range(bench.rounds + 1):
        progress(f"crowd: round {number} of {bench.rounds}")
        # A fresh process: what registering took is not in its memory.
        with box.relay(CROWDED) as relay:
            settle()
            command = [bench.tool(), "crowd-measure", "--pid", relay.pid, "--seconds", seconds, *who]
            taken = json.loads(quietly(*command, env=CROWDED))
        if number > 0:
            found.append(taken)
    progress("")
    rows = [crowded(found, unions, users), handshakes(bench, keys, box, folder)]
    shutil.rmtree(folder)
    return rows


def crowded(found, unions, users):
    """The medians over the rounds, against the goals."""

    def median(*names):
        def value(taken):
            for name in names:
                taken = taken[name]
            return taken

        return statistics.median(value(taken) for taken in found)

    row = Row(f"relay: {unions:,} unions poll, {users:,} sessions", "/s")
    storm = median("storm_seconds")
    idle, working = median("list_idle", "p99_us"), median("list_working", "p99_us")
    entries = (
        ("kx, everybody connects", median("connections") / median("handshakes_per_second"), median("handshakes_per_second"), None),
        ("kx, all unions come back at once", storm, unions / storm, None),
        ("kx, a list, nothing else going on", median("list_idle", "p50_us") / 1e6, None, idle),
        ("kx, a list, 50 deposits a second", median("list_working", "p50_us") / 1e6, None, working),
    )
    for name, seconds, rate, p99 in entries:
        entry = {"name": name, "note": "", "seconds": seconds, "rate": rate or 1 / seconds, "peak_kib": {}}
        if p99:
            entry["took"] = f"{seconds * 1e3:.2f} ms (p99 {p99 / 1e3:.2f} ms)"
        row.entries.append(entry)
    row.entries[0]["peak_kib"] = {"kx-server": int(median("peak_kib"))}
    goals = (
        ("percent of a core, idle", median("idle_core_percent"), 5),
        ("KB a connection", median("bytes_per_connection") / 1e3, 40),
        ("p99 of a list in ms, idle", idle / 1e3, 20),
        ("p99 of a list in ms, 50 deposits a second", working / 1e3, 20),
        ("seconds until all unions are back", storm, 3),
    )
    for of, value, goal in goals:
        row.limits.append({"of": of, "at_most": value, "goal": goal, "reached": value <= goal})
    row.notes.append(f"{median('working_core_percent'):.0f} % of a core with 50 deposits a second, each made durable by itself")
    return row


def handshakes(bench, keys, box, folder):
    """Full mutual handshakes, from one client on the same two cores."""
    count = 500 if bench.quick else 3_000
    nginx = Nginx(folder / "nginx", keys, folder)

    def shake(port, ca, certificate, key):
        def run(_number):
            settle()
            command = [bench.tool(), "handshakes", "--ca", ca, "--cert", certificate, "--key", key, "--count", count]
            taken = json.loads(quietly(*command, f"127.0.0.1:{port}"))
            return Sample(count / taken["per_second"], count)

        return run

    tls = box.folder / "gateway" / "tls.pem"
    contestants = [Contestant("kx-server", shake(box.base, box.folder / "gateway" / "relay-ca.pem", tls, tls))]
    if path_of("nginx"):
        contestants.append(Contestant("nginx", shake(nginx.port, keys.ca, *keys.client), 1.0))
    with box.relay(CROWDED), nginx.server():
        return contest.hold("full handshakes, one request each", "/s", contestants, bench.rounds)
