//! Listed options that may hedge, at the caller's quotes.
//!
//! An option is a line whose value is that of the shares that gain and lose as it does, Δ·m·S a
//! contract with its delta Δ, multiplier m and the price S of what it is on: below zero for a
//! bought put. So risk, nets and betas are right for small moves without knowing it. Where a move
//! is known, the option is valued anew by Black, Scholes and Merton at the volatility that its
//! quote implies ([`LineOption::moved`]): that is linear in the number of contracts, so that tails
//! and floors of scenarios stay convex problems with all of the option's own convexity.
//!
//! Buying costs the spread of the quote. Holding costs what the option loses by time alone over the
//! horizon, per day of it. The premium itself is no cost: it is what the option is worth.

use crate::terms::LineTerms;
use marketdata::{currency::Currency, day::Day};
use portfolio::{
    derivative::OptionAt,
    option::{
        DAYS_PER_YEAR, EXPIRY_DAYS_MAX, GROWTH_MAX, NoVolatility, OptionModel, Right,
        Sensitivities, years,
    },
};

/// Least |delta|: an option that hardly moves with its underlying hedges nothing by its delta, and
/// its cost in terms of it has no bound.
pub const DELTA_LEAST: f64 = 0.01;

/// Terms and quote of a listed option, per share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QuotedOption {
    /// To buy or to sell.
    pub right: Right,
    /// Strike, positive.
    pub strike: f64,
    /// Day of the expiry.
    pub expires_on: Day,
    /// What a share of it costs in the middle of the quote, positive.
    pub premium: f64,
    /// Half of the spread of the quote, 0 or more.
    pub half_spread: f64,
    /// Rate per year, continuous.
    pub rate: f64,
    /// Dividend yield per year, continuous.
    pub dividend_yield: f64,
    /// Whether it may be sold without being held.
    pub may_write: bool,
}

impl QuotedOption {
    /// The same in the base currency, given what a unit of its quotation is worth.
    #[must_use]
    pub fn at_rate(self, rate: f64) -> QuotedOption {
        QuotedOption {
            strike: self.strike * rate,
            premium: self.premium * rate,
            half_spread: self.half_spread * rate,
            ..self
        }
    }
}

/// Why an option cannot hedge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OptionFault {
    /// A number is out of range.
    Number(&'static str),
    /// It has expired by the session.
    Expired(Day),
    /// It expires more than [`EXPIRY_DAYS_MAX`] days after the session.
    TooLong(Day),
    /// A rate times the years to the expiry is above [`GROWTH_MAX`] in size.
    Growth(&'static str),
    /// No volatility gives it its premium.
    NoVolatility(NoVolatility),
    /// Its delta is below [`DELTA_LEAST`] in size.
    NoDelta(f64),
}

/// An option valued at its quote.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LineOption {
    /// Its terms and quote.
    pub quoted: QuotedOption,
    /// With the volatility that the quote implies.
    pub model: OptionModel,
    /// Price of what it is on.
    pub price: f64,
    /// Years to the expiry.
    pub years: f64,
    /// Per share.
    pub sensitivities: Sensitivities,
    /// The currency that it is quoted in, if that is not the base currency.
    pub quoted_in: Option<Currency>,
    /// Per share, at the price.
    value: f64,
}

impl LineOption {
    /// An option at the price of what it is on, as of a session.
    ///
    /// # Errors
    /// [`OptionFault`].
    pub fn of(
        quoted: QuotedOption,
        (price, session): (f64, Day),
    ) -> Result<LineOption, OptionFault> {
        quoted.check(session)?;
        let years = years(session, quoted.expires_on);
        let QuotedOption { right, strike, rate, dividend_yield, premium, .. } = quoted;
        // The volatility is what is asked for.
        let model = OptionModel { right, strike, volatility: 1.0, rate, dividend_yield };
        let model = model.implied_by(premium, (price, years)).map_err(OptionFault::NoVolatility)?;
        let sensitivities = model.sensitivities(price, years);
        if sensitivities.delta.abs() < DELTA_LEAST {
            return Err(OptionFault::NoDelta(sensitivities.delta));
        }
        let value = model.value(price, years);
        Ok(LineOption { quoted, model, price, years, sensitivities, quoted_in: None, value })
    }

    /// Value of the shares that stand for one share under contract, below zero for a put.
    #[must_use]
    pub fn exposure(&self) -> f64 {
        self.sensitivities.delta * self.price
    }

    /// What a position of one in money makes if what it is on has a return at once, at unchanged
    /// volatility: (V(S·(1+r)) − V(S))/(Δ·S), which is near the return if that is small. A price
    /// never falls below zero.
    #[must_use]
    pub fn moved(&self, total_return: f64) -> f64 {
        self.moved_with(total_return, 1.0)
    }

    /// The same if the rate of the currency that it is quoted in grows by a factor, and its strike
    /// with it.
    #[must_use]
    pub fn moved_with(&self, total_return: f64, rate_growth: f64) -> f64 {
        let model = OptionModel { strike: self.model.strike * rate_growth, ..self.model };
        let after = model.value(self.price * (1.0 + total_return).max(0.0), self.years);
        (after - self.value) / self.exposure()
    }

    /// What a share of it loses a day by time alone, on average over some days from the session,
    /// positive; below zero for one that gains. Over days beyond the expiry it is that of the days
    /// until then.
    #[must_use]
    pub fn decay_per_day(&self, days: f64) -> f64 {
        let days = days.min(self.years * DAYS_PER_YEAR);
        let left = self.years - days / DAYS_PER_YEAR;
        let later = match 0.0 < left {
            true => self.model.value(self.price, left),
            false => self.model.intrinsic(self.price),
        };
        (self.value - later) / days
    }

    /// The terms of its line: shares of the premium become shares of the exposure.
    pub(crate) fn terms(&self, given: &LineTerms, held_days: f64) -> LineTerms {
        let exposure = self.exposure();
        // An option that expires within the horizon loses nothing after it.
        let held = (self.years * DAYS_PER_YEAR / held_days).min(1.0);
        // A bought put is a short.
        let decay = LineTerms::rate_of(self.decay_per_day(held_days)) * held / exposure;
        LineTerms {
            half_spread: self.quoted.half_spread / exposure.abs(),
            commission: given.commission * self.quoted.premium / exposure.abs(),
            long_carry: decay,
            short_carry: -decay,
            ..*given
        }
    }

    /// Premium per money of exposure: below zero for a put, so that bought options have a positive
    /// one.
    pub(crate) fn premium_per_exposure(&self) -> f64 {
        self.quoted.premium / self.exposure()
    }
}

/// An option line of the book itself, which is part of a holding by its delta.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct HeldOption {
    /// Index of the line that the holding is.
    pub(crate) line: usize,
    /// At the price of its underlying now.
    pub(crate) at: OptionAt,
}

impl QuotedOption {
    fn check(&self, session: Day) -> Result<(), OptionFault> {
        let is_positive = |value: f64| 0.0 < value && value.is_finite();
        let rows = [
            ("strike", is_positive(self.strike)),
            ("premium", is_positive(self.premium)),
            ("half_spread", 0.0 <= self.half_spread && self.half_spread.is_finite()),
            ("rate", self.rate.is_finite()),
            ("dividend_yield", self.dividend_yield.is_finite()),
        ];
        if let Some((field, _)) = rows.into_iter().find(|(_, lawful)| !lawful) {
            return Err(OptionFault::Number(field));
        }
        if self.expires_on <= session {
            return Err(OptionFault::Expired(session));
        }
        if session.plus(EXPIRY_DAYS_MAX) < self.expires_on {
            return Err(OptionFault::TooLong(session));
        }
        let years = years(session, self.expires_on);
        let rates = [("rate", self.rate), ("dividend_yield", self.dividend_yield)];
        match rates.into_iter().find(|(_, rate)| GROWTH_MAX < rate.abs() * years) {
            Some((field, _)) => Err(OptionFault::Growth(field)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use marketdata::fixture::day;
    use proptest::prelude::*;

    const SESSION: &str = "2024-07-11";

    fn put(days: i32) -> QuotedOption {
        QuotedOption {
            right: Right::Put,
            strike: 190.0,
            expires_on: day(SESSION).plus(days),
            premium: 3.1,
            half_spread: 0.05,
            rate: 0.05,
            dividend_yield: 0.013,
            may_write: false,
        }
    }

    fn near(value: f64, expected: f64, tolerance: f64) {
        assert!((value - expected).abs() <= tolerance, "{value} is not {expected} ± {tolerance}");
    }

    /// Rows of `tests/oracles/hedge_option.py`.
    #[test]
    fn scipy_gives_the_same() {
        let call = QuotedOption { right: Right::Call, strike: 210.0, premium: 5.2, ..put(90) };
        let deep = QuotedOption {
            strike: 130.0,
            premium: 30.5,
            rate: 0.03,
            dividend_yield: 0.0,
            ..put(180)
        };
        let rows = [
            (
                put(45),
                200.0,
                [0.26744589, -0.2601018, -0.1787305, 0.0512485],
                [0.06660421, 0.06888889],
            ),
            (call, 200.0, [0.21458753, 0.3736697, -0.0586077, 0.1472876], [0.05303132, 0.05777778]),
            (
                deep,
                100.0,
                [0.35701868, -0.8056827, -0.1061950, 0.0927130],
                [0.00994326, 0.00277778],
            ),
        ];
        for (quoted, price, [volatility, delta, fallen, risen], decays) in rows {
            let found = LineOption::of(quoted, (price, day(SESSION))).unwrap();
            near(found.model.volatility, volatility, 1e-8);
            near(found.sensitivities.delta, delta, 1e-6);
            near(found.moved(-0.1), fallen, 1e-6);
            near(found.moved(0.1), risen, 1e-6);
            near(found.decay_per_day(3650.0 / 252.0), decays[0], 1e-8);
            near(found.decay_per_day(400.0), decays[1], 1e-8);
        }
    }

    /// Δ·S = −52.02036: 0.05 of spread are 0.000961162 of it, 3.1 of premium 0.0595921, and
    /// 0.06660421 a day 360·0.06660421/52.02036 = 0.460926 a year of 360 days, which a bought put,
    /// a short, pays.
    #[test]
    fn the_terms_of_a_put_by_hand() {
        let found = LineOption::of(put(45), (200.0, day(SESSION))).unwrap();
        let given = LineTerms {
            lot_units: Some(1.0),
            half_spread: 0.5,
            commission: 0.01,
            long_carry: 0.0,
            short_carry: 0.0,
            margin: 0.2,
        };
        let terms = found.terms(&given, 3650.0 / 252.0);
        near(terms.half_spread, 0.000961162, 1e-8);
        near(terms.commission, 0.000595921, 1e-8);
        near(terms.short_carry, 0.460926, 1e-5);
        assert_eq!((terms.long_carry, terms.margin), (-terms.short_carry, 0.2));
        near(found.premium_per_exposure(), -0.0595921, 1e-6);
    }

    #[test]
    fn what_cannot_hedge_is_named() {
        let fault = |quoted| LineOption::of(quoted, (200.0, day(SESSION))).unwrap_err();
        let session = day(SESSION);
        assert_eq!(fault(put(0)), OptionFault::Expired(session));
        assert_eq!(fault(put(10_951)), OptionFault::TooLong(session));
        assert_eq!(fault(QuotedOption { strike: 0.0, ..put(45) }), OptionFault::Number("strike"));
        let spread = QuotedOption { half_spread: -1.0, ..put(45) };
        assert_eq!(fault(spread), OptionFault::Number("half_spread"));
        let growth = QuotedOption { dividend_yield: 0.4, ..put(8 * 365) };
        assert_eq!(fault(growth), OptionFault::Growth("dividend_yield"));
        // 230·e^(−0.05·45/365) − 200·e^(−0.013·45/365) = 228.586551 − 199.679707 = 28.906844.
        let cheap = QuotedOption { strike: 230.0, premium: 28.9, ..put(45) };
        let OptionFault::NoVolatility(NoVolatility::NoTimeValue(least)) = fault(cheap) else {
            unreachable!()
        };
        near(least, 28.906844, 1e-6);
        let dear = QuotedOption { premium: 190.0, ..put(45) };
        assert!(matches!(fault(dear), OptionFault::NoVolatility(NoVolatility::TooHigh(_))));
        let far = QuotedOption { strike: 100.0, premium: 1e-6, ..put(45) };
        assert!(matches!(fault(far), OptionFault::NoDelta(delta) if -0.01 < delta));
    }

    proptest! {
        /// Put-call parity: a call bought and a put written at one volatility move as e^(−qT)
        /// shares, lose by time what the strike and the shares do, and have the same implied
        /// volatility.
        #[test]
        fn a_call_less_a_put_is_a_forward(
            (strike, days) in (170.0_f64..230.0, 20_i32..700),
            premium_of in 0.1_f64..0.6,
            (rate, dividend_yield) in (-0.02_f64..0.1, 0.0_f64..0.05),
            total_return in -0.9_f64..2.0,
        ) {
            let years = f64::from(days) / 365.0;
            let model = OptionModel {
                right: Right::Put, strike, volatility: premium_of, rate, dividend_yield,
            };
            let premium = model.value(200.0, years);
            let quoted = QuotedOption { strike, premium, rate, dividend_yield, ..put(days) };
            let shares = libm::exp(-dividend_yield * years);
            let parity = 200.0 * shares - strike * libm::exp(-rate * years);
            let call = QuotedOption { right: Right::Call, premium: premium + parity, ..quoted };
            let at = (200.0, day(SESSION));
            let (Ok(put), Ok(call)) = (LineOption::of(quoted, at), LineOption::of(call, at)) else {
                // Far from the strike one of both has no delta.
                return Ok(());
            };
            prop_assert!((put.model.volatility - call.model.volatility).abs() < 1e-6);
            prop_assert!((call.exposure() - put.exposure() - 200.0 * shares).abs() < 1e-4);
            let pnl = |option: &LineOption| option.exposure() * option.moved(total_return);
            let forward = 200.0 * shares * total_return;
            prop_assert!((pnl(&call) - pnl(&put) - forward).abs() < 1e-6 * 200.0);
            // Bought options never lose more than their premium.
            prop_assert!(-put.quoted.premium - 1e-9 <= pnl(&put));
            prop_assert!(-call.quoted.premium - 1e-9 <= pnl(&call));
        }

        /// Small moves are those of the delta, and what is bought makes more than its delta in all
        /// others.
        #[test]
        fn a_bought_option_is_convex(total_return in -0.99_f64..3.0, is_put in any::<bool>()) {
            let right = if is_put { Right::Put } else { Right::Call };
            let quoted = QuotedOption { right, premium: 14.0, ..put(45) };
            let option = LineOption::of(quoted, (200.0, day(SESSION))).unwrap();
            let beyond = |r: f64| option.exposure() * (option.moved(r) - r);
            prop_assert!(-1e-9 <= beyond(total_return));
            prop_assert!((option.moved(1e-6) / 1e-6 - 1.0).abs() < 1e-4);
        }
    }
}
