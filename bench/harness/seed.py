"""An archive that has grown: rows for many messages, written straight into the gateway's database.

Each is a copy of the one real message that is there, with an id of its own, its evidence and its receipts. The bytes are not
there: a pull does not look at what was archived before.
"""

import random
import sqlite3
import time

from .process import Failed


def fill(database, count):
    """Brings the archive to `count` messages."""
    connection = sqlite3.connect(database)
    try:
        connection.execute("PRAGMA synchronous = OFF")
        model = connection.execute("SELECT * FROM messages WHERE verdict = 'accepted' ORDER BY number LIMIT 1")
        columns = [column[0] for column in model.description]
        message = model.fetchone()
        if message is None:
            raise Failed("the sandbox has no archived message to copy")
        have, first = connection.execute("SELECT count(*), max(number) + 1 FROM messages").fetchone()
        numbers = range(first, first + max(0, count - have))
        at = {name: position for position, name in enumerate(columns)}

        def messages():
            dice = random.Random(count)
            for number, id_ in zip(numbers, ids(len(numbers), dice)):
                row = list(message)
                row[at["number"]], row[at["id"]] = number, id_
                for unique in ("digest", "signature_hash"):
                    row[at[unique]] = dice.randbytes(32)
                row[at["tag"]] = dice.randbytes(16)
                yield row

        with connection:
            insert(connection, "messages", columns, messages())
            for table in ("evidence", "receipts"):
                copy_of(connection, table, message[at["number"]], numbers)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def ids(count, dice):
    """UUIDv7 in the order of time, the last of them a day ago."""
    start = int(time.time() * 1000) - 86_400_000 - count * 1000
    for number in range(count):
        stamp = start + number * 1000
        rest = dice.getrandbits(74)
        value = (stamp << 80) | (7 << 76) | ((rest >> 62) << 64) | (2 << 62) | (rest & ((1 << 62) - 1))
        text = f"{value:032x}"
        yield "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def insert(connection, table, columns, rows):
    marks = ", ".join("?" for _ in columns)
    connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)


def copy_of(connection, table, message, numbers):
    """The rows that belong to one message, again for each of these numbers."""
    found = connection.execute(f"SELECT * FROM {table} WHERE message = ?", (message,))
    columns = [column[0] for column in found.description]
    models = found.fetchall()
    at = columns.index("message")
    # A row's own number is left to the database.
    keep = [position for position, name in enumerate(columns) if name != "number"]

    def rows():
        for number in numbers:
            for model in models:
                row = list(model)
                row[at] = number
                yield [row[position] for position in keep]

    insert(connection, table, [columns[position] for position in keep], rows())
