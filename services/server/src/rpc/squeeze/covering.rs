//! Converts costs of covering, and scenarios, to protobuf.

use contract::v1;
use squeeze::{
    assess::ShortBook,
    covering::{Covering, CoveringTotal},
    exit::ExitSession,
    scenario::{Scenario, ScenarioKind},
    worked::{CoveringSchedule, Worked},
};

/// Ids of the models, in the order of all lists.
const MODELS: [&str; 2] = ["square_root", "almgren_2005"];

const METHODS: [&str; 2] = [
    "The square-root law: price_rise = Y x sigma x sqrt(Q / V), mean_cost = 2/3 of it, with Y = 1 \
     (published estimates: 0.5 to 1), Q the shares to buy back, V the median volume of 63 sessions \
     and sigma the standard deviation of daily returns over 60. Exponent 0.489 +- 0.071 over 2,299 \
     stocks: Sato and Kanazawa (2024).",
    "Almgren, Thum, Hauptmann and Li, Direct estimation of equity market impact (2005): price_rise = \
     0.314 x sigma x (Q / V) x (shares outstanding / V)^(1/4), mean_cost = half of it + 0.142 x sigma \
     x (Q / (V x days))^(3/5).",
];

/// Id and method of the schedules.
const SCHEDULE: [&str; 2] = [
    "almgren_chriss_2000",
    "Almgren and Chriss, Optimal execution of portfolio transactions (2000): least expected cost + \
     risk_aversion x variance over half-hours. The lasting impact is that of almgren_2005, and the \
     passing impact is proportional to the speed, with the value of almgren_2005 at the \
     participation; each schedule has its parameters.",
];

/// The models and their sources.
pub(super) fn models() -> Vec<v1::CoveringModel> {
    let model = |(id, method): (&str, &str)| v1::CoveringModel {
        model_id: id.to_owned(),
        method: method.to_owned(),
    };
    MODELS.into_iter().zip(METHODS).map(model).collect()
}

/// The cost of a short with a market value, below 0.
pub(super) fn cost(
    covering: &Covering,
    market_value: f64,
    borrow_cost: Option<f64>,
) -> v1::CoveringCost {
    let by_root = covering.square_root;
    let rises = [
        Some((by_root.peak, by_root.mean)),
        covering.almgren.map(|almgren| (almgren.permanent, almgren.mean)),
    ];
    let estimate = |(id, rise): (&str, Option<(f64, f64)>)| {
        let (price_rise, mean_cost) = rise?;
        Some(v1::CoveringEstimate {
            model_id: id.to_owned(),
            price_rise,
            mean_cost,
            cost: mean_cost * market_value.abs(),
            extrapolated: by_root.extrapolated,
        })
    };
    v1::CoveringCost {
        days: covering.days,
        days_of_volume: covering.days_of_volume,
        estimates: MODELS.into_iter().zip(rises).filter_map(estimate).collect(),
        borrow_cost,
    }
}

/// The cost of the whole book by each model.
pub(super) fn totals(book: &ShortBook) -> Vec<v1::CoveringTotal> {
    let totals = MODELS.into_iter().zip(book.covering);
    totals.filter_map(|(id, cost)| Some(total(id, cost?))).collect()
}

fn total(model_id: &str, total: CoveringTotal) -> v1::CoveringTotal {
    v1::CoveringTotal {
        model_id: model_id.to_owned(),
        cost: total.cost,
        share_of_gross_short: total.share,
    }
}

/// Adds the schedules of the lines, in their order, and what is left of the book session by session.
pub(super) fn add(response: &mut v1::AssessShortBookResponse, worked: Worked) {
    for (line, made) in response.lines.iter_mut().zip(worked.schedules) {
        line.covering_schedule = made.ok().map(|made| schedule(&made, line.market_value.abs()));
    }
    let [model_id, method] = SCHEDULE.map(str::to_owned);
    let Some(totals) = &mut response.totals else { return };
    totals.covering_costs.extend(worked.cost.map(|cost| total(&model_id, cost)));
    response.covering_models.push(v1::CoveringModel { model_id, method });
    for (plan, sessions) in [
        (&mut totals.exit_at_normal_volume, worked.at_normal_volume),
        (&mut totals.exit_at_recent_volume, worked.at_recent_volume),
    ] {
        if let Some(plan) = plan {
            plan.sessions = (1..).zip(&sessions).map(exit_session).collect();
        }
    }
}

/// The schedule of a short of some value, above 0.
fn schedule(made: &CoveringSchedule, value: f64) -> v1::CoveringSchedule {
    let before = std::iter::once(&1.0).chain(&made.left);
    let session = |(session, (before, left)): (i32, (&f64, &f64))| v1::CoveringSession {
        session,
        bought: value * (before - left),
        share_left: *left,
    };
    v1::CoveringSchedule {
        horizon_sessions: made.left.len() as i32,
        expected_cost: made.expected_cost,
        variance: made.variance,
        kappa: made.kappa,
        volatility: made.volatility,
        daily_value: made.daily_value,
        permanent_impact: made.permanent_impact,
        temporary_impact: made.temporary_impact,
        largest_share_of_volume: made.largest_share_of_volume,
        sessions: (1..).zip(before.zip(&made.left)).map(session).collect(),
    }
}

fn exit_session((session, left): (i32, &ExitSession)) -> v1::ExitSession {
    v1::ExitSession {
        session,
        share: left.share,
        value_left: left.value_left,
        squeeze_pnl_left: left.squeeze_pnl_left,
    }
}

/// The scenarios of a book.
pub(super) fn scenarios(book: &ShortBook) -> Vec<v1::SqueezeScenario> {
    let scenario = |scenario: &Scenario| v1::SqueezeScenario {
        kind: match scenario.kind {
            ScenarioKind::Costliest(_) => v1::SqueezeScenarioKind::Costliest,
            ScenarioKind::Crowd => v1::SqueezeScenarioKind::Crowd,
        }
        .into(),
        symbols: scenario.lines.iter().map(|line| book.lines[*line].symbol.clone()).collect(),
        pnl: scenario.pnl,
    };
    book.scenarios.iter().map(scenario).collect()
}
