-- The append-only fact log: revisions, what they brought, and the packed segments of their facts.
-- Days are days since 1970-01-01, instants microseconds since then, UTC.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The oldest layout version a binary must know to read this store.
INSERT INTO meta (key, value) VALUES ('min_reader_version', 1);

-- One row a batch; numbers have no gaps.
CREATE TABLE revision (
    number       INTEGER PRIMARY KEY,
    data_version BLOB    NOT NULL,
    committed_at INTEGER NOT NULL,
    source       TEXT    NOT NULL,
    file_name    TEXT    NOT NULL,
    content_hash BLOB    NOT NULL,
    received_at  INTEGER NOT NULL,
    facts        INTEGER NOT NULL
) STRICT;

-- The answer given to each write, for its repetition. `revision` is null where nothing was added.
CREATE TABLE request (
    caller      TEXT    NOT NULL,
    method      TEXT    NOT NULL,
    request_id  TEXT    NOT NULL,
    fingerprint BLOB    NOT NULL,
    revision    INTEGER,
    answered_at INTEGER NOT NULL,
    answer      BLOB    NOT NULL,
    PRIMARY KEY (caller, method, request_id)
) STRICT;

CREATE TABLE instrument (
    id        INTEGER PRIMARY KEY,
    namespace INTEGER NOT NULL,
    revision  INTEGER NOT NULL
) STRICT;
CREATE INDEX instrument_by_revision ON instrument (revision);

CREATE TABLE naming (
    id         INTEGER PRIMARY KEY,
    instrument INTEGER NOT NULL,
    revision   INTEGER NOT NULL,
    symbol     TEXT    NOT NULL,
    from_on    INTEGER NOT NULL,
    until_on   INTEGER NOT NULL
) STRICT;
CREATE INDEX naming_by_revision ON naming (revision);

-- Ids count from 0.
CREATE TABLE text (
    id       INTEGER PRIMARY KEY,
    revision INTEGER NOT NULL,
    text     TEXT    NOT NULL
) STRICT;
CREATE INDEX text_by_revision ON text (revision);

-- Packed facts. All but the bytes is there to choose by; the bytes and their checksum are the truth.
-- A segment that compaction replaced stays until its grace period is over.
CREATE TABLE segment (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    dataset          INTEGER NOT NULL,
    rows             INTEGER NOT NULL,
    runs             INTEGER NOT NULL,
    first_instrument INTEGER NOT NULL,
    last_instrument  INTEGER NOT NULL,
    first_on         INTEGER NOT NULL,
    last_on          INTEGER NOT NULL,
    first_published  INTEGER NOT NULL,
    last_published   INTEGER NOT NULL,
    first_revision   INTEGER NOT NULL,
    last_revision    INTEGER NOT NULL,
    replaced_at      INTEGER,
    layout           INTEGER NOT NULL,
    checksum         BLOB    NOT NULL,
    bytes            BLOB    NOT NULL
) STRICT;
CREATE INDEX segment_by_revision ON segment (last_revision) WHERE replaced_at IS NULL;
