//! Who may call what: tokens, bearer tokens of an issuer, roles, and whose request ids are whose.

use crate::{
    certificates::write,
    harness::{Harness, expect_refusal, header, soon, upload},
    raw::Raw,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use contract::v1::{
    self, exposure_service_client::ExposureServiceClient,
    market_data_service_client::MarketDataServiceClient,
};
use prost::Message as _;
use prost_types::FileDescriptorSet;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};
use server::{
    auth::{
        role::{CallerRole, OPEN},
        settings::StaticToken,
    },
    clock::Clock,
    config::Config,
};
use std::path::Path;
use tempfile::TempDir;
use tonic::{Code, Request, Status, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_types::StatusExt as _;

const BARS: &str = "Ticker,Date,Open,High,Low,Close,Volume\n\
                    AAPL,2021-01-04,133.5,133.6,126.7,129.4,143301900\n";
/// 2021-01-05 12:00 UTC.
pub(crate) const NOW: &str = "2021-01-05T12:00:00Z";
const NOW_S: i64 = 1_609_848_000;

/// A token of 32 characters for each name.
pub(crate) fn secret(name: &str) -> String {
    format!("{name:x>32}")
}

/// A server that knows tokens with roles, kept in a folder.
async fn with_tokens(folder: &TempDir, known: &[(&str, CallerRole)]) -> Harness {
    let token = |(name, role): &(&str, CallerRole)| {
        let file = folder.path().join(name);
        write(&file, &secret(name));
        let env = String::new();
        StaticToken { name: (*name).to_owned(), roles: vec![*role], file, env }
    };
    let tokens = known.iter().map(token).collect();
    let change = |config: &mut Config| (config.auth.tokens, config.rotate_ms) = (tokens, 20);
    Harness::with(Clock::system(), change).await
}

fn bearing<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let value = format!("Bearer {token}").parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

pub(crate) async fn list(channel: &Channel, token: &str) -> Result<(), Status> {
    let request = bearing(token, v1::ListDatasetsRequest::default());
    MarketDataServiceClient::new(channel.clone()).list_datasets(request).await.map(drop)
}

async fn ingest(
    channel: &Channel,
    token: &str,
    header: v1::IngestHeader,
    text: &str,
) -> Result<v1::IngestResponse, Status> {
    let messages = tokio_stream::iter(upload(header, text.as_bytes(), 1 << 20));
    let mut client = MarketDataServiceClient::new(channel.clone());
    Ok(client.ingest(bearing(token, messages)).await?.into_inner())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_but_health_needs_credentials() {
    let folder = TempDir::new().unwrap();
    let harness = with_tokens(&folder, &[("reader", CallerRole::Reader)]).await;
    let raw = Raw::connect(harness.address(), 65_535).await;
    let contract = FileDescriptorSet::decode(contract::DESCRIPTOR).unwrap();
    let mut paths: Vec<String> = Vec::new();
    for file in &contract.file {
        for service in &file.service {
            let path = |method: &str| format!("/{}.{}/{method}", file.package(), service.name());
            paths.extend(service.method.iter().map(|method| path(method.name())));
        }
    }
    assert!(15 < paths.len(), "{paths:?}");
    paths.extend(["v1", "v1alpha"].map(|version| {
        format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo")
    }));
    paths.extend(["/nothing", "/grpc.health.v1.Health/Other"].map(str::to_owned));
    for path in &paths {
        // Refused before a byte of the request.
        let status = raw.call(path, &[]).await.read_answer().await.status;
        expect_refusal(&status, Code::Unauthenticated, "CREDENTIALS_MISSING", &[]);
    }
    let mut health = HealthClient::new(harness.channel().await);
    health.check(HealthCheckRequest::default()).await.unwrap();
    health.watch(HealthCheckRequest::default()).await.unwrap();
    assert_eq!(OPEN.len(), 2, "both were called");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_listed_is_refused_without_a_reason() {
    let folder = TempDir::new().unwrap();
    let harness = with_tokens(&folder, &[("reader", CallerRole::Reader)]).await;
    let channel = harness.channel().await;
    list(&channel, &secret("reader")).await.unwrap();
    for wrong in [secret("other"), secret("reader") + "x", secret("reader")[1..].to_owned()] {
        let status = list(&channel, &wrong).await.unwrap_err();
        expect_refusal(&status, Code::Unauthenticated, "CREDENTIALS_REFUSED", &[]);
        assert!(!status.message().contains(&wrong), "{status:?}");
    }
    let mut two = bearing(&secret("reader"), v1::ListDatasetsRequest::default());
    two.metadata_mut().append("authorization", "Bearer other".parse().unwrap());
    let status = MarketDataServiceClient::new(channel).list_datasets(two).await.unwrap_err();
    expect_refusal(&status, Code::Unauthenticated, "CREDENTIALS_REFUSED", &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_allows_its_methods_and_no_others() {
    let folder = TempDir::new().unwrap();
    let roles = CallerRole::ALL.map(|role| (role.id(), role));
    let harness = with_tokens(&folder, &roles).await;
    let channel = harness.channel().await;
    let mut exposure = ExposureServiceClient::new(channel.clone());
    // By role: may it read, analyse (here a request that is not valid), and write?
    let expected = [[true, false, false], [true, true, false], [false, false, true], [true; 3]];
    for (role, expected) in CallerRole::ALL.into_iter().zip(expected) {
        let token = secret(role.id());
        let analysis = bearing(&token, v1::AnalyzePortfolioRequest::default());
        let answers = [
            list(&channel, &token).await,
            exposure.analyze_portfolio(analysis).await.map(drop),
            ingest(&channel, &token, header("prices.csv"), BARS).await.map(drop),
        ];
        let needed = [CallerRole::Reader, CallerRole::Analyst, CallerRole::Ingester];
        for ((answer, may), needed) in answers.into_iter().zip(expected).zip(needed) {
            let denied = answer.err().filter(|status| status.code() == Code::PermissionDenied);
            assert_eq!(denied.is_none(), may, "{role:?} {needed:?}");
            if let Some(status) = denied {
                expect_refusal(&status, Code::PermissionDenied, "ROLE_MISSING", &[]);
                let info = status.get_details_error_info().unwrap();
                assert_eq!(info.metadata["role"], needed.id());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn request_ids_of_different_callers_never_meet() {
    let folder = TempDir::new().unwrap();
    let both = [("a", CallerRole::Ingester), ("b", CallerRole::Ingester)];
    let harness = with_tokens(&folder, &both).await;
    let channel = harness.channel().await;
    let header = header("prices.csv");
    let other = BARS.replace("AAPL", "MSFT");
    let first = ingest(&channel, &secret("a"), header.clone(), BARS).await.unwrap();
    let of_b = ingest(&channel, &secret("b"), header.clone(), &other).await.unwrap();
    assert_ne!(first, of_b, "b did not get the answer of a");
    let reused = ingest(&channel, &secret("a"), header, &other).await.unwrap_err();
    expect_refusal(&reused, Code::FailedPrecondition, "REQUEST_ID_REUSED", &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_replaced_with_its_file() {
    let folder = TempDir::new().unwrap();
    let harness = with_tokens(&folder, &[("reader", CallerRole::Reader)]).await;
    let channel = harness.channel().await;
    list(&channel, &secret("reader")).await.unwrap();
    // Too short to be a token: the old one goes on counting.
    write(&folder.path().join("reader"), "short");
    list(&channel, &secret("reader")).await.unwrap();
    write(&folder.path().join("reader"), &secret("new"));
    let replaced = async { while list(&channel, &secret("new")).await.is_err() {} };
    soon("the new token", replaced).await;
    let status = list(&channel, &secret("reader")).await.unwrap_err();
    expect_refusal(&status, Code::Unauthenticated, "CREDENTIALS_REFUSED", &[]);
}

fn signer(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

/// A token of the issuer, with some claims replaced, signed by the key of a seed.
fn jwt(changes: &Value, seed: u8) -> String {
    jwt_by("k", changes, seed)
}

/// [`jwt`], by a key with this id.
pub(crate) fn jwt_by(key: &str, changes: &Value, seed: u8) -> String {
    let mut claims = json!({
        "iss": "https://bank", "aud": "ballast", "sub": "desk-a", "exp": NOW_S + 60,
        "roles": ["reader"],
    });
    claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(&json!({ "alg": "EdDSA", "kid": key })), part(&claims));
    let signature = URL_SAFE_NO_PAD.encode(signer(seed).sign(message.as_bytes()));
    format!("{message}.{signature}")
}

/// A set with the key of a seed, under this id.
pub(crate) fn key_set(key: &str, seed: u8) -> String {
    let x = URL_SAFE_NO_PAD.encode(signer(seed).public_key());
    let key = json!({ "kty": "OKP", "crv": "Ed25519", "kid": key, "x": x });
    json!({ "keys": [key] }).to_string()
}

fn write_keys(path: &Path, seed: u8) {
    write(path, &key_set("k", seed));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bearer_token_of_the_issuer_counts_until_it_expires() {
    let folder = TempDir::new().unwrap();
    let keys = folder.path().join("keys.json");
    write_keys(&keys, 1);
    let change = |config: &mut Config| {
        config.auth.jwt.issuer = "https://bank".to_owned();
        config.auth.jwt.audience = "ballast".to_owned();
        config.auth.jwt.keys.clone_from(&keys);
        config.rotate_ms = 20;
    };
    let harness = Harness::with(Clock::manual(crate::harness::instant(NOW)), change).await;
    let channel = harness.channel().await;
    let none = json!({});
    list(&channel, &jwt(&none, 1)).await.unwrap();
    let mut refused = vec![
        jwt(&json!({ "aud": "other" }), 1),
        jwt(&json!({ "iss": "https://evil" }), 1),
        jwt(&json!({ "nbf": NOW_S + 3_600 }), 1),
        // Forged: signed by somebody else, or not at all.
        jwt(&none, 2),
        format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), "e30"),
    ];
    let whole = jwt(&none, 1);
    let parts: Vec<&str> = whole.split('.').collect();
    let admin = jwt(&json!({ "roles": ["admin"] }), 2);
    let admin: Vec<&str> = admin.split('.').collect();
    refused.push(format!("{}.{}.{}", parts[0], admin[1], parts[2]));
    for token in refused {
        let status = list(&channel, &token).await.unwrap_err();
        expect_refusal(&status, Code::Unauthenticated, "CREDENTIALS_REFUSED", &[]);
    }
    let no_role = list(&channel, &jwt(&json!({ "roles": [] }), 1)).await.unwrap_err();
    expect_refusal(&no_role, Code::PermissionDenied, "ROLE_MISSING", &[]);
    harness.set_clock("2021-01-05T12:01:29Z");
    list(&channel, &jwt(&none, 1)).await.unwrap();
    // A minute of life and 30 s for the clocks.
    harness.set_clock("2021-01-05T12:01:30Z");
    let expired = list(&channel, &jwt(&none, 1)).await.unwrap_err();
    expect_refusal(&expired, Code::Unauthenticated, "CREDENTIALS_EXPIRED", &[]);
    harness.set_clock(NOW);
    write_keys(&keys, 2);
    let rotated = async { while list(&channel, &jwt(&none, 2)).await.is_err() {} };
    soon("the new key", rotated).await;
    assert!(list(&channel, &jwt(&none, 1)).await.is_err(), "the old key is gone");
}
