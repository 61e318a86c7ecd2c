//! Every statement that the PostgreSQL backend runs.
//!
//! Limits are set per transaction and not per connection, so that they also hold behind a pooler,
//! which hands a connection to another client after each transaction.

use std::time::Duration;

/// Longest time that the database lets a statement run.
pub(super) const LONGEST_STATEMENT: Duration = Duration::from_secs(30);

/// All reads in it see the same moment; it may run on a standby. Each of its statements ends within
/// a time.
pub(super) fn begin_read(within: Duration) -> String {
    // 0 would be no limit.
    let milliseconds = within.min(LONGEST_STATEMENT).as_micros().div_ceil(1_000).max(1);
    format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;
         SET LOCAL statement_timeout = '{milliseconds}ms';
         SET LOCAL idle_in_transaction_session_timeout = '120s'"
    )
}

/// Locks the head first. Every later statement sees all commits made while waiting for the lock,
/// because READ COMMITTED takes a new snapshot per statement. A database that does not wait for its
/// disk at a commit is made to, because an answered write must be durable.
///
/// A writer that stands still between two statements loses its turn before those who wait for it
/// give up. Nothing is computed between statements, but the time in which a statement arrives counts:
/// a segment, of some megabytes, must arrive within it.
///
/// Between the messages of one statement no such limit applies. There TCP keepalives end the connection
/// of a machine that is gone, within 11 s.
pub(super) const BEGIN_WRITE: &str = "
    BEGIN ISOLATION LEVEL READ COMMITTED;
    SET LOCAL statement_timeout = '30s';
    SET LOCAL lock_timeout = '15s';
    SET LOCAL idle_in_transaction_session_timeout = '10s';
    SET LOCAL tcp_keepalives_idle = 5;
    SET LOCAL tcp_keepalives_interval = 2;
    SET LOCAL tcp_keepalives_count = 3;
    SELECT set_config('synchronous_commit', 'on', true)
    WHERE current_setting('synchronous_commit') = 'off';
    SELECT revision FROM head WHERE id = 1 FOR UPDATE";
/// The lock lets one of several starting processes create the tables; its number means nothing.
pub(super) const BEGIN_MIGRATION: &str = "
    BEGIN ISOLATION LEVEL READ COMMITTED;
    SET LOCAL statement_timeout = '30s';
    SET LOCAL idle_in_transaction_session_timeout = '120s';
    SELECT pg_advisory_xact_lock(7305800428331230721)";

pub(super) const COMMIT: &str = "COMMIT";
/// In a transaction that has failed, the database refuses the first statement, and so the second.
pub(super) const ROLLBACK: &str = "SELECT 1; ROLLBACK";

/// Tables in the schema where ours are, or would be created, and how many of the two that tell our
/// schema from another program's.
pub(super) const TABLES: &str = "
    SELECT count(*), count(*) FILTER (WHERE relname IN ('meta', '_sqlx_migrations')) FROM pg_class
    WHERE relnamespace = to_regnamespace(quote_ident(current_schema())) AND relkind IN ('r', 'p')";
/// Columns, constraints and indexes of the tables in that schema, one text each.
pub(super) const DEFINITIONS: &str = "
    WITH ours AS (
        SELECT oid, relname FROM pg_class
        WHERE relnamespace = to_regnamespace(quote_ident(current_schema())) AND relkind = 'r')
    SELECT concat_ws(' ', 'column', relname, attname, format_type(atttypid, atttypmod),
                     CASE WHEN attnotnull THEN 'not null' END, attstorage,
                     nullif(attidentity, ''))
    FROM pg_attribute JOIN ours ON attrelid = ours.oid WHERE 0 < attnum AND NOT attisdropped
    UNION ALL
    SELECT concat_ws(' ', 'constraint', relname, conname, pg_get_constraintdef(pg_constraint.oid))
    FROM pg_constraint JOIN ours ON conrelid = ours.oid WHERE contype IN ('c', 'p', 'u')
    UNION ALL
    SELECT concat_ws(' ', 'index', relname,
                     regexp_replace(pg_get_indexdef(indexrelid), ' ON [^ ]+ ', ' ON '))
    FROM pg_index JOIN ours ON indrelid = ours.oid WHERE indisvalid";
pub(super) const MIGRATIONS: &str =
    "SELECT version, success, checksum FROM _sqlx_migrations ORDER BY version";
pub(super) const MIN_READER: &str = "SELECT value FROM meta WHERE key = 'min_reader_version'";
pub(super) const TOUCH: &str = "UPDATE meta SET value = value + 1 WHERE key = 'write_probes'";
pub(super) const NOW: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
/// Asked only to hear an answer.
pub(super) const NOTHING: &str = "SELECT 1";
pub(super) const IS_STANDBY: &str = "SELECT pg_is_in_recovery()";
/// Whether it is a standby, whether transactions of this session are made read-only, and whether
/// this role has every right that each write needs. Compaction and new settings need others: a role
/// without those still writes.
pub(super) const TAKES_NO_WRITES: &str = "
    SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only')::boolean,
           (SELECT bool_and(has_table_privilege(name, privilege))
            FROM (VALUES ('head', 'SELECT'), ('head', 'UPDATE'), ('meta', 'SELECT'),
                         ('meta', 'UPDATE'), ('revision', 'SELECT'), ('revision', 'INSERT'),
                         ('request', 'SELECT'), ('request', 'INSERT'), ('request', 'DELETE'),
                         ('settings', 'SELECT'), ('instrument', 'SELECT'), ('instrument', 'INSERT'),
                         ('naming', 'SELECT'), ('naming', 'INSERT'),
                         ('texts', 'SELECT'), ('texts', 'INSERT'), ('segment', 'SELECT'),
                         ('segment', 'INSERT'))
                 AS needed (name, privilege))";
pub(super) const META_KEYS: &str = "SELECT key FROM meta ORDER BY key";

/// The newest revision, beside the number that the head gave out last.
pub(super) const HEAD: &str = "
    SELECT head.revision AS given_out, number, data_version
    FROM head LEFT JOIN revision ON number = (SELECT max(number) FROM revision)
    WHERE head.id = 1";
pub(super) const REVISIONS: &str = "
    SELECT number, data_version, committed_at, source, file_name, content_hash, received_at, facts,
           seal
    FROM revision WHERE $1 < number ORDER BY number LIMIT $2";
pub(super) const SEAL: &str = "SELECT seal FROM revision WHERE number = $1";

pub(super) const ANSWER: &str = "
    SELECT caller, method, request_id, fingerprint, revision, answered_at, answer, seal
    FROM request WHERE caller = $1 AND method = $2 AND request_id = $3";
pub(super) const PUT_ANSWER: &str = "
    INSERT INTO request
        (caller, method, request_id, fingerprint, revision, answered_at, answer, seal)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
/// Oldest first, a bounded number at a time.
pub(super) const DELETE_ANSWERS: &str = "
    DELETE FROM request WHERE id IN
        (SELECT id FROM request WHERE answered_at < $1 ORDER BY answered_at LIMIT $2)";
pub(super) const ANSWERS: &str = "
    SELECT id, caller, method, request_id, fingerprint, revision, answered_at, answer, seal
    FROM request WHERE $1 < id ORDER BY id LIMIT $2";

pub(super) const SETTINGS: &str = "SELECT document FROM settings WHERE hash = $1";
pub(super) const ALL_SETTINGS: &str =
    "SELECT id, hash, document FROM settings WHERE $1 < id ORDER BY id LIMIT $2";
pub(super) const COUNT_SETTINGS: &str = "SELECT count(*) FROM settings";
pub(super) const PUT_SETTINGS: &str = "INSERT INTO settings (hash, document) VALUES ($1, $2)";

/// Adds nothing unless the head is the revision before. Followers are told when this commits.
pub(super) const PUT_REVISION: &str = "
    WITH next AS (
        UPDATE head SET revision = revision + 1 WHERE id = 1 AND revision = $1 - 1
        RETURNING revision)
    INSERT INTO revision
        (number, data_version, committed_at, source, file_name, content_hash, received_at, facts,
         seal)
    SELECT revision, $2, $3, $4, $5, $6, $7, $8, $9 FROM next
    RETURNING pg_notify('ballast', number::text)";
/// The channel of those notices, which all stores of a database share.
pub(super) const CHANNEL: &str = "ballast";

// Small rows go in as one array per column.
pub(super) const PUT_INSTRUMENTS: &str = "
    INSERT INTO instrument (id, namespace, revision)
    SELECT id, namespace, $3 FROM unnest($1::bigint[], $2::bigint[]) AS new (id, namespace)";
pub(super) const PUT_NAMINGS: &str = "
    INSERT INTO naming (instrument, symbol, from_on, until_on, revision)
    SELECT instrument, symbol, from_on, until_on, $5
    FROM unnest($1::bigint[], $2::bytea[], $3::bigint[], $4::bigint[])
        WITH ORDINALITY AS new (instrument, symbol, from_on, until_on, place)
    ORDER BY place";
pub(super) const PUT_TEXTS: &str = "
    INSERT INTO texts (id, text, revision)
    SELECT (SELECT coalesce(max(id), -1) FROM texts) + place, text, $2
    FROM unnest($1::bytea[]) WITH ORDINALITY AS new (text, place)";

// Pages by revision, then row.
pub(super) const INSTRUMENTS: &str = "
    SELECT id, namespace, revision FROM instrument
    WHERE (revision, id) > ($1, $2) ORDER BY revision, id LIMIT $3";
pub(super) const NAMINGS: &str = "
    SELECT id, instrument, revision, symbol, from_on, until_on FROM naming
    WHERE (revision, id) > ($1, $2) ORDER BY revision, id LIMIT $3";
pub(super) const TEXTS: &str = "
    SELECT id, revision, text FROM texts
    WHERE (revision, id) > ($1, $2) ORDER BY revision, id LIMIT $3";

pub(super) const PUT_SEGMENT: &str = "
    INSERT INTO segment
        (dataset, rows, runs, first_instrument, last_instrument, first_on, last_on,
         first_published, last_published, first_revision, last_revision, layout, checksum, bytes)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
    RETURNING id";
/// Earlier days first, so that the parts of an instrument come in order.
pub(super) const SEGMENTS: &str = "
    SELECT id, dataset, rows, runs, first_instrument, last_instrument, first_on, last_on,
           first_published, last_published, first_revision, last_revision, checksum
    FROM segment WHERE replaced_at IS NULL
    ORDER BY dataset, first_on, id";
pub(super) const SEGMENT_BYTES: &str = "SELECT bytes FROM segment WHERE id = $1";

pub(super) const MANIFEST: &str = "SELECT segments FROM head WHERE id = 1";
pub(super) const PUT_MANIFEST: &str = "UPDATE head SET segments = $1 WHERE id = 1";

pub(super) const RETIRE_SEGMENT: &str =
    "UPDATE segment SET replaced_at = $2 WHERE id = $1 AND checksum = $3 AND replaced_at IS NULL";
pub(super) const DELETE_RETIRED: &str = "DELETE FROM segment WHERE replaced_at <= $1";
