//! The yardstick: a tonic service with the contract's messages that always returns the same
//! prepared answer.

use contract::v1::{
    AnalyzePortfolioHistoryRequest, AnalyzePortfolioHistoryResponse, AnalyzePortfolioRequest,
    AnalyzePortfolioResponse, AnalyzePortfoliosRequest, AnalyzePortfoliosResponse,
    BacktestRiskRequest, BacktestRiskResponse, ExplainChangeRequest, ExplainChangeResponse,
    ExplainPnlRequest, ExplainPnlResponse, ListFactorsRequest, ListFactorsResponse,
    ListTradeMembersRequest, ListTradeMembersResponse, ValidatePortfolioRequest,
    ValidatePortfolioResponse,
    exposure_service_server::{ExposureService, ExposureServiceServer},
};
use std::path::Path;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming, transport::Server};

#[derive(Debug)]
struct Echo {
    answer: AnalyzePortfolioResponse,
}

#[tonic::async_trait]
impl ExposureService for Echo {
    async fn analyze_portfolio(
        &self,
        _: Request<AnalyzePortfolioRequest>,
    ) -> Result<Response<AnalyzePortfolioResponse>, Status> {
        Ok(Response::new(self.answer.clone()))
    }

    async fn validate_portfolio(
        &self,
        _: Request<ValidatePortfolioRequest>,
    ) -> Result<Response<ValidatePortfolioResponse>, Status> {
        Ok(Response::new(ValidatePortfolioResponse::default()))
    }

    async fn list_trade_members(
        &self,
        _: Request<ListTradeMembersRequest>,
    ) -> Result<Response<ListTradeMembersResponse>, Status> {
        Ok(Response::new(ListTradeMembersResponse::default()))
    }

    async fn list_factors(
        &self,
        _: Request<ListFactorsRequest>,
    ) -> Result<Response<ListFactorsResponse>, Status> {
        Ok(Response::new(ListFactorsResponse::default()))
    }

    async fn explain_change(
        &self,
        _: Request<ExplainChangeRequest>,
    ) -> Result<Response<ExplainChangeResponse>, Status> {
        Ok(Response::new(ExplainChangeResponse::default()))
    }

    async fn explain_pnl(
        &self,
        _: Request<ExplainPnlRequest>,
    ) -> Result<Response<ExplainPnlResponse>, Status> {
        Ok(Response::new(ExplainPnlResponse::default()))
    }

    async fn analyze_portfolio_history(
        &self,
        _: Request<AnalyzePortfolioHistoryRequest>,
    ) -> Result<Response<AnalyzePortfolioHistoryResponse>, Status> {
        Ok(Response::new(AnalyzePortfolioHistoryResponse::default()))
    }

    async fn backtest_risk(
        &self,
        _: Request<BacktestRiskRequest>,
    ) -> Result<Response<BacktestRiskResponse>, Status> {
        Ok(Response::new(BacktestRiskResponse::default()))
    }

    type AnalyzePortfoliosStream = ReceiverStream<Result<AnalyzePortfoliosResponse, Status>>;

    async fn analyze_portfolios(
        &self,
        _: Request<Streaming<AnalyzePortfoliosRequest>>,
    ) -> Result<Response<Self::AnalyzePortfoliosStream>, Status> {
        Err(Status::unimplemented("the echo answers single portfolios"))
    }
}

/// Serves on a loopback port until the process is killed.
pub(crate) async fn serve(port: u16, answer: &Path) -> super::Result<()> {
    let answer = prost::Message::decode(std::fs::read(answer)?.as_slice())?;
    Server::builder()
        .tcp_nodelay(true)
        .add_service(ExposureServiceServer::new(Echo { answer }))
        .serve(([127, 0, 0, 1], port).into())
        .await?;
    Ok(())
}
