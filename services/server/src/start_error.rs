//! Why a server does not start.

use crate::{
    auth::{AuthError, issuer_keys::KeysError},
    config::ConfigError,
    metrics::MetricsError,
    tls::TlsError,
};
use std::net::SocketAddr;
use store::StoreError;

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings are not valid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store cannot be opened or read.
    #[error("the store cannot be opened")]
    Store(#[source] StoreError),
    /// The settings cannot be written to the store.
    #[error("the settings cannot be kept in the store, so answers could not be given again")]
    Settings(#[source] StoreError),
    /// The store keeps too many different settings.
    #[error(
        "the store already keeps {most} different settings, and these are others: answers could not \
         be given again. Use earlier settings, or a new store"
    )]
    TooManySettings {
        /// Maximum number of settings.
        most: u64,
    },
    /// There is no store, and the settings do not ask to create one.
    #[error("{0}; to create a new, empty one: `ballast serve --create`")]
    NoStore(StoreError),
    /// The store is damaged: it does not hold what was written to it.
    #[error(
        "{cause}. The server does not start on a damaged store. `ballast check --store {url}` \
         lists what is wrong; {}",
        how_to_restore(url)
    )]
    Damaged {
        /// URL of the store.
        url: String,
        /// The fault that was found.
        cause: StoreError,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// The configured address.
        address: SocketAddr,
        /// The system's error.
        cause: String,
    },
    /// The processor lacks instructions that this binary uses.
    #[error(
        "this binary needs a processor with {0} (x86-64-v3: Intel Haswell or AMD Excavator and \
         later); build it with RUSTFLAGS=\"-C target-cpu=x86-64\" to run here"
    )]
    Processor(&'static str),
    /// Metrics cannot be kept.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The files of TLS cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The credentials of callers cannot be used.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The keys of the issuer cannot be fetched.
    #[error("auth.jwt.keys_url: {0}")]
    IssuerKeys(#[from] KeysError),
    /// Reflection cannot be built from the contract.
    #[error("reflection cannot be built: {0}")]
    Reflection(String),
}

/// How a store of this kind is restored.
fn how_to_restore(url: &str) -> &'static str {
    match url.split_once(':') {
        Some(("postgres" | "postgresql", _)) => {
            "restore the database from a backup with PostgreSQL's own tools (OPERATIONS.md)"
        }
        _ => "`ballast restore BACKUP NEW_FILE` creates a store from a backup",
    }
}
