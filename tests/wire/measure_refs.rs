//! Every number of an exposure report has an address, and no two have the same.

use contract::v1::{
    self, BookNumber as Book, ExposureNumber as Value, FactorNumber as Factor, RiskNumber as Risk,
    TradeNumber as Trade, measure_ref::Measure, risk_ref::Part,
};
use prost_reflect::{DescriptorPool, Kind, MessageDescriptor};
use std::collections::{BTreeMap, BTreeSet};

/// Fields that repeat the request or are about something else than a number of the book, and
/// comparisons with crowds, which are absent only with a whole dataset: their gap is about it. The
/// book by currency is a sum over positions and cash, whose gaps are about those. Gaps of factor
/// models and of incremental risk are about a line, a name or the model.
const OTHER: [&str; 19] = [
    "currencies",
    "settings",
    "trades.definition",
    "risk_measures.request",
    "risk_measures.gaps",
    "included",
    "look_through.funds.holdings_published_at",
    "crowding.settings",
    "crowding.manager_count",
    "crowding.filed_at",
    "crowding.overlaps",
    "crowding.crowded_book",
    "crowding.long_exit",
    "crowding.short_exit",
    "crowding.names.crowds",
    "crowding.risk_gross_share",
    "incremental_risks",
    "risk_model",
    "factor_betas",
];

/// Why numbers of some names have no address, wherever they are.
const UNADDRESSED: [(&str, &str); 19] = [
    ("standard_error", "says how certain the number beside it is"),
    ("pnl_standard_error", "says how certain the number beside it is"),
    ("observations", "says what an estimate was made of"),
    ("sessions", "says what the scenarios were made of"),
    ("left_out_sessions", "says what the scenarios were made of"),
    ("joined_scenarios", "says what the scenarios were made of"),
    ("draw_count", "says what the scenarios were made of"),
    ("seed_sessions", "a parameter of the filter"),
    ("decay", "a parameter of the filter"),
    ("spread", "says how certain the number beside it is"),
    ("proxied_share", "coverage of the scenarios"),
    ("proxied_name_count", "coverage of the day"),
    ("proxied_gross_share", "coverage of the day"),
    ("missing_gross_share", "coverage of the day"),
    ("share_with_cost", "coverage of the profit and loss"),
    ("confidence", "names the row"),
    ("standard_deviations", "names the row"),
    ("own_weight", "says what a beta was made of"),
    ("own.value", "says what a beta was made of"),
];

/// Paths of the numbers of a message, without its echoes.
fn numbers(message: &MessageDescriptor, path: &str, found: &mut BTreeSet<String>) {
    for field in message.fields() {
        let at = if path.is_empty() { String::new() } else { format!("{path}.") } + field.name();
        match field.kind() {
            _ if OTHER.contains(&at.as_str()) => {}
            Kind::Message(inner) => numbers(&inner, &at, found),
            Kind::String | Kind::Bytes | Kind::Bool | Kind::Enum(_) => {}
            _ => {
                found.insert(at);
            }
        }
    }
}

/// The numbers of LongShortExposure.
const EXPOSURE: [(&str, Value); 9] = [
    ("long", Value::Long),
    ("short", Value::Short),
    ("gross", Value::Gross),
    ("net", Value::Net),
    ("long_names", Value::LongNames),
    ("short_names", Value::ShortNames),
    ("beta_adjusted_long", Value::BetaAdjustedLong),
    ("beta_adjusted_short", Value::BetaAdjustedShort),
    ("beta_adjusted_net", Value::BetaAdjustedNet),
];

const BOOK: [(&str, Book); 17] = [
    ("gross_leverage", Book::GrossLeverage),
    ("net_leverage", Book::NetLeverage),
    ("cash", Book::Cash),
    ("profit_and_loss.total", Book::ProfitAndLoss),
    ("profit_and_loss.long", Book::ProfitAndLossLong),
    ("profit_and_loss.short", Book::ProfitAndLossShort),
    ("concentration.herfindahl", Book::Herfindahl),
    ("concentration.effective_names", Book::EffectiveNames),
    ("concentration.effective_long_names", Book::EffectiveLongNames),
    ("concentration.effective_short_names", Book::EffectiveShortNames),
    ("concentration.largest_share", Book::LargestShare),
    ("concentration.largest_five_share", Book::LargestFiveShare),
    ("repeats.pnl", Book::Repeat),
    ("repeats.day.pnl", Book::RepeatDay),
    ("repeats.market_return", Book::RepeatMarketReturn),
    ("repeats.size_spread", Book::RepeatSizeSpread),
    ("look_through.remaining_gross", Book::RemainingGross),
];

const FACTOR: [(&str, Factor); 5] = [
    ("bottom_up.value", Factor::BottomUp),
    ("top_down.value", Factor::TopDown),
    ("difference", Factor::Difference),
    ("bottom_up_per_gross", Factor::BottomUpPerGross),
    ("bottom_up_per_net_asset_value", Factor::BottomUpPerNetAssetValue),
];

/// Numbers of a trade, and whether they are those of a leg.
const TRADE: [(&str, Trade, bool); 14] = [
    ("trades.matched", Trade::Matched, false),
    ("trades.legs.beta.value", Trade::Beta, true),
    ("trades.top_down_per_gross", Trade::TopDownPerGross, false),
    ("trades.share_of_variance", Trade::ShareOfVariance, false),
    ("trades.standard_deviation", Trade::StandardDeviation, false),
    ("trades.ratio", Trade::Ratio, false),
    ("trades.unwinds.pnl", Trade::Unwind, false),
    ("trades.unwinds.pnl_low", Trade::UnwindLow, false),
    ("trades.unwinds.pnl_high", Trade::UnwindHigh, false),
    ("trades.unwinds.trade_return", Trade::UnwindTradeReturn, false),
    ("trades.unwinds.legs.pnl", Trade::Unwind, true),
    ("repeats.trades.legs.pnl", Trade::Repeat, true),
    ("repeats.trades.trade_return", Trade::RepeatTradeReturn, false),
    ("repeats.trades.trade_standard_deviations", Trade::RepeatTradeStandardDeviations, false),
];

const SCENARIOS: [(&str, Risk); 4] = [
    ("worst_replay_pnl", Risk::WorstReplay),
    ("worst_day.pnl", Risk::WorstDay),
    ("worst_scenario_pnl", Risk::WorstScenario),
    ("filter.volatility", Risk::ForecastVolatility),
];

/// Numbers of a position: fields of PositionExposure and PositionLot.
const NAME: [&str; 13] = [
    "market_value",
    "gross",
    "gross_share",
    "quantity",
    "price",
    "market_cap_usd",
    "market_cap_rank",
    "lagged_market_cap_usd",
    "observations",
    "proxied_sessions",
    "profit_and_loss",
    "later_size_days",
    "later_sector_days",
];
/// Numbers of a name behind the lines, and of a fund.
const SEEN: [&str; 5] =
    ["market_value", "gross", "gross_share", "through_funds_market_value", "quantity"];
const FUND: [&str; 8] = [
    "market_value",
    "member_count",
    "published_weight",
    "remaining_weight",
    "unpriced_count",
    "unpriced_weight",
    "unopened_count",
    "unopened_weight",
];
const CROWDED: [&str; 8] = [
    "market_value",
    "gross_share",
    "manager_count",
    "manager_rank",
    "share_of_float_held",
    "short_of_float",
    "exit_days_alone",
    "exit_days_with_crowd",
];
const LOT: [&str; 4] = ["market_value", "quantity", "average_cost", "profit_and_loss"];
const OPTION: [&str; 3] = ["delta", "gamma_per_percent", "vega_per_point"];

fn book() -> Vec<(String, Measure)> {
    let mut all = Vec::new();
    for (field, number) in EXPOSURE {
        let total = v1::BookRef { exposure: number.into(), ..of_book(Book::Exposure) };
        all.push((format!("total.{field}"), Measure::Book(total)));
        let seen = of_book(Book::LookedThroughExposure);
        let seen = v1::BookRef { exposure: number.into(), ..seen };
        all.push((format!("look_through.exposure.{field}"), Measure::Book(seen)));
        let group_by =
            Some(v1::GroupBy { kind: v1::GroupByKind::Sector.into(), label_key: String::new() });
        let group_id = Some("Energy".to_owned());
        let group = v1::GroupRef { group_by, group_id, number: number.into() };
        all.push((format!("breakdowns.groups.exposure.{field}"), Measure::Group(group)));
        let leg = v1::TradeRef { exposure: number.into(), ..trade(Trade::Exposure, true) };
        all.push((format!("trades.legs.exposure.{field}"), Measure::Trade(leg)));
    }
    all.extend(BOOK.map(|(field, number)| (field.to_owned(), Measure::Book(of_book(number)))));
    all
}

fn of_book(number: Book) -> v1::BookRef {
    v1::BookRef { number: number.into(), ..v1::BookRef::default() }
}

fn trade(number: Trade, is_leg: bool) -> v1::TradeRef {
    v1::TradeRef {
        trade_id: "megacap_small_cap".to_owned(),
        leg_id: is_leg.then(|| "megacap_long".to_owned()),
        number: number.into(),
        ..v1::TradeRef::default()
    }
}

fn factors() -> Vec<(String, Measure)> {
    let row = |path: &str, factor_id: &str| {
        FACTOR.map(|(field, number)| {
            let factor = v1::FactorRef {
                model_id: "ballast-regression".to_owned(),
                factor_id: factor_id.to_owned(),
                number: number.into(),
            };
            (format!("{path}.{field}"), Measure::Factor(factor))
        })
    };
    [row("factors", "MARKET"), row("trades.beta", "trade/megacap_small_cap")].concat()
}

fn risk() -> Vec<(String, Measure)> {
    let of = |number: Risk, part| {
        Measure::Risk(v1::RiskRef {
            measure_id: "shortfall".to_owned(),
            confidence: Some(0.99),
            number: number.into(),
            part,
            ..v1::RiskRef::default()
        })
    };
    let leg = Part::Leg(v1::TradeLegRef {
        trade_id: "megacap_small_cap".to_owned(),
        leg_id: Some("megacap_long".to_owned()),
    });
    let name = Part::Instrument(by_symbol("GME"));
    let level = |field: &str| format!("risk_measures.levels.{field}");
    let group_by =
        Some(v1::GroupBy { kind: v1::GroupByKind::Sector.into(), label_key: String::new() });
    let group_id = Some("Energy".to_owned());
    let group = Part::Group(v1::BreakdownGroupRef { group_by, group_id });
    let shortfall = Risk::Value;
    let mut all = vec![
        (level("value"), of(shortfall, None)),
        (level("value_low"), of(Risk::ValueLow, None)),
        (level("value_high"), of(Risk::ValueHigh, None)),
        (level("stand_ins.contribution"), of(Risk::StandIns, None)),
        (level("trades.legs.value"), of(shortfall, Some(leg))),
        (level("breakdowns.groups.value"), of(shortfall, Some(group))),
        ("positions.risk_contributions.value".to_owned(), of(shortfall, Some(name))),
    ];
    all.extend(SCENARIOS.map(|(field, number)| {
        let of_set = v1::RiskRef {
            scenario_set_id: "historical/1000".to_owned(),
            number: number.into(),
            ..v1::RiskRef::default()
        };
        (format!("scenario_sets.{field}"), Measure::Risk(of_set))
    }));
    all
}

fn by_symbol(symbol: &str) -> v1::InstrumentRef {
    v1::InstrumentRef { symbol: symbol.to_owned(), ..v1::InstrumentRef::default() }
}

fn names() -> Vec<(String, Measure)> {
    let name = |field: &str| v1::NameRef {
        instrument: Some(by_symbol("GME")),
        field: field.to_owned(),
        ..v1::NameRef::default()
    };
    let beta = v1::NameRef { factor_id: "MARKET".to_owned(), ..name("value") };
    let mut all = vec![("positions.betas.beta.value".to_owned(), Measure::Name(beta))];
    all.extend(NAME.map(|field| (format!("positions.{field}"), Measure::Name(name(field)))));
    let looked = |(list, prefix): (&str, &str), field: &str| {
        let address = Measure::Name(name(&format!("{prefix}/{field}")));
        (format!("{list}.{field}"), address)
    };
    all.extend(SEEN.map(|field| looked(("look_through.names", "looked_through"), field)));
    all.extend(FUND.map(|field| looked(("look_through.funds", "fund"), field)));
    all.extend(CROWDED.map(|field| looked(("crowding.names", "crowded"), field)));
    let of_lot = |path: &str, field: &str| {
        let lot = v1::NameRef { position_id: "lot-1".to_owned(), ..name(field) };
        (format!("positions.lots.{path}{field}"), Measure::Name(lot))
    };
    all.extend(LOT.map(|field| of_lot("", field)));
    all.extend(OPTION.map(|field| of_lot("option.", field)));
    all
}

fn trades() -> Vec<(String, Measure)> {
    let row = |(field, number, is_leg): (&str, Trade, bool)| {
        (field.to_owned(), Measure::Trade(trade(number, is_leg)))
    };
    TRADE.map(row).into()
}

#[test]
fn every_number_of_a_report_has_an_address_of_its_own() {
    let pool = DescriptorPool::decode(contract::DESCRIPTOR).unwrap();
    let report = pool.get_message_by_name("ballast.v1.ExposureReport").unwrap();
    let mut found = BTreeSet::new();
    numbers(&report, "", &mut found);
    let mut addresses = BTreeMap::new();
    let all = [book(), factors(), trades(), risk(), names()].concat();
    for (path, measure) in all {
        assert!(found.contains(&path), "{path} is no number of the report");
        let address = format!("{measure:?}");
        let other = addresses.insert(address, path.clone());
        assert_eq!(other, None, "{path} has the address of another number");
        found.remove(&path);
    }
    let mut used = BTreeSet::new();
    found.retain(|path| {
        let name = |name: &str| path == name || path.ends_with(&format!(".{name}"));
        let reason = UNADDRESSED.iter().find(|(field, _)| name(field));
        used.extend(reason.map(|(field, _)| *field));
        reason.is_none()
    });
    assert!(found.is_empty(), "numbers without an address or a reason: {found:#?}");
    assert_eq!(used.len(), UNADDRESSED.len(), "every reason is used: {used:?}");
}

#[test]
fn every_kind_of_number_is_one_of_a_report() {
    let pool = DescriptorPool::decode(contract::DESCRIPTOR).unwrap();
    let all: Vec<Measure> =
        [book(), factors(), trades(), risk()].concat().into_iter().map(|(_, m)| m).collect();
    let mut numbers: BTreeMap<&str, BTreeSet<i32>> = BTreeMap::new();
    for measure in all {
        let (kind, number) = match measure {
            Measure::Book(book) => ("BookNumber", book.number),
            Measure::Group(group) => ("ExposureNumber", group.number),
            Measure::Factor(factor) => ("FactorNumber", factor.number),
            Measure::Trade(trade) => ("TradeNumber", trade.number),
            Measure::Risk(risk) => ("RiskNumber", risk.number),
            Measure::Name(_) => continue,
        };
        numbers.entry(kind).or_default().insert(number);
    }
    for (kind, used) in numbers {
        let kind = pool.get_enum_by_name(&format!("ballast.v1.{kind}")).unwrap();
        let unused: Vec<String> = kind
            .values()
            .filter(|value| value.number() != 0 && !used.contains(&value.number()))
            .map(|value| value.name().to_owned())
            .collect();
        assert!(unused.is_empty(), "no number of a report: {unused:?}");
    }
}
