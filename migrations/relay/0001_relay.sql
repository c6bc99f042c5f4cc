-- Times are microseconds since 1970 in UTC, certificates and receipts DER, fingerprints and hashes 32 bytes.

CREATE TABLE relay (
    id               INTEGER PRIMARY KEY CHECK (id = 1),
    -- Rises with every change that is made from outside a running server.
    registry_version BIGINT  NOT NULL DEFAULT 0
);
INSERT INTO relay (id) VALUES (1);

CREATE TABLE unions (
    insurer      TEXT    PRIMARY KEY,
    name         TEXT    NOT NULL,
    enabled      BOOLEAN NOT NULL,
    added_at     BIGINT  NOT NULL,
    last_seen_at BIGINT
);

-- The authorities that count for this union's users.
CREATE TABLE union_authorities (
    insurer     TEXT NOT NULL REFERENCES unions (insurer),
    fingerprint BLOB NOT NULL,
    der         BLOB NOT NULL,
    PRIMARY KEY (insurer, fingerprint)
);

-- The certificates with which a union comes in over the VPN.
CREATE TABLE union_clients (
    fingerprint BLOB   PRIMARY KEY,
    insurer     TEXT   NOT NULL REFERENCES unions (insurer),
    der         BLOB   NOT NULL
);

-- The certificates that a union shows to its employers, the newest first.
CREATE TABLE union_certificates (
    insurer  TEXT    NOT NULL REFERENCES unions (insurer),
    purpose  TEXT    NOT NULL CHECK (purpose IN ('encryption', 'signing')),
    position INTEGER NOT NULL,
    der      BLOB    NOT NULL,
    PRIMARY KEY (insurer, purpose, position)
);

CREATE TABLE users (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    insurer    TEXT    NOT NULL REFERENCES unions (insurer),
    user_id    TEXT    NOT NULL,
    office     TEXT    NOT NULL,
    enabled    BOOLEAN NOT NULL,
    changed_at BIGINT  NOT NULL,
    -- When the union decided to disable the user, as it says.
    disabled_at BIGINT,
    UNIQUE (insurer, user_id)
);
CREATE INDEX users_by_union ON users (insurer, seq);

CREATE TABLE user_certificates (
    fingerprint BLOB    PRIMARY KEY,
    user_seq    INTEGER NOT NULL REFERENCES users (seq),
    position    INTEGER NOT NULL,
    not_before  BIGINT  NOT NULL,
    not_after   BIGINT  NOT NULL
);
CREATE INDEX user_certificates_by_user ON user_certificates (user_seq, position);

-- How far an upload has come is the length of its file, not a column.
CREATE TABLE uploads (
    insurer    TEXT   NOT NULL REFERENCES unions (insurer),
    message_id TEXT   NOT NULL,
    user_id    TEXT   NOT NULL,
    size       BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (insurer, message_id)
);
CREATE INDEX uploads_by_expiry ON uploads (expires_at);

-- `seq` follows the order in which parcels became visible: the cursor of every list.
CREATE TABLE parcels (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,
    insurer         TEXT    NOT NULL REFERENCES unions (insurer),
    message_id      TEXT    NOT NULL,
    user_id         TEXT    NOT NULL,
    size            BIGINT  NOT NULL,
    tag             BLOB,
    deposited_at    BIGINT  NOT NULL,
    relayed         BLOB    NOT NULL,
    acknowledged_at BIGINT,
    -- When the bytes were deleted; the row stays, so that the sender finds the receipts.
    purged_at       BIGINT,
    UNIQUE (insurer, message_id)
);
CREATE INDEX parcels_waiting ON parcels (insurer, seq) WHERE acknowledged_at IS NULL;
CREATE INDEX parcels_sent ON parcels (insurer, user_id, seq);
CREATE INDEX parcels_to_purge ON parcels (acknowledged_at) WHERE acknowledged_at IS NOT NULL AND purged_at IS NULL;

-- What its union has acknowledged and is still here, in the order of the acknowledgements: the number is the cursor of that
-- list, and is never used twice.
CREATE TABLE acknowledgements (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    insurer    TEXT NOT NULL,
    message_id TEXT NOT NULL,
    UNIQUE (insurer, message_id),
    FOREIGN KEY (insurer, message_id) REFERENCES parcels (insurer, message_id)
);
CREATE INDEX acknowledgements_by_union ON acknowledgements (insurer, number);

-- The union's receipts. The relay's own stands in the parcel.
CREATE TABLE receipts (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    insurer     TEXT    NOT NULL,
    message_id  TEXT    NOT NULL,
    hash        BLOB    NOT NULL,
    der         BLOB    NOT NULL,
    received_at BIGINT  NOT NULL,
    UNIQUE (insurer, message_id, hash),
    FOREIGN KEY (insurer, message_id) REFERENCES parcels (insurer, message_id)
);

-- What a user has under way or waiting (bytes, items), and what lies here after its union had it (kept_bytes); with an
-- empty user id, the whole union.
CREATE TABLE usage (
    insurer    TEXT   NOT NULL REFERENCES unions (insurer),
    user_id    TEXT   NOT NULL,
    bytes      BIGINT NOT NULL,
    items      BIGINT NOT NULL,
    kept_bytes BIGINT NOT NULL,
    PRIMARY KEY (insurer, user_id)
);
