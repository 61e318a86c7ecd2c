//! The sensitivities of an option under Black, Scholes and Merton.
//!
//! With S the price, K the strike, r the rate, q the dividend yield (both continuously compounded),
//! σ the volatility and T the years to expiry:
//! d₁ = (ln(S/K) + (r − q + σ²/2)·T) / (σ·√T); Δ of a call is e^(−qT)·N(d₁), of a put
//! −e^(−qT)·N(−d₁); Γ = e^(−qT)·φ(d₁) / (S·σ·√T); vega = S·e^(−qT)·φ(d₁)·√T. With d₂ = d₁ − σ·√T the
//! value of a call is S·e^(−qT)·N(d₁) − K·e^(−rT)·N(d₂), of a put K·e^(−rT)·N(−d₂) − S·e^(−qT)·N(−d₁).
//!
//! Exercise is at expiry only. Hull, "Options, Futures, and Other Derivatives", chapters 17 and 19.

use marketdata::day::Day;
use stats::normal::{cdf, pdf};

/// Maximum days to the expiry of an option: 30 years.
pub const EXPIRY_DAYS_MAX: i32 = 30 * 365;

/// Maximum |rate| times years to the expiry: no price grows more than 20-fold by it, so a delta is at
/// most 20.
pub const GROWTH_MAX: f64 = 3.0;

/// Days of a year of the model.
pub const DAYS_PER_YEAR: f64 = 365.0;

/// Least and largest volatility per year.
pub const VOLATILITY_BOUNDS: (f64, f64) = (1e-4, 10.0);

/// Halvings of the bounds of a volatility: they leave an interval of 1e-17 of it.
const HALVINGS: usize = 60;

/// Years of the model from a session to an expiry.
#[must_use]
pub fn years(session: Day, expires_on: Day) -> f64 {
    f64::from(expires_on.epoch() - session.epoch()) / DAYS_PER_YEAR
}

/// Whether an option is to buy or to sell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// To buy.
    Call,
    /// To sell.
    Put,
}

/// An option on one share. All numbers but the rates are positive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OptionModel {
    /// To buy or to sell.
    pub right: Right,
    /// Strike.
    pub strike: f64,
    /// Volatility per year.
    pub volatility: f64,
    /// Rate per year.
    pub rate: f64,
    /// Dividend yield per year.
    pub dividend_yield: f64,
}

/// How the value of an option on one share changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sensitivities {
    /// With the price.
    pub delta: f64,
    /// Of delta with the price.
    pub gamma: f64,
    /// With the volatility.
    pub vega: f64,
}

/// Why no volatility gives an option a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NoVolatility {
    /// The value is at most this one, of an option without volatility: what exercise at the expiry is
    /// worth today.
    NoTimeValue(f64),
    /// The value is at least this one, of an option of the largest volatility.
    TooHigh(f64),
}

impl OptionModel {
    /// The same option with the volatility that gives it a value, positive, at a price, some years before
    /// expiry; the volatility of `self` is not used. The value rises with the volatility, so halving the
    /// bounds finds the only root.
    ///
    /// # Errors
    /// [`NoVolatility`].
    pub fn implied_by(
        self,
        value: f64,
        (price, years): (f64, f64),
    ) -> Result<OptionModel, NoVolatility> {
        let with = |log: f64| OptionModel { volatility: libm::exp(log), ..self };
        let (least, most) = VOLATILITY_BOUNDS;
        let (mut low, mut high) = (libm::log(least), libm::log(most));
        let at = |log: f64| with(log).value(price, years);
        if value <= at(low) {
            return Err(NoVolatility::NoTimeValue(at(low)));
        }
        if at(high) <= value {
            return Err(NoVolatility::TooHigh(at(high)));
        }
        for _ in 0..HALVINGS {
            let middle = 0.5 * (low + high);
            let side = if at(middle) < value { &mut low } else { &mut high };
            *side = middle;
        }
        Ok(with(0.5 * (low + high)))
    }

    /// What exercise is worth at a price, at once.
    #[must_use]
    pub fn intrinsic(&self, price: f64) -> f64 {
        match self.right {
            Right::Call => (price - self.strike).max(0.0),
            Right::Put => (self.strike - price).max(0.0),
        }
    }

    /// The sensitivities at a price, some years before expiry; both are positive.
    pub fn sensitivities(&self, price: f64, years: f64) -> Sensitivities {
        let deviation = self.volatility * years.sqrt();
        let d1 = self.d1(price, years);
        let discount = libm::exp(-self.dividend_yield * years);
        let density = discount * pdf(d1);
        let delta = match self.right {
            Right::Call => discount * cdf(d1),
            Right::Put => -discount * cdf(-d1),
        };
        Sensitivities {
            delta,
            gamma: density / (price * deviation),
            vega: price * density * years.sqrt(),
        }
    }

    /// The value at a price of zero or more, some years before expiry.
    pub fn value(&self, price: f64, years: f64) -> f64 {
        let d1 = self.d1(price, years);
        let d2 = d1 - self.volatility * years.sqrt();
        let share = price * libm::exp(-self.dividend_yield * years);
        let strike = self.strike * libm::exp(-self.rate * years);
        match self.right {
            Right::Call => share * cdf(d1) - strike * cdf(d2),
            Right::Put => strike * cdf(-d2) - share * cdf(-d1),
        }
    }

    /// −∞ at a price of zero.
    fn d1(&self, price: f64, years: f64) -> f64 {
        let drift = self.rate - self.dividend_yield + 0.5 * self.volatility * self.volatility;
        (libm::log(price / self.strike) + drift * years) / (self.volatility * years.sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HULL: OptionModel = OptionModel {
        right: Right::Call,
        strike: 50.0,
        volatility: 0.2,
        rate: 0.05,
        dividend_yield: 0.0,
    };

    #[track_caller]
    fn near(value: f64, expected: f64, tolerance: f64) {
        assert!((value - expected).abs() <= tolerance, "{value} is not {expected} ± {tolerance}");
    }

    /// Hull, 9th edition, chapter 19: a stock at 49, strike 50, rate 5 %, volatility 20 %, 20 weeks
    /// (0.3846 years) has a value of 2.40, a delta of 0.522, a gamma of 0.066 and a vega of 12.1. The
    /// tolerance is half of the last digit printed.
    #[test]
    fn the_textbook_example_is_met() {
        let found = HULL.sensitivities(49.0, 0.3846);
        near(HULL.value(49.0, 0.3846), 2.40, 5e-3);
        near(found.delta, 0.522, 5e-4);
        near(found.gamma, 0.066, 5e-4);
        near(found.vega, 12.1, 0.05);
        let put = OptionModel { right: Right::Put, ..HULL }.sensitivities(49.0, 0.3846);
        // Without dividends the delta of a put is that of the call less 1.
        near(put.delta, 0.522 - 1.0, 5e-4);
        assert_eq!((put.gamma, put.vega), (found.gamma, found.vega));
    }

    /// Rows of `tests/oracles/option.py`, which integrates what options pay and takes differences.
    #[test]
    fn integration_gives_the_same() {
        let rows = [
            (HULL, 49.0, 0.3846, [2.400461, 0.521601, 0.065545, 12.10524]),
            (
                OptionModel { right: Right::Put, ..HULL },
                49.0,
                0.3846,
                [2.448147, -0.478399, 0.065545, 12.10524],
            ),
            (
                OptionModel {
                    right: Right::Call,
                    strike: 12.5,
                    volatility: 0.35,
                    rate: 0.01,
                    dividend_yield: 0.02,
                },
                12.0,
                140.0 / 365.0,
                [0.801454, 0.457586, 0.151475, 2.92824],
            ),
            (
                OptionModel {
                    right: Right::Put,
                    strike: 80.0,
                    volatility: 0.5,
                    rate: 0.03,
                    dividend_yield: 0.01,
                },
                100.0,
                1.5,
                [11.737157, -0.232384, 0.004954, 37.15413],
            ),
        ];
        for (model, price, years, [value, delta, gamma, vega]) in rows {
            near(model.value(price, years), value, 1e-6);
            let found = model.sensitivities(price, years);
            // Differences over a thousandth of the price and of the volatility are good to a few 1e-7
            // of delta and gamma, and to 1e-5 of vega.
            near(found.delta, delta, 1e-6);
            near(found.gamma, gamma, 1e-6);
            near(found.vega, vega, 5e-5);
        }
    }

    /// Hull, 9th edition, section 19.11: a European call worth 1.875 on a stock at 21, strike 20, rate
    /// 10 %, 0.25 years, has an implied volatility of 23.5 % per year (the text says 0.235).
    #[test]
    fn the_textbook_volatility_is_met() {
        let call = OptionModel { strike: 20.0, rate: 0.1, ..HULL };
        let found = call.implied_by(1.875, (21.0, 0.25)).unwrap();
        near(found.volatility, 0.235, 5e-4);
    }

    /// A call is worth more than 21 − 20·e^(−0.025) = 1.493802, a put more than nothing; a call less than
    /// its share, a put less than its discounted strike of 19.506198.
    #[test]
    fn a_value_without_a_volatility_is_refused() {
        let call = OptionModel { strike: 20.0, rate: 0.1, ..HULL };
        let put = OptionModel { right: Right::Put, ..call };
        let of = |model: OptionModel, value| model.implied_by(value, (21.0, 0.25));
        let Err(NoVolatility::NoTimeValue(floor)) = of(call, 1.4938) else { panic!() };
        near(floor, 1.493802, 1e-6);
        assert!(of(call, 1.493803).is_ok());
        assert_eq!(of(put, 0.0), Err(NoVolatility::NoTimeValue(0.0)));
        assert!(matches!(of(call, 21.0), Err(NoVolatility::TooHigh(value)) if value < 21.0));
        assert!(matches!(of(put, 19.506), Err(NoVolatility::TooHigh(value)) if value < 19.506199));
    }

    proptest! {
        /// Put-call parity: a call less a put is a forward, e^(−qT) shares.
        #[test]
        fn a_call_less_a_put_is_a_forward(
            (price, strike) in (1.0_f64..1e3, 1.0_f64..1e3),
            (volatility, years) in (0.01_f64..3.0, 0.003_f64..5.0),
            (rate, dividend_yield) in (-0.1_f64..0.2, -0.1_f64..0.2),
        ) {
            let call = OptionModel { right: Right::Call, strike, volatility, rate, dividend_yield };
            let put = OptionModel { right: Right::Put, ..call };
            let (call, put) = (call.sensitivities(price, years), put.sensitivities(price, years));
            let forward = libm::exp(-dividend_yield * years);
            prop_assert!((call.delta - put.delta - forward).abs() < 1e-14 * forward);
            prop_assert!(0.0 <= call.delta && put.delta <= 0.0);
            prop_assert!(0.0 <= call.gamma && 0.0 <= call.vega);
        }

        /// The value of an option gives its volatility back, wherever the value depends on it.
        #[test]
        fn a_value_gives_its_volatility_back(
            (price, strike, is_put) in (20.0_f64..100.0, 20.0_f64..100.0, any::<bool>()),
            (volatility, years) in (0.01_f64..3.0, 0.01_f64..5.0),
            (rate, dividend_yield) in (-0.1_f64..0.2, -0.1_f64..0.2),
        ) {
            let right = if is_put { Right::Put } else { Right::Call };
            let model = OptionModel { right, strike, volatility, rate, dividend_yield };
            // An error of the value of 1e-14 of price and strike moves the volatility by 1e-14·200/vega.
            let vega = model.sensitivities(price, years).vega;
            prop_assume!(1e-3 < vega);
            let value = model.value(price, years);
            let found = OptionModel { volatility: f64::NAN, ..model };
            let found = found.implied_by(value, (price, years)).unwrap().volatility;
            prop_assert!((found - volatility).abs() < 1e-8, "{found} {volatility}");
        }

        /// Delta is the slope of the value, and a worthless share leaves a call nothing and a put its
        /// strike.
        #[test]
        fn delta_is_the_slope_of_the_value(price in 40.0_f64..60.0, is_put in any::<bool>()) {
            let right = if is_put { Right::Put } else { Right::Call };
            let model = OptionModel { right, ..HULL };
            let value = |price| model.value(price, 0.5);
            let step = 1e-4 * price;
            let slope = (value(price + step) - value(price - step)) / (2.0 * step);
            prop_assert!((slope - model.sensitivities(price, 0.5).delta).abs() < 1e-6);
            let left = if is_put { 50.0 * libm::exp(-0.025) } else { 0.0 };
            prop_assert!((value(0.0) - left).abs() < 1e-12);
        }

        /// Gamma is the slope of delta.
        #[test]
        fn gamma_is_the_slope_of_delta(price in 40.0_f64..60.0, volatility in 0.1_f64..1.0) {
            let model = OptionModel { volatility, ..HULL };
            let at = |price| model.sensitivities(price, 0.5);
            // The error of a central difference is of the order of its step squared.
            let step = 1e-4 * price;
            let slope = (at(price + step).delta - at(price - step).delta) / (2.0 * step);
            prop_assert!((slope - at(price).gamma).abs() < 1e-5 * at(price).gamma.max(1e-3));
        }
    }
}
