"""The table and the JSON beside it."""

import json


def number(value, digits=None):
    if digits is None:
        digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f}"


def yes(reached):
    return "yes" if reached else "NO"


def memory(peaks):
    return ", ".join(f"{name} {kib / 1024:,.1f} MiB" for name, kib in peaks.items()) or "-"


def limit_words(limit):
    if "part" in limit:
        return f"{limit['part']:.0%} of {limit['of']} (goal {limit['goal']:.0%}: {yes(limit['reached'])})"
    if "at_most" in limit:
        return f"{limit['of']}: {number(limit['at_most'])} (goal {limit['goal']}: {yes(limit['reached'])})"
    if "goal_rate" in limit:
        return f"{limit['of']} (goal {number(limit['goal_rate'])}: {yes(limit['reached'])})"
    return f"{limit['of']} at most {limit['mib']:.1f} MiB (goal {limit['goal_mib']} MiB: {yes(limit['reached'])})"


def lines_of(row):
    """The cells of a row's lines: workload, who, time, rate, ratio, goal, memory."""
    lines = []
    for position, entry in enumerate(row.entries):
        workload = row.workload if position == 0 else ""
        if "failed" in entry:
            lines.append((workload, entry["name"], "-", "failed", "-", "-", "-"))
            continue
        goal = f"{number(entry['goal'])} x: {yes(entry['reached'])}" if "goal" in entry else ""
        ratio = f"{number(entry['ratio'])} x" if "ratio" in entry else ""
        name = entry["name"] + (f" ({entry['note']})" if entry["note"] else "")
        lines.append((
            workload, name, entry.get("took") or f"{number(entry['seconds'], 2)} s", f"{number(entry['rate'])} {row.unit}", ratio, goal,
            memory(entry["peak_kib"]),
        ))
    return lines


HEAD = ("workload", "who", "median", "rate", "we are", "goal reached", "peak memory of each process")


def table(rows, machine, peers):
    """Everything as one Markdown table, with the machine above and the limits below each workload's lines."""
    out = ["## This machine, in this run", ""]
    out += [f"- {name}: {value}" for name, value in machine.items()]
    out += [f"- {name}: {version or 'MISSING'}" for name, version in peers.items()]
    out += ["", "## Us and the peers", ""]
    cells = [HEAD, tuple("---" for _ in HEAD)]
    after = []
    for row in rows:
        cells += lines_of(row)
        words = [limit_words(limit) for limit in row.limits] + row.notes
        words += [f"{entry['name']} failed (why stands in the JSON)" for entry in row.entries if "failed" in entry]
        after += [f"- {row.workload}: {'; '.join(words)}"] if words else []
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEAD))]
    for line in cells:
        fill = "-" if line[0] == "---" else " "
        out.append("| " + " | ".join(cell.ljust(width, fill) for cell, width in zip(line, widths)) + " |")
    if after:
        out += ["", "Of the limits and the goals for ourselves:", ""] + after
    return "\n".join(out)


def as_json(rows, machine, peers, arguments):
    return json.dumps(
        {
            "arguments": arguments,
            "machine": machine,
            "peers": peers,
            "rows": [
                {
                    "workload": row.workload, "unit": row.unit, "entries": row.entries, "limits": row.limits,
                    "notes": row.notes,
                }
                for row in rows
            ],
        },
        indent=2,
    )
