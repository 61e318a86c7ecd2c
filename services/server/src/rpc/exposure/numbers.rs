//! The numbers of an exposure report by their addresses.

use contract::v1::{
    self, BookNumber, ExposureNumber, FactorNumber, RiskNumber, TradeNumber, measure_ref::Measure,
    risk_ref::Part,
};
use prost::Message as _;
use std::collections::BTreeMap;

/// The numbers of a report, each once, in the order of its fields.
#[derive(Debug)]
pub(super) struct Numbers {
    rows: Vec<(v1::MeasureRef, f64)>,
    /// The place of each address, by its encoding.
    places: BTreeMap<Vec<u8>, usize>,
}

impl Numbers {
    /// The numbers of a report. `named` gives the name by which addresses know a position, from its
    /// symbol in the report; `None` if it is left out.
    pub(super) fn of(
        report: &v1::ExposureReport,
        named: impl Fn(&str) -> Option<String>,
    ) -> Numbers {
        let mut numbers = Numbers { rows: Vec::new(), places: BTreeMap::new() };
        numbers.book(report);
        numbers.groups(&report.breakdowns);
        report.factors.iter().for_each(|factor| numbers.factor(factor));
        report.trades.iter().for_each(|trade| numbers.trade(trade));
        report.repeats.iter().for_each(|repeat| numbers.repeat(repeat));
        report.risk_measures.iter().for_each(|measure| numbers.risk(measure));
        report.scenario_sets.iter().for_each(|set| numbers.scenarios(set));
        for position in &report.positions {
            if let Some(name) = named(&position.symbol) {
                numbers.name(position, &name);
            }
        }
        numbers
    }

    /// The addresses, in order.
    pub(super) fn addresses(&self) -> impl Iterator<Item = &v1::MeasureRef> {
        self.rows.iter().map(|(address, _)| address)
    }

    /// The numbers, in order.
    pub(super) fn values(&self) -> impl Iterator<Item = f64> {
        self.rows.iter().map(|(_, value)| *value)
    }

    /// Whether there is a number at an address.
    pub(super) fn has(&self, address: &v1::MeasureRef) -> bool {
        self.places.contains_key(&address.encode_to_vec())
    }

    /// The number at an address. A group or a name that is not listed has nothing: 0.
    pub(super) fn get(&self, address: &v1::MeasureRef) -> Option<f64> {
        let place = self.places.get(&address.encode_to_vec());
        match place {
            Some(place) => self.rows.get(*place).map(|(_, value)| *value),
            None => self.is_of_nothing(address).then_some(0.0),
        }
    }

    /// Whether an address without a number is that of a part that the book does not have.
    fn is_of_nothing(&self, address: &v1::MeasureRef) -> bool {
        match &address.measure {
            // The gross of a group is never absent.
            Some(Measure::Group(group)) => {
                let number = ExposureNumber::Gross.into();
                let gross = v1::GroupRef { number, ..group.clone() };
                !self.has(&address_of(Measure::Group(gross)))
            }
            Some(Measure::Name(name)) => [MARKET_VALUE, GROSS].contains(&name.field.as_str()),
            Some(Measure::Risk(risk)) if risk.part.is_some() => {
                let whole = v1::RiskRef { part: None, ..risk.clone() };
                self.has(&address_of(Measure::Risk(whole)))
            }
            _ => false,
        }
    }

    fn add(&mut self, measure: Measure, value: Option<f64>) {
        let Some(value) = value else { return };
        let address = address_of(measure);
        let place = self.rows.len();
        // Only a report of the caller's can have one twice.
        if *self.places.entry(address.encode_to_vec()).or_insert(place) == place {
            self.rows.push((address, value));
        }
    }

    fn book(&mut self, report: &v1::ExposureReport) {
        let exposures = |numbers: &mut Numbers, number: BookNumber, held: &_| {
            for (exposure, value) in exposures(held) {
                numbers.add(book(number, exposure, ""), value);
            }
        };
        if let Some(total) = &report.total {
            exposures(self, BookNumber::Exposure, total);
        }
        let profit = report.profit_and_loss;
        let spread = report.concentration;
        for (number, value) in [
            (BookNumber::GrossLeverage, report.gross_leverage),
            (BookNumber::NetLeverage, report.net_leverage),
            (BookNumber::Cash, report.cash),
            (BookNumber::ProfitAndLoss, profit.map(|of| of.total)),
            (BookNumber::ProfitAndLossLong, profit.map(|of| of.long)),
            (BookNumber::ProfitAndLossShort, profit.map(|of| of.short)),
            (BookNumber::Herfindahl, spread.map(|of| of.herfindahl)),
            (BookNumber::EffectiveNames, spread.map(|of| of.effective_names)),
            (BookNumber::EffectiveLongNames, spread.and_then(|of| of.effective_long_names)),
            (BookNumber::EffectiveShortNames, spread.and_then(|of| of.effective_short_names)),
            (BookNumber::LargestShare, spread.map(|of| of.largest_share)),
            (BookNumber::LargestFiveShare, spread.map(|of| of.largest_five_share)),
        ] {
            self.add(book(number, ExposureNumber::Unspecified, ""), value);
        }
        if let Some(through) = &report.look_through {
            if let Some(exposure) = &through.exposure {
                exposures(self, BookNumber::LookedThroughExposure, exposure);
            }
            let remaining = BookNumber::RemainingGross;
            let address = book(remaining, ExposureNumber::Unspecified, "");
            self.add(address, Some(through.remaining_gross));
        }
    }

    fn groups(&mut self, breakdowns: &[v1::Breakdown]) {
        for breakdown in breakdowns {
            for group in &breakdown.groups {
                let Some(held) = &group.exposure else { continue };
                for (number, value) in exposures(held) {
                    let reference = v1::GroupRef {
                        group_by: breakdown.group_by.clone(),
                        group_id: Some(group.group_id.clone()),
                        number: number.into(),
                    };
                    self.add(Measure::Group(reference), value);
                }
            }
        }
    }

    fn factor(&mut self, factor: &v1::FactorExposure) {
        let (bottom_up, top_down) = (factor.bottom_up.as_ref(), factor.top_down.as_ref());
        for (number, value) in [
            (FactorNumber::BottomUp, bottom_up.map(|of| of.value)),
            (FactorNumber::TopDown, top_down.map(|of| of.value)),
            (FactorNumber::Difference, factor.difference),
            (FactorNumber::BottomUpPerGross, factor.bottom_up_per_gross),
            (FactorNumber::BottomUpPerNetAssetValue, factor.bottom_up_per_net_asset_value),
        ] {
            let reference = v1::FactorRef {
                model_id: factor.model_id.clone(),
                factor_id: factor.factor_id.clone(),
                number: number.into(),
            };
            self.add(Measure::Factor(reference), value);
        }
    }

    fn trade(&mut self, trade: &v1::TradeExposure) {
        let of = |number| v1::TradeRef {
            trade_id: trade.definition.as_ref().map_or(String::new(), |of| of.trade_id.clone()),
            number: TradeNumber::into(number),
            ..v1::TradeRef::default()
        };
        for leg in &trade.legs {
            let leg_id = Some(leg.leg_id.clone());
            for (exposure, value) in leg.exposure.iter().flat_map(exposures) {
                let (leg_id, exposure) = (leg_id.clone(), exposure.into());
                let at = v1::TradeRef { leg_id, exposure, ..of(TradeNumber::Exposure) };
                self.add(Measure::Trade(at), value);
            }
            let at = v1::TradeRef { leg_id, ..of(TradeNumber::Beta) };
            self.add(Measure::Trade(at), leg.beta.as_ref().map(|beta| beta.value));
        }
        if let Some(beta) = &trade.beta {
            self.factor(beta);
        }
        for (number, value) in [
            (TradeNumber::Matched, Some(trade.matched)),
            (TradeNumber::TopDownPerGross, trade.top_down_per_gross),
            (TradeNumber::ShareOfVariance, trade.share_of_variance),
            (TradeNumber::StandardDeviation, trade.standard_deviation),
            (TradeNumber::Ratio, trade.ratio),
        ] {
            self.add(Measure::Trade(of(number)), value);
        }
        for unwind in &trade.unwinds {
            let standard_deviations = Some(unwind.standard_deviations);
            for (number, value) in [
                (TradeNumber::Unwind, unwind.pnl),
                (TradeNumber::UnwindLow, unwind.pnl_low),
                (TradeNumber::UnwindHigh, unwind.pnl_high),
                (TradeNumber::UnwindTradeReturn, unwind.trade_return),
            ] {
                let at = v1::TradeRef { standard_deviations, ..of(number) };
                self.add(Measure::Trade(at), Some(value));
            }
            for leg in &unwind.legs {
                let leg_id = Some(leg.leg_id.clone());
                let at = v1::TradeRef { leg_id, standard_deviations, ..of(TradeNumber::Unwind) };
                self.add(Measure::Trade(at), Some(leg.pnl));
            }
        }
    }

    fn repeat(&mut self, repeat: &v1::DayRepeat) {
        for (number, value) in [
            (BookNumber::Repeat, Some(repeat.pnl)),
            (BookNumber::RepeatDay, repeat.day.and_then(|day| day.pnl)),
            (BookNumber::RepeatMarketReturn, Some(repeat.market_return)),
            (BookNumber::RepeatSizeSpread, repeat.size_spread),
        ] {
            self.add(book(number, ExposureNumber::Unspecified, &repeat.on), value);
        }
        for trade in &repeat.trades {
            let of = |number| v1::TradeRef {
                trade_id: trade.trade_id.clone(),
                repeat_on: repeat.on.clone(),
                number: TradeNumber::into(number),
                ..v1::TradeRef::default()
            };
            for leg in &trade.legs {
                let leg_id = Some(leg.leg_id.clone());
                let at = v1::TradeRef { leg_id, ..of(TradeNumber::Repeat) };
                self.add(Measure::Trade(at), Some(leg.pnl));
            }
            let deviations = TradeNumber::RepeatTradeStandardDeviations;
            self.add(Measure::Trade(of(TradeNumber::RepeatTradeReturn)), trade.trade_return);
            self.add(Measure::Trade(of(deviations)), trade.trade_standard_deviations);
        }
    }

    fn risk(&mut self, measure: &v1::RiskMeasure) {
        let measure_id = measure.request.as_ref().map_or("", |request| &request.measure_id);
        for level in &measure.levels {
            let of = |number, part| risk(measure_id, level.confidence, number, part);
            let stand_ins = level.stand_ins.and_then(|stand_ins| stand_ins.contribution);
            for (number, value) in [
                (RiskNumber::Value, Some(level.value)),
                (RiskNumber::ValueLow, level.value_low),
                (RiskNumber::ValueHigh, level.value_high),
                (RiskNumber::StandIns, stand_ins),
            ] {
                self.add(of(number, None), value);
            }
            for trade in &level.trades {
                for leg in &trade.legs {
                    let (trade_id, leg_id) = (trade.trade_id.clone(), Some(leg.leg_id.clone()));
                    let part = Part::Leg(v1::TradeLegRef { trade_id, leg_id });
                    self.add(of(RiskNumber::Value, Some(part)), Some(leg.value));
                }
            }
            for breakdown in &level.breakdowns {
                for group in &breakdown.groups {
                    let part = Part::Group(v1::BreakdownGroupRef {
                        group_by: breakdown.group_by.clone(),
                        group_id: Some(group.group_id.clone()),
                    });
                    self.add(of(RiskNumber::Value, Some(part)), Some(group.value));
                }
            }
        }
    }

    fn scenarios(&mut self, set: &v1::ScenarioSet) {
        for (number, value) in [
            (RiskNumber::WorstReplay, Some(set.worst_replay_pnl)),
            (RiskNumber::WorstDay, set.worst_day.and_then(|day| day.pnl)),
            (RiskNumber::WorstScenario, Some(set.worst_scenario_pnl)),
            (RiskNumber::ForecastVolatility, set.filter.map(|filter| filter.volatility)),
        ] {
            let reference = v1::RiskRef {
                scenario_set_id: set.scenario_set_id.clone(),
                number: number.into(),
                ..v1::RiskRef::default()
            };
            self.add(Measure::Risk(reference), value);
        }
    }

    fn name(&mut self, position: &v1::PositionExposure, symbol: &str) {
        let name = || v1::InstrumentRef { symbol: symbol.to_owned(), ..<_>::default() };
        for (field, value) in [
            (MARKET_VALUE, Some(position.market_value)),
            (GROSS, Some(position.gross)),
            ("profit_and_loss", position.profit_and_loss),
        ] {
            let reference = v1::NameRef {
                instrument: Some(name()),
                field: field.to_owned(),
                ..v1::NameRef::default()
            };
            self.add(Measure::Name(reference), value);
        }
        for part in &position.risk_contributions {
            let of = Some(Part::Instrument(name()));
            let at = risk(&part.measure_id, part.confidence, RiskNumber::Value, of);
            self.add(at, Some(part.value));
        }
    }
}

const MARKET_VALUE: &str = "market_value";
const GROSS: &str = "gross";

const fn address_of(measure: Measure) -> v1::MeasureRef {
    v1::MeasureRef { measure: Some(measure) }
}

fn book(number: BookNumber, exposure: ExposureNumber, repeat_on: &str) -> Measure {
    Measure::Book(v1::BookRef {
        number: number.into(),
        exposure: exposure.into(),
        repeat_on: repeat_on.to_owned(),
    })
}

fn risk(
    measure_id: &str,
    confidence: Option<f64>,
    number: RiskNumber,
    part: Option<Part>,
) -> Measure {
    Measure::Risk(v1::RiskRef {
        measure_id: measure_id.to_owned(),
        scenario_set_id: String::new(),
        confidence,
        number: number.into(),
        part,
    })
}

fn exposures(held: &v1::LongShortExposure) -> [(ExposureNumber, Option<f64>); 9] {
    [
        (ExposureNumber::Long, Some(held.long)),
        (ExposureNumber::Short, Some(held.short)),
        (ExposureNumber::Gross, Some(held.gross)),
        (ExposureNumber::Net, Some(held.net)),
        (ExposureNumber::LongNames, Some(f64::from(held.long_names))),
        (ExposureNumber::ShortNames, Some(f64::from(held.short_names))),
        (ExposureNumber::BetaAdjustedLong, held.beta_adjusted_long),
        (ExposureNumber::BetaAdjustedShort, held.beta_adjusted_short),
        (ExposureNumber::BetaAdjustedNet, held.beta_adjusted_net),
    ]
}
