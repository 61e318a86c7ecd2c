//! The joint loss of a short book over the wire: against exact probabilities and arithmetic where a
//! calibration passes, scenarios alone where none does, and the crowd that sells.

use crate::{
    harness::{Harness, expect_refusal, held, is_about, named, on, reference, replay_of},
    squeeze,
    squeeze_calibration::{calibrate, load, request},
};
use contract::v1::{self, position::Size, squeeze_service_client::SqueezeServiceClient};
use prost::Message as _;
use simulation::squeeze_history::{HistoryParameters, SqueezeHistory};
use tonic::{Code, Response, transport::Channel};

type Client = SqueezeServiceClient<Channel>;

async fn simulate(
    client: &mut Client,
    request: v1::SimulateSqueezeRequest,
) -> v1::SimulateSqueezeResponse {
    client.simulate_squeeze(request).await.unwrap().into_inner()
}

/// Short every third name, 100 million of the first and a million more of each next one, some days of
/// their volume; long two others.
fn book(history: &SqueezeHistory) -> v1::Portfolio {
    let shorts = history.names.iter().step_by(3).enumerate();
    let short = |(at, name): (usize, &simulation::squeeze_history::HistoryName)| {
        held(&name.symbol, Size::MarketValue(-1e8 - 1e6 * at as f64))
    };
    let longs = history.names[1..3].iter().zip([3e9, 1e9]);
    let long = |(name, value): (&simulation::squeeze_history::HistoryName, f64)| {
        held(&name.symbol, Size::MarketValue(value))
    };
    let positions = shorts.map(short).chain(longs.map(long)).collect();
    v1::Portfolio { positions, ..v1::Portfolio::default() }
}

/// A crowd that is short all of the market's short interest, with a loop gain of 0.48.
pub(crate) fn crowd() -> v1::SqueezeCrowdTerms {
    v1::SqueezeCrowdTerms {
        leverage: Some(4.0),
        price_fall_of_all: Some(0.16),
        ..v1::SqueezeCrowdTerms::default()
    }
}

#[track_caller]
fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{found} not {expected}");
}

/// Probability of exactly 0, 1, 2, … of independent events.
fn poisson_binomial(chances: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut exactly = vec![1.0];
    for p in chances {
        exactly.push(0.0);
        for k in (0..exactly.len()).rev() {
            let one_less = if k == 0 { 0.0 } else { exactly[k - 1] };
            exactly[k] = (1.0 - p) * exactly[k] + p * one_less;
        }
    }
    exactly
}

/// A market of the history that calibrates, see `squeeze_calibration`, calibrated on its last day.
async fn calibrated() -> (Harness, SqueezeHistory) {
    let history = SqueezeHistory::new(HistoryParameters { names: 200, sessions: 620, seed: 7 });
    let harness = Harness::at("2024-02-01T12:00:00Z").await;
    load(&harness, &history).await;
    let mut client = SqueezeServiceClient::new(harness.channel().await);
    let day = history.days[619].to_string();
    let (_, answer) = calibrate(&mut client, request("c1", &day)).await.unwrap();
    assert!(answer.calibration.unwrap().calibrated);
    (harness, history)
}

/// The joint loss of six shorts and two longs there, few enough to read.
pub(crate) async fn of_a_few() -> Response<v1::SimulateSqueezeResponse> {
    let (harness, history) = calibrated().await;
    let mut portfolio = book(&history);
    let longs = portfolio.positions.len() - 2;
    portfolio.positions.drain(6..longs);
    let simulation = v1::SqueezeSimulation {
        excess: Some(v1::SqueezeExcess { scale: 0.2, shape: 0.25 }),
        exit_sessions: vec![1, 5],
        ..Default::default()
    };
    let request = v1::SimulateSqueezeRequest {
        as_of: on(&history.days[619].to_string()),
        portfolio: Some(portfolio),
        simulation: Some(simulation),
        crowd: Some(v1::SqueezeCrowdTerms { margin_rise: Some(0.1), ..crowd() }),
        ..Default::default()
    };
    let mut client = SqueezeServiceClient::new(harness.channel().await);
    let answer = client.simulate_squeeze(request).await.unwrap();
    harness.stop().await;
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calibrated_book_has_a_joint_loss() {
    let (harness, history) = calibrated().await;
    let (day, before) = (history.days[619].to_string(), history.days[618].to_string());
    let mut client = SqueezeServiceClient::new(harness.channel().await);
    let asked = |as_of: &str| v1::SimulateSqueezeRequest {
        as_of: on(as_of),
        portfolio: Some(book(&history)),
        crowd: Some(crowd()),
        ..Default::default()
    };
    let answer = simulate(&mut client, asked(&day)).await;
    assert_eq!((answer.no_distribution, answer.distributions.len()), (None, 2));
    check_shorts(&mut client, &answer, &history, &day).await;
    answer.distributions.iter().for_each(|made| check_distribution(made, &answer.shorts));
    check_crowd(&answer);
    check_terms(&mut client, &answer, asked(&day)).await;
    check_independent(&mut client, asked(&day)).await;
    check_limit(&mut client, asked(&day)).await;

    // The day before, nothing was calibrated; the scenarios are of that day.
    let earlier = simulate(&mut client, asked(&before)).await;
    assert_eq!(earlier.no_distribution(), v1::NoSqueezeDistribution::NotCalibrated);
    assert!(earlier.distributions.is_empty() && !earlier.scenarios.is_empty());

    // A fresh process with another number of threads says the same, byte for byte.
    let harness = harness.restart_with(|config| config.threads = 3).await;
    let mut client = SqueezeServiceClient::new(harness.channel().await);
    let as_of = replay_of(&reference(&answer.info));
    let again = simulate(&mut client, v1::SimulateSqueezeRequest { as_of, ..asked(&day) }).await;
    assert!(again.encode_to_vec() == answer.encode_to_vec(), "a replay");
    harness.stop().await;
}

/// What is simulated is what AssessShortBook says of the same book.
async fn check_shorts(
    client: &mut Client,
    answer: &v1::SimulateSqueezeResponse,
    history: &SqueezeHistory,
    day: &str,
) {
    let request = v1::AssessShortBookRequest {
        as_of: on(day),
        portfolio: Some(book(history)),
        ..Default::default()
    };
    let assessed = client.assess_short_book(request).await.unwrap().into_inner();
    assert!(20 < answer.shorts.len(), "{}", answer.shorts.len());
    let line = |symbol: &str| {
        let is_it = |line: &&v1::ShortLine| line.name.as_ref().unwrap().symbol == symbol;
        assessed.lines.iter().find(is_it).unwrap()
    };
    let mut value = 0.0;
    for short in &answer.shorts {
        let line = line(&short.symbol);
        let name = line.name.as_ref().unwrap();
        assert_eq!(name.squeeze_probability, Some(short.squeeze_probability));
        assert_eq!(name.squeeze_threshold, Some(short.squeeze_threshold));
        assert_eq!(line.exit_days_at_normal_volume, short.exit_days_at_normal_volume);
        // Short interest over normal volume, and the crowd is all of it.
        let input = |id: &str| name.inputs.iter().find(|input| input.name == id).unwrap().value;
        let interest = input("short_interest").unwrap();
        near(short.days_to_cover_at_normal_volume, interest / input("normal_volume").unwrap());
        near(short.crowd_market_value, interest * input("close").unwrap());
        value -= short.market_value;
    }
    let not_simulated: f64 = assessed
        .lines
        .iter()
        .filter(|line| line.name.as_ref().unwrap().squeeze_probability.is_none())
        .map(|line| -line.market_value)
        .sum();
    near(answer.share_simulated.unwrap(), value / answer.gross_short);
    near(answer.gross_short, value + not_simulated);
    let scenarios: Vec<_> = assessed.scenarios.iter().map(|s| (&s.symbols, s.pnl)).collect();
    let found: Vec<_> = answer.scenarios.iter().map(|s| (&s.symbols, s.pnl)).collect();
    assert_eq!(found, scenarios);
}

/// A hundred thousand paths: a hundred are beyond the last level.
fn check_quantiles(made: &v1::JointSqueezeLoss) {
    assert_eq!(made.quantiles.len(), 23);
    let quantile = |at: usize| (made.quantiles[at].level, made.quantiles[at].loss);
    assert_eq!(quantile(18), (0.95, made.tails[0].value_at_risk));
    assert_eq!(quantile(20), (0.99, made.tails[1].value_at_risk));
}

fn check_distribution(made: &v1::JointSqueezeLoss, shorts: &[v1::SimulatedShort]) {
    let mean = made.mean_loss.unwrap();
    // Every jump is at least the threshold, so the mean loss is at least this.
    let least: f64 =
        shorts.iter().map(|s| -s.market_value * s.squeeze_probability * s.squeeze_threshold).sum();
    assert!(least < mean.value + 4.0 * mean.standard_error, "{mean:?} {least}");
    let probability = |row: &v1::SqueezeCount| row.probability.unwrap().value;
    assert!(made.counts.is_sorted_by(|a, b| probability(b) <= probability(a)));
    check_quantiles(made);
    assert_eq!(made.tails.iter().map(|tail| tail.confidence).collect::<Vec<_>>(), [0.95, 0.99]);
    for tail in &made.tails {
        let (var, shortfall) = (tail.value_at_risk.unwrap(), tail.expected_shortfall.unwrap());
        assert!(0.0 < shortfall.standard_error && var.value < shortfall.value);
        let longs = tail.longs_contribution.unwrap();
        assert!(0.0 < longs.value && 0.0 < longs.standard_error);
        let parts = tail.contributions.iter().map(|part| part.contribution.unwrap().value);
        near(parts.sum::<f64>() + longs.value, shortfall.value);
        assert_eq!(tail.contributions.len(), shorts.len());
    }
    assert_eq!(made.exits.iter().map(|exit| exit.session).collect::<Vec<_>>(), [1, 2, 5, 10, 21]);
    let total: f64 = shorts.iter().map(|short| -short.market_value).sum();
    assert!(0.1 < made.exits[0].share_left && made.exits[0].share_left < 1.0);
    for exit in &made.exits {
        let left = |short: &v1::SimulatedShort| {
            let days = short.exit_days_at_normal_volume.unwrap();
            -short.market_value * (1.0 - f64::from(exit.session) / days).max(0.0)
        };
        near(exit.share_left, shorts.iter().map(left).sum::<f64>() / total);
        assert!(exit.mean_loss.unwrap().value <= mean.value);
        assert_eq!(exit.tails.len(), 2);
    }
}

fn check_crowd(answer: &v1::SimulateSqueezeResponse) {
    let crowd = answer.crowd.unwrap();
    near(crowd.own_longs, 4e9);
    near(crowd.assets, crowd.short_market_value);
    // 0.16 * 3, and 1 + 0.16 * 4 / (1 - 0.48).
    near(crowd.gain, 0.48);
    assert!(crowd.stable);
    near(crowd.first_order_multiplier.unwrap(), 1.0 + 0.64 / 0.52);
    for scenario in &answer.scenarios {
        let made = scenario.deleveraging.unwrap();
        near(made.multiplier.unwrap(), made.total_loss / made.first_loss);
        near(made.price_fall, (0.16 * made.sold / crowd.assets).min(1.0));
        near(made.longs_pnl, -4e9 * made.price_fall);
        near(scenario.total_pnl, scenario.pnl + made.longs_pnl);
    }
    let one = &answer.scenarios[0];
    let short = answer.shorts.iter().find(|short| short.symbol == one.symbols[0]).unwrap();
    let first = short.crowd_market_value * short.squeeze_threshold;
    near(one.deleveraging.unwrap().first_loss, first);
}

/// Where a request says nothing, the correlation and the excess are those of the calibration.
async fn check_terms(
    client: &mut Client,
    answer: &v1::SimulateSqueezeResponse,
    asked: v1::SimulateSqueezeRequest,
) {
    use v1::SqueezeTermSource::{Calibration, Request};
    let stored = v1::GetCalibrationRequest { as_of: asked.as_of.clone() };
    let stored = client.get_calibration(stored).await.unwrap().into_inner().calibration.unwrap();
    let joint = stored.joint.unwrap();
    let (excess, used) = (joint.excess.unwrap(), answer.simulation.as_ref().unwrap());
    assert_eq!((answer.correlation_source(), answer.excess_source()), (Calibration, Calibration));
    // The one-sided upper bound of 95 %.
    let bound = joint.correlation.unwrap() + 1.645 * joint.correlation_standard_error.unwrap();
    near(used.correlation.unwrap(), bound);
    assert_eq!(used.excess, Some(v1::SqueezeExcess { scale: excess.scale, shape: excess.shape }));
    assert!(0.0 < excess.scale && 0.0 < excess.scale_standard_error, "{excess:?}");
    assert!(0.0 < joint.correlation_standard_error.unwrap(), "{joint:?}");
    assert_eq!(excess.event_count, stored.matured.unwrap().event_count);
    let simulation = v1::SqueezeSimulation {
        correlation: Some(0.25),
        excess: Some(v1::SqueezeExcess { scale: 0.0, shape: 0.0 }),
        path_count: Some(2_000),
        confidences: vec![0.9],
        ..Default::default()
    };
    let asked = v1::SimulateSqueezeRequest { simulation: Some(simulation), ..asked };
    let given = simulate(client, asked).await;
    assert_eq!((given.correlation_source(), given.excess_source()), (Request, Request));
    let used = given.simulation.unwrap();
    assert_eq!((used.correlation, used.excess.unwrap().scale.to_bits()), (Some(0.25), 0));
}

/// Work over the limit names the paths, and everything of which less would be enough. 500,000 paths
/// of both copulas may have 200 draws each: shorts x (1 + 4 t), and 100 for the crowd. About 30
/// shorts have 238 with t = 0.9; 178 with the highest confidence alone, for which t = 0.4; 138
/// without the crowd; and one copula may have 400.
async fn check_limit(client: &mut Client, asked: v1::SimulateSqueezeRequest) {
    let simulation = v1::SqueezeSimulation {
        confidences: vec![0.5, 0.6],
        path_count: Some(500_000),
        ..Default::default()
    };
    let mut asked = v1::SimulateSqueezeRequest { simulation: Some(simulation), ..asked };
    asked.portfolio.as_mut().unwrap().positions.truncate(30);
    let refused = client.simulate_squeeze(asked).await.unwrap_err();
    let named = ["path_count", "copulas", "confidences"].map(|field| format!("simulation.{field}"));
    let named: Vec<&str> = named.iter().map(String::as_str).chain(["crowd"]).collect();
    expect_refusal(&refused, Code::InvalidArgument, "INVALID_REQUEST", &named);
}

/// Without correlation the Gaussian copula is independence: the counts are Poisson-binomial.
async fn check_independent(client: &mut Client, asked: v1::SimulateSqueezeRequest) {
    let simulation = |seed| {
        Some(v1::SqueezeSimulation {
            copulas: vec![v1::SqueezeCopula::Gaussian.into()],
            correlation: Some(0.0),
            seed: Some(seed),
            ..Default::default()
        })
    };
    let request = v1::SimulateSqueezeRequest { simulation: simulation(5), crowd: None, ..asked };
    let answer = simulate(client, request.clone()).await;
    let exactly = poisson_binomial(answer.shorts.iter().map(|short| short.squeeze_probability));
    let [made] = &answer.distributions[..] else { panic!("one copula") };
    for row in made.counts.iter().take(4) {
        let found = row.probability.unwrap();
        let expected: f64 = exactly[row.count as usize..].iter().sum();
        let off = (found.value - expected).abs();
        assert!(off <= 4.0 * found.standard_error, "{}: {found:?} {expected}", row.count);
    }
    assert!(answer.crowd.is_none() && made.tails[0].longs_contribution.is_none());
    assert!(answer.scenarios.iter().all(|scenario| scenario.deleveraging.is_none()));
    let other = v1::SimulateSqueezeRequest { simulation: simulation(6), ..request };
    assert_ne!(simulate(client, other).await.distributions, answer.distributions);
}

/// The market of `squeeze`: CROWD at 12 with 1.6 million of 8 million shares short.
#[tokio::test]
async fn without_a_calibration_there_are_scenarios_alone() {
    let harness = Harness::at(squeeze::NOW).await;
    squeeze::load(&harness).await;
    let mut client = SqueezeServiceClient::new(harness.channel().await);
    let position = |symbol, shares| held(symbol, Size::Quantity(shares));
    let positions =
        vec![position("CROWD", -1_000.0), position("CALM", -100.0), position("PXONLY", 50.0)];
    let crowd = v1::SqueezeCrowdTerms {
        share_of_short_interest: Some(0.5),
        assets: Some(1e9),
        margin_rise: Some(0.5),
        longs: vec![named("CALM").unwrap(), named("PXONLY").unwrap()],
        ..crowd()
    };
    let request = v1::SimulateSqueezeRequest {
        as_of: on("2021-01-27"),
        portfolio: Some(v1::Portfolio { positions, ..v1::Portfolio::default() }),
        crowd: Some(crowd),
        ..Default::default()
    };
    let answer = simulate(&mut client, request.clone()).await;
    assert_eq!(answer.no_distribution(), v1::NoSqueezeDistribution::NotCalibrated);
    assert!(answer.distributions.is_empty() && answer.shorts.is_empty());
    assert_eq!((answer.calibrated_at, answer.share_simulated), (None, Some(0.0)));
    let assumed = v1::SqueezeTermSource::Assumed;
    assert_eq!((answer.correlation_source(), answer.excess_source()), (assumed, assumed));
    assert_eq!(answer.simulation.as_ref().unwrap().correlation, Some(0.3));
    let gaps = &answer.info.as_ref().unwrap().gaps;
    let is_calibration = |gap: &&v1::Gap| gap.detail.contains("only scenarios");
    assert!(gaps.iter().any(|gap| is_calibration(&gap) && is_about(gap, ".squeeze_probability")));

    let crowd = answer.crowd.unwrap();
    // Half of 1.6 million shares at 12 and of the others; 0.16 * (4 - 1 + 0.5 * 4); 50 shares at 20.
    assert!(0.5 * 1.6e6 * 12.0 <= crowd.short_market_value);
    near(crowd.assets, 1e9);
    near(crowd.gain, 0.8);
    near(crowd.own_longs, 1_000.0);
    let crowded = answer.scenarios.iter().find(|scenario| scenario.all_heavily_short).unwrap();
    assert_eq!(crowded.symbols, ["CROWD"]);
    // The short lost 12,000 times the threshold, and the crowd half of the short interest times it.
    let threshold = -crowded.pnl / 12_000.0;
    let made = crowded.deleveraging.unwrap();
    near(made.first_loss, 0.5 * 1.6e6 * 12.0 * threshold);
    assert!(made.first_loss < made.total_loss && !made.exhausted);
    harness.stop().await;
}

#[tokio::test]
async fn a_bad_request_to_simulate_names_every_field() {
    let harness = Harness::at(squeeze::NOW).await;
    let mut client = SqueezeServiceClient::new(harness.channel().await);
    let request = v1::SimulateSqueezeRequest {
        participation: Some(0.0),
        simulation: Some(v1::SqueezeSimulation {
            copulas: vec![1, 1],
            correlation: Some(1.0),
            path_count: Some(2_001),
            seed: None,
            confidences: vec![0.95, 1.0, 0.95],
            excess: Some(v1::SqueezeExcess { scale: -1.0, shape: 1.0 }),
            largest_jump: Some(0.0),
            exit_sessions: vec![5, 5, 64],
        }),
        crowd: Some(v1::SqueezeCrowdTerms {
            share_of_short_interest: Some(1.1),
            assets: Some(-1.0),
            leverage: None,
            price_fall_of_all: Some(f64::NAN),
            margin_rise: Some(11.0),
            longs: vec![v1::InstrumentRef::default()],
        }),
        ..Default::default()
    };
    let refused = client.simulate_squeeze(request).await.unwrap_err();
    let paths = [
        "participation",
        "portfolio",
        "simulation.copulas[1]",
        "simulation.correlation",
        "simulation.path_count",
        "simulation.largest_jump",
        "simulation.excess.scale",
        "simulation.excess.shape",
        "simulation.confidences[1]",
        "simulation.confidences[2]",
        "simulation.exit_sessions[1]",
        "simulation.exit_sessions[2]",
        "crowd.share_of_short_interest",
        "crowd.margin_rise",
        "crowd.assets",
        "crowd.leverage",
        "crowd.price_fall_of_all",
        "crowd.longs[0]",
    ];
    expect_refusal(&refused, Code::InvalidArgument, "INVALID_REQUEST", &paths);

    let positions = vec![held("A", Size::MarketValue(-1.0))];
    let short = Some(v1::Portfolio { positions, ..Default::default() });
    // Two paths of 2,000 are no tail; twenty are.
    let few = v1::SimulateSqueezeRequest {
        portfolio: short.clone(),
        simulation: Some(v1::SqueezeSimulation {
            path_count: Some(2_000),
            confidences: vec![0.99, 0.999],
            ..Default::default()
        }),
        ..Default::default()
    };
    let refused = client.simulate_squeeze(few).await.unwrap_err();
    let path = "simulation.confidences[1]";
    expect_refusal(&refused, Code::InvalidArgument, "INVALID_REQUEST", &[path]);

    let unknown = v1::SimulateSqueezeRequest {
        portfolio: short.clone(),
        crowd: Some(v1::SqueezeCrowdTerms { longs: vec![named("NOSUCH").unwrap()], ..crowd() }),
        ..Default::default()
    };
    let refused = client.simulate_squeeze(unknown).await.unwrap_err();
    expect_refusal(&refused, Code::InvalidArgument, "INVALID_REQUEST", &["crowd.longs[0]"]);
    harness.stop().await;
}
