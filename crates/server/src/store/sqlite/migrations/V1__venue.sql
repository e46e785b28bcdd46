-- One venue: its rows as canonical JSON with the columns that are looked up, its log, and the outcomes of
-- commands. Times are venue time in ms, `in_sync` says whether a row is in the sync set.

CREATE TABLE head (
    one              INTEGER PRIMARY KEY CHECK (one = 1),
    venue_id         TEXT    NOT NULL,
    epoch            TEXT    NOT NULL,
    base_epoch       TEXT,
    base_seq         INTEGER,
    seq              INTEGER NOT NULL,
    full_seq         INTEGER NOT NULL,
    event_id         TEXT,
    last_time        INTEGER NOT NULL,
    state_hash       TEXT    NOT NULL,
    running          INTEGER NOT NULL
) STRICT;

CREATE TABLE settings (
    id      TEXT    PRIMARY KEY,
    row     TEXT    NOT NULL,
    in_sync INTEGER NOT NULL
) STRICT;

CREATE TABLE products (
    id      TEXT    PRIMARY KEY,
    row     TEXT    NOT NULL,
    in_sync INTEGER NOT NULL
) STRICT;

-- What a product was from a seq and a moment on: an older sale is priced by it.
CREATE TABLE product_versions (
    product_id TEXT    NOT NULL REFERENCES products (id) DEFERRABLE INITIALLY DEFERRED,
    from_seq   INTEGER NOT NULL,
    from_time  INTEGER NOT NULL,
    row        TEXT    NOT NULL,
    PRIMARY KEY (product_id, from_seq)
) STRICT;

CREATE TABLE sessions (
    id          TEXT    PRIMARY KEY,
    row         TEXT    NOT NULL,
    in_sync     INTEGER NOT NULL,
    barcode_id  TEXT    NOT NULL,
    live        INTEGER NOT NULL,
    playing     INTEGER NOT NULL,
    runs_out_at INTEGER,
    updated_at  INTEGER NOT NULL
) STRICT;
-- A band has at most one live visit, whatever the code above believes.
CREATE UNIQUE INDEX sessions_live ON sessions (barcode_id) WHERE live = 1;
CREATE INDEX sessions_playing ON sessions (runs_out_at) WHERE playing = 1;
CREATE INDEX sessions_of_band ON sessions (barcode_id, updated_at);
CREATE INDEX sessions_in_sync ON sessions (id) WHERE in_sync = 1;

CREATE TABLE segments (
    id         TEXT    PRIMARY KEY,
    row        TEXT    NOT NULL,
    in_sync    INTEGER NOT NULL,
    session_id TEXT    NOT NULL REFERENCES sessions (id) DEFERRABLE INITIALLY DEFERRED
) STRICT;
CREATE INDEX segments_of_session ON segments (session_id);
CREATE INDEX segments_in_sync ON segments (id) WHERE in_sync = 1;

CREATE TABLE transactions (
    ordinal    INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT    NOT NULL UNIQUE,
    row        TEXT    NOT NULL,
    in_sync    INTEGER NOT NULL,
    session_id TEXT    NOT NULL REFERENCES sessions (id) DEFERRABLE INITIALLY DEFERRED,
    barcode_id TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX transactions_of_session ON transactions (session_id);
CREATE INDEX transactions_of_band ON transactions (barcode_id, created_at);
CREATE INDEX transactions_by_time ON transactions (created_at);
CREATE INDEX transactions_in_sync ON transactions (id) WHERE in_sync = 1;

CREATE TABLE corrections (
    id             TEXT    PRIMARY KEY,
    row            TEXT    NOT NULL,
    in_sync        INTEGER NOT NULL,
    session_id     TEXT    NOT NULL,
    transaction_id TEXT    NOT NULL REFERENCES transactions (id) DEFERRABLE INITIALLY DEFERRED
) STRICT;
CREATE INDEX corrections_of_session ON corrections (session_id);
CREATE INDEX corrections_in_sync ON corrections (id) WHERE in_sync = 1;

-- The log. `last` is the last seq of the command, `prev_full` the event before that the profile `full` sees,
-- `state_hash` that of the sync set after the command, on its last event only.
CREATE TABLE events (
    seq        INTEGER PRIMARY KEY,
    id         TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    payload    TEXT    NOT NULL,
    changes    TEXT    NOT NULL,
    emitted_at INTEGER NOT NULL,
    command_id TEXT,
    last       INTEGER NOT NULL,
    prev_full  INTEGER NOT NULL,
    state_hash TEXT
) STRICT;

CREATE INDEX events_by_id ON events (id);

CREATE TABLE commands (
    command_id   TEXT    PRIMARY KEY,
    fingerprint  TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    device_id    TEXT,
    staff_id     TEXT,
    occurred_at  INTEGER,
    effective_at INTEGER NOT NULL,
    stored_at    INTEGER NOT NULL,
    outcome      TEXT    NOT NULL
) STRICT;
CREATE INDEX commands_by_time ON commands (stored_at);

-- When a desk's last command on a band took effect: its next one can't be earlier.
CREATE TABLE desk_bands (
    device_id    TEXT    NOT NULL,
    barcode_id   TEXT    NOT NULL,
    effective_at INTEGER NOT NULL,
    PRIMARY KEY (device_id, barcode_id)
) STRICT;
