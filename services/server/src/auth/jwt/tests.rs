//! Tokens that are refused, and the signatures of the standards.

use super::*;
use crate::auth::{jwk::keys, settings::Auth};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::json;

/// 2021-01-04 12:00 UTC.
const NOW_S: i64 = 1_609_761_600;

fn at(seconds: i64) -> Instant {
    Instant::from_micros(seconds * 1_000_000)
}

fn signer(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

fn jwk(id: &str, signer: &Ed25519KeyPair) -> Value {
    let x = URL_SAFE_NO_PAD.encode(signer.public_key());
    json!({ "kty": "OKP", "crv": "Ed25519", "kid": id, "x": x })
}

fn verifier() -> JwtVerifier {
    let settings = Jwt {
        issuer: "https://bank".to_owned(),
        audience: "ballast".to_owned(),
        ..Auth::none().jwt
    };
    let set = json!({ "keys": [jwk("one", &signer(1)), jwk("two", &signer(2))] });
    let keys = keys(set.to_string().as_bytes()).unwrap();
    JwtVerifier { settings, keys: Keys::File(keys.into()) }
}

fn claims() -> Value {
    json!({
        "iss": "https://bank", "aud": ["other", "ballast"], "sub": "desk-a",
        "exp": NOW_S + 60, "nbf": NOW_S - 60, "roles": ["reader", "unheard-of"],
    })
}

/// A token in compact form, signed by the key of a seed.
fn token(header: &Value, claims: &Value, seed: u8) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(signer(seed).sign(message.as_bytes()));
    format!("{message}.{signature}")
}

fn header() -> Value {
    json!({ "alg": "EdDSA", "kid": "one" })
}

/// The claims with some replaced; null leaves one out.
fn with(changes: &Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    claims
}

fn verified(token: &str) -> Result<Claims, Fault> {
    verifier().verify(token.as_bytes(), at(NOW_S))
}

#[test]
fn a_token_of_the_issuer_for_us_names_its_caller_and_roles() {
    let expected = Claims { subject: "desk-a".to_owned(), roles: vec![CallerRole::Reader] };
    assert_eq!(verified(&token(&header(), &claims(), 1)), Ok(expected));
    let roles = |changes: &Value| verified(&token(&header(), &with(changes), 1)).unwrap().roles;
    assert_eq!(roles(&json!({ "roles": "analyst reader" })).len(), 2);
    assert_eq!(roles(&json!({ "roles": null })), []);
    // Names of groups are no roles, whatever words they have.
    assert_eq!(roles(&json!({ "roles": ["Trade admin", "readers\tadmin", "admin "] })), []);
    assert_eq!(roles(&json!({ "roles": { "admin": true } })), []);
    let mut verifier = verifier();
    verifier.settings.roles_claim = "/access/roles".to_owned();
    let nested = with(&json!({ "access": { "roles": ["admin"] } }));
    let claims = verifier.verify(token(&header(), &nested, 1).as_bytes(), at(NOW_S)).unwrap();
    assert_eq!(claims.roles, [CallerRole::Admin]);
}

#[test]
fn a_token_counts_from_its_beginning_to_its_end_within_the_skew() {
    // The skew is 30 s, the token holds from 60 s before to 60 s after.
    let token = token(&header(), &claims(), 1);
    let when = |seconds: i64| verifier().verify(token.as_bytes(), at(NOW_S + seconds));
    assert!(when(-90).is_ok() && when(89).is_ok());
    assert_eq!(when(-91), Err(Fault::Refused("it is not valid yet")));
    assert_eq!(when(90), Err(Fault::Expired));
}

#[test]
fn claims_that_are_missing_or_of_others_are_refused() {
    for changes in [
        json!({ "iss": null }),
        json!({ "iss": "https://bank.evil" }),
        json!({ "iss": ["https://bank"] }),
        json!({ "aud": null }),
        json!({ "aud": "other ballast" }),
        json!({ "aud": [["ballast"]] }),
        json!({ "exp": null }),
        json!({ "exp": "soon" }),
        json!({ "nbf": "later" }),
        json!({ "sub": null }),
        json!({ "sub": "" }),
        json!({ "sub": "a b" }),
        json!({ "sub": "a\nb" }),
        json!({ "sub": "x".repeat(257) }),
    ] {
        let refused = verified(&token(&header(), &with(&changes), 1));
        assert!(matches!(refused, Err(Fault::Refused(_))), "{changes}: {refused:?}");
    }
    // A token that is not ours does not learn whether it has expired.
    let stranger = with(&json!({ "aud": "other", "exp": 0 }));
    assert!(matches!(verified(&token(&header(), &stranger, 1)), Err(Fault::Refused(_))));
}

#[test]
fn forged_tokens_are_refused() {
    let refuse = |token: &str| {
        assert!(
            matches!(verified(token), Err(Fault::Refused(_))),
            "{token}: {:?}",
            verified(token)
        );
    };
    // Signed by a stranger, or by another key of the issuer than the one that is named.
    refuse(&token(&header(), &claims(), 9));
    refuse(&token(&header(), &claims(), 2));
    // No key of that name, or no name where there are two keys.
    refuse(&token(&json!({ "alg": "EdDSA", "kid": "three" }), &claims(), 1));
    refuse(&token(&json!({ "alg": "EdDSA" }), &claims(), 1));
    // No algorithm, one with a shared secret, one of another kind of key, one that is not accepted.
    for alg in ["none", "None", "HS256", "ES256", "RS256", "ES384", "eddsa", ""] {
        refuse(&token(&json!({ "alg": alg, "kid": "one" }), &claims(), 1));
    }
    refuse(&token(&json!({ "kid": "one" }), &claims(), 1));
    // A header that we would have to understand.
    refuse(&token(&json!({ "alg": "EdDSA", "kid": "one", "crit": ["b64"] }), &claims(), 1));
    let whole = token(&header(), &claims(), 1);
    let parts: Vec<&str> = whole.split('.').collect();
    let admin = URL_SAFE_NO_PAD.encode(with(&json!({ "roles": ["admin"] })).to_string());
    refuse(&format!("{}.{admin}.{}", parts[0], parts[2]));
    refuse(&format!("{}.{}.", parts[0], parts[1]));
    refuse(&format!("{}.{}", parts[0], parts[1]));
    refuse(&format!("{whole}."));
    refuse(&format!("{whole}="));
    refuse(&format!("{whole}.{}", parts[2]));
    for junk in ["", ".", "..", "...", "a.b.c", "é.é.é"] {
        refuse(junk);
    }
}

#[test]
fn one_changed_bit_anywhere_is_refused() {
    let whole = token(&header(), &claims(), 1).into_bytes();
    for byte in 0..whole.len() {
        let mut changed = whole.clone();
        changed[byte] ^= 1;
        assert!(verifier().verify(&changed, at(NOW_S)).is_err(), "byte {byte}");
    }
}

/// RFC 7515, appendices A.2 and A.3, and RFC 8037, appendix A.4.
#[test]
fn the_signatures_of_the_standards_are_valid() {
    let payload = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19\
                   yb290Ijp0cnVlfQ";
    let modulus = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2\
                   mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7\
                   OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMT\
                   BQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkM\
                   Ls91kzk2PAcDTW9gb54h4FRWyuXpoQ";
    let rsa = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_\
               lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO7\
               5vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOk\
               HWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWy\
               wlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    let cases = [
        (
            Algorithm::Rs256,
            json!({ "kty": "RSA", "n": modulus, "e": "AQAB" }),
            format!("eyJhbGciOiJSUzI1NiJ9.{payload}"),
            rsa,
        ),
        (
            Algorithm::Es256,
            json!({
                "kty": "EC", "crv": "P-256",
                "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
            }),
            format!("eyJhbGciOiJFUzI1NiJ9.{payload}"),
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        ),
        (
            Algorithm::EdDsa,
            json!({
                "kty": "OKP", "crv": "Ed25519",
                "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            }),
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc".to_owned(),
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        ),
    ];
    for (algorithm, key, message, signature) in cases {
        let keys = keys(json!({ "keys": [key] }).to_string().as_bytes()).unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let valid = |message: &str| keys[0].signed(algorithm, message.as_bytes(), &signature);
        assert!(valid(&message), "{algorithm:?}");
        assert!(!valid(&format!("{message}x")), "{algorithm:?}");
    }
}

#[test]
fn keys_that_are_not_for_our_signatures_are_left_out() {
    let point = json!({ "kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA" });
    let mut for_secrets = jwk("one", &signer(1));
    for_secrets["use"] = json!("enc");
    let mut of_another_algorithm = jwk("one", &signer(1));
    of_another_algorithm["alg"] = json!("HS256");
    for useless in [
        json!({ "kty": "oct", "k": "c2VjcmV0" }),
        json!({ "kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA" }),
        point,
        for_secrets,
        of_another_algorithm,
        json!("key"),
    ] {
        let set = json!({ "keys": [useless] }).to_string();
        assert!(keys(set.as_bytes()).is_err(), "{set}");
    }
    assert!(keys(b"{}").is_err() && keys(b"[]").is_err() && keys(b"").is_err());
}
