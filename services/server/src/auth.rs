//! Who calls, and what each caller may do: static tokens, client certificates, and bearer tokens of
//! an identity provider.
//!
//! As soon as one of them is configured, a call without credentials is refused. Credentials are
//! checked per call and not per connection, so that one that has expired, or was taken out of its
//! file, ends at once.

pub mod fetch;
pub mod issuer_keys;
pub mod jwk;
pub mod jwt;
pub mod role;
pub mod settings;

use crate::{
    auth::{
        issuer_keys::IssuerKeys,
        jwt::{Fault, JwtVerifier},
        role::CallerRole,
        settings::{Auth, KnownCertificate},
    },
    limits,
    rotating::{FileError, Files, Rotated},
};
use marketdata::instant::Instant;
use std::{path::PathBuf, sync::Arc};

/// Who makes a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    name: Arc<str>,
    roles: Arc<[CallerRole]>,
}

impl Caller {
    /// The caller of a server without authentication, who may do everything.
    pub fn anonymous() -> Caller {
        Caller::new(store::ANONYMOUS.to_owned(), &[CallerRole::Admin])
    }

    fn new(name: String, roles: &[CallerRole]) -> Caller {
        Caller { name: name.into(), roles: roles.into() }
    }

    /// Whether nothing is known of the caller.
    pub fn is_anonymous(&self) -> bool {
        &*self.name == store::ANONYMOUS
    }

    /// The name, which begins with the kind of its credentials, so that kinds never meet:
    /// `token:desk-a`, `cert:spiffe://bank/desk-a`, `jwt:desk-a`, or `anonymous`.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Whether the caller may do what needs this role.
    pub fn may(&self, needed: CallerRole) -> bool {
        self.roles.iter().any(|role| role.covers(needed))
    }
}

/// Why a caller is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// There are no credentials.
    Missing,
    /// The credentials were valid once.
    Expired,
    /// The credentials are not valid; the text is for the log only, because it helps to guess.
    Refused(&'static str),
}

/// The credentials of a call.
#[derive(Clone, Copy, Debug)]
pub struct Credentials<'a> {
    /// The values of the header `authorization`.
    pub authorization: &'a [&'a [u8]],
    /// The names in the certificate of the connection, which the handshake has verified.
    pub certificate: &'a [String],
}

/// The credentials cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A variable of the environment is not set, or not text.
    #[error("auth.tokens.{name}: the variable {variable} is not set")]
    NoVariable {
        /// Name of the token.
        name: String,
        /// Name of the variable.
        variable: String,
    },
    /// A static token is not one.
    #[error(
        "auth.tokens.{name} must be {least} to {most} characters of ASCII without spaces",
        least = limits::TOKEN_CHARS_LEAST,
        most = limits::TOKEN_CHARS
    )]
    Token {
        /// Name of the token.
        name: String,
    },
    /// Two names have one token, so a call with it would have two callers.
    #[error("auth.tokens.{name} is the token of another name as well")]
    SameToken {
        /// The second name.
        name: String,
    },
    /// A key set is not one.
    #[error("{path} is not a set of keys: {cause}", path = path.display())]
    Keys {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
}

/// Knows the callers.
#[derive(Debug)]
pub struct Authority {
    /// Callers by the hashes of their tokens: the tokens themselves are not kept.
    tokens: Vec<(blake3::Hash, Caller)>,
    certificates: Vec<KnownCertificate>,
    jwt: Option<JwtVerifier>,
}

/// What callers are known by: the settings, and the keys of an issuer that are fetched.
#[derive(Clone, Debug)]
pub struct AuthSources {
    /// The settings, which name files.
    pub auth: Auth,
    /// The keys, if the settings name a URL.
    pub issuer_keys: IssuerKeys,
}

impl Rotated for Authority {
    type Settings = AuthSources;
    type Error = AuthError;
    const WHAT: &'static str = "auth";

    async fn load(sources: &AuthSources, files: &mut Files) -> Result<Authority, AuthError> {
        let settings = &sources.auth;
        let mut tokens: Vec<(blake3::Hash, Caller)> = Vec::new();
        for token in &settings.tokens {
            let hash = blake3::hash(&token.read(files).await?);
            if tokens.iter().any(|(other, _)| *other == hash) {
                return Err(AuthError::SameToken { name: token.name.clone() });
            }
            tokens.push((hash, Caller::new(format!("token:{}", token.name), &token.roles)));
        }
        let jwt = match settings.jwt.is_on() {
            true => Some(JwtVerifier::load(&settings.jwt, &sources.issuer_keys, files).await?),
            false => None,
        };
        Ok(Authority { tokens, certificates: settings.certificates.clone(), jwt })
    }
}

impl Authority {
    /// Who makes a call. A bearer token decides if there is one: a caller whose token is refused is
    /// not let in by the certificate of a proxy.
    ///
    /// # Errors
    /// [`Unknown`], if the credentials are of no known caller.
    pub fn identify(&self, credentials: Credentials<'_>, now: Instant) -> Result<Caller, Unknown> {
        match credentials.authorization {
            [] => self.of_certificate(credentials.certificate),
            [value] => self.of_bearer(value, now),
            _ => Err(Unknown::Refused("two authorization headers")),
        }
    }

    fn of_bearer(&self, value: &[u8], now: Instant) -> Result<Caller, Unknown> {
        // RFC 9110, section 11.1: the scheme's case does not matter.
        let is_bearer = |scheme: &[u8]| scheme.eq_ignore_ascii_case(b"bearer ");
        let token = value
            .split_at_checked(7)
            .filter(|(scheme, _)| is_bearer(scheme))
            .map(|(_, token)| token.trim_ascii())
            .ok_or(Unknown::Refused("the scheme is not Bearer"))?;
        if let Some(caller) = self.of_token(token) {
            return Ok(caller);
        }
        let jwt = self.jwt.as_ref().ok_or(Unknown::Refused("no such token"))?;
        let claims = jwt.verify(token, now).map_err(|fault| match fault {
            Fault::Expired => Unknown::Expired,
            Fault::Refused(why) => Unknown::Refused(why),
        })?;
        Ok(Caller::new(format!("jwt:{}", claims.subject), &claims.roles))
    }

    /// Hashes are compared in constant time (as `blake3::Hash` does), and all of them, so the time
    /// tells nothing about the tokens.
    fn of_token(&self, token: &[u8]) -> Option<Caller> {
        let hash = blake3::hash(token);
        let known = self.tokens.iter().filter(|(known, _)| *known == hash);
        known.fold(None, |_, (_, caller)| Some(caller.clone()))
    }

    fn of_certificate(&self, names: &[String]) -> Result<Caller, Unknown> {
        if names.is_empty() {
            return Err(Unknown::Missing);
        }
        let found = self.certificates.iter().find_map(|known| {
            let name = names.iter().find(|name| known.is(name))?;
            Some(Caller::new(format!("cert:{name}"), &known.roles))
        });
        found.ok_or(Unknown::Refused("the names of the certificate are not listed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::settings::StaticToken;

    const NOW: Instant = Instant::from_micros(0);

    fn certificate(name: &str) -> KnownCertificate {
        KnownCertificate { name: name.to_owned(), roles: vec![CallerRole::Reader] }
    }

    async fn authority() -> Authority {
        let folder = tempfile::tempdir().unwrap();
        let mut tokens = Vec::new();
        for name in ["a", "b"] {
            let file = folder.path().join(name);
            tokio::fs::write(&file, format!("{}\n", name.repeat(32))).await.unwrap();
            let roles = vec![CallerRole::Reader];
            tokens.push(StaticToken { name: name.into(), roles, file, env: String::new() });
        }
        let certificates = vec![certificate("desk.bank"), certificate("spiffe://bank/*")];
        let auth = Auth { tokens, certificates, ..Auth::none() };
        let sources = AuthSources { auth, issuer_keys: IssuerKeys::default() };
        Authority::load(&sources, &mut Files::default()).await.unwrap()
    }

    #[tokio::test]
    async fn a_bearer_token_is_one_of_those_listed() {
        let authority = authority().await;
        let name = |value: &str| {
            let authorization: &[&[u8]] = &[value.as_bytes()];
            let credentials = Credentials { authorization, certificate: &["desk.bank".into()] };
            authority.identify(credentials, NOW).map(|caller| caller.name().to_string())
        };
        let (a, b) = ("a".repeat(32), "b".repeat(32));
        assert_eq!(name(&format!("Bearer {a}")).unwrap(), "token:a");
        assert_eq!(name(&format!("bearer {b}")).unwrap(), "token:b");
        let junk =
            ["", "Bearer", "Bearer ", &a, "Basic YTpi", &format!("Bearer {a}{b}"), "Bearerx"];
        for value in junk {
            // The certificate is a caller's, and yet does not count beside a header.
            assert!(matches!(name(value), Err(Unknown::Refused(_))), "{value}");
        }
        let value: &[u8] = b"Bearer x";
        let twice = Credentials { authorization: &[value, value], certificate: &[] };
        assert!(authority.identify(twice, NOW).is_err());
    }

    #[tokio::test]
    async fn a_certificate_is_known_by_a_name_or_the_beginning_of_one() {
        let authority = authority().await;
        let name = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let credentials = Credentials { authorization: &[], certificate: &names };
            authority.identify(credentials, NOW).map(|caller| caller.name().to_string())
        };
        assert_eq!(name(&["other", "desk.bank"]).unwrap(), "cert:desk.bank");
        assert_eq!(name(&["spiffe://bank/b"]).unwrap(), "cert:spiffe://bank/b");
        assert_eq!(name(&[]), Err(Unknown::Missing));
        for stranger in ["spiffe://bank", "x.desk.bank", "DESK.BANK.evil", "*"] {
            assert!(matches!(name(&[stranger]), Err(Unknown::Refused(_))), "{stranger}");
        }
    }
}
