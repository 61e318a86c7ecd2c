//! Listed options as instruments of hedges: parity, plans with them, refusals.

use crate::{
    golden::ROTATION_ON,
    harness::{expect_refusal, gaps, named, on},
    hedge::{fund, market, outcome, plan_request, problem},
};
use contract::v1::{self, OptionRight, hedge_line::Line};
use prost::Message as _;
use tonic::Code;

/// Days from the session to the expiry of the options.
const DAYS: f64 = 70.0;
const EXPIRES_ON: &str = "2024-09-19";
const RATE: f64 = 0.05;

/// Contracts of a hundred on QQQ, of which premiums of fifty million trade a day.
fn option(id: &str, quote: v1::HedgeOption) -> v1::HedgeInstrument {
    let contract =
        v1::HedgeContract { contract_id: id.to_owned(), multiplier: 100.0, option: Some(quote) };
    v1::HedgeInstrument { contract: Some(contract), daily_value: Some(5e7), ..fund("QQQ") }
}

/// With a spread of a tenth, half of it on either side.
fn quote(right: OptionRight, strike: f64, mid: f64) -> v1::HedgeOption {
    v1::HedgeOption {
        right: right.into(),
        strike,
        expires_on: EXPIRES_ON.to_owned(),
        bid: Some(mid - 0.05),
        ask: Some(mid + 0.05),
        rate: Some(RATE),
        ..Default::default()
    }
}

fn order(line: Line, quantity: f64) -> v1::HedgeOrder {
    let size = Some(v1::hedge_order::Size::Quantity(quantity));
    v1::HedgeOrder { line: Some(v1::HedgeLine { line: Some(line) }), size }
}

fn contract(id: &str) -> Line {
    Line::ContractId(id.to_owned())
}

fn evaluate(
    portfolio: &v1::Portfolio,
    problem: v1::HedgeProblem,
    orders: Vec<v1::HedgeOrder>,
) -> v1::EvaluateHedgeRequest {
    v1::EvaluateHedgeRequest {
        as_of: on(ROTATION_ON),
        portfolio: Some(portfolio.clone()),
        problem: Some(problem),
        orders,
        ..Default::default()
    }
}

/// P&L of the moves of the trade, after the trades.
fn moves(outcome: &v1::HedgeOutcome) -> Vec<f64> {
    outcome.trade_moves.iter().map(|moved| moved.after.as_ref().unwrap().pnl).collect()
}

/// Put-call parity without dividends: ten calls bought and ten puts written, of one strike and expiry, are
/// a thousand shares, if the call costs S − K·e^(−rT) more than the put. So they make the same in every
/// move of the trade, and the book after them is the same.
#[tokio::test(flavor = "multi_thread")]
async fn calls_bought_and_puts_written_are_shares() {
    let (_harness, mut client, book) = market().await;
    let shares = order(Line::Instrument(named("QQQ").unwrap()), 1_000.0);
    let request = evaluate(&book, problem(), vec![shares]);
    let held = client.evaluate_hedge(request).await.unwrap().into_inner().own.unwrap();
    let price = held.trades[0].price;
    let strike = (0.97 * price).round();
    let put = 0.03 * price;
    let call = put + price - strike * (-RATE * DAYS / 365.0).exp();
    let mut with = problem();
    let written = v1::HedgeOption { may_write: true, ..quote(OptionRight::Put, strike, put) };
    with.instruments.push(option("QQQ put", written));
    with.instruments.push(option("QQQ call", quote(OptionRight::Call, strike, call)));
    let orders = vec![order(contract("QQQ call"), 10.0), order(contract("QQQ put"), -10.0)];
    let answer = client.evaluate_hedge(evaluate(&book, with.clone(), orders)).await.unwrap();
    let answer = answer.into_inner();
    let synthetic = answer.own.unwrap();
    for (synthetic, held) in moves(&synthetic).iter().zip(moves(&held)) {
        assert!((synthetic - held).abs() < 1e-6 * price * 1e3, "{synthetic} {held}");
    }
    let net =
        |outcome: &v1::HedgeOutcome| outcome.after.as_ref().unwrap().total.as_ref().unwrap().net;
    assert!((net(&synthetic) - net(&held)).abs() < 1.0, "{} {}", net(&synthetic), net(&held));
    // What is paid is the difference of the premiums, at the middle, and the spread of both.
    let cost = synthetic.cost.unwrap();
    let paid = 1e3 * (call - put);
    assert!((cost.premium.unwrap() - paid).abs() < 1e-6, "{cost:?} {paid}");
    let commission = 1e-4 * 1e3 * (call + put);
    assert!((cost.spread - (2.0 * 0.05 * 1e3 + commission)).abs() < 1e-3, "{cost:?}");
    assert!(held.cost.unwrap().premium.is_none());
    // One volatility, deltas that differ by one, and each trade says what it is.
    let [long, short] = ["QQQ call", "QQQ put"]
        .map(|id| synthetic.trades.iter().find(|trade| trade.line_id == id).unwrap());
    let [of_call, of_put] = [long, short].map(|trade| trade.option.as_ref().unwrap());
    assert!((of_call.implied_volatility - of_put.implied_volatility).abs() < 1e-6);
    assert!((of_call.delta - of_put.delta - 1.0).abs() < 1e-6);
    assert_eq!((of_put.right(), of_put.expires_on.as_str()), (OptionRight::Put, EXPIRES_ON));
    assert_eq!((long.quantity, short.quantity), (10.0, -10.0));
    for trade in [long, short] {
        assert!((trade.quantity * trade.price - trade.market_value).abs() < 1e-6, "{trade:?}");
        assert_eq!(trade.locate_quantity, 0.0);
    }
    assert!(of_put.premium < 0.0 && of_put.decay_per_day < 0.0 && 0.0 < of_call.decay_per_day);
    assert!(short.price < 0.0 && 0.0 < short.market_value);
    // The put may be written, the call not: sold, it misses its limit.
    assert!(answer.breaches.is_empty(), "{:?}", answer.breaches);
    let sold = vec![order(contract("QQQ call"), -10.0)];
    let answer = client.evaluate_hedge(evaluate(&book, with, sold)).await.unwrap().into_inner();
    let missed: Vec<&str> = answer.breaches.iter().map(|b| b.constraint_id.as_str()).collect();
    assert_eq!(missed, ["bought/QQQ call"]);
    assert!(gaps(&answer.info).iter().any(|gap| gap.reason() == v1::GapReason::FirstOrder));
}

/// Plans by expected shortfall buy a cheap put in whole contracts within the premium allowed; the problem
/// of the answer asks for the same again.
#[tokio::test(flavor = "multi_thread")]
async fn plans_buy_options_in_whole_contracts() {
    let (_harness, mut client, book) = market().await;
    let shares = order(Line::Instrument(named("QQQ").unwrap()), 1.0);
    let request = evaluate(&book, problem(), vec![shares]);
    let held = client.evaluate_hedge(request).await.unwrap().into_inner().own.unwrap();
    let price = held.trades[0].price;
    let mut request = plan_request(book);
    request.without_effectiveness = true;
    let asked = request.problem.as_mut().unwrap();
    asked.instruments = vec![option("put", quote(OptionRight::Put, price.round(), 0.02 * price))];
    let shortfall = v1::HedgeShortfall { price: Some(5.0), ..Default::default() };
    asked.objective = Some(v1::HedgeObjective {
        risk: Some(v1::hedge_objective::Risk::Shortfall(shortfall)),
        ..Default::default()
    });
    let premium = v1::hedge_constraint::Limited::Trades(v1::HedgeTradesNumber::Premium.into());
    let most = 50_000.0;
    asked.constraints.push(v1::HedgeConstraint {
        constraint_id: "premium".to_owned(),
        upper: Some(most),
        limited: Some(premium),
        ..Default::default()
    });
    let answer = client.plan_hedge(request.clone()).await.unwrap().into_inner();
    let overlay = outcome(&answer.plans[1]);
    let [trade] = &overlay.trades[..] else { panic!("{:?}", overlay.trades) };
    assert!(0.0 < trade.quantity && trade.quantity.fract() == 0.0, "{trade:?}");
    let paid = overlay.cost.as_ref().unwrap().premium.unwrap();
    assert!((paid - trade.quantity * 100.0 * 0.02 * price).abs() < 1e-6, "{paid} {trade:?}");
    assert!(0.9 * most < paid && paid <= most, "{paid}");
    let shortfall = overlay.expected_shortfall.as_ref().unwrap();
    assert!(shortfall.after < shortfall.before, "{shortfall:?}");
    let limit = overlay.constraints.iter().find(|value| value.constraint_id == "premium").unwrap();
    assert!((limit.after - paid).abs() < 1e-3, "{limit:?} {paid}");
    // Every plan has the same moves before, and a bought put never loses more than its premium.
    for moved in &overlay.trade_moves {
        let [before, after] = [&moved.before, &moved.after].map(|pnl| pnl.as_ref().unwrap().pnl);
        assert!(-paid - 1e-6 <= after - before, "{moved:?}");
    }
    request.problem = answer.problem.clone();
    let again = client.plan_hedge(request).await.unwrap().into_inner();
    let bytes = |answer: &v1::PlanHedgeResponse| -> Vec<Vec<u8>> {
        answer.plans.iter().map(v1::HedgePlan::encode_to_vec).collect()
    };
    assert_eq!(bytes(&again), bytes(&answer));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_option_that_cannot_hedge_is_refused_at_its_field() {
    let (_harness, mut client, book) = market().await;
    let mut refused = async |quote: v1::HedgeOption, terms: v1::HedgeTerms, paths: &[&str]| {
        let mut request = plan_request(book.clone());
        let asked = request.problem.as_mut().unwrap();
        let one = option("option", quote);
        asked.instruments = vec![v1::HedgeInstrument { terms: Some(terms), ..one }];
        let status = client.plan_hedge(request).await.unwrap_err();
        let paths: Vec<String> =
            paths.iter().map(|path| format!("problem.instruments[0].{path}")).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        expect_refusal(&status, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    };
    let none = v1::HedgeTerms::default();
    let lawful = quote(OptionRight::Put, 1.0, 1.0);
    refused(
        v1::HedgeOption::default(),
        none,
        &[
            "contract.option.right",
            "contract.option.strike",
            "contract.option.expires_on",
            "contract.option",
            "contract.option.rate",
        ],
    )
    .await;
    // Crossed, with a second spread and a carry.
    let own = v1::HedgeTerms {
        half_spread: Some(0.01),
        short_carry_per_year: Some(0.1),
        ..Default::default()
    };
    let crossed = v1::HedgeOption { bid: Some(2.0), dividend_yield: Some(2.0), ..lawful.clone() };
    let paths = [
        "contract.option.ask",
        "terms.half_spread",
        "contract.option.dividend_yield",
        "terms.short_carry_per_year",
    ];
    refused(crossed, own, &paths).await;
    let middle = v1::HedgeOption { bid: None, ask: None, mid: Some(1.0), ..lawful.clone() };
    refused(middle, none, &["terms.half_spread"]).await;
    let both = v1::HedgeOption { mid: Some(1.0), ..lawful.clone() };
    refused(both, none, &["contract.option"]).await;
    // What only the view can say. A share costs far more than its put with a strike of 1.
    let expired = v1::HedgeOption { expires_on: ROTATION_ON.to_owned(), ..lawful.clone() };
    refused(expired, none, &["contract.option.expires_on"]).await;
    let far = v1::HedgeOption { expires_on: "2090-01-01".to_owned(), ..lawful.clone() };
    refused(far, none, &["contract.option.expires_on"]).await;
    let strong =
        v1::HedgeOption { rate: Some(1.0), expires_on: "2028-07-11".to_owned(), ..lawful.clone() };
    refused(strong, none, &["contract.option.rate"]).await;
    refused(lawful.clone(), none, &["contract.option.bid"]).await;
    let below = quote(OptionRight::Call, 1.0, 1.0);
    refused(below, none, &["contract.option.bid"]).await;
    let still = v1::HedgeOption { bid: Some(0.0), ask: Some(1e-8), ..lawful };
    refused(still, none, &["contract.option"]).await;
}

/// Options that may be written lose at most the budget beyond their deltas, which the answer echoes.
#[tokio::test(flavor = "multi_thread")]
async fn written_options_keep_to_their_budget() {
    let (_harness, mut client, book) = market().await;
    let shares = order(Line::Instrument(named("QQQ").unwrap()), 1.0);
    let request = evaluate(&book, problem(), vec![shares]);
    let held = client.evaluate_hedge(request).await.unwrap().into_inner().own.unwrap();
    let price = held.trades[0].price;
    let mut request = plan_request(book);
    request.without_effectiveness = true;
    let asked = request.problem.as_mut().unwrap();
    let written =
        |right| v1::HedgeOption { may_write: true, ..quote(right, price.round(), 0.04 * price) };
    asked.instruments = [("put", OptionRight::Put), ("call", OptionRight::Call)]
        .map(|(id, right)| option(id, written(right)))
        .to_vec();
    let free = |request: &v1::PlanHedgeRequest| {
        let mut free = request.clone();
        let budget = v1::HedgeWrittenBudget { off: true, ..Default::default() };
        free.problem.as_mut().unwrap().written_budget = Some(budget);
        free
    };
    let answer = client.plan_hedge(request.clone()).await.unwrap().into_inner();
    let budget = answer.problem.as_ref().unwrap().written_budget.unwrap();
    let most = budget.max_loss.unwrap();
    let gross = answer.before.as_ref().unwrap().total.as_ref().unwrap().gross;
    assert!((most - 0.05 * gross).abs() < 1e-6 * gross, "{most} {gross}");
    let overlay = outcome(&answer.plans[1]);
    let lost = overlay.written_loss.unwrap();
    assert!(0.0 < lost && lost <= 1.02 * most, "{lost} {most}");
    // The shares under what is written are at most the gross.
    assert!((budget.max_notional.unwrap() - gross).abs() < 1e-6 * gross, "{budget:?}");
    let notional = |outcome: &v1::HedgeOutcome| {
        let of = |value: &&v1::HedgeConstraintValue| value.constraint_id == "written_notional";
        outcome.constraints.iter().find(of).map(|value| (value.before, value.after))
    };
    let (before, after) = notional(overlay).unwrap();
    assert!(before == 0.0 && 0.0 < after && after <= 1.02 * gross, "{after} {gross}");
    let answer = client.plan_hedge(free(&request)).await.unwrap().into_inner();
    let unlimited = outcome(&answer.plans[1]);
    assert_eq!((unlimited.written_loss, notional(unlimited)), (None, None));
    let size = |outcome: &v1::HedgeOutcome| -> f64 {
        outcome.trades.iter().map(|trade| trade.market_value.abs()).sum()
    };
    assert!(3.0 * size(overlay) < size(unlimited), "{} {}", size(overlay), size(unlimited));
    let mut wrong = free(&request);
    let most = Some(1.0);
    let budget = v1::HedgeWrittenBudget { off: true, max_loss: most, max_notional: most };
    wrong.problem.as_mut().unwrap().written_budget = Some(budget);
    let status = client.plan_hedge(wrong).await.unwrap_err();
    let paths = ["problem.written_budget.max_loss", "problem.written_budget.max_notional"];
    expect_refusal(&status, Code::InvalidArgument, "INVALID_REQUEST", &paths);
}
