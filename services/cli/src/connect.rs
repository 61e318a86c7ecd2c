//! How to reach a server: its address, deadline and message sizes.

use anyhow::{Context as _, Result};
use clap::Args;
use contract::v1;
use std::time::Duration;
use tonic::transport::{Channel, Endpoint};

/// Address of the server, and how long to wait for it.
#[derive(Args, Clone, Debug)]
pub(crate) struct Connection {
    /// Address of the server.
    #[arg(long, global = true, env = "BALLAST_SERVER", default_value = "http://127.0.0.1:50051")]
    pub(crate) server: String,
    /// Seconds to wait for an answer.
    #[arg(long, global = true, default_value_t = 300)]
    pub(crate) timeout: u64,
    /// Trace that the calls belong to, as W3C Trace Context writes it.
    #[arg(long, global = true, env = "TRACEPARENT", value_name = "TRACEPARENT")]
    pub(crate) traceparent: Option<String>,
}

/// Largest answer accepted, bytes: a page of a long history.
const ANSWER_BYTES_MAX: usize = 64 << 20;

impl Connection {
    /// Opens a connection.
    ///
    /// # Errors
    /// If the address is not valid, or no server listens there.
    pub(crate) async fn open(&self) -> Result<Clients> {
        let channel = self.endpoint()?.connect().await.with_context(|| {
            format!("cannot connect to {}; is a server running there?", self.server)
        })?;
        Ok(Clients { channel })
    }

    fn endpoint(&self) -> Result<Endpoint> {
        let address = if self.server.contains("://") {
            self.server.clone()
        } else {
            format!("http://{}", self.server)
        };
        let endpoint = Endpoint::from_shared(address)
            .with_context(|| format!("{} is not a server address", self.server))?;
        Ok(endpoint
            .connect_timeout(Duration::from_secs(5))
            // A watch has no end, so it is not under this deadline; see `Clients::watching`.
            .http2_keep_alive_interval(Duration::from_secs(20)))
    }

    /// A request with the deadline set.
    pub(crate) fn request<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        request.set_timeout(Duration::from_secs(self.timeout));
        // A caller's trace that is not valid must not fail the call.
        if let Some(Ok(parent)) = self.traceparent.as_ref().map(|parent| parent.parse()) {
            request.metadata_mut().insert("traceparent", parent);
        }
        request
    }
}

/// One client per service, all over one connection.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    /// The connection itself.
    pub(crate) channel: Channel,
}

macro_rules! client {
    ($name:ident, $module:ident, $client:ident) => {
        #[doc = concat!("A client of `ballast.v1.", stringify!($client), "`.")]
        pub(crate) fn $name(&self) -> v1::$module::$client<Channel> {
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
