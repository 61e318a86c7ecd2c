//! Fetches a small document over HTTPS: one GET, no redirects, everything bounded.

use crate::{limits, rotating::Files, tls};
use http::{Request, StatusCode, Uri, header};
use http_body::Body;
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use std::{path::Path, pin::Pin, sync::Arc, time::Duration};
use tokio::{net::TcpStream, task::JoinSet};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName},
};

/// Why there is no document; the text is for the log.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The authorities cannot be used.
    #[error("no authorities: {0}")]
    Authorities(String),
    /// The server cannot be reached, or is not the one of the URL.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// The exchange failed.
    #[error("no answer: {0}")]
    Exchange(#[from] hyper::Error),
    /// The answer is none.
    #[error("the answer was {0}")]
    Status(StatusCode),
    /// The document is larger than any set of keys.
    #[error("the answer has more than {most} bytes", most = limits::SECRET_FILE_BYTES)]
    TooLarge,
    /// It took too long.
    #[error("no answer within {ms} ms", ms = limits::KEYS_FETCH_MS)]
    TooLate,
}

/// The host and the port of an `https://` URL with a host; `None` for any other text.
pub fn target(url: &str) -> Option<(Uri, ServerName<'static>, u16)> {
    let uri: Uri = url.parse().ok()?;
    let host = uri.host()?.trim_matches(['[', ']']).to_owned();
    let port = uri.port_u16().unwrap_or(443);
    let has_user = uri.authority()?.as_str().contains('@');
    let is_https = uri.scheme_str() == Some("https") && !has_user;
    Some((uri, ServerName::try_from(host).ok()?, port)).filter(|_| is_https)
}

/// The document at a URL, from a server whose certificate is of an authority in the file, or of the
/// system's if the path is empty.
///
/// # Errors
/// [`FetchError`], at the latest after [`limits::KEYS_FETCH_MS`].
pub async fn fetch(url: &str, ca: &Path) -> Result<Vec<u8>, FetchError> {
    let patience = Duration::from_millis(limits::KEYS_FETCH_MS);
    tokio::time::timeout(patience, fetch_slowly(url, ca)).await.unwrap_or(Err(FetchError::TooLate))
}

async fn fetch_slowly(url: &str, ca: &Path) -> Result<Vec<u8>, FetchError> {
    let (uri, name, port) =
        target(url).ok_or_else(|| FetchError::Connect("not an https:// URL".to_owned()))?;
    let roots = roots(ca).await.map_err(FetchError::Authorities)?;
    let stream = connect((name, port), roots).await.map_err(FetchError::Connect)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends with this function, also if its caller gives up.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let host = uri.authority().map_or("", |authority| authority.as_str());
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::get(path)
        .header(header::HOST, host)
        .header(header::ACCEPT, "application/json")
        .header(header::USER_AGENT, concat!("ballast/", env!("CARGO_PKG_VERSION")))
        .body(String::new());
    let request = request.map_err(|error| FetchError::Connect(error.to_string()))?;
    let answer = sender.send_request(request).await?;
    match answer.status() {
        StatusCode::OK => body(answer.into_body()).await,
        status => Err(FetchError::Status(status)),
    }
}

/// The authorities of a file, or of the system.
async fn roots(ca: &Path) -> Result<RootCertStore, String> {
    if ca.as_os_str().is_empty() {
        let found = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs);
        let found = found.await.map_err(|error| error.to_string())?;
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        return match roots.is_empty() {
            true => Err("the system has none; name a file in auth.jwt.keys_ca".to_owned()),
            false => Ok(roots),
        };
    }
    tls::roots(ca, &mut Files::default()).await.map_err(|error| error.to_string())
}

async fn connect(
    (name, port): (ServerName<'static>, u16),
    roots: RootCertStore,
) -> Result<TlsStream<TcpStream>, String> {
    // The provider is named, because a process without a default one would panic.
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect((&*name.to_str(), port)).await;
    let stream = stream.map_err(|error| error.to_string())?;
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(name, stream).await.map_err(|error| error.to_string())
}

/// The bytes of a body, which may be as long as a file of keys.
async fn body(mut body: Incoming) -> Result<Vec<u8>, FetchError> {
    let mut bytes = Vec::new();
    while let Some(frame) =
        std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await
    {
        if let Ok(data) = frame?.into_data() {
            bytes.extend_from_slice(&data);
        }
        if limits::SECRET_FILE_BYTES < bytes.len() as u64 {
            return Err(FetchError::TooLarge);
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_with_a_host_is_fetched() {
        let port = |url: &str| target(url).map(|(_, _, port)| port);
        assert_eq!(port("https://login.example/keys"), Some(443));
        assert_eq!(port("https://10.0.0.1:8443/a?b=c"), Some(8443));
        assert_eq!(port("https://[::1]:1/"), Some(1));
        for url in ["", "http://login.example/", "login.example", "https://", "https:///keys"] {
            assert_eq!(port(url), None, "{url}");
        }
        assert_eq!(port("https://user:secret@login.example/"), None, "a secret in the settings");
    }
}
