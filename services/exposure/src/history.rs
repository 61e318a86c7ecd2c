//! Today's positions over past sessions: the book's own returns, leg by leg.

use crate::{
    drivers::{Driver, Drivers},
    kernel::add_scaled_rows,
    panel::Panel,
};

/// What a leg holds, as shares of gross.
#[derive(Debug)]
pub(crate) struct LegTerms {
    /// Rows of the panel and their weights.
    pub(crate) rows: Vec<(u32, f32)>,
    /// Σ weight·β of names without a row, answered for by the drivers.
    pub(crate) market: f64,
    pub(crate) size: f64,
}

/// Returns on gross, by leg and in all, from a session on.
#[derive(Debug)]
pub(crate) struct History {
    /// The first session.
    pub(crate) first: usize,
    pub(crate) legs: [Vec<f32>; 3],
    pub(crate) total: Vec<f32>,
}

impl History {
    pub(crate) fn of(
        panel: &Panel,
        drivers: &Drivers,
        legs: &[LegTerms; 3],
        first: usize,
    ) -> History {
        let legs = [0, 1, 2].map(|leg| leg_returns(panel, drivers, &legs[leg], first));
        let [a, b, c] = &legs;
        let total = a.iter().zip(b).zip(c).map(|((a, b), c)| a + b + c).collect();
        History { first, legs, total }
    }

    /// The latest returns of a series in double precision.
    pub(crate) fn since(&self, series: &[f32], first: usize) -> Vec<f64> {
        series[first - self.first..].iter().map(|r| f64::from(*r)).collect()
    }
}

fn leg_returns(panel: &Panel, drivers: &Drivers, leg: &LegTerms, first: usize) -> Vec<f32> {
    let mut returns = vec![0.0; panel.width - first];
    add_scaled_rows(&mut returns, &panel.values, panel.width, first, &leg.rows);
    add_driver(&mut returns, drivers.market.as_ref(), leg.market, first);
    add_driver(&mut returns, drivers.size.as_ref(), leg.size, first);
    returns
}

fn add_driver(returns: &mut [f32], driver: Option<&Driver>, weight: f64, first: usize) {
    if weight.abs() <= 0.0 {
        return;
    }
    for (at, value) in returns.iter_mut().enumerate() {
        *value += (weight * Drivers::on(driver, first + at)) as f32;
    }
}
