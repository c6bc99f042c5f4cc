"""Contests: the same work by us and by each peer, round after round, and what comes of it."""

import statistics
import sys
from dataclasses import dataclass, field

from .process import Failed


@dataclass
class Contestant:
    """One way to do the work. `run(round)` answers a Sample; `goal` is how many times faster we want to be."""

    name: str
    run: object
    goal: float = None
    note: str = ""


@dataclass
class Row:
    """One contest's figures, ready for table and JSON."""

    workload: str
    unit: str
    entries: list = field(default_factory=list)
    limits: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    def ours(self):
        return self.entries[0] if self.entries else None


def hold(workload, unit, contestants, rounds, before=None, per_unit=1.0):
    """Runs everybody once for warming up and then `rounds` times, each round next to each other: A B C, A B C.

    The first contestant is us. Rates are work a second divided by `per_unit` (1e6 for MB/s); the ratio is the median of
    our rate over the peer's in the same round. A contestant that fails is shown as failed and does not end the contest,
    unless it is us.
    """
    row = Row(workload, unit)
    samples = {contestant.name: [] for contestant in contestants}
    failed = {}
    for number in range(rounds + 1):
        for contestant in contestants:
            if contestant.name in failed:
                continue
            if before:
                before()
            progress(f"{workload}: round {number} of {rounds}: {contestant.name}")
            try:
                sample = contestant.run(number)
            except Failed as error:
                failed[contestant.name] = str(error)
                continue
            if number > 0:
                samples[contestant.name].append(sample)
    progress("")
    first = samples[contestants[0].name]
    for contestant in contestants:
        taken = samples[contestant.name]
        entry = {"name": contestant.name, "note": contestant.note}
        row.entries.append(entry)
        if contestant.name in failed or not taken:
            entry["failed"] = failed.get(contestant.name, "no figures")
            continue
        rates = [sample.work / sample.seconds / per_unit for sample in taken]
        entry["seconds"] = statistics.median(sample.seconds for sample in taken)
        entry["rate"] = statistics.median(rates)
        entry["rates"] = [round(rate, 2) for rate in rates]
        entry["peak_kib"] = peaks(taken)
        if contestant is not contestants[0] and first and len(first) == len(taken):
            ratios = [(a.work / a.seconds) / (b.work / b.seconds) for a, b in zip(first, taken)]
            entry["ratio"] = statistics.median(ratios)
            entry["ratios"] = [round(ratio, 2) for ratio in ratios]
        if contestant.goal and "ratio" in entry:
            entry["goal"] = contestant.goal
            entry["reached"] = entry["ratio"] >= contestant.goal
    return row


def against_limit(row, text, value, goal):
    """Adds what part of `value` (a limit of this machine, in the row's unit) we reach, and whether that meets `goal`."""
    ours = row.ours()
    if not ours or "rate" not in ours or not value:
        return
    part = ours["rate"] / value
    row.limits.append({"of": text, "limit": value, "part": part, "goal": goal, "reached": part >= goal})


def at_least(row, text, goal):
    """Adds a goal for our own rate, in the row's unit."""
    ours = row.ours()
    if ours and "rate" in ours:
        row.limits.append({"of": text, "rate": ours["rate"], "goal_rate": goal, "reached": ours["rate"] >= goal})


def memory_below(row, mib):
    """Adds the goal for the memory of each of our own processes."""
    ours = row.ours()
    if ours and ours.get("peak_kib"):
        most = max(ours["peak_kib"].values()) / 1024
        row.limits.append({"of": "memory of each process", "mib": most, "goal_mib": mib, "reached": most <= mib})


def peaks(samples):
    """The median of the peaks over the rounds, by process."""
    names = {name for sample in samples for name in sample.peaks}
    return {
        name: int(statistics.median(sample.peaks[name] for sample in samples if name in sample.peaks))
        for name in sorted(names)
    }


def progress(text):
    """A line that is written over on a terminal, and an ordinary line elsewhere."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()
    elif text:
        print(text, file=sys.stderr, flush=True)
