//! Keys of an identity provider that are fetched from its URL: they follow it, outlive it, and no
//! caller can have them fetched often.

use crate::{
    authentication::{NOW, jwt_by, key_set, list, secret},
    certificates::{Issuer, write},
    harness::{Harness, expect_refusal, instant, soon},
    metrics::values,
};
use serde_json::json;
use server::{
    auth::{role::CallerRole, settings::StaticToken},
    clock::Clock,
    config::Config,
};
use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};
use tonic::Code;

/// What the provider does with a request; `None` closes the connection before its handshake.
type Answer = Arc<Mutex<Option<String>>>;

/// An identity provider that publishes keys.
struct Provider {
    address: SocketAddr,
    folder: TempDir,
    answer: Answer,
    asked: Arc<AtomicUsize>,
}

fn ok(body: &str) -> Option<String> {
    Some(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
}

impl Provider {
    async fn start(answer: Option<String>) -> Provider {
        let (folder, issuer) = (TempDir::new().unwrap(), Issuer::new());
        write(&folder.path().join("ca.crt"), &issuer.certificate());
        let signed = issuer.server();
        let certificate = CertificateDer::from_pem_slice(signed.certificate.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(signed.key.as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (answer, asked) = (Arc::new(Mutex::new(answer)), Arc::new(AtomicUsize::new(0)));
        let provider = Provider { address, folder, answer, asked };
        let (answer, asked) = (Arc::clone(&provider.answer), Arc::clone(&provider.asked));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                asked.fetch_add(1, Ordering::Relaxed);
                let now = answer.lock().unwrap().clone();
                if let Some(answer) = now {
                    tokio::spawn(respond(acceptor.clone(), stream, answer));
                }
            }
        });
        provider
    }

    fn answers(&self, answer: Option<String>) {
        *self.answer.lock().unwrap() = answer;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// A server that accepts this provider's tokens, and another caller with a token of its own.
    async fn server(&self, pause_ms: u64) -> Harness {
        let file = self.folder.path().join("desk");
        write(&file, &secret("desk"));
        let roles = vec![CallerRole::Reader];
        let token = StaticToken { name: "desk".to_owned(), roles, file, env: String::new() };
        let change = |config: &mut Config| {
            config.auth.tokens = vec![token];
            let jwt = &mut config.auth.jwt;
            (jwt.issuer, jwt.audience) = ("https://bank".to_owned(), "ballast".to_owned());
            jwt.keys_url = format!("https://localhost:{}/keys?of=bank", self.address.port());
            jwt.keys_ca = self.folder.path().join("ca.crt");
            (jwt.keys_refresh_s, jwt.keys_pause_ms) = (1, pause_ms);
        };
        Harness::with(Clock::manual(instant(NOW)), change).await
    }
}

/// Answers one request; a client that leaves ends it.
async fn respond(acceptor: TlsAcceptor, stream: TcpStream, answer: String) {
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => request.push(byte),
            Err(_) => return,
        }
    }
    let asked = String::from_utf8(request).unwrap().to_ascii_lowercase();
    assert!(asked.starts_with("get /keys?of=bank http/1.1\r\n"), "{asked}");
    assert!(asked.contains("host: localhost:"), "{asked}");
    let _gone = stream.write_all(answer.as_bytes()).await;
    let _gone = stream.shutdown().await;
}

/// How often fetches have failed.
async fn failed(harness: &Harness) -> f64 {
    values(harness).await["ballast_issuer_keys_fetches_total{outcome=\"failed\"}"]
}

#[tokio::test(flavor = "multi_thread")]
async fn fetched_keys_follow_the_issuer_and_outlive_it() {
    let provider = Provider::start(ok(&key_set("one", 1))).await;
    let harness = provider.server(100).await;
    let channel = harness.channel().await;
    let (one, two) = (jwt_by("one", &json!({}), 1), jwt_by("two", &json!({}), 2));
    list(&channel, &one).await.unwrap();
    let status = list(&channel, &two).await.unwrap_err();
    expect_refusal(&status, Code::Unauthenticated, "CREDENTIALS_REFUSED", &[]);
    provider.answers(ok(&key_set("two", 2)));
    soon("the new key", async { while list(&channel, &two).await.is_err() {} }).await;
    assert!(list(&channel, &one).await.is_err(), "the old key is gone");
    let redirect = "HTTP/1.1 302 Found\r\nLocation: https://evil\r\nContent-Length: 0\r\n\r\n";
    let endless = "HTTP/1.1 200 OK\r\n\r\n".to_owned() + &" ".repeat(1 << 20);
    let short = "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n".to_owned();
    let faults = [
        None,
        Some(redirect.to_owned()),
        Some("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n".to_owned()),
        Some("no HTTP at all\r\n\r\n".to_owned()),
        Some(endless),
        Some(short + &key_set("one", 1)),
        ok("<html>"),
        ok(r#"{"keys":[]}"#),
    ];
    for fault in faults {
        let before = failed(&harness).await;
        provider.answers(fault.clone());
        // The fetch that counts next may have begun before.
        soon("a failure", async { while failed(&harness).await < before + 2.0 {} }).await;
        list(&channel, &two).await.unwrap_or_else(|_| panic!("the keys are kept: {fault:?}"));
        assert!(list(&channel, &one).await.is_err(), "{fault:?}");
    }
    provider.answers(ok(&key_set("one", 1)));
    soon("the first key", async { while list(&channel, &one).await.is_err() {} }).await;
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "the time that passes bounds the number of fetches")]
async fn tokens_with_unknown_keys_cause_no_storm_of_fetches_and_wait_for_none() {
    let provider = Provider::start(ok(&key_set("one", 1))).await;
    let harness = provider.server(1_000).await;
    let channel = harness.channel().await;
    let (began, before) = (Instant::now(), provider.asked());
    for number in 0..500 {
        let forged = jwt_by(&format!("unknown-{number}"), &json!({}), 9);
        list(&channel, &forged).await.unwrap_err();
    }
    list(&channel, &jwt_by("one", &json!({}), 1)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let (asked, seconds) = (provider.asked() - before, began.elapsed().as_secs() as usize);
    assert!((1..=seconds + 1).contains(&asked), "{asked} in {seconds} s");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_its_issuer_serves_other_callers_until_it_comes() {
    let provider = Provider::start(None).await;
    let harness = provider.server(100).await;
    let channel = harness.channel().await;
    list(&channel, &secret("desk")).await.unwrap();
    let one = jwt_by("one", &json!({}), 1);
    let status = list(&channel, &one).await.unwrap_err();
    expect_refusal(&status, Code::Unauthenticated, "CREDENTIALS_REFUSED", &[]);
    provider.answers(ok(&key_set("one", 1)));
    soon("the keys", async { while list(&channel, &one).await.is_err() {} }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_a_stranger_at_the_url_do_not_count() {
    let provider = Provider::start(ok(&key_set("one", 1))).await;
    // The authority that the settings name has not signed the provider's certificate.
    write(&provider.folder.path().join("ca.crt"), &Issuer::new().certificate());
    let harness = provider.server(100).await;
    assert_eq!(failed(&harness).await, 1.0);
    let status = list(&harness.channel().await, &jwt_by("one", &json!({}), 1)).await.unwrap_err();
    expect_refusal(&status, Code::Unauthenticated, "CREDENTIALS_REFUSED", &[]);
}
