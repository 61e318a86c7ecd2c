//! The requests of the demo, and their answers as text and as JSON.

use crate::{
    connect::{Clients, Connection},
    hedge_instruments::listed,
    json, show,
    stress::scenario,
    terminal::{Terminal, Tone},
};
use anyhow::Result;
use contract::v1::{
    AnalyzePortfolioRequest, AnalyzePortfolioResponse, AsOf, AssessShortBookRequest,
    AssessShortBookResponse, GetRotationRequest, GetRotationResponse, HedgeProblem, InstrumentRef,
    PlanHedgeRequest, PlanHedgeResponse, Portfolio, Position, RunStressRequest, RunStressResponse,
    Scenario, ShortSqueeze, as_of::When, position::Size, short_squeeze::Shorts,
};
use prost::Message as _;
use serde_json::{Map, Value};
use simulation::{factors, market::Market, rotation_day::ROTATION_ON, sample::Holding};

/// The rotation day twice in a row.
const TWICE: &str = "rotation_2024_07_11_twice";
/// Maximum number of positions listed.
const EVERY_POSITION: i32 = 10_000;
/// What may be traded besides the book's own positions.
const INSTRUMENTS: [&str; 2] = ["IWM", "QQQ"];
/// Net asset value of the fund that holds the sample portfolio.
pub(super) const NET_ASSET_VALUE_USD: f64 = 100e6;

/// What the server answers to the requests of the demo.
pub(super) struct DemoAnswers {
    /// What the portfolio's owner could have known one day earlier: nothing of the rotation day is
    /// visible.
    pub(super) evening_before: AnalyzePortfolioResponse,
    pub(super) rotation: GetRotationResponse,
    /// The same request again, with the reference of the first answer.
    replay: GetRotationResponse,
    pub(super) exposure: AnalyzePortfolioResponse,
    pub(super) short_book: AssessShortBookResponse,
    /// What if the day comes twice, and the costliest shorts are squeezed besides.
    pub(super) stress: RunStressResponse,
    /// What to do about it on the next morning.
    pub(super) hedge: PlanHedgeResponse,
}

impl DemoAnswers {
    pub(super) async fn request(
        market: &Market,
        book: &[Holding],
        clients: &Clients,
        connection: &Connection,
    ) -> Result<DemoAnswers> {
        let (mut rotation, mut exposure) = (clients.rotation(), clients.exposure());
        let before = evening_before(market, book);
        let evening_before = exposure.analyze_portfolio(connection.request(before)).await?;
        let day = GetRotationRequest { as_of: rotation_day(), ..Default::default() };
        let report = rotation.get_rotation(connection.request(day)).await?.into_inner();
        let again = rotation.get_rotation(connection.request(replay_of(&report))).await?;
        let day = the_day(book);
        let exposure = exposure.analyze_portfolio(connection.request(day)).await?;
        let shorts = AssessShortBookRequest {
            as_of: rotation_day(),
            portfolio: Some(portfolio(book)),
            ..Default::default()
        };
        let short_book = clients.squeeze().assess_short_book(connection.request(shorts)).await?;
        let twice = RunStressRequest {
            as_of: rotation_day(),
            portfolio: Some(portfolio(book)),
            scenarios: vec![what_if()],
            ..Default::default()
        };
        let stress = clients.stress().run_stress(connection.request(twice)).await?;
        let ways_out = connection.request(ways_out(book));
        let hedge = clients.hedge().plan_hedge(ways_out).await?.into_inner();
        Ok(DemoAnswers {
            evening_before: evening_before.into_inner(),
            rotation: report,
            replay: again.into_inner(),
            exposure: exposure.into_inner(),
            short_book: short_book.into_inner(),
            stress: stress.into_inner(),
            hedge,
        })
    }

    /// One object with an answer per question.
    pub(super) fn as_json(&self) -> Result<String> {
        let exposure = "AnalyzePortfolioResponse";
        let answers = [
            ("eveningBefore", json::of(exposure, &self.evening_before)?),
            ("rotation", json::of("GetRotationResponse", &self.rotation)?),
            ("exposure", json::of(exposure, &self.exposure)?),
            ("shortBook", json::of("AssessShortBookResponse", &self.short_book)?),
            ("stress", json::of("RunStressResponse", &self.stress)?),
            ("hedge", json::of("PlanHedgeResponse", &self.hedge)?),
        ];
        let mut object = Map::new();
        for (name, answer) in answers {
            object.insert(name.to_owned(), serde_json::from_str::<Value>(&answer)?);
        }
        Ok(format!("{}\n", serde_json::to_string_pretty(&object)?))
    }

    /// Every answer with all of its tables.
    pub(super) fn in_full(&self, terminal: Terminal) -> String {
        let rotation = show::rotation::report(&self.rotation, terminal).render(terminal);
        let exposure = show::exposure::report(&self.exposure, terminal).render(terminal);
        let shorts = show::squeeze::book(&self.short_book, 10, terminal).render(terminal);
        let before = self.words_of_the_evening(terminal);
        let replayed = self.replayed(terminal);
        let stress = show::stress::report(&self.stress, &[], terminal).render(terminal);
        let hedge = show::hedge::plans(&self.hedge, terminal).render(terminal);
        format!("{before}{rotation}  {replayed}\n\n{exposure}\n{shorts}\n{stress}\n{hedge}\n")
    }

    fn words_of_the_evening(&self, terminal: Terminal) -> String {
        let known = show::evidence::as_known(self.evening_before.info.as_ref());
        let heading = terminal.heading(&format!("The evening before, {known}"));
        let report = self.evening_before.report.as_ref();
        let words = report.map(|report| {
            show::exposure::words(
                report,
                show::evidence::coverage_of(self.evening_before.info.as_ref()),
                terminal,
            )
        });
        format!("{heading}{}", terminal.wrap(&format!("{}\n", words.unwrap_or_default())))
    }

    fn replayed(&self, terminal: Terminal) -> String {
        let words = if self.replay.encode_to_vec() == self.rotation.encode_to_vec() {
            terminal.paint(Tone::Good, "the same bytes")
        } else {
            terminal.paint(Tone::Bad, "a different answer")
        };
        format!("The same request with that reference returns {words}.")
    }
}

fn rotation_day() -> Option<AsOf> {
    Some(AsOf { when: Some(When::On(ROTATION_ON.to_owned())), ..AsOf::default() })
}

fn evening_before(market: &Market, book: &[Holding]) -> AnalyzePortfolioRequest {
    let on = market.days[market.rotation - 1].to_string();
    AnalyzePortfolioRequest {
        as_of: Some(AsOf { when: Some(When::On(on)), ..AsOf::default() }),
        portfolio: Some(portfolio(book)),
        repeat_on: vec![market.days[factors::earlier_rotation(market.rotation)].to_string()],
        top_positions: Some(EVERY_POSITION),
        ..AnalyzePortfolioRequest::default()
    }
}

fn the_day(book: &[Holding]) -> AnalyzePortfolioRequest {
    AnalyzePortfolioRequest {
        as_of: rotation_day(),
        portfolio: Some(portfolio(book)),
        repeat_on: vec![ROTATION_ON.to_owned()],
        top_positions: Some(EVERY_POSITION),
        ..AnalyzePortfolioRequest::default()
    }
}

/// The published moves twice in a row, and besides the three costliest shorts squeezed.
fn what_if() -> Scenario {
    let squeeze = ShortSqueeze { shorts: Some(Shorts::CostliestCount(3)) };
    Scenario { squeeze: Some(squeeze), ..scenario(TWICE) }
}

/// Three plans for the morning after: cut the book, overlay it with two funds, or both.
fn ways_out(book: &[Holding]) -> PlanHedgeRequest {
    let problem =
        HedgeProblem { instruments: INSTRUMENTS.map(listed).to_vec(), ..HedgeProblem::default() };
    PlanHedgeRequest {
        as_of: rotation_day(),
        portfolio: Some(portfolio(book)),
        problem: Some(problem),
        ..PlanHedgeRequest::default()
    }
}

/// The request whose answer must be the same bytes.
fn replay_of(answer: &GetRotationResponse) -> GetRotationRequest {
    let info = answer.info.clone().unwrap_or_default();
    let reference = info.snapshot.unwrap_or_default();
    let as_of = AsOf { when: Some(When::Snapshot(reference)), ..AsOf::default() };
    GetRotationRequest { as_of: Some(as_of), ..GetRotationRequest::default() }
}

fn portfolio(book: &[Holding]) -> Portfolio {
    let positions = book.iter().map(|holding| Position {
        instrument: Some(InstrumentRef {
            symbol: holding.symbol.clone(),
            ..InstrumentRef::default()
        }),
        size: Some(Size::Quantity(holding.quantity)),
        average_cost: Some(holding.average_cost),
        ..Position::default()
    });
    Portfolio {
        portfolio_id: "sample".to_owned(),
        positions: positions.collect(),
        net_asset_value: Some(NET_ASSET_VALUE_USD),
        ..Portfolio::default()
    }
}
