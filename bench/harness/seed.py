"""An archive, and a registry, that have grown: rows for many messages and users, written straight into the databases.

Each is a copy of the one real message or user that is there, with an id of its own and all that belongs to it. The bytes of messages
are not there: a pull does not look at what was archived before.
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


def enrol_everybody(database):
    """Gives every registered user of a gateway what the one enrolled user has: enrolment, certificates, confirmed orders."""
    connection = sqlite3.connect(database)
    try:
        connection.execute("PRAGMA synchronous = OFF")
        model = connection.execute("SELECT user_id FROM enrolments WHERE ended_at IS NULL AND pc IS NOT NULL").fetchone()
        if model is None:
            raise Failed("the sandbox has no enrolled user to copy")
        others = [user for (user,) in connection.execute("SELECT id FROM users WHERE state = 'registered'")]
        dice = random.Random(len(others))
        enrolments = dict(zip(others, ids(len(others), dice)))
        with connection:
            connection.execute("UPDATE users SET state = 'enabled' WHERE state = 'registered'")
            copy_to(connection, "enrolments", model[0], others, lambda user: {"id": enrolments[user]})
            copy_to(connection, "certificates", model[0], others, lambda user: {"fingerprint": dice.randbytes(32)})
            copy_to(connection, "orders", model[0], others, lambda user: {"number": None, "subject": None})
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def copy_to(connection, table, model, users, other):
    """The rows of one user again for each of the others, with other values where `other` gives them."""
    found = connection.execute(f"SELECT * FROM {table} WHERE user_id = ?", (model,))
    columns = [column[0] for column in found.description]
    models = [dict(zip(columns, row)) for row in found.fetchall()]
    rows = ([*{**row, "user_id": user, **other(user)}.values()] for user in users for row in models)
    insert(connection, table, columns, rows)


def enrol_at_relay(database, count):
    """Brings the users of a relay to `count`, each with certificates as many as the one enrolled user has."""
    connection = sqlite3.connect(database)
    try:
        connection.execute("PRAGMA synchronous = OFF")
        found = connection.execute("SELECT * FROM users ORDER BY seq LIMIT 1")
        columns = [column[0] for column in found.description]
        user = dict(zip(columns, found.fetchone()))
        first = connection.execute("SELECT max(seq) + 1 FROM users").fetchone()[0]
        numbers = range(first, first + max(0, count - 1))
        dice = random.Random(count)
        with connection:
            rows = ([*{**user, "seq": number, "user_id": f"bench-{number}"}.values()] for number in numbers)
            insert(connection, "users", columns, rows)
            for table in ("user_certificates", "devices"):
                found = connection.execute(f"SELECT * FROM {table} WHERE user_seq = ?", (user["seq"],))
                columns = [column[0] for column in found.description]
                models = [dict(zip(columns, row)) for row in found.fetchall()]
                copies = (
                    [*{**row, "user_seq": number, "fingerprint": dice.randbytes(32)}.values()]
                    for number in numbers for row in models
                )
                insert(connection, table, columns, copies)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()
