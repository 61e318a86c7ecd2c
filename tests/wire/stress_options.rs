//! Options in scenarios with a squeeze, an exit and other currencies, all at once.

use crate::{
    currencies,
    derivatives::{line, near, option},
    golden::{LAST_ON, NOW, book, simulated},
    harness::{Harness, gaps, header, held, named, on},
    portfolio::of,
    stress,
};
use contract::v1::{
    self, OptionRight, PositionKind as Kind, hedge_service_client::HedgeServiceClient,
    move_size::Size as Moved, option_terms::Sensitivity, position::Size, scenario_shock::Target,
    short_squeeze::Shorts, stress_service_client::StressServiceClient,
};
use std::fmt::Write as _;
use tonic::transport::Channel;

/// Ten contracts of a hundred.
fn contracts(symbol: &str, right: OptionRight, strike: f64, expires_on: &str) -> v1::Position {
    let model = v1::BlackScholesTerms {
        right: right.into(),
        strike: Some(strike),
        expires_on: expires_on.to_owned(),
        volatility: Some(0.4),
        rate: Some(0.0),
        dividend_yield: None,
    };
    let terms = Some(option(Some(100.0), Sensitivity::BlackScholes(model)));
    line(Kind::Option, symbol, Size::Quantity(10.0), terms)
}

async fn run(channel: &Channel, asked: v1::RunStressRequest) -> Vec<v1::StressResult> {
    let mut client = StressServiceClient::new(channel.clone());
    client.run_stress(asked).await.unwrap().into_inner().results
}

fn shock(symbol: &str, size: f64) -> v1::Scenario {
    stress::shocked(Target::Instrument(named(symbol).unwrap()), Moved::TotalReturn(size))
}

fn chosen(symbol: &str, jump: f64) -> Shorts {
    let jump = Some(jump);
    let lines = vec![v1::SqueezedShort { instrument: named(symbol), jump }];
    Shorts::Chosen(v1::SqueezedShorts { lines })
}

/// A name of the sample book that is short, and its close.
pub(crate) async fn a_short(channel: &Channel, of: &v1::Portfolio) -> (String, f64) {
    let asked = v1::AnalyzePortfolioRequest {
        as_of: on(LAST_ON),
        portfolio: Some(of.clone()),
        top_positions: Some(10_000),
        ..Default::default()
    };
    let mut client = v1::exposure_service_client::ExposureServiceClient::new(channel.clone());
    let report = client.analyze_portfolio(asked).await.unwrap().into_inner().report.unwrap();
    let is_short = |row: &&v1::PositionExposure| row.market_value < 0.0;
    let row = report.positions.iter().find(is_short).unwrap();
    (row.symbol.clone(), row.price.unwrap())
}

/// A put after a fall by a tenth and a squeeze of a half: the exit leaves out nothing of what both make,
/// and what is to be sold are the shares of the delta at the price after both. With next to no
/// participation nothing is sold; with some the cost is the difference.
#[tokio::test(flavor = "multi_thread")]
async fn an_exit_follows_a_scenario_with_a_squeeze_of_options() {
    let harness = Harness::at(NOW).await;
    let simulated = simulated(&harness).await;
    let channel = harness.channel().await;
    let (symbol, price) = a_short(&channel, &book(&simulated)).await;
    let put = contracts(&symbol, OptionRight::Put, price, "2025-01-17");
    let asked = |participation: f64| v1::RunStressRequest {
        as_of: on(LAST_ON),
        portfolio: Some(of(vec![put.clone()])),
        scenarios: vec![v1::Scenario {
            scenario_id: "both".to_owned(),
            ..stress::squeezed(shock(&symbol, -0.1), chosen(&symbol, 0.5))
        }],
        exit: Some(v1::ExitTerms { participation: Some(participation), ..Default::default() }),
        ..Default::default()
    };
    let mut exits = Vec::new();
    for participation in [1e-9, 0.15] {
        let results = run(&channel, asked(participation)).await;
        let [result] = &results[..] else { panic!("one scenario") };
        let (squeezed, exit) = (result.squeezed.as_ref().unwrap(), result.exit.unwrap());
        near(exit.pnl + exit.cost, squeezed.pnl, 1e-6);
        let fallen = result.outcome.as_ref().unwrap();
        assert!(0.0 < fallen.pnl && squeezed.squeeze_pnl < 0.0, "{squeezed:?}");
        // Less than by the delta: the put is worth little by then.
        let row = &fallen.positions[0];
        assert!((row.market_value + row.pnl) * 0.5 < squeezed.squeeze_pnl);
        let value = row.market_value.abs() * 0.9 * 1.5;
        let participates = 1e-6 < participation;
        if participates {
            assert!(0.0 < exit.cost && exit.unsold < value, "{exit:?}");
        } else {
            near(exit.unsold, value, 1e-4 * value);
        }
        exits.push(exit);
    }
    assert!(exits[0].cost < 1e-6 * exits[1].cost, "{exits:?}");
    harness.stop().await;
}

/// A written call on a name in dollars, replayed over the last session, in which the dollar fell by 4 % to
/// the euro, and squeezed besides. In euros the call is worth g times what it is in dollars, at any price:
/// with P the P&L in a currency and n·V what the call is worth now, 1.25·P_eur = g·(n·V + P_usd) − n·V. So
/// every squeeze gives the same n·V, and none would if strikes stayed where they are.
#[tokio::test(flavor = "multi_thread")]
async fn a_squeeze_after_a_replay_moves_strikes_with_the_rate() {
    let (_harness, channel) = currencies::market().await;
    let call = contracts("AA", OptionRight::Call, 110.0, "2021-06-16");
    let written =
        v1::Position { size: Some(Size::Quantity(-10.0)), currency: "USD".to_owned(), ..call };
    let made = async |currency: &str, jump: f64| {
        let portfolio =
            v1::Portfolio { currency: currency.to_owned(), ..of(vec![written.clone()]) };
        let replay = stress::replay(currencies::TODAY, currencies::TODAY);
        let asked = v1::RunStressRequest {
            as_of: on(currencies::TODAY),
            portfolio: Some(portfolio),
            scenarios: vec![stress::squeezed(replay, chosen("AA", jump))],
            ..Default::default()
        };
        let results = run(&channel, asked).await;
        let beyond = results[0].outcome.as_ref().unwrap().beyond_first_order_pnl.unwrap();
        results[0].squeezed.as_ref().unwrap().pnl + beyond
    };
    let g = 1.2 / 1.25;
    let mut worth = Vec::new();
    for jump in [0.0, 0.2, 0.5] {
        let (euros, dollars) = (made("EUR", jump).await, made("USD", jump).await);
        worth.push((1.25 * euros - g * dollars) / (g - 1.0));
    }
    // About 0.4·0.4·√(140/365)·110 = 10.9 a share at the money, for 1,000 shares that are owed.
    near(worth[0], -10.9e3, 0.3e3);
    for other in &worth[1..] {
        near(*other, worth[0], 1e-6 * worth[0].abs());
    }
}

/// A scenario that is no replay says nothing of rates: strikes in another currency stay, and a gap says so,
/// in a stress, in the likeliest loss and in a hedge.
#[tokio::test(flavor = "multi_thread")]
async fn strikes_at_a_fixed_rate_are_a_gap() {
    let harness = Harness::at(NOW).await;
    let simulated = simulated(&harness).await;
    let mut rates = String::from("series,date,value\n");
    for day in &simulated.days {
        writeln!(rates, "EURUSD,{day},1.25").unwrap();
    }
    harness.try_ingest(header("rates.csv"), rates.as_bytes()).await.unwrap();
    let channel = harness.channel().await;
    let (symbol, price) = a_short(&channel, &book(&simulated)).await;
    let put = v1::Position {
        currency: "USD".to_owned(),
        ..contracts(&symbol, OptionRight::Put, price, "2025-01-17")
    };
    let is_of_rate =
        |gap: &v1::Gap| gap.reason() == v1::GapReason::Proxy && gap.detail.contains("rate of USD");
    for (currency, expected) in [("EUR", true), ("USD", false)] {
        let portfolio = Some(v1::Portfolio {
            currency: currency.to_owned(),
            ..of(vec![put.clone(), held(&symbol, Size::Quantity(10.0))])
        });
        let asked = v1::RunStressRequest {
            as_of: on(LAST_ON),
            portfolio: portfolio.clone(),
            scenarios: vec![shock(&symbol, -0.1)],
            ..Default::default()
        };
        let results = run(&channel, asked).await;
        assert_eq!(results[0].gaps.iter().any(is_of_rate), expected, "{:?}", results[0].gaps);
        let asked = v1::FindLikelyLossRequest {
            as_of: on(LAST_ON),
            portfolio: portfolio.clone(),
            loss: Some(1e3),
            ..Default::default()
        };
        let mut client = StressServiceClient::new(channel.clone());
        let answer = client.find_likely_loss(asked).await.unwrap().into_inner();
        assert_eq!(gaps(&answer.info).iter().any(is_of_rate), expected);
        let asked = v1::PlanHedgeRequest {
            as_of: on(LAST_ON),
            portfolio,
            without_effectiveness: true,
            ..Default::default()
        };
        let mut client = HedgeServiceClient::new(channel.clone());
        let answer = client.plan_hedge(asked).await.unwrap().into_inner();
        assert_eq!(gaps(&answer.info).iter().any(is_of_rate), expected);
    }
    harness.stop().await;
}

/// A name that is long on the whole is no short, however its lines net: the costliest short is another one.
#[tokio::test(flavor = "multi_thread")]
async fn a_short_is_a_name_that_nets_to_less_than_nothing() {
    let harness = Harness::at(NOW).await;
    let simulated = simulated(&harness).await;
    let channel = harness.channel().await;
    let whole = book(&simulated);
    let (first, _) = a_short(&channel, &whole).await;
    let is_other = |position: &&v1::Position| {
        let symbol = &position.instrument.as_ref().unwrap().symbol;
        matches!(position.size, Some(Size::Quantity(count)) if count < 0.0) && *symbol != first
    };
    let other = whole.positions.iter().find(is_other).unwrap();
    let second = other.instrument.as_ref().unwrap().symbol.clone();
    let positions = vec![
        held(&first, Size::MarketValue(3e6)),
        held(&first, Size::MarketValue(-2e6)),
        held(&second, Size::MarketValue(-1e4)),
    ];
    let netting = v1::Netting { level: v1::NettingLevel::Line.into(), ..v1::Netting::default() };
    for shorts in [Shorts::CostliestCount(1), Shorts::CostliestCount(5)] {
        let asked = v1::RunStressRequest {
            as_of: on(LAST_ON),
            portfolio: Some(of(positions.clone())),
            settings: Some(v1::AnalysisSettings {
                netting: Some(netting.clone()),
                ..Default::default()
            }),
            scenarios: vec![stress::squeezed(shock(&first, -0.01), shorts)],
            ..Default::default()
        };
        let results = run(&channel, asked).await;
        let squeezed = results[0].squeezed.as_ref().unwrap();
        let symbols: Vec<&str> = squeezed.positions.iter().map(|row| row.symbol.as_str()).collect();
        assert_eq!(symbols, [second.as_str()]);
        assert!(results[0].gaps.iter().all(|gap| !gap.detail.contains("not short")));
    }
    harness.stop().await;
}
