-- What the log is replayed on when the venue is verified: every row as it was at `seq`. What is taken off the front of
-- the log is applied here first. Of a row that had left the sync set its digest is enough.

CREATE TABLE checkpoint (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    seq        INTEGER NOT NULL,
    state_hash TEXT    NOT NULL
) STRICT;

CREATE TABLE checkpoint_rows (
    collection TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    in_sync    INTEGER NOT NULL,
    row        TEXT,
    digest     TEXT,
    PRIMARY KEY (collection, id),
    CHECK (row IS NOT NULL OR (digest IS NOT NULL AND in_sync = 0))
) STRICT;

-- A venue from before starts with what it has now.
INSERT INTO checkpoint (one, seq, state_hash) SELECT 1, seq, state_hash FROM head;
INSERT INTO checkpoint_rows (collection, id, in_sync, row) SELECT 'settings', id, in_sync, row FROM settings;
INSERT INTO checkpoint_rows (collection, id, in_sync, row) SELECT 'products', id, in_sync, row FROM products;
INSERT INTO checkpoint_rows (collection, id, in_sync, row) SELECT 'sessions', id, in_sync, row FROM sessions;
INSERT INTO checkpoint_rows (collection, id, in_sync, row) SELECT 'segments', id, in_sync, row FROM segments;
INSERT INTO checkpoint_rows (collection, id, in_sync, row) SELECT 'transactions', id, in_sync, row FROM transactions;
INSERT INTO checkpoint_rows (collection, id, in_sync, row) SELECT 'corrections', id, in_sync, row FROM corrections;
INSERT INTO checkpoint_rows (collection, id, in_sync, row) SELECT 'attention', id, in_sync, row FROM attention;
INSERT INTO checkpoint_rows (collection, id, in_sync, row) SELECT 'places', id, in_sync, row FROM places WHERE in_sync = 1;
