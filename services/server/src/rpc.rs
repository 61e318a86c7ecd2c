//! The one list of the services, and the pattern that every method follows.
//!
//! A service has three files: `rpc/<service>.rs` has the handlers, `rpc/<service>/from_proto.rs`
//! validates requests, `rpc/<service>/to_proto.rs` converts answers to protobuf. A method is a
//! type, and its handler is one line:
//!
//! ```text
//! impl FromProto for SeriesQuery { fn from_proto(…) }   // from_proto.rs: all violations at once
//! impl Query for SeriesQuery {                          // rpc/query.rs has the skeleton
//!     type Prepared = ();                               // needed.rs: computed once per view
//!     fn answer(&self, &Pinned, &Prepared) → Answer     // a pure function
//! }
//! async fn get_series(&self, request) → … { answer::<SeriesQuery>(&self.services, request).await }
//! ```
//!
//! [`query::answer`] validates, finds the view, waits for prepared values, answers inline or on the
//! compute pool, and puts the answer in its envelope ([`envelope`]). Streams have their own
//! patterns: [`watch`](mod@watch) repeats an answer, [`exchange`](mod@exchange) answers many items.
//! What writes a revision implements [`write::Write`].
//!
//! To add a service, add: its files here; its lines in [`routes`] and [`NAMES`]; if it prepares
//! anything, an implementation of `Prepared` in `prepared.rs` and one of `Needed` in `needed.rs`;
//! its errors as variants of [`Refusal`](crate::refusal::Refusal), whose status the compiler asks
//! for in `rpc/status.rs`.

mod caller;
mod dataset;
pub mod envelope;
pub mod exchange;
pub mod exposure;
pub mod field;
pub mod fit;
pub mod gaps;
pub mod hedge;
pub mod look_through;
pub mod marketdata;
pub mod merged;
mod origin;
pub mod page;
pub mod portfolio;
pub mod query;
pub mod rotation;
pub mod scenario;
pub mod settings;
pub mod shared;
pub mod squeeze;
pub mod status;
pub mod stress;
pub mod vintage;
pub mod watch;
pub mod write;

use crate::{limits, services::Services, start_error::StartError};
use contract::v1::{
    exposure_service_server::{self, ExposureServiceServer},
    hedge_service_server::{self, HedgeServiceServer},
    market_data_service_server::{self, MarketDataServiceServer},
    rotation_service_server::{self, RotationServiceServer},
    squeeze_service_server::{self, SqueezeServiceServer},
    stress_service_server::{self, StressServiceServer},
};
use std::sync::Arc;
use tonic::{codec::CompressionEncoding, service::Routes};

// The codec weighs; the limit is said with the others.
const _: () = assert!(limits::REQUEST_LIST_BYTES == contract::weight::REQUEST_BYTES);

/// Serves every service of the contract.
#[derive(Clone, Debug)]
pub struct Handler {
    services: Arc<Services>,
}

/// The services of this contract, by full name; each has its own health status.
pub const NAMES: [&str; 6] = [
    exposure_service_server::SERVICE_NAME,
    hedge_service_server::SERVICE_NAME,
    market_data_service_server::SERVICE_NAME,
    rotation_service_server::SERVICE_NAME,
    squeeze_service_server::SERVICE_NAME,
    stress_service_server::SERVICE_NAME,
];

/// The one of [`NAMES`] that cannot serve without the store.
pub const WRITES: &str = market_data_service_server::SERVICE_NAME;

/// All services of this contract; compresses answers on request if `compress` is set.
pub fn routes(services: &Arc<Services>, compress: bool) -> Routes {
    /// Applies the limits that all services share.
    macro_rules! bounded {
        ($server:ident) => {{
            let server = $server::new(Handler { services: Arc::clone(services) })
                .max_decoding_message_size(services.limits.receive_bytes)
                .max_encoding_message_size(services.limits.send_bytes)
                .accept_compressed(CompressionEncoding::Gzip);
            match compress {
                true => server.send_compressed(CompressionEncoding::Gzip),
                false => server,
            }
        }};
    }
    Routes::default()
        .add_service(bounded!(ExposureServiceServer))
        .add_service(bounded!(HedgeServiceServer))
        .add_service(bounded!(MarketDataServiceServer))
        .add_service(bounded!(RotationServiceServer))
        .add_service(bounded!(SqueezeServiceServer))
        .add_service(bounded!(StressServiceServer))
}

/// The same routes with reflection in both versions, which also describes the health service.
///
/// # Errors
/// If the descriptors cannot be read.
pub fn reflect(routes: Routes) -> Result<Routes, StartError> {
    let builder = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(contract::DESCRIPTOR)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let failed = |error: tonic_reflection::server::Error| StartError::Reflection(error.to_string());
    let v1 = builder().build_v1().map_err(failed)?;
    let v1alpha = builder().build_v1alpha().map_err(failed)?;
    Ok(routes.add_service(v1).add_service(v1alpha))
}
