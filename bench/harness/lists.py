"""What staff wait for at the console, with a million files archived: each list and search by itself, idle and while a pull runs; and whole
pages over TLS, for one person and for twenty at once."""

import json
import shutil
import statistics
import subprocess

from . import pull, users
from .contest import Row, progress
from .process import Failed, quietly
from .sandbox import ENVIRONMENT, settle
from .small import SIZE
from .users import duration

USERS = 10_000
# Milliseconds that one query in a hundred may exceed.
IDLE_MS, BUSY_MS = 10, 25
# The same for pages that twenty people ask for at once.
TOGETHER_MS = 50


def console(bench, _keys):
    """Every question of the console, a row each."""
    count, arriving = (10**5, 2_000) if bench.quick else (10**6, 10_000)
    folder = bench.disk / "console-lists"
    box, _ = pull.prepared(bench, folder, [SIZE] * arriving)
    config = box.folder / "gateway" / "gateway.toml"
    progress(f"registering {USERS:,} users")
    file = users.listing(folder / "users.csv", USERS - 1)
    quietly(*box.gateway("user", "import", file, "--json"), env=ENVIRONMENT)
    progress(f"archiving {count:,} rows")
    quietly(bench.tool(), "fill-lists", "--count", count, "--users", USERS, config, env=ENVIRONMENT)
    ask = [bench.tool(), "console-lists", config, "--queries"]
    idle, busy = {}, {}
    for number in range(bench.rounds + 1):
        progress(f"lists, idle: round {number} of {bench.rounds}")
        settle()
        keep(idle, number, json.loads(quietly(*ask, 200, env=ENVIRONMENT)))
    with box.relay():
        settle()
        pulling = subprocess.Popen([str(word) for word in box.gateway("pull", "--json")], env=ENVIRONMENT, stdout=subprocess.DEVNULL)
        while pulling.poll() is None:
            progress("lists, while a pull runs")
            found = json.loads(quietly(*ask, 10, env=ENVIRONMENT))
            # What was asked when the pull had ended says nothing.
            if pulling.poll() is None or not busy:
                keep(busy, 1, found)
        if pulling.returncode != 0:
            raise Failed("the pull beside the lists failed")
        pages = {}
        with box.serving():
            for number in range(bench.rounds + 1):
                progress(f"pages: round {number} of {bench.rounds}")
                settle()
                keep(pages, number, json.loads(quietly(bench.tool(), "console-pages", config, "--queries", 200, env=ENVIRONMENT)))
    progress("")
    shutil.rmtree(folder)
    rows = [row_of(question, [("idle", idle[question], IDLE_MS), ("while a pull runs", busy[question], BUSY_MS)], count) for question in idle]
    for page, taken in pages.items():
        rows.append(row_of(page, [("idle", taken, TOGETHER_MS if "at once" in page else IDLE_MS)], count))
    return rows


def keep(found, number, times):
    if number > 0:
        for question, taken in times.items():
            found.setdefault(question, []).append(taken)


def row_of(question, found, count):
    row = Row(f"{question}; {count:,} files", "/s")
    for name, taken, most in found:
        p50, p99 = (statistics.median(times[part] for times in taken) for part in ("p50_us", "p99_us"))
        entry = {"name": f"kx, {name}", "note": "", "seconds": p50 / 1e6, "rate": 1e6 / p50, "peak_kib": {}}
        entry.update(took=f"{duration(p50)} (p99 {duration(p99)})", p50_us=p50, p99_us=p99)
        row.entries.append(entry)
        row.limits.append({"of": f"p99 in ms, {name}", "at_most": p99 / 1e3, "goal": most, "reached": p99 <= most * 1e3})
    return row
