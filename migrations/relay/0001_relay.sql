-- Times are microseconds since 1970 in UTC, certificates and receipts DER, fingerprints and hashes 32 bytes.

CREATE TABLE relay (
    id               INTEGER PRIMARY KEY CHECK (id = 1),
    -- Rises with every change that is made from outside a running server.
    registry_version BIGINT  NOT NULL DEFAULT 0,
    -- Passwords that were tried at the enrolment page, whether the link was known or not.
    page_tries       BIGINT  NOT NULL DEFAULT 0
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

-- What a union's authority has revoked: its newest list.
CREATE TABLE union_revocations (
    insurer TEXT   PRIMARY KEY REFERENCES unions (insurer),
    number  BIGINT NOT NULL,
    der     BLOB   NOT NULL
);

CREATE TABLE users (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    insurer    TEXT    NOT NULL REFERENCES unions (insurer),
    user_id    TEXT    NOT NULL,
    office     TEXT    NOT NULL,
    enabled    BOOLEAN NOT NULL,
    changed_at BIGINT  NOT NULL,
    -- The newest order of the union about the user that took effect: none before it does any more.
    order_number BIGINT NOT NULL DEFAULT 0,
    -- When the union decided to disable the user, as it says.
    disabled_at BIGINT,
    -- Where mails to the user go, since the first enrolment; nothing while the user is disabled.
    mail       TEXT,
    -- The last notice of an end of certificates: when it was asked for, and which end it was.
    noticed_at BIGINT,
    notice_not_after BIGINT,
    -- Which mails the user wants: of files from the union, and of the user's own.
    notice_received BOOLEAN NOT NULL DEFAULT TRUE,
    notice_sent BOOLEAN NOT NULL DEFAULT TRUE,
    -- When what was noted for the user last became a mail.
    told_at    BIGINT,
    -- When a mail to this address last failed for good: it was refused, or it came back.
    mail_failed_at BIGINT,
    UNIQUE (insurer, user_id)
);
CREATE INDEX users_by_union ON users (insurer, seq);

CREATE TABLE user_certificates (
    fingerprint BLOB    PRIMARY KEY,
    user_seq    INTEGER NOT NULL REFERENCES users (seq),
    position    INTEGER NOT NULL,
    not_before  BIGINT  NOT NULL,
    not_after   BIGINT  NOT NULL,
    der         BLOB    NOT NULL
);
-- With all that the handshake asks for: reading one user anew reads no certificate.
CREATE INDEX user_certificates_by_user ON user_certificates (user_seq, position, fingerprint, not_before, not_after);

-- Certificates that prove a PC and no person: the one in the kit (without a PC) and each PC's own.
CREATE TABLE devices (
    fingerprint BLOB    PRIMARY KEY,
    user_seq    INTEGER NOT NULL REFERENCES users (seq),
    pc          TEXT,
    not_before  BIGINT  NOT NULL,
    not_after   BIGINT  NOT NULL
);
CREATE INDEX devices_by_user ON devices (user_seq, pc, fingerprint, not_before, not_after);

-- One row for each order; at most one of a user is open. What is secret is wiped at its end.
CREATE TABLE enrolments (
    user_seq          INTEGER NOT NULL REFERENCES users (seq),
    id                TEXT    NOT NULL,
    made_at           BIGINT  NOT NULL,
    ended_at          BIGINT,
    download_salt     BLOB,
    download_verifier BLOB,
    -- Under the download password, which is not here.
    kit               BLOB,
    -- SHA-256 over the newest link's token; none when the link has come to its end.
    link_hash         BLOB    UNIQUE,
    link_failures     BIGINT  NOT NULL DEFAULT 0,
    link_expires_at   BIGINT  NOT NULL,
    mailed_at         BIGINT,
    downloaded_at     BIGINT,
    PRIMARY KEY (user_seq, id)
);
CREATE UNIQUE INDEX enrolments_open ON enrolments (user_seq) WHERE ended_at IS NULL;

-- The relay's half of what a PC's keys lie under. `tries` rises before each evaluation.
CREATE TABLE pins (
    user_seq INTEGER NOT NULL REFERENCES users (seq),
    pc       TEXT    NOT NULL,
    seed     BLOB    NOT NULL,
    tries    BIGINT  NOT NULL,
    made_at  BIGINT  NOT NULL,
    PRIMARY KEY (user_seq, pc)
);

-- The tries that are counted in `pins`, each by SHA-256 of the token that takes it off again.
CREATE TABLE pin_tries (
    proof    BLOB    PRIMARY KEY,
    user_seq INTEGER NOT NULL,
    pc       TEXT    NOT NULL,
    FOREIGN KEY (user_seq, pc) REFERENCES pins (user_seq, pc) ON DELETE CASCADE
);
CREATE INDEX pin_tries_by_pc ON pin_tries (user_seq, pc);

-- `failures` rises before each comparison.
CREATE TABLE logins (
    user_seq     INTEGER PRIMARY KEY REFERENCES users (seq),
    verifier     BLOB    NOT NULL,
    must_change  BOOLEAN NOT NULL,
    failures     BIGINT  NOT NULL DEFAULT 0,
    locked_until BIGINT,
    last_at      BIGINT
);

CREATE TABLE sessions (
    token_hash   BLOB    PRIMARY KEY,
    user_seq     INTEGER NOT NULL REFERENCES users (seq),
    -- The certificate it is bound to.
    fingerprint  BLOB    NOT NULL,
    -- The address it is bound to: IPv4, or the /64 of IPv6.
    network      TEXT    NOT NULL,
    began_at     BIGINT  NOT NULL,
    expires_at   BIGINT  NOT NULL,
    -- Not each request is written down: up to a minute late.
    last_seen_at BIGINT  NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_seq);

-- Requests for certificates, sealed for the union, and its newest answer.
CREATE TABLE certificate_requests (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    insurer     TEXT    NOT NULL REFERENCES unions (insurer),
    id          TEXT    NOT NULL,
    user_seq    INTEGER NOT NULL REFERENCES users (seq),
    sealed      BLOB    NOT NULL,
    received_at BIGINT  NOT NULL,
    answer      BLOB,
    answered_at BIGINT,
    -- The order that the answer came with.
    order_number BIGINT NOT NULL DEFAULT 0,
    UNIQUE (insurer, id)
);
CREATE INDEX certificate_requests_pending ON certificate_requests (insurer, seq) WHERE answer IS NULL;
CREATE INDEX certificate_requests_by_user ON certificate_requests (user_seq, seq);
CREATE INDEX certificate_requests_by_age ON certificate_requests (received_at);

-- Mails that have not gone out. What is sent is deleted, and with it the token of the link.
CREATE TABLE outbox (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    user_seq   INTEGER NOT NULL REFERENCES users (seq),
    -- The same at every try, so that a mail that came twice can be known.
    message_id TEXT    NOT NULL UNIQUE,
    recipient  TEXT    NOT NULL,
    -- A link to the enrolment page: which enrolment, and the token.
    enrolment  TEXT,
    token      TEXT,
    -- A notice that certificates end.
    not_after  BIGINT,
    -- What was gathered from `notices`: a number for each kind, in JSON.
    gathered   TEXT,
    created_at BIGINT  NOT NULL,
    tries      BIGINT  NOT NULL DEFAULT 0,
    -- None when the mail server refused it for good.
    next_at    BIGINT,
    -- Why the last try failed: a stable code.
    problem    TEXT,
    CHECK ((enrolment IS NULL) = (token IS NULL) AND (token IS NOT NULL) + (not_after IS NOT NULL) + (gathered IS NOT NULL) = 1)
);
CREATE INDEX outbox_due ON outbox (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX outbox_by_user ON outbox (user_seq);

-- Mails that went out a short time ago: so that one that comes back is known.
CREATE TABLE mails_out (
    message_id TEXT    PRIMARY KEY,
    user_seq   INTEGER NOT NULL REFERENCES users (seq),
    sent_at    BIGINT  NOT NULL
);
CREATE INDEX mails_out_by_time ON mails_out (sent_at);
CREATE INDEX mails_out_by_user ON mails_out (user_seq);

-- How far an upload has come is the length of its file, not a column. A message id is a parcel's or a delivery's, never both.
CREATE TABLE uploads (
    insurer    TEXT   NOT NULL REFERENCES unions (insurer),
    message_id TEXT   NOT NULL,
    -- The user whose it is; nothing where it is the union's.
    user_id    TEXT,
    -- Whom the union's is for: user ids, a space between two.
    recipients TEXT,
    -- What the union says to itself about its number.
    place      BLOB,
    size       BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (insurer, message_id),
    CHECK ((user_id IS NULL) <> (recipients IS NULL))
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

-- What the unions send. `seq` follows the order in which deliveries became visible: the cursor of every list. What never came
-- here, because its union took it back before, has a row without a receipt.
CREATE TABLE deliveries (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    insurer      TEXT    NOT NULL REFERENCES unions (insurer),
    message_id   TEXT    NOT NULL,
    size         BIGINT  NOT NULL,
    tag          BLOB,
    deposited_at BIGINT  NOT NULL,
    -- When it ends for those who have not fetched it.
    expires_at   BIGINT  NOT NULL,
    relayed      BLOB,
    -- When the first of its bytes were given out to anybody.
    fetched_at   BIGINT,
    withdrawn_at BIGINT,
    -- When it was found that nobody had fetched it in time.
    expired_at   BIGINT,
    -- What the union says about its number, for the recipients.
    statement    BLOB,
    -- What the union says to itself about its number.
    place        BLOB,
    -- Since when it counts as kept and not as waiting: everybody has it, it was taken back, or its time is over.
    closed_at    BIGINT,
    -- When those who have not fetched it are reminded next.
    remind_at    BIGINT,
    -- When its bytes are deleted; nothing when they are, or never came here.
    delete_at    BIGINT,
    UNIQUE (insurer, message_id)
);
CREATE INDEX deliveries_by_union ON deliveries (insurer, seq);
CREATE INDEX deliveries_to_end ON deliveries (expires_at) WHERE closed_at IS NULL;
CREATE INDEX deliveries_to_remind ON deliveries (remind_at) WHERE remind_at IS NOT NULL;
CREATE INDEX deliveries_to_delete ON deliveries (delete_at) WHERE delete_at IS NOT NULL;

-- `open` as long as the user can have it and has not acknowledged it: the user's inbox.
CREATE TABLE delivery_recipients (
    delivery_seq    INTEGER NOT NULL REFERENCES deliveries (seq),
    user_seq        INTEGER NOT NULL REFERENCES users (seq),
    open            BOOLEAN NOT NULL,
    fetched_at      BIGINT,
    acknowledged_at BIGINT,
    -- When the user was disabled.
    dropped_at      BIGINT,
    reminded_at     BIGINT,
    PRIMARY KEY (delivery_seq, user_seq)
) WITHOUT ROWID;
CREATE INDEX inboxes ON delivery_recipients (user_seq, delivery_seq) WHERE open;

-- What became of deliveries, in order. Receipts of users are here and nowhere else; the relay's own stands in the delivery.
CREATE TABLE delivery_events (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,
    insurer      TEXT    NOT NULL,
    delivery_seq INTEGER NOT NULL REFERENCES deliveries (seq),
    at           BIGINT  NOT NULL,
    kind         TEXT    NOT NULL,
    user_seq     INTEGER REFERENCES users (seq),
    receipt      BLOB,
    receipt_hash BLOB
);
CREATE INDEX delivery_events_by_union ON delivery_events (insurer, number);
CREATE UNIQUE INDEX delivery_receipts ON delivery_events (delivery_seq, user_seq, receipt_hash) WHERE receipt IS NOT NULL;

-- Whom the union's statement about a delivery is for.
CREATE TABLE withdrawals (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery_seq INTEGER NOT NULL REFERENCES deliveries (seq),
    user_seq     INTEGER NOT NULL REFERENCES users (seq),
    UNIQUE (delivery_seq, user_seq)
);
CREATE INDEX withdrawals_by_user ON withdrawals (user_seq, number);

-- What users are to be told by mail, written in the transaction of what happened, deleted in that which puts a mail into the
-- outbox.
CREATE TABLE notices (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    user_seq   INTEGER NOT NULL REFERENCES users (seq),
    kind       TEXT    NOT NULL,
    message_id TEXT    NOT NULL,
    noted_at   BIGINT  NOT NULL
);
CREATE INDEX notices_by_user ON notices (user_seq, seq);

-- What a user has under way or waiting (bytes, items), and what lies here after whom it was for had it (kept_bytes); with an
-- empty user id, the whole union: its users' and its own.
CREATE TABLE usage (
    insurer    TEXT   NOT NULL REFERENCES unions (insurer),
    user_id    TEXT   NOT NULL,
    bytes      BIGINT NOT NULL,
    items      BIGINT NOT NULL,
    kept_bytes BIGINT NOT NULL,
    PRIMARY KEY (insurer, user_id)
);
