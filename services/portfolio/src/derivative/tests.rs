//! Options valued anew.

use super::*;
use marketdata::fixture::day;

/// `tests/oracles/option.py` has the values of the call at 12 and, a fifth higher, at 14.4:
/// 0.801454 and 2.296811 per share.
#[test]
fn an_option_is_valued_anew_at_another_price() {
    let model = OptionModel {
        right: Right::Call,
        strike: 12.5,
        volatility: 0.35,
        rate: 0.01,
        dividend_yield: 0.02,
    };
    let close = (12.0, day("2021-01-27"));
    let (shares, option) = value_option((&model, day("2021-06-16")), -1_000.0, close);
    assert!((shares + 457.586).abs() < 1e-3, "{shares}");
    let modelled = option.model.unwrap();
    let made = modelled.pnl(0.2);
    assert!((made + 1_495.357).abs() < 2e-3, "{made}");
    assert!(modelled.pnl(0.0).abs() < 1e-12);
    // The same script at 14.4 and a volatility of 0.45: 2.576450.
    let made = modelled.pnl_with(0.2, 1.0, 0.1);
    assert!((made + 1_774.997).abs() < 2e-3, "{made}");
    // A price in another currency and its strike grow with the rate alone, and so does the value.
    let grown = modelled.pnl_with(0.2, 1.2, 0.0);
    assert!((grown + 0.2 * 801.454).abs() < 2e-3, "{grown}");
    // Without volatility it is worth what exercise is: 14.4·e^(−0.02·T) − 12.5·e^(−0.01·T) with
    // T = 140/365 is 1.837810.
    let made = modelled.pnl_with(0.2, 1.0, -1.0);
    assert!((made + 1_837.810 - 801.454).abs() < 2e-3, "{made}");
    // Sold for 801 with a delta of −457.586 shares: 457.586·0.2·12 = 1,098.206 by it.
    assert!((modelled.at_close().beyond_delta(0.2) + 1_495.357 - 1_098.206).abs() < 3e-3);
    // From 14.4 on, where it is worth 2,296.811, a fall by 1/6 leads to 12 and 801.454.
    let fallen = 2_296.811 - 801.454 - 457.586 * 2.4;
    assert!((modelled.at(14.4).beyond_delta(-1.0 / 6.0) - fallen).abs() < 3e-3);
    // What the rate alone makes is 801.454 a fifth of its value, and of its delta 1,098.206.
    let of_rate = modelled.at_close().beyond_delta_with(0.2, 1.2);
    assert!((of_rate + 0.2 * 801.454 - 1_098.206).abs() < 3e-3, "{of_rate}");
    // Sold for 801, it can make no more.
    assert!((modelled.pnl(-1.0) - 801.454).abs() < 2e-3);
    assert!((modelled.pnl(-2.0) - modelled.pnl(-1.0)).abs() < 1e-12);
}
