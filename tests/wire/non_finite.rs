//! The codec of the stubs sends no number that is not finite.

use crate::harness::expect_refusal;
use contract::v1::{
    self,
    squeeze_service_client::SqueezeServiceClient,
    squeeze_service_server::{SqueezeService, SqueezeServiceServer},
};
use server::{call::CallLayer, limits::Limits, phase::Phase};
use tonic::{
    Code, Request, Response, Status,
    transport::{Channel, Server, server::TcpIncoming},
};

/// A service that returns a non-finite number.
struct Nonsense;

#[tonic::async_trait]
impl SqueezeService for Nonsense {
    async fn assess_short_book(
        &self,
        _request: Request<v1::AssessShortBookRequest>,
    ) -> Result<Response<v1::AssessShortBookResponse>, Status> {
        let line = v1::ShortLine { market_value: f64::INFINITY, ..v1::ShortLine::default() };
        let lines = vec![v1::ShortLine::default(), line];
        Ok(Response::new(v1::AssessShortBookResponse {
            lines,
            ..v1::AssessShortBookResponse::default()
        }))
    }

    async fn simulate_squeeze(
        &self,
        _request: Request<v1::SimulateSqueezeRequest>,
    ) -> Result<Response<v1::SimulateSqueezeResponse>, Status> {
        Ok(Response::new(v1::SimulateSqueezeResponse::default()))
    }

    async fn rank_squeeze(
        &self,
        _request: Request<v1::RankSqueezeRequest>,
    ) -> Result<Response<v1::RankSqueezeResponse>, Status> {
        Ok(Response::new(v1::RankSqueezeResponse::default()))
    }

    type CalibrateSqueezeStream = tokio_stream::Empty<Result<v1::CalibrateSqueezeResponse, Status>>;

    async fn calibrate_squeeze(
        &self,
        _request: Request<v1::CalibrateSqueezeRequest>,
    ) -> Result<Response<Self::CalibrateSqueezeStream>, Status> {
        Ok(Response::new(tokio_stream::empty()))
    }

    async fn get_calibration(
        &self,
        _request: Request<v1::GetCalibrationRequest>,
    ) -> Result<Response<v1::GetCalibrationResponse>, Status> {
        Ok(Response::new(v1::GetCalibrationResponse::default()))
    }

    type WatchSqueezeStream = tokio_stream::Empty<Result<v1::WatchSqueezeResponse, Status>>;

    async fn watch_squeeze(
        &self,
        _request: Request<v1::WatchSqueezeRequest>,
    ) -> Result<Response<Self::WatchSqueezeStream>, Status> {
        Ok(Response::new(tokio_stream::empty()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_non_finite_number_is_never_sent() {
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = format!("http://{}", incoming.local_addr().unwrap());
    let (_phase, phases) = tokio::sync::watch::channel(Phase::Serving);
    let metrics = server::metrics::Metrics::new().unwrap();
    let layer = CallLayer::new(&Limits::standard(), metrics.calls().clone(), phases, 7);
    let service = SqueezeServiceServer::new(Nonsense);
    let server = Server::builder().layer(layer).add_service(service);
    let serving = tokio::spawn(server.serve_with_incoming(incoming));
    let channel = Channel::from_shared(address).unwrap().connect().await.unwrap();
    let mut client = SqueezeServiceClient::new(channel);
    let status = client.assess_short_book(v1::AssessShortBookRequest::default()).await.unwrap_err();
    expect_refusal(&status, Code::Internal, "INTERNAL", &[]);
    client.rank_squeeze(v1::RankSqueezeRequest::default()).await.expect("what is finite leaves");
    serving.abort();
}
