-- What people must look at, and the free places that are lent to desks.

CREATE TABLE attention (
    id      TEXT    PRIMARY KEY,
    row     TEXT    NOT NULL,
    in_sync INTEGER NOT NULL
) STRICT;
CREATE INDEX attention_in_sync ON attention (id) WHERE in_sync = 1;

CREATE TABLE places (
    id      TEXT    PRIMARY KEY,
    row     TEXT    NOT NULL,
    in_sync INTEGER NOT NULL
) STRICT;
CREATE INDEX places_in_sync ON places (id) WHERE in_sync = 1;

-- How many places each desk was told to hold the last time: what it counts as holding where the log is an older copy.
CREATE TABLE desks (
    device_id TEXT    PRIMARY KEY,
    share     INTEGER NOT NULL
) STRICT;

-- Why somebody did it, where a reason is asked for.
ALTER TABLE commands ADD COLUMN reason TEXT;

-- Money of a sale that never became one is recorded without a line, so a correction may name none.
CREATE TABLE corrections_2 (
    id             TEXT    PRIMARY KEY,
    row            TEXT    NOT NULL,
    in_sync        INTEGER NOT NULL,
    session_id     TEXT    NOT NULL,
    transaction_id TEXT    NOT NULL
) STRICT;
INSERT INTO corrections_2 SELECT id, row, in_sync, session_id, transaction_id FROM corrections;
DROP TABLE corrections;
ALTER TABLE corrections_2 RENAME TO corrections;
CREATE INDEX corrections_of_session ON corrections (session_id);
CREATE INDEX corrections_in_sync ON corrections (id) WHERE in_sync = 1;

-- What nobody needs any more is found by its age.
CREATE INDEX desk_bands_by_time ON desk_bands (effective_at);
CREATE INDEX places_ended ON places (json_extract(row, '$.grantedAt')) WHERE in_sync = 0;
