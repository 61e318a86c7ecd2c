-- The append-only fact log: revisions, what they brought, and the packed segments of their facts.
-- Days are days since 1970-01-01, instants microseconds since then, UTC.
-- Texts are UTF-8 in bytea, whatever the encoding of the database: a text of PostgreSQL cannot hold
-- U+0000. For people: convert_from(file_name, 'UTF8').

CREATE TABLE meta (
    key   text   PRIMARY KEY,
    value bigint NOT NULL
);
-- The oldest layout version a binary must know to read this store.
INSERT INTO meta (key, value) VALUES ('min_reader_version', 1);
-- Counts the small writes that tell whether the store takes writes again after one failed.
INSERT INTO meta (key, value) VALUES ('write_probes', 0);

-- One row, which every writer locks first. It gives out revisions, because a sequence would leave
-- gaps and let commits overtake each other. `segments` is the sum (exclusive or) of the hashes of
-- all live segments (number, what to choose by, checksum), so that a segment that is missing, came
-- back or describes other contents is noticed at start.
CREATE TABLE head (
    id       bigint PRIMARY KEY CHECK (id = 1),
    revision bigint NOT NULL,
    segments bytea  NOT NULL
);
INSERT INTO head (id, revision, segments) VALUES (1, 0, decode(repeat('00', 32), 'hex'));

-- One row per batch; numbers have no gaps. The seal is a chained hash of this row and of the
-- instruments, names and texts that came with it.
CREATE TABLE revision (
    number       bigint PRIMARY KEY,
    data_version bytea  NOT NULL,
    committed_at bigint NOT NULL,
    source       bytea  NOT NULL,
    file_name    bytea  NOT NULL,
    content_hash bytea  NOT NULL,
    received_at  bigint NOT NULL,
    facts        bigint NOT NULL,
    seal         bytea  NOT NULL
);

-- The answer given to each write, for its repetition, until it expires. `revision` is null where
-- nothing was added. The seal is a hash of the rest of the row.
CREATE TABLE request (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    caller      bytea  NOT NULL,
    method      bytea  NOT NULL,
    request_id  bytea  NOT NULL,
    fingerprint bytea  NOT NULL,
    revision    bigint,
    answered_at bigint NOT NULL,
    answer      bytea  NOT NULL,
    seal        bytea  NOT NULL,
    CONSTRAINT request_key UNIQUE (caller, method, request_id)
);
CREATE INDEX request_by_age ON request (answered_at);

-- The settings that answers were given under, for good. The hash is that of the document.
CREATE TABLE settings (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hash     bytea  NOT NULL,
    document bytea  NOT NULL,
    CONSTRAINT settings_hash UNIQUE (hash)
);

CREATE TABLE instrument (
    id        bigint PRIMARY KEY,
    namespace bigint NOT NULL,
    revision  bigint NOT NULL
);
CREATE INDEX instrument_by_revision ON instrument (revision, id);

CREATE TABLE naming (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    instrument bigint NOT NULL,
    revision   bigint NOT NULL,
    symbol     bytea  NOT NULL,
    from_on    bigint NOT NULL,
    until_on   bigint NOT NULL
);
CREATE INDEX naming_by_revision ON naming (revision, id);

-- Ids count from 0.
CREATE TABLE texts (
    id       bigint PRIMARY KEY,
    revision bigint NOT NULL,
    text     bytea  NOT NULL
);
CREATE INDEX texts_by_revision ON texts (revision, id);

-- Packed facts. All but the bytes is there to choose by; the bytes and their checksum are the truth.
-- A segment that compaction replaced stays until its grace period is over.
CREATE TABLE segment (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dataset          bigint NOT NULL,
    rows             bigint NOT NULL,
    runs             bigint NOT NULL,
    first_instrument bigint NOT NULL,
    last_instrument  bigint NOT NULL,
    first_on         bigint NOT NULL,
    last_on          bigint NOT NULL,
    first_published  bigint NOT NULL,
    last_published   bigint NOT NULL,
    first_revision   bigint NOT NULL,
    last_revision    bigint NOT NULL,
    replaced_at      bigint,
    layout           bigint NOT NULL,
    checksum         bytea  NOT NULL,
    bytes            bytea  NOT NULL
);
-- The bytes are packed already: stored out of line, and not compressed again.
ALTER TABLE segment ALTER COLUMN bytes SET STORAGE EXTERNAL;
CREATE INDEX segment_replaced ON segment (replaced_at) WHERE replaced_at IS NOT NULL;
