//! What hedges cost at the service: a book of 500 positions and 50 or 200 instruments under all linear
//! limits, over the wire.
//!
//! `TraceFrontier` with the plan that trades the instruments solves one problem per value of a limit. The
//! processor time of the server for many values less that for one, by their number, is therefore that of a
//! problem with all that a call adds per plan; the call with one value is that with everything else,
//! reading the request and the report of the book among it. `CVXPY_PYTHON` names a Python with cvxpy:
//! then the script that solves problems of the same sizes runs right after, so that both are of one
//! machine and hour.

use super::{Result, load, process::Child, python};
use contract::v1::{
    self, hedge_constraint::Limited, hedge_line::Line, hedge_objective::Risk,
    hedge_plan::Result as Found, hedge_service_client::HedgeServiceClient, measure_ref::Measure,
};
use simulation::market::{Market, Parameters};
use std::{
    path::Path,
    time::{Duration, Instant},
};
use tonic::transport::Channel;

/// Values of the limit in a call of many.
const MANY: usize = 11;
/// Calls of each kind.
const ROUNDS: usize = 15;
/// A call is given this long: a bench is no user who waits.
const PATIENCE: Duration = Duration::from_secs(60);
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../hedge/benches/optimize/optimize.py");

/// Measures every problem, and runs the script.
pub(crate) async fn measure(folder: &Path) -> Result<()> {
    let store = load::url(&folder.join("hedge.db"));
    let market = Market::new(Parameters { names: 1_000, days: 750, seed: 7 });
    load::fill(&store, &market).await?;
    let server = Child::patient(&store)?;
    let mut client = HedgeServiceClient::new(server.connect().await?);
    let shortfall = v1::HedgeObjective {
        risk: Some(Risk::Shortfall(v1::HedgeShortfall::default())),
        ..v1::HedgeObjective::default()
    };
    let plain = |count| problem(&market, count);
    let problems = [
        ("50 instruments (goal 2 ms)", plain(50)),
        ("200 instruments (goal 12 ms)", plain(200)),
        (
            "50 instruments by expected shortfall (goal 30 ms)",
            v1::HedgeProblem { objective: Some(shortfall), ..plain(50) },
        ),
        ("5 of 50 instruments (goal 500 ms)", v1::HedgeProblem { max_lines: Some(5), ..plain(50) }),
    ];
    for (name, problem) in problems {
        run(&mut client, &server, (name, request(&market, problem))).await?;
    }
    Ok(python::run_beside("CVXPY_PYTHON", SCRIPT, &[])?)
}

/// Calls with one value and with many, in turn.
async fn run(
    client: &mut HedgeServiceClient<Channel>,
    server: &Child,
    (name, request): (&str, v1::TraceFrontierRequest),
) -> Result<()> {
    let one = v1::TraceFrontierRequest { limits: vec![request.limits[0]], ..request.clone() };
    // The first call prepares the view; every plan must be one.
    solved(client, one.clone()).await?;
    let nodes = solved(client, request.clone()).await?;
    let (mut short, mut long) = (Spent::default(), Spent::default());
    for _ in 0..ROUNDS {
        short.call(client, server, one.clone()).await?;
        long.call(client, server, request.clone()).await?;
    }
    let calls = ROUNDS as f64;
    let each = (long.processor - short.processor) / calls / (MANY - 1) as f64;
    println!(
        "{name}: {:.2} ms of processor time a problem at the server, {:.1} ms a call with one \
         (round trip {:.1} ms); {nodes} convex problems for {MANY} plans",
        1e3 * each,
        1e3 * short.processor / calls,
        1e3 * short.wall / calls,
    );
    Ok(())
}

/// Seconds of all calls of a kind.
#[derive(Debug, Default)]
struct Spent {
    processor: f64,
    wall: f64,
}

impl Spent {
    async fn call(
        &mut self,
        client: &mut HedgeServiceClient<Channel>,
        server: &Child,
        request: v1::TraceFrontierRequest,
    ) -> Result<()> {
        let (before, started) = (server.processor_seconds()?, Instant::now());
        client.trace_frontier(patient(request)).await?;
        self.wall += started.elapsed().as_secs_f64();
        self.processor += server.processor_seconds()? - before;
        Ok(())
    }
}

fn patient(request: v1::TraceFrontierRequest) -> tonic::Request<v1::TraceFrontierRequest> {
    let mut request = tonic::Request::new(request);
    request.set_timeout(PATIENCE);
    request
}

/// Convex problems solved; an error unless every plan is one.
async fn solved(
    client: &mut HedgeServiceClient<Channel>,
    request: v1::TraceFrontierRequest,
) -> Result<i32> {
    let answer = client.trace_frontier(patient(request)).await?.into_inner();
    let mut nodes = 0;
    for point in answer.points {
        match point.plan.and_then(|plan| plan.result) {
            Some(Found::Solution(solution)) => nodes += solution.node_count,
            other => return Err(format!("no plan: {other:?}").into()),
        }
    }
    Ok(nodes)
}

fn request(market: &Market, problem: v1::HedgeProblem) -> v1::TraceFrontierRequest {
    let portfolio = load::portfolio(market, 500).portfolio;
    // The limit leaves room in all of them, a little more in each.
    let limits = (0..MANY).map(|at| 1e9 * (1.0 + 0.01 * at as f64)).collect();
    v1::TraceFrontierRequest {
        portfolio,
        problem: Some(problem),
        kind: v1::HedgePlanKind::Overlay.into(),
        constraint_id: "gross".to_owned(),
        side: v1::HedgeSide::Upper.into(),
        limits,
        ..v1::TraceFrontierRequest::default()
    }
}

/// Names of the market that the book does not hold, under gross, net, beta, trade beta, two factors,
/// participation, turnover, a stress floor, the squeeze budget and bounds of single lines, as many as a
/// problem may have.
fn problem(market: &Market, count: usize) -> v1::HedgeProblem {
    // The book holds every second name.
    let symbols: Vec<&String> =
        market.names.iter().skip(1).step_by(2).take(count).map(|name| &name.symbol).collect();
    let instrument = |symbol: &&String| v1::HedgeInstrument {
        instrument: Some(named(symbol)),
        ..v1::HedgeInstrument::default()
    };
    let limit = |id: &str, limited, lower, upper| v1::HedgeConstraint {
        constraint_id: id.to_owned(),
        lower,
        upper,
        limited: Some(limited),
    };
    let turnover = Limited::Trades(v1::HedgeTradesNumber::Turnover.into());
    let wide = (Some(-1e8), Some(1e8));
    let mut constraints = vec![
        limit("gross", book(v1::ExposureNumber::Gross), None, Some(1e9)),
        limit("net", book(v1::ExposureNumber::Net), wide.0, wide.1),
        limit("beta", factor("ballast-regression", "MARKET"), wide.0, wide.1),
        limit("trade", factor("ballast-regression", "trade/megacap_small_cap"), wide.0, wide.1),
        limit("size", factor("ballast-cross-section", "SIZE"), wide.0, wide.1),
        limit("momentum", factor("ballast-cross-section", "MOMENTUM"), wide.0, wide.1),
        limit("turnover", turnover, None, Some(1e9)),
        limit("floor", Limited::Scenario(fall()), Some(-1e8), None),
    ];
    for symbol in symbols.iter().take(90) {
        let line = v1::HedgeLine { line: Some(Line::Instrument(named(symbol))) };
        let id = format!("bound {symbol}");
        constraints.push(limit(&id, Limited::Trade(line), Some(-8e6), Some(8e6)));
    }
    v1::HedgeProblem {
        instruments: symbols.iter().map(instrument).collect(),
        constraints,
        max_participation: Some(0.02),
        ..v1::HedgeProblem::default()
    }
}

fn named(symbol: &str) -> v1::InstrumentRef {
    v1::InstrumentRef { symbol: symbol.to_owned(), ..v1::InstrumentRef::default() }
}

fn book(exposure: v1::ExposureNumber) -> Limited {
    let number = v1::BookNumber::Exposure.into();
    let book = v1::BookRef { number, exposure: exposure.into(), ..v1::BookRef::default() };
    Limited::Measure(v1::MeasureRef { measure: Some(Measure::Book(book)) })
}

fn factor(model_id: &str, factor_id: &str) -> Limited {
    let factor = v1::FactorRef {
        model_id: model_id.to_owned(),
        factor_id: factor_id.to_owned(),
        number: v1::FactorNumber::BottomUp.into(),
    };
    Limited::Measure(v1::MeasureRef { measure: Some(Measure::Factor(factor)) })
}

/// The trade unwinds by a tenth.
fn fall() -> v1::Scenario {
    use v1::{move_size::Size, scenario::Happening, scenario_shock::Target};
    let size = Some(v1::MoveSize { size: Some(Size::TotalReturn(-0.1)) });
    let target = Some(Target::SeriesId("trade/megacap_small_cap".to_owned()));
    let shocks = vec![v1::ScenarioShock { target, size }];
    let known = v1::HypotheticalScenario { shocks, sessions: None };
    v1::Scenario { happening: Some(Happening::Hypothetical(known)), ..v1::Scenario::default() }
}
