//! Ready scenarios, the list of scenarios, costs of leaving, and a given squeeze.

use crate::{
    in_memory::{at_close, folded},
    view::{View, near},
};
use factors::roles::Role;
use marketdata::{fixture::day, gap::GapReason};
use portfolio::{
    book::Book,
    convexity::Convexity,
    derivative::{Kind, RawModel, RawOption, RawSensitivity},
    lines::{RawLine, Size, Terms},
    option::{OptionModel, Right, years},
};
use risk::{fixture::world_with, series::Series};
use simulation::market::{Market, Parameters};
use std::sync::LazyLock;
use stress::{
    catalog::{self, Needed},
    hypothetical::hypothetical,
    liquidity::{ExitFault, ExitTerms, adjusted},
    ready::{GivenInputs, Missing, ready},
    shock::{Hypothetical, Target},
    squeeze::{SqueezeFault, SqueezedName, combined, from_today},
};

/// Three years up to 2024-07-31, with indices, funds and yields.
static VIEW: LazyLock<View> = LazyLock::new(|| {
    let market = Market::new(Parameters { names: 200, days: 756, seed: 51 });
    View::of(&at_close(&folded(&market), *market.days.last().unwrap()))
});

fn of(id: &str) -> Hypothetical {
    let given = GivenInputs { cut_probability: None };
    let rows = ready(&VIEW.factors(), given);
    rows.into_iter().find(|row| row.scenario_id == id).unwrap().scenario.unwrap()
}

#[test]
fn ready_scenarios_are_what_they_say() {
    let weeks = of("small_caps_up_40_in_ten_weeks");
    assert_eq!(weeks.sessions, 50);
    near(weeks.shocks[0].size, 0.4, 0.0);
    // −0.9 % and +3.6 %, twice: 0.991² − 1 and 1.036² − 1.
    let twice = of("rotation_2024_07_11_twice");
    assert_eq!(twice.sessions, 2);
    let size = |role| {
        let target = Target::Series(Series::Role(role));
        twice.shocks.iter().find(|shock| shock.target == target).unwrap().size
    };
    near(size(Role::LargeCapIndex), -0.017_919, 1e-12);
    near(size(Role::SmallCapIndex), 0.073_296, 1e-12);
    // 500 billion of what the megacaps are worth.
    let view = &*VIEW;
    let megacaps = of("megacaps_lose_500bn");
    let Target::Basket(basket) = &megacaps.shocks[0].target else { panic!("no basket") };
    let worth: f64 = basket.weights.iter().map(|(_, usd)| usd).sum();
    near(megacaps.shocks[0].size * worth, -500e9, 1.0);
    let lines: Vec<(&str, f64)> =
        basket.weights.iter().map(|(id, usd)| (view.model.snapshot().symbol(*id), *usd)).collect();
    let report = hypothetical(&view.factors(), &view.book(&lines), &[], &megacaps).unwrap();
    near(report.average.pnl, -500e9, 1e3);
}

#[test]
fn what_a_ready_scenario_lacks_is_named() {
    let stress = VIEW.factors();
    let rows = ready(&stress, GivenInputs { cut_probability: None });
    let lacks = |id: &str| {
        let row = rows.iter().find(|row| row.scenario_id == id).unwrap();
        row.scenario.as_ref().err().cloned().unwrap_or_default()
    };
    assert_eq!(lacks("cut_fully_priced"), [Missing::CutProbability]);
    // The simulated market has a ten-year yield and no two-year one.
    let two_year = Missing::Series(Series::Role(Role::TwoYear));
    assert_eq!(lacks("yields_hold_and_small_caps_give_back"), [two_year]);
    let entries = catalog::hypotheticals(&stress, GivenInputs { cut_probability: None });
    assert_eq!(entries.len(), rows.len());
    for (entry, row) in entries.iter().zip(&rows) {
        assert_eq!(entry.is_available(), row.scenario.is_ok(), "{}", entry.scenario_id);
    }
}

#[test]
fn the_list_says_which_windows_the_view_has() {
    let view = &*VIEW;
    let entries = catalog::windows(&view.model, &view.roles);
    let available: Vec<&str> = entries
        .iter()
        .filter(|entry| entry.is_available())
        .map(|entry| entry.scenario_id.as_str())
        .collect();
    // Three years before 2024-07-31.
    assert_eq!(
        available,
        [
            "growth_selloff_2022",
            "summer_rally_2022",
            "january_rally_2023",
            "regional_banks_2023",
            "rotation_2024_07",
            "rotation_2024_07_11",
        ]
    );
    let last = entries.iter().find(|entry| entry.scenario_id == "rotation_2024_07_11").unwrap();
    let names = last.needs.iter().find_map(|need| match need.what {
        Needed::Names { with_prices, of } => Some((with_prices, of)),
        _ => None,
    });
    let (with_prices, of) = names.unwrap();
    assert!(200 < with_prices && with_prices <= of);
}

/// A holding of 40 % of a day's volume at 25 %, with σ doubled and volume halved: sold is
/// .25·.5·V, and costs .001 + ⅔·2σ·√.25 of it.
#[test]
fn leaving_costs_the_spread_and_the_root_of_volume() {
    let world = world_with(120, 300, 52, |names| names[5].listed_from = 290);
    let view = View::of(&world.snapshot());
    let at = 80;
    let returns = world.returns(at, 52);
    let closes: Vec<f64> = returns
        .iter()
        .scan(100.0, |close, r| {
            *close *= 1.0 + r;
            Some(*close)
        })
        .collect();
    let traded = |day: usize| closes[day] * (1e6 + day as f64);
    let volume = (279..300).map(traded).sum::<f64>() / 21.0;
    let symbol = world.names[at].symbol.as_str();
    let young = world.names[5].symbol.as_str();
    let book = view.book(&[(symbol, -0.4 * volume), (young, 1e6)]);
    let terms = ExitTerms {
        sessions: 1.0,
        participation: 0.25,
        half_spread: 0.001,
        volatility_ratio: 2.0,
        volume_ratio: 0.5,
    };
    let place = book.holdings.iter().position(|h| h.instrument == view.id(symbol)).unwrap();
    let mut made = [0.0; 2];
    made[place] = -0.1 * volume;
    let found = adjusted(&view.factors(), &book, (&made, &made), &terms).unwrap();
    let cost = found.positions[place].unwrap();
    let stress = view.factors();
    let row = stress.factors.row(view.id(symbol)).unwrap();
    let (sigma, _) = stress.factors.volatility(row);
    near(cost.sold / volume, 0.125, 1e-12);
    near(cost.left / volume, 0.375, 1e-12);
    let expected = 0.001 + 2.0 / 3.0 * 2.0 * sigma * 0.5;
    near(cost.cost / cost.sold, expected, 1e-12);
    near(found.adjusted, found.pnl - cost.cost, 1e-6);
    // Ten sessions are too few for an average volume.
    assert_eq!(found.positions[1 - place], None);
    assert_eq!(found.gaps.len(), 1);
    assert_eq!(found.gaps[0].reason, GapReason::ShortHistory);
    let wrong = ExitTerms { sessions: 0.0, half_spread: -1.0, volume_ratio: f64::NAN, ..terms };
    let faults = adjusted(&stress, &book, (&made, &made), &wrong).unwrap_err();
    assert_eq!(faults, ["sessions", "half_spread", "volume_ratio"].map(ExitFault));
}

/// A short of 4 million that lost 1 million in the scenario stands at −5 million; a jump of 30 %
/// costs 1.5 million more.
#[test]
fn a_squeeze_comes_on_top_of_a_scenario() {
    let view = &*VIEW;
    let book = view.book(&[("AAPL", 5e6), ("MSFT", -4e6)]);
    let [aapl, msft] = ["AAPL", "MSFT"].map(|symbol| view.id(symbol));
    let place = |id| book.holdings.iter().position(|h| h.instrument == id).unwrap();
    let mut made = [0.0; 2];
    (made[place(aapl)], made[place(msft)]) = (-2e5, -1e6);
    let jumps = [aapl, msft].map(|instrument| SqueezedName { instrument, jump: 0.3 });
    let found = combined(&book, &made, &jumps, &|_| 1.0).unwrap();
    near(found.squeeze_pnl, -1.5e6, 1e-6);
    near(found.pnl, -2.7e6, 1e-6);
    near(found.positions[place(msft)], -2.5e6, 1e-6);
    assert_eq!(found.not_short, [aapl]);
    let wrong =
        [(aapl, 0.1), (aapl, -0.1)].map(|(instrument, jump)| SqueezedName { instrument, jump });
    let faults = combined(&book, &made, &wrong, &|_| 1.0).unwrap_err();
    assert_eq!(faults, [SqueezeFault::Jump(1), SqueezeFault::Twice(1)]);
}

/// A bought put at the money, after a fall by a tenth and a squeeze of a half: the price rises by 35 % in
/// all. Scenario, squeeze and what the scenario makes beyond the delta are what the put makes at that
/// price, which is no more than its value.
#[test]
fn a_squeeze_values_options_anew_from_the_scenario_on() {
    let view = &*VIEW;
    let msft = view.id("MSFT");
    let price = view.model.quotes().get(msft).unwrap().price;
    let model = RawModel {
        right: Some(Right::Put),
        strike: Some(price),
        expires_on: "2024-12-20",
        volatility: Some(0.4),
        rate: Some(0.0),
        dividend_yield: Some(0.0),
    };
    let terms =
        RawOption { multiplier: Some(100.0), sensitivity: Some(RawSensitivity::Model(model)) };
    let line = RawLine { kind: Kind::Option(terms), ..RawLine::of("MSFT", Size::Shares(10.0)) };
    let quotes = view.model.quotes();
    let book = Book::join([line], &Terms::NONE, &view.lookup, quotes).unwrap();
    let held = &book.holdings[0];
    let options = Convexity::of(&book, book.lots(held));
    let made = -0.1 * held.market_value;
    let squeeze = [SqueezedName { instrument: msft, jump: 0.5 }];
    let found = combined(&book, &[made], &squeeze, &|_| 1.0).unwrap();
    let put = OptionModel {
        right: Right::Put,
        strike: price,
        volatility: 0.4,
        rate: 0.0,
        dividend_yield: 0.0,
    };
    let years = years(quotes.get(msft).unwrap().on, day("2024-12-20"));
    let worth = |price: f64| 1_000.0 * put.value(price, years);
    let expected = worth(1.35 * price) - worth(price);
    near(found.pnl + options.beyond_delta(-0.1), expected, 1e-6 * worth(price));
    assert!(-worth(price) < expected && found.squeeze_pnl < 0.0);
    // By its delta the squeeze would cost more than the whole put.
    assert!((held.market_value + made) * 0.5 < -worth(price));
    // A rate that alone moves the price by g makes everything g times as large, the strike among it.
    let g = 1.04;
    let of_rate = combined(&book, &[(g - 1.0) * held.market_value], &squeeze, &|_| g).unwrap();
    let today = from_today(&book, held, 0.5);
    near(of_rate.squeeze_pnl, g * today, 1e-9 * today.abs());
    near(today, worth(1.5 * price) - worth(price), 1e-6 * worth(price));
    let kept = combined(&book, &[(g - 1.0) * held.market_value], &squeeze, &|_| 1.0).unwrap();
    assert!(1e-2 * today.abs() < (kept.squeeze_pnl - g * today).abs());
    // What is left to sell is the shares of the delta at the price after both, 1.35 of 0.9 · 1.5.
    near(held.market_value + found.first_order[0], 1.35 * held.market_value, 1e-6 * worth(price));
}
