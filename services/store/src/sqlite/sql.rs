//! Every statement that the SQLite backend runs.

/// Takes the write lock at once: a transaction that read first could not wait for it.
pub(super) const BEGIN_WRITE: &str = "BEGIN IMMEDIATE";
/// A snapshot: all reads in it see the same moment.
pub(super) const BEGIN_READ: &str = "BEGIN";

pub(super) const COMMIT: &str = "COMMIT";
pub(super) const ROLLBACK: &str = "ROLLBACK";

pub(super) const HAS_META: &str =
    "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'meta'";
pub(super) const TABLES: &str = "SELECT count(*) FROM sqlite_schema";
// Expressions and not columns, because for a column the driver also reads the declared type.
pub(super) const DEFINITIONS: &str = "
    SELECT CAST(name AS BLOB), CAST(sql AS BLOB) FROM sqlite_schema WHERE sql IS NOT NULL";
pub(super) const MIGRATIONS: &str = "
    SELECT version + 0 AS version, success + 0 AS success, CAST(checksum AS BLOB) AS checksum
    FROM _sqlx_migrations ORDER BY version";
pub(super) const PAGES: &str = "PRAGMA page_count";
pub(super) const MIN_READER: &str = "SELECT value FROM meta WHERE key = 'min_reader_version'";
pub(super) const META_KEYS: &str = "SELECT key FROM meta ORDER BY key";
/// Changes a page, so that something has to be written.
pub(super) const TOUCH: &str = "UPDATE meta SET value = value + 1 WHERE key = 'write_probes'";
pub(super) const NOW: &str = "SELECT CAST(unixepoch('subsec') * 1000000 AS INTEGER)";

pub(super) const HEAD: &str =
    "SELECT number, data_version FROM revision ORDER BY number DESC LIMIT 1";
pub(super) const REVISIONS: &str = "
    SELECT number, data_version, committed_at, source, file_name, content_hash, received_at, facts,
           seal
    FROM revision WHERE ?1 < number ORDER BY number LIMIT ?2";
pub(super) const SEAL: &str = "SELECT seal FROM revision WHERE number = ?1";

pub(super) const ANSWER: &str = "
    SELECT caller, method, request_id, fingerprint, revision, answered_at, answer, seal
    FROM request WHERE caller = ?1 AND method = ?2 AND request_id = ?3";
pub(super) const PUT_ANSWER: &str = "
    INSERT INTO request
        (caller, method, request_id, fingerprint, revision, answered_at, answer, seal)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
/// Oldest first, a bounded number at a time.
pub(super) const DELETE_ANSWERS: &str = "
    DELETE FROM request WHERE rowid IN
        (SELECT rowid FROM request WHERE answered_at < ?1 ORDER BY answered_at LIMIT ?2)";
pub(super) const ANSWERS: &str = "
    SELECT rowid AS id, caller, method, request_id, fingerprint, revision, answered_at, answer,
           seal
    FROM request WHERE ?1 < rowid ORDER BY rowid LIMIT ?2";

pub(super) const SETTINGS: &str = "SELECT document FROM settings WHERE hash = ?1";
pub(super) const ALL_SETTINGS: &str =
    "SELECT id, hash, document FROM settings WHERE ?1 < id ORDER BY id LIMIT ?2";
pub(super) const COUNT_SETTINGS: &str = "SELECT count(*) FROM settings";
pub(super) const PUT_SETTINGS: &str = "INSERT INTO settings (hash, document) VALUES (?1, ?2)";

pub(super) const PUT_REVISION: &str = "
    INSERT INTO revision
        (number, data_version, committed_at, source, file_name, content_hash, received_at, facts,
         seal)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

// Small rows go in as one JSON array per statement.
pub(super) const PUT_INSTRUMENTS: &str = "
    INSERT INTO instrument (id, namespace, revision)
    SELECT value ->> 0, value ->> 1, ?2 FROM json_each(?1)";
pub(super) const PUT_NAMINGS: &str = "
    INSERT INTO naming (instrument, symbol, from_on, until_on, revision)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, ?2 FROM json_each(?1) ORDER BY key";
pub(super) const PUT_TEXTS: &str = "
    INSERT INTO text (id, text, revision)
    SELECT (SELECT coalesce(max(id) + 1, 0) FROM text) + key, value, ?2 FROM json_each(?1)";

// Pages by revision, then row.
pub(super) const INSTRUMENTS: &str = "
    SELECT id, namespace, revision FROM instrument
    WHERE (revision, id) > (?1, ?2) ORDER BY revision, id LIMIT ?3";
pub(super) const NAMINGS: &str = "
    SELECT id, instrument, revision, symbol, from_on, until_on FROM naming
    WHERE (revision, id) > (?1, ?2) ORDER BY revision, id LIMIT ?3";
pub(super) const TEXTS: &str = "
    SELECT id, revision, text FROM text
    WHERE (revision, id) > (?1, ?2) ORDER BY revision, id LIMIT ?3";

pub(super) const PUT_SEGMENT: &str = "
    INSERT INTO segment
        (dataset, rows, runs, first_instrument, last_instrument, first_on, last_on,
         first_published, last_published, first_revision, last_revision, layout, checksum, bytes)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
/// Earlier days first, so that the parts of an instrument come in order.
pub(super) const SEGMENTS: &str = "
    SELECT id, dataset, rows, runs, first_instrument, last_instrument, first_on, last_on,
           first_published, last_published, first_revision, last_revision, checksum
    FROM segment WHERE replaced_at IS NULL
    ORDER BY dataset, first_on, id";
pub(super) const SEGMENT_BYTES: &str = "SELECT bytes FROM segment WHERE id = ?1";

pub(super) const MANIFEST: &str = "SELECT segments FROM manifest WHERE id = 1";
pub(super) const PUT_MANIFEST: &str = "UPDATE manifest SET segments = ?1 WHERE id = 1";

pub(super) const RETIRE_SEGMENT: &str =
    "UPDATE segment SET replaced_at = ?2 WHERE id = ?1 AND checksum = ?3 AND replaced_at IS NULL";
pub(super) const DELETE_RETIRED: &str = "DELETE FROM segment WHERE replaced_at <= ?1";
pub(super) const GIVE_PAGES_BACK: &str = "PRAGMA incremental_vacuum";
pub(super) const CHECKPOINT: &str = "PRAGMA wal_checkpoint(PASSIVE)";

pub(super) const INTEGRITY_CHECK: &str = "PRAGMA integrity_check";
/// One table with its indexes: a quarter of a second for 100,000 answers.
pub(super) const ANSWERS_CHECK: &str = "PRAGMA integrity_check('request')";
pub(super) const BACKUP: &str = "VACUUM INTO ?1";

#[cfg(feature = "conformance")]
pub(super) mod tamper {
    //! Statements that no running server uses: deliberate faults, for the suite.

    pub(in crate::sqlite) const DAMAGE: &str = "
        UPDATE segment SET bytes = CAST(substr(bytes, 1, length(bytes) - 1)
            || CASE substr(bytes, -1) WHEN x'00' THEN x'01' ELSE x'00' END AS BLOB)
        WHERE id = ?1";
    pub(in crate::sqlite) const LOSE: &str = "DELETE FROM segment WHERE id = ?1";
    pub(in crate::sqlite) const NEED_READER: &str =
        "UPDATE meta SET value = ?1 WHERE key = 'min_reader_version'";
    pub(in crate::sqlite) const LATER_MIGRATION: &str = "
        INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        VALUES (?1, 'of a later binary', TRUE, x'00', 0)";
    pub(in crate::sqlite) const DAMAGE_SETTINGS: &str =
        "UPDATE settings SET document = document || ' ' WHERE ?1 = 0";
    pub(in crate::sqlite) const FORGE_VERSION: &str =
        "UPDATE revision SET data_version = zeroblob(32) WHERE number = ?1";
}
