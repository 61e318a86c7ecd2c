//! Classifies the errors of PostgreSQL (Appendix A of its manual).

use crate::Outlook;
use sqlx::postgres::PgDatabaseError;

/// Whether an error may pass. Only codes of a temporary state do.
pub(crate) fn outlook(error: &PgDatabaseError) -> Outlook {
    of_code(error.code())
}

/// Whether a write was refused because the database takes none for now: a standby may be promoted,
/// and what made it read-only may be undone.
pub(crate) fn is_read_only(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == READ_ONLY)
}

/// `read_only_sql_transaction`; SQLite has no code of this form.
const READ_ONLY: &str = "25006";

fn of_code(code: &str) -> Outlook {
    match code {
        // Data or an index are corrupted.
        "XX001" | "XX002" => Outlook::Damaged,
        // A transaction stood still for too long; a right was taken away, and may be given back. Without
        // the one to its schema, a table is undefined.
        READ_ONLY | "25P03" | "42501" | "42P01" => Outlook::MayPass,
        _ => match code.get(..2) {
            // Connection, password or role (which may be changed back), deadlock or conflict with
            // recovery, too few resources, locks, statements cancelled and shutdowns, and failures
            // of the system.
            Some("08" | "28" | "40" | "53" | "55" | "57" | "58") => Outlook::MayPass,
            _ => Outlook::Stays,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_temporary_states_may_pass() {
        // Disk full, too many connections, lock timeout, statement timeout, shutdown, read-only,
        // a broken connection, deadlock, insufficient privilege, undefined table.
        let temporary = "53100 53300 55P03 57014 57P01 25006 08006 40P01 42501 42P01";
        for code in temporary.split(' ') {
            assert_eq!(of_code(code), Outlook::MayPass, "{code}");
        }
        // Undefined column, unique violation, a text with U+0000.
        for code in ["42703", "23505", "22021", "", "X"] {
            assert_eq!(of_code(code), Outlook::Stays, "{code}");
        }
        assert_eq!(of_code("XX002"), Outlook::Damaged);
    }
}
