//! Converts costs of covering, and scenarios, to protobuf.

use contract::v1;
use squeeze::{
    assess::ShortBook,
    covering::Covering,
    scenario::{Scenario, ScenarioKind},
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

/// The models and their sources.
pub(super) fn models() -> Vec<v1::CoveringModel> {
    let model = |(id, method): (&str, &str)| v1::CoveringModel {
        model_id: id.to_owned(),
        method: method.to_owned(),
    };
    MODELS.into_iter().zip(METHODS).map(model).collect()
}

/// The cost of a short with a market value, below 0.
pub(super) fn cost(covering: &Covering, market_value: f64) -> v1::CoveringCost {
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
    }
}

/// The cost of the whole book by each model.
pub(super) fn totals(book: &ShortBook) -> Vec<v1::CoveringTotal> {
    let total = |(id, total): (&str, Option<::squeeze::covering::CoveringTotal>)| {
        let total = total?;
        Some(v1::CoveringTotal {
            model_id: id.to_owned(),
            cost: total.cost,
            share_of_gross_short: total.share,
        })
    };
    MODELS.into_iter().zip(book.covering).filter_map(total).collect()
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
