//! The stress service over the wire: the laws of its answers, their splits, refusals, real files.

use crate::{
    golden::{self, simulated},
    harness::{
        Harness, JANUARY_2021, expect_refusal, held, named, on, real_data, reference, replay_of,
    },
};
use contract::v1::{
    self, exposure_service_client::ExposureServiceClient, listed_scenario,
    move_size::Size as Moved, position::Size, scenario::Happening as Event, scenario_shock::Target,
    short_squeeze::Shorts, squeeze_service_client::SqueezeServiceClient,
    stress_service_client::StressServiceClient,
};
use prost::Message as _;
use simulation::market::Market;
use tonic::{Code, transport::Channel};

/// The rotation day of the simulated market, and its last session.
const ROTATION_ON: &str = "2024-07-11";
const LAST_ON: &str = "2024-07-31";

async fn market() -> (Harness, Channel, Market) {
    let harness = Harness::at("2024-08-01T12:00:00Z").await;
    let market = simulated(&harness).await;
    let channel = harness.channel().await;
    (harness, channel, market)
}

pub(crate) fn replay(start_on: &str, end_on: &str) -> v1::Scenario {
    let (start_on, end_on) = (start_on.to_owned(), end_on.to_owned());
    let window = v1::ReplayedWindow { start_on, end_on };
    v1::Scenario { happening: Some(Event::Replay(window)), ..Default::default() }
}

pub(crate) fn listed(scenario_id: &str) -> v1::Scenario {
    let listed =
        v1::ListedScenarioRef { scenario_id: scenario_id.to_owned(), cut_probability: None };
    v1::Scenario { happening: Some(Event::Listed(listed)), ..Default::default() }
}

pub(crate) fn shocked(target: Target, size: Moved) -> v1::Scenario {
    let size = Some(v1::MoveSize { size: Some(size) });
    let shocks = vec![v1::ScenarioShock { target: Some(target), size }];
    let known = v1::HypotheticalScenario { shocks, sessions: None };
    v1::Scenario { happening: Some(Event::Hypothetical(known)), ..Default::default() }
}

pub(crate) fn squeezed(scenario: v1::Scenario, shorts: Shorts) -> v1::Scenario {
    let squeeze = Some(v1::ShortSqueeze { shorts: Some(shorts) });
    v1::Scenario { scenario_id: "squeezed".to_owned(), squeeze, ..scenario }
}

fn small_caps_up(size: f64) -> v1::Scenario {
    shocked(Target::SeriesId("small_cap_index".to_owned()), Moved::TotalReturn(size))
}

/// All kinds of scenarios.
fn scenarios() -> Vec<v1::Scenario> {
    vec![
        replay(ROTATION_ON, ""),
        listed("rotation_2024_07"),
        listed("rotation_2024_07_11_twice"),
        small_caps_up(0.05),
        squeezed(small_caps_up(0.05), Shorts::CostliestCount(3)),
        listed("crash_1987"),
    ]
}

fn request(market: &Market) -> v1::RunStressRequest {
    v1::RunStressRequest {
        as_of: on(LAST_ON),
        portfolio: Some(golden::book(market)),
        scenarios: scenarios(),
        top_positions: Some(3_000),
        ..Default::default()
    }
}

#[track_caller]
fn near(value: f64, expected: f64, tolerance: f64) {
    assert!((value - expected).abs() <= tolerance, "{value} is not {expected} ± {tolerance}");
}

/// Every split adds up to the P&L.
#[track_caller]
fn adds_up(pnl: &v1::ScenarioOutcome) {
    let tolerance = 1e-9 * pnl.positions.iter().map(|row| row.market_value.abs()).sum::<f64>();
    let through: f64 = pnl.factors.iter().map(|row| row.pnl).sum();
    near(through + pnl.residual_pnl, pnl.pnl, tolerance);
    for trade in &pnl.trades {
        near(trade.legs.iter().map(|leg| leg.pnl).sum(), pnl.pnl, tolerance);
    }
    assert_eq!(pnl.breakdowns.len(), 2);
    for breakdown in &pnl.breakdowns {
        near(breakdown.groups.iter().map(|group| group.pnl).sum(), pnl.pnl, tolerance);
    }
    near(pnl.positions.iter().map(|row| row.pnl).sum(), pnl.pnl, tolerance);
    assert!(pnl.pnl_low <= pnl.pnl && pnl.pnl <= pnl.pnl_high);
}

#[tokio::test(flavor = "multi_thread")]
async fn scenarios_obey_their_laws() {
    let (_harness, channel, market) = market().await;
    let mut client = StressServiceClient::new(channel.clone());
    let asked = request(&market);
    let answer = client.run_stress(asked.clone()).await.unwrap().into_inner();
    let [day, week, twice, up, both, crash] = &answer.results[..] else { panic!("six") };
    for result in [day, week, twice, up, both] {
        adds_up(result.outcome.as_ref().unwrap());
        result.outcome_like_this.iter().for_each(adds_up);
        near(result.sources.iter().map(|row| row.gross_share).sum(), 1.0, 1e-12);
        let exit = result.exit.unwrap();
        assert!(0.0 < exit.cost && 0.0 <= exit.unsold, "{exit:?}");
    }
    // A day that the store does not have is a gap, not a number.
    assert_eq!((&crash.outcome, crash.name.is_empty()), (&None, false));
    assert_eq!(crash.gaps[0].reason(), v1::GapReason::InputMissing);
    // The window of the week begins the day before and holds more sessions.
    let sessions = |result: &v1::StressResult| result.replayed.as_ref().unwrap().sessions.len();
    assert_eq!((sessions(day), week.replayed.as_ref().unwrap().worst_on.is_empty()), (1, false));
    assert!(day.hypothetical.is_none() && day.outcome_like_this.is_none());
    assert_eq!(twice.hypothetical.as_ref().unwrap().sessions, Some(2));
    repeats(&channel, &asked, day.outcome.as_ref().unwrap()).await;
    squeezes(&channel, &asked, (up, both)).await;
    // Everything is linear in the sizes of the shocks.
    let double = v1::RunStressRequest { scenarios: vec![small_caps_up(0.1)], ..asked.clone() };
    let double = client.run_stress(double).await.unwrap().into_inner();
    let [once, twice] = [up, &double.results[0]].map(|result| result.outcome.as_ref().unwrap());
    near(twice.pnl, 2.0 * once.pnl, 1e-9 * once.pnl.abs());
    near(once.series[0].moved.unwrap().size.map_or(0.0, moved), 0.05, 1e-12);
    // The reference gives the same bytes; the order of lines changes none but its own.
    let mut again = asked.clone();
    again.as_of = replay_of(&reference(&answer.info));
    let again = client.run_stress(again).await.unwrap().into_inner();
    assert_eq!(again.encode_to_vec(), answer.encode_to_vec());
    let mut turned = asked.clone();
    turned.portfolio.as_mut().unwrap().positions.reverse();
    let turned = client.run_stress(turned).await.unwrap().into_inner();
    let numbers = |answer: &v1::RunStressResponse| -> Vec<v1::StressResult> {
        let mut results = answer.results.clone();
        let pnls = |result: &mut v1::StressResult| {
            for pnl in result.outcome.iter_mut().chain(&mut result.outcome_like_this) {
                pnl.positions.iter_mut().for_each(|row| row.position_ids.clear());
            }
        };
        results.iter_mut().for_each(pnls);
        results
    };
    assert_eq!(numbers(&turned), numbers(&answer));
}

fn moved(size: Moved) -> f64 {
    let (Moved::TotalReturn(size) | Moved::ChangeBp(size) | Moved::ChangePoints(size)) = size;
    size
}

/// A replay of one day is the repeat of an exposure report, which reads single precision.
async fn repeats(channel: &Channel, asked: &v1::RunStressRequest, day: &v1::ScenarioOutcome) {
    let request = v1::AnalyzePortfolioRequest {
        as_of: asked.as_of.clone(),
        portfolio: asked.portfolio.clone(),
        include: vec![v1::ReportBlock::Trades.into()],
        repeat_on: vec![ROTATION_ON.to_owned()],
        ..Default::default()
    };
    let mut client = ExposureServiceClient::new(channel.clone());
    let report = client.analyze_portfolio(request).await.unwrap().into_inner().report.unwrap();
    let repeat = &report.repeats[0];
    let tolerance = 1e-6 * report.total.unwrap().gross;
    near(day.pnl, repeat.pnl, tolerance);
    let (legs, expected) = (&day.trades[0].legs, &repeat.trades[0].legs);
    assert_eq!(legs.len(), expected.len());
    for (leg, expected) in legs.iter().zip(expected) {
        assert_eq!(leg.leg_id, expected.leg_id);
        near(leg.pnl, expected.pnl, tolerance);
    }
}

/// The three costliest shorts of AssessShortBook jump on top of the scenario: p + (V + p)·j.
async fn squeezes(
    channel: &Channel,
    asked: &v1::RunStressRequest,
    (alone, both): (&v1::StressResult, &v1::StressResult),
) {
    assert_eq!(alone.outcome, both.outcome);
    let request = v1::AssessShortBookRequest {
        as_of: asked.as_of.clone(),
        portfolio: asked.portfolio.clone(),
        ..Default::default()
    };
    let mut client = SqueezeServiceClient::new(channel.clone());
    let shorts = client.assess_short_book(request).await.unwrap().into_inner();
    let costliest = shorts.scenarios.iter().find(|scenario| scenario.symbols.len() == 3).unwrap();
    let squeezed = both.squeezed.as_ref().unwrap();
    let alone = alone.outcome.as_ref().unwrap();
    let mut added = 0.0;
    for symbol in &costliest.symbols {
        let line = shorts.lines.iter().find(|line| line.name.as_ref().unwrap().symbol == *symbol);
        let jump = line.unwrap().name.as_ref().unwrap().squeeze_threshold.unwrap();
        let row = alone.positions.iter().find(|row| row.symbol == *symbol).unwrap();
        let found = squeezed.positions.iter().find(|row| row.symbol == *symbol).unwrap();
        near(found.jump, jump, 1e-12);
        let extra = (row.market_value + row.pnl) * jump;
        near(found.pnl, row.pnl + extra, 1e-9 * extra.abs());
        added += extra;
    }
    near(squeezed.squeeze_pnl, added, 1e-9 * added.abs());
    near(squeezed.pnl, alone.pnl + added, 1e-9 * added.abs());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_likeliest_scenario_loses_the_amount_within_its_boxes() {
    let (_harness, channel, market) = market().await;
    let mut client = StressServiceClient::new(channel);
    let ask = |boxes: Vec<v1::FactorBox>, specific_deviations| v1::FindLikelyLossRequest {
        as_of: on(LAST_ON),
        portfolio: Some(golden::book(&market)),
        loss: Some(2e6),
        boxes,
        specific_deviations,
        top_positions: Some(10_000),
        ..Default::default()
    };
    let scenario = |answer: &v1::FindLikelyLossResponse| match &answer.likely_loss {
        Some(v1::LikelyLoss { result: Some(v1::likely_loss::Result::Scenario(found)) }) => {
            found.clone()
        }
        other => panic!("{other:?}"),
    };
    let free = client.find_likely_loss(ask(Vec::new(), None)).await.unwrap().into_inner();
    let free = scenario(&free);
    let pnl = free.outcome.as_ref().unwrap();
    near(pnl.pnl, -2e6, 1.0);
    adds_up(pnl);
    assert!(free.probability < free.heavy_tail_probability || free.standard_deviations < 2.0);
    // A bound on the factor that matters most makes the loss less likely, and is kept.
    let worst = pnl.factors.iter().min_by(|a, b| a.pnl.total_cmp(&b.pnl)).unwrap();
    let half = moved(worst.moved.unwrap().size.unwrap()) / 2.0;
    let one = v1::FactorBox {
        factor_id: worst.factor_id.clone(),
        low: Some(half.min(0.0)),
        high: Some(half.max(0.0)),
    };
    let bound = client.find_likely_loss(ask(vec![one], None)).await.unwrap().into_inner();
    let bound = scenario(&bound);
    assert_eq!(bound.factor_ids_at_bound, [worst.factor_id.as_str()]);
    assert!(free.standard_deviations < bound.standard_deviations);
    near(bound.outcome.unwrap().pnl, -2e6, 1.0);
    // Nothing may move: there is no such loss.
    let still = pnl.factors.iter().map(|row| v1::FactorBox {
        factor_id: row.factor_id.clone(),
        low: Some(0.0),
        high: Some(0.0),
    });
    let answer = client.find_likely_loss(ask(still.collect(), Some(0.0))).await.unwrap();
    let none = answer.into_inner().likely_loss.unwrap().result.unwrap();
    assert!(matches!(none, v1::likely_loss::Result::LargestLoss(most) if most.abs() < 1.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn listed_scenarios_can_be_run_by_their_ids() {
    let (_harness, channel, market) = market().await;
    let mut client = StressServiceClient::new(channel);
    let ask = v1::ListScenariosRequest { as_of: on(LAST_ON), page_size: 20, ..Default::default() };
    let first = client.list_scenarios(ask.clone()).await.unwrap().into_inner();
    let rest = v1::ListScenariosRequest { page_token: first.next_page_token.clone(), ..ask };
    let rest = client.list_scenarios(rest).await.unwrap().into_inner();
    let all: Vec<v1::ListedScenario> =
        first.scenarios.iter().chain(&rest.scenarios).cloned().collect();
    assert_eq!(all.len(), first.total_size as usize);
    assert!(first.factor_ids.contains(&"MARKET".to_owned()), "{:?}", first.factor_ids);
    assert_eq!(first.series, rest.series);
    let unit = |id: &str| first.series.iter().find(|series| series.series_id == id).unwrap().unit();
    assert_eq!(unit("small_cap_index"), v1::MoveUnit::TotalReturn);
    assert_eq!(unit("ten_year"), v1::MoveUnit::ChangeBp);
    assert_eq!(unit("volatility"), v1::MoveUnit::ChangePoints);
    for scenario in &all {
        let request = v1::RunStressRequest {
            scenarios: vec![match scenario.scenario_id.as_str() {
                "cut_fully_priced" => {
                    let mut one = listed("cut_fully_priced");
                    let Some(Event::Listed(given)) = &mut one.happening else { panic!("listed") };
                    given.cut_probability = Some(0.7);
                    one
                }
                id => listed(id),
            }],
            ..request(&market)
        };
        let answer = client.run_stress(request).await.unwrap().into_inner();
        let result = &answer.results[0];
        assert_eq!(result.scenario.as_ref().unwrap().scenario_id, scenario.scenario_id);
        assert_eq!((&result.name, &result.source), (&scenario.name, &scenario.source));
        if scenario.available {
            assert!(result.outcome.is_some(), "{}: {:?}", scenario.scenario_id, result.gaps);
        } else if scenario.scenario_id != "cut_fully_priced" {
            assert!(
                result.outcome.is_none() && !result.gaps.is_empty(),
                "{}",
                scenario.scenario_id
            );
        }
        let is_replay = matches!(scenario.happening, Some(listed_scenario::Happening::Replay(_)));
        assert_eq!(is_replay, result.hypothetical.is_none() && is_replay);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_a_request_is_refused_at_its_path() {
    let (_harness, channel, market) = market().await;
    let mut client = StressServiceClient::new(channel);
    let series = |id: &str, size| shocked(Target::SeriesId(id.to_owned()), size);
    let scenarios = vec![
        v1::Scenario::default(),
        replay("2024-07-11", "2024-07-10"),
        replay("2019-07-11", "2024-07-15"),
        series("nobody", Moved::TotalReturn(0.1)),
        v1::Scenario { scenario_id: "a".into(), ..series("ten_year", Moved::TotalReturn(0.1)) },
        v1::Scenario { scenario_id: "b".into(), ..series("nasdaq", Moved::TotalReturn(-1.5)) },
        v1::Scenario { scenario_id: "b".into(), ..listed("cut_fully_priced") },
        squeezed(replay(ROTATION_ON, ""), Shorts::CostliestCount(0)),
    ];
    let asked = v1::RunStressRequest {
        scenarios,
        top_positions: Some(10_001),
        exit: Some(v1::ExitTerms { participation: Some(0.0), ..Default::default() }),
        volatility_changes: vec![0.1, 6.0],
        ..request(&market)
    };
    let status = client.run_stress(asked).await.unwrap_err();
    let paths = [
        "scenarios[0]",
        "scenarios[1].replay.end_on",
        "scenarios[2].replay.end_on",
        "scenarios[3].hypothetical.shocks[0].series_id",
        "scenarios[4].hypothetical.shocks[0].size",
        "scenarios[5].hypothetical.shocks[0].size.total_return",
        "scenarios[6].listed.cut_probability",
        "scenarios[6].scenario_id",
        "scenarios[7].squeeze.costliest_count",
        "top_positions",
        "exit.participation",
        "volatility_changes[1]",
    ];
    expect_refusal(&status, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    on_the_view(&mut client, &market).await;
    let asked = v1::FindLikelyLossRequest {
        sessions: Some(0),
        boxes: vec![v1::FactorBox { low: Some(0.1), high: Some(-0.1), ..Default::default() }],
        specific_deviations: Some(-1.0),
        ..Default::default()
    };
    let status = client.find_likely_loss(asked).await.unwrap_err();
    let paths = [
        "loss",
        "sessions",
        "specific_deviations",
        "boxes[0].low",
        "boxes[0].high",
        "boxes[0].factor_id",
        "portfolio",
    ];
    expect_refusal(&status, Code::InvalidArgument, "INVALID_REQUEST", &paths);
}

/// What only the view knows is refused at its path as well.
async fn on_the_view(client: &mut StressServiceClient<Channel>, market: &Market) {
    let factor = shocked(Target::FactorId("NOTHING".to_owned()), Moved::TotalReturn(0.1));
    let name = shocked(Target::Instrument(named("NOBODY").unwrap()), Moved::TotalReturn(0.1));
    let mut twice = small_caps_up(0.1);
    let Some(Event::Hypothetical(known)) = &mut twice.happening else { panic!("known moves") };
    known.shocks.push(known.shocks[0].clone());
    let scenarios = [factor, name, twice]
        .into_iter()
        .enumerate()
        .map(|(at, scenario)| v1::Scenario { scenario_id: at.to_string(), ..scenario });
    let asked = v1::RunStressRequest { scenarios: scenarios.collect(), ..request(market) };
    let status = client.run_stress(asked).await.unwrap_err();
    let paths = [
        "scenarios[0].hypothetical.shocks[0].factor_id",
        "scenarios[1].hypothetical.shocks[0].instrument",
        "scenarios[2].hypothetical.shocks[0]",
        "scenarios[2].hypothetical.shocks[1]",
    ];
    expect_refusal(&status, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    let asked = v1::RunStressRequest { scenarios: vec![listed("nothing")], ..request(market) };
    let status = client.run_stress(asked).await.unwrap_err();
    expect_refusal(&status, Code::NotFound, "UNKNOWN_SCENARIO", &[]);
}

/// The meme squeeze of January 2021 on real files: GME rose from 65.01 to 325.00 and AMC from 3.51
/// to 13.26 from the close of 2021-01-22 to that of 2021-01-29 (closes as printed then).
#[tokio::test(flavor = "multi_thread")]
async fn the_squeeze_of_january_2021_once_more() {
    let Some(folder) = real_data("the squeeze of January 2021 once more") else { return };
    let harness = Harness::start().await;
    harness.ingest_real(&folder, &JANUARY_2021).await;
    let mut client = StressServiceClient::new(harness.channel().await);
    let worth = |symbol: &str, value: f64| held(symbol, Size::MarketValue(value));
    let positions = vec![worth("GME", -1e6), worth("AMC", -1e6), worth("AAPL", 3e6)];
    let request = v1::RunStressRequest {
        as_of: on("2021-01-29"),
        portfolio: Some(v1::Portfolio { positions, ..Default::default() }),
        scenarios: vec![listed("meme_squeeze_2021")],
        ..Default::default()
    };
    let answer = client.run_stress(request).await.unwrap().into_inner();
    let result = &answer.results[0];
    let pnl = result.outcome.as_ref().unwrap();
    let of = |symbol: &str| pnl.positions.iter().find(|row| row.symbol == symbol).unwrap();
    near(of("GME").pnl, -1e6 * (325.00 / 65.01 - 1.0), 1e4);
    near(of("AMC").pnl, -1e6 * (13.26 / 3.51 - 1.0), 1e4);
    assert_eq!(of("GME").source(), v1::ScenarioSource::Own);
    near(result.sources[0].gross_share, 1.0, 1e-9);
    assert_eq!(result.replayed.as_ref().unwrap().sessions.len(), 5);
}
