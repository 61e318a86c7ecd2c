//! The way to a server: its address, deadline and message sizes.

use anyhow::{Context as _, Result};
use clap::Args;
use contract::v1;
use std::time::Duration;
use tonic::transport::{Channel, Endpoint};

/// Where the server is and how long to wait for it.
#[derive(Args, Clone, Debug)]
pub(crate) struct Connection {
    /// Address of the server.
    #[arg(long, global = true, env = "BALLAST_SERVER", default_value = "http://127.0.0.1:50051")]
    pub(crate) server: String,
    /// Seconds to wait for an answer.
    #[arg(long, global = true, default_value_t = 300)]
    pub(crate) timeout: u64,
}

/// The largest answer taken, bytes: a page of a long history.
const ANSWER_BYTES_MAX: usize = 64 << 20;

impl Connection {
    /// Opens a connection.
    ///
    /// # Errors
    /// Where the address is none, or nobody listens there.
    pub(crate) async fn open(&self) -> Result<Clients> {
        let channel = self.endpoint()?.connect().await.with_context(|| {
            format!("no connection to {}; is a server running there?", self.server)
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
            .with_context(|| format!("{} is no address", self.server))?;
        Ok(endpoint
            .connect_timeout(Duration::from_secs(5))
            // A watch has no end: it is not under this deadline, see `Clients::watching`.
            .http2_keep_alive_interval(Duration::from_secs(20)))
    }

    /// A request under the deadline.
    pub(crate) fn request<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        request.set_timeout(Duration::from_secs(self.timeout));
        request
    }
}

/// A client of each service, over one connection.
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
}
