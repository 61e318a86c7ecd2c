//! The one list of what is served, and the pattern every handler follows.
//!
//! A handler is convert in, view, one call, convert out; see [`marketdata`] for one:
//!
//! ```text
//! async fn get_coverage(&self, request: Request<GetCoverageRequest>) -> Result<Response<…>, Status> {
//!     let mut fields = Fields::new();                       // rpc/field.rs: all violations at once
//!     let as_of = shared::as_of(&mut fields, request.into_inner().as_of);
//!     let query = fields.finish(Some(…))?;                  // Refusal → Status by `?`
//!     let pinned = self.services.view(&as_of)?;             // the snapshot, shared by requests
//!     let prepared = pinned.view().rotation.get(&self.services.compute, &pinned, prepare).await?;
//!     let report = rotation::measure(&prepared, &query)?;   // inline if cheap, else compute.run(…)
//!     Ok(Response::new(to_proto(report, &pinned)))
//! }
//! ```
//!
//! A service is: its file here; its line in [`routes`] and [`NAMES`]; a `Slot` in `views.rs` where
//! it prepares anything; its errors as variants in `rpc/status.rs`, where the compiler asks for
//! their status and reason.

pub mod exposure;
pub mod field;
pub mod fit;
pub mod ingest;
pub mod marketdata;
pub mod page;
pub mod rotation;
pub mod shared;
pub mod squeeze;
pub mod status;
pub mod vintage;
pub mod watch;

use crate::{StartError, services::Services};
use contract::v1;
use std::sync::Arc;
use tonic::{codec::CompressionEncoding, service::Routes};

/// The services of our own, by full name: each has its health.
pub const NAMES: [&str; 4] = [
    "ballast.v1.ExposureService",
    "ballast.v1.MarketDataService",
    "ballast.v1.RotationService",
    "ballast.v1.SqueezeService",
];

/// The one of [`NAMES`] that cannot serve without the store.
pub const WRITES: &str = NAMES[1];

/// Every service of our own; answers compressed on request where `compress` says so.
pub fn routes(services: &Arc<Services>, compress: bool) -> Routes {
    /// Applies the bounds that all services share.
    macro_rules! bounded {
        ($server:expr) => {{
            let server = $server
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
        .add_service(bounded!(v1::exposure_service_server::ExposureServiceServer::new(
            exposure::Handler::new(Arc::clone(services))
        )))
        .add_service(bounded!(v1::market_data_service_server::MarketDataServiceServer::new(
            marketdata::Handler::new(Arc::clone(services))
        )))
        .add_service(bounded!(v1::rotation_service_server::RotationServiceServer::new(
            rotation::Handler::new(Arc::clone(services))
        )))
        .add_service(bounded!(v1::squeeze_service_server::SqueezeServiceServer::new(
            squeeze::Handler::new(Arc::clone(services))
        )))
}

/// The same routes with reflection in both versions, which knows health as well.
///
/// # Errors
/// Where the descriptors cannot be read.
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
