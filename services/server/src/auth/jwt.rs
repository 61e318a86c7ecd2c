//! Bearer tokens of an identity provider (JSON Web Tokens, RFC 7519, signed as in RFC 7515).
//!
//! Deliberately less than the standards: compact form, one issuer, one audience, signatures by
//! public keys only, and no header that changes how a token is read. RFC 8725 has the reasons.

use crate::{
    auth::{
        AuthError,
        issuer_keys::IssuerKeys,
        jwk::{self, Key},
        role::CallerRole,
        settings::{Jwt, is_name},
    },
    rotating::Files,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use marketdata::instant::Instant;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

pub use crate::auth::jwk::Algorithm;

/// Verifies tokens of one issuer for one audience.
#[derive(Debug)]
pub struct JwtVerifier {
    settings: Jwt,
    keys: Keys,
}

/// Where the keys of the issuer come from.
#[derive(Debug)]
enum Keys {
    /// A file, read with the verifier.
    File(Arc<[Key]>),
    /// A URL, from which others fetch them.
    Url(IssuerKeys),
}

/// What a valid token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Whom the issuer knows by that name.
    pub subject: String,
    /// What the caller may do.
    pub roles: Vec<CallerRole>,
}

/// Why a token does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It was valid once; only said of tokens whose signature, issuer and audience are right.
    Expired,
    /// Everything else.
    Refused(&'static str),
}

#[derive(Deserialize)]
struct Header {
    alg: Algorithm,
    kid: Option<String>,
    crit: Option<Value>,
}

impl Keys {
    fn now(&self) -> Arc<[Key]> {
        match self {
            Keys::File(keys) => Arc::clone(keys),
            Keys::Url(keys) => keys.now(),
        }
    }

    /// A token names a key that is not here; the issuer may have a new one.
    fn missed(&self) {
        if let Keys::Url(keys) = self {
            keys.missed();
        }
    }
}

impl JwtVerifier {
    /// A verifier with the keys of the settings' file, or with those that are fetched.
    ///
    /// # Errors
    /// If the file cannot be read or has no keys.
    pub async fn load(
        settings: &Jwt,
        fetched: &IssuerKeys,
        files: &mut Files,
    ) -> Result<JwtVerifier, AuthError> {
        if settings.is_fetched() {
            let keys = Keys::Url(fetched.clone());
            return Ok(JwtVerifier { settings: settings.clone(), keys });
        }
        let bytes = files.read(&settings.keys).await?;
        let keys = jwk::keys(&bytes)
            .map_err(|cause| AuthError::Keys { path: settings.keys.clone(), cause })?;
        Ok(JwtVerifier { settings: settings.clone(), keys: Keys::File(keys.into()) })
    }

    /// What a token says.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn verify(&self, token: &[u8], now: Instant) -> Result<Claims, Fault> {
        let parts: Vec<&[u8]> = token.split(|byte| *byte == b'.').collect();
        let [header, payload, signature] = parts[..] else {
            return Err(Fault::Refused("no such token, and not a JWT"));
        };
        let decoded = |part: &[u8]| {
            URL_SAFE_NO_PAD.decode(part).map_err(|_| Fault::Refused("not in base64url"))
        };
        // An algorithm that has no name here, as `none`, does not parse.
        let header: Header = serde_json::from_slice(&decoded(header)?)
            .map_err(|_| Fault::Refused("its header or algorithm is not one"))?;
        if header.crit.is_some() {
            return Err(Fault::Refused("it has critical headers"));
        }
        if !self.settings.algorithms.contains(&header.alg) {
            return Err(Fault::Refused("its algorithm is not accepted"));
        }
        let keys = self.keys.now();
        let key = jwk::named(&keys, header.kid.as_deref(), header.alg).ok_or_else(|| {
            self.keys.missed();
            Fault::Refused("its key is not one of the issuer's")
        })?;
        let message = &token[..token.len() - signature.len() - 1];
        if !key.signed(header.alg, message, &decoded(signature)?) {
            return Err(Fault::Refused("its signature is not valid"));
        }
        let claims = serde_json::from_slice(&decoded(payload)?)
            .map_err(|_| Fault::Refused("its claims are not JSON"))?;
        self.judge(&claims, now)
    }

    /// What the claims of a token with a valid signature say.
    fn judge(&self, claims: &Value, now: Instant) -> Result<Claims, Fault> {
        if claims.get("iss").and_then(Value::as_str) != Some(&self.settings.issuer) {
            return Err(Fault::Refused("its issuer is another"));
        }
        if !words(claims.get("aud")).any(|audience| audience == self.settings.audience) {
            return Err(Fault::Refused("it is for another audience"));
        }
        let (now_s, skew_s) = (now.micros() as f64 / 1e6, self.settings.skew_s as f64);
        let expires = claims.get("exp").and_then(Value::as_f64);
        if expires.ok_or(Fault::Refused("it never expires"))? + skew_s <= now_s {
            return Err(Fault::Expired);
        }
        let begins = claims.get("nbf").map(|nbf| nbf.as_f64().unwrap_or(f64::INFINITY));
        if begins.is_some_and(|begins| now_s + skew_s < begins) {
            return Err(Fault::Refused("it is not valid yet"));
        }
        let subject = claims.get("sub").and_then(Value::as_str).filter(|sub| is_name(sub));
        let subject = subject.ok_or(Fault::Refused("its subject is not a name"))?.to_owned();
        let claim = match self.settings.roles_claim.as_str() {
            pointer if pointer.starts_with('/') => claims.pointer(pointer),
            name => claims.get(name),
        };
        Ok(Claims { subject, roles: role_ids(claim).filter_map(CallerRole::from_id).collect() })
    }
}

/// The roles of a claim: the words of a text, as in `scope` (RFC 8693, section 4.2), or the elements
/// of a list, whole: an element may be the name of a group, and `Trade admin` is no admin.
fn role_ids(claim: Option<&Value>) -> impl Iterator<Item = &str> {
    let of_text = claim.and_then(Value::as_str).into_iter().flat_map(str::split_ascii_whitespace);
    let list = claim.and_then(Value::as_array).into_iter().flatten();
    of_text.chain(list.filter_map(Value::as_str))
}

/// The texts of a claim that is a text or a list of texts.
fn words(claim: Option<&Value>) -> impl Iterator<Item = &str> {
    let one = claim.and_then(Value::as_str);
    let list = claim.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    one.into_iter().chain(list)
}

#[cfg(test)]
mod tests;
