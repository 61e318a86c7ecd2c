//! The append-only fact log; the only SQL.
