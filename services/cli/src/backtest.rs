//! A back-test of risk measures for a portfolio.

use crate::{
    as_of_args::{AsOfArguments, ReferenceArguments},
    book::{self, BookArguments},
    connect::Connection,
    output::Output,
    show, terminal,
};
use anyhow::Result;
use clap::{Args, ValueEnum};
use contract::v1::{
    BacktestMethod, BacktestRiskRequest, CornishFisherMethod, EwmaMethod, FilteredHistoricalMethod,
    GaussianMethod, HistoricalMethod, backtest_method::Method,
};

/// The portfolio, the stretch of sessions, and what to test on it.
#[derive(Args, Clone, Debug)]
pub(crate) struct BacktestArguments {
    #[command(flatten)]
    book: BookArguments,
    #[command(flatten)]
    as_of: AsOfArguments,
    #[command(flatten)]
    reference: ReferenceArguments,
    /// First session to forecast, among the latest 1,060; without it the first of the latest 250.
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// Last session to forecast; without it the last session.
    #[arg(long, value_name = "DATE")]
    until: Option<String>,
    /// The methods to test, separated by commas; without it all of them.
    #[arg(long = "methods", value_name = "METHODS", value_delimiter = ',')]
    methods: Vec<MethodName>,
    /// Number of sessions behind each forecast, 252 to 1,000.
    #[arg(long, value_name = "SESSIONS", value_parser = clap::value_parser!(i32).range(252..=1_000))]
    window: Option<i32>,
    /// The sessions that a loss is counted over, 1 to 60; runs of them do not overlap.
    #[arg(long, value_name = "SESSIONS", value_parser = clap::value_parser!(i32).range(1..=60))]
    horizon: Option<i32>,
    /// The confidences of the forecasts, separated by commas; without it 0.95 and 0.99.
    #[arg(long = "confidences", value_name = "SHARES", value_delimiter = ',')]
    confidences: Vec<f64>,
}

/// The methods by the names that answers give their sets of scenarios.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum MethodName {
    /// Past sessions as they occurred.
    Historical,
    /// Past sessions rescaled to the volatility expected of the next one.
    FilteredHistorical,
    /// A normal distribution with the volatility expected of the next session.
    Ewma,
    /// A normal distribution with the mean and the volatility of the window.
    Gaussian,
    /// That distribution with the skewness and kurtosis of the window.
    CornishFisher,
}

impl MethodName {
    fn to_proto(self) -> Method {
        match self {
            MethodName::Historical => Method::Historical(HistoricalMethod {}),
            MethodName::FilteredHistorical => {
                Method::FilteredHistorical(FilteredHistoricalMethod::default())
            }
            MethodName::Ewma => Method::Ewma(EwmaMethod::default()),
            MethodName::Gaussian => Method::Gaussian(GaussianMethod {}),
            MethodName::CornishFisher => Method::CornishFisher(CornishFisherMethod {}),
        }
    }
}

impl BacktestArguments {
    /// The methods to ask for. None means all with the server's defaults.
    fn methods(&self) -> Vec<BacktestMethod> {
        let all = MethodName::value_variants();
        let wanted = match (&self.methods[..], self.window) {
            ([], Some(_)) => all,
            (wanted, _) => wanted,
        };
        let method = |name: &MethodName| BacktestMethod {
            method: Some(name.to_proto()),
            window_sessions: self.window,
        };
        wanted.iter().map(method).collect()
    }
}

/// Asks for the back-test and prints it.
///
/// # Errors
/// If the file is not a portfolio, or the server rejects the request.
pub(crate) async fn backtest(
    arguments: &BacktestArguments,
    connection: &Connection,
    output: Output<'_>,
) -> Result<()> {
    let request = BacktestRiskRequest {
        as_of: arguments.reference.of(arguments.as_of.to_proto()?),
        portfolio: Some(book::read(&arguments.book).await?),
        start_on: arguments.from.clone().unwrap_or_default(),
        end_on: arguments.until.clone().unwrap_or_default(),
        methods: arguments.methods(),
        confidences: arguments.confidences.clone(),
        horizon_sessions: arguments.horizon,
    };
    let clients = connection.open().await?;
    let answer = clients.exposure().backtest_risk(connection.request(request)).await?.into_inner();
    let page = |terminal| show::backtest::report(&answer, terminal);
    terminal::say(&output.text("BacktestRiskResponse", &answer, page)?);
    Ok(())
}
