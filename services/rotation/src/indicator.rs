//! The list of indicators, one file each, in the order of a report.

use crate::family::Indicator;

mod advance_decline_line;
mod concentration;
mod credit_spread_change;
mod defensive_minus_cyclical;
mod equal_minus_cap;
mod index_return;
mod mcclellan;
mod megacap_value_change;
mod most_shorted;
mod new_highs_less_lows;
mod share_above_average;
mod share_advancing;
mod size_spread;
mod small_vs_nasdaq;
mod ten_year_change;
mod volatility_change;

/// Every indicator, in the order of a report.
pub const ALL: &[Indicator] = &[
    index_return::INDICATOR,
    size_spread::INDICATOR,
    small_vs_nasdaq::INDICATOR,
    equal_minus_cap::INDICATOR,
    share_advancing::INDICATOR,
    share_above_average::SHORT,
    share_above_average::LONG,
    advance_decline_line::INDICATOR,
    mcclellan::INDICATOR,
    new_highs_less_lows::INDICATOR,
    concentration::INDICATOR,
    megacap_value_change::INDICATOR,
    most_shorted::INDICATOR,
    ten_year_change::INDICATOR,
    volatility_change::INDICATOR,
    defensive_minus_cyclical::INDICATOR,
    credit_spread_change::INDICATOR,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inputs::Inputs;
    use factors::roles::Roles;
    use marketdata::{
        fixture::{Fixture, day},
        instant::Instant,
    };
    use std::collections::BTreeSet;

    #[test]
    fn ids_are_distinct_and_begin_with_their_indicator() {
        let mut ids = BTreeSet::new();
        for indicator in ALL {
            assert!(!indicator.method.is_empty() && !indicator.title.is_empty());
            for spec in (indicator.specs)() {
                assert!(spec.id.starts_with(indicator.id), "{}", spec.id);
                assert!(ids.insert(spec.id.clone()), "{} twice", spec.id);
            }
        }
        assert_eq!(ALL.len(), 17);
    }

    #[test]
    fn a_measure_is_the_same_alone_and_among_others() {
        let mut fixture = Fixture::new();
        for (at, symbol) in ["AAPL", "IWM", "SPY", "XLK", "XLU"].into_iter().enumerate() {
            let close = |day: i32| 10.0 + f64::from(day * (at as i32 + 3) % 7);
            let closes = (0..9).map(|back| (day("2021-01-27").plus(-back), close(back)));
            fixture.closes(symbol, &closes.collect::<Vec<_>>());
        }
        fixture.commit();
        let snapshot = fixture.snapshot(Instant::close_of(day("2021-01-27")));
        let roles = Roles::standard();
        let inputs = Inputs::of(&snapshot, &roles, None);
        for indicator in ALL {
            let specs = (indicator.specs)();
            let all = (indicator.measure)(&inputs, &specs);
            assert!(all.iter().map(|(spec, _)| spec).eq(&specs), "{}", indicator.id);
            for measured in all {
                let alone = (indicator.measure)(&inputs, std::slice::from_ref(&measured.0));
                assert_eq!(alone, [measured]);
            }
        }
    }
}
