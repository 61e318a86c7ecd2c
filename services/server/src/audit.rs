//! The log of who did what: writes, and calls that were refused for their credentials or their role.
//!
//! Every host of the network can cause refused calls, so only a limited number of these is logged per
//! second. The others are counted, and their number is logged.

use crate::limits;
use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// The target of its entries.
const AUDIT: &str = "audit";

/// The log of one server.
#[derive(Debug, Default)]
pub struct AuditLog {
    /// Calls refused since the second began.
    refused: AtomicU64,
    dropped: AtomicU64,
}

impl AuditLog {
    /// Logs a refused call, and the address that it came from. The span of the call names the
    /// method, the id of the request, and the caller if it is known.
    pub fn refused(&self, why: &str, address: Option<IpAddr>) {
        let address = address.map(tracing::field::display);
        if self.refused.fetch_add(1, Ordering::Relaxed) < limits::REFUSALS_LOGGED_PER_S {
            tracing::warn!(target: AUDIT, why, address, "call refused");
        }
    }

    /// Logs a call that may write, and the address that it came from: all that is known of a caller
    /// without credentials. What became of it is logged when the call ends.
    pub fn writes(&self, address: Option<IpAddr>) {
        let address = address.map(tracing::field::display);
        tracing::info!(target: AUDIT, address, "write admitted");
    }

    /// Refused calls that were not logged, up to the last second.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Begins a second after the other, for ever.
    pub async fn follow(self: Arc<AuditLog>) {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.begin_second();
        }
    }

    fn begin_second(&self) {
        let refused = self.refused.swap(0, Ordering::Relaxed);
        let dropped = refused.saturating_sub(limits::REFUSALS_LOGGED_PER_S);
        if 0 < dropped {
            self.dropped.fetch_add(dropped, Ordering::Relaxed);
            tracing::warn!(target: AUDIT, dropped, "further refused calls were not logged");
        }
    }
}
