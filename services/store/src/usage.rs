//! What a store uses of its database at one moment.

/// Connections and files of a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The connections that read; `None` where there are none, as in a store in memory.
    pub read: Option<Connections>,
    /// The connection that writes; `None` where none does.
    pub write: Option<Connections>,
    /// Bytes of SQLite's write-ahead log; `None` for other stores.
    pub wal_bytes: Option<u64>,
}

/// The connections of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    /// In use by a call.
    pub used: u32,
    /// Open, and free.
    pub idle: u32,
}

impl Connections {
    /// Those of a pool.
    pub(crate) fn of<D: sqlx::Database>(pool: &sqlx::Pool<D>) -> Connections {
        let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
        // The two numbers are read one after the other.
        Connections { used: pool.size().saturating_sub(idle), idle }
    }
}
