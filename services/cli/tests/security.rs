//! Credentials on the command line: of clients, and of servers that would be open to all callers.

#![expect(clippy::unwrap_used, reason = "a test fails where it cannot go on")]
#![expect(clippy::disallowed_methods, reason = "a test starts processes")]

#[path = "../../../tests/support/certificates.rs"]
mod certificates;
mod support;

use certificates::{Issuer, write};
use contract::v1::{self, market_data_service_client::MarketDataServiceClient};
use server::limits;
use std::{
    process::{Command, Output},
    time::{Duration, Instant},
};
use support::{BALLAST, PATIENCE, Server, ballast, clean, store_in};
use tempfile::TempDir;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// `ballast serve --check` with settings in the environment.
fn check(arguments: &[&str], settings: &[(&str, &str)]) -> Output {
    let mut command = clean(Command::new(BALLAST));
    command.args(["serve", "--check"]).args(arguments).envs(settings.iter().copied());
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_check_of_the_settings_shows_no_secret() {
    let settings = [
        ("BALLAST_AUTH__TOKENS", r#"[{name="desk", roles=["reader"], env="DESK_TOKEN"}]"#),
        ("DESK_TOKEN", TOKEN),
        ("BALLAST_STORE", "postgres://risk:hunter2@db/risk"),
    ];
    let shown = check(&[], &settings);
    assert!(shown.status.success(), "{shown:?}");
    let shown = text(&shown.stdout) + &text(&shown.stderr);
    assert!(shown.contains("DESK_TOKEN"), "{shown}");
    for secret in [TOKEN, "hunter2"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn a_check_of_the_settings_fetches_the_keys_of_the_issuer() {
    let folder = TempDir::new().unwrap();
    let ca = folder.path().join("ca.crt");
    write(&ca, &Issuer::new().certificate());
    let ca = ca.display().to_string();
    let settings = |url| {
        [
            ("BALLAST_AUTH__JWT__ISSUER", "https://bank"),
            ("BALLAST_AUTH__JWT__AUDIENCE", "ballast"),
            ("BALLAST_AUTH__JWT__KEYS_URL", url),
            ("BALLAST_AUTH__JWT__KEYS_CA", ca.as_str()),
        ]
    };
    for (url, why) in [
        // Nothing listens at port 1.
        ("https://127.0.0.1:1/keys", "auth.jwt.keys_url: cannot connect"),
        ("http://127.0.0.1:1/keys", "auth.jwt.keys_url must be a URL that begins with https://"),
    ] {
        let refused = check(&[], &settings(url));
        let said = text(&refused.stderr);
        assert!(!refused.status.success() && said.contains(why), "{said}");
    }
    let both =
        [&settings("https://bank/keys")[..], &[("BALLAST_AUTH__JWT__KEYS", "file")]].concat();
    assert!(text(&check(&[], &both).stderr).contains("either auth.jwt.keys or keys_url"));
}

#[test]
fn a_server_whose_files_cannot_be_used_does_not_start() {
    let tokens = r#"[{name="desk", roles=["reader"], env="DESK_TOKEN"}]"#;
    let tokens = ("BALLAST_AUTH__TOKENS", tokens);
    let tls = [("BALLAST_TLS__CERTIFICATE", "none.crt"), ("BALLAST_TLS__KEY", "none.key")];
    for (settings, why) in [
        (&[tokens][..], "the variable DESK_TOKEN is not set"),
        (&[tokens, ("DESK_TOKEN", "hunter2")], "auth.tokens.desk must be 32 to 4096 characters"),
        (&tls, "none.crt cannot be read"),
    ] {
        let mut command = clean(Command::new(BALLAST));
        command.args(["serve", "--create", "--store", "sqlite::memory:"]);
        let refused = command.envs(settings.iter().copied()).output().unwrap();
        let said = text(&refused.stderr);
        assert!(!refused.status.success() && said.contains(why), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn nobody_listens_beyond_loopback_without_credentials_by_mistake() {
    for address in ["0.0.0.0:50051", "[::]:50051", "10.1.2.3:50051"] {
        let refused = check(&["--listen", address], &[]);
        assert!(!refused.status.success(), "{refused:?}");
        assert!(text(&refused.stderr).contains("listen is beyond loopback"), "{refused:?}");
        assert!(check(&["--listen", address, "--anonymous"], &[]).status.success());
        let tokens = r#"[{name="desk", roles=["reader"], env="DESK_TOKEN"}]"#;
        let settings = [("BALLAST_AUTH__TOKENS", tokens), ("DESK_TOKEN", TOKEN)];
        assert!(check(&["--listen", address], &settings).status.success());
        let contradiction = check(&["--listen", address, "--anonymous"], &settings);
        assert!(!contradiction.status.success(), "{contradiction:?}");
    }
    assert!(check(&["--listen", "[::1]:50051"], &[]).status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_calls_are_logged_so_many_per_second_and_counted_beyond() {
    const CALLS: u64 = 400;
    let folder = TempDir::new().unwrap();
    let tokens = r#"[{name="desk", roles=["reader"], env="DESK_TOKEN"}]"#;
    let settings = [("BALLAST_AUTH__TOKENS", tokens), ("DESK_TOKEN", TOKEN)];
    let server = Server::start("", &store_in(folder.path()), &settings);
    let mut client = MarketDataServiceClient::connect(server.http()).await.unwrap();
    let began = Instant::now();
    for _call in 0..CALLS {
        client.list_datasets(v1::ListDatasetsRequest::default()).await.unwrap_err();
    }
    let seconds = began.elapsed().as_secs() + 2;
    let dropped = || {
        let lines = server.lines("further refused calls were not logged");
        lines.iter().map(|line| line["dropped"].as_u64().unwrap()).sum::<u64>()
    };
    let logged = || server.lines("call refused").len() as u64;
    while logged() + dropped() < CALLS {
        assert!(began.elapsed() < PATIENCE, "{} and {}", logged(), dropped());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(logged() + dropped(), CALLS);
    assert!(logged() <= limits::REFUSALS_LOGGED_PER_S * seconds, "{} in {seconds} s", logged());
    assert_eq!(server.lines("call ended"), Vec::<serde_json::Value>::new());
}

/// Uploads a file without credentials.
async fn write_anonymously(server: &Server) {
    use v1::ingest_request::Part;
    let header = v1::IngestHeader {
        request_id: "a-write".to_owned(),
        file_name: "prices.csv".to_owned(),
        ..v1::IngestHeader::default()
    };
    let bars = "Ticker,Date,Open,High,Low,Close,Volume\nAAPL,2021-01-04,9,9,1,2,1\n";
    let parts = [Part::Header(header), Part::Chunk(bars.as_bytes().to_vec())];
    let messages = parts.map(|part| v1::IngestRequest { part: Some(part) });
    let mut client = MarketDataServiceClient::connect(server.http()).await.unwrap();
    client.ingest(tokio_stream::iter(messages)).await.unwrap();
}

/// The first line with a message; the log is read by another thread.
async fn line_of(server: &Server, message: &str) -> serde_json::Value {
    let began = Instant::now();
    loop {
        if let Some(line) = server.lines(message).into_iter().next() {
            return line;
        }
        assert!(began.elapsed() < PATIENCE, "no {message:?} in {:?}", server.lines(""));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lines_of_the_audit_log_have_its_target_and_say_who() {
    let folder = TempDir::new().unwrap();
    let server = Server::start("", &store_in(folder.path()), &[]);
    write_anonymously(&server).await;
    let line = line_of(&server, "write admitted").await;
    assert_eq!((&line["target"], &line["level"]), (&"audit".into(), &"INFO".into()), "{line}");
    // Nobody has a name here, so the address says who it was.
    assert_eq!(line["address"], "127.0.0.1", "{line}");
    let span = &line["span"];
    assert_eq!(span["method"], "/ballast.v1.MarketDataService/Ingest", "{line}");
    assert!(span["request_id"].is_string(), "{line}");
    drop(server);

    let folder = TempDir::new().unwrap();
    let tokens = r#"[{name="desk", roles=["reader"], env="DESK_TOKEN"}]"#;
    let settings = [("BALLAST_AUTH__TOKENS", tokens), ("DESK_TOKEN", TOKEN)];
    let server = Server::start("", &store_in(folder.path()), &settings);
    let mut client = MarketDataServiceClient::connect(server.http()).await.unwrap();
    client.list_datasets(v1::ListDatasetsRequest::default()).await.unwrap_err();
    let line = line_of(&server, "call refused").await;
    assert_eq!((&line["target"], &line["address"]), (&"audit".into(), &"127.0.0.1".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn health_calls_of_strangers_write_no_line() {
    let folder = TempDir::new().unwrap();
    let server = Server::start("", &store_in(folder.path()), &[]);
    let channel = tonic::transport::Endpoint::from_shared(server.http()).unwrap();
    let channel = channel.connect().await.unwrap();
    let mut health = HealthClient::new(channel.clone());
    let nobody = || HealthCheckRequest { service: "nobody".to_owned() };
    for _call in 0..50 {
        assert_eq!(health.check(nobody()).await.unwrap_err().code(), tonic::Code::NotFound);
        drop(health.watch(HealthCheckRequest::default()).await.unwrap());
    }
    // What is no health call is logged, and by then the others have ended: they came first, on
    // the same connection.
    let request = v1::GetSeriesRequest::default();
    MarketDataServiceClient::new(channel.clone())
        .list_datasets(v1::ListDatasetsRequest::default())
        .await
        .unwrap();
    MarketDataServiceClient::new(channel).get_series(request).await.unwrap_err();
    let line = line_of(&server, "call ended").await;
    assert_eq!(line["status"], "InvalidArgument", "{line}");
    let ended = server.lines("call ended");
    assert_eq!(ended.len(), 1, "{:?}", ended.last());
}

#[test]
fn client_commands_bring_a_certificate_and_a_token() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (servers, clients) = (Issuer::new(), Issuer::new());
    servers.server().write(folder.path());
    write(&folder.path().join("ca.crt"), &servers.certificate());
    write(&folder.path().join("clients.crt"), &clients.certificate());
    let desk = clients.client("spiffe://bank/desk");
    write(&folder.path().join("desk.crt"), &desk.certificate);
    write(&folder.path().join("desk.key"), &desk.key);
    write(&folder.path().join("token"), &format!("{TOKEN}\n"));
    write(&folder.path().join("wrong"), &TOKEN.replace('0', "1"));
    let tokens = format!(r#"[{{name="desk", roles=["reader"], file="{}"}}]"#, path("token"));
    let settings = [
        ("BALLAST_TLS__CERTIFICATE", path("tls.crt")),
        ("BALLAST_TLS__KEY", path("tls.key")),
        ("BALLAST_TLS__CLIENT_CA", path("clients.crt")),
        ("BALLAST_AUTH__TOKENS", tokens),
    ];
    let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
    let server = Server::start("", &store_in(folder.path()), &settings);
    let port = server.address.rsplit(':').next().unwrap();
    let url = format!("https://localhost:{port}");
    let ask = |more: &[&str]| {
        let output = ballast(&[&["datasets", "--json", "--server", &url], more].concat());
        (output.status.code().unwrap(), text(&output.stderr))
    };
    let files = ["ca.crt", "desk.crt", "desk.key", "token", "wrong"].map(path);
    let [ca, certificate, key, token, wrong] = files.each_ref().map(String::as_str);
    let tls = ["--tls-ca", ca, "--tls-cert", certificate, "--tls-key", key];
    let with = |more: &[&str]| ask(&[&tls, more].concat());
    assert_eq!(with(&["--token-file", token]), (0, String::new()));
    let (code, why) = with(&["--token-file", wrong]);
    assert!(code == 3 && why.contains("CREDENTIALS_REFUSED"), "{code} {why}");
    let (code, why) = with(&[]);
    assert!(code == 3 && why.contains("CREDENTIALS_REFUSED"), "{code} {why}");
    let (code, why) = ask(&["--tls-ca", ca, "--token-file", token]);
    // In TLS 1.3 a client may learn of it only with its first call.
    assert!(code == 1 || code == 5, "no client certificate: {code} {why}");
    let (code, why) = ask(&["--token-file", token]);
    assert!(code == 5, "no authority: {code} {why}");
    let (code, why) = ask(&["--tls-cert", certificate]);
    assert!(code == 2 && why.contains("belong together"), "{code} {why}");
    let (code, why) = ask(&["--token-file", &path("none")]);
    assert!(code == 3 && why.contains("cannot be read"), "{code} {why}");
}
