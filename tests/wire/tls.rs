//! TLS: who is let in by the handshake, and that certificates are replaced under load.

use crate::{
    certificates::{Issuer, Signed, write},
    harness::{Harness, expect_refusal, soon},
};
use contract::v1::{self, market_data_service_client::MarketDataServiceClient};
use server::{
    auth::{role::CallerRole, settings::KnownCertificate},
    clock::Clock,
    config::Config,
    tls::ClientCertificates,
};
use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::{
    Code, Status,
    transport::{Certificate, Channel, ClientTlsConfig},
};

const DESK: &str = "spiffe://bank/desk-a";

/// The authorities, and the folder with the files of a server.
struct Bank {
    servers: Issuer,
    clients: Issuer,
    folder: TempDir,
}

impl Bank {
    fn new() -> Bank {
        let bank = Bank {
            servers: Issuer::new(),
            clients: Issuer::new(),
            folder: TempDir::new().unwrap(),
        };
        bank.servers.server().write(bank.folder.path());
        write(&bank.folder.path().join("ca.crt"), &bank.clients.certificate());
        bank
    }

    /// A server that speaks TLS.
    async fn serve(&self, change: impl FnOnce(&mut Config)) -> Harness {
        Harness::with(Clock::system(), |config| {
            with_tls(config, self.folder.path());
            change(config);
        })
        .await
    }

    /// A server that asks for certificates, and has desk A as a reader.
    async fn serve_desk(&self, asked: ClientCertificates) -> Harness {
        let ca = self.folder.path().join("ca.crt");
        let desk = KnownCertificate { name: DESK.to_owned(), roles: vec![CallerRole::Reader] };
        self.serve(|config| {
            (config.tls.client_ca, config.tls.client_certificates) = (ca, asked);
            config.auth.certificates = vec![desk];
        })
        .await
    }
}

fn with_tls(config: &mut Config, folder: &Path) {
    config.tls.certificate = folder.join("tls.crt");
    config.tls.key = folder.join("tls.key");
    config.rotate_ms = 20;
}

async fn connect(address: SocketAddr, tls: ClientTlsConfig) -> Result<Channel, String> {
    let endpoint = Channel::from_shared(format!("https://{address}")).unwrap();
    let connected = soon("a connection", endpoint.tls_config(tls).unwrap().connect()).await;
    connected.map_err(|error| format!("{error:?}"))
}

async fn list(channel: Channel) -> Result<(), Status> {
    let mut client = MarketDataServiceClient::new(channel);
    let listed = client.list_datasets(v1::ListDatasetsRequest::default());
    soon("an answer", listed).await.map(drop)
}

/// Connects and calls. In TLS 1.3 a client learns only after its handshake that it is refused.
async fn call(address: SocketAddr, tls: ClientTlsConfig) -> Result<(), Status> {
    match connect(address, tls).await {
        Ok(channel) => list(channel).await,
        Err(error) => Err(Status::unavailable(error)),
    }
}

/// Expects that a client is refused by the handshake, and so gets no typed status.
async fn expect_no_handshake(address: SocketAddr, tls: ClientTlsConfig, what: &str) {
    let refused = call(address, tls).await.expect_err(what);
    assert_ne!(refused.code(), Code::Unauthenticated, "{what}: {refused:?}");
    assert!(refused.details().is_empty(), "{what}: {refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_carries_calls_and_refuses_plain_text_and_strangers() {
    let bank = Bank::new();
    let harness = bank.serve(|_| {}).await;
    call(harness.address(), bank.servers.trusting()).await.unwrap();

    let mut plain = TcpStream::connect(harness.address()).await.unwrap();
    plain.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut answer = Vec::new();
    let _reset = soon("the end of plain text", plain.read_to_end(&mut answer)).await;
    // An alert of TLS (type 21) or nothing, and no frame of HTTP/2.
    assert!(answer.first().is_none_or(|kind| *kind == 21), "{answer:?}");

    // The client's side of the same: another authority may not speak for this server.
    let error = connect(harness.address(), bank.clients.trusting()).await.unwrap_err();
    assert!(error.contains("InvalidCertificate"), "{error}");
    call(harness.address(), bank.servers.trusting()).await.unwrap();
    assert!(harness.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_needs_a_valid_certificate_of_the_authority() {
    let bank = Bank::new();
    let harness = bank.serve_desk(ClientCertificates::Required).await;
    let with = |signed: &Signed| bank.servers.trusting().identity(signed.identity());
    call(harness.address(), with(&bank.clients.client(DESK))).await.unwrap();
    let at = harness.address();
    expect_no_handshake(at, bank.servers.trusting(), "no certificate").await;
    expect_no_handshake(at, with(&Issuer::new().client(DESK)), "another authority").await;
    expect_no_handshake(at, with(&bank.clients.expired_client(DESK)), "expired").await;
    // The certificate of a server is not one of a client, whatever its names.
    expect_no_handshake(at, with(&bank.clients.server()), "of a server").await;
    let refused = call(at, with(&bank.clients.client("spiffe://bank/x"))).await.unwrap_err();
    expect_refusal(&refused, Code::Unauthenticated, "CREDENTIALS_REFUSED", &[]);
    assert!(harness.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_session_does_not_outlive_the_certificate_that_it_began_with() {
    for asked in [ClientCertificates::Required, ClientCertificates::Optional] {
        let bank = Bank::new();
        let harness = bank.serve_desk(asked).await;
        let now_s = || u64::try_from(Clock::system().now().micros()).unwrap() / 1_000_000;
        // Time for the first handshake on a busy machine.
        let ends_s = now_s() + 4;
        let desk = bank.clients.client_until(DESK, ends_s);
        // Both connections are of one endpoint, whose sessions the client saves: a handshake that
        // continues one verifies no certificate again.
        let endpoint = Channel::from_shared(format!("https://{}", harness.address())).unwrap();
        let tls = bank.servers.trusting().identity(desk.identity());
        let endpoint = endpoint.tls_config(tls).unwrap();
        list(endpoint.connect().await.unwrap()).await.unwrap();
        let expired = async {
            while now_s() <= ends_s {
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        };
        soon("the end of the certificate", expired).await;
        let late = match endpoint.connect().await {
            Ok(channel) => list(channel).await.map_err(|status| status.details().is_empty()),
            Err(_) => Err(true),
        };
        assert_eq!(late, Err(true), "{asked:?}: the handshake is refused");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_may_be_optional_but_never_wrong() {
    let bank = Bank::new();
    let harness = bank.serve_desk(ClientCertificates::Optional).await;
    let refused = call(harness.address(), bank.servers.trusting()).await.unwrap_err();
    expect_refusal(&refused, Code::Unauthenticated, "CREDENTIALS_MISSING", &[]);
    let wrong = bank.servers.trusting().identity(Issuer::new().client(DESK).identity());
    expect_no_handshake(harness.address(), wrong, "another authority").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_handshake_ends_and_holds_up_nobody() {
    let bank = Bank::new();
    let harness = bank
        .serve(|config| {
            config.limits.handshakes = 2;
            config.connections.preface_ms = 500;
        })
        .await;
    let mut silent = TcpStream::connect(harness.address()).await.unwrap();
    call(harness.address(), bank.servers.trusting()).await.unwrap();
    let ended = soon("the end of silence", silent.read(&mut [0])).await;
    assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
    // Two that are silent take all places, and a third connection is closed at once.
    let _first = TcpStream::connect(harness.address()).await.unwrap();
    let _second = TcpStream::connect(harness.address()).await.unwrap();
    let mut third = TcpStream::connect(harness.address()).await.unwrap();
    let ended = soon("the end of the third", third.read(&mut [0])).await;
    assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_replaced_under_load() {
    let bank = Bank::new();
    let harness = bank.serve(|_| {}).await;
    let (at, next) = (harness.address(), Issuer::new());
    let both = Certificate::from_pem(bank.servers.certificate() + &next.certificate());
    let both = ClientTlsConfig::new().ca_certificate(both).domain_name("localhost");
    let old = connect(at, bank.servers.trusting()).await.unwrap();
    let (stop, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let (stop, calls, both) = (Arc::clone(&stop), Arc::clone(&calls), both.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Acquire) {
                    call(at, both.clone()).await.unwrap();
                    calls.fetch_add(1, Ordering::AcqRel);
                }
            })
        })
        .collect();
    // A certificate without its key is no reason to stop, and changes nothing.
    let signed = next.server();
    write(&bank.folder.path().join("tls.crt"), &signed.certificate);
    let more = |than: usize| {
        let calls = Arc::clone(&calls);
        async move {
            while calls.load(Ordering::Acquire) <= than {
                tokio::task::yield_now().await;
            }
        }
    };
    soon("calls between the files", more(calls.load(Ordering::Acquire) + 8)).await;
    signed.write(bank.folder.path());
    let replaced = async { while connect(at, next.trusting()).await.is_err() {} };
    soon("the new certificate", replaced).await;
    soon("calls after it", more(calls.load(Ordering::Acquire) + 8)).await;
    stop.store(true, Ordering::Release);
    for caller in callers {
        caller.await.unwrap();
    }
    assert!(connect(at, bank.servers.trusting()).await.is_err(), "the old authority is gone");
    // A connection that was open before goes on until its age.
    list(old).await.unwrap();
}
