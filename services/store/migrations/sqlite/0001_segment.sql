-- The append-only fact log: revisions, what they brought, and the packed segments of their facts.
-- Days are days since 1970-01-01, instants microseconds since then, UTC.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The oldest layout version a binary must know to read this store.
INSERT INTO meta (key, value) VALUES ('min_reader_version', 1);
-- Counts the small writes that tell whether the store takes writes again after one failed.
INSERT INTO meta (key, value) VALUES ('write_probes', 0);

-- One row per batch; numbers have no gaps. The seal is a chained hash of this row and of the
-- instruments, names and texts that came with it.
CREATE TABLE revision (
    number       INTEGER PRIMARY KEY,
    data_version BLOB    NOT NULL,
    committed_at INTEGER NOT NULL,
    source       TEXT    NOT NULL,
    file_name    TEXT    NOT NULL,
    content_hash BLOB    NOT NULL,
    received_at  INTEGER NOT NULL,
    facts        INTEGER NOT NULL,
    seal         BLOB    NOT NULL
) STRICT;

-- The answer given to each write, for its repetition, until it expires. `revision` is null where
-- nothing was added. The seal is a hash of the rest of the row.
CREATE TABLE request (
    caller      TEXT    NOT NULL,
    method      TEXT    NOT NULL,
    request_id  TEXT    NOT NULL,
    fingerprint BLOB    NOT NULL,
    revision    INTEGER,
    answered_at INTEGER NOT NULL,
    answer      BLOB    NOT NULL,
    seal        BLOB    NOT NULL,
    PRIMARY KEY (caller, method, request_id)
) STRICT;
CREATE INDEX request_by_age ON request (answered_at);

-- The settings that answers were given under, for good. The hash is that of the document.
CREATE TABLE settings (
    id       INTEGER PRIMARY KEY,
    hash     BLOB    NOT NULL UNIQUE,
    document TEXT    NOT NULL
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

-- One row: the hashes of all live segments (number, what to choose by, checksum) under exclusive or,
-- so that a segment that is missing, came back or describes other contents is noticed at start.
CREATE TABLE manifest (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    segments BLOB NOT NULL
) STRICT;
INSERT INTO manifest (id, segments) VALUES (1, zeroblob(32));
