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
mod pct_above_200d;
mod pct_above_50d;
mod pct_advancing;
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
    pct_advancing::INDICATOR,
    pct_above_50d::INDICATOR,
    pct_above_200d::INDICATOR,
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
}
