//! Who is let in, and over what; made of files and keys that are read again while the server runs.

use crate::{
    auth::{AuthSources, Authority, issuer_keys::IssuerKeys},
    config::Config,
    rotating::Rotating,
    start_error::StartError,
    tls::TlsKeys,
};
use std::time::Duration;
use tokio::task::JoinHandle;

/// What the port needs of each connection and each call.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    /// `None`: the port speaks plain text.
    pub(crate) keys: Option<Rotating<TlsKeys>>,
    /// `None`: no credentials are needed.
    pub(crate) authority: Option<Rotating<Authority>>,
    /// The keys of an issuer that publishes them at a URL; empty if there is none.
    pub(crate) issuer_keys: IssuerKeys,
}

impl Guard {
    /// Reads the files that the settings name, and fetches the keys of the issuer. A server whose
    /// issuer does not answer starts without its keys, because other callers do not need them.
    ///
    /// # Errors
    /// If a file cannot be read, or is not what its setting says.
    pub(crate) async fn load(config: &Config) -> Result<Guard, StartError> {
        let keys = match config.tls.is_on() {
            true => Some(Rotating::load(&config.tls).await?),
            false => None,
        };
        let sources = AuthSources { auth: config.auth.clone(), issuer_keys: IssuerKeys::default() };
        let authority = match config.auth.is_on() {
            true => Some(Rotating::load(&sources).await?),
            false => None,
        };
        if config.auth.jwt.is_fetched() {
            sources.issuer_keys.refresh(&config.auth.jwt).await;
        }
        if keys.is_none() && config.auth.has_bearers() && !config.listen.ip().is_loopback() {
            tracing::warn!("bearer tokens arrive in plain text: set tls, or have a mesh encrypt");
        }
        Ok(Guard { keys, authority, issuer_keys: sources.issuer_keys })
    }

    /// The tasks that read the files and fetch the keys again.
    pub(crate) fn follow(self, config: &Config) -> impl Iterator<Item = JoinHandle<()>> {
        let every = Duration::from_millis(config.rotate_ms);
        let keys = self.keys.map(|keys| tokio::spawn(keys.follow(config.tls.clone(), every)));
        let issuer_keys = self.issuer_keys;
        let sources = AuthSources { auth: config.auth.clone(), issuer_keys: issuer_keys.clone() };
        let callers = self.authority;
        let callers = callers.map(|known| tokio::spawn(known.follow(sources, every)));
        let jwt = &config.auth.jwt;
        let fetched = jwt.is_fetched().then(|| tokio::spawn(issuer_keys.follow(jwt.clone())));
        keys.into_iter().chain(callers).chain(fetched)
    }
}
