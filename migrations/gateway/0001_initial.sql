-- Times: microseconds since 1970, UTC. Ids: text. Digests and DER: bytes. Sets of codes: text, one space between two.

-- What this database belongs to; exactly one row.
CREATE TABLE gateway (
    id               INTEGER PRIMARY KEY CHECK (id = 1),
    insurer          TEXT    NOT NULL,
    -- Goes up with every change that can alter a verdict (users, certificates), in the same transaction.
    registry_version INTEGER NOT NULL DEFAULT 0,
    -- The place of our newest acknowledgement at the relay that this database knows of: everything up to it is here. The
    -- relay's own is further on when this database came back from a backup.
    relay_mark       INTEGER,
    -- How employers reach the relay, as its last handshake said (JSON): goes into kits.
    entrance         TEXT,
    -- Up to which places of the relay's list of what we sent, and of its list of what became of it, everything is here; and what
    -- stood at those places. Something else there, or nothing, means that the relay came back from a backup.
    delivery_mark    INTEGER,
    delivery_there   TEXT,
    news_mark        INTEGER,
    news_there       TEXT,
    -- When that was last found, and when the relay last said of its own lists what they themselves deny.
    relay_forgot_at  INTEGER,
    relay_denied_at  INTEGER,
    -- What is wrong with the certificates and keys in the files, in words; others are in use, then.
    keys_problem     TEXT
);

CREATE TABLE offices (
    code       TEXT    PRIMARY KEY,
    name       TEXT    NOT NULL,
    -- Name and code, folded, a line each: what parts of them are looked up in.
    found_by   TEXT    NOT NULL,
    created_at INTEGER NOT NULL
);

-- Name, mail address and name of the PC are for staff and for the letter. NULL for users who bring their certificates.
CREATE TABLE users (
    id              TEXT    PRIMARY KEY,
    office          TEXT    NOT NULL REFERENCES offices (code),
    name            TEXT,
    mail            TEXT    COLLATE NOCASE,
    device          TEXT,
    -- Name, mail address, name of the PC and id, folded, a line each: what parts of them are looked up in.
    found_by        TEXT    NOT NULL,
    state           TEXT    NOT NULL CHECK (state IN ('registered', 'enabled', 'disabled')),
    disabled_reason TEXT,
    disabled_at     INTEGER,
    -- When the PC was lost; what arrives after it is suspect. Stays when the user is enabled again.
    lost_at         INTEGER,
    created_at      INTEGER NOT NULL,
    -- When the user was last told that the certificates end.
    warned_at       INTEGER,
    -- When a mail of the relay to the user last failed for good, as the relay said last.
    mail_failed_at  INTEGER
) WITHOUT ROWID;
-- With all that tells whether an office can send: a look at every office reads no user.
CREATE INDEX users_by_office ON users (office, id, state, disabled_reason, created_at);
CREATE INDEX users_by_mail ON users (mail, id);
CREATE INDEX users_by_state ON users (state, id);

-- From one letter and one kit to the certificates. What the passwords turned into is wiped at the end.
CREATE TABLE enrolments (
    id            TEXT    PRIMARY KEY,
    user_id       TEXT    NOT NULL REFERENCES users (id),
    made_at       INTEGER NOT NULL,
    ended_at      INTEGER,
    -- Shared with whoever has the letter, and not with the relay: authenticates kit and requests.
    mac_key       BLOB,
    -- Tells the relay whether the initial login password is right.
    login         BLOB,
    login_salt    BLOB    NOT NULL,
    download_salt BLOB    NOT NULL,
    -- Requests with other names than the registered ones. Too many lock the enrolment.
    mismatches    INTEGER NOT NULL DEFAULT 0,
    -- The PC that has the certificates.
    pc            TEXT
);
CREATE UNIQUE INDEX enrolments_open ON enrolments (user_id) WHERE ended_at IS NULL;

-- Accounts of the union's staff, for the console. Of a password only what it turns into (Argon2id).
CREATE TABLE staff (
    name        TEXT    PRIMARY KEY,
    role        TEXT    NOT NULL CHECK (role IN ('reader', 'clerk', 'manager', 'auditor', 'officer')),
    salt        BLOB    NOT NULL,
    hash        BLOB    NOT NULL,
    -- Somebody else has seen the password: it is changed at the next sign-in.
    must_change INTEGER NOT NULL,
    password_at INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    disabled_at INTEGER,
    -- The second factor, once it is set up: what the app on the phone shares with us, and the step of the code that was accepted
    -- last. None up to it is accepted again.
    totp        BLOB,
    totp_step   INTEGER NOT NULL DEFAULT 0
);

-- Codes for the day on which the phone is lost: hashes, each good once.
CREATE TABLE staff_recovery (
    staff   TEXT NOT NULL REFERENCES staff (name),
    hash    BLOB NOT NULL,
    used_at INTEGER,
    PRIMARY KEY (staff, hash)
) WITHOUT ROWID;

-- Who is signed in at the console: the hash of the token, and how far the sign-in has come.
CREATE TABLE staff_sessions (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    hash       BLOB    NOT NULL UNIQUE,
    staff      TEXT    NOT NULL REFERENCES staff (name),
    -- Whether the second factor was shown too.
    is_whole   INTEGER NOT NULL,
    -- A second factor that is being set up, and since when.
    totp       BLOB,
    totp_at    INTEGER,
    -- When its person last typed the password once more in it.
    proven_at  INTEGER,
    -- Where from, and with what.
    origin     TEXT    NOT NULL,
    agent      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL
);
CREATE INDEX staff_sessions_by_staff ON staff_sessions (staff, number);

-- Browsers that an account has signed in with: tries with one are counted by themselves. The hash of the token in its cookie.
CREATE TABLE staff_browsers (
    hash    BLOB    NOT NULL,
    staff   TEXT    NOT NULL REFERENCES staff (name),
    used_at INTEGER NOT NULL,
    PRIMARY KEY (hash, staff)
) WITHOUT ROWID;
CREATE INDEX staff_browsers_by_staff ON staff_browsers (staff);

-- What takes two persons: one has asked, another one agrees or refuses. What may be asked for is a table in the code.
CREATE TABLE consents (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    matter     TEXT    NOT NULL,
    -- What it is about: the id of a user or of a message.
    subject    TEXT    NOT NULL,
    -- In the words of the one who asks.
    reason     TEXT    NOT NULL,
    asked_by   TEXT    NOT NULL,
    asked_at   INTEGER NOT NULL,
    -- Nobody can agree from then on.
    ends_at    INTEGER,
    settled_by TEXT,
    settled_at INTEGER,
    outcome    TEXT    CHECK (outcome IN ('agreed', 'refused', 'withdrawn', 'expired'))
);
CREATE UNIQUE INDEX consents_open ON consents (matter, subject) WHERE outcome IS NULL;
CREATE INDEX consents_by_state ON consents (outcome, number);

-- Requests for certificates, each answered once; the same bytes again get the same answer.
CREATE TABLE requests (
    id          TEXT    PRIMARY KEY,
    digest      BLOB    NOT NULL,
    user_id     TEXT    REFERENCES users (id),
    enrolment   TEXT    REFERENCES enrolments (id),
    pc          TEXT,
    outcome     TEXT    NOT NULL,
    answered_at INTEGER NOT NULL,
    -- The signed answer.
    answer      BLOB    NOT NULL,
    -- The keys (JSON), while the request waits for staff.
    keys        TEXT
);
CREATE INDEX requests_waiting ON requests (user_id, id) WHERE keys IS NOT NULL;

-- Certificates of users, never deleted: verdicts of years ago point here.
CREATE TABLE certificates (
    fingerprint   BLOB    PRIMARY KEY,
    user_id       TEXT    NOT NULL REFERENCES users (id),
    purpose       TEXT    NOT NULL CHECK (purpose IN ('signing', 'encryption', 'device')),
    der           BLOB    NOT NULL,
    not_before    INTEGER NOT NULL,
    not_after     INTEGER NOT NULL,
    registered_at INTEGER NOT NULL,
    revoked_at    INTEGER,
    -- Hexadecimal, where our own CA issued it: goes on its revocation list.
    serial        TEXT,
    -- The PC that has the key, where we know it. A device certificate without one is a kit's.
    pc            TEXT
);
-- With the ends: a list of users reads no certificate.
CREATE INDEX certificates_by_user ON certificates (user_id, purpose, revoked_at, not_after);
-- With all that a verdict asks of a signer: no message's check reads a certificate.
CREATE INDEX certificates_signers ON certificates (fingerprint, user_id, purpose, registered_at, revoked_at);
CREATE INDEX certificates_revoked ON certificates (not_after) WHERE revoked_at IS NOT NULL AND serial IS NOT NULL;
CREATE INDEX certificates_by_end ON certificates (not_after) WHERE revoked_at IS NULL AND purpose = 'signing';

-- Certificates of the union itself that its CA has revoked. They stay on the list for good.
CREATE TABLE union_revocations (
    fingerprint BLOB    PRIMARY KEY,
    serial      TEXT    NOT NULL,
    revoked_at  INTEGER NOT NULL
);

-- The newest revocation list of our own CA.
CREATE TABLE revocation_list (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    number      INTEGER NOT NULL,
    made_at     INTEGER NOT NULL,
    der         BLOB    NOT NULL,
    -- The number of the newest one that the relay has confirmed.
    published   INTEGER
);

-- One row for every message that came and was kept. File name and comment are for staff and stay in here.
-- Of a quarantined message everything from `sender` on is only what it claims, or nothing.
CREATE TABLE messages (
    number         INTEGER PRIMARY KEY,
    id             TEXT    NOT NULL,
    state          TEXT    NOT NULL CHECK (state IN ('archived', 'accepted', 'returned', 'quarantined')),
    verdict        TEXT    NOT NULL CHECK (verdict IN ('accepted', 'quarantined')),
    reasons        TEXT    NOT NULL,
    warnings       TEXT    NOT NULL,
    sealed_size    INTEGER NOT NULL,
    tag            BLOB,
    path           TEXT    NOT NULL,
    deposited_at   INTEGER NOT NULL,
    received_at    INTEGER NOT NULL,
    archived_at    INTEGER,
    office         TEXT,
    user_id        TEXT,
    sender         TEXT,
    recipient      TEXT,
    file_name      TEXT,
    content_type   TEXT,
    comment        TEXT,
    size           INTEGER,
    digest         BLOB,
    signature_hash BLOB,
    sequence       INTEGER,
    signed_at      INTEGER,
    -- The user's PC was reported lost, and this came after the loss but before the report.
    suspect_since  INTEGER,
    -- Two persons let it out of quarantine: `verdict` is theirs, `reasons` are still those of the checks.
    released_at    INTEGER,
    -- Why staff returned it. For the sender; the relay never has it.
    return_reason  TEXT,
    -- When staff or a program first took the file out.
    opened_at      INTEGER,
    -- Since when it has a flag of staff, for all of them to see.
    flagged_at     INTEGER
);
-- One archived message to an id; what is quarantined may claim any id, also the same one twice.
CREATE UNIQUE INDEX messages_archived ON messages (id) WHERE verdict = 'accepted';
CREATE INDEX messages_quarantined ON messages (id) WHERE verdict = 'quarantined';
CREATE INDEX messages_by_state ON messages (state, number);
CREATE INDEX messages_by_office ON messages (office, number);
CREATE INDEX messages_by_user ON messages (user_id, number);
CREATE INDEX messages_unopened ON messages (number) WHERE opened_at IS NULL AND verdict = 'accepted';
CREATE INDEX messages_flagged ON messages (number) WHERE flagged_at IS NOT NULL;

-- Which of staff have looked at which message.
CREATE TABLE message_readers (
    message INTEGER NOT NULL REFERENCES messages (number),
    staff   TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (message, staff)
) WITHOUT ROWID;

-- What staff write about a message, for staff only.
CREATE TABLE message_comments (
    number  INTEGER PRIMARY KEY,
    message INTEGER NOT NULL REFERENCES messages (number),
    staff   TEXT    NOT NULL REFERENCES staff (name),
    at      INTEGER NOT NULL,
    text    TEXT    NOT NULL
);
CREATE INDEX message_comments_by_message ON message_comments (message, number);

-- Letters of the names of received and of sent files, by pairs and more, by the number of the message: what part of a name is looked up by.
-- A name never changes, so nothing is ever taken out.
CREATE VIRTUAL TABLE received_words USING fts5 (words, content = '', columnsize = 0, detail = 'none', tokenize = 'ascii');
CREATE VIRTUAL TABLE sent_words USING fts5 (words, content = '', columnsize = 0, detail = 'none', tokenize = 'ascii');

-- For each day (since 1970, in Japan): between which numbers the messages of that day are, and how many there are.
CREATE TABLE received_days (
    day         INTEGER PRIMARY KEY,
    first       INTEGER NOT NULL,
    last        INTEGER NOT NULL,
    archived    INTEGER NOT NULL,
    quarantined INTEGER NOT NULL,
    bytes       INTEGER NOT NULL
);
CREATE TABLE sent_days (
    day   INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    last  INTEGER NOT NULL,
    files INTEGER NOT NULL
);

-- What offices are expected to send again and again, and by which day. AUTOINCREMENT: a number means one for good.
CREATE TABLE expectations (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,
    name         TEXT    NOT NULL UNIQUE,
    -- What the names of the files have in them.
    part         TEXT    NOT NULL,
    -- Only from the offices of this group; NULL: from all.
    office_group TEXT,
    -- NULL: every month.
    month        INTEGER,
    day          INTEGER NOT NULL,
    -- From how many days before the due day on files count for it.
    lead         INTEGER NOT NULL
);
-- Archived files that were expected, by the day on which they came (since 1970, in Japan). Whether one that staff returned counts is
-- asked of the message.
CREATE TABLE expected_files (
    expectation INTEGER NOT NULL REFERENCES expectations (number),
    office      TEXT    NOT NULL,
    day         INTEGER NOT NULL,
    message     INTEGER NOT NULL REFERENCES messages (number),
    PRIMARY KEY (expectation, office, day, message)
) WITHOUT ROWID;

-- What was known when the verdict was made, frozen.
CREATE TABLE evidence (
    message     INTEGER PRIMARY KEY REFERENCES messages (number),
    judged_at   INTEGER NOT NULL,
    certificate BLOB    REFERENCES certificates (fingerprint),
    facts       TEXT    NOT NULL
);
CREATE INDEX evidence_by_certificate ON evidence (certificate, message) WHERE certificate IS NOT NULL;

-- Signed receipts in the order in which they were made or came.
CREATE TABLE receipts (
    number  INTEGER PRIMARY KEY,
    message INTEGER NOT NULL REFERENCES messages (number),
    stage   TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    der     BLOB    NOT NULL
);
CREATE INDEX receipts_by_message ON receipts (message, number);

-- Offices that are sent to together.
CREATE TABLE office_groups (
    name   TEXT NOT NULL,
    office TEXT NOT NULL REFERENCES offices (code),
    PRIMARY KEY (name, office)
);

-- A file on its way to one or many addressees. Our own sealed copy of it is in the outbox, for good.
CREATE TABLE dispatches (
    number       INTEGER PRIMARY KEY,
    id           TEXT    NOT NULL UNIQUE,
    origin       TEXT    NOT NULL CHECK (origin IN ('command', 'folder', 'api', 'console', 'restored')),
    -- Whoever comes again with the same one means the same dispatch.
    key          TEXT,
    actor        TEXT    NOT NULL,
    -- Whether a second person has to approve it, and who did.
    held         INTEGER NOT NULL,
    approver     TEXT,
    approved_at  INTEGER,
    -- Whether the file that it came from was put away from the folder where it lay.
    put_away     INTEGER NOT NULL DEFAULT 0,
    file_name    TEXT    NOT NULL,
    content_type TEXT    NOT NULL,
    comment      TEXT,
    size         INTEGER NOT NULL,
    -- SHA-256 over the file; then what names our sealed copy. NULL for what was taken over from the relay.
    content      BLOB,
    tag          BLOB,
    digest       BLOB,
    staged_at    INTEGER NOT NULL
);
CREATE UNIQUE INDEX dispatches_by_key ON dispatches (origin, key) WHERE key IS NOT NULL;

-- A message to one addressee: each has a stream of its own.
CREATE TABLE sent (
    number         INTEGER PRIMARY KEY,
    id             TEXT    NOT NULL UNIQUE,
    dispatch       INTEGER NOT NULL REFERENCES dispatches (number),
    addressee      TEXT    NOT NULL,
    office         TEXT,
    user_id        TEXT,
    state          TEXT    NOT NULL,
    -- Why it was stopped or has failed.
    code           TEXT,
    -- A receipt that does not fit, or one that is missing.
    alarm          TEXT,
    created_at     INTEGER NOT NULL,
    -- From the moment at which it has its number; digest, tag and size not of one that is only known to have been taken back.
    sequence       INTEGER,
    previous       BLOB,
    signature_hash BLOB,
    digest         BLOB,
    tag            BLOB,
    sealed_size    INTEGER,
    signed_at      INTEGER,
    -- Whether its sealed bytes are in the outbox.
    kept           INTEGER NOT NULL DEFAULT 0,
    -- What the relay keeps for us about its number: as long as its sealed bytes are in the outbox.
    place          BLOB,
    -- As the relay says.
    deposited_at   INTEGER,
    expires_at     INTEGER,
    -- When the relay was asked last whether it has it; 0 when it is to be asked at once.
    asked_at       INTEGER,
    ended_at       INTEGER,
    -- What we signed about a number that nobody gets, and when the relay had it.
    statement      BLOB,
    told_at        INTEGER,
    tries          INTEGER NOT NULL DEFAULT 0,
    next_try       INTEGER NOT NULL DEFAULT 0,
    problem        TEXT
);
CREATE UNIQUE INDEX sent_by_place ON sent (addressee, sequence) WHERE sequence IS NOT NULL;
CREATE INDEX sent_to_go ON sent (addressee, number) WHERE state IN ('released', 'sealed');
CREATE INDEX sent_to_tell ON sent (number) WHERE statement IS NOT NULL AND told_at IS NULL;
CREATE INDEX sent_to_ask ON sent (number) WHERE asked_at = 0;
CREATE INDEX sent_by_dispatch ON sent (dispatch, number);
CREATE INDEX sent_by_state ON sent (state, number);
CREATE INDEX sent_by_office ON sent (office, number);
CREATE INDEX sent_by_user ON sent (user_id, number) WHERE user_id IS NOT NULL;
CREATE INDEX sent_alarmed ON sent (number) WHERE alarm IS NOT NULL;

-- Whom a message is sealed for.
CREATE TABLE sent_recipients (
    message         INTEGER NOT NULL REFERENCES sent (number),
    user_id         TEXT    NOT NULL,
    certificate     BLOB,
    fetched_at      INTEGER,
    acknowledged_at INTEGER,
    dropped_at      INTEGER,
    -- Why nothing could be sealed for the user, while it could for others.
    code            TEXT,
    -- When its time was over for the user, and others had fetched it.
    expired_at      INTEGER,
    verified_at     INTEGER,
    accepted_at     INTEGER,
    returned_at     INTEGER,
    -- Why it was returned; NULL also when the words do not open.
    reason          TEXT,
    -- When staff were told that the app has it and the user's receipt is missing.
    silent_at       INTEGER,
    PRIMARY KEY (message, user_id)
);
CREATE INDEX sent_recipients_by_user ON sent_recipients (user_id, message);
CREATE INDEX sent_recipients_silent ON sent_recipients (message)
    WHERE acknowledged_at IS NOT NULL AND verified_at IS NULL AND silent_at IS NULL;

-- Receipts for what we sent, in the order in which they came: the relay's (without a user) and each recipient's. Those
-- that do not fit are kept too, with what is wrong.
CREATE TABLE sent_receipts (
    number  INTEGER PRIMARY KEY,
    message INTEGER NOT NULL REFERENCES sent (number),
    user_id TEXT,
    stage   TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    der     BLOB    NOT NULL,
    refused TEXT
);
CREATE INDEX sent_receipts_by_message ON sent_receipts (message, number);

-- Who did what, when; only ever added to.
CREATE TABLE audit (
    number  INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    actor   TEXT    NOT NULL,
    action  TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    before  TEXT    NOT NULL,
    after   TEXT    NOT NULL,
    -- Where from: the address of whoever was at the console. Empty for the command line and the gateway itself.
    origin  TEXT    NOT NULL DEFAULT '',
    -- Of the file or user that it is about, at the time.
    office  TEXT
);

CREATE INDEX audit_by_subject ON audit (subject, number);
CREATE INDEX audit_by_time ON audit (at);
CREATE INDEX audit_by_actor ON audit (actor, at);
CREATE INDEX audit_by_action ON audit (action, at);
CREATE INDEX audit_by_office ON audit (office, at, action) WHERE office IS NOT NULL;

-- What happened, for those who tell people and programs of it; each of them keeps the place up to which it has told.
-- Written in the transaction of what happened.
CREATE TABLE events (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    kind    TEXT    NOT NULL,
    -- An id: of a message, mostly. Of an alert the rule's code.
    subject TEXT    NOT NULL,
    office  TEXT,
    user_id TEXT
);
CREATE TABLE event_readers (
    name TEXT    PRIMARY KEY,
    mark INTEGER NOT NULL
);

-- Programs that may come in at the API. The name is never used twice, since the audit names it; of the secret only the
-- hash is here.
CREATE TABLE tokens (
    number       INTEGER PRIMARY KEY,
    name         TEXT    NOT NULL UNIQUE,
    key          TEXT    NOT NULL UNIQUE,
    hash         BLOB    NOT NULL,
    scopes       TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    revoked_at   INTEGER,
    last_used_at INTEGER
);

-- Files on their way in by the API. `key` is the caller's; `dispatch` or `refused` say what became of one.
CREATE TABLE api_uploads (
    id           TEXT    PRIMARY KEY,
    token        INTEGER NOT NULL REFERENCES tokens (number),
    key          TEXT,
    file_name    TEXT    NOT NULL,
    content_type TEXT    NOT NULL,
    addressees   TEXT    NOT NULL,
    comment      TEXT,
    size         INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    dispatch     TEXT,
    refused      TEXT
);
CREATE INDEX api_uploads_open ON api_uploads (token, key) WHERE dispatch IS NULL AND refused IS NULL;

-- Events that programs are still to be told of; without a next try one was given up.
CREATE TABLE hook_letters (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    event    INTEGER NOT NULL REFERENCES events (number),
    way      TEXT    NOT NULL CHECK (way IN ('command', 'url')),
    tries    INTEGER NOT NULL DEFAULT 0,
    next_try INTEGER,
    problem  TEXT
);
CREATE INDEX hook_letters_due ON hook_letters (next_try) WHERE next_try IS NOT NULL;

-- Arrivals that could not be put into the folder of the core system when it was their turn.
CREATE TABLE handoff_late (
    event    INTEGER PRIMARY KEY REFERENCES events (number),
    code     TEXT    NOT NULL,
    tries    INTEGER NOT NULL,
    next_try INTEGER NOT NULL
);

-- Events that an address of staff is to be told of by mail.
CREATE TABLE staff_notices (
    address TEXT    NOT NULL,
    event   INTEGER NOT NULL REFERENCES events (number),
    kind    TEXT    NOT NULL,
    PRIMARY KEY (address, event)
) WITHOUT ROWID;
CREATE INDEX events_by_subject ON events (subject, number);

-- Alerts that an address was told of, and not yet that they are over.
CREATE TABLE staff_alerts (
    address TEXT NOT NULL,
    code    TEXT NOT NULL,
    PRIMARY KEY (address, code)
) WITHOUT ROWID;

-- When what was noted for an address last became a mail.
CREATE TABLE staff_told (
    address TEXT    PRIMARY KEY,
    told_at INTEGER NOT NULL
);

-- Mails to staff that have not gone out: a number for each kind, in JSON.
CREATE TABLE staff_mails (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    address    TEXT    NOT NULL,
    -- The same at every try, so that a mail that came twice can be known.
    message_id TEXT    NOT NULL UNIQUE,
    gathered   TEXT    NOT NULL,
    made_at    INTEGER NOT NULL,
    tries      INTEGER NOT NULL DEFAULT 0,
    -- None when the mail server refused it for good.
    next_at    INTEGER,
    -- Why the last try failed: a stable code.
    problem    TEXT
);
CREATE INDEX staff_mails_due ON staff_mails (next_at) WHERE next_at IS NOT NULL;

-- What the running gateway cannot do at present.
CREATE TABLE troubles (
    task  TEXT    PRIMARY KEY,
    code  TEXT    NOT NULL,
    since INTEGER NOT NULL
);

-- How far we know the stream of each sender to us.
CREATE TABLE stream_marks (
    sender     TEXT    PRIMARY KEY,
    mark       TEXT    NOT NULL,
    updated_at INTEGER NOT NULL
);

-- Messages beyond numbers that had not come when they were committed. Small parcels overtake large ones, so whether
-- something is missing is only told at the end of a whole run.
CREATE TABLE gaps (
    message INTEGER PRIMARY KEY REFERENCES messages (number),
    sender  TEXT    NOT NULL,
    first   INTEGER NOT NULL,
    last    INTEGER NOT NULL
);

-- Parcels that the relay still has because of a temporary cause.
CREATE TABLE waiting (
    id         TEXT    PRIMARY KEY,
    cause      TEXT    NOT NULL,
    size       INTEGER NOT NULL,
    first_seen INTEGER NOT NULL,
    last_try   INTEGER NOT NULL,
    next_try   INTEGER NOT NULL,
    tries      INTEGER NOT NULL,
    -- The last run that found it in the relay's list.
    listed_in  INTEGER NOT NULL
);

-- What is durable here and not yet acknowledged at the relay. `receipt` is NULL for what went to quarantine.
-- A number is never used twice: what was sent is taken out by its number, while staff put in more.
CREATE TABLE acknowledgements (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id TEXT    NOT NULL,
    receipt    INTEGER REFERENCES receipts (number),
    created_at INTEGER NOT NULL
);
-- What the relay refuses stands in the line once, however often it is listed.
CREATE UNIQUE INDEX acknowledgements_once ON acknowledgements (message_id, ifnull(receipt, 0));

-- What the relay must be told, repeated until it confirms. Without a user: the union's certificates and revocation list,
-- and answers to requests of nobody whom we know. The payload (JSON) is wiped when the relay has confirmed.
-- A number is never used twice: what a disabling makes void is dropped while another process may be sending it, and the
-- relay takes no order about a user behind one with a higher number.
CREATE TABLE orders (
    number       INTEGER PRIMARY KEY AUTOINCREMENT,
    kind         TEXT    NOT NULL CHECK (kind IN ('register', 'disable', 'enable', 'enrol', 'answer', 'issue', 'link',
                                                  'notice', 'certificates')),
    user_id      TEXT    REFERENCES users (id),
    subject      TEXT,
    payload      TEXT,
    requested_at INTEGER NOT NULL,
    confirmed_at INTEGER,
    tries        INTEGER NOT NULL DEFAULT 0,
    next_try     INTEGER NOT NULL,
    problem      TEXT
);
CREATE INDEX orders_open ON orders (number) WHERE confirmed_at IS NULL;
CREATE INDEX orders_by_user ON orders (user_id, number);
CREATE INDEX orders_newest ON orders (user_id, number) WHERE kind <> 'notice';
CREATE INDEX orders_open_by_user ON orders (user_id, number) WHERE confirmed_at IS NULL;
CREATE INDEX orders_open_by_subject ON orders (subject) WHERE confirmed_at IS NULL AND subject IS NOT NULL;

CREATE TABLE pull_runs (
    number      INTEGER PRIMARY KEY,
    cause       TEXT    NOT NULL,
    -- When it was planned; NULL when it was not the schedule that began it.
    planned_at  INTEGER,
    -- The account that asked for it.
    actor       TEXT,
    started_at  INTEGER NOT NULL,
    ended_at    INTEGER,
    result      TEXT,
    listed      INTEGER NOT NULL DEFAULT 0,
    archived    INTEGER NOT NULL DEFAULT 0,
    quarantined INTEGER NOT NULL DEFAULT 0,
    repeated    INTEGER NOT NULL DEFAULT 0,
    waiting     INTEGER NOT NULL DEFAULT 0,
    bytes       INTEGER NOT NULL DEFAULT 0,
    again       INTEGER NOT NULL DEFAULT 0
);

-- When the gateway pulls. The one row goes up in version with every change, which is how a running gateway hears of it.
CREATE TABLE schedule (
    id           INTEGER PRIMARY KEY CHECK (id = 1),
    version      INTEGER NOT NULL DEFAULT 0,
    -- The plan (JSON); NULL: what the settings say.
    plan         TEXT,
    pause_since  INTEGER,
    pause_until  INTEGER,
    pause_reason TEXT,
    pause_by     TEXT,
    -- Up to where everything that was planned has been dealt with.
    mark         INTEGER,
    -- When anybody changed it last.
    changed_at   INTEGER
);
INSERT INTO schedule (id) VALUES (1);

-- The union's own days off, beside the national holidays, which are computed. YYYY-MM-DD.
CREATE TABLE own_holidays (
    day  TEXT PRIMARY KEY,
    name TEXT NOT NULL
);

-- Windows in which nothing is pulled (JSON). AUTOINCREMENT: a number means one window for good.
CREATE TABLE blackouts (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    blackout TEXT    NOT NULL,
    name     TEXT    NOT NULL
);

-- Kept, so that nobody has to count rows.
CREATE TABLE counters (
    name  TEXT    PRIMARY KEY,
    value INTEGER NOT NULL
);
-- How many received messages stand where now, and how many of those that are not in quarantine nobody has opened. Messages are
-- added to it where they are inserted.
INSERT INTO counters (name, value) VALUES ('received.archived', 0), ('received.accepted', 0), ('received.returned', 0),
    ('received.quarantined', 0), ('received.unopened', 0), ('received.flagged', 0);
CREATE TRIGGER messages_moved AFTER UPDATE OF state ON messages WHEN OLD.state <> NEW.state BEGIN
    UPDATE counters SET value = value - 1 WHERE name = 'received.' || OLD.state;
    UPDATE counters SET value = value + 1 WHERE name = 'received.' || NEW.state;
END;
CREATE TRIGGER messages_opened AFTER UPDATE OF opened_at ON messages
    WHEN (OLD.opened_at IS NULL) <> (NEW.opened_at IS NULL) BEGIN
    UPDATE counters SET value = value + (NEW.opened_at IS NULL) - (OLD.opened_at IS NULL) WHERE name = 'received.unopened';
END;
CREATE TRIGGER messages_released AFTER UPDATE OF verdict ON messages
    WHEN OLD.verdict <> NEW.verdict AND NEW.opened_at IS NULL BEGIN
    UPDATE counters SET value = value + (NEW.verdict = 'accepted') - (OLD.verdict = 'accepted')
        WHERE name = 'received.unopened';
END;
CREATE TRIGGER messages_flagging AFTER UPDATE OF flagged_at ON messages
    WHEN (OLD.flagged_at IS NULL) <> (NEW.flagged_at IS NULL) BEGIN
    UPDATE counters SET value = value + (NEW.flagged_at IS NOT NULL) - (OLD.flagged_at IS NOT NULL)
        WHERE name = 'received.flagged';
END;

-- Figures of the gateway for charts: a value for each minute of two days, and for each hour of thirteen months one made of its
-- minutes. `series` is a number from `gateway::watch::series`; minutes and hours are counted since 1970.
CREATE TABLE history_minutes (
    series INTEGER NOT NULL,
    minute INTEGER NOT NULL,
    value  REAL    NOT NULL,
    PRIMARY KEY (series, minute)
) WITHOUT ROWID;
CREATE TABLE history_hours (
    series  INTEGER NOT NULL,
    hour    INTEGER NOT NULL,
    value   REAL    NOT NULL,
    -- Of how many minutes it is made.
    minutes INTEGER NOT NULL,
    PRIMARY KEY (series, hour)
) WITHOUT ROWID;

-- What is wrong with the gateway itself, or is about to be. Told by the events alert.fired and alert.cleared.
CREATE TABLE alerts (
    code     TEXT    PRIMARY KEY,
    -- Codes and numbers.
    detail   TEXT    NOT NULL,
    since    INTEGER NOT NULL,
    -- None while it may pass by itself.
    fired_at INTEGER,
    -- Since when it is not there any more; it has to stay so for a while.
    calm_at  INTEGER
);
CREATE INDEX messages_out_of_line ON messages (number) WHERE state = 'archived' AND instr(warnings, 'sequence.') > 0;
CREATE INDEX pull_runs_done ON pull_runs (number, ended_at) WHERE result = 'done';
CREATE INDEX events_alarms ON events (at) WHERE kind = 'sent.alarm';
