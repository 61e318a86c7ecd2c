//! Options in hedges whose strikes are in another currency, or in another unit of it.

use crate::{
    derivatives::{line, near, option},
    golden::{LAST_ON, NOW, book, simulated},
    harness::{Harness, header, held, named, on},
    hedge::outcome,
    portfolio::of,
    stress,
    stress_options::a_short,
};
use contract::v1::{
    self, OptionRight, PositionKind as Kind, hedge_constraint::Limited, hedge_line::Line,
    hedge_service_client::HedgeServiceClient, option_terms::Sensitivity, position::Size,
    stress_service_client::StressServiceClient,
};
use simulation::market::Market;
use std::fmt::Write as _;

/// A euro costs 1.1 to 1.3 dollars in turn. A replay moves the strike of a put in dollars with the rate: in
/// a limit of a hedge as in a stress test, which adds what the put makes beyond its delta.
#[tokio::test(flavor = "multi_thread")]
async fn a_limit_on_a_replay_is_its_stress() {
    let harness = Harness::at(NOW).await;
    let market = simulated(&harness).await;
    let mut rates = String::from("series,date,value\n");
    for (at, day) in market.days.iter().enumerate() {
        writeln!(rates, "EURUSD,{day},{}", 1.1 + 0.02 * ((7 * at) % 11) as f64).unwrap();
    }
    harness.try_ingest(header("rates.csv"), rates.as_bytes()).await.unwrap();
    let channel = harness.channel().await;
    let (symbol, price) = a_short(&channel, &book(&market)).await;
    let model = v1::BlackScholesTerms {
        right: OptionRight::Put.into(),
        strike: Some(price),
        expires_on: "2025-01-17".to_owned(),
        volatility: Some(0.4),
        rate: Some(0.0),
        dividend_yield: None,
    };
    let terms = Some(option(Some(100.0), Sensitivity::BlackScholes(model)));
    let put = v1::Position {
        currency: "USD".to_owned(),
        ..line(Kind::Option, &symbol, Size::Quantity(10.0), terms)
    };
    let shares = held("QQQ", Size::Quantity(100.0));
    let portfolio = v1::Portfolio { currency: "EUR".to_owned(), ..of(vec![put, shares]) };
    let count = market.days.len();
    let mut made = Vec::new();
    for back in [3, 8, 21] {
        let day = |at: usize| market.days[at].to_string();
        let replay = stress::replay(&day(count - back), &day(count - 2));
        let asked = v1::RunStressRequest {
            as_of: on(LAST_ON),
            portfolio: Some(portfolio.clone()),
            scenarios: vec![replay.clone()],
            ..Default::default()
        };
        let mut client = StressServiceClient::new(channel.clone());
        let stressed = client.run_stress(asked).await.unwrap().into_inner();
        let stressed = stressed.results[0].outcome.clone().unwrap();
        let beyond = stressed.beyond_first_order_pnl.unwrap();
        let limit = v1::HedgeConstraint {
            constraint_id: "replay".to_owned(),
            lower: Some(-1e9),
            upper: None,
            limited: Some(Limited::Scenario(replay)),
        };
        let problem = v1::HedgeProblem {
            instruments: vec![crate::hedge::fund("IWM")],
            constraints: vec![limit],
            ..Default::default()
        };
        let asked = v1::PlanHedgeRequest {
            as_of: on(LAST_ON),
            portfolio: Some(portfolio.clone()),
            problem: Some(problem),
            without_effectiveness: true,
            ..Default::default()
        };
        let mut client = HedgeServiceClient::new(channel.clone());
        let plans = client.plan_hedge(asked).await.unwrap().into_inner().plans;
        let limited = &outcome(&plans[1]).constraints[0];
        assert_eq!(limited.constraint_id, "replay");
        near(limited.before, stressed.pnl + beyond, 1e-6 * stressed.pnl.abs());
        made.push(beyond);
    }
    // The rate moves by up to a fifth: a strike in euros that stays would make something else.
    assert!(made.iter().all(|beyond| 1.0 < beyond.abs()), "{made:?}");
    harness.stop().await;
}

/// A name quoted in pence of a pound of 1.25 dollars, and a call on it at the money without interest whose
/// σ√T is 0.2: it costs 2Φ(0.1) − 1 = 0.0796557 of a share, and its delta is Φ(0.1) = 0.5398278 (tables of
/// the normal distribution). Ten contracts of a hundred are 539.8278 shares by their delta.
#[tokio::test(flavor = "multi_thread")]
async fn an_option_on_a_name_in_pence_is_quoted_in_pence() {
    let harness = Harness::at(NOW).await;
    let market = simulated(&harness).await;
    let channel = harness.channel().await;
    let (symbol, pence) = a_short(&channel, &book(&market)).await;
    let mut rates = String::from("series,date,value\n");
    for day in &market.days {
        writeln!(rates, "GBPUSD,{day},1.25").unwrap();
    }
    let master = format!("symbol,isin,currency\n{symbol},,GBp\n");
    for (name, text) in [("rates.csv", rates), ("master.csv", master)] {
        let report = harness.try_ingest(header(name), text.as_bytes()).await.unwrap();
        assert_eq!(report.rejected_count, 0, "{report:?}");
    }
    let years: f64 = 91.0 / 365.0;
    let expires_on = marketdata::day::Day::parse_iso(LAST_ON).unwrap().plus(91).to_string();
    let (premium, delta) = (0.079_655_674_554_058 * pence, 0.539_827_837_277_029);
    let call = v1::HedgeOption {
        right: OptionRight::Call.into(),
        strike: pence,
        expires_on,
        mid: Some(premium),
        rate: Some(0.0),
        ..Default::default()
    };
    let contract =
        v1::HedgeContract { contract_id: "C".to_owned(), multiplier: 100.0, option: Some(call) };
    let instrument = v1::HedgeInstrument {
        contract: Some(contract),
        daily_value: Some(1e7),
        terms: Some(v1::HedgeTerms { half_spread: Some(0.01), ..Default::default() }),
        ..crate::hedge::fund(&symbol)
    };
    let shares = crate::hedge::fund(&symbol);
    let problem = v1::HedgeProblem { instruments: vec![instrument, shares], ..Default::default() };
    let own = async |of_line: Line, quantity: f64| {
        let size = Some(v1::hedge_order::Size::Quantity(quantity));
        let line = Some(v1::HedgeLine { line: Some(of_line) });
        let asked = v1::EvaluateHedgeRequest {
            as_of: on(LAST_ON),
            portfolio: Some(of(vec![held("QQQ", Size::Quantity(100.0))])),
            problem: Some(problem.clone()),
            orders: vec![v1::HedgeOrder { line, size }],
            ..Default::default()
        };
        let mut client = HedgeServiceClient::new(channel.clone());
        client.evaluate_hedge(asked).await.unwrap().into_inner().own.unwrap()
    };
    let by_option = own(Line::ContractId("C".to_owned()), 10.0).await;
    let trade = &by_option.trades[0];
    let dollars = 0.01 * 1.25;
    near(trade.price, 100.0 * delta * pence * dollars, 1e-6 * pence);
    let terms = trade.option.as_ref().unwrap();
    near(terms.delta, delta, 1e-7);
    near(terms.implied_volatility, 0.2 / years.sqrt(), 1e-6);
    near(terms.premium, 1_000.0 * premium * dollars, 1e-6 * pence);
    near(terms.strike, pence * dollars, 1e-9 * pence);
    // A hundredth of the premium, and the commission of 0.0001 of it.
    near(by_option.cost.as_ref().unwrap().spread, 0.0101 * terms.premium, 1e-6 * pence);
    let by_shares = own(Line::Instrument(named(&symbol).unwrap()), 1_000.0 * delta).await;
    let after = |outcome: &v1::HedgeOutcome| outcome.volatility.as_ref().unwrap().after;
    near(after(&by_option), after(&by_shares), 1e-6 * after(&by_shares));
    near(trade.market_value, by_shares.trades[0].market_value, 1e-4 * trade.market_value);
    harness.stop().await;
}

/// A short of the sample book that is quoted in pounds, whose rate is known in the last sessions only; and a
/// put on it.
async fn a_put_in_pounds(harness: &Harness, market: &Market, known: usize) -> v1::Position {
    let channel = harness.channel().await;
    let (symbol, price) = a_short(&channel, &book(market)).await;
    let mut rates = String::from("series,date,value\n");
    for (at, day) in market.days[market.days.len() - known..].iter().enumerate() {
        writeln!(rates, "GBPUSD,{day},{}", 1.2 + 0.01 * ((3 * at) % 7) as f64).unwrap();
    }
    let master = format!("symbol,isin,currency\n{symbol},,GBP\n");
    for (name, text) in [("rates.csv", rates), ("master.csv", master)] {
        harness.try_ingest(header(name), text.as_bytes()).await.unwrap();
    }
    let model = v1::BlackScholesTerms {
        right: OptionRight::Put.into(),
        strike: Some(price),
        expires_on: "2025-01-17".to_owned(),
        volatility: Some(0.4),
        rate: Some(0.0),
        dividend_yield: None,
    };
    let terms = Some(option(Some(100.0), Sensitivity::BlackScholes(model)));
    v1::Position {
        currency: "GBP".to_owned(),
        ..line(Kind::Option, &symbol, Size::Quantity(10.0), terms)
    }
}

/// In the last 340 sessions the rate of a strike is known. A window before them has none: the name moves by
/// its stand-in, and its strike stays where it is, which a gap says by the currency; in a stress and in a
/// limit of a hedge. A window with rates has no such gap.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_without_a_rate_says_that_strikes_stay() {
    let harness = Harness::at(NOW).await;
    let market = simulated(&harness).await;
    let put = a_put_in_pounds(&harness, &market, 340).await;
    let portfolio = of(vec![put, held("QQQ", Size::Quantity(100.0))]);
    let of_rate = |gaps: &[v1::Gap]| -> usize {
        let no_rate = |gap: &&v1::Gap| {
            gap.reason() == v1::GapReason::Proxy && gap.detail.starts_with("no rate of GBP")
        };
        gaps.iter().filter(no_rate).count()
    };
    let count = market.days.len();
    for (back, expected) in [(400, 1), (40, 0)] {
        let day = |at: usize| market.days[at].to_string();
        let replay = stress::replay(&day(count - back), &day(count - back + 5));
        let asked = v1::RunStressRequest {
            as_of: on(LAST_ON),
            portfolio: Some(portfolio.clone()),
            scenarios: vec![replay.clone()],
            ..Default::default()
        };
        let mut client = StressServiceClient::new(harness.channel().await);
        let stressed = client.run_stress(asked).await.unwrap().into_inner();
        let result = &stressed.results[0];
        let options = &result.outcome.as_ref().unwrap().options;
        assert_eq!(options.len(), 1, "the option is valued: {:?}", result.gaps);
        assert_eq!(of_rate(&result.gaps), expected, "{:?}", result.gaps);
        let constraint = v1::HedgeConstraint {
            constraint_id: "replay".to_owned(),
            lower: Some(-1e9),
            upper: None,
            limited: Some(Limited::Scenario(replay)),
        };
        let asked = v1::PlanHedgeRequest {
            as_of: on(LAST_ON),
            portfolio: Some(portfolio.clone()),
            problem: Some(v1::HedgeProblem {
                instruments: vec![crate::hedge::fund("IWM")],
                constraints: vec![constraint],
                ..Default::default()
            }),
            without_effectiveness: true,
            ..Default::default()
        };
        let mut client = HedgeServiceClient::new(harness.channel().await);
        let answer = client.plan_hedge(asked).await.unwrap().into_inner();
        let gaps = crate::harness::gaps(&answer.info);
        assert_eq!(of_rate(gaps), expected, "{gaps:?}");
        // A model of three years reaches back to sessions without a rate.
        let of_past = |gap: &&v1::Gap| gap.detail.contains("past sessions have no rate");
        assert_eq!(gaps.iter().filter(of_past).count(), 1, "{gaps:?}");
    }
    harness.stop().await;
}
