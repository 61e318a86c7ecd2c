//! The settings of authentication. Secrets are named here, by file or variable, and never held.

use crate::{
    auth::{AuthError, fetch, issuer_keys::are_times_valid, jwt::Algorithm, role::CallerRole},
    config::ConfigError,
    limits,
    rotating::Files,
    tls::Tls,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// The callers that are let in. The default list is empty: then all callers may do everything, and
/// the server listens on loopback only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// Whether a server without the lists below may listen beyond loopback, because something else
    /// guards it. Default: false.
    pub anonymous: bool,
    /// Programs with a token of their own. Default: none.
    pub tokens: Vec<StaticToken>,
    /// Callers by the names in their client certificates; needs `tls.client_ca`. Default: none.
    pub certificates: Vec<KnownCertificate>,
    /// Bearer tokens of an identity provider.
    pub jwt: Jwt,
}

/// A program with a token, which is read again when its file changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaticToken {
    /// Name of the caller in logs and spans.
    pub name: String,
    /// What the caller may do.
    pub roles: Vec<CallerRole>,
    /// File with the token; white space at its end does not count. Either this or `env`.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub file: PathBuf,
    /// Variable of the environment with the token.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub env: String,
}

fn is_empty(path: &Path) -> bool {
    path.as_os_str().is_empty()
}

/// Callers with certain names in their certificates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownCertificate {
    /// A URI or DNS name of subjectAltName; with a `*` at its end, every name that begins so. The
    /// first entry that fits counts.
    pub name: String,
    /// What such a caller may do.
    pub roles: Vec<CallerRole>,
}

impl KnownCertificate {
    /// Whether a name of a certificate is this one.
    pub fn is(&self, name: &str) -> bool {
        match self.name.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => name == self.name,
        }
    }
}

/// Bearer tokens of an identity provider: JSON Web Tokens (RFC 7519) with a signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jwt {
    /// The claim `iss` that tokens must have; empty: such tokens are not accepted. Default: empty.
    pub issuer: String,
    /// The name of this service, which must be in the claim `aud`. Default: empty.
    pub audience: String,
    /// File with the issuer's public keys (a JSON Web Key Set, RFC 7517), which is read again when
    /// it changes. Either this or `keys_url`. Default: empty.
    pub keys: PathBuf,
    /// URL (`https://`) of these keys, which are then fetched in the background. Default: empty.
    pub keys_url: String,
    /// File (PEM) with the authorities that the URL's certificate may be from, instead of the
    /// system's. Default: empty.
    pub keys_ca: PathBuf,
    /// Interval at which the URL is fetched, seconds, at most 86,400. Default: 300.
    pub keys_refresh_s: u64,
    /// Shortest time between two fetches, milliseconds, at least 100 and at most the interval: a
    /// token with a key that is not known, and a fetch that has failed, cause another one. Default:
    /// 10,000.
    pub keys_pause_ms: u64,
    /// Algorithms of signatures that are accepted. Default: RS256, PS256, ES256, EdDSA.
    pub algorithms: Vec<Algorithm>,
    /// How far the issuer's clock may be from ours, seconds. Default: 30.
    pub skew_s: u64,
    /// The claim with the roles, as a list or as words of one text: its name, or a JSON pointer
    /// (`/realm_access/roles`). Words that are no roles are ignored. Default: roles.
    pub roles_claim: String,
}

impl Jwt {
    /// Whether such tokens are accepted.
    pub fn is_on(&self) -> bool {
        !self.issuer.is_empty()
    }

    /// Whether the keys are fetched from a URL.
    pub fn is_fetched(&self) -> bool {
        self.is_on() && !self.keys_url.is_empty()
    }

    fn check(&self) -> Result<(), &'static str> {
        let has_keys = is_empty(&self.keys) != self.keys_url.is_empty();
        let has_rest = !self.audience.is_empty() && has_keys;
        match self.is_on() {
            false if !self.audience.is_empty() => Err("auth.jwt.audience needs auth.jwt.issuer"),
            true if !has_rest => {
                Err("auth.jwt.issuer needs auth.jwt.audience, and either auth.jwt.keys or keys_url")
            }
            true if self.is_fetched() && fetch::target(&self.keys_url).is_none() => {
                Err("auth.jwt.keys_url must be a URL that begins with https://, without a user")
            }
            true if !self.is_fetched() && !is_empty(&self.keys_ca) => {
                Err("auth.jwt.keys_ca needs auth.jwt.keys_url")
            }
            true if !are_times_valid(self) => {
                Err("auth.jwt.keys_refresh_s must be at most 86400, and auth.jwt.keys_pause_ms at \
                     least 100 and at most that interval")
            }
            true if self.algorithms.is_empty() => Err("auth.jwt.algorithms must not be empty"),
            true if self.roles_claim.is_empty() => Err("auth.jwt.roles_claim must not be empty"),
            _ if limits::CLOCK_SKEW_S < self.skew_s => {
                Err("auth.jwt.skew_s must be at most 300: an expired token must end")
            }
            _ => Ok(()),
        }
    }
}

impl Auth {
    /// Empty lists.
    pub fn none() -> Auth {
        use Algorithm::{EdDsa, Es256, Ps256, Rs256};
        let jwt = Jwt {
            issuer: String::new(),
            audience: String::new(),
            keys: PathBuf::new(),
            keys_url: String::new(),
            keys_ca: PathBuf::new(),
            keys_refresh_s: 300,
            keys_pause_ms: 10_000,
            algorithms: vec![Rs256, Ps256, Es256, EdDsa],
            skew_s: 30,
            roles_claim: "roles".to_owned(),
        };
        Auth { anonymous: false, tokens: Vec::new(), certificates: Vec::new(), jwt }
    }

    /// Whether callers need credentials.
    pub fn is_on(&self) -> bool {
        !self.tokens.is_empty() || !self.certificates.is_empty() || self.jwt.is_on()
    }

    /// Whether callers have bearer tokens.
    pub fn has_bearers(&self) -> bool {
        !self.tokens.is_empty() || self.jwt.is_on()
    }

    /// Checks that the settings are valid together, for a server that listens there; no file is
    /// read.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`], naming the first setting that is not.
    pub fn check(&self, listen: SocketAddr, tls: &Tls) -> Result<(), ConfigError> {
        self.check_callers()?;
        let invalid = |text: &str| Err(ConfigError::Invalid(text.to_owned()));
        if !self.certificates.is_empty() && !tls.asks_clients() {
            return invalid("auth.certificates needs tls.client_ca");
        }
        if tls.asks_clients() && !self.is_on() {
            return invalid("tls.client_ca needs auth.certificates: which clients may do what");
        }
        if !(listen.ip().is_loopback() || self.is_on() || self.anonymous) {
            return invalid(
                "listen is beyond loopback, and callers need no credentials: set auth.tokens, \
                 auth.certificates or auth.jwt, or auth.anonymous if something else guards the port",
            );
        }
        Ok(())
    }

    fn check_callers(&self) -> Result<(), ConfigError> {
        let invalid = |text: String| Err(ConfigError::Invalid(text));
        let mut names = BTreeSet::new();
        for token in &self.tokens {
            let name = &token.name;
            if !is_name(name) || !names.insert(name) {
                return invalid(format!("auth.tokens: {name:?} is not a name, or is there twice"));
            }
            if is_empty(&token.file) == token.env.is_empty() {
                return invalid(format!("auth.tokens.{name} needs either file or env"));
            }
        }
        if let Some(known) = self.certificates.iter().find(|known| !is_name(&known.name)) {
            return invalid(format!("auth.certificates: {:?} is not a name", known.name));
        }
        if self.anonymous && self.is_on() {
            let text = "auth.anonymous must be false if callers are listed: they need credentials";
            return invalid(text.to_owned());
        }
        self.jwt.check().or_else(|text| invalid(text.to_owned()))
    }
}

/// Whether a text can be the name of a caller: it is written to logs, and is a part of a key of the
/// store.
pub fn is_name(text: &str) -> bool {
    (1..=limits::CALLER_CHARS).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

impl StaticToken {
    /// The token.
    ///
    /// # Errors
    /// [`AuthError`], if it cannot be read, or is too short to be a secret.
    pub async fn read(&self, files: &mut Files) -> Result<Vec<u8>, AuthError> {
        let mut token = match self.env.is_empty() {
            true => files.read(&self.file).await?,
            false => self.of_environment()?,
        };
        token.truncate(token.trim_ascii_end().len());
        let is_long = (limits::TOKEN_CHARS_LEAST..=limits::TOKEN_CHARS).contains(&token.len());
        match is_long && token.iter().all(u8::is_ascii_graphic) {
            true => Ok(token),
            false => Err(AuthError::Token { name: self.name.clone() }),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "a setting names a variable that holds a secret")]
    fn of_environment(&self) -> Result<Vec<u8>, AuthError> {
        let missing =
            || AuthError::NoVariable { name: self.name.clone(), variable: self.env.clone() };
        std::env::var(&self.env).map(String::into_bytes).map_err(|_| missing())
    }
}
