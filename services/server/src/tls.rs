//! TLS of the gRPC port: its settings, the files that they name, and the names of a client's
//! certificate.

use crate::{
    config::ConfigError,
    rotating::{FileError, Files, Rotated},
};
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio_rustls::rustls::{
    self, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{
        NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier,
        danger::ClientCertVerifier,
    },
    version::{TLS12, TLS13},
};

/// TLS of the gRPC port. The admin port has none: probes of Kubernetes speak plain HTTP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// File (PEM) with the server's certificate, followed by those that lead to its authority.
    /// Empty: no TLS. Default: empty.
    pub certificate: PathBuf,
    /// File (PEM) with the key of the certificate. Default: empty.
    pub key: PathBuf,
    /// File (PEM) with the authorities whose client certificates are accepted; empty: clients are
    /// not asked for one. Default: empty.
    pub client_ca: PathBuf,
    /// Whether a client must have a certificate, if `client_ca` is set: `required`, or `optional`
    /// for clients that have a bearer token instead. Default: required.
    pub client_certificates: ClientCertificates,
    /// Lowest version of the protocol: `1.2` or `1.3`. Default: 1.2.
    pub minimum_version: TlsVersion,
}

/// Whether a client must have a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientCertificates {
    /// A connection without one is refused.
    Required,
    /// A connection without one is accepted; one that is not valid is refused.
    Optional,
}

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    #[serde(rename = "1.2")]
    V1_2,
    /// TLS 1.3 (RFC 8446).
    #[serde(rename = "1.3")]
    V1_3,
}

impl Tls {
    /// No TLS.
    pub fn none() -> Tls {
        Tls {
            certificate: PathBuf::new(),
            key: PathBuf::new(),
            client_ca: PathBuf::new(),
            client_certificates: ClientCertificates::Required,
            minimum_version: TlsVersion::V1_2,
        }
    }

    /// Whether the port speaks TLS.
    pub fn is_on(&self) -> bool {
        is_given(&self.certificate)
    }

    /// Whether clients are asked for a certificate.
    pub fn asks_clients(&self) -> bool {
        is_given(&self.client_ca)
    }

    /// Checks that the settings are valid together.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`], naming the setting that is missing.
    pub fn check(&self) -> Result<(), ConfigError> {
        let missing = match (self.is_on(), is_given(&self.key)) {
            (true, false) => "tls.certificate needs tls.key",
            (false, true) => "tls.key needs tls.certificate",
            (false, false) if self.asks_clients() => "tls.client_ca needs tls.certificate",
            _ => return Ok(()),
        };
        Err(ConfigError::Invalid(missing.to_owned()))
    }
}

fn is_given(path: &Path) -> bool {
    !path.as_os_str().is_empty()
}

/// The files of [`Tls`] cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file does not hold what its setting says.
    #[error("{path} holds no {what} (PEM)", path = path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
    },
    /// The certificate and the key do not fit, or one of them cannot be used.
    #[error("the certificate of TLS cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
    /// The authorities for client certificates cannot be used.
    #[error("the authorities for client certificates cannot be used: {0}")]
    Authorities(#[from] VerifierBuilderError),
}

/// What a handshake needs.
#[derive(Debug)]
pub struct TlsKeys {
    /// Certificate, key, and whom to ask for a certificate.
    pub config: Arc<ServerConfig>,
}

impl Rotated for TlsKeys {
    type Settings = Tls;
    type Error = TlsError;
    const WHAT: &'static str = "tls";

    async fn load(settings: &Tls, files: &mut Files) -> Result<TlsKeys, TlsError> {
        let certificates = certificates(&settings.certificate, files).await?;
        let key = PrivateKeyDer::from_pem_slice(&files.read(&settings.key).await?)
            .map_err(|_| TlsError::Empty { path: settings.key.clone(), what: "private key" })?;
        // The provider is named, because a process without a default one would panic.
        let provider = Arc::new(ring::default_provider());
        let clients = client_verifier(settings, files, &provider).await?;
        let versions: &[_] = match settings.minimum_version {
            TlsVersion::V1_2 => &[&TLS13, &TLS12],
            TlsVersion::V1_3 => &[&TLS13],
        };
        let builder =
            ServerConfig::builder_with_provider(provider).with_protocol_versions(versions)?;
        let mut config =
            builder.with_client_cert_verifier(clients).with_single_cert(certificates, key)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        if settings.asks_clients() {
            verify_every_client(&mut config);
        }
        Ok(TlsKeys { config: Arc::new(config) })
    }
}

/// Lets no handshake continue an earlier session: rustls takes the certificate of a session as
/// verified, also after it has expired or its authority was taken away.
fn verify_every_client(config: &mut ServerConfig) {
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
}

async fn certificates(
    path: &Path,
    files: &mut Files,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = files.read(path).await?;
    let empty = || TlsError::Empty { path: path.to_owned(), what: "certificate" };
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    found.ok().filter(|found| !found.is_empty()).ok_or_else(empty)
}

/// The authorities of a file.
pub(crate) async fn roots(path: &Path, files: &mut Files) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, files).await? {
        roots.add(certificate)?;
    }
    Ok(roots)
}

async fn client_verifier(
    settings: &Tls,
    files: &mut Files,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    if !settings.asks_clients() {
        return Ok(WebPkiClientVerifier::no_client_auth());
    }
    let roots = roots(&settings.client_ca, files).await?;
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    Ok(match settings.client_certificates {
        ClientCertificates::Required => verifier.build()?,
        ClientCertificates::Optional => verifier.allow_unauthenticated().build()?,
    })
}

/// The names in a certificate's subjectAltName: URIs (as SPIFFE writes identities), then DNS names.
/// The common name is not read: RFC 6125 has replaced it, and anything could be in it.
pub fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(certificate) = webpki::EndEntityCert::try_from(certificate) else { return Vec::new() };
    let uris = certificate.valid_uri_names();
    uris.chain(certificate.valid_dns_names()).map(str::to_owned).collect()
}
