//! How to reach a server: its address, credentials, deadline and message sizes.

use crate::error_report::Fault;
use anyhow::{Context as _, Result};
use clap::Args;
use contract::v1;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};

/// Address of the server, what it asks for, and how long to wait for it.
#[derive(Args, Clone, Debug)]
pub(crate) struct Connection {
    /// Address of the server; with `https://` over TLS.
    #[arg(long, global = true, env = "BALLAST_SERVER", default_value = "http://127.0.0.1:50051")]
    pub(crate) server: String,
    /// Seconds to wait for an answer.
    #[arg(long, global = true, default_value_t = 300)]
    pub(crate) timeout: u64,
    /// Trace that the calls belong to, as W3C Trace Context writes it.
    #[arg(long, global = true, env = "TRACEPARENT", value_name = "TRACEPARENT")]
    pub(crate) traceparent: Option<String>,
    #[command(flatten)]
    pub(crate) credentials: Credentials,
}

/// What a client shows a server, and whom it trusts.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Credentials {
    /// Authorities (PEM) that the server's certificate may be from, instead of the system's.
    #[arg(long, global = true, env = "BALLAST_TLS_CA", value_name = "FILE")]
    pub(crate) tls_ca: Option<PathBuf>,
    /// Client certificate (PEM); needs --tls-key.
    #[arg(long, global = true, env = "BALLAST_TLS_CERT", value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Key of the client certificate (PEM).
    #[arg(long, global = true, env = "BALLAST_TLS_KEY", value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Bearer token for calls: one that the server lists, or one of its identity provider.
    #[arg(long, global = true, env = "BALLAST_TOKEN_FILE", value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

/// Largest answer accepted, bytes: a page of a long history.
const ANSWER_BYTES_MAX: usize = 64 << 20;

impl Connection {
    /// Opens a connection.
    ///
    /// # Errors
    /// If the address is not valid, or no server listens there.
    pub(crate) async fn open(&self) -> Result<Clients> {
        let bearer = self.credentials.bearer().await?;
        let channel = self.endpoint().await?.connect().await.with_context(|| {
            format!("cannot connect to {}; is a server running there?", self.server)
        })?;
        Ok(Clients { channel: InterceptedService::new(channel, bearer) })
    }

    async fn endpoint(&self) -> Result<Endpoint> {
        let address = if self.server.contains("://") {
            self.server.clone()
        } else {
            format!("http://{}", self.server)
        };
        let is_tls = address.starts_with("https://");
        let endpoint = Endpoint::from_shared(address)
            .with_context(|| format!("{} is not a server address", self.server))?;
        let endpoint = match self.credentials.tls().await? {
            Some(tls) if is_tls => endpoint.tls_config(tls).context("TLS cannot be set up")?,
            Some(_) => {
                return Err(usage("--tls-ca, --tls-cert and --tls-key need an https:// --server"));
            }
            None if is_tls => {
                endpoint.tls_config(ClientTlsConfig::new().with_native_roots()).context("no TLS")?
            }
            None => endpoint,
        };
        Ok(endpoint
            .connect_timeout(Duration::from_secs(5))
            // A watch has no end, so it is not under this deadline; see `Clients::watching`.
            .http2_keep_alive_interval(Duration::from_secs(20)))
    }

    /// A request with the deadline set.
    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(Duration::from_secs(self.timeout));
        // A caller's trace that is not valid must not fail the call.
        if let Some(Ok(parent)) = self.traceparent.as_ref().map(|parent| parent.parse()) {
            request.metadata_mut().insert("traceparent", parent);
        }
        request
    }
}

fn usage(text: &str) -> anyhow::Error {
    Fault::Usage(text.to_owned()).into()
}

async fn read(path: &Path) -> Result<Vec<u8>> {
    let fault = || Fault::Input(format!("{} cannot be read", path.display()));
    tokio::fs::read(path).await.with_context(fault)
}

impl Credentials {
    /// The settings of TLS that were given; `None` without any.
    async fn tls(&self) -> Result<Option<ClientTlsConfig>> {
        let trusted = match &self.tls_ca {
            Some(ca) => {
                ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(ca).await?))
            }
            None => ClientTlsConfig::new().with_native_roots(),
        };
        match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => {
                let identity = Identity::from_pem(read(certificate).await?, read(key).await?);
                Ok(Some(trusted.identity(identity)))
            }
            (None, None) => Ok(self.tls_ca.is_some().then_some(trusted)),
            _ => Err(usage("--tls-cert and --tls-key belong together")),
        }
    }

    async fn bearer(&self) -> Result<Bearer> {
        let Some(path) = &self.token_file else { return Ok(Bearer(None)) };
        let token = read(path).await?;
        let value = [b"Bearer ", token.trim_ascii()].concat();
        let fault = || Fault::Input(format!("{} holds no token", path.display()));
        let mut value = MetadataValue::try_from(&value[..]).with_context(fault)?;
        // So that no log of a library shows it.
        value.set_sensitive(true);
        Ok(Bearer(Some(value)))
    }
}

/// Adds the token to every call, if there is one.
#[derive(Clone, Debug)]
pub(crate) struct Bearer(Option<MetadataValue<Ascii>>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

/// A connection whose calls have the token.
type Authorized = InterceptedService<Channel, Bearer>;

/// One client per service, all over one connection.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    /// The connection itself.
    pub(crate) channel: Authorized,
}

macro_rules! client {
    ($name:ident, $module:ident, $client:ident) => {
        #[doc = concat!("A client of `ballast.v1.", stringify!($client), "`.")]
        pub(crate) fn $name(&self) -> v1::$module::$client<Authorized> {
            v1::$module::$client::new(self.channel.clone())
                .max_decoding_message_size(ANSWER_BYTES_MAX)
        }
    };
}

impl Clients {
    client!(market_data, market_data_service_client, MarketDataServiceClient);
    client!(rotation, rotation_service_client, RotationServiceClient);
    client!(exposure, exposure_service_client, ExposureServiceClient);
    client!(squeeze, squeeze_service_client, SqueezeServiceClient);
    client!(stress, stress_service_client, StressServiceClient);
    client!(hedge, hedge_service_client, HedgeServiceClient);
}
