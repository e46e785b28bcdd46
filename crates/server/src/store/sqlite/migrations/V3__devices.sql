-- Who may call: desks and screens with the hash of their token, and the codes by which new ones get theirs.
-- Tokens and codes themselves are never stored.

CREATE TABLE devices (
    id         TEXT    PRIMARY KEY,
    name       TEXT    NOT NULL,
    role       TEXT    NOT NULL,
    token_hash TEXT    NOT NULL UNIQUE,
    paired_at  INTEGER NOT NULL,
    seen_at    INTEGER,
    revoked_at INTEGER
) STRICT;

CREATE TABLE pairing_codes (
    code_hash  TEXT    PRIMARY KEY,
    role       TEXT    NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
