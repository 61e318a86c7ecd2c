//! Many books on one stream.

use super::{
    Result,
    process::{Child, Pace},
};
use contract::v1::{
    AnalyzePortfolioRequest, AnalyzePortfoliosItem, AnalyzePortfoliosRequest,
    AnalyzePortfoliosSetup, analyze_portfolios_request::Message,
    analyze_portfolios_response::Outcome, exposure_service_client::ExposureServiceClient,
};
use std::time::Instant;
use tokio_stream::{Stream, StreamExt as _};
use tonic::transport::Channel;

/// Books of one stream.
const BOOKS: usize = 10_000;
/// Outcomes between two looks at the memory.
const LOOK: usize = 500;

/// What a stream of books took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Streamed {
    pub(crate) pace: Pace,
    /// Resident memory of the server before and at its most, in millions of bytes.
    pub(crate) resident_mb: [f64; 2],
}

/// Streams the same book many times, each under an id of its own.
pub(crate) async fn stream(
    server: &Child,
    channel: Channel,
    request: &AnalyzePortfolioRequest,
) -> Result<Streamed> {
    let before = server.resident_mb()?;
    let mut most = before;
    let used = server.processor_seconds()?;
    let started = Instant::now();
    let mut client = ExposureServiceClient::new(channel);
    let mut outcomes = client.analyze_portfolios(books(request.clone())).await?.into_inner();
    let mut count = 0;
    while let Some(outcome) = outcomes.next().await {
        let Some(Outcome::Answer(_)) = outcome?.outcome else { return Err("no answer".into()) };
        count += 1;
        if count % LOOK == 0 {
            most = most.max(server.resident_mb()?);
        }
    }
    if count != BOOKS {
        return Err(format!("{count} of {BOOKS} outcomes").into());
    }
    let seconds = started.elapsed().as_secs_f64();
    let used = server.processor_seconds()? - used;
    let books = BOOKS as f64;
    let pace = Pace { calls_per_second: books / seconds, server_micros: used / books * 1e6 };
    Ok(Streamed { pace, resident_mb: [before, most] })
}

/// The setup, and then the books, made as they are sent.
fn books(mut request: AnalyzePortfolioRequest) -> impl Stream<Item = AnalyzePortfoliosRequest> {
    let portfolio = request.portfolio.take().unwrap_or_default();
    let setup = AnalyzePortfoliosSetup { analysis: Some(request) };
    let item = move |at: usize| {
        let mut portfolio = portfolio.clone();
        portfolio.portfolio_id = format!("book {at}");
        let request_tag = at.to_string();
        Message::Item(AnalyzePortfoliosItem { request_tag, portfolio: Some(portfolio) })
    };
    let messages = std::iter::once(Message::Setup(setup)).chain((0..BOOKS).map(item));
    let whole = messages.map(|message| AnalyzePortfoliosRequest { message: Some(message) });
    tokio_stream::iter(whole)
}
